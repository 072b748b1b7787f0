r"""Quadratic neurons: a product of two inner products plus a weighted sum of squared inputs.

On Expressivity and Trainability of Quadratic Networks (https://arxiv.org/abs/2110.06081):

.. math:: q(x) = (w_r \cdot x + b_r)(w_g \cdot x + b_g) + w_b \cdot x^2 + c

with the activation outside. The start of ReLinear, :math:`w_g = 0, b_g = 1, w_b = 0, c = 0`, is
exactly the linear layer; :mod:`neurarium.neurons.relinear` then lets the quadratic terms grow.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.modules.utils import _pair, _single

from neurarium.memory.arguments import require_count
from neurarium.neurons.autocast import is_mixed, unmixed
from neurarium.neurons.basis import require_points
from neurarium.neurons.quadratic_product import LINEAR, Geometry, quadratic_product

MODES = ("full", "compact")
INITS = ("relinear", "random")
PADDING_MODES = ("zeros", "reflect", "replicate", "circular")


class QuadraticUnits(nn.Module):
    """What quadratic layers share: three branches, their start, and their sum.

    Args:
        shape: of each weight, outputs first.
        bias: b_r and c; b_g, the 1 of the linear start, is always there.
        mode: ``"full"``, or ``"compact"`` without the interaction.
        init: ``"relinear"``, or ``"random"``: every branch as an ordinary layer's.
    """

    geometry: Geometry
    linear_bias: nn.Parameter | None
    interaction_weight: nn.Parameter | None
    interaction_bias: nn.Parameter | None
    square_bias: nn.Parameter | None

    def __init__(
        self,
        shape: tuple[int, ...],
        geometry: Geometry,
        bias: bool,
        mode: str,
        init: str,
        device: torch.device | str | None,
        dtype: torch.dtype | None,
    ) -> None:
        super().__init__()
        if mode not in MODES:
            raise ValueError(f"mode must be 'full' or 'compact': got {mode!r}")
        if init not in INITS:
            raise ValueError(f"init must be 'relinear' or 'random': got {init!r}")
        self.geometry, self.mode, self.init = geometry, mode, init

        def parameter(*size: int) -> nn.Parameter:
            return nn.Parameter(torch.empty(size, device=device, dtype=dtype))

        full = mode == "full"
        self.linear_weight = parameter(*shape)
        self.linear_bias = parameter(shape[0]) if bias else None
        self.interaction_weight = parameter(*shape) if full else None
        self.interaction_bias = parameter(shape[0]) if full else None
        self.square_weight = parameter(*shape)
        self.square_bias = parameter(shape[0]) if bias else None
        self.reset_parameters()

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """The linear branch as an ordinary layer; the rest at the linear point, or as that too."""
        self._draw(self.linear_weight, self.linear_bias)
        quadratic = (
            (self.interaction_weight, self.interaction_bias, 1.0),
            (self.square_weight, self.square_bias, 0.0),
        )
        for weight, bias, constant in quadratic:
            if weight is None:
                continue
            if self.init == "random":
                self._draw(weight, bias)
                continue
            weight.zero_()
            if bias is not None:
                bias.fill_(constant)

    def _draw(self, weight: Tensor, bias: Tensor | None) -> None:
        raise NotImplementedError

    def linear_point(self) -> list[tuple[nn.Parameter, float]]:
        """The parameters of the quadratic terms, each with its value where the layer is linear."""
        found = (
            (self.interaction_weight, 0.0),
            (self.interaction_bias, 1.0),
            (self.square_weight, 0.0),
            (self.square_bias, 0.0),
        )
        return [(parameter, value) for parameter, value in found if parameter is not None]

    def _quadratic_form(self, x: Tensor) -> Tensor:
        """q(x) in float32 at least: products overflow in half precision."""
        found = x.dtype
        device = x.device.type
        if is_mixed(device):
            wide = torch.float64 if found == torch.float64 else torch.float32
            with unmixed(device):
                return self._branches(x.to(wide), lambda weight: weight.to(wide))
        if found in (torch.float16, torch.bfloat16):
            return self._branches(x.float(), lambda weight: weight.float()).to(found)
        return self._branches(x, lambda weight: weight)

    def _branches(self, x: Tensor, cast: Callable[[Tensor], Tensor]) -> Tensor:
        def pair(weight: Tensor, bias: Tensor | None) -> tuple[Tensor, Tensor | None]:
            return cast(weight), None if bias is None else cast(bias)

        linear = pair(self.linear_weight, self.linear_bias)
        square = pair(self.square_weight, self.square_bias)
        if self.interaction_weight is None or self.interaction_bias is None:
            return self.geometry.apply(x, *linear) + self.geometry.apply(x * x, *square)
        interaction = cast(self.interaction_weight), cast(self.interaction_bias)
        return quadratic_product(x, linear, interaction, square, self.geometry)

    @torch.no_grad()
    def _take(self, module: Any) -> Self:
        self.linear_weight.copy_(module.weight)
        if self.linear_bias is not None:
            self.linear_bias.copy_(module.bias)
        for ours, theirs in ((self.linear_weight, module.weight), (self.linear_bias, module.bias)):
            if ours is not None:
                ours.requires_grad_(theirs.requires_grad)
        return self.train(module.training)


class QuadraticLinear(QuadraticUnits):
    r"""A dense layer of quadratic neurons, in place of ``nn.Linear``.

    `On Expressivity and Trainability of Quadratic Networks <https://arxiv.org/abs/2110.06081>`_:

    .. math:: q = (x W_r^T + b_r) \odot (x W_g^T + b_g) + x^2 W_b^T + c

    with three times the parameters; ``"compact"`` leaves out the product with W_g and has twice
    as many. One neuron computes XOR. Train it with :func:`relinear_param_groups` or
    :class:`ReLinearShrink`: from a random start deep stacks explode. In half precision q is
    computed in float32, so that the linear start is a linear layer up to rounding.

    Args:
        in_features: width of the input.
        out_features: width of the output.
        bias: b_r and c; b_g, the 1 of the linear start, is always there.
        mode: ``"full"`` or ``"compact"``.
        init: ``"relinear"``: exactly a linear layer; ``"random"``: every branch as ``nn.Linear``.

    Shapes:
        - x: (…, in_features); output: (…, out_features)

    Raises:
        TypeError: for inputs that are not floating point, and sizes that are no whole numbers.
        ValueError: for sizes, names and shapes that do not fit.

    Example:
        >>> layer = QuadraticLinear(2, 1, bias=False)
        >>> with torch.no_grad():
        ...     _ = layer.linear_weight.copy_(torch.tensor([[1.0, 0.0]]))
        ...     _ = layer.interaction_weight.copy_(torch.tensor([[0.0, 1.0]]))
        ...     _ = layer.interaction_bias.zero_()
        >>> layer(torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, -1.0]])).flatten().tolist()
        [1.0, -1.0, 1.0]
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        *,
        mode: str = "full",
        init: str = "relinear",
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        require_count("in_features", in_features)
        require_count("out_features", out_features)
        shape = (out_features, in_features)
        super().__init__(shape, LINEAR, bias, mode, init, device, dtype)
        self.in_features, self.out_features = in_features, out_features

    @classmethod
    def from_linear(cls, module: nn.Linear, *, mode: str = "full") -> Self:
        """The layer that computes exactly what ``module`` does, with weights of its own.

        In half precision it does so up to rounding, because q is computed in float32.

        Args:
            module: an ``nn.Linear``.
            mode: ``"full"`` or ``"compact"``.

        Example:
            >>> linear = nn.Linear(3, 2)
            >>> x = torch.randn(4, 3)
            >>> torch.equal(QuadraticLinear.from_linear(linear)(x), linear(x))
            True
        """
        if not isinstance(module, nn.Linear):
            raise TypeError(f"module must be an nn.Linear: got {type(module).__name__}")
        weight = module.weight
        sizes = module.in_features, module.out_features, module.bias is not None
        return cls(*sizes, mode=mode, device=weight.device, dtype=weight.dtype)._take(module)

    def _draw(self, weight: Tensor, bias: Tensor | None) -> None:
        nn.init.kaiming_uniform_(weight, a=5**0.5)
        if bias is not None:
            nn.init.uniform_(bias, -(weight.shape[1] ** -0.5), weight.shape[1] ** -0.5)

    def extra_repr(self) -> str:
        """Sizes."""
        bias = self.linear_bias is not None
        return f"{self.in_features}, {self.out_features}, bias={bias}, mode={self.mode!r}"

    def forward(self, x: Float[Tensor, "... in"]) -> Float[Tensor, "... out"]:
        """The quadratic form of every neuron."""
        require_points(x, self.in_features)
        return self._quadratic_form(x)


