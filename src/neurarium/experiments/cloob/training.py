"""One fit of two towers under a loss, the same for every method."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from neurarium.data.synthetic import DigitScenes
from neurarium.data.synthetic.scene_captions import MAX_WORDS, vocabulary
from neurarium.engine import derived_generator, fit
from neurarium.memory import TwoTower

from .config import Config
from .encoders import two_towers


class Pairing(nn.Module):
    """Towers with their loss, whose temperature may be learned."""

    def __init__(self, towers: TwoTower, loss: nn.Module) -> None:
        super().__init__()
        self.towers, self.loss = towers, loss

    def forward(self, images: Tensor, tokens: Tensor) -> Tensor:
        """The loss of a batch."""
        return self.loss(*self.towers(images, tokens), normalized=True)


def rate_factor(step: int, num_steps: int, *, warmup: float, num_cycles: int) -> float:
    """Factor on the learning rate: linear from 0, then cosines with hard restarts, 0 at the end.

    Example:
        >>> [round(rate_factor(s, 10, warmup=0.2, num_cycles=1), 2) for s in (0, 1, 2, 6, 10)]
        [0.0, 0.5, 1.0, 0.5, 0.0]
        >>> [round(rate_factor(s, 8, warmup=0.0, num_cycles=2), 2) for s in (0, 2, 4, 6, 8)]
        [1.0, 0.5, 1.0, 0.5, 0.0]
    """
    rising = round(warmup * num_steps)
    if step < rising:
        return step / rising
    progress = (step - rising) / max(1, num_steps - rising)
    if progress >= 1:
        return 0.0
    return 0.5 * (1 + math.cos(math.pi * (num_cycles * progress % 1)))


def decayed_groups(module: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Matrices and filters are decayed; norms, biases and temperatures are not."""
    parameters = list(module.parameters())
    return [
        {"params": [p for p in parameters if p.ndim >= 2], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0},
    ]


def train_towers(
    loss: nn.Module,
    scenes: DigitScenes,
    config: Config,
    *,
    lr: float,
    num_steps: int,
    seed: int,
    device: str,
    watch: Callable[[TwoTower], None] | None = None,
) -> tuple[TwoTower, list[float]]:
    """Towers after ``num_steps`` steps, and the loss of each.

    Args:
        loss: ``loss(x, y, normalized=True)``; one with ``clamp_`` is clamped after every step.
        scenes: pairs to learn from; a smaller last batch of an epoch is left out.
        config: batch size, decay and schedule.
        lr: the largest learning rate.
        num_steps: length of the fit.
        seed: of the order of the pairs.
        device: where to compute.
        watch: called with the towers in evaluation mode after every epoch and at the end.
    """
    towers = two_towers(len(vocabulary()), context=MAX_WORDS)
    model = Pairing(towers, loss).to(device)
    images, tokens = scenes.images.to(device), scenes.tokens.to(device)
    size = config.batch_size

    def batches(epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        order = torch.randperm(len(scenes), generator=derived_generator(seed, epoch))
        for rows in order.split(size)[: len(order) // size]:
            yield images[rows.to(device)], tokens[rows.to(device)]

    optimizer = torch.optim.AdamW(decayed_groups(model, config.weight_decay), lr)

    def factor(step: int) -> float:
        return rate_factor(step, num_steps, warmup=config.warmup, num_cycles=config.num_cycles)

    seen = 0

    def validate(model: nn.Module) -> float:
        nonlocal seen
        if watch is not None:
            watch(towers)
        seen += 1
        return seen  # the last weights are kept

    clamp = getattr(loss, "clamp_", None)
    history = fit(
        model,
        lambda model, batch: model(*batch),
        batches,
        optimizer=optimizer,
        scheduler=torch.optim.lr_scheduler.LambdaLR(optimizer, factor),
        num_steps=num_steps,
        validate=validate,
        validate_every=min(num_steps, len(scenes) // size),
        after_step=() if clamp is None else (lambda history: clamp(),),
    )
    return towers.eval(), history.metrics["loss"]
