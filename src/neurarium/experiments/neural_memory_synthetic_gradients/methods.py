"""The ways to train that are compared, with as many parameters, and how an update is timed."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import nn

from neurarium.baselines import ReadingLSTM, SequenceLSTM
from neurarium.data.synthetic import Episodes
from neurarium.evaluation.budget import match_width
from neurarium.evaluation.cells import Method
from neurarium.memory import (
    NeuralMemoryCell,
    NeuralMemoryNetwork,
    SyntheticGradient,
    SyntheticGradientTrainer,
)

from .config import Config
from .tasks import Task

OURS = "synthetic"
CLIP = 1.0


@dataclass(frozen=True)
class Learner:
    """A model, from (B, T, d) to (B, T, out), and one update of it.

    Args:
        model: answers.
        update: ``update(episodes)`` → what it saw, ``loss`` (of an episode) among it.
    """

    model: nn.Module
    update: Callable[[Episodes], dict[str, float]]


Build = Callable[[Task, Config, float], Learner]


def memory_network(task: Task, config: Config) -> NeuralMemoryNetwork:
    """The neural memory of a configuration."""
    cell = NeuralMemoryCell(task.input_size, config.memory_size, num_slots=config.num_slots)
    return NeuralMemoryNetwork(cell, nn.Linear(cell.output_size, task.out_features))


def trainer_of(
    model: NeuralMemoryNetwork,
    task: Task,
    config: Config,
    lr: float,
    *,
    feedback: SyntheticGradient | None = None,
    feedback_optimizer: torch.optim.Optimizer | None = None,
    chunk_size: int | None = None,
    interface: str = "state",
) -> SyntheticGradientTrainer:
    """Adam for the controllers and for the rest; without feedback, truncation or the whole."""
    fast = [p for group in model.controllers().values() for p in group]
    rest = [*model.head.parameters(), model.cell.initial_memory]
    return SyntheticGradientTrainer(
        model,
        feedback,
        loss=task.loss,
        chunk_size=config.chunk_size if chunk_size is None else chunk_size,
        interface=interface,  # type: ignore[arg-type]
        fast_optimizer=torch.optim.Adam(fast, lr, fused=True),
        slow_optimizer=torch.optim.Adam(rest, lr, fused=True),
        feedback_optimizer=feedback_optimizer,
        warmup=config.warmup,
        max_norm=CLIP,
        error=task.error,
    )


def feedback_of(
    model: NeuralMemoryNetwork, task: Task, config: Config, interface: str = "state"
) -> SyntheticGradient:
    """A feedback network that sees the error of the last answer."""
    return SyntheticGradient.for_cell(
        model.cell,
        interface=interface,  # type: ignore[arg-type]
        error_size=task.out_features,
        hidden_features=config.hidden_features,
    )


def synthetic(task: Task, config: Config, lr: float, *, interface: str = "state") -> Learner:
    """Truncation with synthetic gradients; or controllers cut apart."""
    model = memory_network(task, config)
    feedback = feedback_of(model, task, config, interface)
    optimizer = torch.optim.Adam(feedback.parameters(), config.feedback_lr, fused=True)
    trainer = trainer_of(
        model,
        task,
        config,
        lr,
        feedback=feedback,
        feedback_optimizer=optimizer,
        interface=interface,
    )

    def update(episodes: Episodes) -> dict[str, float]:
        step = trainer.step(tuple(episodes))  # type: ignore[arg-type]
        return {"loss": step.loss, "cosine": step.cosine, "skipped": step.num_skipped}

    return Learner(model, update)


def truncated(task: Task, config: Config, lr: float) -> Learner:
    """The same without feedback."""
    model = memory_network(task, config)
    return _plain(model, trainer_of(model, task, config, lr))


def zero_feedback(task: Task, config: Config, lr: float) -> Learner:
    """A feedback network that never learns: must be truncation, bit for bit."""
    model = memory_network(task, config)
    with torch.random.fork_rng(devices=[]):
        feedback = feedback_of(model, task, config)
    still = torch.optim.SGD(feedback.parameters(), lr=0.0)
    return _plain(
        model, trainer_of(model, task, config, lr, feedback=feedback, feedback_optimizer=still)
    )


def bptt(task: Task, config: Config, lr: float) -> Learner:
    """Back-propagation through the whole episode: one update each."""
    model = memory_network(task, config)
    length = task.test.inputs.shape[1]
    longest = max(length, task.validation.inputs.shape[1])
    return _plain(model, trainer_of(model, task, config, lr, chunk_size=longest))


def recurrent(kind: Any, task: Task, config: Config, lr: float) -> Learner:
    """An LSTM of as many parameters by back-propagation through the whole episode."""
    budget = sum(p.numel() for p in memory_network(task, config).parameters())

    def build(width: int) -> nn.Module:
        return kind(task.input_size, width, task.out_features)

    with torch.random.fork_rng(devices=[]):
        width = match_width(build, budget)
    model = build(width)
    optimizer = torch.optim.Adam(model.parameters(), lr, fused=True)

    def update(episodes: Episodes) -> dict[str, float]:
        loss = task.loss(model(episodes.inputs), episodes.targets).sum(1).mean()
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        optimizer.step()
        return {"loss": loss.item()}

    return Learner(model, update)


def _plain(model: nn.Module, trainer: SyntheticGradientTrainer) -> Learner:
    def update(episodes: Episodes) -> dict[str, float]:
        return {"loss": trainer.step(tuple(episodes)).loss}  # type: ignore[arg-type]

    return Learner(model, update)


EPISODES, TIME = {"budget": ("episodes",)}, {"budget": ("time",)}
METHODS: dict[str, Build | Method] = {
    OURS: Method(synthetic, EPISODES),  # its own time is the measure of the other budget
    "truncated": truncated,
    "bptt": bptt,
    "decoupled": Method(partial(synthetic, interface="controller"), EPISODES),
    "zero_feedback": Method(zero_feedback, {**EPISODES, "seed": (0,)}),
    "lstm": Method(partial(recurrent, SequenceLSTM), TIME),
    "reading_lstm": Method(partial(recurrent, ReadingLSTM), TIME),
}
RARE_METHODS: dict[str, Build | Method] = {
    OURS: Method(synthetic, EPISODES),
    "truncated": Method(truncated, TIME),
    "bptt": Method(bptt, TIME),
}


def updates_in_time(build: Build, task: Task, config: Config) -> tuple[int, float]:
    """How many updates take as long as ours, and the seconds of one; measured in turns."""
    timed = Config(**{**vars_of(config), "warmup": 0})
    learners = [fn(task, timed, 0.0) for fn in (synthetic, build)]
    episodes = task.draw(config.batch_size, torch.Generator().manual_seed(0))
    seconds: list[list[float]] = [[], []]
    for turn in range(config.timed_updates + 1):
        for learner, spent in zip(learners, seconds, strict=True):
            start = time.perf_counter()
            learner.update(episodes)
            if turn:  # the first one allocates
                spent.append(time.perf_counter() - start)
    ours, theirs = (sorted(spent)[len(spent) // 2] for spent in seconds)
    return min(max(1, round(config.num_updates * ours / theirs)), config.max_updates), theirs


def vars_of(config: Config) -> dict[str, Any]:
    """The fields of a plain configuration."""
    return {name: getattr(config, name) for name in Config.__dataclass_fields__}
