r"""Replica-symmetric theory of a dense associative memory at finite temperature.

Albanese et al., "Replica symmetry breaking in dense neural networks" (arXiv 2111.12997), derived
again. In units of the signal, with inverse temperature b = β/(P−1)!, noise r and the covariance g
of :mod:`~neurarium.memory.theory.dense_noise`,

.. math:: h = b m^{P-1} + z b \sqrt{r g'(q)}, \qquad m = E \tanh h, \qquad q = E \tanh^2 h

    A = -\tfrac{P-1}{P} b m^P + \tfrac{b^2 r}{2} [g(1) - g'(q) + q g'(q) - g(q)] + E \log 2\cosh h

A = −βf is stationary at the solution. The solution is stable against replica symmetry breaking
where the replicon b² r g″(q) E sech⁴ h is below 1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from .dense_arguments import require_signal_beta, require_theory
from .dense_noise import NoiseCovariance, noise_covariance
from .fixed_point import FixedPoint, solve_fixed_point
from .quadrature import GaussianGrid, clustered_grid, resolving_grid

Scalar = Float[Tensor, ""]


@dataclass(frozen=True)
class DenseSymmetric:
    """A replica-symmetric solution.

    Args:
        m: overlap with the recalled pattern.
        q: overlap of two replicas.
        pressure: A = −βf.
        residual: the largest error in the equations for m and q.
        converged: whether that is below the tolerance.
        num_iter: iterations.
    """

    m: float
    q: float
    pressure: float
    residual: float
    converged: bool
    num_iter: int


def log_two_cosh(h: Tensor) -> Tensor:
    """log(2 cosh h) without overflow."""
    return h.abs() + torch.log1p(torch.exp(-2 * h.abs()))


def dense_rs(
    signal_beta: float,
    noise: float,
    degree: int,
    *,
    phase: str = "retrieval",
    energy: str = "distinct",
    damping: float = 0.0,
    tol: float = 1e-12,
    max_iter: int = 20_000,
) -> DenseSymmetric:
    """Solve the replica-symmetric equations.

    `Replica symmetry breaking in dense neural networks <https://arxiv.org/abs/2111.12997>`_; see
    the module for the equations. The iteration comes down from m = q = 1; where no retrieval is
    possible it ends with m = 0.

    Args:
        signal_beta: b = β/(P−1)!.
        noise: r; see :func:`~neurarium.memory.theory.dense_noise`.
        degree: P, even; in the glass phase also odd.
        phase: ``"retrieval"`` or ``"glass"`` (m = 0).
        energy: ``"distinct"`` or ``"power"``.
        damping: of the iteration.
        tol: on the residual.
        max_iter: iterations at most; then ``converged`` is False.

    Raises:
        ValueError: for arguments out of range.

    Example:
        >>> found = dense_rs(3.0, 0.1, 4)
        >>> [round(x, 6) for x in (found.m, found.q, found.pressure)]
        [0.966734, 0.941258, 0.765309]
    """
    require_signal_beta(signal_beta)
    require_theory(noise, degree, phase, energy)
    update = rs_update(signal_beta, noise, degree, energy)
    start = torch.tensor([float(phase == "retrieval"), 1.0], dtype=torch.float64)
    found = solve_fixed_point(update, start, damping=damping, tol=tol, max_iter=max_iter)
    return _solution(found, signal_beta, noise, degree, energy)


def rs_update(
    signal_beta: float, noise: float, degree: int, energy: str
) -> Callable[[Tensor], Tensor]:
    """The map (m, q) ↦ (E tanh h, E tanh² h)."""
    covariance = noise_covariance(degree, energy)

    def update(order: Tensor) -> Tensor:
        grid, h = _field(order[0], order[1], signal_beta, noise, degree, covariance)
        t = torch.tanh(h)
        return torch.stack((grid.mean(t), grid.mean(t * t)))

    return update


def _solution(
    found: FixedPoint, signal_beta: float, noise: float, degree: int, energy: str
) -> DenseSymmetric:
    m, q = found.value
    pressure = dense_rs_pressure(
        m, q, signal_beta=signal_beta, noise=noise, degree=degree, energy=energy
    )
    return DenseSymmetric(
        float(m), float(q), float(pressure), found.residual, found.converged, found.num_iter
    )


def _field(
    m: Scalar, q: Scalar, b: float, noise: float, degree: int, covariance: NoiseCovariance
) -> tuple[GaussianGrid, Float[Tensor, " Z"]]:
    """The grid of z, dense where the field changes sign, and the field on it."""
    width = b * (noise * covariance.slope(q)).clamp_min(0).sqrt() if noise else torch.zeros_like(q)
    signal = b * m ** (degree - 1)
    slope = float(width.detach())
    if slope == 0:
        grid = resolving_grid(0.0)
    else:
        grid = clustered_grid(-float(signal.detach()) / slope, 1 / slope)
    return grid, signal + grid.nodes * width


def dense_rs_pressure(
    m: Float[Tensor, ""],
    q: Float[Tensor, ""],
    *,
    signal_beta: float,
    noise: float,
    degree: int,
    energy: str = "distinct",
) -> Float[Tensor, ""]:
    """A_RS(m, q) = −βf at any m and q, differentiable; stationary at the solution.

    `Replica symmetry breaking in dense neural networks <https://arxiv.org/abs/2111.12997>`_; see
    the module for the formula.

    Args:
        m: overlap with the recalled pattern.
        q: overlap of two replicas.
        signal_beta: b.
        noise: r.
        degree: P.
        energy: ``"distinct"`` or ``"power"``.

    Shapes:
        - m, q: (), float64
        - output: ()

    Raises:
        ValueError: for an unknown energy or degree.

    Example:
        >>> import math
        >>> zero = torch.zeros((), dtype=torch.float64)
        >>> paramagnet = dense_rs_pressure(zero, zero, signal_beta=2.0, noise=0.05, degree=4)
        >>> round(paramagnet.item(), 12) == round(math.log(2) + 4 * 0.05 / 8, 12)
        True
    """
    covariance = noise_covariance(degree, energy)
    grid, h = _field(m, q, signal_beta, noise, degree, covariance)
    glass = covariance.value(torch.ones_like(q)) - covariance.slope(q) + covariance.reaction(q)
    return (
        -(degree - 1) / degree * signal_beta * m**degree
        + signal_beta**2 * noise / 2 * glass
        + grid.mean(log_two_cosh(h))
    )


def replicon(
    m: float | Float[Tensor, ""],
    q: float | Float[Tensor, ""],
    *,
    signal_beta: float,
    noise: float,
    degree: int,
    energy: str = "distinct",
) -> float:
    r"""The stability parameter of a replica-symmetric solution: unstable above 1.

    The condition of de Almeida and Thouless for `dense neural networks
    <https://arxiv.org/abs/2111.12997>`_:

    .. math:: b^2 r\, g''(q)\, E \operatorname{sech}^4 h \quad (g'' = (P-1) q^{P-2} \text{ for
              distinct indices})

    Args:
        m: overlap with the recalled pattern.
        q: overlap of two replicas.
        signal_beta: b.
        noise: r.
        degree: P.
        energy: ``"distinct"`` or ``"power"``.

    Raises:
        ValueError: for an unknown energy or degree.

    Example:
        >>> found = dense_rs(20.0, 0.19, 4)
        >>> round(replicon(found.m, found.q, signal_beta=20.0, noise=0.19, degree=4), 4)
        1.6575
    """
    covariance = noise_covariance(degree, energy)
    m, q = (torch.as_tensor(x, dtype=torch.float64) for x in (m, q))
    grid, h = _field(m, q, signal_beta, noise, degree, covariance)
    sech_squared = 1 - torch.tanh(h).square()
    average = grid.mean(sech_squared.square())
    return float(signal_beta**2 * noise * covariance.curvature(q) * average)
