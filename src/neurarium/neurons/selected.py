r"""What is left of a selectable layer after pruning: for each node its own family of functions.

The third stage of S-KAN (https://arxiv.org/abs/2408.08338). The parameters of what is cut are gone;
every family is evaluated at the inputs that chose it only.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from neurarium.memory.activation import Activation, resolve_activation
from neurarium.memory.arguments import require_count, require_tensor
from neurarium.neurons.basis import Basis, require_points
from neurarium.neurons.contraction import contract, evaluate
from neurarium.neurons.kan_linear import RowBatchNorm, make_basis
from neurarium.neurons.selection import POOL_ARGUMENTS, Selection
from neurarium.neurons.selection_checks import (
    require_arguments,
    require_chosen,
    require_positions,
    require_sides,
)
from neurarium.neurons.selection_loading import SavedChoice, become, saved_choice

Chosen = Mapping[str, Sequence[int]]


class SelectedFamily(nn.Module):
    """A family of functions of some of the features.

    Args:
        basis: functions of these features.
        features: their positions.
        num_features: how many the layer has.
        shape: out, then a kernel's height and width where there is one.
        places: positions of the weights that there are among (out, features, taps), in that order;
            None: all.
    """

    features: Tensor
    places: Tensor | None
    which: Tensor
    has: Tensor | None

    def __init__(
        self,
        basis: Basis,
        features: Sequence[int],
        num_features: int,
        shape: Sequence[int],
        places: Sequence[int] | None,
        **factory: Any,
    ) -> None:
        super().__init__()
        out, *taps = shape
        device = factory.get("device")
        self.basis, self.shape = basis, (out, len(features), *taps)
        sizes = (out, basis.num_functions, len(features), *taps)
        if places is not None:
            sizes = (basis.num_functions, len(places))
        self.coefficients = nn.Parameter(torch.empty(sizes, **factory))
        self.register_buffer("features", torch.tensor(features, device=device), persistent=False)
        index = None if places is None else torch.tensor(places, device=device)
        self.register_buffer("places", index, persistent=False)
        # A state says where its weights belong: masks, since KAN takes its precision from the
        # first tensor of a file, and truth values come last.
        self.register_buffer("which", _mask(self.features, (num_features,)))
        self.register_buffer("has", None if index is None else _mask(index, self.shape))

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """The family's start, over as many inputs as an output has."""
        self.basis.reset_parameters()
        taps = math.prod(self.shape[2:])
        drawn = self.coefficients.new_empty(
            self.shape[0] * taps, self.basis.num_functions, self.basis.num_features
        )
        self.basis.init_coefficients(drawn)
        drawn = drawn.view(self.shape[0], taps, *drawn.shape[1:]).permute(0, 2, 3, 1)
        self.fill(drawn.reshape(self.shape[0], -1, *self.shape[1:]).mul_(taps**-0.5))

    @torch.no_grad()
    def fill(self, weight: Tensor) -> None:
        """Take the coefficients from a full weight (out, K, features, …)."""
        if self.places is None:
            self.coefficients.copy_(weight)
        else:
            self.coefficients.copy_(weight.transpose(0, 1).flatten(1)[:, self.places])

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *args: Any) -> None:
        """States from before the masks were part of them have coefficients only."""
        if f"{prefix}coefficients" in state_dict:
            state_dict.setdefault(f"{prefix}which", self.which)
            if self.has is not None:
                state_dict.setdefault(f"{prefix}has", self.has)
        super()._load_from_state_dict(state_dict, prefix, *args)

    def weight(self) -> Tensor:
        """(out, K, features, …), 0 for what is cut."""
        if self.places is None:
            return self.coefficients
        size = len(self.coefficients), math.prod(self.shape)
        full = self.coefficients.new_zeros(size).index_copy(1, self.places, self.coefficients)
        return full.view(-1, *self.shape).transpose(0, 1)


