"""Run under ``torchrun`` with two processes by the tests: what each process ends with."""

import os
import signal
import sys
from itertools import count
from pathlib import Path

import torch
import torch.distributed as dist
from safetensors.torch import save_file
from torch import nn

from neurarium.engine import Batches, average_gradients, fit
from neurarium.engine.seeds import process

X = torch.randn(22, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
        self.unused = nn.Parameter(torch.ones(2))

    def forward(self, x):
        return self.body(x)


def make_net(seed):
    torch.manual_seed(seed)
    return Net().double()


def loss(model, x):
    return (model(x) - x.sum(1, keepdim=True)).square().mean()


def train(model, batch_size=11, loss=loss, **settings):
    """Batches of 11 rows are shared out as 6 and 5."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.05)
    batches = Batches(X, batch_size, seed=2)
    return fit(model, loss, batches, optimizer=optimizer, num_epochs=3, **settings)


def dying_loss(rank, step):
    """The loss; the process of that rank is killed in that step."""
    steps = count()

    def computed(model, x):
        if next(steps) == step and dist.get_rank() == rank:
            os.kill(os.getpid(), signal.SIGKILL)
        return loss(model, x)

    return computed


def killed(folder):
    replicate(folder, dying_loss(rank=1, step=3))  # in the second of three epochs


def replicate(folder, loss=loss):
    model = make_net(seed=dist.get_rank())  # the first process's weights count
    train(
        model,
        validate=lambda module: float(dist.get_rank()) - loss(module, X).item(),
        loss=loss,
        checkpoint_dir=folder / "run",
        checkpoint_every=0.0,
    )
    weights = {f"weights.{k}": v for k, v in model.state_dict().items()}
    model = make_net(seed=0)
    (batch,) = Batches(X)(0)
    loss(model, batch).backward()
    average_gradients(model, batch)
    weights |= {f"grad.{k}": p.grad for k, p in model.named_parameters() if p.grad is not None}
    return weights


def shard(folder):
    import torch.distributed.checkpoint as dcp
    from torch.distributed.checkpoint.state_dict import get_model_state_dict, set_model_state_dict
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    mesh = init_device_mesh("cpu", (2,))
    model = fully_shard(make_net(seed=0), mesh=mesh)
    train(model, batch_size=None)  # 11 rows each: shards weigh processes equally
    dcp.save({"model": get_model_state_dict(model)}, checkpoint_id=folder / "sharded")
    fresh = fully_shard(make_net(seed=5), mesh=mesh)
    state = {"model": get_model_state_dict(fresh)}
    dcp.load(state, checkpoint_id=folder / "sharded")
    set_model_state_dict(fresh, state["model"])
    return {f"weights.{k}": v.full_tensor() for k, v in fresh.state_dict().items()}


if __name__ == "__main__":
    mode, folder = sys.argv[1], Path(sys.argv[2])
    dist.init_process_group("gloo")
    tensors = {"replicate": replicate, "killed": killed, "shard": shard}[mode](folder)
    save_file(tensors, folder / f"{process()[0]}.out")
    dist.barrier()  # no process tears the connection down while the other still uses it
    dist.destroy_process_group()
