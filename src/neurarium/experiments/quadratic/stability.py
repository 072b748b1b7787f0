"""Which starts survive depth and learning rate: short runs over a grid of both."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from neurarium.evaluation import Cell, Claim, Context, Experiment, Records, Result, Table

from . import figures
from .methods import METHODS, accuracy, train
from .problem import Problem, datasets, mlp, parts_of

CHANCE = 2.0
"""A run that is not twice as good as guessing has failed."""
ARMS = ("conventional", "random", "unrestrained", "relinear")


@dataclass(frozen=True)
class Config:
    """One grid.

    Args:
        datasets: names of image sets.
        num_seeds: of images and weights.
        depths: layers, logits included.
        rates: learning rates.
        width: of hidden layers.
        num_train: images.
        num_validation: images that choose the rate.
        num_test: images.
        num_epochs: passes over them.
        batch_size: images in a step.
        gamma: of ReLinear; the paper's by default.
    """

    datasets: tuple[str, ...] = ("mnist",)
    num_seeds: int = 5
    depths: tuple[int, ...] = (2, 4, 6)
    rates: tuple[float, ...] = (0.003, 0.01, 0.03, 0.1, 0.3)
    width: int = 64
    num_train: int = 10_000
    num_validation: int = 2000
    num_test: int = 2000
    num_epochs: int = 3
    batch_size: int = 64
    gamma: float = 1e-4


PRESETS = {
    "smoke": Config(
        num_seeds=1, depths=(4,), rates=(0.03,), width=16, num_train=1000, num_validation=200,
        num_test=200, num_epochs=1,
    ),
    "quick": Config(num_seeds=1, depths=(2, 6), num_epochs=2),
    "full": Config(),
    "paper": Config(datasets=("mnist", "fashion_mnist"), num_seeds=20, depths=(2, 4, 6, 10)),
}  # fmt: skip


def axes(config: Config) -> Mapping[str, Iterable[int | float]]:
    """Seeds, depths, learning rates."""
    return {"seed": range(config.num_seeds), "depth": config.depths, "lr": config.rates}


def run_cell(cell: Cell, config: Config, context: Context) -> Result:
    """Train once; a network that diverged guesses."""
    images = context.data
    sizes = config.num_train, config.num_validation, config.num_test
    parts = parts_of(images, *sizes, maps=False, seed=int(cell.seed))
    num_classes = len(images.classes)
    plain = partial(mlp, parts[0][0].shape[1], num_classes, int(cell.depth))
    problem = Problem(plain, config.width, 1, (), *parts, config.num_epochs, config.batch_size)
    prepared = context.method(problem, {"lr": float(cell.lr), "gamma": config.gamma})
    finite, losses = train(prepared, problem, config.num_epochs, int(cell.seed))
    chance = 1 / num_classes
    found = [accuracy(prepared.model, part) if finite else chance for part in parts[1:]]
    failed = not finite or found[1] < CHANCE * chance
    metrics = {"validation": found[0], "accuracy": found[1], "failed": float(failed)}
    return Result(metrics, {"loss": losses[:: max(1, len(losses) // 50)]})


def survived(rival: str, records: Records) -> list[float]:
    """Share of the grid in which a rival fails and ReLinear does not, by seed."""
    failed = records.ok.values("failed", "method", "seed")
    return [failed[rival, s] - failed["relinear", s] for s in records.axis("seed")]


def at_best_rate(method: str, records: Records) -> float:
    """Mean test accuracy over depths and seeds, each at the rate that validation images choose.

    Of rates that are level on them the first counts.
    """
    chosen = records.ok.where(method=method)
    keys = ("dataset", "depth", "seed", "lr")
    validation, test = (chosen.values(name, *keys) for name in ("validation", "accuracy"))
    best: dict[tuple[object, ...], tuple[float, float]] = {}
    for key, value in validation.items():
        if value > best.get(key[:-1], (-1.0, 0.0))[0]:
            best[key[:-1]] = (value, test[key])
    return float(np.mean([accuracy for _, accuracy in best.values()]))


def no_worse_than_conventional(records: Records) -> bool:
    """The second half of the claim: at least the mean accuracy of the same structure.

    It is the mean over depths and seeds at the validated best rate, not the mean over the grid.
    """
    return at_best_rate("relinear", records) >= at_best_rate("conventional", records)


def tables(records: Records) -> tuple[Table, ...]:
    """The share of failed runs by depth, and test accuracy at the best rate."""
    methods = [str(name) for name in records.axis("method")]
    failed = records.ok.values("failed", "depth", "method")
    depths = records.axis("depth")
    rows: tuple[tuple[str | float | None, ...], ...] = tuple(
        (f"{d} layers", *(failed.get((d, m)) for m in methods)) for d in depths
    )
    best: tuple[str | float | None, ...] = (
        "mean accuracy at the validated best rate",
        *(at_best_rate(m, records) for m in methods),
    )
    return (Table("Share of failed runs over learning rates", ("", *methods), rows, (best,)),)


STABILITY = Experiment(
    slug="quadratic",
    presets=PRESETS,
    axes=axes,
    datasets=lambda config: datasets(config.datasets),
    methods={name: METHODS[name] for name in ARMS},
    run_cell=run_cell,
    claims=(
        Claim(
            "Over learning rates and depths a random start fails more often than ReLinear, by at "
            "least a tenth of the grid, and in the mean over depths and seeds, each at the "
            "learning rate that validation images choose, ReLinear is at least as accurate as the "
            "conventional network of the same structure",
            "abstract; the repository's figure of guaranteed improvements",
            partial(survived, "random"),
            smallest=0.1,
            holds=no_worse_than_conventional,
            headline=True,
        ),
        Claim(
            "ReLinear fails no more often than the conventional network (5 % of the grid)",
            "Section on training",
            partial(survived, "conventional"),
            side=(-0.05, float("inf")),
        ),
        Claim(
            "The linear start without restrained growth fails more often than ReLinear",
            "Section on training",
            partial(survived, "unrestrained"),
        ),
    ),
    tables=tables,
    figures={"grid": figures.grid},
    metric="accuracy",
)
