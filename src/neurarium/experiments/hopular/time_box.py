"""Equal seconds as counts: measured alone on the machine, recorded, and counted from then on."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from neurarium.evaluation import Cell, Context

from .methods import fit_hopular
from .problem import Problem, problem_of

PROBE_SHARE = 0.2
"""Of the time box, spent at least on finding out how long the work takes."""

PROBE_EPOCHS = 10


def build_count(cell: Cell, config: Any, context: Context) -> Mapping[str, Any]:
    """How much of its work a method may do on a dataset."""
    problem = problem_of(context.data, seed=0, config=config, count=1)
    if cell.method == "hopular":
        if config.seconds is None:
            return {"count": config.num_epochs}
        return hopular_in_box(problem)
    if config.seconds is None:
        return {"count": config.num_trials}
    return {"count": min(trials_in_box(context.method, problem), config.num_trials)}


def trials_in_box(method: Any, problem: Problem) -> int:
    """Calls the method with 1, 2, 4 … trials until enough of the box is used, and extrapolates.

    Trials differ by factors of a hundred in their seconds, so their mean counts, not a median; and
    the first, the defaults, is often the cheapest, so the trials that a call added count at least
    as much as all. The very first call imports libraries and only tells whether two trials fit.
    """
    seconds = problem.config.seconds

    def spend(count: int) -> float:
        return _seconds_of(method, replace(problem, count=count))

    if spend(1) > seconds / 2:
        return 1
    count, spent = 1, spend(1)
    a_trial = spent
    while spent < PROBE_SHARE * seconds and count < problem.config.num_trials:
        before, count = spent, 2 * count
        spent = spend(count)
        a_trial = max((spent - before) / (count / 2), spent / count)
    return max(1, int(count + (seconds - spent) / a_trial))


def hopular_in_box(problem: Problem) -> dict[str, Any]:
    """The first of the sizes that gets ``min_epochs`` for every factor, else the last one."""
    config = problem.config
    wanted = config.min_epochs * len(config.factors)
    for size in config.sizes:
        epochs = epochs_in_box(
            problem, {"embed_dim": size[0], "num_layers": size[1], "num_heads": config.heads[0]}
        )
        if epochs >= wanted:
            break
    affordable = max(1, epochs // config.min_epochs)
    factors = config.factors[:affordable]
    each = max(1, min(epochs // len(factors), config.num_epochs))
    return {"count": each, "sizes": [list(size)], "factors": list(factors)}


def epochs_in_box(problem: Problem, params: Mapping[str, Any]) -> int:
    """Epochs of one model in the time box, with its validation and its overhead."""
    fit_hopular(problem, {**params, "num_epochs": 1})
    start = time.perf_counter()
    fit_hopular(problem, {**params, "num_epochs": PROBE_EPOCHS})
    spent = time.perf_counter() - start
    return max(1, int(problem.config.seconds * PROBE_EPOCHS / spent))


def _seconds_of(method: Any, problem: Problem) -> float:
    start = time.perf_counter()
    method(problem)
    return time.perf_counter() - start
