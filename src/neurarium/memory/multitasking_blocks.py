"""A sweep by blocks of units: the units of a block are updated at once, for all states together."""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor


def sweep_in_blocks(
    state: Float[Tensor, "B N"],
    tracked: Float[Tensor, "B M"],
    rows: Float[Tensor, "N M"],
    own: Float[Tensor, " N"],
    beta: float,
    num_blocks: int,
    generator: torch.Generator | None,
) -> Bool[Tensor, " B"]:
    """Visit every unit once, in place; which states changed.

    Args:
        state: ±1.
        tracked: ``state @ rows``.
        rows: what the tracked quantity gains when a unit is turned up by 1.
        own: |r_i|² of the rows.
        beta: inverse temperature.
        num_blocks: how many blocks a sweep has.
        generator: draws the blocks and the heat bath.

    Example:
        >>> state, rows = torch.tensor([[1.0, -1.0, 1.0, 1.0]]), torch.ones(4, 1)
        >>> sweep_in_blocks(state, state @ rows, rows, torch.ones(4), math.inf, 4, None), state
        (tensor([True]), tensor([[1., 1., 1., 1.]]))
    """
    num_units = state.shape[1]
    where = state.device if generator is None else generator.device
    order = torch.randperm(num_units, generator=generator, device=where).to(state.device)
    changed = torch.zeros(len(state), dtype=torch.bool, device=state.device)
    for units in order.chunk(num_blocks):
        spins, block = state[:, units], rows[units]
        change = 2 * (spins * (tracked @ block.T) - own[units]) / num_units
        if beta == math.inf:
            flips = change < -1e-9
        else:
            drawn = torch.rand(change.shape, generator=generator, device=where)
            flips = drawn.to(change) < torch.sigmoid(-beta * change)
        after = torch.where(flips, -spins, spins)
        tracked += (after - spins) @ block
        state[:, units] = after
        changed |= flips.any(-1)
    return changed
