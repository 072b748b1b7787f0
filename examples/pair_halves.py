"""Train two encoders of your own with CLOOB: which lower half belongs to which upper half?

Run ``python examples/pair_halves.py [PICTURE.png]``; MNIST is fetched if it is not here yet.
"""

import sys

import torch
from matplotlib import pyplot
from torch import nn

from neurarium.data import load
from neurarium.memory import CLOOBLoss, TwoTower


def encoder() -> nn.Module:
    """Any module will do."""
    return nn.Sequential(nn.Linear(14 * 28, 256), nn.ReLU(), nn.Linear(256, 64))


def main(path: str = "halves.png", num_steps: int = 250) -> float:
    """Train, draw upper halves with the unseen lower ones they chose; the share of right ones."""
    torch.manual_seed(0)
    mnist = load("mnist")
    train, test = (torch.from_numpy(x).flatten(1) / 255 for x in (mnist.train, mnist.test[:200]))
    towers, loss = TwoTower(encoder(), encoder(), 64), CLOOBLoss(beta=8.0)
    optimizer = torch.optim.AdamW(towers.parameters(), 1e-3)
    for _ in range(num_steps):
        upper, lower = train[torch.randint(len(train), (256,))].chunk(2, dim=1)
        value = loss(*towers(upper, lower), normalized=True)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()

    with torch.no_grad():
        upper, lower = towers.eval()(*test.chunk(2, dim=1))  # no retrieval at use
    chosen = (upper @ lower.T).argmax(1)
    joined = torch.cat([test[:, : 14 * 28], test[chosen, 14 * 28 :]], dim=1)[:20]
    pyplot.imsave(path, joined.view(20, 28, 28).permute(1, 0, 2).flatten(1), cmap="gray_r")
    return float((chosen == torch.arange(len(test))).float().mean())


if __name__ == "__main__":
    print(f"{main(*sys.argv[1:]):.0%} of 200 upper halves found their own lower half")
