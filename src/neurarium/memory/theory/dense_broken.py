r"""One step of replica symmetry breaking in a dense associative memory at finite temperature.

Albanese et al., "Replica symmetry breaking in dense neural networks" (arXiv 2111.12997), derived
again; b, r, g as in :mod:`~neurarium.memory.theory.dense_symmetric`. For 0 < θ ≤ 1, q₁ ≤ q₂:

.. math:: h = b m^{P-1} + z_1 b \sqrt{r g'(q_1)} + z_2 b \sqrt{r (g'(q_2) - g'(q_1))}, \qquad
          \langle \cdot \rangle = \frac{E_2[\cosh^\theta h \; \cdot]}{E_2 \cosh^\theta h}

    m = E_1 \langle \tanh h \rangle, \quad q_1 = E_1 \langle \tanh h \rangle^2, \quad
    q_2 = E_1 \langle \tanh^2 h \rangle

    A = -\tfrac{P-1}{P} b m^P + \tfrac{b^2 r}{2} [g(1) - g'(q_2) + (1-\theta) G(q_2) + \theta
    G(q_1)] + \tfrac1\theta E_1 \log E_2 (2\cosh h)^\theta, \qquad G = q g' - g

A is stationary in m, q₁, q₂ and minimal in θ. At θ = 1 it is A_RS(q₁), for θ → 0 A_RS(q₂).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from .dense_arguments import require_signal_beta, require_theory
from .dense_noise import NoiseCovariance, noise_covariance
from .dense_stationary import stationary
from .fixed_point import FixedPoint, solve_fixed_point
from .quadrature import REACH, resolving_grid

BROKEN = 1e-6  # q₂ − q₁ above this is a broken symmetry
RECALLED = 0.5  # m above this is a retrieval state
SMOOTHED = 1.5  # margin of the slope that is left of tanh after the inner average
LARGEST_FIELD = (
    1900.0  # c (8 + θ c), c = b √r: beyond, the inner grid does not resolve tanh to 1e-9
)
THETAS = tuple(0.7**k for k in range(16))  # 1 … 0.005


@dataclass(frozen=True)
class DenseBroken:
    """A solution with one step of replica symmetry breaking; q₁ = q₂ where it is not broken.

    Args:
        m: overlap with the recalled pattern.
        q1: overlap of replicas in different clusters.
        q2: overlap of replicas in one cluster.
        theta: θ, one minus the probability of one cluster; 1 where A does not depend on it.
        pressure: A = −βf.
        theta_slope: dA/dθ at fixed m, q₁, q₂.
        residual: the largest error in the equations for m, q₁, q₂.
        converged: whether that is below the tolerance and, if θ was asked for, it was found.
        num_iter: iterations at the last θ.
    """

    m: float
    q1: float
    q2: float
    theta: float
    pressure: float
    theta_slope: float
    residual: float
    converged: bool
    num_iter: int

    @property
    def broken(self) -> bool:
        """Whether q₂ differs from q₁."""
        return self.q2 - self.q1 > BROKEN


class _AtTheta(NamedTuple):
    """A candidate for :func:`stationary`."""

    solution: DenseBroken
    lost: bool

    @property
    def breaking(self) -> float:
        return self.solution.theta

    @property
    def slope(self) -> float:
        return self.solution.theta_slope


class _Problem(NamedTuple):
    """What stays fixed while the equations are solved."""

    b: float
    noise: float
    degree: int
    energy: str
    start: Tensor
    tol: float
    max_iter: int


class _Averages(NamedTuple):
    """Averages over both fields."""

    tanh: Tensor  # E₁⟨tanh h⟩
    tanh_1: Tensor  # E₁⟨tanh h⟩²
    tanh_2: Tensor  # E₁⟨tanh² h⟩
    log_z: Tensor  # E₁ log E₂ (2 cosh h)^θ
    log_cosh: Tensor  # E₁⟨log 2 cosh h⟩


def dense_one_rsb(
    signal_beta: float,
    noise: float,
    degree: int,
    *,
    theta: float | None = None,
    phase: str = "retrieval",
    energy: str = "distinct",
    tol: float = 1e-12,
    max_iter: int = 20_000,
) -> DenseBroken:
    """Solve the equations of one-step replica symmetry breaking.

    `Replica symmetry breaking in dense neural networks <https://arxiv.org/abs/2111.12997>`_; see
    the module for the equations.

    Args:
        signal_beta: b = β/(P−1)!.
        noise: r.
        degree: P, even; in the glass phase also odd.
        theta: θ in (0, 1]; by default the one at which A is minimal. 1 is returned where the
            symmetry is not broken, and in a glass above its static transition.
        phase: ``"retrieval"``, from m = q₂ = 1, or ``"glass"`` (m = q₁ = 0).
        energy: ``"distinct"`` or ``"power"``.
        tol: on the residual.
        max_iter: iterations at most, for each θ.

    Raises:
        ValueError: for arguments out of range.

    Example:
        >>> found = dense_one_rsb(2.0, 1.5, 3, theta=0.7, phase="glass")
        >>> round(found.q2, 6), round(found.pressure, 6)
        (0.888528, 1.64632)
    """
    require_signal_beta(signal_beta)
    require_theory(noise, degree, phase, energy)
    if theta is not None and not 0 < theta <= 1:
        raise ValueError(f"theta must lie in (0, 1]: got {theta}")
    largest = _largest_theta(signal_beta, noise)
    if largest < (THETAS[-1] if theta is None else theta):
        raise ValueError(
            f"signal_beta must be smaller for theta {theta} and noise {noise}: got {signal_beta}; "
            "dense_ground_state solves zero temperature"
        )
    start = (1.0, 0.5, 1.0) if phase == "retrieval" else (0.0, 0.0, 1.0)
    problem = _Problem(
        signal_beta, noise, degree, energy, torch.tensor(start).double(), tol, max_iter
    )
    if theta is not None:
        return _solve(problem, theta, problem.start)
    return _minimise(problem, phase == "retrieval")


def _largest_theta(signal_beta: float, noise: float) -> float:
    """The largest θ up to 1 at which the fields are resolved; negative where there is none."""
    c = signal_beta * noise**0.5
    return 1.0 if c == 0 else min(1.0, (LARGEST_FIELD / c - REACH) / c)


def _minimise(problem: _Problem, retrieval: bool) -> DenseBroken:
    """The θ at which A is least, or 1 where A does not depend on θ or falls up to there."""

    def solve(theta: float, near: _AtTheta | None) -> _AtTheta:
        begin = problem.start if near is None else _order(near.solution)
        found = _solve(problem, theta, begin)
        return _AtTheta(found, not found.broken or (retrieval and found.m <= RECALLED))

    largest = _largest_theta(problem.b, problem.noise)
    end = _solve(problem, largest, problem.start)
    if retrieval:
        middle = _solve(problem, min(0.5, largest), problem.start)
        if middle.m > RECALLED and not middle.broken:
            return replace(middle, theta=1.0)
    elif not end.broken or end.theta_slope <= 0:
        return end  # a paramagnet; or clusters so many that the minimum lies beyond θ = 1
    best = stationary(solve, [largest, *(x for x in THETAS if x < largest)])
    return replace(end, converged=False) if best is None else best.solution


def _order(solution: DenseBroken) -> Tensor:
    return torch.tensor([solution.m, solution.q1, solution.q2], dtype=torch.float64)


def _solve(problem: _Problem, theta: float, start: Tensor) -> DenseBroken:
    """m, q₁ and q₂ at one θ."""
    covariance = noise_covariance(problem.degree, problem.energy)
    allowed = (problem.start > 0).double()  # a glass keeps m = q₁ = 0 also where that is unstable

    def averages(order: Tensor) -> _Averages:
        m, q1, q2 = order
        return _averages(m, q1, q2, theta, problem.b, problem.noise, problem.degree, covariance)

    def update(order: Tensor) -> Tensor:
        found = averages(order)
        return torch.stack((found.tanh, found.tanh_1, found.tanh_2)) * allowed

    found = solve_fixed_point(update, start, tol=problem.tol, max_iter=problem.max_iter)
    return _solution(found, theta, problem)


def _solution(found: FixedPoint, theta: float, problem: _Problem) -> DenseBroken:
    m, q1, q2 = found.value
    pressure, slope = (
        function(
            m,
            q1,
            q2,
            theta=theta,
            signal_beta=problem.b,
            noise=problem.noise,
            degree=problem.degree,
            energy=problem.energy,
        )
        for function in (dense_one_rsb_pressure, dense_one_rsb_theta_slope)
    )
    return DenseBroken(
        float(m),
        float(q1),
        float(q2),
        theta,
        float(pressure),
        float(slope),
        found.residual,
        found.converged,
        found.num_iter,
    )


def _averages(
    m: Tensor,
    q1: Tensor,
    q2: Tensor,
    theta: float | Tensor,
    b: float,
    noise: float,
    degree: int,
    covariance: NoiseCovariance,
) -> _Averages:
    """All averages at once: the fields on the product of two grids."""
    outer = b * (noise * covariance.slope(q1)).sqrt()
    inner = b * (noise * (covariance.slope(q2) - covariance.slope(q1))).clamp_min(0).sqrt()
    width, theta_value = float(inner.detach()), float(theta)
    smooth = SMOOTHED * (theta_value + 1 / max(width, SMOOTHED))  # after the inner average
    first = resolving_grid(float(outer.detach()) * min(1.0, smooth))
    second = resolving_grid(width, shift=theta_value * width)
    h = b * m ** (degree - 1) + (first.nodes * outer)[:, None] + second.nodes * inner
    decay = torch.exp(-2 * h.abs())
    log_cosh = h.abs() + torch.log1p(decay)  # of 2 cosh h
    tanh = h.sign() * (1 - decay) / (1 + decay)
    exponent = theta * log_cosh + second.log_weights()
    largest = exponent.amax(-1, keepdim=True)
    weights = torch.exp(exponent - largest)
    total = weights.sum(-1)
    share = weights / total[:, None]
    inner_tanh = (share * tanh).sum(-1)
    return _Averages(
        first.mean(inner_tanh),
        first.mean(inner_tanh.square()),
        first.mean((share * tanh.square()).sum(-1)),
        first.mean(torch.log(total) + largest[:, 0]),
        first.mean((share * log_cosh).sum(-1)),
    )


def dense_one_rsb_pressure(
    m: Float[Tensor, ""],
    q1: Float[Tensor, ""],
    q2: Float[Tensor, ""],
    *,
    theta: float | Float[Tensor, ""],
    signal_beta: float,
    noise: float,
    degree: int,
    energy: str = "distinct",
) -> Float[Tensor, ""]:
    """A₁(m, q₁, q₂, θ) = −βf at any arguments, differentiable where 0 < q₁ < q₂.

    `Replica symmetry breaking in dense neural networks <https://arxiv.org/abs/2111.12997>`_; see
    the module for the formula.

    Args:
        m: overlap with the recalled pattern.
        q1: overlap of replicas in different clusters.
        q2: overlap of replicas in one cluster.
        theta: θ in (0, 1].
        signal_beta: b.
        noise: r.
        degree: P.
        energy: ``"distinct"`` or ``"power"``.

    Shapes:
        - m, q1, q2: (), float64
        - output: ()

    Raises:
        ValueError: for an unknown energy or degree.

    Example:
        >>> m, q1, q2 = torch.tensor([0.9, 0.8, 0.85], dtype=torch.float64)
        >>> setting = {"signal_beta": 5.0, "noise": 0.1, "degree": 4}
        >>> from neurarium.memory.theory import dense_rs_pressure
        >>> at_one = dense_one_rsb_pressure(m, q1, q2, theta=1.0, **setting)
        >>> bool((at_one - dense_rs_pressure(m, q1, **setting)).abs() < 1e-12)
        True
    """
    covariance = noise_covariance(degree, energy)
    found = _averages(m, q1, q2, theta, signal_beta, noise, degree, covariance)
    one = covariance.value(torch.ones_like(q2))
    glass = one - covariance.slope(q2)
    glass = glass + (1 - theta) * covariance.reaction(q2) + theta * covariance.reaction(q1)
    return (
        -(degree - 1) / degree * signal_beta * m**degree
        + signal_beta**2 * noise / 2 * glass
        + found.log_z / theta
    )


def dense_one_rsb_theta_slope(
    m: Float[Tensor, ""],
    q1: Float[Tensor, ""],
    q2: Float[Tensor, ""],
    *,
    theta: float,
    signal_beta: float,
    noise: float,
    degree: int,
    energy: str = "distinct",
) -> Float[Tensor, ""]:
    r"""∂A₁/∂θ at fixed m, q₁, q₂; zero at the θ of the solution.

    `Replica symmetry breaking in dense neural networks <https://arxiv.org/abs/2111.12997>`_:

    .. math:: \frac{b^2 r}{2} [G(q_1) - G(q_2)] - \frac{1}{\theta^2} E_1 \log Z +
              \frac1\theta E_1 \langle \log 2\cosh h \rangle

    Args:
        m: overlap with the recalled pattern.
        q1: overlap of replicas in different clusters.
        q2: overlap of replicas in one cluster.
        theta: θ in (0, 1].
        signal_beta: b.
        noise: r.
        degree: P.
        energy: ``"distinct"`` or ``"power"``.

    Shapes:
        - m, q1, q2: (), float64
        - output: ()

    Raises:
        ValueError: for an unknown energy or degree.

    Example:
        >>> m, q = torch.tensor([0.9, 0.8], dtype=torch.float64)
        >>> slope = dense_one_rsb_theta_slope(
        ...     m, q, q, theta=0.5, signal_beta=5.0, noise=0.1, degree=4
        ... )
        >>> bool(slope.abs() < 1e-12)  # without breaking nothing depends on θ
        True
    """
    covariance = noise_covariance(degree, energy)
    found = _averages(m, q1, q2, theta, signal_beta, noise, degree, covariance)
    glass = covariance.reaction(q1) - covariance.reaction(q2)
    return signal_beta**2 * noise / 2 * glass - found.log_z / theta**2 + found.log_cosh / theta
