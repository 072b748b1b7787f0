"""Hopular (https://arxiv.org/abs/2206.00664) as scikit-learn estimators for tables."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin, RegressorMixin

from .hopular_base import HopularEstimator
from .hopular_targets import ClassTarget, NumberTarget
from .hopular_training import Training


class HopularClassifier(ClassifierMixin, HopularEstimator):
    r"""A classifier for small and medium tables that looks up its training rows at every layer.

    `Hopular: Modern Hopfield Networks for Tabular Data <https://arxiv.org/abs/2206.00664>`_. The
    network (:class:`neurarium.memory.Hopular`) reconstructs masked and corrupted cells of a row,
    features at first, the target more and more,

    .. math:: L = \gamma L_{features} + (1 - \gamma) L_{target}, \qquad
        \gamma = \tfrac12 (1 + \cos(\pi\, epoch / num\_epochs))

    and predicts a row whose target is masked from all training rows with theirs. Meant for about
    100 to 10 000 rows and up to some 50 columns: an epoch costs O(n D² + n² D) a block, n rows of
    width D = (columns + 1) · ``embed_dim``. Columns of text, booleans and pandas categories are
    discrete, numbers never are unless ``categorical_features`` names them; NaN and None are missing
    cells, and a category unseen in training counts as missing, with a warning.

    Args:
        embed_dim: width of one column's embedding; a multiple of ``num_heads``.
        num_layers: Hopular blocks; the paper searches 4 and 8.
        num_heads: modern Hopfield networks a retrieval; the paper searches 8 and 16.
        scaling_factor: β = scaling_factor / √head_dim; the paper searches 1, 100 and 1000.
        input_dropout: in the embedding.
        lookup_dropout: of associations.
        output_dropout: before the output.
        tie_value: retrieve values that are a function of the keys, as the paper writes it.
        memory_ratio: share of the training rows looked up at each step; all in prediction.
        exclude_self: forbid training rows to retrieve themselves (``False`` only for ablation).
        reread_memory: look up the training rows in every block (``False``: only in the first).
        mask_prob: of a feature to be masked in training.
        replace_prob: of a feature to be replaced by a random one.
        select_prob: of a feature to be masked or replaced at all, and to be in the loss.
        feature_loss_weight: γ at the start and at the end.
        num_epochs: optimiser steps. ``"auto"``: 4e10 / work, from 100 to 200, where work =
            (n D² + n² D / 2) · num_layers / 4.
        lr: of LAMB, annealed to 0 by a cosine. ``"auto"``: 10 / num_epochs, at most 1e-2; under 600
            epochs 6 / num_epochs, at most 0.2. The paper's 1e-3 belongs to its 10 000 epochs.
        ema_decay: of the slow weights that predict. ``"auto"``: 1 − min(0.1, 50 / num_epochs).
        weight_decay: of LAMB, on all parameters.
        batch_size: rows a batch; gradients of all batches make one step. ``None``: all rows.
        validation_fraction: rows that choose the epoch if ``fit`` gets no ``eval_set``; 0 or
            ``None``, or fewer than 30 such rows: none, and the last slow weights are kept.
        eval_every: epochs between looks at the validation rows.
        patience: stop after so many looks without a better score.
        time_budget: seconds after which training stops, at the end of an epoch.
        categorical_features: ``"auto"`` or names or positions of exactly the discrete columns.
        device: name of a torch device.
        verbose: print loss and score at every look.
        random_state: seed; equal seeds give equal models.

    Attributes:
        classes_: sorted labels.
        n_iter_, best_epoch_: epochs trained; the epoch whose weights predict, the first best one.
        best_score_, last_score_: validation accuracy there and at the end; None without such rows.
        history_: epoch, loss and score of every look.
        module_: the fitted :class:`neurarium.memory.Hopular`, training rows included.

    Shapes:
        X (n, F), y (n,) → labels (n,); probabilities (n, classes).

    Raises:
        ValueError: one class, fewer than 2 rows, NaN in y, other columns than in ``fit``.
        TypeError: an argument of the wrong kind.

    Example:
        >>> import pandas as pd
        >>> table = pd.DataFrame({"colour": ["red", "blue"] * 10, "size": range(20)})
        >>> label = table["colour"].map({"red": "stop", "blue": "go"})
        >>> model = HopularClassifier(
        ...     embed_dim=8, num_layers=1, num_heads=2, num_epochs=60, random_state=0
        ... )
        >>> model.fit(table, label).predict(table[:2]).tolist()
        ['stop', 'go']
    """

    _target_class = ClassTarget

    def _keep(self, outcome: Training) -> None:
        super()._keep(outcome)
        self.classes_ = self._target.classes

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probability of each class, float64 (n, classes); rows sum to 1."""
        return self._predict_target(X).softmax(dim=1).numpy()

    def predict(self, X: Any) -> np.ndarray:
        """The most probable label of each row."""
        best = self._predict_target(X).argmax(dim=1).numpy()
        return self.classes_[best]


