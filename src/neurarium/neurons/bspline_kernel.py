r"""B-splines at many points: the recursion for any knots, a closed form for uniform ones.

Cox–de Boor, degree k, for knots t_0 ≤ t_1 ≤ …:

.. math:: B_{j,0}(x) = 1[t_j \le x < t_{j+1}], \qquad
          B_{j,p}(x) = r_{j,p} B_{j,p-1}(x) + (1 - r_{j+1,p}) B_{j+1,p-1}(x), \qquad
          r_{j,p} = \frac{x - t_j}{t_{j+p} - t_j}

Uniform knots with spacing h, u = (x − centre_j)/h, (·)_+ = max(·, 0):

.. math:: B_j(x) = \frac{1}{k!} \sum_i (-1)^i \binom{k+1}{i}
          \bigl(\tfrac{k+1}{2} - i - |u|\bigr)_+^k

with ⌈(k+1)/2⌉ terms: for the cubic [(2 − |u|)_+³ − 4 (1 − |u|)_+³]/6. The factor 1/k! is drawn
into u, so a spline costs a few passes over memory and no division. Features come first, x (F, N)
gives (K, F, N). The splines of https://arxiv.org/abs/2404.19756.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F


class Recursion(NamedTuple):
    """Knots as the recursion wants them.

    Args:
        knots: (T, F, 1).
        slopes: 1/(t_{j+p} − t_j) for p = 1 … k, (T − p, F, 1) each; 0 where knots coincide.
        closed: whether the last interval that is not empty contains its right end. Where the last
            knots are distinct it makes no difference for k ≥ 1.
    """

    knots: Tensor
    slopes: list[Tensor]
    closed: bool = False

    @classmethod
    def of(cls, knots: Tensor, degree: int, *, closed: bool = False) -> Recursion:
        """From knots (F, T)."""
        t = knots.mT.unsqueeze(-1).contiguous()
        return cls(t, [_inverse_widths(t, p) for p in range(1, degree + 1)], closed)


def recursive_bspline(x: Tensor, recursion: Recursion) -> Tensor:
    """All B-splines of the highest degree."""
    return _raised(x, recursion, _lower(x, recursion, len(recursion.slopes)))


def linearize_recursive(x: Tensor, recursion: Recursion) -> tuple[Tensor, Tensor]:
    """Values (K, F, N), and D (K + 1, F, N) with B'_j = D_j − D_{j+1}."""
    lower = _lower(x, recursion, len(recursion.slopes))
    values = _raised(x, recursion, lower)
    return values, lower.mul_(recursion.slopes[-1] * len(recursion.slopes))


def recursive_pullback(differences: Tensor, gradient: Tensor) -> Tensor:
    """Σ_j g_j B'_j from the second result of :func:`linearize_recursive`."""
    return (differences[:-1] * gradient).sum(0).sub_((differences[1:] * gradient).sum(0))


def _lower(x: Tensor, recursion: Recursion, degree: int) -> Tensor:
    """B-splines of degree − 1; those of degree 0 are also the last of degree 0."""
    reached = (x >= recursion.knots).to(x.dtype)
    values = reached[:-1] - reached[1:]
    if recursion.closed:
        t = recursion.knots
        ends = (t[:-1] < t[-1:]) & (t[1:] == t[-1:]) & (x == t[-1:])
        values = torch.where(ends, torch.ones_like(values), values)
    for slope in recursion.slopes[: degree - 1]:
        values = _one_up(x, recursion.knots, slope, values)
    return values


def _raised(x: Tensor, recursion: Recursion, lower: Tensor) -> Tensor:
    if not recursion.slopes:
        return lower
    return _one_up(x, recursion.knots, recursion.slopes[-1], lower)


def _one_up(x: Tensor, knots: Tensor, slope: Tensor, values: Tensor) -> Tensor:
    rising = (x - knots[: len(slope)]) * slope * values
    return values[1:] - rising[1:] + rising[:-1]


