"""Walks without a brain, as fast as the swarm at each moment: what captures by chance are worth."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from neurarium.memory import Arena, Trajectories


def walk(
    arena: Arena,
    starts: Float[Tensor, "N 2"],
    speeds: Float[Tensor, " T"],
    *,
    dt: float,
    persistence: float,
    capture_radius: float,
    generator: torch.Generator,
) -> Trajectories:
    """A walk whose heading diffuses and which walls turn, as they turn the swarm's agents.

    Args:
        arena: where.
        starts: of the walkers.
        speeds: at each step, of all walkers.
        dt: of a step.
        persistence: seconds after which a free walker has forgotten its heading.
        capture_radius: within which a reward is taken.
        generator: draws the headings.
    """
    number, turn = len(starts), math.sqrt(2 * dt / persistence)
    drawn = torch.randn(len(speeds), number, generator=generator, dtype=torch.float64)
    heading = 2 * math.pi * torch.rand(number, generator=generator, dtype=torch.float64)
    positions, rows = starts.double(), []
    for speed, change in zip(speeds.double(), turn * drawn, strict=True):
        heading = heading + change
        wish = speed * torch.stack([heading.cos(), heading.sin()], -1)
        moved = arena.deflect(wish, positions + wish * dt)
        going = moved.norm(dim=-1) > 0
        heading = torch.where(going, torch.atan2(moved[:, 1], moved[:, 0]), heading)
        positions = positions + moved * dt
        rows.append(positions)
    path = torch.stack(rows)
    times = dt * torch.arange(1, len(path) + 1, dtype=torch.float64)
    near = torch.cdist(path.round(), arena.rewards) < capture_radius
    first = torch.where(near.any(0), times[near.long().argmax(0)], math.inf)
    silent = torch.zeros(len(path), number)
    return Trajectories(times, path, path, silent, silent, first)
