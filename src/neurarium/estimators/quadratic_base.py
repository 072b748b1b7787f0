"""What the quadratic estimators share (https://arxiv.org/abs/2110.06081): network and rates."""

from __future__ import annotations

import numbers
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from neurarium.baselines import MLP
from neurarium.neurons.quadratic import MODES
from neurarium.neurons.quadratic_conversion import to_quadratic
from neurarium.neurons.relinear import relinear_param_groups

from .network_estimator import NetworkEstimator

if TYPE_CHECKING:
    from collections.abc import Iterable


class QuadraticEstimator(NetworkEstimator):
    """Everything but the kind of target."""

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

    def _param_groups(self, model: nn.Module) -> Iterable[Any]:
        return relinear_param_groups(
            model,
            self.lr,
            gamma_interaction=self.gamma,
            gamma_square=self.gamma,
            weight_decay=self.weight_decay,
        )
