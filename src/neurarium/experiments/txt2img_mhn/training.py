"""Training of the image tokenizer and of a generator, and how many steps take equal time."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from neurarium.engine import derived_generator, fit
from neurarium.memory import VQVAE, GreyLevels

from .config import Config
from .methods import num_parameters, txt2img_mhn
from .problem import Problem

MAX_RATIO = 4
"""No method takes more than so many times the steps of Txt2Img-MHN."""


def new_tokenizer(config: Config, image_size: int) -> nn.Module:
    """One that has learned nothing yet."""
    if config.tokenizer == "grey":
        return GreyLevels(config.num_codes, image_size)
    return VQVAE(
        1,
        config.num_codes,
        config.code_dim,
        image_size=image_size,
        num_layers=config.vq_layers,
        num_blocks=1,
        hidden_channels=config.vq_channels,
    )


def train_tokenizer(tokenizer: VQVAE, images: Tensor, config: Config, seed: int) -> list[float]:
    """Adam; the temperature begins at 1 and falls as slowly as the authors'. Losses by step."""
    batches = crops(images, images, config.vq_batch_size, seed)
    temperature, done = 1.0, 0

    def step(module: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        nonlocal temperature, done
        model: Any = module
        done += 1
        if done % 100 == 0:
            temperature = max(temperature * math.exp(-1e-6 * done), 0.5)
        return model.loss(batch[0], temperature=temperature)

    history = fit(
        tokenizer,
        step,
        lambda epoch: batches,
        optimizer=torch.optim.Adam(tokenizer.parameters(), config.vq_lr),
        num_steps=config.vq_steps,
    )
    tokenizer.eval()
    return history.metrics["loss"]


def crops(x: Tensor, y: Tensor, batch_size: int, seed: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches without end; every epoch has an order of its own."""
    epoch = 0
    while True:
        order = torch.randperm(len(x), generator=derived_generator(seed, epoch))
        for rows in order.split(batch_size):
            yield x[rows], y[rows]
        epoch += 1


def train(model: nn.Module, problem: Problem, *, lr: float, num_steps: int) -> list[float]:
    """Adam without schedule; the loss of each step. What has nothing to train is left alone."""
    if not num_parameters(model):
        return []
    batches = crops(problem.train.text, problem.ids, problem.config.batch_size, problem.seed)
    parameters = [p for p in model.parameters() if p.requires_grad]

    def step(module: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        generator: Any = module
        return generator.loss(*batch)

    history = fit(
        model,
        step,
        lambda epoch: batches,
        optimizer=torch.optim.Adam(parameters, lr),
        num_steps=num_steps,
    )
    model.eval()
    return history.metrics["loss"]


def steps_in_time(build: Callable[[Problem], nn.Module], problem: Problem) -> tuple[int, float]:
    """How many steps take as long as Txt2Img-MHN's, and the seconds of one; measured in turns."""
    config, models = problem.config, [txt2img_mhn(problem), build(problem)]
    if not num_parameters(models[1]):
        return 0, 0.0
    seconds: list[list[float]] = [[], []]
    for turn in range(config.timed_steps + 1):
        for model, spent in zip(models, seconds, strict=True):
            start = time.perf_counter()
            train(model, problem, lr=1e-6, num_steps=1)
            if turn:  # the first one allocates
                spent.append(time.perf_counter() - start)
    ours, theirs = (sorted(spent)[len(spent) // 2] for spent in seconds)
    steps = round(config.num_steps * ours / theirs)
    return min(max(1, steps), MAX_RATIO * config.num_steps), theirs
