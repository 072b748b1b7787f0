"""Training and judging by one method; learning rates and equal times come from stages."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from neurarium.cost import count_parameters
from neurarium.evaluation import Cell, Context, Result

from .config import BUDGETS, Config
from .methods import Learner, updates_in_time
from .tasks import Task, task_of

LAST = 100
"""Updates over which the cosine is averaged at the end."""


def axes(config: Config) -> Mapping[str, Iterable[int | str]]:
    """Seeds and budgets."""
    return {"seed": range(config.num_seeds), "budget": BUDGETS}


def choose_lr(
    cell: Cell, config: Config, context: Context, *, rare: bool = False
) -> dict[str, Any]:
    """The rate that is best on validation episodes after a short run.

    Most of which must be what the method does after its warm-up.
    """
    config = replace(config, warmup=min(config.warmup, config.tune_updates // 3))
    task, found = task_of(context.data, config, rare=rare), []
    for index, lr in enumerate(config.lrs):
        torch.manual_seed(0)
        learner = context.method(task, config, lr)
        try:
            train(learner, task, config, config.tune_updates, seed=0)
            found.append(validation_loss(learner, task))
        except FloatingPointError:  # it diverged
            found.append(math.inf)
        context.progress((index + 1) / len(config.lrs), loss=found[-1])
    best = int(np.argmin(np.nan_to_num(found, nan=math.inf)))
    return {"lr": config.lrs[best], "loss": np.array(found)}


def measure_cost(
    cell: Cell, config: Config, context: Context, *, rare: bool = False
) -> dict[str, Any]:
    """Updates in our method's time, alone on the machine."""
    task = task_of(context.data, config, rare=rare)
    updates, seconds = updates_in_time(context.method, task, config)
    return {"updates_in_time": updates, "seconds_per_update": seconds}


def run_cell(cell: Cell, config: Config, context: Context, *, rare: bool = False) -> Result:
    """Errors in the test episodes at the end; learning curves."""
    cost, lr = context.stage("cost"), float(context.stage("lr")["lr"])
    task = task_of(context.data, config, rare=rare)
    total = config.num_updates if cell.budget == "episodes" else int(cost["updates_in_time"])
    torch.manual_seed(int(cell.seed))
    learner = context.method(task, config, lr)
    generator = torch.Generator().manual_seed(int(cell.seed))
    ends = np.linspace(0, total, config.num_validations + 1).round().astype(int)[1:]
    history: list[dict[str, float]] = []
    errors: list[float] = []
    for end in ends:
        history += updates(learner, task, config, int(end) - len(history), generator)
        metrics = judged(learner, task)
        errors.append(metrics["error"])
        context.progress(end / total, error=errors[-1])
    cosines = [seen["cosine"] for seen in history if not math.isnan(seen.get("cosine", math.nan))]
    curves = {
        "loss": smoothed([seen["loss"] for seen in history]),
        "updates": [float(end) for end in ends],
        "error": errors,
    }
    if cosines:
        metrics["cosine"] = float(np.mean(cosines[-LAST:]))
        metrics["skipped"] = sum(seen.get("skipped", 0.0) for seen in history)
        curves["cosine"] = smoothed(cosines)
    metrics |= {
        "parameters": count_parameters(learner.model),
        "updates": total,
        "lr": lr,
        "seconds_per_update": float(cost["seconds_per_update"]),
    }
    return Result(metrics, curves)


def train(learner: Learner, task: Task, config: Config, count: int, *, seed: int) -> None:
    """Some updates on episodes that the seed decides."""
    updates(learner, task, config, count, torch.Generator().manual_seed(seed))


def updates(
    learner: Learner, task: Task, config: Config, count: int, generator: torch.Generator
) -> list[dict[str, float]]:
    """What each of some more updates saw."""
    learner.model.train()
    return [learner.update(task.draw(config.batch_size, generator)) for _ in range(count)]


@torch.no_grad()
def judged(learner: Learner, task: Task) -> dict[str, float]:
    """Metrics in the test episodes; the error in those of validation, of known classes."""
    model = learner.model.eval()
    known = task.judge(model(task.validation.inputs), task.validation.targets)["error"]
    return {**task.judge(model(task.test.inputs), task.test.targets), "validation_error": known}


@torch.no_grad()
def validation_loss(learner: Learner, task: Task) -> float:
    """Mean loss of a step in the validation episodes."""
    output = learner.model.eval()(task.validation.inputs)
    return task.loss(output, task.validation.targets).mean().item()


def smoothed(values: list[float], num_points: int = 40) -> list[float]:
    """Means of about 40 equal stretches."""
    return [float(part.mean()) for part in np.array_split(values, min(num_points, len(values)))]
