r"""Which patterns a multitasking memory retrieves together: its self-consistency equations.

Agliari, Alessandrelli, Barra, Ricci-Tersenghi, "Parallel Learning by Multitasking Neural Networks"
(arXiv 2308.04106). At low load, K finite while N → ∞, and exactly so. For stored patterns

.. math:: m_\mu = E_\xi\, \xi_\mu \tanh\Bigl(\beta \sum_\nu \xi_\nu m_\nu\Bigr)

Learned from examples, η̄ = ξ (1 + √ρ z) with normal z takes the place of ξ in the field, and

.. math:: n_\mu = \frac{1}{1+\rho} E\, \bar\eta_\mu \tanh(\beta\, \bar\eta \cdot n), \quad
          m_\mu = E\, \xi_\mu \tanh(\beta\, \bar\eta \cdot n), \quad
          -f = -\frac{1+\rho}{2} \sum_\mu n_\mu^2
               + \frac1\beta E \log 2\cosh(\beta\, \bar\eta \cdot n)

with a teacher and without. Integration by parts takes z out of the first average:
:math:`(1+\rho)\, n_\mu = m_\mu + \rho\, n_\mu E\, \xi_\mu^2 \beta (1 - \tanh^2)`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from .fixed_point import solve_fixed_point
from .multitasking_ensemble import (
    PatternEnsemble,
    noise_average,
    pattern_ensemble,
    require_entropy,
)
from .multitasking_states import hierarchical_overlaps, parallel_overlaps

INITS = ("hierarchical", "parallel", "pure", "lowest")
VANISHED = 1e-3
"""Overlaps below this share of 1 − d count as none, and differences as equality."""


@dataclass(frozen=True)
class MultitaskingState:
    """A solution.

    Args:
        overlaps: m (K,), with the patterns; at most 1 − d.
        example_overlaps: n (K,), with the average examples; m where the patterns were stored.
        free_energy: f, a unit; of several solutions the lowest is most stable.
        dilution: d.
        softness: the largest eigenvalue of the step's Jacobian, below 1 where the solution is
            stable. A finite network's overlaps stray by about ((1 − d)/N)^½ / (1 − softness).
            Ties of the field at zero temperature, where it jumps, are not seen.
        converged: whether the residual came below the tolerance.
        residual: the largest change by one more step.
        num_iter: steps taken.
    """

    overlaps: Tensor
    example_overlaps: Tensor
    free_energy: float
    dilution: float
    softness: float
    converged: bool
    residual: float
    num_iter: int

    @property
    def phase(self) -> str:
        """``"paramagnet"``, ``"pure"`` (one pattern), ``"parallel"`` (all alike), or in between
        ``"hierarchical"``.
        """
        share = self.overlaps.abs() / (1 - self.dilution)
        if share.max() < VANISHED:
            return "paramagnet"
        if len(share) == 1 or share.sort().values[-2] < VANISHED:
            return "pure"
        return "parallel" if share.max() - share.min() < VANISHED else "hierarchical"


def multitasking_solve(
    num_patterns: int,
    dilution: float,
    beta: float,
    *,
    init: str | Float[Tensor, " K"] = "hierarchical",
    dataset_entropy: float = 0.0,
    damping: float = 0.0,
    tol: float = 1e-10,
    max_iter: int = 20_000,
    num_samples: int | None = None,
    generator: torch.Generator | None = None,
) -> MultitaskingState:
    r"""Overlaps that a memory of diluted patterns settles in, from a given start.

    `Parallel Learning by Multitasking Neural Networks <https://arxiv.org/abs/2308.04106>`_. Every
    step lowers the free energy, so the solution is the one in whose basin the start lies. Below the
    critical temperature 1 − d some overlap differs from 0.

    Args:
        num_patterns: K; all 3^K entries are averaged over up to 9, beyond that ``num_samples``.
        dilution: d.
        beta: inverse temperature; ``math.inf`` is zero temperature, with sgn 0 = 0.
        init: ``"hierarchical"``, ``"parallel"`` (all alike), ``"pure"`` (the first alone), overlaps
            (K,) to start from, or ``"lowest"``: the lowest free energy of those three and of
            mixtures of every number of patterns.
        dataset_entropy: ρ of the examples; 0 for stored patterns.
        damping: share of the old value that a step keeps.
        tol: on the residual.
        max_iter: steps at most.
        num_samples: draw so many entries in place of listing them.
        generator: draws them.

    Raises:
        TypeError: for counts that are not whole.
        ValueError: for values out of range, an unknown or misshapen start, K > 9 without samples.

    Example:
        >>> from math import inf
        >>> state = multitasking_solve(3, 0.4, inf)
        >>> state.phase, [round(m, 3) for m in (state.overlaps / 0.6).tolist()]  # 1, d, d²
        ('hierarchical', [1.0, 0.4, 0.16])
        >>> state = multitasking_solve(3, 0.7, 1 / 0.29, init="lowest")
        >>> state.phase, [round(m, 3) for m in state.overlaps.tolist()]
        ('parallel', [0.057, 0.057, 0.057])
    """
    require_beta(beta)
    require_entropy(dataset_entropy)
    ensemble = pattern_ensemble(
        num_patterns, dilution, num_samples=num_samples, generator=generator
    )
    starts = _starts(init, num_patterns, dilution)

    def update(n: Tensor) -> Tensor:
        return _step(n, ensemble, beta, dataset_entropy)[1]

    found = solve_fixed_point(update, starts, damping=damping, tol=tol, max_iter=max_iter)
    f = _free_energy(found.value, ensemble, beta, dataset_entropy)
    best = int(f.argmin())
    n = found.value[best]
    m, following = _step(n, ensemble, beta, dataset_entropy)
    residual = float((following - n).abs().max())
    jacobian = torch.autograd.functional.jacobian(update, n)
    return MultitaskingState(
        overlaps=m,
        example_overlaps=n,
        free_energy=float(f[best]),
        dilution=float(dilution),
        softness=float(torch.linalg.eigvals(jacobian).real.max()),
        converged=residual <= tol,
        residual=residual,
        num_iter=found.num_iter,
    )


def multitasking_free_energy(
    example_overlaps: Float[Tensor, "*S K"],
    dilution: float,
    beta: float,
    *,
    dataset_entropy: float = 0.0,
    num_samples: int | None = None,
    generator: torch.Generator | None = None,
) -> Float[Tensor, "*S"]:
    r"""f a unit, stationary at solutions; differentiable, float64.

    `Parallel Learning by Multitasking Neural Networks <https://arxiv.org/abs/2308.04106>`_.

    Args:
        example_overlaps: n of the last axis; the overlaps m themselves where ρ = 0.
        dilution: d.
        beta: inverse temperature, or ``math.inf``.
        dataset_entropy: ρ of the examples.
        num_samples: draw so many entries in place of listing all 3^K.
        generator: draws them.

    Shapes:
        - example_overlaps: (…, K), K at most 9 without samples
        - output: (…)

    Raises:
        TypeError: for a number of samples that is not whole.
        ValueError: for values out of range, K > 9 without samples.

    Example:
        >>> import torch
        >>> multitasking_free_energy(torch.tensor([1.0, 0.0]), 0.0, float("inf"))
        tensor(-0.5000, dtype=torch.float64)
    """
    require_beta(beta)
    require_entropy(dataset_entropy)
    ensemble = pattern_ensemble(
        example_overlaps.shape[-1], dilution, num_samples=num_samples, generator=generator
    )
    return _free_energy(example_overlaps.double(), ensemble, beta, dataset_entropy)


def require_beta(beta: float) -> None:
    """Raise a ValueError unless β is positive; it may be infinite.

    Example:
        >>> require_beta(-2.0)
        Traceback (most recent call last):
        ValueError: beta must be positive, or math.inf for zero temperature: got -2.0
    """
    if not beta > 0:
        raise ValueError(f"beta must be positive, or math.inf for zero temperature: got {beta}")


def _step(
    n: Tensor, ensemble: PatternEnsemble, beta: float, entropy: float
) -> tuple[Tensor, Tensor]:
    """m, and the n that follows."""
    mean, spread = ensemble.field(n, entropy)
    found = noise_average(mean, spread, beta)
    m = ensemble.moment(found.tanh)
    if entropy == 0:
        return m, m
    noise = entropy * n * ensemble.moment(found.slope, 2)
    return m, (m + noise) / (1 + entropy)


def _free_energy(n: Tensor, ensemble: PatternEnsemble, beta: float, entropy: float) -> Tensor:
    mean, spread = ensemble.field(n, entropy)
    entropic = noise_average(mean, spread, beta).log_cosh @ ensemble.weights
    return (1 + entropy) / 2 * n.square().sum(-1) - entropic


def _starts(init: str | Tensor, num_patterns: int, dilution: float) -> Tensor:
    """Where to begin, (S, K)."""
    if isinstance(init, Tensor):
        if init.shape != (num_patterns,):
            raise ValueError(f"init must have shape ({num_patterns},): got {list(init.shape)}")
        return init.double()[None]
    if init not in INITS:
        raise ValueError(f"init must be overlaps or one of {', '.join(INITS)}: got {init!r}")
    pure = torch.zeros(num_patterns, dtype=torch.float64)
    pure[0] = 1 - dilution
    named = {
        "hierarchical": hierarchical_overlaps(num_patterns, dilution),
        "parallel": parallel_overlaps(num_patterns, dilution),
        "pure": pure,
    }
    if init != "lowest":
        return named[init][None]
    place = torch.arange(num_patterns, dtype=torch.float64)
    mixed = (place[None] <= place[:, None]) * (1 - dilution)  # the first 1, 2, …, K alike
    uneven = mixed * (1 - 0.01 * place) + 1e-3 * (1 - dilution) * (1 - place / num_patterns)
    halfway = (1 - dilution) * math.sqrt(dilution) ** place
    return torch.stack([*named.values(), *uneven, halfway])