class _Selected(nn.Module):
    """Families of some of the features each.

    Args:
        features: number of them.
        shape: out, then a kernel's height and width where there is one.
        chosen: name of a basis → positions of its features.
        places: name of a basis → positions of its weights, where not all are there.
        basis_arguments: name of a basis → its arguments.
    """

    def __init__(
        self,
        features: int,
        shape: Sequence[int],
        chosen: Chosen,
        places: Chosen | None,
        basis_arguments: Mapping[str, Mapping[str, Any]] | None,
        **factory: Any,
    ) -> None:
        super().__init__()
        require_chosen(chosen, places)
        require_arguments(basis_arguments)
        self.basis_arguments = {**POOL_ARGUMENTS, **(basis_arguments or {})}
        self.chosen = {n: require_positions("chosen", i, features, n) for n, i in chosen.items()}
        self.places: dict[str, list[int]] = {}
        self.families = nn.ModuleDict()
        for name, those in self.chosen.items():
            kept = None if places is None else places.get(name)
            if kept is not None:
                size = math.prod(shape) * len(those)
                kept = self.places[name] = require_positions("places", kept, size, name)
            basis = make_basis(name, len(those), self.basis_arguments.get(name, {}), **factory)
            self.families[name] = SelectedFamily(basis, those, features, shape, kept, **factory)

    def counts(self) -> dict[str, int]:
        """How many features each family has."""
        return {name: len(those) for name, those in self.chosen.items()}

    def extra_repr(self) -> str:
        """How many features each family has."""
        return f"chosen={self.counts()}"

    def members(self) -> list[SelectedFamily]:
        """The families."""
        return [f for f in self.families.values() if isinstance(f, SelectedFamily)]

    def arguments(self) -> dict[str, Any]:
        """Constructor arguments of this layer, JSON values: what a saved state fits."""
        used = {n: dict(self.basis_arguments.get(n, {})) for n in self.chosen}
        return {"chosen": self.chosen, "places": self.places, "basis_arguments": used}

    def _load_from_state_dict(self, state_dict: Mapping[str, Any], prefix: str, *args: Any) -> None:
        """Which families there are, and where, is as in what is loaded."""
        if f"{prefix}logits" in state_dict:
            raise RuntimeError(
                "state_dict must be of the pruned layer: got one from before pruning; load it into "
                "the selectable layer"
            )
        saved = saved_choice(state_dict, prefix)
        if saved is not None and (saved.chosen, saved.places) != (self.chosen, self.places):
            become(self, self._with(saved))
        super()._load_from_state_dict(state_dict, prefix, *args)

    def _with(self, saved: SavedChoice) -> nn.Module:
        """A layer of the same kind with another choice."""
        one = self.members()[0].coefficients
        sizes = self.arguments() | {"chosen": saved.chosen, "places": saved.places}
        if "in_features" in sizes:
            sizes |= {"in_features": saved.features, "out_features": saved.out}
        with torch.random.fork_rng(devices=[]):
            return type(self)(**sizes, device=one.device, dtype=one.dtype)

    @torch.no_grad()
    def take_from(self, layer: Selection) -> None:
        """Functions and weights of a selectable layer, as far as they are chosen."""
        weights = dict(zip(layer._active, layer.weighted(), strict=True))
        for name, family in zip(self.chosen, self.members(), strict=True):
            basis, weight = weights[name]
            family.basis = basis.take(family.features)
            family.fill(weight.index_select(2, family.features))


def kept_places(layer: Selection, shape: Sequence[int]) -> tuple[Chosen, Chosen]:
    """For each family its features, and its weights where it does not have all of theirs.

    Args:
        layer: after ``select``.
        shape: out, features, taps.
    """
    chosen: dict[str, list[int]] = {}
    places: dict[str, list[int]] = {}
    for name, kept in zip(layer.bases, layer.require_selected().unbind(-1), strict=True):
        full = layer.spread(kept).expand(shape[0], 1, *shape[1:])[:, 0]
        used = full.transpose(0, 1).flatten(1).any(1)
        if not used.any():
            continue
        chosen[name] = used.nonzero().flatten().tolist()
        of_used = full[:, used]
        if not of_used.all():
            places[name] = of_used.flatten().nonzero().flatten().tolist()
    return chosen, places


class SelectedKANLinear(_Selected):
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


class SelectedKANConv2d(_Selected):
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


