"""A stack of dense layers."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F


class MLP(nn.Module):
    """Dense layers with an activation between them.

    With ``activation="selu"`` the weights are drawn from N(0, 1/fan_in), which keeps activations
    normalised: `Self-Normalizing Neural Networks <https://arxiv.org/abs/1706.02515>`_.

    Args:
        in_features: width of the input.
        out_features: width of the output.
        hidden_features: width of each hidden layer; a number means one layer.
        activation: a name in ``torch.nn.functional``.

    Shapes:
        - x: (…, in_features)
        - output: (…, out_features)

    Raises:
        ValueError: for widths below 1 and an unknown activation.

    Example:
        >>> MLP(8, 3, (16, 16))(torch.randn(5, 8)).shape
        torch.Size([5, 3])
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        hidden_features: int | Sequence[int],
        *,
        activation: str = "relu",
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        factory: dict[str, Any] = {"device": device, "dtype": dtype}
        hidden = (hidden_features,) if isinstance(hidden_features, int) else hidden_features
        widths = (in_features, *hidden, out_features)
        if min(widths) < 1:
            raise ValueError(f"in_features, hidden_features, out_features must be >= 1: {widths}")
        if not hasattr(F, activation):
            raise ValueError(
                f"activation must be a name in torch.nn.functional: got {activation!r}"
            )
        self.activation = activation
        self.layers = nn.ModuleList(
            nn.Linear(inner, outer, **factory) for inner, outer in itertools.pairwise(widths)
        )
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """PyTorch's default, or N(0, 1/fan_in) and zero biases for SELU."""
        for layer in self.layers:
            assert isinstance(layer, nn.Linear)
            layer.reset_parameters()
            if self.activation == "selu":
                nn.init.normal_(layer.weight, std=layer.in_features**-0.5)
                nn.init.zeros_(layer.bias)

    def forward(self, x: Float[Tensor, "... in"]) -> Float[Tensor, "... out"]:
        """Apply all layers; no activation after the last one."""
        act = getattr(F, self.activation)
        *hidden, last = self.layers
        for layer in hidden:
            x = act(layer(x))
        return last(x)
