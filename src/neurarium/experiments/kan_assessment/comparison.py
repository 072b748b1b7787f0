"""The fair comparison: the same budget, the same number of configurations, validation chooses."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from functools import cache, partial
from typing import Any

import numpy as np
import torch
from torch import nn

from neurarium.cost import count_macs, count_parameters
from neurarium.data.containers import Table
from neurarium.evaluation import Cell, Context, Result

from .arms import ARMS
from .config import Config
from .problems import Problem, loaders, problem_of
from .training import Network, Settings, outputs, steps_within, train
from .widths import fitting_parameters, sizes_for

SHARED_SPACE: Mapping[str, tuple[Any, ...]] = {
    "optimizer": ("adam",),
    "lr": (1e-2, 3e-3, 3e-2, 1e-3),
    "weight_decay": (0.0, 1e-1),
}
"""Setting → values for every arm, the default first; tables and images."""

FORMULA_SPACE: Mapping[str, tuple[Any, ...]] = {
    "optimizer": ("lbfgs", "adam"),
    "lr": (1e-2, 3e-3, 3e-2, 1e-3, 1e-1),
    "weight_decay": (0.0,),
}
"""The same where all rows make one batch, so that L-BFGS applies."""

TUNING_SEED = 1_000
"""Of the draws on which configurations are tried; no seed of a cell."""

MANY_INPUTS = 100
MAX_STEPS_FACTOR = 20
"""A time box may hold so many times the configured steps at most."""


def datasets(config: Any) -> Mapping[str, Callable[[], Any]]:
    """Name → loader."""
    return loaders(config.datasets)


def axes(config: Config) -> Mapping[str, Iterable[str | int]]:
    """Arms, budgets and seeds."""
    return {
        "method": config.arms,
        "budget": config.budgets,
        "seed": range(config.num_seeds),
    }


def configurations(
    name: str, count: int, *, full_batch: bool, budget: str = "parameters"
) -> list[dict[str, Any]]:
    """What an arm tries: the defaults, then both optimisers, then draws without repetition.

    Every arm has the same shared settings and one of its own, with as many values.

    Args:
        name: of the arm; a user's own has the shared settings alone.
        count: how many.
        full_batch: whether L-BFGS is among them,
        budget: unless this is ``"adam"``.

    Example:
        >>> [c["optimizer"] for c in configurations("kan", 3, full_batch=True)]
        ['lbfgs', 'adam', 'lbfgs']
    """
    own = ARMS[name].space if name in ARMS else {}
    space = {**(FORMULA_SPACE if full_batch else SHARED_SPACE), **own}
    if budget == "adam":
        space["optimizer"] = ("adam",)
    tried = [{key: values[0] for key, values in space.items()}]
    generator = np.random.default_rng(TUNING_SEED)
    for attempt in range(100 * count):
        if len(tried) >= count:
            break
        drawn = {key: v[int(generator.integers(len(v)))] for key, v in space.items()}
        if attempt < 50 * count:  # in turns as long as both have something new
            drawn["optimizer"] = space["optimizer"][len(tried) % len(space["optimizer"])]
        if drawn["optimizer"] == "lbfgs":
            drawn["lr"], drawn["weight_decay"] = space["lr"][0], 0.0
        if drawn not in tried:
            tried.append(drawn)
    return tried[:count]


def _tried(cell: Cell, config: Config, problem: Problem) -> list[dict[str, Any]]:
    return configurations(
        str(cell.method), config.num_trials, full_batch=problem.full_batch, budget=str(cell.budget)
    )


def parameters_of(problem: Problem, config: Config) -> int:
    """How many parameters an arm has: more where inputs are many, as in images and speech."""
    return config.wide_parameters if problem.in_features > MANY_INPUTS else config.parameters


@cache
def common_parameters(
    parameters: int, in_features: int, out_features: int, arms: tuple[str, ...]
) -> int:
    """The budget, or the next larger one that every setting of every arm meets within 2 %."""

    def fits(size: int) -> None:
        for name in arms:
            for settings in ARMS[name].choices() if name in ARMS else ():
                sizes_for(name, "parameters", size, in_features, out_features, settings)

    found = fitting_parameters(parameters, fits)
    if found is None:
        raise ValueError(f"parameters must be larger for arms of equal size: got {parameters}")
    return found


def make_network(
    cell: Cell, problem: Problem, config: Config, method: Callable[..., nn.Module], settings: Any
) -> Network:
    """The arm in its budget's widths, behind what the problem puts before it."""
    name, ends = str(cell.method), (problem.in_features, problem.out_features)
    size = common_parameters(parameters_of(problem, config), *ends, tuple(config.arms))
    if name not in ARMS:
        return Network(problem, method(problem, size))
    sizes = sizes_for(name, str(cell.budget), size, *ends, settings)
    return Network(problem, method(sizes, **ARMS[name].own(settings)))


