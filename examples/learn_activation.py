"""Replace GELU by a learnable activation in a network of your own, and see what it became.

Run ``python examples/learn_activation.py``.
"""

import torch
from torch import nn

from neurarium.engine import Batches, fit
from neurarium.neurons import GroupRational


def main(num_epochs: int = 40) -> float:
    """Fit a wave with GELU and with an activation that may bend."""
    torch.manual_seed(0)
    x = torch.rand(512, 2) * 4 - 2
    y = (3 * x[:, :1]).sin() * x[:, 1:]
    losses = {}
    for name, activation in (("GELU", nn.GELU()), ("rational", GroupRational(32, init="gelu"))):
        torch.manual_seed(1)
        model = nn.Sequential(nn.Linear(2, 32), activation, nn.Linear(32, 1))
        history = fit(
            model,
            lambda model, batch: (model(batch[0]) - batch[1]).square().mean(),
            Batches((x, y), 64),
            optimizer=torch.optim.Adam(model.parameters(), lr=1e-2),
            num_epochs=num_epochs,
        )
        losses[name] = history.metrics["loss"][-1]
        print(f"{name:9s} mean squared error {losses[name]:.4f}")
    learned = model[1]
    points = torch.linspace(-2, 2, 5)[:, None].expand(-1, 32)
    print("first group at -2, -1, 0, 1, 2:", learned(points)[:, 0].tolist())
    return losses["rational"] / losses["GELU"]


if __name__ == "__main__":
    main()
