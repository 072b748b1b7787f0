"""A linear layer with one learned spline for each *neuron*: what splines do without edges.

The arm that carries the causal claim of https://arxiv.org/abs/2407.11075 and of KANbeFair
(https://arxiv.org/abs/2407.16674): a KAN's advantage on formulas comes from its activation, not
from its edges.
"""

from __future__ import annotations

import inspect
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from neurarium.memory.arguments import require_count
from neurarium.neurons.basis import require_points
from neurarium.neurons.bspline import BSplineActivation
from neurarium.neurons.contraction import in_dtype


class LinearSpline(nn.Module):
    r"""A linear layer and a learned spline for each neuron, before or after it.

    `KAN or MLP: A Fairer Comparison <https://arxiv.org/abs/2407.16674>`_: φ_o(W x + b)_o with
    out · (in + 1) + out · (G + k) parameters, or W φ(x) + b.

    Args:
        in_features: width of the input.
        out_features: width of the output.
        spline_first: splines on the inputs instead of the outputs.
        **activation_arguments: of :class:`BSplineActivation`.

    Shapes:
        - x: (…, in_features); output: (…, out_features)

    Raises:
        TypeError: for inputs that are not floating point, and widths that are no whole numbers.
        ValueError: for unknown arguments, and sizes and shapes that do not fit.

    Example:
        >>> layer = LinearSpline(4, 3)
        >>> layer(torch.rand(2, 4)).shape, sum(p.numel() for p in layer.parameters())
        (torch.Size([2, 3]), 39)
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        spline_first: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        **activation_arguments: Any,
    ) -> None:
        super().__init__()
        require_count("in_features", in_features)
        require_count("out_features", out_features)
        parameters = inspect.signature(BSplineActivation).parameters
        known = [name for name in parameters if name not in ("num_features", "device", "dtype")]
        for name, value in activation_arguments.items():
            if name not in known:
                raise ValueError(
                    f"{name} must not be given for splines of neurons: got {value!r}; they take "
                    f"{', '.join(known)}"
                )
        factory: dict[str, Any] = {"device": device, "dtype": dtype}
        self.in_features, self.out_features = in_features, out_features
        self.spline_first = spline_first
        self.linear = nn.Linear(in_features, out_features, **factory)
        width = in_features if spline_first else out_features
        self.activation = BSplineActivation(width, **activation_arguments, **factory)

    def reset_parameters(self) -> None:
        """Weights as ``nn.Linear``, splines through noise."""
        self.linear.reset_parameters()
        self.activation.reset_parameters()

    def forward(self, x: Float[Tensor, "*batch in"]) -> Float[Tensor, "*batch out"]:
        """Apply both."""
        require_points(x, self.in_features)
        x = in_dtype(x, self.linear.weight.dtype)
        if self.spline_first:
            return self.linear(self.activation(x))
        return self.activation(self.linear(x))

    @torch.no_grad()
    def update_grid(self, x: Float[Tensor, "*batch in"], **arguments: float) -> float:
        """Move the knots of all splines to what they see; the largest change of a spline's output.

        Args:
            x: samples of the layer's inputs.
            **arguments: of :meth:`BSplineActivation.update_grid`.
        """
        require_points(x, self.in_features)
        x = in_dtype(x, self.linear.weight.dtype)
        return self.activation.update_grid(x if self.spline_first else self.linear(x), **arguments)
