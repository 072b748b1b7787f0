"""Kolmogorov–Arnold networks (https://arxiv.org/abs/2404.19756) as scikit-learn estimators.

Whether they pay on a table is what https://arxiv.org/abs/2407.11075 doubts: compare with an MLP.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin, RegressorMixin
from torch import Tensor
from torch.nn import functional as F

from .hopular_targets import ClassTarget, NumberTarget
from .kan_base import KANEstimator


class KANClassifier(ClassifierMixin, KANEstimator):
    r"""A classifier whose network has a learned function on every edge.

    `KAN: Kolmogorov-Arnold Networks <https://arxiv.org/abs/2404.19756>`_: layers
    :math:`y_o = \sum_i \phi_{oi}(x_i)` (:class:`neurarium.neurons.KAN`), trained by AdamW on the
    cross-entropy. Numbers are standardised, categories one-hot, and a column with missing cells
    gets a further input that says so. Grids of B-splines on edges are moved to the training rows at
    the start. For numeric columns with smooth effects; on most tables an MLP or boosting does as
    well (https://arxiv.org/abs/2407.11075).

    Args:
        hidden_features: width of each hidden layer; a number means one, () a sum of functions of
            single columns (an additive model).
        layer: kind of layer, a name in ``neurarium.neurons.KAN_LAYERS``.
        grid_size: of the layer's functions; None: the layer's own default.
        degree: of splines and polynomials; None: the layer's own default.
        norm: of every layer's input: ``"layer"``, ``"batch"`` or None.
        adapt_grid: move the grids of ``layer="bspline"`` to quantiles of the training rows before
            training; other layers keep theirs, ``"spline_mlp"`` and ``"spline_first_mlp"`` too.
        regularization: weight of the penalty that makes edges few and small.
        num_epochs: passes over the training rows at most.
        batch_size: rows in a step.
        lr: of AdamW, annealed to 0 by a cosine.
        weight_decay: of AdamW.
        validation_fraction: rows that choose the epoch if ``fit`` gets no ``eval_set``; 0 or
            ``None``, or fewer than 30 such rows: none, and the last weights are kept.
        patience: epochs without a better validation score before stopping; None never stops.
        categorical_features: ``"auto"`` or names or positions of exactly the discrete columns.
        device: name of a torch device.
        random_state: seed; equal seeds give equal models.

    Attributes:
        classes_: sorted labels.
        module_: the fitted :class:`neurarium.neurons.KAN`, in double precision.
        encoder_: the fitted :class:`TableEncoder`.
        n_iter_: epochs trained.
        best_score_: minus the loss of the validation rows where it was least; None without such.

    Shapes:
        X (n, F), y (n,) → labels (n,); probabilities (n, classes).

    Raises:
        ValueError: one class, fewer than 2 rows, NaN in y, other columns than in ``fit``.
        TypeError: an argument of the wrong kind.

    Example:
        >>> X = np.random.default_rng(0).normal(size=(200, 2))
        >>> y = np.where(np.square(X).sum(1) < 1, "inside", "outside")
        >>> model = KANClassifier(hidden_features=(), lr=0.05, num_epochs=60, random_state=0)
        >>> bool(model.fit(X, y).score(X, y) > 0.9)
        True
    """

    _target_class = ClassTarget

    def _loss(self, output: Tensor, target: Tensor) -> Tensor:
        return F.cross_entropy(output, target)

    def _keep_target(self) -> None:
        self.classes_ = self._target.classes

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probability of each class, float64 (n, classes); rows sum to 1."""
        return self._outputs(X).softmax(1).numpy()

    def predict(self, X: Any) -> np.ndarray:
        """The most probable label of each row."""
        best = self._outputs(X).argmax(1).numpy()
        return self.classes_[best]


class KANRegressor(RegressorMixin, KANEstimator):
    r"""A regressor whose network has a learned function on every edge.

    `KAN: Kolmogorov-Arnold Networks <https://arxiv.org/abs/2404.19756>`_, as
    :class:`KANClassifier`, trained on the squared error of the standardised target. For smooth
    functions of a few numbers it can be very accurate, and it can be read as a formula:
    :func:`neurarium.neurons.prune_kan` and :func:`neurarium.neurons.fit_symbolic` take ``module_``.

    Args:
        hidden_features: width of each hidden layer; a number means one, () a sum of functions of
            single columns (an additive model).
        layer: kind of layer, a name in ``neurarium.neurons.KAN_LAYERS``.
        grid_size: of the layer's functions; None: the layer's own default.
        degree: of splines and polynomials; None: the layer's own default.
        norm: of every layer's input: ``"layer"``, ``"batch"`` or None.
        adapt_grid: move the grids of ``layer="bspline"`` to quantiles of the training rows before
            training; other layers keep theirs, ``"spline_mlp"`` and ``"spline_first_mlp"`` too.
        regularization: weight of the penalty that makes edges few and small.
        num_epochs: passes over the training rows at most.
        batch_size: rows in a step.
        lr: of AdamW, annealed to 0 by a cosine.
        weight_decay: of AdamW.
        validation_fraction: rows that choose the epoch if ``fit`` gets no ``eval_set``; 0 or
            ``None``, or fewer than 30 such rows: none, and the last weights are kept.
        patience: epochs without a better validation score before stopping; None never stops.
        categorical_features: ``"auto"`` or names or positions of exactly the discrete columns.
        device: name of a torch device.
        random_state: seed; equal seeds give equal models.

    Attributes:
        module_, encoder_, n_iter_, best_score_: as in :class:`KANClassifier`.

    Shapes:
        X (n, F), y (n,) → numbers (n,).

    Raises:
        ValueError: fewer than 2 rows, NaN or infinity in y, other columns than in ``fit``.
        TypeError: an argument of the wrong kind.

    Example:
        >>> X = np.random.default_rng(0).uniform(-1, 1, size=(300, 2))
        >>> y = np.sin(3 * X[:, 0]) + X[:, 1] ** 2
        >>> model = KANRegressor(hidden_features=(), lr=0.05, num_epochs=60, random_state=0)
        >>> bool(model.fit(X, y).score(X, y) > 0.99)
        True
    """

    _target_class = NumberTarget

    def _loss(self, output: Tensor, target: Tensor) -> Tensor:
        return F.mse_loss(output, target)

    def predict(self, X: Any) -> np.ndarray:
        """The target of each row in original units, float64 (n,)."""
        standardised = self._outputs(X)[:, 0].numpy()
        return self._target.mean + self._target.scale * standardised
