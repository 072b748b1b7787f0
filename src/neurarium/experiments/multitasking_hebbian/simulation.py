"""Monte Carlo of a multitasking memory: overlaps in equilibrium, and how far samples stray."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from neurarium.memory import MultitaskingHopfield, mixture_states
from neurarium.memory.theory import MultitaskingState, multitasking_solve

STRAY = 0.01
"""A point is away from a transition where the theory predicts that samples stray less."""


class Sweeps(Protocol):
    """What a configuration says of a simulation."""

    @property
    def num_chains(self) -> int:
        """Chains that are averaged over."""

    @property
    def num_sweeps(self) -> int:
        """Sweeps before and again while overlaps are averaged."""


def settled_overlaps(
    memory: MultitaskingHopfield, patterns: Tensor, temperature: float, config: Sweeps
) -> list[float]:
    """|m| of each pattern from the hierarchical start, averaged over late sweeps and chains."""
    weights = 2.0 ** -torch.arange(len(patterns))
    state = mixture_states(patterns, weights, num_states=config.num_chains)
    beta = 1 / temperature
    state = memory.recall(state, beta=beta, num_sweeps=config.num_sweeps).state
    seen = []
    for _ in range(config.num_sweeps):
        state = memory.recall(state, beta=beta, num_sweeps=1).state
        seen.append(state @ patterns.T / memory.num_units)
    overlaps: list[float] = torch.stack(seen).mean((0, 1)).abs().tolist()
    return overlaps


def largest_difference(found: Sequence[float], expected: Sequence[float]) -> float:
    """Of overlaps in descending order.

    Patterns are alike, so with a solution of the theory every permutation is one; which a finite
    sample settles in is decided by its own patterns where little lies between them.
    """
    return float(np.abs(np.subtract(sorted(found), sorted(expected))).max())


def predicted_stray(softness: float, dilution: float, num_units: int) -> float:
    """((1 − d)/N)^½ / (1 − softness): the scatter of N entries, amplified by the soft mode."""
    return math.sqrt((1 - dilution) / num_units) / max(1 - softness, 1e-9)


def predicted_jump(state: MultitaskingState, beta: float, num_units: int) -> float:
    """How far apart two solutions are between which a sample's own patterns may decide.

    Where one that the hierarchical start leads to has just ended, another is found, and it need not
    be soft. A sample's share of blanks is off by up to 3/√N: at dilutions so far away the start and
    the state itself lead to the same solution, or else to solutions this far apart.
    """
    k, reach, largest = len(state.overlaps), 3 / math.sqrt(num_units), 0.0
    for shifted in (state.dilution - reach, state.dilution + reach):
        if 0 <= shifted < 1:
            ends = [
                multitasking_solve(k, shifted, beta, init=init).overlaps.tolist()
                for init in ("hierarchical", state.overlaps)
            ]
            largest = max(largest, largest_difference(*ends))
    return largest
