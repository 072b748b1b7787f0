"""States in which a multitasking memory may start: mixtures of patterns.

Agliari, Alessandrelli, Barra, Ricci-Tersenghi, "Parallel Learning by Multitasking Neural Networks"
(arXiv 2308.04106).
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from neurarium.memory.arguments import require_count
from neurarium.memory.patterns import require_ternary


def mixture_states(
    patterns: Float[Tensor, "K N"],
    weights: Float[Tensor, " K"],
    *,
    num_states: int = 1,
    generator: torch.Generator | None = None,
) -> Float[Tensor, "B N"]:
    r"""σ_i = sgn Σ_μ w_μ ξ_i^μ, drawn by lot where the sum is 0.

    `Parallel Learning by Multitasking Neural Networks <https://arxiv.org/abs/2308.04106>`_. Weights
    that each exceed the sum of those after them, such as 2^(K−k), give the hierarchical state;
    equal weights the parallel one; (1, 0, …, 0) the first pattern alone.

    Args:
        patterns: entries of −1, 0 and 1.
        weights: of the patterns.
        num_states: B; they differ where the sum is 0.
        generator: draws them there.

    Shapes:
        - patterns: (K, N); weights: (K,)
        - output: (B, N), of ±1

    Raises:
        TypeError: for what is no tensor.
        ValueError: for other entries, or shapes that do not fit.

    Example:
        >>> patterns = torch.tensor([[1.0, 0.0, 0.0, -1.0], [-1.0, 1.0, 0.0, -1.0]])
        >>> mixture_states(patterns, torch.tensor([2.0, 1.0]))[0, [0, 1, 3]]
        tensor([ 1.,  1., -1.])
    """
    require_ternary("patterns", patterns)
    require_count("num_states", num_states)
    if patterns.ndim != 2 or weights.shape != patterns.shape[:1]:
        raise ValueError(
            "patterns and weights must have shapes (K, N) and (K,): got "
            f"{list(patterns.shape)} and {list(weights.shape)}"
        )
    field = weights.to(patterns) @ patterns
    tied = field.abs() <= 1e-6 * weights.abs().sum()
    where = patterns.device if generator is None else generator.device
    lots = torch.rand(num_states, len(field), generator=generator, device=where) < 0.5
    lots = lots.to(patterns) * 2 - 1
    return torch.where(tied, lots, field.sign())
