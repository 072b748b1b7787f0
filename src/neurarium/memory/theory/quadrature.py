r"""Averages over a standard normal variable, E f(z), by the trapezoid rule.

For a function that is analytic in a strip around the real line the rule converges exponentially in
1/step, which Gauss–Hermite nodes, spread ever wider, do not for the steep functions of a
low-temperature mean-field theory.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

REACH = 8.0
MIN_POINTS, MAX_POINTS = 161, 8001
POINTS_PER_SLOPE = 50  # the poles of tanh(c z) at iπ/2c leave exp(−π² / (c · step)) ~ 4e-14


class GaussianGrid(NamedTuple):
    """Nodes z and weights w with Σ w f(z) ≈ E f(z); a single node 0 where nothing depends on z."""

    nodes: Tensor
    weights: Tensor

    def mean(self, values: Float[Tensor, "... Z"]) -> Float[Tensor, " ..."]:
        """E of values on the nodes, along the last axis."""
        return values @ self.weights

    def log_weights(self) -> Tensor:
        """log w of equidistant nodes, also where w itself is too small to be a number."""
        return self.weights.max().log() - self.nodes.square() / 2


def gaussian_grid(num_points: int, *, reach: float = REACH) -> GaussianGrid:
    """Equidistant nodes on [−reach, reach] with the normal density as weights, float64.

    Args:
        num_points: how many; odd, so that 0 is one of them.
        reach: the last node.

    Raises:
        ValueError: if ``num_points`` is even or below 3, or ``reach`` is not positive.

    Example:
        >>> grid = gaussian_grid(801)
        >>> [round(abs(grid.mean(grid.nodes**k).item()), 10) for k in (0, 1, 2, 4)]
        [1.0, 0.0, 1.0, 3.0]
    """
    if num_points < 3 or num_points % 2 == 0:
        raise ValueError(f"num_points must be odd and at least 3: got {num_points}")
    if not reach > 0:
        raise ValueError(f"reach must be positive: got {reach}")
    half = num_points // 2
    nodes = torch.arange(-half, half + 1, dtype=torch.float64) * (reach / half)
    density = torch.exp(-nodes.square() / 2) / math.sqrt(2 * math.pi)
    return GaussianGrid(nodes, density * (reach / half))


def resolving_grid(slope: float, *, shift: float = 0.0) -> GaussianGrid:
    """The grid that resolves tanh(slope · z) to rounding, and a weight exp(shift · z) beside it.

    Args:
        slope: how steep the function is, c of tanh(c z); 0 gives a single node.
        shift: a weight exp(shift · z) moves the density's centre there.

    Example:
        >>> grid = resolving_grid(20.0)
        >>> round(grid.mean(torch.tanh(20 * grid.nodes) ** 2).item(), 12)
        0.960146698306
        >>> len(resolving_grid(0.0).nodes)
        1
    """
    if slope == 0:
        return GaussianGrid(torch.zeros(1, dtype=torch.float64), torch.ones(1, dtype=torch.float64))
    reach = REACH + abs(shift)
    needed = math.ceil(POINTS_PER_SLOPE * abs(slope) * reach / REACH)
    num_points = min(max(MIN_POINTS, needed), MAX_POINTS)
    return gaussian_grid(num_points | 1, reach=reach)


def clustered_grid(
    centre: float, width: float, *, num_points: int = 1001, reach: float = REACH
) -> GaussianGrid:
    """Nodes z = centre + width · sinh(u), u equidistant: dense where a function changes abruptly.

    Args:
        centre: where it changes; taken into [−reach, reach].
        width: over what distance.
        num_points: how many.
        reach: the last nodes lie at ±reach.

    Raises:
        ValueError: if ``width`` is not positive.

    Example:
        >>> grid = clustered_grid(0.5, 1e-6)
        >>> round(grid.mean(torch.special.erf((grid.nodes - 0.5) / 1e-6)).item(), 9)
        -0.382924923
        >>> round(-math.erf(0.5 / math.sqrt(2)), 9)
        -0.382924923
    """
    if not width > 0:
        raise ValueError(f"width must be positive: got {width}")
    centre = min(max(centre, -reach), reach)
    low, high = (math.asinh((end - centre) / width) for end in (-reach, reach))
    u = torch.linspace(low, high, num_points, dtype=torch.float64)
    nodes = centre + width * torch.sinh(u)
    density = torch.exp(-nodes.square() / 2) / math.sqrt(2 * math.pi)
    return GaussianGrid(nodes, density * width * torch.cosh(u) * (u[1] - u[0]))
