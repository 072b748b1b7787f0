"""Handwritten digits by a network of activation windows with as many weights as an MLP.

Run ``python examples/classify_digits.py``; it takes a few seconds and prints both accuracies.
"""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional as F

from neurarium.neurons import AFKANLinear


def accuracy(model: nn.Module, x: torch.Tensor, y: torch.Tensor, num_epochs: int) -> float:
    """Train on the first 1400 digits; share of the others that are recognised."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(num_epochs):
        for rows in torch.randperm(1400).split(64):
            optimizer.zero_grad()
            F.cross_entropy(model(x[rows]), y[rows]).backward()
            optimizer.step()
    model.eval()
    return float((model(x[1400:]).argmax(1) == y[1400:]).float().mean())


def main(num_epochs: int = 10) -> dict[str, tuple[int, float]]:
    """For each network its number of parameters, and the share of new digits it recognises."""
    torch.manual_seed(0)
    digits = load_digits()  # 1797 images of 8 × 8 pixels
    x = torch.tensor(digits.data, dtype=torch.float32) / 8 - 1
    y = torch.tensor(digits.target)
    models = {
        "AF-KAN": nn.Sequential(AFKANLinear(64, 32), AFKANLinear(32, 10)),
        "MLP": nn.Sequential(nn.Linear(64, 32), nn.SiLU(), nn.Linear(32, 10)),
    }
    found = {}
    for name, model in models.items():
        size = sum(p.numel() for p in model.parameters())
        found[name] = size, accuracy(model, x, y, num_epochs)
        print(f"{name}: {size} parameters, {found[name][1]:.1%} of 397 new digits")
    return found


if __name__ == "__main__":
    main()
