"""Teach a neural memory to learn sines in context, chunk by chunk with synthetic gradients.

Run ``python examples/learn_in_context.py``: the error after 1, 5 and 10 points, before and after.
"""

import torch
from torch import nn

from neurarium.data.synthetic import sinusoid_episodes
from neurarium.memory import (
    NeuralMemoryCell,
    NeuralMemoryNetwork,
    SyntheticGradient,
    SyntheticGradientTrainer,
)


def main(num_updates: int = 100) -> dict[str, dict[int, float]]:
    """When → points seen → mean square error of the next one."""
    torch.manual_seed(0)
    model = NeuralMemoryNetwork(NeuralMemoryCell(2, 32, num_slots=16), nn.Linear(32, 1))
    fast = [p for group in model.controllers().values() for p in group]
    trainer = SyntheticGradientTrainer(
        model,
        SyntheticGradient.for_cell(model.cell, error_size=1),
        fast_optimizer=torch.optim.Adam(fast, lr=1e-2),
        error=torch.sub,
    )
    test = sinusoid_episodes(500)

    @torch.no_grad()
    def errors() -> dict[int, float]:
        found = (model(test.inputs) - test.targets).square().mean((0, 2))
        return {points: found[points].item() for points in (1, 5, 10)}

    found = {"before": errors()}
    for _ in range(num_updates):
        step = trainer.step(sinusoid_episodes(32))
    print(f"cosine of predicted and target gradient: {step.cosine:.2f}")
    return {**found, "after": errors()}


if __name__ == "__main__":
    for when, errors in main().items():
        print(when, {points: round(error, 2) for points, error in errors.items()})
