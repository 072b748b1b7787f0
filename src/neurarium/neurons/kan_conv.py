"""The Kolmogorov–Arnold convolution: a learned function on every tap of every kernel.

Convolutional KANs (https://arxiv.org/abs/2406.13155) apply their functions to every patch. Here
they are applied to the feature map once, and an ordinary convolution over functions and channels
sums: the same numbers with as many evaluations as pixels, not pixels times taps.
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from neurarium.memory.activation import Activation, resolve_activation
from neurarium.memory.arguments import require_count
from neurarium.neurons.basis import Basis
from neurarium.neurons.bspline import BSpline
from neurarium.neurons.contraction import in_dtype
from neurarium.neurons.edge_activation import require_edge_activation
from neurarium.neurons.image_functions import convolve, padded, require_images
from neurarium.neurons.make_basis import make_basis
from neurarium.neurons.reach import ReachWatch
from neurarium.neurons.selection_checks import require_sides


class KANConv2d(nn.Module):
    r"""A convolution with a learned function on every tap, in place of ``nn.Conv2d``.

    `Convolutional Kolmogorov-Arnold Networks <https://arxiv.org/abs/2406.13155>`_:

    .. math:: y_{o}(p) = \sum_{c, \delta} \phi_{oc\delta}(x_c(p + \delta)), \qquad
              \phi(t) = w^b\, \mathrm{silu}(t) + w^s \sum_j c_j B_j(t)

    Padding is added before the functions, so that they see zeros there.

    Args:
        in_channels: of the input.
        out_channels: of the output.
        kernel_size: height and width, or one number.
        stride: as in ``nn.Conv2d``.
        padding: zeros on every side.
        dilation: as in ``nn.Conv2d``.
        basis: name in ``BASES``, or a :class:`Basis` of ``in_channels`` features.
        base_activation: the base function, a name in ``torch.nn.functional`` or ``torch``, or a
            callable without parameters, in which every value is on its own; None: none.
        spline_scale: a factor w^s for each tap; None: for B-splines only.
        norm: of the input: ``"batch"`` or None.
        bias: a constant for each output channel.
        **basis_arguments: of the basis.

    Shapes:
        - x: (B, in_channels, H, W); output: (B, out_channels, H', W')

    Raises:
        TypeError: for inputs that are not floating point, and sizes that are no whole numbers.
        ValueError: for names, sizes and shapes that do not fit, and base functions that do not
            take every value on its own.

    Example:
        >>> KANConv2d(3, 8, 3, padding=1)(torch.randn(2, 3, 16, 16)).shape
        torch.Size([2, 8, 16, 16])
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, int],
        *,
        stride: int | tuple[int, int] = 1,
        padding: int | tuple[int, int] = 0,
        dilation: int | tuple[int, int] = 1,
        basis: str | Basis = "bspline",
        base_activation: Activation = "silu",
        spline_scale: bool | None = None,
        norm: str | None = None,
        bias: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        **basis_arguments: Any,
    ) -> None:
        super().__init__()
        self.kernel_size = require_sides("kernel_size", kernel_size)
        self.stride = require_sides("stride", stride)
        self.padding = require_sides("padding", padding, least=0)
        self.dilation = require_sides("dilation", dilation)
        require_count("in_channels", in_channels)
        require_count("out_channels", out_channels)
        if norm not in ("batch", None):
            raise ValueError(f"norm must be 'batch' or None: got {norm!r}")
        require_edge_activation(base_activation)
        factory: dict[str, Any] = {"device": device, "dtype": dtype}
        self.in_channels, self.out_channels = in_channels, out_channels
        self.basis = make_basis(basis, in_channels, basis_arguments, **factory)
        self.base_activation = base_activation
        taps = (in_channels, *self.kernel_size)
        functions = self.basis.num_functions
        self.coefficients = nn.Parameter(torch.empty(out_channels, functions, *taps, **factory))
        self.base_weight, self.spline_scale, self.bias = None, None, None
        if resolve_activation(base_activation) is not None:
            self.base_weight = nn.Parameter(torch.empty(out_channels, *taps, **factory))
        if spline_scale or (spline_scale is None and isinstance(self.basis, BSpline)):
            self.spline_scale = nn.Parameter(torch.empty(out_channels, *taps, **factory))
        if bias:
            self.bias = nn.Parameter(torch.empty(out_channels, **factory))
        self.norm = nn.BatchNorm2d(in_channels, **factory) if norm else None
        self._watch = ReachWatch(last=1)
        self.reset_parameters()

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """As :class:`KANLinear`, with kernels as wide as their taps."""
        self.basis.reset_parameters()
        if self.norm is not None:
            self.norm.reset_parameters()
        height, width = self.kernel_size
        rows = self.out_channels * height * width
        drawn = self.coefficients.new_empty(rows, self.basis.num_functions, self.in_channels)
        self.basis.init_coefficients(drawn)
        drawn = drawn.view(self.out_channels, height, width, *drawn.shape[1:])
        self.coefficients.copy_(drawn.permute(0, 3, 4, 1, 2)).mul_((height * width) ** -0.5)
        for weight in (self.base_weight, self.spline_scale):
            if weight is not None:
                nn.init.kaiming_uniform_(weight, a=5**0.5)
        if self.bias is not None:
            nn.init.zeros_(self.bias)

    def extra_repr(self) -> str:
        """Sizes."""
        return (
            f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, "
            f"stride={self.stride}, padding={self.padding}, dilation={self.dilation}"
        )

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B out height width"]:
        """Apply the functions to the map, and convolve."""
        require_images(x, self.in_channels)
        x = in_dtype(x, self.coefficients.dtype)
        if self.norm is not None:
            x = self.norm(x)
        elif self.training:
            advice = "normalise them, by norm='batch' for instance"
            self._watch.look(x, [self.basis], advice=advice, axis=1)
        x = padded(x, self.padding)
        steps = {"bias": self.bias, "stride": self.stride, "dilation": self.dilation}
        activation = resolve_activation(self.base_activation)
        return convolve(x, self.tap_weight(), self.basis, steps, activation=activation)

    def tap_weight(self) -> Float[Tensor, "out functions C kh kw"]:
        """All factors of every tap's functions in one tensor, those of the base function first."""
        weight: Tensor = self.coefficients
        if self.spline_scale is not None:
            weight = weight * self.spline_scale[:, None]
        if self.base_weight is not None:
            weight = torch.cat([self.base_weight[:, None], weight], 1)
        return weight
