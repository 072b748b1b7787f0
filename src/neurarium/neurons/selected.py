r"""What is left of a selectable layer after pruning: for each node its own family of functions.

The third stage of S-KAN (https://arxiv.org/abs/2408.08338). The parameters of what is cut are gone;
every family is evaluated at the inputs that chose it only.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from neurarium.memory.activation import Activation, resolve_activation
from neurarium.memory.arguments import require_count
from neurarium.neurons.basis import require_points
from neurarium.neurons.contraction import contract, in_dtype
from neurarium.neurons.image_functions import convolve, padded, require_images
from neurarium.neurons.row_norm import make_norm, name_of_norm
from neurarium.neurons.selected_families import Chosen, Selected, make_base
from neurarium.neurons.selection_checks import require_sides


class SelectedKANLinear(Selected):
    r"""A layer whose inputs have functions of different families.

    What `S-KAN <https://arxiv.org/abs/2408.08338>`_ ends with,
    :math:`y_o = \sum_i w^b_{oi}\, \mathrm{silu}(x_i) + \varphi_{oi}(x_i)` with functions
    :math:`\varphi_{oi}` from the family that input i chose. Made by
    :meth:`SelectableKANLinear.prune
    <neurarium.neurons.selectable.SelectableKANLinear.prune>`; a saved state fits
    ``SelectedKANLinear(**layer.arguments())``.

    Args:
        in_features: width of the input.
        out_features: width of the output.
        chosen: name of a basis → positions of the inputs that have it.
        places: name of a basis → positions of its edges among (out, its inputs), if not all.
        basis_arguments: name of a basis → its arguments.
        base_activation: the base function, or None.
        norm: of the input: ``"layer"``, ``"batch"`` or None.

    Shapes:
        - x: (…, in_features); output: (…, out_features)

    Raises:
        TypeError: for inputs that are not floating point.
        ValueError: for names, positions and shapes that do not fit.

    Example:
        >>> layer = SelectedKANLinear(3, 2, chosen={"rbf": [0, 2], "relu": [1]})
        >>> layer(torch.randn(5, 3)).shape
        torch.Size([5, 2])
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        chosen: Chosen,
        places: Chosen | None = None,
        basis_arguments: Mapping[str, Mapping[str, Any]] | None = None,
        base_activation: Activation = "silu",
        norm: str | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        require_count("in_features", in_features)
        require_count("out_features", out_features)
        factory: dict[str, Any] = {"device": device, "dtype": dtype}
        super().__init__(in_features, (out_features,), chosen, places, basis_arguments, **factory)
        self.in_features, self.out_features = in_features, out_features
        self.base_activation = base_activation
        self.base_weight = make_base(base_activation, (out_features, in_features), **factory)
        self.norm = make_norm(norm, in_features, **factory)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """As the layer that it was selected from."""
        for family in self.members():
            family.reset_parameters()
        if self.base_weight is not None:
            nn.init.kaiming_uniform_(self.base_weight, a=math.sqrt(5))
        if isinstance(self.norm, nn.LayerNorm | nn.BatchNorm1d):
            self.norm.reset_parameters()

    def arguments(self) -> dict[str, Any]:
        """Constructor arguments of this layer, JSON values."""
        return {
            "in_features": self.in_features,
            "out_features": self.out_features,
            **super().arguments(),
            "base_activation": self.base_activation,
            "norm": name_of_norm(self.norm),
        }

    def forward(self, x: Float[Tensor, "*batch in"]) -> Float[Tensor, "*batch out"]:
        """Apply the functions and sum over inputs."""
        require_points(x, self.in_features)
        x = in_dtype(x, self.members()[0].coefficients.dtype)
        rows = (x if self.norm is None else self.norm(x)).reshape(-1, self.in_features)
        y = rows.new_zeros(len(rows), self.out_features)
        if self.base_weight is not None:
            activation = resolve_activation(self.base_activation)
            assert activation is not None
            y = F.linear(activation(rows), self.base_weight)
        for family in self.members():
            points = rows
            if len(family.features) < self.in_features:
                points = rows.index_select(1, family.features)
            y = y + contract(points, family.weight(), family.basis)
        return y.reshape(*x.shape[:-1], self.out_features)


