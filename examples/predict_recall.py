"""How well will a dense memory recall, before anything is stored? Theory, then a simulation.

Run ``python examples/predict_recall.py``: thousands of patterns in 64 units that interact in fours.
"""

import torch

from neurarium.memory import DenseMonteCarlo, random_patterns
from neurarium.memory.theory import dense_capacity, dense_ground_state, dense_load

DEGREE = 4


def main(num_units: int = 64) -> dict[int, tuple[float, float]]:
    """Patterns stored → the overlap that is predicted, and the one that is measured."""
    generator = torch.Generator().manual_seed(0)
    end = dense_capacity(DEGREE).noise
    found = {}
    for noise in (0.2 * end, 0.5 * end, 0.8 * end):
        count = round(dense_load(noise, DEGREE) * num_units ** (DEGREE - 1))
        predicted = dense_ground_state(noise, DEGREE, level="rs").m
        patterns = random_patterns(count, num_units, generator=generator)
        memory = DenseMonteCarlo(num_units, degree=DEGREE)
        memory.store(patterns)
        recall = memory.recall(patterns[:40], num_sweeps=50, generator=generator)
        found[count] = predicted, recall.overlaps[:, :40].diagonal().mean().item()
    return found


if __name__ == "__main__":
    for num_patterns, (theory, simulation) in main().items():
        print(f"{num_patterns} patterns in 64 units: {theory:.3f}, measured {simulation:.3f}")
