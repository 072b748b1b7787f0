"""Inputs beyond what a layer's functions see are announced, once.

B-splines (KAN, https://arxiv.org/abs/2404.19756) and windows are 0 beyond their grid and squashed
polynomials constant: a layer that is fed ages or pixels of 0 to 255 trains, and learns little.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import NamedTuple

import torch
from torch import Tensor

from neurarium.neurons.basis import Basis
from neurarium.neurons.bspline import BSpline
from neurarium.neurons.plain_tensors import is_plain
from neurarium.neurons.polynomials import Polynomials
from neurarium.neurons.relu_window import ReLUWindow

MANY = 0.5
"""Share of inputs beyond; of normalised ones, which are not announced, it is a third."""
POLYNOMIAL_REACH: dict[str | None, tuple[float, str]] = {
    "tanh": (3.0, "barely varies"),
    "clamp": (1.0, "does not vary"),
    None: (1.0, "grows without bound"),
}
"""How inputs are squashed → how far a polynomial is of use, and what it does beyond."""


class Reach(NamedTuple):
    """Between which inputs functions are of use, in numbers or (F,), and what they do beyond."""

    low: Tensor | float
    high: Tensor | float
    beyond: str


def reach_of(basis: Basis) -> Reach | None:
    """The reach of a family; None where it has no end.

    Example:
        >>> reach_of(ReLUWindow(1, grid_size=4, order=1))  # windows begin and end a step outside
        Reach(low=-0.25, high=1.25, beyond='is 0')
    """
    if isinstance(basis, BSpline):
        return Reach(*basis.grid_range, "fades to 0")
    if isinstance(basis, ReLUWindow):
        least = basis.low_end - basis.order * basis.step
        width = basis.step * (basis.num_functions + basis.order)
        return Reach(least, least + width, "is 0")
    if isinstance(basis, Polynomials):
        reach, beyond = POLYNOMIAL_REACH[basis.squash]
        return Reach(-reach, reach, beyond)
    return None


class ReachWatch:
    """Looks at the first input of a layer, the second, the fourth and so on, until it has warned.

    Args:
        last: number of the call after which it looks no more; None: never.

    Example:
        >>> watch = ReachWatch()
        >>> with warnings.catch_warnings(record=True) as caught:
        ...     warnings.simplefilter("always")
        ...     watch.look(torch.full((4, 1), 9.0), [BSpline(1)], advice="normalise them")
        ...     watch.look(torch.full((4, 1), 9.0), [BSpline(1)], advice="normalise them")
        >>> print(*(each.message for each in caught))
        100% of the inputs lie beyond [-1, 1], where BSpline fades to 0; normalise them
    """

    def __init__(self, *, last: int | None = None) -> None:
        self._last, self._num_seen, self._has_warned = last, 0, False

    def look(self, x: Tensor, bases: Iterable[Basis], *, advice: str, axis: int = -1) -> None:
        """Warn once if more than half of the inputs lie beyond all that a family sees.

        Args:
            x: inputs, features along ``axis``.
            bases: the families that are applied to them.
            advice: what to do about it.
            axis: of the features.
        """
        is_over = self._has_warned or self._num_seen == self._last
        if is_over or not x.numel() or not is_plain(x):
            return
        self._num_seen += 1
        if self._num_seen & (self._num_seen - 1):
            return
        points = x.detach().movedim(axis, -1)
        for basis in bases:
            reach = reach_of(basis)
            if reach is None:
                continue
            low, high, beyond = reach
            share = ((points < low) | (points > high)).float().mean().item()
            if share > MANY:
                self._has_warned = True
                least, most = float(torch.as_tensor(low).min()), float(torch.as_tensor(high).max())
                warnings.warn(
                    f"{share:.0%} of the inputs lie beyond [{least:.3g}, {most:.3g}], where "
                    f"{type(basis).__name__} {beyond}; {advice}",
                    stacklevel=5,
                )
                return
