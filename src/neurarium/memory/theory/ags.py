r"""Theory of Hopfield's network with Hebbian couplings, of Amit, Gutfreund and Sompolinsky.

`Storing infinite numbers of patterns in a spin-glass model of neural networks
<https://doi.org/10.1103/PhysRevLett.55.1530>`_ (1985) and `Statistical mechanics of neural networks
near saturation <https://doi.org/10.1016/0003-4916(87)90092-3>`_ (1987): K = αN random patterns,
energy −½ σᵀWσ. With z a standard normal variable, replica symmetry gives

.. math:: h = \beta (m + \sqrt{\alpha r} z), \qquad m = E \tanh h, \qquad q = E \tanh^2 h,
          \qquad r = \frac{q}{(1 - C)^2}, \quad C = \beta (1 - q)

Solved are m and the width s = √(αr) of the noise, for which r's equation reads
s = √(αq) + s C = √(αq) + E z tanh h: nothing diverges, m only falls and s only grows on the way to
the solution. At T = 0, with y = m/(√2 s), all of them become

.. math:: m = \operatorname{erf} y, \qquad
          \sqrt{2\alpha} = \frac{\operatorname{erf} y}{y} - \tfrac{2}{\sqrt\pi} e^{-y^2}

whose right-hand side has one maximum: the capacity α_c = 0.1379, where m = 0.967.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from .fixed_point import solve_fixed_point
from .quadrature import GaussianGrid, clustered_grid, resolving_grid

PHASES = ("retrieval", "glass")
Scalar = Float[Tensor, ""]


@dataclass(frozen=True)
class HebbianState:
    """A replica-symmetric state of the Hebbian network.

    Args:
        load: α, patterns per unit.
        m: overlap with the recalled pattern; 0 where none can be recalled.
        q: overlap of two replicas.
        r: mean square overlap with the other patterns, times N/K.
        free_energy: f per unit; at T = 0 the energy.
        residual: the largest error in the equations.
        converged: whether that is below the tolerance.
        num_iter: evaluations of the equations.
    """

    load: float
    m: float
    q: float
    r: float
    free_energy: float
    residual: float
    converged: bool
    num_iter: int


def ags_overlap(
    load: float,
    *,
    beta: float = math.inf,
    phase: str = "retrieval",
    tol: float = 1e-12,
    max_iter: int = 20_000,
) -> HebbianState:
    """How well K = αN random patterns are recalled by a large Hebbian network.

    `Statistical mechanics of neural networks near saturation
    <https://doi.org/10.1016/0003-4916(87)90092-3>`_; see the module for the equations. The
    iteration starts at m = 1 and ends with m = 0 where no retrieval state exists; T = 0 is solved
    in closed form. A retrieval state may be metastable: compare its free energy with the glass's.

    Args:
        load: α = K/N.
        beta: inverse temperature; ∞ is T = 0.
        phase: ``"retrieval"``, or ``"glass"`` (m = 0; the paramagnet q = 0 at high temperature).
        tol: on the residual.
        max_iter: iterations at most.

    Raises:
        ValueError: for a negative load, a β that is not positive, another phase.

    Example:
        >>> [round(ags_overlap(load).m, 4) for load in (0.05, 0.1, 0.137, 0.14)]
        [1.0, 0.998, 0.9754, 0.0]
        >>> round(ags_overlap(0.05, beta=2.0).m, 3)
        0.904
    """
    if not 0 <= load < math.inf:
        raise ValueError(f"load must be finite and not negative: got {load}")
    _require_beta(beta)
    if phase not in PHASES:
        raise ValueError(f"phase must be 'retrieval' or 'glass': got {phase!r}")
    if beta == math.inf:
        return _ground_state(load, phase)
    start = (1.0, 0.0) if phase == "retrieval" else (0.0, 1 + math.sqrt(load))
    found = solve_fixed_point(
        lambda order: torch.stack(_update(order[0], order[1], load, beta)),
        torch.tensor(start, dtype=torch.float64),
        tol=tol,
        max_iter=max_iter,
    )
    m, width = found.value
    return _state(load, beta, m, width, found.residual, found.converged, found.num_iter)


def ags_free_energy(
    m: float | Scalar, q: float | Scalar, r: float | Scalar, *, load: float, beta: float
) -> Scalar:
    r"""The replica-symmetric free energy per unit, stationary in m, q and r at a solution.

    `Statistical mechanics of neural networks near saturation
    <https://doi.org/10.1016/0003-4916(87)90092-3>`_:

    .. math:: f = \tfrac\alpha2 + \tfrac{m^2}2 + \tfrac\alpha{2\beta} \left[\ln(1 - C) -
              \tfrac{\beta q}{1 - C}\right] + \tfrac{\alpha\beta}2 r (1 - q)
              - \tfrac1\beta E \ln 2 \cosh h

    Args:
        m: overlap with the recalled pattern.
        q: overlap of two replicas; β(1 − q) < 1.
        r: noise of the other patterns.
        load: α.
        beta: inverse temperature, finite.

    Raises:
        ValueError: for a β that is not positive and finite.

    Example:
        >>> state = ags_overlap(0.02, beta=2.0)
        >>> m = torch.tensor(state.m, dtype=torch.float64, requires_grad=True)
        >>> ags_free_energy(m, state.q, state.r, load=0.02, beta=2.0).backward()
        >>> abs(m.grad.item()) < 1e-10
        True
    """
    _require_beta(beta)
    if beta == math.inf:
        raise ValueError("beta must be finite: got inf; ags_overlap gives the energy at T = 0")
    m, q, r = (torch.as_tensor(x, dtype=torch.float64) for x in (m, q, r))
    width = (load * r).sqrt() if load else torch.zeros_like(r)
    grid = _grid(m, width, beta)
    h = beta * (m + width * grid.nodes)
    log_two_cosh = h.abs() + torch.log1p(torch.exp(-2 * h.abs()))
    rest = 1 - beta * (1 - q)
    noise = torch.log(rest) - beta * q / rest + beta**2 * r * (1 - q) if load else 0.0 * q
    return load / 2 + m**2 / 2 + load / (2 * beta) * noise - grid.mean(log_two_cosh) / beta


def ags_capacity(*, beta: float = math.inf) -> HebbianState:
    r"""The largest load at which a Hebbian network still recalls, and the state there.

    `Statistical mechanics of neural networks near saturation
    <https://doi.org/10.1016/0003-4916(87)90092-3>`_. For a given y = m/(√2 s), m and with it α
    follow; the capacity is the largest α along that curve. From T = 1 on nothing is recalled.

    Args:
        beta: inverse temperature; ∞ is T = 0.

    Raises:
        ValueError: for a β that is not positive.

    Example:
        >>> found = ags_capacity()
        >>> round(found.load, 6), round(found.m, 4)
        (0.137906, 0.9674)
        >>> ags_capacity(beta=1.0).load
        0.0
    """
    from scipy.optimize import minimize_scalar

    _require_beta(beta)
    if beta <= 1:
        return ags_overlap(0.0, beta=beta, phase="glass")
    if beta == math.inf:
        load = _load_at(_last_ratio())
        return _ground_state(load, "retrieval")
    found = minimize_scalar(
        lambda ratio: -_on_curve(ratio, beta)[0], bounds=(0.1, 3.0), options={"xatol": 1e-10}
    )
    load, *order = _on_curve(float(found.x), beta)
    m, width = torch.tensor(order, dtype=torch.float64)
    new_m, new_width = _update(m, width, load, beta)
    residual = max(abs(float(new_m - m)), abs(float(new_width - width)))
    return _state(load, beta, m, width, residual, residual < 1e-9, int(found.nfev))


def _require_beta(beta: float) -> None:
    if not beta > 0:
        raise ValueError(f"beta must be positive: got {beta}")


def _grid(m: Tensor, width: Tensor, beta: float) -> GaussianGrid:
    """Nodes of z that are dense where tanh h changes sign."""
    s = float(width.detach())
    if s == 0:
        return resolving_grid(0.0)
    return clustered_grid(-float(m.detach()) / s, 1 / (beta * s))


def _update(m: Tensor, width: Tensor, load: float, beta: float) -> tuple[Tensor, Tensor]:
    """E tanh h and √(αq) + E z tanh h."""
    grid = _grid(m, width, beta)
    t = torch.tanh(beta * (m + width * grid.nodes))
    return grid.mean(t), (load * grid.mean(t * t)).sqrt() + grid.mean(grid.nodes * t)


def _state(
    load: float,
    beta: float,
    m: Tensor,
    width: Tensor,
    residual: float,
    converged: bool,
    num_iter: int,
) -> HebbianState:
    """All that follows from m and the width of the noise at finite temperature."""
    grid = _grid(m, width, beta)
    h = beta * (m + width * grid.nodes)
    q = grid.mean(torch.tanh(h) ** 2)
    r = width**2 / load if load else q / (1 - beta * (1 - q)) ** 2
    energy = ags_free_energy(m, q, r, load=load, beta=beta)
    return HebbianState(
        load, float(m), float(q), float(r), float(energy), residual, converged, num_iter
    )


def _load_at(ratio: float) -> float:
    """α at T = 0 where m/(√2 s) = y."""
    slope = 2 / math.sqrt(math.pi) * math.exp(-(ratio**2))
    return (math.erf(ratio) / ratio - slope) ** 2 / 2


def _last_ratio() -> float:
    """y at the capacity at T = 0: the zero of the derivative of √(2α)."""
    from scipy.optimize import brentq

    def slope(y: float) -> float:
        return (4 * y**3 + 2 * y) / math.sqrt(math.pi) * math.exp(-(y**2)) - math.erf(y)

    return float(brentq(slope, 1.0, 3.0, xtol=1e-15))


def _ground_state(load: float, phase: str) -> HebbianState:
    """T = 0: the largest y of the load, or m = 0 and s = √α + √(2/π)."""
    from scipy.optimize import brentq

    num_iter, last = 1, _last_ratio()
    m, width = 0.0, math.sqrt(load) + math.sqrt(2 / math.pi)
    if phase == "retrieval" and load == 0:
        return HebbianState(load, 1.0, 1.0, 1.0, -0.5, 0.0, True, num_iter)
    if phase == "retrieval" and load <= _load_at(last):
        ends = last, last + 1 / math.sqrt(2 * load)
        ratio, report = brentq(lambda y: _load_at(y) - load, *ends, xtol=1e-15, full_output=True)
        num_iter, m = report.function_calls, math.erf(ratio)
        width = m / (math.sqrt(2) * ratio)
    ratio = m / (math.sqrt(2) * width)
    noise = math.sqrt(2 / math.pi) * math.exp(-(ratio**2))  # E z sign(m + s z) = s C
    residual = max(abs(math.erf(ratio) - m), abs(math.sqrt(load) + noise - width))
    energy = -(m**2) / 2 + (load - width**2) / 2
    r = width**2 / load if load else math.inf
    return HebbianState(load, m, 1.0, r, energy, residual, residual < 1e-9, num_iter)


def _on_curve(ratio: float, beta: float) -> tuple[float, float, float]:
    """α, m and s at a temperature below 1 where m/(√2 s) = y."""
    from scipy.optimize import brentq

    def excess(m: float) -> float:
        return means(m)[0] - m

    def means(m: float) -> tuple[float, float, float]:
        signal = torch.tensor(m, dtype=torch.float64)
        width = signal / (math.sqrt(2) * ratio)
        grid = _grid(signal, width, beta)
        t = torch.tanh(beta * (signal + width * grid.nodes))
        return float(grid.mean(t)), float(grid.mean(t * t)), float(grid.mean(grid.nodes * t))

    m = float(brentq(excess, 1e-8, 1.0, xtol=1e-15))
    _, q, noise = means(m)
    width = m / (math.sqrt(2) * ratio)
    return max(0.0, width - noise) ** 2 / q, m, width
