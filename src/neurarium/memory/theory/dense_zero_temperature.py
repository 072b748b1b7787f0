r"""Ground states of a dense associative memory, replica symmetric or with one step of breaking.

Albanese et al., "Replica symmetry breaking in dense neural networks" (arXiv 2111.12997), derived
again, in units of the signal with noise r and the covariance g of
:mod:`~neurarium.memory.theory.dense_noise`. Replica symmetric: q = 1 and

.. math:: m = \operatorname{erf}\frac{m^{P-1}}{\sqrt{2r}}, \qquad
          -e = -\tfrac{P-1}{P} m^P + m^{P-1} \operatorname{erf}\frac{m^{P-1}}{\sqrt{2r}} +
          \sqrt{2r/\pi} \exp\frac{-m^{2P-2}}{2r}

One step: θ = D/b with D finite, q₂ = 1, and with a = m^{P−1} + z √(r g′(q₁)), s² = r (1 − g′(q₁)),

.. math:: Z(a) = e^{D^2 s^2/2} [e^{Da} \Phi(\tfrac as + Ds) + e^{-Da} \Phi(-\tfrac as + Ds)],
          \quad t(a) = \tfrac{1}{D} \partial_a \log Z, \quad m = E t, \quad q_1 = E t^2

    -e = \min_D \; -\tfrac{P-1}{P} m^P - \tfrac r2 D [G(1) - G(q_1)] + \tfrac1D E \log Z,
          \qquad G = q g' - g
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from .dense_arguments import require_theory
from .dense_noise import NoiseCovariance, noise_covariance
from .dense_stationary import stationary
from .fixed_point import solve_fixed_point
from .quadrature import GaussianGrid, clustered_grid, resolving_grid

LEVELS = ("rs", "1rsb")
RECALLED = 0.5
UNBROKEN = 1e-7  # 1 − q₁ below this leaves D to rounding
TINY = 1e-40
BREAKINGS = tuple(2e4 * 0.6**k for k in range(22))  # 2e4 … 0.4


@dataclass(frozen=True)
class DenseGroundState:
    """A ground state in units of the signal.

    Args:
        m: overlap with the recalled pattern.
        q1: overlap of different clusters; 1 in the replica-symmetric theory.
        breaking: D, the limit of b θ; 0 in the replica-symmetric theory.
        energy: e (P−1)! per unit, the energy of the memory times (P−1)!.
        residual: the largest error in the equations for m and q₁.
        converged: whether that is below the tolerance and the state was found.
        num_iter: iterations at the last D.
    """

    m: float
    q1: float
    breaking: float
    energy: float
    residual: float
    converged: bool
    num_iter: int


def dense_ground_state(
    noise: float,
    degree: int,
    *,
    level: str = "1rsb",
    phase: str = "retrieval",
    energy: str = "distinct",
    tol: float = 1e-12,
    max_iter: int = 20_000,
) -> DenseGroundState:
    """Solve the zero-temperature equations.

    `Replica symmetry breaking in dense neural networks <https://arxiv.org/abs/2111.12997>`_; see
    the module for the equations. A retrieval state may be metastable: compare its energy with that
    of the glass.

    Args:
        noise: r, positive.
        degree: P, even; in the glass phase also odd.
        level: ``"rs"`` or ``"1rsb"``.
        phase: ``"retrieval"``, from m = 1, or ``"glass"`` (m = q₁ = 0).
        energy: ``"distinct"`` or ``"power"``.
        tol: on the residual.
        max_iter: iterations at most, for each D.

    Raises:
        ValueError: for arguments out of range.

    Example:
        >>> found = dense_ground_state(1.5, 3, phase="glass")  # the 3-spin glass, J = 1
        >>> round(found.energy, 6)
        -0.813535
    """
    require_theory(noise, degree, phase, energy)
    if level not in LEVELS:
        raise ValueError(f"level must be 'rs' or '1rsb': got {level!r}")
    if not noise > 0:
        raise ValueError(f"noise must be positive at zero temperature: got {noise}")
    if level == "rs":
        return _symmetric(noise, degree, phase, tol, max_iter)
    problem = OneStep(noise, degree, noise_covariance(degree, energy))
    begin = (1.0, 0.5) if phase == "retrieval" else (0.0, 0.0)
    start = torch.tensor(begin, dtype=torch.float64)

    def solve(breaking: float, near: _AtBreaking | None) -> _AtBreaking:
        order = start if near is None else near.order
        found = solve_fixed_point(
            lambda x: problem.update(x, breaking), order, tol=tol, max_iter=max_iter
        )
        value, slope = problem.energy(found.value, breaking)
        m, q1 = found.value.tolist()
        state = DenseGroundState(
            m, q1, breaking, -float(value), found.residual, found.converged, found.num_iter
        )
        lost = 1 - q1 < UNBROKEN or (phase == "retrieval" and m <= RECALLED)
        return _AtBreaking(state, float(slope), lost)

    best = stationary(solve, BREAKINGS)
    if best is not None:
        return best.state
    symmetric = _symmetric(noise, degree, phase, tol, max_iter)
    is_exact = solve(1.0, None).state.q1 > 1 - UNBROKEN  # so few units feel no field
    return symmetric if is_exact else replace(symmetric, converged=False)


def _symmetric(
    noise: float, degree: int, phase: str, tol: float, max_iter: int
) -> DenseGroundState:
    def signal(m: Tensor) -> Tensor:
        return m ** (degree - 1) / math.sqrt(2 * noise)

    found = solve_fixed_point(
        lambda m: torch.special.erf(signal(m)),
        torch.tensor(float(phase == "retrieval"), dtype=torch.float64),
        tol=tol,
        max_iter=max_iter,
    )
    m = found.value
    x = signal(m)
    energy = (
        (degree - 1) / degree * m**degree
        - m ** (degree - 1) * torch.special.erf(x)
        - math.sqrt(2 * noise / math.pi) * torch.exp(-(x**2))
    )
    return DenseGroundState(
        float(m), 1.0, 0.0, float(energy), found.residual, found.converged, found.num_iter
    )


class _AtBreaking(NamedTuple):
    """A candidate for :func:`stationary`."""

    state: DenseGroundState
    slope: float
    lost: bool

    @property
    def breaking(self) -> float:
        return self.state.breaking

    @property
    def order(self) -> Tensor:
        return torch.tensor([self.state.m, self.state.q1], dtype=torch.float64)


class OneStep(NamedTuple):
    """The equations at one step of breaking for a noise and a degree."""

    noise: float
    degree: int
    covariance: NoiseCovariance

    def fields(self, order: Tensor) -> tuple[GaussianGrid, Tensor, Tensor]:
        """The grid of z, the field a on it, and the inner width s."""
        m, q1 = order
        slope = self.covariance.slope(q1)
        outer = (self.noise * slope).clamp_min(0).sqrt()
        inner = (self.noise * (1 - slope)).clamp_min(TINY).sqrt()
        signal = m ** (self.degree - 1)
        width = float(outer)
        if width == 0:
            grid = resolving_grid(0.0)
        else:  # t(a) turns from −1 to 1 within s of a = 0
            grid = clustered_grid(-float(signal) / width, float(inner) / width)
        return grid, signal + grid.nodes * outer, inner

    def update(self, order: Tensor, breaking: float) -> Tensor:
        """m = E t, q₁ = E t²."""
        grid, a, s = self.fields(order)
        up, down = _two_signs(a, s, breaking)
        t = torch.tanh((up - down) / 2)
        return torch.stack((grid.mean(t), grid.mean(t * t)))

    def energy(self, order: Tensor, breaking: float) -> tuple[Tensor, Tensor]:
        """−e at this D, and its derivative by D."""
        grid, a, s = self.fields(order)
        up, down = _two_signs(a, s, breaking)
        both = torch.logaddexp(up, down)
        log_z = grid.mean(both) + (breaking * s) ** 2 / 2
        share = torch.exp(up - both)
        field = share * (a + s * _mills(a / s + breaking * s))
        field = field + (1 - share) * (-a + s * _mills(-a / s + breaking * s))
        field_mean = grid.mean(field) + breaking * s**2  # E of |h| with the weight exp(D|h|)
        covariance = self.covariance
        glass = covariance.reaction(torch.ones_like(s)) - covariance.reaction(order[1])
        value = (
            -(self.degree - 1) / self.degree * order[0] ** self.degree
            - self.noise / 2 * breaking * glass
            + log_z / breaking
        )
        slope = -self.noise / 2 * glass - log_z / breaking**2 + field_mean / breaking
        return value, slope


def _two_signs(a: Float[Tensor, " Z"], s: Tensor, breaking: float) -> tuple[Tensor, Tensor]:
    """Logarithms of the two terms of Z(a) without their common factor."""
    log_ndtr = torch.special.log_ndtr
    return (
        breaking * a + log_ndtr(a / s + breaking * s),
        -breaking * a + log_ndtr(-a / s + breaking * s),
    )


def _mills(x: Tensor) -> Tensor:
    """φ(x)/Φ(x)."""
    return torch.exp(-x.square() / 2 - torch.special.log_ndtr(x)) / math.sqrt(2 * math.pi)
