"""``MultitaskingHopfield.recall`` beside a NumPy loop vectorised over patterns.

The heat bath over 2000 units, one thread, random numbers drawn by each contender: 20 sweeps (the
default) of a single chain, and 5 of 16 chains. ``numpy`` runs chain after chain as one writes it;
``torch`` is the loop of the base class, which updates a unit of all chains together. Before
anything is timed the final states are compared in float64, for equal random numbers.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from benchmarks.timing import Comparison, measure, record
from neurarium.memory import MultitaskingHopfield, noisy_examples, random_patterns
from neurarium.memory.associative import AssociativeMemory

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests"))
from reference.multitasking import anneal, random_numbers

NUM_UNITS, BETA = 2000, 10.0
SWEEPS = {1: 20, 16: 5}
"""Chains → sweeps."""
SIZES = ((3, None), (20, None), (5, 20), (5, 100), (5, 400))
"""Patterns, and examples of each; as many sums are tracked as there are examples in all."""


class General(MultitaskingHopfield):
    """The same memory with the sweep of the base class."""

    _sweep = AssociativeMemory._sweep


def examples_of(num_patterns: int, num_examples: int | None) -> Tensor:
    """Patterns (K, N), or noisy examples (K, M, N) of them, half blank."""
    patterns = random_patterns(num_patterns, NUM_UNITS, dilution=0.5)
    return patterns if num_examples is None else noisy_examples(patterns, num_examples, 0.4)


def memory_of(
    kind: type[MultitaskingHopfield], known: Tensor, dtype: torch.dtype
) -> AssociativeMemory:
    """A memory that has stored patterns, or learned from examples without a teacher."""
    memory = kind(NUM_UNITS, dtype=dtype)
    if known.ndim == 2:
        memory.store(known)
    else:
        memory.learn(known, rule="unsupervised", quality=0.4)
    return memory


def contenders(
    known: Tensor, states: Tensor, num_sweeps: int
) -> dict[str, Callable[[], np.ndarray]]:
    """Each returns the states after the sweeps, from the same seed."""
    ours, general = (
        memory_of(kind, known, states.dtype) for kind in (MultitaskingHopfield, General)
    )
    traces, starts = ours.traces.numpy(), states.numpy()
    generator = torch.Generator()

    def recalled(memory: AssociativeMemory) -> np.ndarray:
        generator.manual_seed(0)
        found = memory.recall(states, beta=BETA, num_sweeps=num_sweeps, generator=generator)
        return found.state.numpy()

    def looped() -> np.ndarray:
        generator.manual_seed(0)
        orders, uniforms = random_numbers(generator, num_sweeps, NUM_UNITS, len(starts))
        runs = zip(starts, uniforms, strict=True)
        return np.stack([anneal(traces, s, orders, u, BETA)[-1] for s, u in runs])

    return {"ours": lambda: recalled(ours), "numpy": looped, "torch": lambda: recalled(general)}


def compare(known: Tensor, num_chains: int, rounds: int) -> Comparison:
    """Equal trajectories in float64, then seconds in float32."""
    states = torch.randint(0, 2, (num_chains, NUM_UNITS)) * 2.0 - 1
    num_sweeps = SWEEPS[num_chains]
    exact = {name: run() for name, run in contenders(known, states.double(), num_sweeps).items()}
    for name, found in exact.items():
        assert np.array_equal(found, exact["ours"]), name
    what = f"{known[..., 0].numel()} {'stored' if known.ndim == 2 else 'examples'}"
    chains = f"{num_chains} chain{'s' * (num_chains > 1)}"
    return measure(f"{what}, {chains}", contenders(known, states, num_sweeps), rounds=rounds)


def main(rounds: int = 3) -> None:
    """Measure, print and record."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    rows, nanoseconds = [], {}
    for num_patterns, num_examples in SIZES:
        known = examples_of(num_patterns, num_examples)
        for num_chains, num_sweeps in SWEEPS.items():
            row = compare(known, num_chains, rounds)
            proposals = num_chains * num_sweeps * NUM_UNITS
            nanoseconds[row.name] = {
                name: round(1e9 * seconds / proposals, 1) for name, seconds in row.seconds.items()
            }
            rows.append(row)
    print("nanoseconds a proposal:", nanoseconds)
    record("memory_multitasking_hebbian", rows, nanoseconds_per_proposal=nanoseconds)


if __name__ == "__main__":
    main()
