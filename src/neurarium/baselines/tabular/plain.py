"""scikit-learn's models behind one imputed and scaled matrix of numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Self

from .columns import as_numbers

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd


class PlainModel:
    """A scikit-learn estimator on numbers; it has no use for validation rows.

    Args:
        estimator: an unfitted classifier or regressor.
        count: ``count(fitted estimator)`` → numbers that it stores.
        categories: as in :func:`as_numbers`.
    """

    def __init__(
        self, estimator: Any, count: Callable[[Any], int], categories: str = "one-hot"
    ) -> None:
        from sklearn.pipeline import make_pipeline

        self.estimator = estimator
        self.count = count
        self.pipeline = make_pipeline(as_numbers(categories), estimator)

    def fit(
        self, X: pd.DataFrame, y: np.ndarray, eval_set: tuple[pd.DataFrame, np.ndarray]
    ) -> Self:
        """Fit preprocessing and estimator."""
        self.pipeline.fit(X, y)
        return self

    def predict(self, X: pd.DataFrame) -> np.ndarray:
        """Labels or numbers (n,)."""
        return self.pipeline.predict(X)

    def num_parameters(self) -> int:
        """Numbers that the fitted estimator stores."""
        return self.count(self.estimator)


def linear_size(model: Any) -> int:
    """Coefficients and intercepts."""
    return int(model.coef_.size + _size(model.intercept_))


def svm_size(model: Any) -> int:
    """Support vectors, their weights and the intercepts."""
    return int(model.support_vectors_.size + model.dual_coef_.size + model.intercept_.size)


def neighbors_size(model: Any) -> int:
    """The stored rows."""
    return int(model._fit_X.size)


def forest_size(model: Any) -> int:
    """Nodes of all trees."""
    return sum(tree.tree_.node_count for tree in model.estimators_)


def _size(value: Any) -> int:
    return int(getattr(value, "size", 1))