class QuadraticConv(QuadraticUnits):
    """A convolution of quadratic neurons; :class:`QuadraticConv2d` says more."""

    dimensions: int
    _kind: type[nn.Conv1d] | type[nn.Conv2d]

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, ...],
        stride: int | tuple[int, ...] = 1,
        padding: int | tuple[int, ...] | str = 0,
        dilation: int | tuple[int, ...] = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        *,
        mode: str = "full",
        init: str = "relinear",
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        for name, count in (
            ("in_channels", in_channels), ("out_channels", out_channels), ("groups", groups),
        ):  # fmt: skip
            require_count(name, count)
        for name, channels in (("in_channels", in_channels), ("out_channels", out_channels)):
            if channels % groups:
                raise ValueError(f"groups must divide {name}: got {groups} and {channels}")
        spread = _single if self.dimensions == 1 else _pair
        kernel, steps, gaps = (tuple(spread(size)) for size in (kernel_size, stride, dilation))
        _require_sizes(self.dimensions, kernel_size=kernel, stride=steps, dilation=gaps)
        if padding_mode not in PADDING_MODES:
            known = ", ".join(map(repr, PADDING_MODES))
            raise ValueError(f"padding_mode must be one of {known}: got {padding_mode!r}")
        if isinstance(padding, str):
            sides = _named_sides(padding, kernel, steps, gaps)
        else:
            widths = tuple(spread(padding))
            _require_sizes(self.dimensions, 0, padding=widths)
            sides = [(width, width) for width in widths]
        even = padding_mode == "zeros" and all(before == after for before, after in sides)
        zeros = tuple(before if even else 0 for before, _ in sides)
        shape = (out_channels, in_channels // groups, *kernel)
        geometry = Geometry(self.dimensions, steps, zeros, gaps, groups)
        super().__init__(shape, geometry, bias, mode, init, device, dtype)
        self.in_channels, self.out_channels, self.kernel_size = in_channels, out_channels, kernel
        self.padding, self.padding_mode = padding, padding_mode
        self._sides = [] if even else [width for pair in reversed(sides) for width in pair]

    @classmethod
    def from_conv(cls, module: nn.Module, *, mode: str = "full") -> Self:
        """The layer that computes exactly what ``module`` does, with weights of its own.

        In half precision it does so up to rounding, because q is computed in float32.

        Args:
            module: a convolution of as many dimensions, not transposed.
            mode: ``"full"`` or ``"compact"``.
        """
        if not isinstance(module, cls._kind):
            hint = "; transposed convolutions have no quadratic form here"
            transposed = isinstance(module, nn.modules.conv._ConvTransposeNd)
            raise TypeError(
                f"module must be an nn.{cls._kind.__name__}: got {type(module).__name__}"
                + hint * transposed
            )
        weight = module.weight
        return cls(
            module.in_channels,
            module.out_channels,
            module.kernel_size,
            module.stride,
            module.padding,
            module.dilation,
            module.groups,
            module.bias is not None,
            module.padding_mode,
            mode=mode,
            device=weight.device,
            dtype=weight.dtype,
        )._take(module)

    def _draw(self, weight: Tensor, bias: Tensor | None) -> None:
        nn.init.kaiming_normal_(weight)
        if bias is not None:
            bound = weight[0].numel() ** -0.5
            nn.init.uniform_(bias, -bound, bound)

    def extra_repr(self) -> str:
        """Sizes."""
        shape = self.geometry
        return (
            f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, "
            f"stride={shape.stride}, padding={self.padding!r}, dilation={shape.dilation}, "
            f"groups={shape.groups}, padding_mode={self.padding_mode!r}, mode={self.mode!r}"
        )

    def _convolve(self, x: Tensor, axes: str) -> Tensor:
        is_single = isinstance(x, Tensor) and x.ndim == self.dimensions + 1
        require_points(x, self.in_channels, axis=0 if is_single else 1 if x.ndim > 1 else -1)
        if not is_single and x.ndim != self.dimensions + 2:
            raise ValueError(f"x must be {axes}: got shape {list(x.shape)}")
        if is_single:
            return self._convolve(x[None], axes)[0]
        if self._sides:
            kind = "constant" if self.padding_mode == "zeros" else self.padding_mode
            x = F.pad(x, self._sides, kind)
        return self._quadratic_form(x)


class QuadraticConv1d(QuadraticConv):
    r"""A convolution of quadratic neurons over sequences, in place of ``nn.Conv1d``.

    `On Expressivity and Trainability of Quadratic Networks <https://arxiv.org/abs/2110.06081>`_,
    three convolutions of the same geometry, the third of the squared input:

    .. math:: q = (W_r * x + b_r) \odot (W_g * x + b_g) + W_b * x^2 + c

    Args:
        in_channels: of the input.
        out_channels: of the output.
        kernel_size: positions.
        stride: as in ``nn.Conv1d``.
        padding: on both sides, or ``"same"`` or ``"valid"`` as in ``nn.Conv1d``.
        dilation: as in ``nn.Conv1d``.
        groups: as in ``nn.Conv1d``.
        bias: b_r and c; b_g, the 1 of the linear start, is always there.
        padding_mode: ``"zeros"``, ``"reflect"``, ``"replicate"`` or ``"circular"``.
        mode: ``"full"``, or ``"compact"`` without the interaction.
        init: ``"relinear"``: exactly a convolution (Kaiming normal); ``"random"``: every branch so.

    Shapes:
        - x: (B, in_channels, L) or (in_channels, L); output: (B, out_channels, L') or
          (out_channels, L')

    Raises:
        TypeError: for inputs that are not floating point, and sizes that are no whole numbers.
        ValueError: for sizes, names and shapes that do not fit.

    Example:
        >>> QuadraticConv1d(3, 8, 5, padding=2)(torch.randn(2, 3, 16)).shape
        torch.Size([2, 8, 16])
    """

    dimensions, _kind = 1, nn.Conv1d

    def forward(self, x: Float[Tensor, "*B C L"]) -> Float[Tensor, "*B out length"]:
        """The quadratic form at every position."""
        return self._convolve(x, "sequences (B, C, L) or (C, L)")


class QuadraticConv2d(QuadraticConv):
    r"""A convolution of quadratic neurons over images, in place of ``nn.Conv2d``.

    `On Expressivity and Trainability of Quadratic Networks <https://arxiv.org/abs/2110.06081>`_,
    three convolutions of the same geometry, the third of the squared input:

    .. math:: q = (W_r * x + b_r) \odot (W_g * x + b_g) + W_b * x^2 + c

    Args:
        in_channels: of the input.
        out_channels: of the output.
        kernel_size: height and width, or one number.
        stride: as in ``nn.Conv2d``.
        padding: on every side, or ``"same"`` or ``"valid"`` as in ``nn.Conv2d``.
        dilation: as in ``nn.Conv2d``.
        groups: as in ``nn.Conv2d``.
        bias: b_r and c; b_g, the 1 of the linear start, is always there.
        padding_mode: ``"zeros"``, ``"reflect"``, ``"replicate"`` or ``"circular"``.
        mode: ``"full"``, or ``"compact"`` without the interaction.
        init: ``"relinear"``: exactly a convolution (Kaiming normal); ``"random"``: every branch so.

    Shapes:
        - x: (B, in_channels, H, W) or (in_channels, H, W); output: (B, out_channels, H', W') or
          (out_channels, H', W')

    Raises:
        TypeError: for inputs that are not floating point, and sizes that are no whole numbers.
        ValueError: for sizes, names and shapes that do not fit.

    Example:
        >>> conv = nn.Conv2d(3, 8, 3, padding=1)
        >>> x = torch.randn(2, 3, 16, 16)
        >>> torch.equal(QuadraticConv2d.from_conv(conv)(x), conv(x))
        True
    """

    dimensions, _kind = 2, nn.Conv2d

    def forward(self, x: Float[Tensor, "*B C H W"]) -> Float[Tensor, "*B out height width"]:
        """The quadratic form at every pixel."""
        return self._convolve(x, "images (B, C, H, W) or (C, H, W)")


def _require_sizes(dimensions: int, least: int = 1, **sizes: tuple[Any, ...]) -> None:
    for name, values in sizes.items():
        if len(values) != dimensions:
            raise ValueError(f"{name} must have {dimensions} numbers: got {list(values)}")
        for value in values:
            if isinstance(value, bool) or not isinstance(value, int):
                raise TypeError(f"{name} must be a whole number: got {value!r}")
            if value < least:
                raise ValueError(f"{name} must be at least {least}: got {value}")


def _named_sides(
    padding: str, kernel: tuple[int, ...], stride: tuple[int, ...], dilation: tuple[int, ...]
) -> list[tuple[int, int]]:
    """``"same"`` or ``"valid"`` in numbers, before and after; an odd one more comes after."""
    if padding == "valid":
        return [(0, 0)] * len(kernel)
    if padding != "same":
        raise ValueError(f"padding must be 'same', 'valid' or whole numbers: got {padding!r}")
    if any(step != 1 for step in stride):
        raise ValueError(f"stride must be 1 where padding is 'same': got {list(stride)}")
    totals = [gap * (size - 1) for gap, size in zip(dilation, kernel, strict=True)]
    return [(total // 2, total - total // 2) for total in totals]