class SelectedKANConv2d(Selected):
    r"""A convolution whose input channels have functions of different families.

    What `S-ConvKAN <https://arxiv.org/abs/2408.08338>`_ ends with; made by
    :meth:`SelectableKANConv2d.prune <neurarium.neurons.selectable.SelectableKANConv2d.prune>`.

    Args:
        in_channels: of the input.
        out_channels: of the output.
        kernel_size: height and width, or one number.
        chosen: name of a basis → positions of the channels that have it.
        places: name of a basis → positions of its weights among (out, its channels, taps), if not
            all.
        stride: as in ``nn.Conv2d``.
        padding: as in ``nn.Conv2d``.
        dilation: as in ``nn.Conv2d``.
        basis_arguments: name of a basis → its arguments.
        base_activation: the base function, or None.
        norm: of the input: ``"batch"`` or None.

    Shapes:
        - x: (B, in_channels, H, W); output: (B, out_channels, H', W')

    Raises:
        TypeError: for inputs that are not floating point.
        ValueError: for names, positions and shapes that do not fit.

    Example:
        >>> layer = SelectedKANConv2d(2, 3, 3, chosen={"rbf": [0], "bspline": [1]})
        >>> layer(torch.randn(1, 2, 5, 5)).shape
        torch.Size([1, 3, 3, 3])
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, int],
        *,
        chosen: Chosen,
        places: Chosen | None = None,
        stride: int | tuple[int, int] = 1,
        padding: int | tuple[int, int] = 0,
        dilation: int | tuple[int, int] = 1,
        basis_arguments: Mapping[str, Mapping[str, Any]] | None = None,
        base_activation: Activation = "silu",
        norm: str | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        require_count("in_channels", in_channels)
        require_count("out_channels", out_channels)
        factory: dict[str, Any] = {"device": device, "dtype": dtype}
        kernel = require_sides("kernel_size", kernel_size)
        shape = (out_channels, *kernel)
        super().__init__(in_channels, shape, chosen, places, basis_arguments, **factory)
        self.in_channels, self.out_channels, self.kernel_size = in_channels, out_channels, kernel
        self.stride = require_sides("stride", stride)
        self.padding = require_sides("padding", padding, least=0)
        self.dilation = require_sides("dilation", dilation)
        self.base_activation = base_activation
        taps = (out_channels, in_channels, *kernel)
        self.base_weight = make_base(base_activation, taps, **factory)
        self.norm = nn.BatchNorm2d(in_channels, **factory) if norm else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """As the layer that it was selected from."""
        for family in self.members():
            family.reset_parameters()
        if self.base_weight is not None:
            nn.init.kaiming_uniform_(self.base_weight, a=math.sqrt(5))
        if self.norm is not None:
            self.norm.reset_parameters()

    def arguments(self) -> dict[str, Any]:
        """Constructor arguments of this layer, JSON values."""
        return {
            "in_channels": self.in_channels,
            "out_channels": self.out_channels,
            "kernel_size": self.kernel_size,
            "stride": self.stride,
            "padding": self.padding,
            "dilation": self.dilation,
            **super().arguments(),
            "base_activation": self.base_activation,
            "norm": None if self.norm is None else "batch",
        }

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B out height width"]:
        """Apply the functions to the map, and convolve."""
        require_images(x, self.in_channels)
        x = in_dtype(x, self.members()[0].coefficients.dtype)
        x = padded(x if self.norm is None else self.norm(x), self.padding)
        steps: dict[str, Any] = {"stride": self.stride, "dilation": self.dilation}
        y: Tensor | None = None
        if self.base_weight is not None:
            activation = resolve_activation(self.base_activation)
            assert activation is not None
            y = F.conv2d(activation(x), self.base_weight, **steps)
        for family in self.members():
            channels = x
            if len(family.features) < self.in_channels:
                channels = x.index_select(1, family.features)
            found = convolve(channels, family.weight(), family.basis, steps)
            y = found if y is None else y + found
        assert y is not None
        return y
