r"""The states of a multitasking memory at zero temperature, in closed form.

Agliari, Alessandrelli, Barra, Ricci-Tersenghi, "Parallel Learning by Multitasking Neural Networks"
(arXiv 2308.04106). Hierarchical: units copy pattern 1 where it is not blank, else pattern 2, …
Parallel: units follow the majority of the patterns, all of which have the same overlap.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from neurarium.memory.arguments import require_count
from neurarium.memory.patterns import require_dilution


def hierarchical_overlaps(num_patterns: int, dilution: float) -> Float[Tensor, " K"]:
    """m_k = (1 − d) d^(k−1): overlaps that fall as a power law.

    `Parallel Learning by Multitasking Neural Networks <https://arxiv.org/abs/2308.04106>`_.

    Args:
        num_patterns: K.
        dilution: d.

    Shapes:
        - output: (K,), float64

    Raises:
        TypeError: for a number of patterns that is not whole.
        ValueError: for values out of range.

    Example:
        >>> hierarchical_overlaps(3, 0.5)
        tensor([0.5000, 0.2500, 0.1250], dtype=torch.float64)
    """
    require_count("num_patterns", num_patterns)
    require_dilution(dilution)
    powers = torch.arange(num_patterns, dtype=torch.float64)
    return (1 - dilution) * torch.tensor(float(dilution), dtype=torch.float64) ** powers


def parallel_overlaps(num_patterns: int, dilution: float) -> Float[Tensor, " K"]:
    """m = (1 − d) [P(S = 0) + P(S = 1)] for all, S the sum of K − 1 entries of other patterns.

    `Parallel Learning by Multitasking Neural Networks <https://arxiv.org/abs/2308.04106>`_.

    Args:
        num_patterns: K.
        dilution: d.

    Shapes:
        - output: (K,), float64

    Raises:
        TypeError: for a number of patterns that is not whole.
        ValueError: for values out of range.

    Example:
        >>> (parallel_overlaps(2, 0.5) / 0.5).tolist()  # (1 + d)/2
        [0.75, 0.75]
    """
    require_count("num_patterns", num_patterns)
    require_dilution(dilution)
    entry = torch.tensor([(1 - dilution) / 2, dilution, (1 - dilution) / 2], dtype=torch.float64)
    total = torch.ones(1, dtype=torch.float64)  # the distribution of S, from −(K−1) to K−1
    for _ in range(num_patterns - 1):
        padded = torch.nn.functional.pad(total, (2, 2))
        total = padded.unfold(0, 3, 1) @ entry
    middle = num_patterns - 1
    share = total[middle : middle + 2].sum()  # S = 1 does not exist for a single pattern
    return ((1 - dilution) * share).expand(num_patterns).clone()


def critical_dilution(num_patterns: int) -> float:
    r"""The dilution below which the hierarchical state is a fixed point at zero temperature.

    `Parallel Learning by Multitasking Neural Networks <https://arxiv.org/abs/2308.04106>`_. The
    first pattern must outweigh all others, m_1 > m_2 + … + m_K, that is

    .. math:: 1 - 2 d + d^K > 0 \iff d + d^2 + \dots + d^{K-1} < 1

    Up to two patterns never break it (1); three do at the golden ratio, many at 1/2. The state of
    lowest energy changes before: see ``multitasking_solve(..., init="lowest")``.

    Args:
        num_patterns: K.

    Raises:
        TypeError: for a number of patterns that is not whole.
        ValueError: below 1.

    Example:
        >>> [round(critical_dilution(k), 6) for k in (2, 3, 5, 9, 60)]
        [1.0, 0.618034, 0.51879, 0.500994, 0.5]
    """
    require_count("num_patterns", num_patterns)
    d, step = 1.0, 1.0
    while num_patterns > 2 and step > 1e-16:  # Newton from above a convex function's root
        value = sum(d**k for k in range(1, num_patterns)) - 1
        slope = sum(k * d ** (k - 1) for k in range(1, num_patterns))
        step = value / slope
        d -= step
    return d
