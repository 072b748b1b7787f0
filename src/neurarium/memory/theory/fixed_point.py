"""Damped iteration of self-consistency equations, x ← (1 − damping) f(x) + damping x."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from neurarium.memory.arguments import require_count


class FixedPoint(NamedTuple):
    """Where an iteration ended; ``residual`` is the largest |f(x) − x| there."""

    value: Tensor
    residual: float
    converged: bool
    num_iter: int


@torch.no_grad()
def solve_fixed_point(
    update: Callable[[Tensor], Tensor],
    start: Float[Tensor, " ..."],
    *,
    damping: float = 0.0,
    tol: float = 1e-12,
    max_iter: int = 20_000,
) -> FixedPoint:
    """Iterate x ← (1 − damping) f(x) + damping x until |f(x) − x| ≤ tol everywhere.

    No acceleration: order parameters that start above a solution come down to the largest one,
    and past the end of a branch they leave it, instead of being thrown to another.

    Args:
        update: f, a map of tensors of the shape of ``start``.
        start: where to begin.
        damping: share of the old value that is kept, in [0, 1).
        tol: on the largest residual.
        max_iter: evaluations of f at most.

    Raises:
        ValueError: for a damping outside [0, 1), a ``tol`` that is not positive or a ``max_iter``
            below 1.

    Example:
        >>> found = solve_fixed_point(torch.cos, torch.tensor([1.0], dtype=torch.float64))
        >>> round(found.value.item(), 9), found.converged
        (0.739085133, True)
    """
    require_count("max_iter", max_iter)
    if not 0 <= damping < 1:
        raise ValueError(f"damping must lie in [0, 1): got {damping}")
    if not tol > 0:
        raise ValueError(f"tol must be positive: got {tol}")
    value, residual = start, float("inf")
    for num_iter in range(1, max_iter + 1):
        following = update(value)
        residual = float((following - value).abs().max())
        if residual <= tol:
            return FixedPoint(following, residual, True, num_iter)
        value = torch.lerp(following, value, damping)
    return FixedPoint(value, residual, False, max_iter)
