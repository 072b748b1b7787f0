"""B-splines as a function, as a basis of Kolmogorov–Arnold layers and as a learnable activation.

The basis of KAN (https://arxiv.org/abs/2404.19756), assessed in https://arxiv.org/abs/2407.11075.
Evaluation is in :mod:`neurarium.neurons.bspline_kernel`, knots in :mod:`neurarium.neurons.grids`.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

import torch
from jaxtyping import Float
from torch import Tensor, nn

from neurarium.memory.activation import Activation, resolve_activation
from neurarium.memory.arguments import require_count, require_tensor
from neurarium.neurons import bspline_kernel as kernel
from neurarium.neurons import grids
from neurarium.neurons.basis import Basis, Linearized, require_points
from neurarium.neurons.contraction import evaluate, in_dtype

MAX_DEGREE = 5


def bspline_basis(
    x: Float[Tensor, "*points"], knots: Float[Tensor, "*rows T"], degree: int = 3
) -> Float[Tensor, "*points K"]:
    r"""All B-splines of one degree on any knots, by the recursion of Cox and de Boor.

    `KAN: Kolmogorov-Arnold Networks <https://arxiv.org/abs/2404.19756>`_:

    .. math:: B_{j,p}(x) = \frac{x - t_j}{t_{j+p} - t_j} B_{j,p-1}(x)
              + \frac{t_{j+p+1} - x}{t_{j+p+1} - t_{j+1}} B_{j+1,p-1}(x)

    Each spline is positive on degree + 1 intervals and zero elsewhere; between knot ``degree`` and
    knot ``-degree - 1`` they sum to 1. Where knots coincide, 0/0 is 0; at the last knot the value
    is the limit from the left.

    Args:
        x: points.
        knots: not decreasing; (T,) for all points, or (F, T), one row for each last index of ``x``.
        degree: of the piecewise polynomials.

    Shapes:
        - x: (…) or (…, F); output: (…, K) or (…, F, K), K = T − degree − 1

    Raises:
        TypeError: for what is no floating-point tensor, and a degree that is no whole number.
        ValueError: for knots that decrease or are too few, and shapes that do not fit.

    Example:
        >>> bspline_basis(torch.tensor([0.5, 1.0]), torch.arange(5.0), degree=1)
        tensor([[0.5000, 0.0000, 0.0000],
                [1.0000, 0.0000, 0.0000]])
    """
    for name, value in (("x", x), ("knots", knots)):
        require_tensor(name, value)
        if not value.is_floating_point():
            raise TypeError(f"{name} must be floating point: got {value.dtype}; use .float()")
    if isinstance(degree, bool) or not isinstance(degree, int):
        raise TypeError(f"degree must be a whole number: got {degree!r}")
    if degree < 0:
        raise ValueError(f"degree must be at least 0: got {degree}")
    if knots.ndim not in (1, 2) or knots.shape[-1] < degree + 2:
        raise ValueError(
            f"knots must be (T,) or (F, T) with T >= {degree + 2}: got shape {list(knots.shape)}"
        )
    if (knots.diff(dim=-1) < 0).any():
        raise ValueError("knots must not decrease: got some that do; use knots.sort().values")
    if knots.ndim == 1:
        recursion = kernel.Recursion.of(knots[None], degree, closed=True)
        values = kernel.recursive_bspline(x.reshape(1, -1), recursion)
        return values.movedim(0, -1).reshape(*x.shape, -1)
    require_points(x, len(knots))
    recursion = kernel.Recursion.of(knots, degree, closed=True)
    values = kernel.recursive_bspline(x.reshape(-1, len(knots)).mT, recursion)
    return values.permute(2, 1, 0).reshape(*x.shape, -1)


class BSpline(Basis):
    r"""B-splines with a grid of their own for each feature.

    `KAN: Kolmogorov-Arnold Networks <https://arxiv.org/abs/2404.19756>`_. ``grid_size`` G intervals
    over ``grid_range`` and ``degree`` k more on either side give G + k functions. Beyond the
    outermost knots all are 0, at a last knot that is repeated the limit from the left. On uniform
    knots they have a closed form; after :meth:`set_knots` with others, the recursion.

    Args:
        num_features: F.
        grid_size: G.
        degree: k, from 1 to 5.
        grid_range: lower and upper end.

    Shapes:
        - x: (…, F); output: (…, F, G + k)

    Raises:
        TypeError: for sizes that are no whole numbers.
        ValueError: for sizes or a range that do not fit.

    Example:
        >>> basis = BSpline(2, grid_size=4)
        >>> basis(torch.zeros(1, 2))[0, 0].round(decimals=4)  # 0 is the knot in the middle
        tensor([0.0000, 0.0000, 0.1667, 0.6667, 0.1667, 0.0000, 0.0000])
    """

    knots: Tensor
    _prepared_0: Tensor
    _prepared_1: Tensor

    def __init__(
        self,
        num_features: int,
        *,
        grid_size: int = 5,
        degree: int = 3,
        grid_range: Sequence[float] = (-1.0, 1.0),
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        require_count("grid_size", grid_size)
        require_count("degree", degree)
        if degree > MAX_DEGREE:
            raise ValueError(f"degree must be at most {MAX_DEGREE}: got {degree}")
        low, high = require_range(grid_range)
        super().__init__(num_features, grid_size + degree)
        self.degree = degree
        ends = torch.tensor([[low], [high]], dtype=dtype or torch.get_default_dtype())
        knots = grids.uniform_knots(ends[0], ends[1], grid_size, degree).to(device)
        self.register_buffer("knots", knots.repeat(num_features, 1))
        self._prepare(uniform=True)

    @property
    def grid_size(self) -> int:
        """G, the number of intervals."""
        return self.num_functions - self.degree

    @property
    def grid_range(self) -> tuple[Tensor, Tensor]:
        """Lower and upper end of every feature's grid, (F,) each."""
        return self.knots[:, self.degree], self.knots[:, self.knots.shape[1] - 1 - self.degree]

    def set_knots(self, knots: Float[Tensor, "F T"]) -> None:
        """Replace the knots, T = G + 2k + 1 of each feature, G free."""
        if knots.ndim != 2 or len(knots) != self.num_features:
            raise ValueError(
                f"knots must be ({self.num_features}, T): got shape {list(knots.shape)}"
            )
        if knots.shape[1] < 2 * self.degree + 2:
            raise ValueError(
                f"knots must be at least {2 * self.degree + 2} of each feature: got "
                f"{knots.shape[1]}"
            )
        if not knots.isfinite().all():
            raise ValueError("knots must be finite: got NaN or infinity")
        if (knots.diff(dim=1) < 0).any():
            raise ValueError("knots must not decrease: got some that do; use knots.sort().values")
        self.knots = knots.detach().to(self.knots)
        self.num_functions = knots.shape[1] - self.degree - 1
        self._prepare(uniform=grids.are_uniform(self.knots))

    def take(self, features: Tensor) -> Self:
        """The same splines of some of the features, given by their positions."""
        taken = copy.deepcopy(self)
        taken.num_features = len(features)
        taken.set_knots(self.knots[features])
        return taken

    def expand(self, x: Tensor) -> Tensor:
        """(F, N) → (G + k, F, N)."""
        if self.uniform:
            return kernel.uniform_bspline(x, self._closed_form())
        return kernel.recursive_bspline(x, self._recursion())

    def fill(self, x: Tensor, out: Tensor) -> None:
        """:meth:`expand` into ``out``."""
        if self.uniform:
            kernel.fill_uniform(x, self._closed_form(), out)
        else:
            super().fill(x, out)

    def linearize(self, x: Tensor) -> Linearized:
        """Values and the way back, in closed form."""
        if self.uniform:
            values, slopes = kernel.linearize_uniform(x, self._closed_form())
            return Linearized(values, lambda gradient: (slopes.mul_(gradient).sum(0),))
        values, differences = kernel.linearize_recursive(x, self._recursion())
        return Linearized(
            values, lambda gradient: (kernel.recursive_pullback(differences, gradient),)
        )

    @torch.no_grad()
    def init_coefficients(self, coefficients: Tensor, *, noise: float = 0.1) -> None:
        """Splines through noise at the ends of the intervals, U(−1/2, 1/2) · noise / G."""
        inner = self.knots[:, self.degree : self.degree + self.grid_size + 1]
        shape = (self.num_features, self.grid_size + 1, len(coefficients))
        heights = (torch.rand(shape, device=inner.device) - 0.5) * (noise / self.grid_size)
        recursion = kernel.Recursion.of(self.knots.double(), self.degree, closed=self.closed)
        design = kernel.recursive_bspline(inner.double(), recursion)
        solved = torch.linalg.pinv(design.permute(1, 2, 0)) @ heights.double()
        coefficients.copy_(solved.permute(2, 1, 0))

    def extra_repr(self) -> str:
        """Sizes."""
        return f"num_features={self.num_features}, grid_size={self.grid_size}, degree={self.degree}"

    def _prepare(self, *, uniform: bool) -> None:
        """What evaluation needs of the knots, worked out once; it moves with the module."""
        self.uniform = uniform
        self.closed = bool((self.knots[:, -1] == self.knots[:, -2]).any())
        if uniform:
            closed = kernel.Uniform.of(self.knots, self.degree)
            made: list[Tensor] = [closed.scale, closed.places]
        else:
            recursion = kernel.Recursion.of(self.knots, self.degree)
            made = [recursion.knots, *recursion.slopes]
        for place in range(self.degree + 1):
            value = made[place] if place < len(made) else None
            self.register_buffer(f"_prepared_{place}", value, persistent=False)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """To another device or precision: worked out again, so that equal knots are equal."""
        super()._apply(fn, recurse)
        self._prepare(uniform=self.uniform)
        return self

    def _closed_form(self) -> kernel.Uniform:
        return kernel.Uniform(self.knots[:, :1], self._prepared_0, self._prepared_1, self.degree)

    def _recursion(self) -> kernel.Recursion:
        slopes = [getattr(self, f"_prepared_{p}") for p in range(1, self.degree + 1)]
        return kernel.Recursion(self._prepared_0, slopes, self.closed)

    def _load_from_state_dict(self, state_dict: Mapping[str, Any], prefix: str, *args: Any) -> None:
        saved = state_dict.get(f"{prefix}knots")
        if isinstance(saved, Tensor) and saved.ndim == 2 and len(saved) == self.num_features:
            self.set_knots(saved)
        super()._load_from_state_dict(state_dict, prefix, *args)


