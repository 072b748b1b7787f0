"""What the KAN estimators share: the network, its grids, the penalty on its edges."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from neurarium.neurons.kan import KAN, KAN_LAYERS
from neurarium.neurons.kan_linear import KANLinear

from .network_estimator import NetworkEstimator, require_count, require_size

GRID_RANGE = (-3.0, 3.0)
"""Where standardised numbers lie."""


class KANEstimator(NetworkEstimator):
    """Everything but the kind of target."""

    def __init__(
        self,
        *,
        hidden_features: int | tuple[int, ...] = (16,),
        layer: str = "bspline",
        grid_size: int | None = None,
        degree: int | None = None,
        norm: str | None = None,
        adapt_grid: bool = True,
        regularization: float = 0.0,
        num_epochs: int = 200,
        batch_size: int = 64,
        lr: float = 0.01,
        weight_decay: float = 1e-4,
        validation_fraction: float | None = 0.15,
        patience: int | None = 30,
        categorical_features: Any = "auto",
        device: str | None = None,
        random_state: Any = None,
    ) -> None:
        self.hidden_features = hidden_features
        self.layer = layer
        self.grid_size = grid_size
        self.degree = degree
        self.norm = norm
        self.adapt_grid = adapt_grid
        self.regularization = regularization
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
        for name in ("grid_size", "degree"):
            if getattr(self, name) is not None:
                require_count(name, getattr(self, name))
        require_size("regularization", self.regularization)
        KAN_LAYERS.find(self.layer, "layer")

    def _build(self, in_features: int) -> KAN:
        hidden = self.hidden_features
        widths = hidden if isinstance(hidden, tuple | list) else (hidden,)
        sizes = [in_features, *(int(width) for width in widths), self._target.size]
        given = {"grid_size": self.grid_size, "degree": self.degree, "norm": self.norm}
        arguments: dict[str, Any] = {k: v for k, v in given.items() if v is not None}
        if self.layer in ("bspline", "relu", "spline_mlp", "spline_first_mlp"):
            arguments["grid_range"] = GRID_RANGE
        return KAN(sizes, layer=self.layer, dtype=torch.float32, **arguments)

    def _has_grids(self, model: KAN, rows: Tensor) -> bool:
        splines = [m for m in model.layers if isinstance(m, KANLinear) and m.has_grid]
        enough = all(len(rows) >= m.basis.num_functions for m in splines)
        return len(splines) == len(model.layers) and enough

    def _start(self, model: nn.Module, rows: Tensor) -> None:
        if isinstance(model, KAN) and self.adapt_grid and self._has_grids(model, rows):
            model.update_grid(rows)

    def _penalised(self, loss: Tensor, model: nn.Module) -> Tensor:
        if self.regularization and isinstance(model, KAN):
            return loss + self.regularization * model.regularization()
        return loss
