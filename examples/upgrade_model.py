"""Upgrade a trained model with quadratic neurons: nothing changes at first, then errors fall.

Run ``python examples/upgrade_model.py``; it takes a few seconds and prints both errors.
"""

import torch
from torch import nn

from neurarium.neurons import relinear_param_groups, to_quadratic


def train(model: nn.Module, optimizer: torch.optim.Optimizer, x, y, steps: int) -> None:
    """Plain regression."""
    for _ in range(steps):
        optimizer.zero_grad()
        (model(x) - y).square().mean().backward()
        optimizer.step()


def main() -> tuple[float, float]:
    """Products of inputs from 400 samples: test error before and after."""
    torch.manual_seed(0)
    x = torch.randn(800, 5)
    y = x[:, :1] * x[:, 1:2] + torch.sin(x[:, 2:3]) * x[:, 3:4]
    (x, x_test), (y, y_test) = x.split(400), y.split(400)
    model = nn.Sequential(nn.Linear(5, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU())
    model.append(nn.Linear(16, 1))
    train(model, torch.optim.Adam(model.parameters(), 0.01), x, y, 600)
    before = (model(x_test) - y_test).square().mean().item()

    quadratic = to_quadratic(model, skip=["4"])
    assert torch.equal(quadratic(x_test), model(x_test))
    groups = relinear_param_groups(quadratic, 0.003, gamma_interaction=0.1, gamma_square=0.1)
    train(quadratic, torch.optim.Adam(groups), x, y, 600)
    after = (quadratic(x_test) - y_test).square().mean().item()
    longer = torch.optim.Adam(model.parameters(), 0.003)
    train(model, longer, x, y, 600)
    plain = (model(x_test) - y_test).square().mean().item()
    print(f"before {before:.4f}, with quadratic neurons {after:.4f}, plain for as long {plain:.4f}")
    return after, plain


if __name__ == "__main__":
    main()