def _mask(positions: Tensor, shape: Sequence[int]) -> Tensor:
    """Truth at some positions of a flat tensor."""
    flat = torch.zeros(math.prod(shape), dtype=torch.bool, device=positions.device)
    return flat.index_fill_(0, positions, True).view(tuple(shape))


def convolve(
    x: Tensor,
    weight: Tensor,
    basis: Basis,
    steps: Mapping[str, Any],
    *,
    activation: Callable[[Tensor], Tensor] | None = None,
) -> Tensor:
    """Functions of a map that is padded already, and their convolution with (out, K, C, kh, kw).

    Args:
        x: (B, C, H, W).
        weight: of the functions; those of an ``activation`` come first.
        basis: the functions.
        steps: further arguments of ``torch.nn.functional.conv2d``.
        activation: a further function.

    Example:
        >>> from neurarium.neurons import Chebyshev
        >>> basis = Chebyshev(1, degree=1, squash=None)
        >>> convolve(torch.ones(1, 1, 2, 2), torch.ones(1, 2, 1, 2, 2), basis, {})
        tensor([[[[8.]]]])
    """
    batch, channels, *size = x.shape
    values = evaluate(x.transpose(0, 1).flatten(1), basis, activation=activation)
    maps = values.reshape(len(values) * channels, batch, *size).transpose(0, 1)
    return F.conv2d(maps.contiguous(), weight.flatten(1, 2), **steps)


def padded(x: Tensor, padding: tuple[int, int]) -> Tensor:
    """Zeros on every side, before the functions, which see them.

    Example:
        >>> padded(torch.ones(1, 1, 1, 1), (0, 1))
        tensor([[[[0., 1., 0.]]]])
    """
    height, width = padding
    return F.pad(x, (width, width, height, height)) if height or width else x


def require_images(x: Any, channels: int) -> None:
    """Raise unless ``x`` are floating-point images (B, C, H, W) with that many channels.

    Example:
        >>> require_images(torch.zeros(2, 3), 3)
        Traceback (most recent call last):
        ValueError: x must be images (B, C, H, W): got shape [2, 3]
    """
    require_tensor("x", x)
    if x.ndim != 4:
        raise ValueError(f"x must be images (B, C, H, W): got shape {list(x.shape)}")
    require_points(x, channels, axis=1)


def in_dtype(x: Tensor, dtype: torch.dtype) -> Tensor:
    """``x`` as the layer's parameters are: cast under autocast, refused otherwise.

    Example:
        >>> in_dtype(torch.zeros(1, dtype=torch.float64), torch.float32)
        Traceback (most recent call last):
        TypeError: x must be torch.float32 as the layer: got torch.float64
    """
    if x.dtype == dtype:
        return x
    if not torch.is_autocast_enabled(x.device.type):
        raise TypeError(f"x must be {dtype} as the layer: got {x.dtype}")
    return x.to(dtype)


def make_base(activation: Activation, shape: Sequence[int], **factory: Any) -> nn.Parameter | None:
    """Weights of the base function, or None where there is none.

    Example:
        >>> make_base("silu", (2, 3)).shape
        torch.Size([2, 3])
    """
    if resolve_activation(activation) is None:
        return None
    return nn.Parameter(torch.empty(tuple(shape), **factory))


def make_norm(norm: str | None, features: int, **factory: Any) -> nn.Module | None:
    """Normalisation of a layer's input by name.

    Example:
        >>> make_norm("group", 3)
        Traceback (most recent call last):
        ValueError: norm must be one of 'layer', 'batch', None: got 'group'
    """
    kinds: dict[str | None, Any] = {"layer": nn.LayerNorm, "batch": RowBatchNorm, None: None}
    if not (norm is None or isinstance(norm, str)) or norm not in kinds:
        raise ValueError(f"norm must be one of 'layer', 'batch', None: got {norm!r}")
    return None if norm is None else kinds[norm](features, **factory)


def name_of_norm(norm: nn.Module | None) -> str | None:
    """The name that :func:`make_norm` knows.

    Example:
        >>> name_of_norm(nn.LayerNorm(3))
        'layer'
    """
    if norm is None:
        return None
    return "layer" if isinstance(norm, nn.LayerNorm) else "batch"
