"""The Kolmogorov–Arnold layer: a learned function on every edge, at the cost of one matrix product.

KAN (https://arxiv.org/abs/2404.19756), the reference arm of the assessment
(https://arxiv.org/abs/2407.11075). The functions of one edge come from a basis
(:mod:`neurarium.neurons.bases`); sums over edges are :mod:`neurarium.neurons.contraction`.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping
from typing import Any, Self

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from neurarium.memory.activation import Activation, resolve_activation
from neurarium.memory.arguments import require_count
from neurarium.neurons import grids
from neurarium.neurons.basis import Basis, require_points
from neurarium.neurons.bspline import BSpline, moved_knots, moved_splines, require_samples
from neurarium.neurons.bspline_gather import (
    SplineTable,
    current_table,
    gather_splines,
    is_watched,
)
from neurarium.neurons.contraction import contract, in_dtype
from neurarium.neurons.edge_activation import require_edge_activation
from neurarium.neurons.make_basis import make_basis
from neurarium.neurons.reach import ReachWatch
from neurarium.neurons.row_norm import RowBatchNorm, kept_statistics, make_norm
from neurarium.neurons.tracing import is_traced

STARTS = ("kaiming", "pykan")
BACKENDS = ("gemm", "gather")
NOISE = {"kaiming": 0.1, "pykan": 0.5}
"""How far splines begin from 0, by the start."""
NO_SHARE = 1e-12
CHUNK = 1 << 22
"""Contributions of edges held at a time."""
ADVICE = {
    True: "move the grid to them with update_grid(x), or normalise them by norm='layer'",
    False: "normalise them, by norm='layer' for instance",
}
"""What to do about inputs beyond the functions' reach, with a grid and without."""


