"""What a compared method is given, and what it gives back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from neurarium.data.containers import Table

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Problem:
    """Rows to learn from and to select by; there are no test rows in it.

    Args:
        X_train: training rows; pandas categories are discrete, other columns numbers, NaN missing.
        y_train: class indices or numbers.
        X_val: validation rows, for selection and early stopping only.
        y_val: their targets; a class may be absent from training.
        task: ``"classification"`` or ``"regression"``.
        seed: of everything random.
        count: how much work fits the time box, in the method's own unit: the configurations that
            a search may try, or epochs.
        settings: what else the time box decided.
        config: the experiment's configuration.
    """

    X_train: pd.DataFrame
    y_train: np.ndarray
    X_val: pd.DataFrame
    y_val: np.ndarray
    task: str
    seed: int
    count: int
    settings: Mapping[str, Any]
    config: Any

    @property
    def known_validation(self) -> tuple[pd.DataFrame, np.ndarray]:
        """Validation rows whose class is known from training."""
        if self.task == "regression":
            return self.X_val, self.y_val
        known = np.isin(self.y_val, self.y_train)
        return self.X_val[known], self.y_val[known]

    def score(self, model: Fitted) -> float:
        """Validation score, higher is better."""
        return score(self.y_val, model.predict(self.X_val), self.task)


class Fitted(Protocol):
    """A fitted model. ``num_parameters()``, ``predict_last(X)``, ``numbers`` may be there too."""

    def predict(self, X: pd.DataFrame) -> np.ndarray:
        """Class indices or numbers (n,)."""


@dataclass(frozen=True)
class Chosen:
    """The configuration that did best on the validation rows.

    Args:
        model: fitted with it.
        numbers: what is worth recording of it.
    """

    model: Any
    numbers: Mapping[str, float] = field(default_factory=dict)

    def predict(self, X: pd.DataFrame) -> np.ndarray:
        """Class indices or numbers (n,)."""
        return self.model.predict(X)

    def num_parameters(self) -> int:
        """Numbers that the model stores."""
        return int(self.model.num_parameters())


def problem_of(
    table: Table, *, seed: int, config: Any, count: int, settings: Mapping[str, Any] | None = None
) -> Problem:
    """Training and validation rows of a table's first split."""
    train, validation, _ = table.split(0)
    return Problem(
        table.X.iloc[train],
        table.y[train],
        table.X.iloc[validation],
        table.y[validation],
        table.task,
        seed,
        count,
        settings or {},
        config,
    )


def score(y: np.ndarray, predicted: np.ndarray, task: str) -> float:
    """Accuracy in %, or minus the mean squared error × 1000 in original units."""
    predicted = np.asarray(predicted)
    if predicted.shape != y.shape:
        raise ValueError(f"predict must give {y.shape}, one a row: got {predicted.shape}")
    if task == "classification":
        return 100 * float(np.mean(predicted == y))
    return -1000 * float(np.mean((predicted - y) ** 2))
