r"""Lines in the plane of temperature and noise: where retrieval ends, where its symmetry breaks.

Albanese et al., "Replica symmetry breaking in dense neural networks" (arXiv 2111.12997), derived
again, in units of the signal: b = β/(P−1)!, noise r.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from .dense_arguments import require_signal_beta, require_theory
from .dense_limits import DenseCapacity, dense_capacity, largest_noise
from .dense_noise import dense_load
from .dense_symmetric import dense_rs, replicon, rs_update

LARGEST_BETA = 1e5
TOLERANCE = 1e-9


@dataclass(frozen=True)
class DenseOnset:
    """A point where something begins.

    Args:
        signal_beta: b there.
        m: overlap with the recalled pattern there.
        residual: the error in the equation that defines it.
        converged: whether it was found.
        num_iter: evaluations of that equation.
    """

    signal_beta: float
    m: float
    residual: float
    converged: bool
    num_iter: int


NOT_FOUND = DenseOnset(math.nan, math.nan, math.inf, False, 0)


def dense_onset(degree: int) -> DenseOnset:
    """The smallest b at which a pattern can be recalled at all, at vanishing load.

    From m = tanh(b m^(P−1)): b = artanh(m)/m^(P−1) is least where m = (P−1)(1−m²) artanh(m).
    `Replica symmetry breaking in dense neural networks <https://arxiv.org/abs/2111.12997>`_.

    Args:
        degree: P, even, at least 4.

    Raises:
        ValueError: for another degree.

    Example:
        >>> found = dense_onset(4)
        >>> round(found.signal_beta, 6), round(found.m, 6)
        (2.016998, 0.889437)
    """
    from scipy.optimize import brentq

    require_theory(0.0, degree, "retrieval", "distinct")

    def slope(m: float) -> float:
        return (degree - 1) * (1 - m * m) * math.atanh(m) - m

    m, report = brentq(slope, 0.1, 1 - 1e-12, xtol=1e-15, full_output=True)
    beta = math.atanh(m) / m ** (degree - 1)
    return DenseOnset(beta, m, abs(slope(m)), report.converged, report.function_calls)


def dense_spinodal(signal_beta: float, degree: int, *, energy: str = "distinct") -> DenseCapacity:
    """The largest noise at which a pattern is recalled at a temperature, replica symmetric.

    `Replica symmetry breaking in dense neural networks <https://arxiv.org/abs/2111.12997>`_.

    Args:
        signal_beta: b, above :func:`dense_onset`.
        degree: P, even, at least 4.
        energy: ``"distinct"`` or ``"power"``.

    Raises:
        ValueError: for arguments out of range, and for a b at which nothing is ever recalled.

    Example:
        >>> round(dense_spinodal(10.0, 4).noise, 5)
        0.21767
    """
    require_signal_beta(signal_beta)
    require_theory(0.0, degree, "retrieval", energy)
    onset = dense_onset(degree).signal_beta
    if signal_beta <= onset:
        raise ValueError(
            f"signal_beta must exceed {onset:.6f} for degree {degree}: got {signal_beta}"
        )
    noise = 1.2 * dense_capacity(degree).noise
    begin = dense_rs(signal_beta, noise, degree, energy=energy)
    while begin.m < 0.5:
        noise *= 0.9
        begin = dense_rs(signal_beta, noise, degree, energy=energy)

    def equations(unknown: Sequence[float], m: float) -> list[float]:
        order = torch.tensor([m, unknown[0]], dtype=torch.float64)
        update = rs_update(signal_beta, math.exp(unknown[1]), degree, energy)
        return (update(order) - order).tolist()

    largest, m, residual, num_iter = largest_noise(equations, [begin.q, math.log(noise)], begin.m)
    load = dense_load(largest, degree, energy=energy)
    return DenseCapacity(largest, load, m, residual, residual < 1e-9, num_iter)


def dense_at_line(noise: float, degree: int, *, energy: str = "distinct") -> DenseOnset:
    """The b above which the recalled state breaks replica symmetry: its replicon is 1.

    The line of de Almeida and Thouless; `Replica symmetry breaking in dense neural networks
    <https://arxiv.org/abs/2111.12997>`_. Not found where no pattern is recalled.

    Args:
        noise: r, positive.
        degree: P, even, at least 4.
        energy: ``"distinct"`` or ``"power"``.

    Raises:
        ValueError: for arguments out of range.

    Example:
        >>> round(dense_at_line(0.19, 4).signal_beta, 4)
        12.5805
    """
    from scipy.optimize import brentq

    require_theory(noise, degree, "retrieval", energy)
    if not noise > 0:
        raise ValueError(f"noise must be positive: got {noise}")

    def excess(beta: float) -> tuple[float, float]:
        state = dense_rs(beta, noise, degree, energy=energy)
        found = replicon(
            state.m, state.q, signal_beta=beta, noise=noise, degree=degree, energy=energy
        )
        return found - 1, state.m

    low = high = dense_onset(degree).signal_beta
    recalled = False
    value, m = excess(high)
    while not (m > 0.5 and value > 0):
        if recalled and m <= 0.5:  # lost again in the cold: is the last state unstable?
            high = _last(lambda b: excess(b)[1] > 0.5, low, high)
            if excess(high)[0] <= 0:
                return NOT_FOUND
            break
        if high > LARGEST_BETA:
            return NOT_FOUND
        low, recalled = high, m > 0.5
        high *= 1.15
        value, m = excess(high)
    beta, report = brentq(lambda b: excess(b)[0], low, high, xtol=1e-12, full_output=True)
    value, m = excess(beta)
    converged = m > 0.5 and abs(value) < TOLERANCE  # no sign change where the pattern is lost
    return DenseOnset(beta, m, abs(value), converged, report.function_calls)


def _last(holds: Callable[[float], bool], low: float, high: float) -> float:
    """The largest b between one where something holds and one where it does not."""
    for _ in range(24):
        middle = (low + high) / 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low
