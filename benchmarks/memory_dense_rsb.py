"""``DenseMonteCarlo.trace`` beside a NumPy loop vectorised over patterns.

P = 4 and distinct units, one thread, random numbers drawn by each contender: 50 sweeps of the heat
bath at b = 5 from a stored pattern, of a single chain, and of 16 chains, which are counted apart.
``numpy`` looks two energies up for every pattern and proposal. Before anything is timed the final
states are compared for equal random numbers. Ours also measures overlap and energy every sweep.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from benchmarks.timing import Comparison, measure, record
from neurarium.memory import DenseMonteCarlo, random_patterns

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests"))
from reference.dense import anneal, table_of
from reference.multitasking import random_numbers

DEGREE, BETA, NUM_SWEEPS = 4, 30.0, 50
SIZES = ((64, 500), (64, 2000), (128, 2000), (64, 7000), (128, 20_000), (128, 70_000))
"""Units, patterns."""
CHAINS = (1, 16)
MOST = 7000
"""Patterns up to which 16 chains are measured."""


def contenders(memory: DenseMonteCarlo, cues: Tensor) -> dict[str, Callable[[], np.ndarray]]:
    """Each returns the states after the sweeps, from the same seed."""
    rows, table = memory.rows.numpy(), table_of(DEGREE, memory.num_units, "distinct")
    generator = torch.Generator()

    def traced() -> np.ndarray:
        generator.manual_seed(0)
        found = memory.trace(cues, beta=BETA, num_sweeps=NUM_SWEEPS, generator=generator)
        return found.state.numpy()

    def looped() -> np.ndarray:
        generator.manual_seed(0)
        orders, uniforms = random_numbers(generator, NUM_SWEEPS, memory.num_units, len(cues))
        runs = zip(cues.numpy(), uniforms, strict=True)
        return np.stack([anneal(rows, table, cue, orders, u, BETA)[-1] for cue, u in runs])

    return {"ours": traced, "numpy": looped}


def compare(num_units: int, num_patterns: int, num_chains: int, rounds: int) -> Comparison:
    """Equal states after equal random numbers, then seconds."""
    memory = DenseMonteCarlo(num_units, degree=DEGREE)
    memory.store(random_patterns(num_patterns, num_units, dtype=torch.int8))
    cues = memory.patterns[:num_chains].contiguous()
    runs = contenders(memory, cues)
    states = {name: run() for name, run in runs.items()}
    for name, found in states.items():
        assert np.array_equal(found, states["ours"]), name
    chains = f"{num_chains} chain{'s' * (num_chains > 1)}"
    return measure(f"N = {num_units}, K = {num_patterns}, {chains}", runs, rounds=rounds)


def main(rounds: int = 3) -> None:
    """Measure, print and record."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    rows, nanoseconds = [], {}
    for num_units, num_patterns in SIZES:
        for num_chains in CHAINS:
            if num_chains > 1 and num_patterns > MOST:
                continue
            row = compare(num_units, num_patterns, num_chains, rounds)
            proposals = num_chains * NUM_SWEEPS * num_units
            nanoseconds[row.name] = {
                name: round(1e9 * seconds / proposals, 1) for name, seconds in row.seconds.items()
            }
            print(row.name, row.ratio, flush=True)
            rows.append(row)
    print("nanoseconds a proposal:", nanoseconds)
    record("memory_dense_rsb", rows, nanoseconds_per_proposal=nanoseconds)


if __name__ == "__main__":
    main()