class BSplineActivation(nn.Module):
    r"""A learnable activation: a fixed one plus a spline, one for each feature.

    `KAN or MLP: A Fairer Comparison <https://arxiv.org/abs/2407.16674>`_:
    :math:`y_i = a(x_i) + \sum_j c_{ij} B_j(x_i)`. It starts near a, and stays a beyond the grid.

    Args:
        num_features: F, each with G + k coefficients.
        grid_size: G, intervals of the grid.
        degree: k, of the splines.
        grid_range: lower and upper end.
        base_activation: a, a name in ``torch.nn.functional`` or ``torch``, or a callable; None: 0.
        scale_noise: how far splines begin from 0.

    Shapes:
        - x: (…, F); output: the same

    Raises:
        TypeError: for inputs that are not floating point, or of another precision.
        ValueError: for sizes and shapes that do not fit.

    Example:
        >>> activation = BSplineActivation(3, scale_noise=0.0)
        >>> x = torch.randn(5, 3)
        >>> torch.allclose(activation(x), torch.nn.functional.silu(x))
        True
    """

    def __init__(
        self,
        num_features: int,
        *,
        grid_size: int = 5,
        degree: int = 3,
        grid_range: Sequence[float] = (-1.0, 1.0),
        base_activation: Activation = "silu",
        scale_noise: float = 0.1,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        factory: dict[str, Any] = {"device": device, "dtype": dtype}
        self.basis = BSpline(
            num_features, grid_size=grid_size, degree=degree, grid_range=grid_range, **factory
        )
        self.activation, self.scale_noise = resolve_activation(base_activation), scale_noise
        self.coefficients = nn.Parameter(
            torch.empty(self.basis.num_functions, num_features, **factory)
        )
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Splines through noise."""
        with torch.no_grad():
            self.basis.init_coefficients(self.coefficients[None], noise=self.scale_noise)

    def forward(self, x: Float[Tensor, "*batch F"]) -> Float[Tensor, "*batch F"]:
        """Apply to every feature its own function."""
        require_points(x, self.basis.num_features)
        x = in_dtype(x, self.coefficients.dtype)
        values = evaluate(x.reshape(-1, x.shape[-1]).mT, self.basis)
        y = (values * self.coefficients[:, :, None]).sum(0).mT.reshape(x.shape)
        return y if self.activation is None else y + self.activation(x)

    @torch.no_grad()
    def update_grid(
        self, x: Float[Tensor, "*batch F"], *, uniform_share: float = 0.02, margin: float = 0.01
    ) -> float:
        """Move the knots to quantiles of the samples, and keep the function as well as they can.

        A feature that does not vary keeps its knots.

        Args:
            x: samples, at least as many as splines.
            uniform_share: of evenly spaced knots in the blend; the rest is of quantiles.
            margin: how far even knots go beyond the samples.

        Returns:
            The largest change of an output at the samples.
        """
        require_points(x, self.basis.num_features)
        old, rows = self.basis, in_dtype(x, self.coefficients.dtype).reshape(-1, x.shape[-1])
        require_samples(rows, old)
        before = self(rows)
        knots = moved_knots(old, rows, uniform_share=uniform_share, margin=margin)
        self.basis, moved = moved_splines(old, knots, rows)
        kept = torch.einsum("ijk,ki->ji", moved, self.coefficients.double())
        self.coefficients.grad = None
        self.coefficients.data = kept.to(self.coefficients).contiguous()
        return float((self(rows) - before).abs().max())


def require_samples(rows: Tensor, basis: Basis) -> None:
    """Raise unless there are enough finite rows to find the splines' coefficients from."""
    if len(rows) < basis.num_functions:
        raise ValueError(
            f"x must have at least {basis.num_functions} samples, one for each spline: "
            f"got {len(rows)}"
        )
    if not rows.isfinite().all():
        raise ValueError("x must be finite: got NaN or infinity")


def moved_knots(basis: BSpline, rows: Tensor, *, uniform_share: float, margin: float) -> Tensor:
    """Knots at quantiles of the rows; a feature that does not vary keeps its own."""
    if not 0 <= uniform_share <= 1:
        raise ValueError(f"uniform_share must lie in [0, 1]: got {uniform_share}")
    if not 0 <= margin < math.inf:
        raise ValueError(f"margin must be finite and at least 0: got {margin}")
    knots = grids.adaptive_knots(
        rows, basis.grid_size, basis.degree, uniform_share=uniform_share, margin=margin
    )
    constant = rows.amax(0) == rows.amin(0)
    return torch.where(constant[:, None], basis.knots, knots)


def moved_splines(basis: BSpline, knots: Tensor, rows: Tensor) -> tuple[BSpline, Tensor]:
    """The splines on new knots, and the map (F, new, old) from old coefficients to theirs."""
    new = copy.deepcopy(basis)
    new.set_knots(knots)
    inner = knots[:, basis.degree : knots.shape[1] - basis.degree]
    return new, grids.coefficient_map(rows, inner, _in_double(basis), _in_double(new))


def _in_double(basis: BSpline) -> Callable[[Tensor], Tensor]:
    recursion = kernel.Recursion.of(basis.knots.double(), basis.degree, closed=basis.closed)
    return lambda points: kernel.recursive_bspline(points, recursion)


def require_range(grid_range: Any) -> tuple[float, float]:
    """The two ends of a grid, as numbers.

    Example:
        >>> require_range((1, 1))
        Traceback (most recent call last):
        ValueError: grid_range must be two finite numbers, the lower one first: got (1, 1)
    """
    fits = isinstance(grid_range, Sequence) and len(grid_range) == 2
    if not fits or not all(isinstance(end, int | float) for end in grid_range):
        raise TypeError(f"grid_range must be (low, high): got {grid_range!r}")
    low, high = float(grid_range[0]), float(grid_range[1])
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ValueError(
            f"grid_range must be two finite numbers, the lower one first: got {grid_range!r}"
        )
    return low, high
