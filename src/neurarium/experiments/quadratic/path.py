"""From the conventional network to the plain quadratic one: how much the quadratic terms may grow.

Each of the three ways of restraining them has a strength that is the conventional network at one
end and the unrestrained quadratic one at the other; the paper's figure rises in between, then
falls.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from neurarium.evaluation import Cell, Claim, Context, Experiment, Method, Records, Result, Table

from . import figures
from .methods import DEFAULTS, Prepared, accuracy, relinear, shrunk, train
from .problem import Problem, datasets, mlp, parts_of

LARGE = 1e9
"""A threshold that no weight exceeds: the conventional network."""
PATHS: dict[str, tuple[float, ...]] = {
    "gradient": (0.0, 1e-4, 1e-3, 1e-2, 1e-1, 1.0),
    "l2": (1.0, 1e-1, 1e-2, 1e-3, 1e-4, 0.0),
    "l1": (LARGE, 1e-2, 1e-3, 1e-4, 1e-5, 0.0),
}
"""Strengths from the conventional to the unrestrained quadratic network."""


@dataclass(frozen=True)
class Config:
    """One path.

    Args:
        datasets: names of image sets.
        num_seeds: of images and weights.
        depth: layers, logits included.
        width: of hidden layers.
        lr: of SGD, the same all along.
        num_train: images.
        num_validation: images that choose the strength.
        num_test: images.
        num_epochs: passes over them.
        batch_size: images in a step.
    """

    datasets: tuple[str, ...] = ("fashion_mnist",)
    num_seeds: int = 5
    depth: int = 3
    width: int = 64
    lr: float = 0.01
    num_train: int = 5000
    num_validation: int = 2000
    num_test: int = 5000
    num_epochs: int = 8
    batch_size: int = 64


PRESETS = {
    "smoke": Config(
        num_seeds=1, width=8, num_train=128, num_validation=100, num_test=100, num_epochs=1
    ),
    "quick": Config(num_seeds=1, width=32, num_train=1000, num_test=1000, num_epochs=3),
    "full": Config(),
    "paper": Config(
        datasets=("mnist", "fashion_mnist"), num_seeds=10, width=128, num_train=50_000,
        num_validation=10_000, num_test=10_000, num_epochs=100, batch_size=128,
    ),
}  # fmt: skip


def by_gradient(problem: Problem, settings: Mapping[str, Any]) -> Prepared:
    """Smaller steps for the quadratic terms."""
    return relinear(problem, {**settings, "gamma": settings["strength"]})


METHODS: dict[str, Callable[[Problem, Mapping[str, Any]], Prepared]] = {
    "gradient": by_gradient,
    "l2": partial(shrunk, "l2"),
    "l1": partial(shrunk, "l1"),
}


def axes(config: Config) -> Mapping[str, Iterable[int | float]]:
    """Seeds; the strengths of a user's method are those of the gradient's."""
    return {"seed": range(config.num_seeds), "strength": PATHS["gradient"]}


def run_cell(cell: Cell, config: Config, context: Context) -> Result:
    """Train once; a network that diverged guesses."""
    images, seed = context.data, int(cell.seed)
    sizes = config.num_train, config.num_validation, config.num_test
    parts = parts_of(images, *sizes, maps=False, seed=seed)
    num_classes = len(images.classes)
    plain = partial(mlp, parts[0][0].shape[1], num_classes, config.depth)
    problem = Problem(plain, config.width, 1, (), *parts, config.num_epochs, config.batch_size)
    settings = DEFAULTS | {"lr": config.lr, "strength": float(cell.strength)}
    prepared = context.method(problem, settings)
    finite, _ = train(prepared, problem, config.num_epochs, seed)
    found = [accuracy(prepared.model, part) if finite else 1 / num_classes for part in parts[1:]]
    return Result({"validation": found[0], "accuracy": found[1], "failed": float(not finite)})


def over_the_end(method: str, end: int, records: Records) -> list[float]:
    """Test accuracy at the inner strength that validation images choose minus at an end, by seed.

    Args:
        method: the way of restraining.
        end: 0: the conventional network; −1: the unrestrained quadratic one.
        records: of the path.
    """
    strengths = PATHS[method]
    chosen = records.ok.where(method=method)
    validation = chosen.values("validation", "strength")
    best = max(strengths[1:-1], key=lambda s: validation.get(s, -math.inf))
    test = chosen.values("accuracy", "strength", "seed")
    return [test[best, s] - test[strengths[end], s] for s in records.axis("seed")]


def tables(records: Records) -> tuple[Table, ...]:
    """Test accuracy along every path, conventional network first."""
    found = []
    for method, strengths in PATHS.items():
        values = records.ok.where(method=method).values("accuracy", "strength")
        rows = tuple((f"{s:g}", values.get(s, np.nan)) for s in strengths)
        found.append(Table(f"Restrained by {method}", ("strength", "test accuracy"), rows))
    return tuple(found)


WAYS = {"gradient": "smaller steps", "l2": "shrinking in proportion", "l1": "shrinking by a step"}
ENDS = {0: "the conventional network", -1: "the unrestrained quadratic network"}
PATH = Experiment(
    slug="quadratic",
    part="path",
    presets=PRESETS,
    axes=axes,
    datasets=lambda config: datasets(config.datasets),
    methods={name: Method(fn, axes={"strength": PATHS[name]}) for name, fn in METHODS.items()},
    run_cell=run_cell,
    claims=tuple(
        Claim(
            f"Quadratic terms held back by {way}, as much as validation images choose, name more "
            f"test images right than {rival}",
            "the repository's figure of guaranteed improvements",
            partial(over_the_end, method, end),
        )
        for method, way in WAYS.items()
        for end, rival in ENDS.items()
    ),
    tables=tables,
    figures={"path": partial(figures.path, PATHS)},
    metric="accuracy",
)
