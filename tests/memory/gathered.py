"""Run under ``torchrun`` with two processes by a test: losses and gradients of a gathered batch."""

import gc
import sys
from pathlib import Path

import torch
import torch.distributed as dist
from safetensors.torch import save_file
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from neurarium.engine import average_gradients
from neurarium.memory import CLIPLoss, CLOOBLoss, TwoTower
from neurarium.memory.contrastive_gather import gather_rows

IMAGES = torch.randn(8, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
TEXTS = torch.randn(8, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
LOSSES = {
    "cloob": lambda **arguments: CLOOBLoss(
        learn_temperature=True, learn_beta=True, dtype=torch.float64, **arguments
    ),
    "clip": lambda **arguments: CLIPLoss(dtype=torch.float64, **arguments),
}


class Model(nn.Module):
    """Towers with their loss, which may have parameters too."""

    def __init__(self, loss):
        super().__init__()
        torch.manual_seed(0)
        self.towers = TwoTower(nn.Linear(6, 5).double(), nn.Linear(4, 5).double(), 5)
        self.loss = loss

    def forward(self, images, texts):
        return self.loss(*self.towers(images, texts), normalized=True)


def found(name, model, loss):
    gradients = {f"{name}.{key}": p.grad for key, p in model.named_parameters()}
    return gradients | {f"{name}.loss": loss.detach()}


def expected():
    """What a single process computes for the joint batch, under the names of both ways."""
    tensors = {}
    for name, make in LOSSES.items():
        model = Model(make())
        loss = model(IMAGES, TEXTS)
        loss.backward()
        for way in ("ddp", "engine"):
            tensors |= {k: v.clone() for k, v in found(f"{way}.{name}", model, loss).items()}
    return tensors


def gathered():
    mine = slice(4 * dist.get_rank(), 4 * dist.get_rank() + 4)
    batch = IMAGES[mine], TEXTS[mine]
    tensors = {}
    for name, make in LOSSES.items():
        model = Model(make(gather=True))
        loss = model(*batch)
        loss.backward()
        average_gradients(model, batch)
        tensors |= found(f"engine.{name}", model, loss)
        model = Model(make(gather=True))
        parallel = DistributedDataParallel(model)  # averages as long as it lives
        loss = parallel(*batch)
        loss.backward()
        tensors |= found(f"ddp.{name}", model, loss)
    return tensors


def refused():
    """Sentences for unequal batches and for second derivatives."""
    sentences = []
    rows = IMAGES[:3].clone().requires_grad_()
    for attempt in (
        lambda: gather_rows(rows[: 3 - dist.get_rank()]),
        lambda: torch.autograd.grad(gather_rows(rows).square().sum(), rows, create_graph=True),
    ):
        try:
            attempt()
        except (ValueError, NotImplementedError) as error:
            sentences.append(str(error))
    return "\n".join(sentences)


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    dist.init_process_group("gloo")
    save_file(gathered(), folder / f"{dist.get_rank()}.out")
    (folder / f"{dist.get_rank()}.txt").write_text(refused())
    gc.collect()  # no replica may outlive the connection
    dist.barrier()
    dist.destroy_process_group()
