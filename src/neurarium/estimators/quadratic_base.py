"""What the quadratic estimators share (https://arxiv.org/abs/2110.06081): network and training.

Tables are encoded, split, predicted and saved as in the KAN estimators.
"""

from __future__ import annotations

import math
import numbers
from typing import Any

import torch
from torch import Tensor, nn

from neurarium.baselines import MLP
from neurarium.engine import Batches, fit
from neurarium.neurons.quadratic import MODES
from neurarium.neurons.quadratic_conversion import to_quadratic
from neurarium.neurons.relinear import relinear_param_groups

from .kan_base import KANEstimator


class QuadraticEstimator(KANEstimator):
    """Everything but the kind of target."""

    layer, grid_size, degree, regularization = "bspline", None, None, 0.0  # of the base class

    def __init__(
        self,
        *,
        hidden_features: int | tuple[int, ...] = (32,),
        mode: str = "full",
        gamma: float = 0.3,
        num_epochs: int = 200,
        batch_size: int = 64,
        lr: float = 0.003,
        weight_decay: float = 1e-4,
        validation_fraction: float | None = 0.15,
        patience: int | None = 30,
        categorical_features: Any = "auto",
        device: str | None = None,
        random_state: Any = None,
    ) -> None:
        self.hidden_features = hidden_features
        self.mode = mode
        self.gamma = gamma
        self.num_epochs = num_epochs
        self.batch_size = batch_size
        self.lr = lr
        self.weight_decay = weight_decay
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.categorical_features = categorical_features
        self.device = device
        self.random_state = random_state

    def _check_settings(self) -> None:
        super()._check_settings()
        if self.mode not in MODES:
            raise ValueError(f"mode must be 'full' or 'compact': got {self.mode!r}")
        if isinstance(self.gamma, bool) or not isinstance(self.gamma, numbers.Real):
            raise TypeError(f"gamma must be a number: got {self.gamma!r}")
        if not 0 <= self.gamma <= 1:
            raise ValueError(f"gamma must lie in [0, 1]: got {self.gamma}")

    def _build(self, in_features: int) -> Any:
        hidden = self.hidden_features
        widths = tuple(hidden) if isinstance(hidden, tuple | list) else (hidden,)
        network = MLP(in_features, self._target.size, widths, dtype=torch.float32)
        return to_quadratic(network, mode=self.mode, inplace=True)

    def _train(
        self, rows: tuple[Tensor, Tensor], watched: tuple[Tensor, Tensor] | None, seed: int
    ) -> None:
        model = self._build(rows[0].shape[1]).to(self._device())
        groups = relinear_param_groups(
            model,
            self.lr,
            gamma_interaction=self.gamma,
            gamma_square=self.gamma,
            weight_decay=self.weight_decay,
        )
        optimizer = torch.optim.AdamW(groups)
        batches = Batches(rows, batch_size=min(self.batch_size, len(rows[0])), seed=seed)
        steps = len(batches) * self.num_epochs
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda step: 0.5 * (1 + math.cos(math.pi * min(step / steps, 1)))
        )

        def step(module: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
            return self._loss(module(batch[0]), batch[1])

        validate = None
        if watched is not None:
            x, target = watched

            def validate(module: nn.Module) -> float:
                return -float(self._loss(module(x), target))

        try:
            history = fit(
                model,
                step,
                batches,
                optimizer=optimizer,
                scheduler=schedule,
                num_epochs=self.num_epochs,
                validate=validate,
                patience=self.patience if validate is not None else None,
                grad_clip=1.0,
            )
        except FloatingPointError as error:
            raise ValueError(f"lr must be smaller: got {self.lr} ({error})") from None
        self.n_iter_ = history.epoch
        self.best_score_ = None if validate is None else history.best_value
        self._keep(model)
