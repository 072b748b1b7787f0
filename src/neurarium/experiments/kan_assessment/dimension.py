"""Error against the number of inputs at a fixed number of parameters.

KAN (https://arxiv.org/abs/2404.19756, Theorem 2.1 and Fig. 3.1) reads its rate as one that does not
depend on the dimension; the assessment finds no evidence for that. Target:
y = exp(mean of sin²(π x_i / 2)), x uniform on [−1, 1]^d.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

import numpy as np
import torch

from neurarium.evaluation import Cell, Claim, Context, Experiment, Result, Table, paired
from neurarium.evaluation.records import Records

from . import figures
from .arms import ARMS
from .config import DIMENSION_PRESETS, DimensionConfig
from .problems import TEST_SEED, VALIDATION_SEED, Part, Problem
from .training import Network, outputs, train
from .widths import sizes_for


def problem_in(dimension: int, num_points: int, seed: int) -> Problem:
    """Samples of the target in so many inputs, standardised.

    Args:
        dimension: d.
        num_points: training, validation and test points each.
        seed: of the drawing.
    """
    drawn = [
        np.random.default_rng([seed + shift, dimension]).uniform(-1, 1, (num_points, dimension))
        for shift in (0, VALIDATION_SEED, TEST_SEED)
    ]
    targets = [np.exp(np.square(np.sin(np.pi * x / 2)).mean(1)) for x in drawn]
    mean, scale = targets[0].mean(), targets[0].std()
    parts = [
        Part(
            torch.from_numpy(x * math.sqrt(3)).float(),
            torch.from_numpy((y - mean) / scale).float()[:, None],
        )
        for x, y in zip(drawn, targets, strict=True)
    ]
    return Problem(parts, dimension, 1, "regression", seed, full_batch=True)


def run_cell(cell: Cell, config: DimensionConfig, context: Context) -> Result:
    """The best of the optimisers on validation points, asked for the test points."""
    problem = problem_in(int(cell.dimension), config.num_points, int(cell.seed))
    name = str(cell.method)
    sizes = sizes_for(name, "parameters", config.parameters, problem.in_features, 1)
    best: tuple[float, Network] | None = None
    for lr in config.lrs:
        torch.manual_seed(int(cell.seed))
        network = Network(problem, context.method(sizes, **ARMS[name].defaults()))
        settings = {"optimizer": "adam" if lr else "lbfgs", "lr": lr, "weight_decay": 0.0}
        loss = train(network, problem, settings, config.num_steps, len(problem.train))
        if best is None or loss < best[0]:
            best = loss, network
    assert best is not None
    return Result(problem.scores(outputs(best[1], problem.test), problem.test.y))


def slopes(name: str, records: Records) -> list[float]:
    """Slope of the log error against the log of the dimension, one number a seed."""
    found = records.ok.where(method=name)
    if not found:
        return []
    logs = []
    for seed in found.axis("seed"):
        cells = [r for r in found if r.cell.seed == seed]
        d = [math.log(float(r.cell.dimension)) for r in cells]
        logs.append(float(np.polyfit(d, [math.log(r.metrics["error"]) for r in cells], 1)[0]))
    return logs


def tables(records: Records) -> tuple[Table, ...]:
    """NRMSE by dimension, and the slopes."""
    methods = tuple(str(m) for m in records.axis("method"))
    found = records.values("error", "dimension", "method")
    rows = [(str(d), *(found.get((d, m)) for m in methods)) for d in records.axis("dimension")]
    slope: tuple[Any, ...] = (
        "slope of the logs",
        *(statistics.fmean(slopes(m, records)) for m in methods),
    )
    return (Table("NRMSE by number of inputs", ("inputs", *methods), tuple(rows), (slope,)),)


def kan_gain(records: Records) -> list[float]:
    """Log of the MLP's error over the KAN's, one number a seed."""
    return paired(records, "error", "mlp", "kan", log=True, unit="seed")


def axes(config: DimensionConfig) -> Mapping[str, Iterable[Any]]:
    """Arms, dimensions, seeds."""
    return {
        "method": config.arms,
        "dimension": config.dimensions,
        "seed": range(config.num_seeds),
    }


DIMENSION = Experiment(
    slug="kan-assessment",
    part="dimension",
    presets=DIMENSION_PRESETS,
    axes=axes,
    methods={name: arm.build for name, arm in ARMS.items()},
    run_cell=run_cell,
    claims=(
        Claim(
            "A KAN's error grows with the number of inputs at fixed parameters "
            "(slope of the logs above 0: no rate without dimension)",
            "Sec. 3",
            partial(slopes, "kan"),
        ),
        Claim(
            "On a sum of functions of single inputs a KAN's error is below the MLP's",
            "KAN, Sec. 3",
            kan_gain,
        ),
    ),
    tables=tables,
    figures={"dimension": figures.dimension},
    metric="error",
    higher_is_better=False,
)
