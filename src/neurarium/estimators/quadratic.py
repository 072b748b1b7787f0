"""Quadratic networks (https://arxiv.org/abs/2110.06081) as scikit-learn estimators."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin, RegressorMixin
from torch import Tensor
from torch.nn import functional as F

from .hopular_targets import ClassTarget, NumberTarget
from .quadratic_base import QuadraticEstimator


class QuadraticClassifier(ClassifierMixin, QuadraticEstimator):
    r"""A classifier whose neurons multiply two weighted sums and add weighted squares.

    `On Expressivity and Trainability of Quadratic Networks <https://arxiv.org/abs/2110.06081>`_:
    layers :class:`neurarium.neurons.QuadraticLinear` with an activation between them, started as
    the conventional network and trained by AdamW on the cross-entropy, the quadratic terms
    ``gamma`` times as fast (ReLinear). Numbers are standardised, categories one-hot, and a column
    with missing cells gets a further input that says so. For products and distances of columns; a
    plain network of three times the parameters is the rival to compare with.

    Args:
        hidden_features: width of each hidden layer; a number means one, () one quadratic form for
            each class.
        mode: ``"full"``, or ``"compact"`` without products of inputs.
        gamma: learning rate of the quadratic terms as a share of ``lr``; 0: a plain network.
        num_epochs: passes over the training rows at most.
        batch_size: rows in a step.
        lr: of AdamW, annealed to 0 by a cosine.
        weight_decay: of AdamW; it never acts on b_g.
        validation_fraction: rows that choose the epoch if ``fit`` gets no ``eval_set``; 0 or
            ``None``, or fewer than 30 such rows: none, and the last weights are kept.
        patience: epochs without a better validation score before stopping; None never stops.
        categorical_features: ``"auto"`` or names or positions of exactly the discrete columns.
        device: name of a torch device.
        random_state: seed; equal seeds give equal models.

    Attributes:
        classes_: labels in the order of ``predict_proba``'s columns.
        module_: the network, float64 on the CPU.
        encoder_: the :class:`TableEncoder`.
        n_iter_: epochs trained.
        best_score_: minus the loss of the validation rows where it was least; None without such.

    Shapes:
        X (n, F), y (n,) → labels (n,); probabilities (n, classes).

    Raises:
        ValueError: one class, fewer than 2 rows, NaN in y, other columns than in ``fit``.
        TypeError: an argument of the wrong kind.

    Example:
        >>> X = np.random.default_rng(0).normal(size=(200, 2))
        >>> y = np.where(X[:, 0] * X[:, 1] > 0, "same", "different")  # XOR
        >>> model = QuadraticClassifier(hidden_features=(), lr=0.05, num_epochs=60, random_state=0)
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


class QuadraticRegressor(RegressorMixin, QuadraticEstimator):
    r"""A regressor whose neurons multiply two weighted sums and add weighted squares.

    `On Expressivity and Trainability of Quadratic Networks <https://arxiv.org/abs/2110.06081>`_,
    as :class:`QuadraticClassifier`, trained on the squared error of the standardised target.

    Args:
        hidden_features: width of each hidden layer; a number means one, () one quadratic form.
        mode: ``"full"``, or ``"compact"`` without products of inputs.
        gamma: learning rate of the quadratic terms as a share of ``lr``; 0: a plain network.
        num_epochs: passes over the training rows at most.
        batch_size: rows in a step.
        lr: of AdamW, annealed to 0 by a cosine.
        weight_decay: of AdamW; it never acts on b_g.
        validation_fraction: rows that choose the epoch if ``fit`` gets no ``eval_set``; 0 or
            ``None``, or fewer than 30 such rows: none, and the last weights are kept.
        patience: epochs without a better validation score before stopping; None never stops.
        categorical_features: ``"auto"`` or names or positions of exactly the discrete columns.
        device: name of a torch device.
        random_state: seed; equal seeds give equal models.

    Attributes:
        module_, encoder_, n_iter_, best_score_: as in :class:`QuadraticClassifier`.

    Shapes:
        X (n, F), y (n,) → numbers (n,).

    Raises:
        ValueError: fewer than 2 rows, NaN or infinity in y, other columns than in ``fit``.
        TypeError: an argument of the wrong kind.

    Example:
        >>> X = np.random.default_rng(0).uniform(-1, 1, size=(300, 2))
        >>> y = X[:, 0] * X[:, 1] + X[:, 1] ** 2
        >>> model = QuadraticRegressor(hidden_features=(), lr=0.05, num_epochs=60, random_state=0)
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
