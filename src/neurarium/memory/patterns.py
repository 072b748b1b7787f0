r"""Random binary patterns with blank entries, and noisy examples of patterns.

Agliari, Alessandrelli, Barra, Ricci-Tersenghi, "Parallel Learning by Multitasking Neural Networks"
(arXiv 2308.04106): P(ξ = ±1) = (1 − d)/2, P(ξ = 0) = d; example η = ξ χ with P(χ = ±1) = (1 ± r)/2.
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from neurarium.memory.arguments import require_count, require_tensor


def require_quality(quality: Any) -> None:
    """Raise unless ``quality`` is r of (0, 1].

    Example:
        >>> require_quality(0.0)
        Traceback (most recent call last):
        ValueError: quality must lie in (0, 1]: got 0.0; at 0 examples carry no signal
    """
    if not 0 < quality <= 1:
        hint = "; at 0 examples carry no signal" if quality == 0 else ""
        raise ValueError(f"quality must lie in (0, 1]: got {quality}{hint}")


def require_dilution(dilution: Any) -> None:
    """Raise unless ``dilution`` is d of [0, 1).

    Example:
        >>> require_dilution(1.0)
        Traceback (most recent call last):
        ValueError: dilution must lie in [0, 1): got 1.0; at 1 every entry is blank
    """
    if not 0 <= dilution < 1:
        hint = "; at 1 every entry is blank" if dilution == 1 else ""
        raise ValueError(f"dilution must lie in [0, 1): got {dilution}{hint}")


def require_ternary(name: str, values: Any) -> None:
    """Raise unless every entry is −1, 0 or 1.

    Example:
        >>> require_ternary("patterns", torch.tensor([0.0, 0.5]))
        Traceback (most recent call last):
        ValueError: patterns must be -1, 0 or 1: got 0.5
    """
    require_tensor(name, values)
    if values.dtype == torch.bool:
        raise TypeError(f"{name} must be -1, 0 or 1: got torch.bool, which has no sign")
    wrong = values[(values.abs() != 1) & (values != 0)]
    if len(wrong):
        raise ValueError(f"{name} must be -1, 0 or 1: got {wrong[0].item():.6g}")


def random_patterns(
    num_patterns: int,
    num_units: int,
    *,
    dilution: float = 0.0,
    generator: torch.Generator | None = None,
    device: torch.device | str | None = None,
    dtype: torch.dtype | None = None,
) -> Float[Tensor, "K N"]:
    """Independent entries: 0 with probability d, otherwise −1 or 1 with equal chances.

    `Parallel Learning by Multitasking Neural Networks <https://arxiv.org/abs/2308.04106>`_.

    Args:
        num_patterns: K.
        num_units: N.
        dilution: d, the expected share of blank entries.
        generator: draws the entries; its device is where they are drawn.
        device: where the patterns end.
        dtype: of the patterns; torch's default.

    Shapes:
        - output: (K, N)

    Raises:
        TypeError: for counts that are no whole numbers.
        ValueError: for a count below 1, or a dilution outside [0, 1).

    Example:
        >>> drawn = random_patterns(
        ...     3, 10_000, dilution=0.8, generator=torch.Generator().manual_seed(0)
        ... )
        >>> drawn.unique().tolist(), round((drawn == 0).float().mean().item(), 2)
        ([-1.0, 0.0, 1.0], 0.8)
    """
    require_count("num_patterns", num_patterns)
    require_count("num_units", num_units)
    require_dilution(dilution)
    where = device if generator is None else generator.device
    uniform = torch.rand(num_patterns, num_units, generator=generator, device=where)
    half = (1 - dilution) / 2
    signs = (uniform < half).to(torch.int8) - (uniform >= 1 - half).to(torch.int8)
    return signs.to(device=device, dtype=dtype or torch.get_default_dtype())


def noisy_examples(
    patterns: Float[Tensor, "K N"],
    num_examples: int,
    quality: float,
    *,
    generator: torch.Generator | None = None,
) -> Float[Tensor, "K M N"]:
    """Copies of each pattern with entries turned over at random; what is blank stays blank.

    `Parallel Learning by Multitasking Neural Networks <https://arxiv.org/abs/2308.04106>`_.

    Args:
        patterns: entries of −1, 0 and 1.
        num_examples: M, of each pattern.
        quality: r; an entry keeps its sign with probability (1 + r)/2.
        generator: draws which entries turn over.

    Shapes:
        - patterns: (K, N)
        - output: (K, M, N)

    Raises:
        TypeError: for patterns that are no tensor, or a number that is not whole.
        ValueError: for other entries or another shape, a quality outside (0, 1], a count below 1.

    Example:
        >>> patterns = random_patterns(2, 5000, generator=torch.Generator().manual_seed(0))
        >>> examples = noisy_examples(
        ...     patterns, 20, 0.4, generator=torch.Generator().manual_seed(1)
        ... )
        >>> round((examples * patterns[:, None]).mean().item(), 2)
        0.4
    """
    require_ternary("patterns", patterns)
    if patterns.ndim != 2:
        raise ValueError(f"patterns must have shape (K, N): got {list(patterns.shape)}")
    require_count("num_examples", num_examples)
    require_quality(quality)
    where = patterns.device if generator is None else generator.device
    shape = (len(patterns), num_examples, patterns.shape[1])
    kept = torch.rand(shape, generator=generator, device=where) < (1 + quality) / 2
    return torch.where(kept.to(patterns.device), patterns[:, None], -patterns[:, None])