class Uniform(NamedTuple):
    """Evenly spaced knots as the closed form wants them; lengths are in h times (1/k!)^(1/k).

    Args:
        low: (F, 1), the first knot, subtracted first: so a grid far from 0 loses no digits.
        scale: (F, 1), what x − low is multiplied by.
        places: (K, 1, 1), of the splines' centres after that.
        degree: k.
    """

    low: Tensor
    scale: Tensor
    places: Tensor
    degree: int

    @classmethod
    def of(cls, knots: Tensor, degree: int) -> Uniform:
        """From knots (F, T)."""
        low, high = knots[:, :1], knots[:, -1:]
        scale = _unit(degree) * (knots.shape[1] - 1) / (high - low)
        count = knots.shape[1] - degree - 1
        place = torch.arange(count, dtype=knots.dtype, device=knots.device) + (degree + 1) / 2
        return cls(low, scale, place[:, None, None] * _unit(degree), degree)


def uniform_bspline(x: Tensor, uniform: Uniform) -> Tensor:
    """All B-splines by the closed form."""
    degree = uniform.degree
    u = (x - uniform.low) * uniform.scale - uniform.places
    ramps = torch.relu(_half_width(degree) - u.abs())
    values = ramps**degree
    for i, factor in _terms(degree):
        values = values + factor * torch.relu(ramps - i * _unit(degree)) ** degree
    return values


def fill_uniform(x: Tensor, uniform: Uniform, out: Tensor) -> None:
    """:func:`uniform_bspline` into ``out``, in place."""
    degree = uniform.degree
    torch.sub((x - uniform.low).mul_(uniform.scale), uniform.places, out=out)
    out.abs_().neg_().add_(_half_width(degree)).clamp_(min=0)
    further = [
        (factor, _power_(_shifted(out, i * _unit(degree)), degree)) for i, factor in _terms(degree)
    ]
    _power_(out, degree)
    for factor, values in further:
        out.add_(values, alpha=factor)


def linearize_uniform(x: Tensor, uniform: Uniform) -> tuple[Tensor, Tensor]:
    """Values (K, F, N) and derivatives with respect to x."""
    degree = uniform.degree
    u = (x - uniform.low).mul_(uniform.scale) - uniform.places
    values = u.abs().neg_().add_(_half_width(degree)).clamp_(min=0)
    terms = [(factor, _shifted(values, i * _unit(degree))) for i, factor in _terms(degree)]
    slopes = _power_(values.clone(), degree - 1) if degree > 1 else values.sign()
    values.mul_(slopes)
    for factor, ramps in terms:
        power = _power_(ramps.clone(), degree - 1)
        values.add_(ramps.mul_(power), alpha=factor)
        slopes.add_(power, alpha=factor)
    return values, slopes.mul_(u.sign_().mul_(uniform.scale * -degree))


def _unit(degree: int) -> float:
    return math.factorial(degree) ** (-1 / degree)


def _half_width(degree: int) -> float:
    return (degree + 1) / 2 * _unit(degree)


def _terms(degree: int) -> list[tuple[int, float]]:
    """(i, (−1)^i binomial(k + 1, i)) for i ≥ 1, as long as the term is not zero everywhere."""
    return [(i, (-1.0) ** i * math.comb(degree + 1, i)) for i in range(1, (degree + 2) // 2)]


def _shifted(ramps: Tensor, offset: float) -> Tensor:
    """(ramp − offset)_+ of what is not negative, in one pass."""
    return F.softshrink(ramps, offset)


def _power_(x: Tensor, exponent: int) -> Tensor:
    """x to a small power in place; torch is fast for squares and cubes only."""
    if exponent in (2, 3):
        return x.pow_(exponent)
    base = x.clone() if exponent > 1 else x
    for _ in range(exponent - 1):
        x.mul_(base)
    return x


def _inverse_widths(t: Tensor, p: int) -> Tensor:
    """1/(t_{j+p} − t_j), 0 where knots coincide."""
    widths = t[p:] - t[:-p]
    return torch.where(widths > 0, 1 / widths.where(widths > 0, torch.ones_like(widths)), 0)
