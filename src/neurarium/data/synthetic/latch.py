"""Latch sequences: the first symbol decides, all others distract.

Hochreiter, Mozer, "Beyond maximum likelihood and density estimation" (2000), as used in the
examples to Ramsauer et al., "Hopfield Networks is All You Need" (arXiv 2008.02217).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True, eq=False)
class LatchSequences:
    """Sequences of one-hot symbols with the label that their first symbol gives.

    Args:
        sequences: (B, L, symbols).
        labels: (B,), 0 or 1.
    """

    sequences: Float[Tensor, "B L symbols"]
    labels: Float[Tensor, " B"]


def latch_sequences(
    num_sequences: int,
    length: int = 32,
    *,
    num_symbols: int = 20,
    generator: torch.Generator | None = None,
) -> LatchSequences:
    """Symbols 0 and 1 occur at the first place only, where they are the label.

    Args:
        num_sequences: B.
        length: L.
        num_symbols: at least 3.
        generator: draws everything.

    Raises:
        ValueError: for fewer than 3 symbols, or counts below 1.

    Example:
        >>> data = latch_sequences(4, 5, num_symbols=6, generator=torch.Generator().manual_seed(0))
        >>> torch.equal(data.sequences[:, 0, 1], data.labels)
        True
    """
    if num_sequences < 1 or length < 1 or num_symbols < 3:
        raise ValueError(
            "num_sequences and length must be at least 1, num_symbols at least 3: got "
            f"{num_sequences}, {length} and {num_symbols}"
        )
    symbols = torch.randint(2, num_symbols, (num_sequences, length), generator=generator)
    labels = torch.randint(2, (num_sequences,), generator=generator)
    symbols[:, 0] = labels
    return LatchSequences(F.one_hot(symbols, num_symbols).float(), labels.float())
