"""The breaking parameter (θ, or D at zero temperature) at which the free energy is stationary.

For each value the order parameters are solved first. Beyond the replica-symmetric capacity only a
window of values has a retrieval state, so a bracket may begin with a value that has none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol, TypeVar

CLOSEST = 1e-6  # relative width at which a bracket without a root is given up


class Candidate(Protocol):
    """Order parameters at one value of the breaking parameter."""

    @property
    def lost(self) -> bool:
        """Whether there is no state of the phase that was asked for."""

    @property
    def breaking(self) -> float:
        """The value."""

    @property
    def slope(self) -> float:
        """The derivative of the free energy to be made zero; positive above the root."""


C = TypeVar("C", bound=Candidate)


def stationary(
    solve: Callable[[float, C | None], C], values: Iterable[float], *, xtol: float = 1e-9
) -> C | None:
    """The candidate at the largest root within ``values``; None where there is none.

    Args:
        solve: value → candidate; begins from another candidate's order parameters if given one.
        values: descending; neighbours bracket the root.
        xtol: of the root.
    """
    high: C | None = None
    for value in values:
        low = solve(value, None)
        if high is not None and _is_bracket(low, high):
            found = _close_in(solve, low, high, xtol)
            if found is not None:
                return found
        high = low
    return None


def _is_bracket(low: Candidate, high: Candidate) -> bool:
    if low.lost and high.lost:
        return False
    return (low.lost or low.slope <= 0) and (high.lost or high.slope > 0)


def _close_in(solve: Callable[[float, C | None], C], low: C, high: C, xtol: float) -> C | None:
    """Bisect until both ends have a state, then find the root between them."""
    from scipy.optimize import brentq

    while low.lost or high.lost:
        if high.breaking < (1 + CLOSEST) * low.breaking:
            return None
        middle = solve((low.breaking * high.breaking) ** 0.5, None)
        is_low = low.lost if middle.lost else middle.slope <= 0
        low, high = (middle, high) if is_low else (low, middle)
    near = high

    def slope(value: float) -> float:
        return solve(value, near).slope

    return solve(float(brentq(slope, low.breaking, high.breaking, xtol=xtol)), None)
