"""Grow dendrites in your own training loop: wrap the model, and hand over your epoch.

Run ``python examples/grow_dendrites.py``; it takes a few seconds and prints test accuracies.
"""

import torch
from sklearn.datasets import load_digits
from torch import nn

from neurarium.neurons import DendriteTrainer, to_dendritic

x, y = (torch.tensor(a) for a in load_digits(return_X_y=True))
x = x.float() / 16
parts = torch.randperm(len(x), generator=torch.Generator().manual_seed(0)).split([1000, 300, 497])
train_rows, validation_rows, test_rows = parts


def train(model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    """Your epoch, with the optimizer that it is given."""
    for batch in train_rows[torch.randperm(len(train_rows))].split(64):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x[batch]), y[batch]).backward()
        optimizer.step()


def accuracy(model: nn.Module, rows: torch.Tensor) -> float:
    """The share of digits that are named right."""
    return (model(x[rows]).argmax(1) == y[rows]).float().mean().item()


def main() -> tuple[float, float]:
    """A small network, stalled; then with dendrites."""
    torch.manual_seed(0)
    model = to_dendritic(nn.Sequential(nn.Linear(64, 6), nn.ReLU(), nn.Linear(6, 10)))
    trainer = DendriteTrainer(model, lambda p: torch.optim.Adam(p, 0.01), max_dendrites=2)
    model, report = trainer.fit(train, lambda model: accuracy(model, validation_rows))
    print(f"validation: {report.phases[0][2]:.3f}, then {report.best_score:.3f} with")
    print(f"{report.num_dendrites} dendrites a neuron; test: {accuracy(model, test_rows):.3f}")
    return report.phases[0][2], report.best_score


if __name__ == "__main__":
    main()
