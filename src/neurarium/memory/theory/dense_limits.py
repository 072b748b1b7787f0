r"""Where retrieval ends at zero temperature: capacities, and the noise at which the glass wins.

Albanese et al., "Replica symmetry breaking in dense neural networks" (arXiv 2111.12997), derived
again. With x = m^{P−1}/√(2r) the replica-symmetric equation becomes r = erf(x)^{2P−2}/(2x²), whose
largest value is the capacity. With one step of breaking, m is held fixed and the equations are
solved for q₁, D and r; the capacity is the largest r along that curve.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from .dense_arguments import require_theory
from .dense_noise import dense_load, noise_covariance
from .dense_zero_temperature import LEVELS, OneStep, dense_ground_state

STEP = 0.1  # in log(1 − m), along the curve of solutions


@dataclass(frozen=True)
class DenseCapacity:
    """The end of retrieval.

    Args:
        noise: r_c.
        load: α_c = K/N^(P−1) for the energy that was asked for.
        m: overlap with the recalled pattern there.
        residual: the largest error in the equations there.
        converged: whether that is below 1e-9.
        num_iter: evaluations of the equations.
    """

    noise: float
    load: float
    m: float
    residual: float
    converged: bool
    num_iter: int


def dense_capacity(degree: int, *, level: str = "rs", energy: str = "distinct") -> DenseCapacity:
    """The largest noise, and load, at which a dense memory has a retrieval state at T = 0.

    `Replica symmetry breaking in dense neural networks <https://arxiv.org/abs/2111.12997>`_; see
    the module for the equations. With ``"1rsb"`` this is where the curve of solutions of all
    equations, that for D included, turns back.

    Args:
        degree: P, even, at least 4.
        level: ``"rs"`` or ``"1rsb"``.
        energy: ``"distinct"`` or ``"power"``.

    Raises:
        ValueError: for arguments out of range.

    Example:
        >>> found = dense_capacity(4)
        >>> [round(x, 6) for x in (found.noise, found.m, found.load)]
        [0.19786, 0.917922, 0.032977]
    """
    require_theory(0.0, degree, "retrieval", energy)
    if level not in LEVELS:
        raise ValueError(f"level must be 'rs' or '1rsb': got {level!r}")
    noise, m, residual, num_iter = _symmetric(degree) if level == "rs" else _broken(degree, energy)
    load = dense_load(noise, degree, energy=energy)
    return DenseCapacity(noise, load, m, residual, residual < 1e-9, num_iter)


def _symmetric(degree: int) -> tuple[float, float, float, int]:
    """The maximum over x: (P − 1) x erf′(x) = erf(x)."""
    from scipy.optimize import brentq

    def slope(x: float) -> float:
        return 2 * (degree - 1) * x * math.exp(-x * x) / math.sqrt(math.pi) - math.erf(x)

    x, report = brentq(slope, 0.5, 10.0, xtol=1e-15, full_output=True)
    m = math.erf(x)
    return m ** (2 * degree - 2) / (2 * x * x), m, abs(slope(x)), report.function_calls


def _broken(degree: int, energy: str) -> tuple[float, float, float, int]:
    covariance = noise_covariance(degree, energy)
    noise = _symmetric(degree)[0]
    begin = dense_ground_state(noise, degree, energy=energy)

    def equations(unknown: Sequence[float], m: float) -> list[float]:
        q1, breaking = unknown[0], math.exp(unknown[1])
        problem = OneStep(math.exp(unknown[2]), degree, covariance)
        order = torch.tensor([m, q1], dtype=torch.float64)
        errors = problem.update(order, breaking) - order
        return [*errors.tolist(), float(problem.energy(order, breaking)[1])]

    start = [begin.q1, math.log(begin.breaking), math.log(noise)]
    return largest_noise(equations, start, begin.m)


def largest_noise(
    equations: Callable[[Sequence[float], float], list[float]], start: Sequence[float], m: float
) -> tuple[float, float, float, int]:
    """The largest r along a curve of solutions with ever smaller m.

    Args:
        equations: (unknowns, m) → errors; the last unknown is log r.
        start: the unknowns at ``m``.
        m: where the curve begins, at an r that still increases as m falls.

    Returns:
        r, m, the largest error there, and how often the equations were evaluated.
    """
    from scipy.optimize import minimize_scalar, root

    unknown, num_iter = list(start), 0

    def negative_log(log_missing: float) -> float:
        nonlocal unknown, num_iter
        found = root(equations, unknown, args=(1 - math.exp(log_missing),), tol=1e-13)
        unknown, num_iter = list(found.x), num_iter + found.nfev
        return -unknown[-1]

    at = math.log(1 - m)
    last, value = math.inf, negative_log(at)
    while value < last and at < -STEP:
        at += STEP
        last, value = value, negative_log(at)
    found = minimize_scalar(
        negative_log, bounds=(at - 2 * STEP, at), method="bounded", options={"xatol": 1e-8}
    )
    noise, m = math.exp(-negative_log(found.x)), 1 - math.exp(found.x)
    return noise, m, max(map(abs, equations(unknown, m))), num_iter


def dense_transition(degree: int, *, level: str = "1rsb", energy: str = "distinct") -> float:
    """The noise above which the glass (one step of breaking) lies below the retrieval state.

    Between this and the capacity retrieval is metastable. `Replica symmetry breaking in dense
    neural networks <https://arxiv.org/abs/2111.12997>`_.

    Args:
        degree: P, even, at least 4.
        level: of the retrieval state, ``"rs"`` or ``"1rsb"``.
        energy: ``"distinct"`` or ``"power"``.

    Raises:
        ValueError: for arguments out of range.

    Example:
        >>> round(dense_transition(4, level="rs"), 6)
        0.190287
    """
    from scipy.optimize import brentq

    capacity = dense_capacity(degree, energy=energy).noise

    def gap(noise: float) -> float:
        recalled = dense_ground_state(noise, degree, level=level, energy=energy)
        glass = dense_ground_state(noise, degree, phase="glass", energy=energy)
        return recalled.energy - glass.energy

    low = 0.5 * capacity
    while gap(low) >= 0:  # of higher degrees: at little noise retrieval lies lower in all of them
        low /= 2
    return float(brentq(gap, low, capacity * (1 - 1e-6), xtol=1e-11))