class KANLinear(nn.Module):
    r"""A layer with a learned function on every edge, in place of ``nn.Linear``.

    `KAN: Kolmogorov-Arnold Networks <https://arxiv.org/abs/2404.19756>`_, as assessed in
    https://arxiv.org/abs/2407.11075:

    .. math:: y_o = \sum_i \phi_{oi}(x_i), \qquad
              \phi_{oi}(t) = w^b_{oi}\, \mathrm{silu}(t) + w^s_{oi} \sum_j c_{oij} B_j(t)

    All functions of all inputs are evaluated at once in closed form, and the sums over i and j are
    one matrix product; only ``x`` is kept for the backward pass. With G + k splines the layer has
    in · out · (G + k + 2) parameters, so about that many times the work of a linear one.

    Splines are 0 beyond their grid, where only the base function remains: normalise the inputs
    (``norm``), or move the grid to them with :meth:`update_grid`. A warning says so where more than
    half of the first ones in training lie beyond; :meth:`share_outside` counts at any time.

    Args:
        in_features: width of the input.
        out_features: width of the output.
        basis: name in ``BASES``, or a :class:`Basis` of ``in_features`` features.
        base_activation: the base function, a name in ``torch.nn.functional`` or ``torch``, or a
            callable without parameters, in which every value is on its own; None: none.
        spline_scale: a factor w^s for each edge; None: for B-splines only, as published.
        norm: of the input: ``"layer"``, ``"batch"`` or None.
        init: of the weights: ``"kaiming"`` as in efficient-kan, or ``"pykan"``.
        scale_base: factor of the base weights at the start.
        scale_noise: how far splines begin from 0; None: 0.1, or 0.5 for ``init="pykan"``.
        bias: a constant for each output; a spline can represent it within its grid.
        backend: ``"gemm"`` evaluates all functions. ``"gather"``, after ``eval()`` and without
            gradients, looks up the B-splines that are not 0 in a table: faster from about G ≥ 16.
            Changes in place through ``.data`` are seen only after ``train()`` or ``eval()``.
        **basis_arguments: of the basis: ``grid_size=5``, ``degree=3`` and ``grid_range=(-1, 1)`` of
            B-splines, ``degree`` of polynomials, ``grid_size`` of most others.

    Shapes:
        - x: (…, in_features); output: (…, out_features)

    Raises:
        TypeError: for inputs that are not floating point, and widths that are no whole numbers.
        ValueError: for names, sizes and shapes that do not fit, and base functions that do not
            take every value on its own.

    Example:
        >>> layer = KANLinear(4, 3, grid_size=8)
        >>> layer(torch.randn(2, 7, 4)).shape
        torch.Size([2, 7, 3])
        >>> KANLinear(4, 3, basis="chebyshev", degree=6, base_activation=None)
        KANLinear(
          in_features=4, out_features=3, base_activation=None
          (basis): Chebyshev(num_features=4, num_functions=7)
        )
    """

    mask: Tensor | None

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        basis: str | Basis = "bspline",
        base_activation: Activation = "silu",
        spline_scale: bool | None = None,
        norm: str | None = None,
        init: str = "kaiming",
        scale_base: float = 1.0,
        scale_noise: float | None = None,
        bias: bool = False,
        backend: str = "gemm",
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        **basis_arguments: Any,
    ) -> None:
        super().__init__()
        require_count("in_features", in_features)
        require_count("out_features", out_features)
        named = (("init", init, STARTS), ("backend", backend, BACKENDS))
        for name, value, known in named:
            if value not in known:
                raise ValueError(
                    f"{name} must be one of {', '.join(map(repr, known))}: got {value!r}"
                )
        scale_noise = NOISE[init] if scale_noise is None else scale_noise
        for name, scale in (("scale_base", scale_base), ("scale_noise", scale_noise)):
            require_finite(name, scale)
        require_edge_activation(base_activation)
        factory: dict[str, Any] = {"device": device, "dtype": dtype}
        self.in_features, self.out_features = in_features, out_features
        self.basis = make_basis(basis, in_features, basis_arguments, **factory)
        if backend == "gather" and not isinstance(self.basis, BSpline):
            family = type(self.basis).__name__
            raise ValueError(f"backend must be 'gemm' for a basis {family}: got 'gather'")
        self.backend = backend
        self._table: SplineTable | None = None
        self.base_activation = base_activation
        self.init, self.scale_base, self.scale_noise = init, scale_base, scale_noise
        edges = (out_features, in_features)
        shape = (out_features, self.basis.num_functions, in_features)
        self.coefficients = nn.Parameter(torch.empty(shape, **factory))
        self.base_weight, self.spline_scale, self.bias = None, None, None
        if self._activation() is not None:
            self.base_weight = nn.Parameter(torch.empty(edges, **factory))
        if spline_scale or (spline_scale is None and isinstance(self.basis, BSpline)):
            self.spline_scale = nn.Parameter(torch.empty(edges, **factory))
        if bias:
            self.bias = nn.Parameter(torch.empty(out_features, **factory))
        self.norm = make_norm(norm, in_features, **factory)
        self.register_buffer("mask", None)
        self._watch = ReachWatch(last=1)
        self.reset_parameters()

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Start anew: Kaiming-uniform weights and splines near 0, or pykan's smaller weights."""
        self.basis.reset_parameters()
        if isinstance(self.norm, nn.LayerNorm | nn.BatchNorm1d):
            self.norm.reset_parameters()
        noise = self.scale_noise
        if isinstance(self.basis, BSpline):
            self.basis.init_coefficients(self.coefficients, noise=noise)
        else:
            self.basis.init_coefficients(self.coefficients)
        edge = self.in_features**-0.5
        if self.base_weight is not None:
            if self.init == "pykan":
                nn.init.uniform_(self.base_weight, -edge, edge)
            else:
                nn.init.kaiming_uniform_(self.base_weight, a=math.sqrt(5))
            self.base_weight.mul_(self.scale_base)
        if self.spline_scale is not None:
            if self.init == "pykan":
                nn.init.constant_(self.spline_scale, edge)
            else:
                nn.init.kaiming_uniform_(self.spline_scale, a=math.sqrt(5))
        if self.bias is not None:
            nn.init.zeros_(self.bias)

    def extra_repr(self) -> str:
        """Sizes."""
        text = f"in_features={self.in_features}, out_features={self.out_features}"
        if self.base_activation != "silu":
            text += f", base_activation={self.base_activation!r}"
        return text if self.backend == "gemm" else f"{text}, backend={self.backend!r}"

    @property
    def has_grid(self) -> bool:
        """Whether the functions are B-splines, whose grid can be moved and made finer."""
        return isinstance(self.basis, BSpline)

    def edge_weight(self) -> Float[Tensor, "out functions in"]:
        """All factors of every edge's functions in one tensor, those of the base function first."""
        weight: Tensor = self.coefficients
        if self.spline_scale is not None:
            weight = weight * self.spline_scale[:, None]
        if self.base_weight is not None:
            weight = torch.cat([self.base_weight[:, None], weight], 1)
        return weight if self.mask is None else weight * self.mask[:, None]

    def forward(self, x: Float[Tensor, "*batch in"]) -> Float[Tensor, "*batch out"]:
        """Apply the functions and sum over inputs."""
        require_points(x, self.in_features)
        x = in_dtype(x, self.coefficients.dtype)
        if self.norm is not None:
            x = self.norm(x)
        elif self.training:
            self._watch.look(x, [self.basis], advice=ADVICE[self.has_grid])
        rows = x.reshape(-1, self.in_features)
        if self._gathers(rows):
            y = self._gathered(rows)
        else:
            y = contract(rows, self.edge_weight(), self.basis, activation=self._activation())
        y = y if self.bias is None else y + self.bias
        return y.reshape(*x.shape[:-1], self.out_features)

    @torch.no_grad()
    def edge_functions(self, t: Float[Tensor, " points"]) -> Float[Tensor, "O F points"]:
        """Every edge's function at the same points."""
        require_points(t, t.shape[-1] if t.ndim else 1)
        if t.ndim != 1:
            raise ValueError(f"t must be points on a line, (T,): got shape {list(t.shape)}")
        return self.edge_values(t[:, None].expand(-1, self.in_features))

    def edge_values(self, x: Float[Tensor, "N in"]) -> Float[Tensor, "O F N"]:
        """What every edge contributes for each row: φ_oi(x_i), as many values as N · in · out."""
        points = x.mT
        values = self.basis.expand(points)
        activation = self._activation()
        if activation is not None:
            values = torch.cat([activation(points)[None], values])
        return torch.einsum("oki,kin->oin", self.edge_weight(), values)

    @torch.no_grad()
    def share_outside(self, x: Float[Tensor, "*batch in"]) -> float:
        """Share of the inputs (after ``norm``) beyond the grid, where splines fade to 0.

        Running statistics of ``norm`` stay as they are, here and in all that looks at samples.
        """
        basis = self._splines("share_outside")
        low, high = basis.grid_range
        rows = self.rows(x)
        return float(((rows < low) | (rows > high)).float().mean())

    @torch.no_grad()
    def update_grid(
        self, x: Float[Tensor, "*batch in"], *, uniform_share: float = 0.02, margin: float = 0.01
    ) -> float:
        """Move the knots to quantiles of the samples, and keep the function as well as they can.

        A feature that does not vary keeps its knots.

        Args:
            x: samples, at least as many as splines.
            uniform_share: of evenly spaced knots in the blend; the rest is of quantiles.
            margin: how far even knots go beyond the samples.

        Returns:
            The largest change of an output at the samples, also where they were beyond the grid.
        """
        basis, rows = self._splines("update_grid"), self._samples(x)
        knots = moved_knots(basis, rows, uniform_share=uniform_share, margin=margin)
        return self._move_to(knots, rows)

    @torch.no_grad()
    def extend_grid(self, grid_size: int, x: Float[Tensor, "*batch in"] | None = None) -> float:
        """More intervals over the same range; within the grid the same function where they split
        the old ones.

        Beyond the grid the splines fade to 0 over shorter intervals. Make a new optimizer
        afterwards: the coefficients have other sizes.

        Args:
            grid_size: the new number of intervals; a multiple of the old one changes nothing within
                the grid.
            x: samples that matter most where the function cannot be kept everywhere.

        Returns:
            The largest change of an output at the samples, wherever they are, or at points spread
            over the grid.
        """
        basis = self._splines("extend_grid")
        require_count("grid_size", grid_size)
        if grid_size <= basis.grid_size:
            raise ValueError(f"grid_size must exceed {basis.grid_size}: got {grid_size}")
        low, high = basis.grid_range
        if x is None:
            spread = torch.linspace(0, 1, 8 * grid_size + 1, device=low.device, dtype=low.dtype)
            rows = low + spread[:, None] * (high - low)
        else:
            rows = self._samples(x)
        inside = torch.minimum(torch.maximum(rows, low), high)  # beyond, both fade differently
        knots = grids.finer_knots(basis.knots, grid_size, basis.degree)
        return self._move_to(knots, inside, measured=rows)

    def regularization(
        self, x: Float[Tensor, "*batch in"] | None = None, *, l1: float = 1.0, entropy: float = 1.0
    ) -> Tensor:
        """The sparsity penalty: size of the edges, and entropy of how it is shared out.

        Args:
            x: inputs over which an edge's size is the mean of its absolute values, as in pykan;
                without them it is that of its coefficients, as in efficient-kan. A batch norm
                normalises them as in this mode, and does not count them a second time.
            l1: weight of the sum of sizes.
            entropy: weight of the entropy.
        """
        if x is None:
            size = self.coefficients.abs().mean(1)
            size = size if self.mask is None else size * self.mask
        else:
            size = self._sizes(self.rows(x))
        total = size.sum()
        share = size / total.clamp_min(torch.finfo(size.dtype).tiny)
        # An edge that is exactly 0 has no slope, instead of an infinite one.
        return l1 * total + entropy * torch.special.entr(share.clamp_min(NO_SHARE)).sum()

    def rows(self, x: Float[Tensor, "*batch in"]) -> Float[Tensor, "N in"]:
        """What the functions are applied to: the inputs after ``norm``, one a row.

        A batch norm uses the batch or its running statistics, as the mode says, and keeps the
        latter.
        """
        require_points(x, self.in_features)
        x = in_dtype(x, self.coefficients.dtype)
        if self.norm is not None:
            with kept_statistics(self):
                x = self.norm(x)
        return x.reshape(-1, self.in_features)

    def row_chunks(self, rows: Float[Tensor, "N in"]) -> tuple[Tensor, ...]:
        """The rows in parts whose :meth:`edge_values` fit into memory."""
        return rows.split(max(1, CHUNK // (self.out_features * self.in_features)))

    @torch.no_grad()
    def take(self, *, outputs: Tensor | None = None, inputs: Tensor | None = None) -> Self:
        """A layer of some of the outputs and inputs, given by their positions."""
        taken = copy.deepcopy(self)
        for axis, chosen in ((0, outputs), (-1, inputs)):
            if chosen is None:
                continue
            for name in ("coefficients", "base_weight", "spline_scale", "mask"):
                value = getattr(taken, name)
                if value is not None:
                    part = value.index_select(axis, chosen)
                    setattr(taken, name, nn.Parameter(part) if name != "mask" else part)
        if outputs is not None:
            taken.out_features = len(outputs)
            taken.bias = None if self.bias is None else nn.Parameter(self.bias[outputs])
        if inputs is not None:
            taken.in_features, taken.basis = len(inputs), self.basis.take(inputs)
            if isinstance(self.norm, RowBatchNorm):
                taken.norm = self.norm.take(inputs)
        return taken

    def train(self, mode: bool = True) -> Self:
        """Training or evaluation, which makes a new table."""
        self._table = None
        return super().train(mode)

    def _gathers(self, rows: Tensor) -> bool:
        """Whether this call looks splines up."""
        if self.backend == "gemm" or self.training:
            return False
        weights = (self.coefficients, self.spline_scale, self.base_weight, self.mask)
        return not is_watched(rows, *weights)

    def _gathered(self, rows: Tensor) -> Tensor:
        """The sum by looking up splines, and that of the base function."""
        basis, factors = self._splines("_gathered"), (self.spline_scale, self.mask)
        table = current_table(self._table, self.coefficients, basis.degree, *factors)
        self._table = table
        y = gather_splines(rows, table.rows, basis)
        activation = self._activation()
        if activation is None or self.base_weight is None:
            return y
        base = self.base_weight if self.mask is None else self.base_weight * self.mask
        return y.addmm_(activation(rows), base.mT)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """To another device or precision, without the table."""
        self._table = None
        return super()._apply(fn, recurse)

    def _activation(self) -> Any:
        return resolve_activation(self.base_activation)

    def _splines(self, method: str) -> BSpline:
        if not isinstance(self.basis, BSpline):
            kind = type(self.basis).__name__
            raise ValueError(f"basis must be B-splines for {method}: got {kind}")
        return self.basis

    def _samples(self, x: Tensor) -> Tensor:
        rows = self.rows(x)
        require_samples(rows, self.basis)
        return rows

    def _sizes(self, rows: Tensor) -> Tensor:
        """Mean absolute contribution of every edge; many rows are evaluated again in backward."""

        def total(part: Tensor) -> Tensor:
            return self.edge_values(part).abs().sum(-1)

        parts = self.row_chunks(rows)
        if len(parts) == 1 or is_traced():
            return self.edge_values(rows).abs().mean(-1)
        sums = [checkpoint(total, p, use_reentrant=False, preserve_rng_state=False) for p in parts]
        return torch.stack(sums).sum(0) / len(rows)

    def _move_to(self, knots: Tensor, rows: Tensor, measured: Tensor | None = None) -> float:
        """New knots, and the coefficients that keep the unscaled functions at these rows."""
        measured = rows if measured is None else measured
        old, before = self._splines("update_grid"), self._functions(measured)
        new, moved = moved_splines(old, knots, rows)
        kept = torch.einsum("ijk,oki->oji", moved, self.coefficients.double())
        # The same parameter with other values: an optimizer whose state has old sizes then raises.
        self.basis, self.coefficients.grad = new, None
        self._table = None
        self.coefficients.data = kept.to(self.coefficients).contiguous()
        return float((self._functions(measured) - before).abs().max())

    def _functions(self, rows: Tensor) -> Tensor:
        return contract(rows, self.edge_weight(), self.basis, activation=self._activation())

    def _load_from_state_dict(self, state_dict: Mapping[str, Any], prefix: str, *args: Any) -> None:
        """Sizes of a grid and a mask are those of what is loaded."""
        self._table = None
        saved = state_dict.get(f"{prefix}coefficients")
        if isinstance(saved, Tensor) and isinstance(self.basis, BSpline):
            shape = (self.out_features, saved.shape[1] if saved.ndim == 3 else 0, self.in_features)
            if saved.shape == shape and saved.shape != self.coefficients.shape:
                self.coefficients.data = self.coefficients.new_empty(shape)
        if f"{prefix}mask" in state_dict:
            self.mask = torch.ones_like(self.coefficients[:, 0])
        super()._load_from_state_dict(state_dict, prefix, *args)


def require_finite(name: str, value: Any) -> None:
    """Raise unless ``value`` is a finite number.

    Example:
        >>> require_finite("scale_base", float("nan"))
        Traceback (most recent call last):
        ValueError: scale_base must be a finite number: got nan
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{name} must be a finite number: got {value!r}")
    if not math.isfinite(value):
        raise ValueError(f"{name} must be a finite number: got {value!r}")
