"""NeuroSwarms beside the authors' operations, phasor recall and Kuramoto beside plain ones.

One thread. The authors' update loop without drawing, in numpy, is followed in float64 so that
states can be compared before anything is timed; the maze is the authors' larger one. Phasor recall
is timed at the sizes of the experiment: as many synapses at every density.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path

import torch
from torch.testing import assert_close

from benchmarks.timing import Comparison, measure, record
from neurarium.data import load_maze
from neurarium.memory import Arena, NeuroSwarms, PhasorMemory, SwarmParameters, kuramoto_step

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests"))
from reference.dynamical_intelligence import (
    AuthorsSwarm,
    complex_recall,
    pairwise_kuramoto_step,
)

NUM_CUES, NUM_STEPS = 12, 100
SIZES = ((400, 1.0), (1264, 0.1), (1764, 0.05))
"""Units and densities of phasor memories."""


def swarm_step(arena: Arena, num_agents: int, rounds: int) -> Comparison:
    """One step of the authors' example; both have run for half a second."""
    swarm = NeuroSwarms(
        arena,
        num_agents,
        params=SwarmParameters(sigma=2.0, kappa=1.5),
        generator=torch.Generator().manual_seed(0),
    )
    authors = AuthorsSwarm(swarm)
    for _ in range(50):
        swarm.step()
        authors.step()
    for ours, theirs in (
        (swarm.state.positions, authors.x),
        (swarm.state.fields, authors.fields),
        (swarm.state.phases[:, None], authors.theta),
        (swarm.state.swarm_inputs, authors.q),
        (swarm.geometry.weights, authors.weights),
    ):
        assert_close(ours, torch.from_numpy(theirs), rtol=0, atol=1e-4)
    contenders = {"ours": swarm.step, "authors": authors.step}
    return measure(f"NeuroSwarms, {num_agents} agents, one step", contenders, rounds=rounds)


def phasor_recall(num_units: int, density: float, rounds: int) -> Comparison:
    """Some steps from cues with phase noise."""
    generator = torch.Generator().manual_seed(0)
    memory = PhasorMemory(num_units, density=density, generator=generator)
    phases = 2 * math.pi * torch.rand(NUM_CUES, num_units, generator=generator)
    memory.store(torch.polar(torch.ones_like(phases), phases))
    noisy = phases + torch.randn(phases.shape, generator=generator)
    cue = torch.polar(torch.ones_like(noisy), noisy)
    contenders = {
        "ours": lambda: memory.recall(cue, num_steps=NUM_STEPS).state,
        "complex": lambda: complex_recall(memory, cue, NUM_STEPS),
    }
    assert_close(contenders["ours"](), contenders["complex"](), rtol=0, atol=1e-4)
    what = f"phasor recall, {num_units} units, density {density:g}, {NUM_STEPS} steps"
    return measure(what, contenders, rounds=rounds)


def kuramoto(num_units: int, rounds: int) -> Comparison:
    """One step of oscillators that all feel each other."""
    phases, frequencies = torch.rand(num_units) * 6, torch.randn(num_units)
    contenders = {
        "ours": lambda: kuramoto_step(phases, frequencies, coupling=2.0),
        "pairwise": lambda: pairwise_kuramoto_step(phases, frequencies, 2.0),
    }
    assert_close(contenders["ours"](), contenders["pairwise"](), rtol=0, atol=1e-5)
    return measure(f"Kuramoto, {num_units} oscillators, one step", contenders, rounds=rounds)


def main(rounds: int = 7) -> None:
    """Measure, print and record."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    maze = load_maze("hairpin")
    arena = Arena(maze.walls, maze.cues, maze.rewards, spawns=maze.spawns, size=maze.size)
    rows = [swarm_step(arena, count, rounds) for count in (128, 300)]
    rows += [phasor_recall(*size, rounds) for size in SIZES]
    rows.append(kuramoto(1000, rounds))
    record("memory_dynamical_intelligence", rows)


if __name__ == "__main__":
    main()