def count_steps(cell: Cell, config: Config, context: Context) -> Mapping[str, Any]:
    """Gradients of each configuration: the same for all, or as many as fit into the seconds."""
    problem = problem_of(context.data, config, TUNING_SEED)
    tried = _tried(cell, config, problem)
    if cell.budget != "seconds":
        return {"steps": [config.num_steps] * len(tried)}
    box = config.wide_seconds if problem.in_features > MANY_INPUTS else config.seconds
    steps = []
    for settings in tried:
        torch.manual_seed(TUNING_SEED)
        make = partial(make_network, cell, problem, config, context.method, settings)
        found = steps_within(box, make, problem, settings, config.batch_size)
        steps.append(min(found, MAX_STEPS_FACTOR * config.num_steps))
    return {"steps": steps}


def tune(cell: Cell, config: Config, context: Context) -> Mapping[str, Any]:
    """The configuration with the least validation loss, on a draw that no cell is asked about.

    The splits of a table overlap, so that one's validation rows are another's test rows: there the
    cells choose for themselves, each within its own split.
    """
    if isinstance(context.data, Table):
        return {}
    return _best(cell, config, context, problem_of(context.data, config, TUNING_SEED))


def _best(cell: Cell, config: Config, context: Context, problem: Problem) -> dict[str, Any]:
    tried = _tried(cell, config, problem)
    steps = context.stage("steps")["steps"]
    losses = []
    for place, settings in enumerate(tried):
        if len(tried) == 1:
            losses.append(0.0)
            break
        torch.manual_seed(TUNING_SEED)
        network = make_network(cell, problem, config, context.method, settings)
        count = max(1, round(config.tuning_share * steps[place]))
        losses.append(train(network, problem, settings, count, config.batch_size))
        context.progress((place + 1) / len(tried), loss=losses[-1])
    best = int(np.argmin(np.nan_to_num(losses, nan=math.inf)))
    return {"settings": tried[best], "steps": int(steps[best]), "losses": np.array(losses)}


def run_cell(cell: Cell, config: Config, context: Context) -> Result:
    """Train with the chosen configuration and ask for the test rows once."""
    problem = problem_of(context.data, config, int(cell.seed))
    in_cell = isinstance(context.data, Table)
    chosen = _best(cell, config, context, problem) if in_cell else context.stage("tuned")
    settings, steps = chosen["settings"], int(chosen["steps"])
    torch.manual_seed(int(cell.seed))
    network = make_network(cell, problem, config, context.method, settings)
    loss = train(network, problem, settings, steps, config.batch_size)
    metrics = {
        **problem.scores(outputs(network, problem.test), problem.test.y),
        "validation_loss": loss,
        "steps": float(steps),
        "lbfgs": float(settings["optimizer"] == "lbfgs"),
        **costs(cell, network, problem, settings),
    }
    return Result(metrics)


def costs(cell: Cell, network: Network, problem: Problem, settings: Settings) -> dict[str, float]:
    """Parameters, multiply–accumulates and published FLOPs of the arm, without what is before."""
    with torch.no_grad():
        rows = network.stem(problem.train.x[:1])
        found = {
            "parameters": float(count_parameters(network.arm)),
            "macs": float(count_macs(network.arm, rows).total),
        }
    arm = ARMS.get(str(cell.method))
    if arm is not None:
        sizes = _sizes(network.arm)
        found["flops"] = float(arm.total_flops(sizes, settings))
    return found


def _sizes(arm: Any) -> list[int]:
    layers = list(arm.layers)
    return [layers[0].in_features, *(layer.out_features for layer in layers)]


METHODS = {name: arm.build for name, arm in ARMS.items()}
"""Name → ``build(sizes, **settings)``; a user's own is ``fn(problem, num_parameters)``."""
