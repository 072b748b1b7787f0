r"""Sums of B-splines by looking up the few that are not zero: the way of inference on fine grids.

A point in knot interval m has k + 1 splines of degree k that differ from 0, of G + k in all. So the
sum of KAN (https://arxiv.org/abs/2404.19756, Eq. 2.5 with the splines of Sec. 2.2) needs k + 1 rows
of a table for each input, whatever G is:

.. math:: y = \sum_i \sum_{j=0}^{k} B_{m_i-k+j}(x_i)\, C_{i,\, m_i-k+j}, \qquad
          t_{m_i} \le x_i < t_{m_i+1}

The table holds C, (in · functions, out), with all factors folded in. Its rows of zeros between
features stand for splines that the outer intervals lack.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from neurarium.neurons.bspline import BSpline
from neurarium.neurons.plain_tensors import is_plain

CHUNK = 1 << 20
"""Weights of rows held at a time."""


def is_watched(x: Tensor, *weights: Tensor | None) -> bool:
    """Whether gradients are recorded, operations traced or counted, or changes not counted."""
    if not is_plain(x):
        return True
    used = [t for t in weights if t is not None]
    if any(t.is_inference() for t in used):
        return True
    return torch.is_grad_enabled() and any(t.requires_grad for t in (x, *used))


def gather_splines(x: Tensor, table: Tensor, basis: BSpline) -> Tensor:
    """Σ_i Σ_j B_j(x_i) C_ij for each row, reading only splines that are not zero.

    `KAN: Kolmogorov-Arnold Networks <https://arxiv.org/abs/2404.19756>`_, Eq. 2.5.

    Args:
        x: (N, F).
        table: of :func:`spline_table`.
        basis: the splines, on any knots.

    Shapes:
        - output: (N, out)

    Example:
        >>> basis = BSpline(3)
        >>> table = spline_table(torch.ones(2, 8, 3), basis.degree)
        >>> y = gather_splines(torch.rand(5, 3), table, basis)
        >>> torch.allclose(y, torch.full((5, 2), 3.0))  # splines sum to 1
        True
    """
    size = max(1, CHUNK // (x.shape[1] * (basis.degree + 1)))
    parts = [_summed(rows, table, basis) for rows in x.split(size)]
    return parts[0] if len(parts) == 1 else torch.cat(parts)


def spline_table(
    coefficients: Tensor, degree: int, scale: Tensor | None = None, mask: Tensor | None = None
) -> Tensor:
    """The rows that :func:`gather_splines` adds up, a copy.

    Args:
        coefficients: (out, K, F).
        degree: k, of the splines.
        scale: (out, F), a factor of each edge.
        mask: (out, F), a further one.

    Shapes:
        - output: (F · (K + k) + k, out), each feature's K rows after k rows of zeros
    """
    out, functions, features = coefficients.shape
    table = coefficients.new_zeros(features * (functions + degree) + degree, out)
    rows = table[: len(table) - degree].view(features, functions + degree, out)[:, degree:]
    by_function = coefficients.flatten(1).mT.contiguous()  # two copies: twice as fast as one
    rows.copy_(by_function.view(functions, features, out).transpose(0, 1))
    for factor in (scale, mask):
        if factor is not None:
            rows.mul_(factor.mT[:, None])
    return table


class SplineTable(NamedTuple):
    """Rows to keep between calls; copied or pickled with its owner it becomes None."""

    rows: Tensor
    marks: tuple[Any, ...]
    held: list[tuple[Tensor, Tensor]]
    """What the rows are of, and its memory, so that neither's address is used again."""

    def __reduce__(self) -> Any:
        return type(None), ()


def current_table(
    kept: SplineTable | None,
    coefficients: Tensor,
    degree: int,
    scale: Tensor | None = None,
    mask: Tensor | None = None,
) -> SplineTable:
    """``kept`` where it is of these tensors as they are, else a new :func:`spline_table`."""
    sources = [t for t in (coefficients, scale, mask) if t is not None]
    marks = (degree, *((id(t), t.data_ptr(), t._version) for t in sources))
    if kept is not None and kept.marks == marks:
        return kept
    with torch.no_grad():
        rows = spline_table(coefficients, degree, scale, mask)
    return SplineTable(rows, marks, [(t, t.detach()) for t in sources])


def _summed(x: Tensor, table: Tensor, basis: BSpline) -> Tensor:
    """One chunk."""
    degree = basis.degree
    interval, values = (_uniform if basis.uniform else _uneven)(x, basis)
    stride = basis.num_functions + degree
    first = interval + torch.arange(0, x.shape[1] * stride, stride, device=x.device)
    rows = first[..., None] + torch.arange(degree + 1, device=x.device)
    weights = values.permute(1, 2, 0)
    return F.embedding_bag(
        rows.flatten(1), table, mode="sum", per_sample_weights=weights.reshape(len(x), -1)
    )


def _uniform(x: Tensor, basis: BSpline) -> tuple[Tensor, Tensor]:
    """Interval (N, F) and values (k + 1, N, F) on evenly spaced knots; 0 at both outermost ones."""
    knots = basis.knots
    count = knots.shape[1] - 1
    low, high = knots[:, 0], knots[:, -1]
    place = ((x - low) * (count / (high - low))).clamp(0, count)
    floor = place.floor().clamp_(max=count - 1)
    interval = floor.nan_to_num(0.0).long()
    within = place - floor
    values = torch.stack([1 - within, within])
    for p in range(2, basis.degree + 1):
        ahead = torch.arange(p - 1, -1, -1, dtype=x.dtype, device=x.device)[:, None, None]
        values = _one_up(values, (within + ahead).div_(p))
    return interval, values


def _uneven(x: Tensor, basis: BSpline) -> tuple[Tensor, Tensor]:
    """The same on any knots."""
    degree, knots = basis.degree, basis.knots
    count = knots.shape[1] - 1
    found = torch.searchsorted(knots, x.mT.contiguous(), right=True).mT - 1
    if basis.closed:  # the last interval that is not empty contains its right end
        last = torch.searchsorted(knots, knots[:, -1:].contiguous()).mT - 1
        found = torch.where(x == knots[:, -1], last, found)
    values = ((found >= 0) & (found < count)).to(x.dtype)[None]
    interval = found.clamp(0, count - 1)
    # Ends repeated for splines that do not exist.
    further = F.pad(knots[None], (degree, degree), mode="replicate")[0]
    width = further.shape[1]
    start = interval + torch.arange(1, len(knots) * width, width, device=x.device)
    around = further.take(start + torch.arange(2 * degree, device=x.device)[:, None, None])
    for p in range(1, degree + 1):
        left, right = around[degree - p : degree], around[degree : degree + p]
        widths = right - left
        slopes = torch.where(widths > 0, 1 / widths, 0)
        values = _one_up(values, (x - left) * slopes)
    return interval, values


def _one_up(values: Tensor, rise: Tensor) -> Tensor:
    """The recursion of Cox and de Boor, of those that are not 0: (p, N, F) → (p + 1, N, F)."""
    rising = rise * values
    raised = values.new_empty(len(values) + 1, *values.shape[1:])
    torch.sub(values, rising, out=raised[:-1])
    raised[-1] = rising[-1]
    raised[1:-1] += rising[:-1]
    return raised
