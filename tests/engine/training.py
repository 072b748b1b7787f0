"""A small training with everything that a checkpoint must hold; run as a script by the tests."""

import os
import random
import signal
import sys

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn

from neurarium.engine import Batches, fit, seed_everything
from neurarium.optim import Lamb, ema_model


class Noise:
    """A callback with a state of its own, which moves the weights."""

    def __init__(self, model):
        self.model, self.size = model, 1e-3

    def __call__(self, history):
        self.size *= 0.9
        with torch.no_grad():
            for p in self.model.parameters():
                p.add_(self.size * (random.random() + np.random.rand()))  # noqa: NPY002

    def state_dict(self):
        return {"size": self.size}

    def load_state_dict(self, state):
        self.size = state["size"]


def loader(kind, x, y):
    data = torch.utils.data.TensorDataset(x, y)
    if kind == "batches":
        return Batches((x, y), batch_size=5, seed=3)
    return torch.utils.data.DataLoader(data, batch_size=5, shuffle=True)


def train(folder, *, kind="batches", interrupt=None, start_seed=0, num_epochs=4):
    """Final weights, slow weights and history; ``interrupt(step)`` may stop it anywhere."""
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(18, 4, generator=generator)
    y = x.sum(1, keepdim=True)
    torch.manual_seed(start_seed)
    model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.3), nn.Linear(8, 1))
    slow = ema_model(model, decay=0.8)
    optimizer = Lamb(model.parameters(), lr=0.05)
    seed_everything(start_seed)

    def stop(history):
        if interrupt is not None:
            interrupt(history.step)

    history = fit(
        model,
        lambda model, batch: (model(batch[0]) - batch[1]).square().mean(),
        loader(kind, x, y),
        optimizer=optimizer,
        scheduler=torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=16),
        num_epochs=num_epochs,
        validate=lambda model: -(model(x) - y).square().mean().item() + torch.rand(()).item(),
        grad_clip=1.0,
        ema=slow,
        checkpoint_dir=folder,
        checkpoint_every=0.0,
        after_step=[Noise(model), stop],
    )
    weights = {f"model.{k}": v for k, v in model.state_dict().items()}
    weights |= {f"slow.{k}": v for k, v in slow.state_dict().items()}
    for i, state in optimizer.state_dict()["state"].items():
        weights |= {f"optimizer.{i}.{k}": v for k, v in state.items()}
    return weights, history


if __name__ == "__main__":
    folder, out, kill_at = sys.argv[1], sys.argv[2], int(sys.argv[3])

    def kill(step):
        if step == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    save_file(train(folder, interrupt=kill)[0], out)
