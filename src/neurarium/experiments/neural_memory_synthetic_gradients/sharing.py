"""Two networks on two families of sines at equal updates: one feedback network, or one each."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import torch

from neurarium.evaluation import Cell, Context, Result
from neurarium.memory import SyntheticGradientTrainer, step_together

from .config import SharingConfig
from .few_shot import LAST, judged, smoothed, validation_loss
from .methods import Learner, feedback_of, memory_network, trainer_of
from .tasks import Sinusoids, Task, sinusoid_task

Pair = list[SyntheticGradientTrainer]


def axes(config: SharingConfig) -> Mapping[str, Iterable[int]]:
    """Seeds."""
    return {"seed": range(config.num_seeds)}


def tasks(config: SharingConfig) -> tuple[Task, Task]:
    """Both families."""
    first, second = (
        sinusoid_task(Sinusoids(frequency), config) for frequency in (1.0, config.frequency)
    )
    return first, second


def pair(of: tuple[Task, Task], config: SharingConfig, lr: float, *, shared: bool) -> Pair:
    """Two networks with their trainers."""
    models = [memory_network(task, config) for task in of]
    feedbacks = [feedback_of(models[0], of[0], config)]
    feedbacks.append(feedbacks[0] if shared else feedback_of(models[1], of[1], config))
    optimizers = {
        id(net): torch.optim.Adam(net.parameters(), config.feedback_lr, fused=True)
        for net in feedbacks
    }
    return [
        trainer_of(
            model,
            task,
            config,
            lr,
            feedback=feedback,
            feedback_optimizer=optimizers[id(feedback)],
        )
        for model, task, feedback in zip(models, of, feedbacks, strict=True)
    ]


def shared(of: tuple[Task, Task], config: SharingConfig, lr: float) -> Pair:
    """One feedback network for both."""
    return pair(of, config, lr, shared=True)


def separate(of: tuple[Task, Task], config: SharingConfig, lr: float) -> Pair:
    """One each."""
    return pair(of, config, lr, shared=False)


METHODS: dict[str, Callable[[tuple[Task, Task], SharingConfig, float], Pair]] = {
    "shared": shared,
    "separate": separate,
}


def train(
    trainers: Pair, of: tuple[Task, Task], config: SharingConfig, count: int, seed: int
) -> list[float]:
    """Updates of both on their own episodes; the mean cosine of each."""
    generators = [torch.Generator().manual_seed(2 * seed + index) for index in range(2)]
    cosines = []
    for _ in range(count):
        batches = [
            tuple(task.draw(config.batch_size, generator))
            for task, generator in zip(of, generators, strict=True)
        ]
        if trainers[0].feedback is trainers[1].feedback:
            steps = step_together(trainers, batches)  # type: ignore[arg-type]
        else:
            steps = [t.step(b) for t, b in zip(trainers, batches, strict=True)]  # type: ignore[arg-type]
        cosines.append(sum(step.cosine for step in steps) / 2)
    return cosines


def choose_lr(cell: Cell, config: SharingConfig, context: Context) -> dict[str, Any]:
    """The rate that is best on validation episodes of both after a short run."""
    of, found = tasks(config), []
    for index, lr in enumerate(config.lrs):
        torch.manual_seed(0)
        trainers = context.method(of, config, lr)
        try:
            train(trainers, of, config, config.tune_updates, 0)
            found.append(sum(validation_loss(_learner(t), task) for t, task in _zip(trainers, of)))
        except FloatingPointError:  # it diverged
            found.append(math.inf)
        context.progress((index + 1) / len(config.lrs), loss=found[-1])
    best = int(np.argmin(np.nan_to_num(found, nan=math.inf)))
    return {"lr": config.lrs[best], "loss": np.array(found)}


def run_cell(cell: Cell, config: SharingConfig, context: Context) -> Result:
    """Errors of both networks at the end."""
    of, lr = tasks(config), float(context.stage("lr")["lr"])
    torch.manual_seed(int(cell.seed))
    trainers = context.method(of, config, lr)
    cosines = train(trainers, of, config, config.num_updates, int(cell.seed))
    errors = [judged(_learner(t), task)["error"] for t, task in _zip(trainers, of)]
    metrics = {
        "error": float(np.exp(np.mean(np.log(errors)))),
        "error_first": errors[0],
        "error_second": errors[1],
        "cosine": float(np.mean(cosines[-LAST:])),
        "lr": lr,
    }
    return Result(metrics, {"cosine": smoothed(cosines)})


def _zip(trainers: Pair, of: tuple[Task, Task]) -> Iterable[tuple[SyntheticGradientTrainer, Task]]:
    return zip(trainers, of, strict=True)


def _learner(trainer: SyntheticGradientTrainer) -> Learner:
    return Learner(trainer.model, lambda episodes: {})