class HopularRegressor(RegressorMixin, HopularEstimator):
    r"""A regressor for small and medium tables that looks up its training rows at every layer.

    `Hopular: Modern Hopfield Networks for Tabular Data <https://arxiv.org/abs/2206.00664>`_. The
    target, standardised by its training mean and deviation, is one more column of the table; its
    loss is the squared error, :math:`L = \gamma L_{features} + (1 - \gamma) L_{target}`.

    Args:
        embed_dim: width of one column's embedding; a multiple of ``num_heads``.
        num_layers: Hopular blocks; the paper searches 4 and 8.
        num_heads: modern Hopfield networks a retrieval; the paper searches 8 and 16.
        scaling_factor: β = scaling_factor / √head_dim; the paper searches 1, 100 and 1000.
        input_dropout: in the embedding.
        lookup_dropout: of associations.
        output_dropout: before the output.
        tie_value: retrieve values that are a function of the keys, as the paper writes it.
        memory_ratio: share of the training rows looked up at each step; all in prediction.
        exclude_self: forbid training rows to retrieve themselves (``False`` only for ablation).
        reread_memory: look up the training rows in every block (``False``: only in the first).
        mask_prob: of a feature to be masked in training.
        replace_prob: of a feature to be replaced by a random one.
        select_prob: of a feature to be masked or replaced at all, and to be in the loss.
        feature_loss_weight: γ at the start and at the end.
        num_epochs: optimiser steps; ``"auto"`` by the rule of :class:`HopularClassifier`.
        lr: of LAMB, annealed to 0; ``"auto"`` by the rule of :class:`HopularClassifier`.
        ema_decay: of the slow weights that predict; ``"auto"``: 1 − min(0.1, 50 / num_epochs).
        weight_decay: of LAMB, on all parameters.
        batch_size: rows a batch; gradients of all batches make one step. ``None``: all rows.
        validation_fraction: rows that choose the epoch if ``fit`` gets no ``eval_set``; 0 or
            ``None``, or fewer than 30 such rows: none, and the last slow weights are kept.
        eval_every: epochs between looks at the validation rows.
        patience: stop after so many looks without a better score.
        time_budget: seconds after which training stops, at the end of an epoch.
        categorical_features: ``"auto"`` or names or positions of exactly the discrete columns.
        device: name of a torch device.
        verbose: print loss and score at every look.
        random_state: seed; equal seeds give equal models.

    Attributes:
        best_score_, last_score_: minus the mean squared error of the validation rows, in original
            units; None without such rows.
        n_iter_, best_epoch_, history_, module_: as in :class:`HopularClassifier`.

    Shapes:
        X (n, F), y (n,) → numbers (n,).

    Raises:
        ValueError: fewer than 2 rows, NaN or infinity in y, other columns than in ``fit``.
        TypeError: an argument of the wrong kind.

    Example:
        >>> import numpy as np
        >>> X = np.linspace(-1, 1, 20)[:, None]
        >>> model = HopularRegressor(
        ...     embed_dim=8, num_layers=1, num_heads=2, num_epochs=40, random_state=0
        ... )
        >>> bool(model.fit(X, 100 + 10 * X[:, 0]).score(X, 100 + 10 * X[:, 0]) > 0.8)
        True
    """

    _target_class = NumberTarget

    def predict(self, X: Any) -> np.ndarray:
        """The target of each row in original units, float64 (n,)."""
        standardised = self._predict_target(X).squeeze(1).numpy()
        return self._target.mean + self._target.scale * standardised
