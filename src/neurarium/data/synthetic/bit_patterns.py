"""Bags of bit patterns, some with an implanted signal: multiple-instance learning in small.

The task of the examples to Ramsauer et al., "Hopfield Networks is All You Need"
(arXiv 2008.02217).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True, eq=False)
class BitPatternBags:
    """Bags, of which those labelled 1 hold signal patterns.

    Args:
        bags: (B, S, bits) of 0 and 1.
        labels: (B,), 1 where a signal was implanted.
        signals: (num_signals, bits), the distinct signal patterns.
    """

    bags: Float[Tensor, "B S bits"]
    labels: Float[Tensor, " B"]
    signals: Float[Tensor, "signals bits"]


def bit_pattern_bags(
    num_bags: int,
    num_instances: int = 16,
    *,
    num_signals: int = 8,
    signals_per_bag: int = 1,
    num_bits: int = 8,
    positive: float = 0.5,
    generator: torch.Generator | None = None,
) -> BitPatternBags:
    """Random bits, and one of a few signal patterns in each positive bag.

    Signals occur in positive bags only, where they are implanted at random places; no pattern is
    all zeros. Positive bags come first.

    Args:
        num_bags: B.
        num_instances: S, patterns in a bag.
        num_signals: number of distinct signals.
        signals_per_bag: places in a positive bag that hold a signal.
        num_bits: bits of a pattern.
        positive: share of positive bags, rounded up.
        generator: draws everything.

    Raises:
        ValueError: for counts below 1, or more signals than there are patterns to tell apart.

    Example:
        >>> data = bit_pattern_bags(6, generator=torch.Generator().manual_seed(0))
        >>> data.bags.shape, data.labels.tolist()
        (torch.Size([6, 16, 8]), [1.0, 1.0, 1.0, 0.0, 0.0, 0.0])
    """
    if num_bags < 1 or not 0 <= signals_per_bag <= num_instances:
        raise ValueError(
            "num_bags must be at least 1 and signals_per_bag at most num_instances: got "
            f"{num_bags}, {signals_per_bag} and {num_instances}"
        )
    num_patterns = 2**num_bits - 1  # without the one of zeros
    if not 1 <= num_signals < num_patterns:
        raise ValueError(f"num_signals must lie in 1 … {num_patterns - 1}: got {num_signals}")
    if not 0 < positive < 1:
        raise ValueError(f"positive must lie between 0 and 1: got {positive}")
    codes = torch.randperm(num_patterns, generator=generator) + 1
    signals, others = codes[:num_signals], codes[num_signals:]
    drawn = torch.randint(len(others), (num_bags, num_instances), generator=generator)
    bags = others[drawn]
    num_positive = -int(-num_bags * positive // 1)
    places = torch.rand(num_positive, num_instances, generator=generator).argsort(-1)
    implanted = torch.randint(num_signals, (num_positive, signals_per_bag), generator=generator)
    bags[:num_positive].scatter_(1, places[:, :signals_per_bag], signals[implanted])
    labels = (torch.arange(num_bags) < num_positive).float()
    return BitPatternBags(_bits(bags, num_bits), labels, _bits(signals, num_bits))


def _bits(codes: Tensor, num_bits: int) -> Tensor:
    return (codes.unsqueeze(-1) >> torch.arange(num_bits) & 1).float()
