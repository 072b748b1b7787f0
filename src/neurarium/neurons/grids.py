r"""Knots of spline layers: uniform ones, ones that follow the data, and moving from one to another.

Kolmogorov–Arnold networks adapt their grids to the inputs and make them finer
(https://arxiv.org/abs/2404.19756, Sec. 2.4). What must not change is the function: with B the old
and B′ the new splines at sample points, the map T that minimises ‖B′ T − B‖ turns old into new
coefficients, c′ = T c, whatever the number of outputs. It is solved in float64 with the shortest T,
because knots at quantiles may coincide. Efficient-kan fits the *scaled* curve and then scales
again, so its functions jump (noted by https://arxiv.org/abs/2407.11075); here scales stay outside.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

ANCHOR_WEIGHT = 1e-3
"""Weight of points spread over the grid, beside 1 for a sample: they decide where no sample is."""
ANCHORS_PER_INTERVAL = 4
CHUNK = 1 << 21
"""Values of old and new functions held at a time, in double precision."""


def uniform_knots(
    low: Tensor, high: Tensor, grid_size: int, degree: int
) -> Float[Tensor, "F knots"]:
    """G equal intervals from ``low`` to ``high`` and ``degree`` more of them on either side.

    Example:
        >>> uniform_knots(torch.tensor([0.0]), torch.tensor([1.0]), 2, 1)
        tensor([[-0.5000,  0.0000,  0.5000,  1.0000,  1.5000]])
    """
    steps = torch.arange(-degree, grid_size + degree + 1, dtype=low.dtype, device=low.device)
    return low[:, None] + (high - low)[:, None] * (steps / grid_size)


def adaptive_knots(
    x: Float[Tensor, "N F"],
    grid_size: int,
    degree: int,
    *,
    uniform_share: float = 0.02,
    margin: float = 0.01,
) -> Float[Tensor, "F knots"]:
    """Knots at quantiles of the samples, blended with uniform ones over their range.

    Args:
        x: samples.
        grid_size: G intervals between the ends.
        degree: further knots on either side, one uniform step apart.
        uniform_share: of the uniform knots; the rest is of the quantiles.
        margin: how far the uniform knots go beyond the samples.
    """
    ordered = x.sort(0).values
    places = torch.linspace(0, len(x) - 1, grid_size + 1, dtype=torch.int64, device=x.device)
    step = (ordered[-1] - ordered[0] + 2 * margin) / grid_size
    count = torch.arange(grid_size + 1, dtype=x.dtype, device=x.device)[:, None]
    uniform = ordered[0] - margin + count * step
    inner = uniform_share * uniform + (1 - uniform_share) * ordered[places]
    further = torch.arange(1, degree + 1, dtype=x.dtype, device=x.device)[:, None] * step
    return torch.cat([inner[:1] - further.flip(0), inner, inner[-1:] + further]).mT


def finer_knots(
    knots: Float[Tensor, "F knots"], grid_size: int, degree: int
) -> Float[Tensor, "F finer"]:
    """``grid_size`` intervals over the same range, as dense there as before: old intervals are
    split evenly if ``grid_size`` is a multiple of their number. Beyond an end where knots coincide
    the further ones are as far apart as intervals are on average.
    """
    inner = knots[:, degree : knots.shape[1] - degree]
    old_size = inner.shape[1] - 1
    place = torch.arange(grid_size + 1, dtype=knots.dtype, device=knots.device)
    place = place * (old_size / grid_size)
    left = place.floor().long().clamp(max=old_size - 1)
    finer = torch.lerp(inner[:, left], inner[:, left + 1], place - left)
    finer = finer.cummax(1).values  # where knots all but coincide, rounding must not swap them
    further = torch.arange(1, degree + 1, dtype=knots.dtype, device=knots.device)
    mean = (finer[:, -1:] - finer[:, :1]) / grid_size
    first, last = finer[:, 1:2] - finer[:, :1], finer[:, -1:] - finer[:, -2:-1]
    first, last = (torch.where(step > 0, step, mean) for step in (first, last))
    return torch.cat(
        [finer[:, :1] - further.flip(0) * first, finer, finer[:, -1:] + further * last], 1
    )


def are_uniform(knots: Float[Tensor, "F knots"]) -> bool:
    """Whether the knots of every feature are evenly spaced, to rounding."""
    gaps = knots.double().diff(dim=1)
    scale = knots.double().abs().amax(1, keepdim=True).clamp_min(1e-30)
    rounding = 8 * torch.finfo(knots.dtype).eps * scale
    even = ((gaps - gaps.mean(1, keepdim=True)).abs() <= rounding) & (gaps > rounding)
    return bool(even.all())


def coefficient_map(
    x: Float[Tensor, "N F"],
    inner: Float[Tensor, "F knots"],
    old: Callable[[Tensor], Tensor],
    new: Callable[[Tensor], Tensor],
) -> Float[Tensor, "F new old"]:
    """T of every feature: the least squares of new functions against old ones.

    Rows are taken in chunks: only R of the QR decomposition of what came so far is kept, which has
    the same least squares.

    Args:
        x: samples, weight 1.
        inner: knots from one end of the grid to the other; between them further points are
            spread, with a small weight.
        old: the old functions, (F, N) → (K, F, N), in float64.
        new: the new functions.
    """
    parts = torch.arange(ANCHORS_PER_INTERVAL, device=x.device) / ANCHORS_PER_INTERVAL
    between = torch.lerp(inner[:, :-1, None], inner[:, 1:, None], parts.to(inner.dtype))
    anchors = torch.cat([between.flatten(1), inner[:, -1:]], 1).double()
    points = torch.cat([x.mT.double(), anchors], 1)
    weights = torch.ones_like(points)
    weights[:, len(x) :] = ANCHOR_WEIGHT
    functions, others = (len(basis(points[:, :1])) for basis in (new, old))
    columns = functions + others
    size = max(4 * columns, CHUNK // (len(points) * columns))  # at least worth a decomposition
    triangle = torch.empty(len(points), 0, columns, dtype=points.dtype)
    for part, weight in zip(points.split(size, 1), weights.split(size, 1), strict=True):
        values = torch.cat([basis(part) * weight for basis in (new, old)]).permute(1, 2, 0).cpu()
        triangle = torch.linalg.qr(torch.cat([triangle, values], 1), mode="r").R
    rounding = torch.finfo(triangle.dtype).eps * max(points.shape[1], functions)
    design, target = triangle[..., :functions], triangle[..., functions:]
    solved = torch.linalg.lstsq(design, target, rcond=rounding, driver="gelsd").solution
    return solved.to(x.device)
