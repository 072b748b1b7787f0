r"""S-KAN: layers that learn which family of functions each node should have.

Yang et al., "Activation Space Selectable Kolmogorov-Arnold Networks"
(https://arxiv.org/abs/2408.08338): a pool of families behind every node is trained with weights
over it, the winners are trained on, the rest is pruned
(:class:`~neurarium.neurons.selection_schedule.SelectionSchedule`).
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from typing import Any, Self

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from neurarium.memory.activation import Activation, resolve_activation
from neurarium.memory.arguments import require_count
from neurarium.neurons.basis import require_points
from neurarium.neurons.contraction import contract, in_dtype
from neurarium.neurons.image_functions import convolve, padded, require_images
from neurarium.neurons.row_norm import RowBatchNorm, make_norm, name_of_norm
from neurarium.neurons.selected import SelectedKANConv2d, SelectedKANLinear
from neurarium.neurons.selected_families import Chosen, kept_places, make_base
from neurarium.neurons.selection import DEFAULT_POOL, Family, Selection
from neurarium.neurons.selection_checks import require_sides
from neurarium.neurons.selection_loading import saved_choice
from neurarium.neurons.selection_schedule import SelectionSchedule

__all__ = ["SelectableKANConv2d", "SelectableKANLinear", "SelectionSchedule"]


class SelectableKANLinear(Selection):
    r"""A Kolmogorov–Arnold layer that picks its own basis, in place of ``nn.Linear``.

    `S-KAN <https://arxiv.org/abs/2408.08338>`_: with p = softmax(α/T) over the families f of
    a pool,

    .. math:: y_o = \sum_i \Bigl[ w^b_{oi}\, \mathrm{silu}(x_i) + \sum_f p_{if}
              \sum_j c^f_{oij} B^f_j(x_i) \Bigr]

    Train it, ``select()``, train on, ``prune()``, train a little: or let
    :class:`SelectionSchedule` do so. p is folded into the coefficients; families that no node keeps
    are not evaluated.

    The families share one base branch and one normalisation, so that their weights compare like
    with like. Splines and ReLU windows see −1 to 1 only: normalise inputs (``norm``) that go
    beyond.

    Args:
        in_features: width of the input.
        out_features: width of the output.
        bases: names in ``BASES``; the pool.
        granularity: what chooses: each input ``"node"``, the whole ``"layer"`` or each ``"edge"``,
            with in · out · K logits.
        temperature: T, of the choice.
        basis_arguments: name of a basis → its arguments.
        base_activation: the base function, or None.
        norm: of the input: ``"layer"``, ``"batch"`` or None.

    Shapes:
        - x: (…, in_features); output: (…, out_features)

    Raises:
        TypeError: for inputs that are not floating point, and widths that are no whole numbers.
        ValueError: for names, sizes and shapes that do not fit.

    Example:
        >>> layer = SelectableKANLinear(4, 3)
        >>> layer(torch.randn(2, 7, 4)).shape, layer.selection().shape
        (torch.Size([2, 7, 3]), torch.Size([4, 5]))
        >>> _ = nn.init.normal_(layer.logits)  # as training would
        >>> kept = layer.select()
        >>> sum(layer.prune().counts().values())  # a family for each node
        4
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        bases: Sequence[str] = DEFAULT_POOL,
        granularity: str = "node",
        temperature: float = 1.0,
        basis_arguments: Mapping[str, Mapping[str, Any]] | None = None,
        base_activation: Activation = "silu",
        norm: str | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        require_count("in_features", in_features)
        require_count("out_features", out_features)
        factory: dict[str, Any] = {"device": device, "dtype": dtype}
        super().__init__(
            in_features,
            (out_features,),
            bases=bases,
            granularity=granularity,
            granularities={
                "node": (in_features,),
                "layer": (),
                "edge": (out_features, in_features),
            },
            temperature=temperature,
            basis_arguments=basis_arguments,
            **factory,
        )
        self.in_features, self.out_features = in_features, out_features
        self.base_activation = base_activation
        self.base_weight = make_base(base_activation, (out_features, in_features), **factory)
        self.norm = make_norm(norm, in_features, **factory)
        self.reset_parameters()

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Every family's own start, equal weights, a Kaiming-uniform base."""
        super().reset_parameters()
        if self.base_weight is not None:
            nn.init.kaiming_uniform_(self.base_weight, a=math.sqrt(5))
        if isinstance(self.norm, nn.LayerNorm | nn.BatchNorm1d):
            self.norm.reset_parameters()

    def extra_repr(self) -> str:
        """Sizes and the pool."""
        sizes = f"in_features={self.in_features}, out_features={self.out_features}"
        return f"{sizes}, {super().extra_repr()}"

    def forward(self, x: Float[Tensor, "*batch in"]) -> Float[Tensor, "*batch out"]:
        """Apply the weighted families and sum over inputs."""
        rows = self._rows(x)
        y = rows.new_zeros(len(rows), self.out_features)
        if self.base_weight is not None:
            y = F.linear(self._base(rows), self.base_weight)
        for basis, weight in self.weighted():
            y = y + contract(rows, weight, basis)
        return y.reshape(*x.shape[:-1], self.out_features)

    @torch.no_grad()
    def node_norms(self, x: Float[Tensor, "*batch in"]) -> Float[Tensor, " in"]:
        """Root mean square, over samples, of all that each input contributes to the outputs."""
        rows = self._rows(x)
        total = rows.new_zeros(self.out_features, self.in_features, len(rows))
        if self.base_weight is not None:
            total += self.base_weight[..., None] * self._base(rows).mT
        for basis, weight in self.weighted():
            total += torch.einsum("oki,kin->oin", weight, basis.expand(rows.mT))
        return total.square().sum(0).mean(-1).sqrt()

    @torch.no_grad()
    def prune(self) -> SelectedKANLinear:
        """The same layer without the parameters of what is cut: make a new optimizer for it.

        Raises:
            RuntimeError: before ``select``.
        """
        size = (self.out_features, self.in_features)
        pruned = self._pruned(*size, *kept_places(self, size))
        pruned.take_from(self)
        pruned.norm = copy.deepcopy(self.norm)
        if self.base_weight is not None:
            pruned.base_weight = nn.Parameter(self.base_weight.detach().clone())
        return pruned.train(self.training)

    def _pruned(self, outer: int, inner: int, chosen: Chosen, places: Chosen) -> SelectedKANLinear:
        """A new layer of the families that are left."""
        return SelectedKANLinear(
            inner,
            outer,
            chosen=chosen,
            places=places,
            basis_arguments={name: self.basis_arguments[name] for name in chosen},
            base_activation=self.base_activation,
            norm=name_of_norm(self.norm),
            device=self.logits.device,
            dtype=self.logits.dtype,
        )

    def _as_saved(self, state_dict: Mapping[str, Any], prefix: str) -> SelectedKANLinear | None:
        saved = saved_choice(state_dict, prefix)
        if saved is None:
            return None
        self.require_pool(saved.chosen)
        with torch.random.fork_rng(devices=[]):
            return self._pruned(saved.out, saved.features, saved.chosen, saved.places)

    @torch.no_grad()
    def take(self, *, outputs: Tensor | None = None, inputs: Tensor | None = None) -> Self:
        """A layer of some of the outputs and inputs, given by their positions."""
        taken = copy.deepcopy(self)
        for axis, chosen in ((0, outputs), (1, inputs)):
            if chosen is not None:
                taken._take(axis, chosen)
        if outputs is not None:
            taken.out_features = len(outputs)
        if inputs is not None:
            if isinstance(self.norm, nn.LayerNorm):
                raise ValueError("norm must be 'batch' or None to take inputs: got 'layer'")
            taken.in_features = len(inputs)
            if isinstance(self.norm, RowBatchNorm):
                taken.norm = self.norm.take(inputs)
        return taken

    def _take(self, axis: int, chosen: Tensor) -> None:
        """Some positions of all weights on the axis of outputs (0) or inputs (1)."""
        if self.base_weight is not None:
            self.base_weight = nn.Parameter(self.base_weight.index_select(axis, chosen))
        for family in self.families.values():
            assert isinstance(family, Family)
            part = family.coefficients.index_select(2 * axis, chosen)
            family.coefficients = nn.Parameter(part)
            if axis:
                family.basis = family.basis.take(chosen)
        place = {("edge", 0): 0, ("edge", 1): 1, ("node", 1): 0}.get((self.granularity, axis))
        if place is not None:
            self.logits = nn.Parameter(self.logits.index_select(place, chosen))
            if self.kept is not None:
                self._keep(self.kept.index_select(place, chosen))

    def _rows(self, x: Tensor) -> Tensor:
        require_points(x, self.in_features)
        x = in_dtype(x, self.logits.dtype)
        self.warn_of_reach(x)
        return (x if self.norm is None else self.norm(x)).reshape(-1, self.in_features)

    def _base(self, rows: Tensor) -> Tensor:
        activation = resolve_activation(self.base_activation)
        assert activation is not None
        return activation(rows)


