r"""How many noisy examples are enough, at low load.

Agliari, Alessandrelli, Barra, Ricci-Tersenghi, "Parallel Learning by Multitasking Neural Networks"
(arXiv 2308.04106). For one pattern without blanks at zero temperature m = erf(1/√(2ρ)), with
ρ = (1 − r²)/(r² M); it is the same with a teacher and without.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from neurarium.memory.patterns import require_quality

from .multitasking_ensemble import noise_average, pattern_ensemble, require_entropy
from .multitasking_states import hierarchical_overlaps


def dataset_entropy(quality: float, num_examples: float) -> float:
    """ρ = (1 − r²)/(r² M): what is missing in M examples of quality r; 0 is perfect information.

    `Parallel Learning by Multitasking Neural Networks <https://arxiv.org/abs/2308.04106>`_.

    Args:
        quality: r.
        num_examples: M, of each pattern.

    Raises:
        ValueError: for a quality outside (0, 1], or a number of examples that is not positive.

    Example:
        >>> round(dataset_entropy(0.4, 40), 5)
        0.13125
    """
    require_quality(quality)
    if not num_examples > 0:
        raise ValueError(f"num_examples must be positive: got {num_examples}")
    return (1 - quality**2) / (quality**2 * num_examples)


def examples_needed(quality: float, *, theta: float = 2**-0.5) -> int:
    r"""The smallest M ≥ 2 Θ² (1 − r²)/r², with which one pattern is found to m ≥ erf(Θ).

    `Parallel Learning by Multitasking Neural Networks <https://arxiv.org/abs/2308.04106>`_. At
    Θ = 1/√2, m = 0.6827, this is ρ = 1: about 1/r² examples.

    Args:
        quality: r.
        theta: Θ, how well the pattern is to be found.

    Raises:
        ValueError: for a quality outside (0, 1], or a Θ that is not positive.

    Example:
        >>> examples_needed(0.2), examples_needed(0.1), examples_needed(1.0)
        (24, 99, 1)
    """
    require_quality(quality)
    if not 0 < theta < math.inf:
        raise ValueError(f"theta must be positive: got {theta}")
    needed = 2 * theta**2 * (1 - quality**2) / quality**2
    return max(1, math.ceil(needed * (1 - 1e-12)))  # not one more for a rounding error


def one_step_overlaps(
    num_patterns: int,
    dilution: float,
    dataset_entropy: float,
    *,
    num_samples: int | None = None,
    generator: torch.Generator | None = None,
) -> Float[Tensor, " K"]:
    r"""Signal against noise: overlaps one step after the hierarchical state, at zero temperature.

    `Parallel Learning by Multitasking Neural Networks <https://arxiv.org/abs/2308.04106>`_. The
    field of the hierarchical overlaps n is ξ·n with a variance ρ Σ ξ² n², so

    .. math:: m_\mu = E_\xi\, \xi_\mu\,
              \mathrm{erf}\Bigl( \frac{\xi \cdot n}{\sqrt{2 \rho \sum_\nu \xi_\nu^2 n_\nu^2}} \Bigr)

    Args:
        num_patterns: K; all 3^K entries are averaged over up to 9, beyond that ``num_samples``.
        dilution: d.
        dataset_entropy: ρ of the examples.
        num_samples: draw so many entries in place of listing them.
        generator: draws them.

    Shapes:
        - output: (K,), float64

    Raises:
        TypeError: for counts that are not whole.
        ValueError: for values out of range, K > 9 without samples.

    Example:
        >>> round(one_step_overlaps(1, 0.0, 1.0).item(), 4)  # erf(1/√2)
        0.6827
    """
    require_entropy(dataset_entropy)
    ensemble = pattern_ensemble(
        num_patterns, dilution, num_samples=num_samples, generator=generator
    )
    n = hierarchical_overlaps(num_patterns, dilution)
    mean, spread = ensemble.field(n, dataset_entropy)
    found = noise_average(mean, spread, math.inf)
    return ensemble.moment(found.tanh)
