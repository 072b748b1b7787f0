"""Hopular with one part taken out: the arms, their cells and their claims."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from neurarium.evaluation import Cell, Claim, Context, Result, paired

from .cell import measure
from .config import AblationConfig
from .methods import HopularModel, fit_hopular
from .problem import Problem, problem_of
from .time_box import epochs_in_box

ARMS: Mapping[str, Mapping[str, Any]] = {
    "whole": {},
    "no_self_exclusion": {"exclude_self": False},
    "no_feature_loss": {"feature_loss_weight": (0.0, 0.0)},
    "memory_read_once": {"reread_memory": False},
    "factor_100": {"scaling_factor": 100.0},
    "factor_1000": {"scaling_factor": 1000.0},
}
"""Arm → what differs from the whole model with factor 1."""


def fit_arm(arm: str, problem: Problem) -> HopularModel:
    """One arm, with the epochs that all arms have."""
    changes = {**_size(problem.config), **ARMS[arm]}
    return fit_hopular(problem, {**changes, "num_epochs": problem.count})


def build_epochs(cell: Cell, config: AblationConfig, context: Context) -> Mapping[str, Any]:
    """Epochs of the whole model in the time box, for every arm."""
    if config.seconds is None:
        return {"count": config.num_epochs}
    problem = problem_of(context.data, seed=0, config=config, count=1)
    return {"count": min(epochs_in_box(problem, _size(config)), config.num_epochs)}


def run_ablation(cell: Cell, config: AblationConfig, context: Context) -> Result:
    """An arm on a dataset."""
    count = context.stage("epochs")["count"]
    problem = problem_of(context.data, seed=int(cell.seed), config=config, count=count)
    result = measure(context.data, problem, context.method(problem))
    return Result({**result.metrics, "count": count}, result.curves, result.arrays)


def _size(config: AblationConfig) -> dict[str, Any]:
    return {
        "embed_dim": config.embed_dim,
        "num_layers": config.num_layers,
        "num_heads": config.num_heads,
    }


def arms() -> dict[str, Callable[[Problem], HopularModel]]:
    """Name → method."""
    return {name: partial(fit_arm, name) for name in ARMS}


def _gain_over(arm: str, records: Any) -> list[float]:
    return paired(records, "score", "whole", arm)


CLAIMS = tuple(
    Claim(statement, source, partial(_gain_over, arm))
    for arm, statement, source in (
        ("no_self_exclusion", "Forbidding a row its own memory helps, in accuracy", "Sec. 3.1"),
        ("no_feature_loss", "Reconstructing features beside the target helps", "Sec. 3.3"),
        ("memory_read_once", "Looking up the memory again in every block helps", "Sec. 3.2"),
    )
)
"""The paper argues for these parts and shows no ablation of them."""