class SelectableKANConv2d(Selection):
    r"""A Kolmogorov–Arnold convolution that picks its own basis, in place of ``nn.Conv2d``.

    `S-ConvKAN <https://arxiv.org/abs/2408.08338>`_ unfolds patches and applies S-KAN to them; here
    every family is applied to the feature map once, and ordinary convolutions sum: the same numbers
    with as many evaluations as pixels, not pixels times taps. Padding is added before the
    functions, so that they see zeros there. Put no ReLU behind it.

    Args:
        in_channels: of the input.
        out_channels: of the output.
        kernel_size: height and width, or one number.
        stride: as in ``nn.Conv2d``.
        padding: zeros on every side.
        dilation: as in ``nn.Conv2d``.
        bases: names in ``BASES``; the pool.
        granularity: what chooses: each input ``"channel"``, each ``"tap"`` of one, or the whole
            ``"layer"``.
        temperature: T, of the choice.
        basis_arguments: name of a basis → its arguments.
        base_activation: the base function, or None.
        norm: of the input: ``"batch"`` or None.

    Shapes:
        - x: (B, in_channels, H, W); output: (B, out_channels, H', W')

    Raises:
        TypeError: for inputs that are not floating point, and sizes that are no whole numbers.
        ValueError: for names, sizes and shapes that do not fit.

    Example:
        >>> layer = SelectableKANConv2d(3, 8, 3, padding=1, bases=("rbf", "chebyshev"))
        >>> layer(torch.randn(2, 3, 16, 16)).shape, layer.selection().shape
        (torch.Size([2, 8, 16, 16]), torch.Size([3, 2]))
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
        bases: Sequence[str] = DEFAULT_POOL,
        granularity: str = "channel",
        temperature: float = 1.0,
        basis_arguments: Mapping[str, Mapping[str, Any]] | None = None,
        base_activation: Activation = "silu",
        norm: str | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        kernel = require_sides("kernel_size", kernel_size)
        steps = (
            require_sides("stride", stride),
            require_sides("padding", padding, least=0),
            require_sides("dilation", dilation),
        )
        require_count("in_channels", in_channels)
        require_count("out_channels", out_channels)
        if norm not in ("batch", None):
            raise ValueError(f"norm must be 'batch' or None: got {norm!r}")
        factory: dict[str, Any] = {"device": device, "dtype": dtype}
        super().__init__(
            in_channels,
            (out_channels, *kernel),
            bases=bases,
            granularity=granularity,
            granularities={
                "channel": (in_channels,),
                "tap": (in_channels, *kernel),
                "layer": (),
            },
            temperature=temperature,
            basis_arguments=basis_arguments,
            **factory,
        )
        self.in_channels, self.out_channels, self.kernel_size = in_channels, out_channels, kernel
        self.stride, self.padding, self.dilation = steps
        self.base_activation = base_activation
        taps = (out_channels, in_channels, *kernel)
        self.base_weight = make_base(base_activation, taps, **factory)
        self.norm = nn.BatchNorm2d(in_channels, **factory) if norm else None
        self.reset_parameters()

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """As :class:`SelectableKANLinear`, with kernels as wide as their taps."""
        super().reset_parameters()
        if self.base_weight is not None:
            nn.init.kaiming_uniform_(self.base_weight, a=math.sqrt(5))
        if self.norm is not None:
            self.norm.reset_parameters()

    def extra_repr(self) -> str:
        """Sizes and the pool."""
        return (
            f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, "
            f"stride={self.stride}, padding={self.padding}, dilation={self.dilation}, "
            f"{super().extra_repr()}"
        )

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B out height width"]:
        """Apply the weighted families to the map, and convolve."""
        require_images(x, self.in_channels)
        x = in_dtype(x, self.logits.dtype)
        self.warn_of_reach(x, axis=1)
        x = padded(x if self.norm is None else self.norm(x), self.padding)
        steps: dict[str, Any] = {"stride": self.stride, "dilation": self.dilation}
        y: Tensor | None = None
        if self.base_weight is not None:
            activation = resolve_activation(self.base_activation)
            assert activation is not None
            y = F.conv2d(activation(x), self.base_weight, **steps)
        for basis, weight in self.weighted():
            found = convolve(x, weight, basis, steps)
            y = found if y is None else y + found
        assert y is not None
        return y

    @torch.no_grad()
    def prune(self) -> SelectedKANConv2d:
        """The same layer without the parameters of what is cut: make a new optimizer for it.

        Raises:
            RuntimeError: before ``select``.
        """
        shape = (self.out_channels, self.in_channels, *self.kernel_size)
        pruned = self._pruned(*kept_places(self, shape))
        pruned.take_from(self)
        pruned.norm = copy.deepcopy(self.norm)
        if self.base_weight is not None:
            pruned.base_weight = nn.Parameter(self.base_weight.detach().clone())
        return pruned.train(self.training)

    def _pruned(self, chosen: Chosen, places: Chosen) -> SelectedKANConv2d:
        """A new layer of the families that are left."""
        return SelectedKANConv2d(
            self.in_channels,
            self.out_channels,
            self.kernel_size,
            chosen=chosen,
            places=places,
            stride=self.stride,
            padding=self.padding,
            dilation=self.dilation,
            basis_arguments={name: self.basis_arguments[name] for name in chosen},
            base_activation=self.base_activation,
            norm=None if self.norm is None else "batch",
            device=self.logits.device,
            dtype=self.logits.dtype,
        )

    def _as_saved(self, state_dict: Mapping[str, Any], prefix: str) -> SelectedKANConv2d | None:
        saved = saved_choice(state_dict, prefix)
        if saved is None:
            return None
        self.require_pool(saved.chosen)
        with torch.random.fork_rng(devices=[]):
            return self._pruned(saved.chosen, saved.places)
