"""A small experiment with everything: stages, datasets, curves, arrays, a method without seeds.

In a process of its own, ``main`` is what tests kill. Every computation appends a line to the file
named by ``TOY_LOG``, so that tests can count what was computed and how often.
"""

# ruff: noqa: NPY002 - the runner seeds the legacy generator, so it is what cells draw from here

import os
import random
import time
from dataclasses import dataclass

import numpy as np

from neurarium.evaluation import (
    Cell,
    Claim,
    Context,
    Experiment,
    Method,
    Result,
    Stage,
    paired,
    run,
)


@dataclass(frozen=True)
class Config:
    """Sizes only."""

    num_rows: int = 20
    num_seeds: int = 3
    milliseconds: float = 0.0


def log(text: str) -> None:
    if "TOY_LOG" in os.environ:
        with open(os.environ["TOY_LOG"], "a") as file:
            file.write(text + "\n")


def noisy_mean(data: np.ndarray, bias: float) -> float:
    """The signature of every method: data and the tuned bias to an estimate."""
    return float(data.mean() + bias + np.random.normal() * 0.01)


def median(data: np.ndarray, bias: float) -> float:
    return float(np.median(data))


def tables(config: Config):
    return {
        "ones": lambda: np.ones(config.num_rows),
        "ramp": lambda: np.linspace(0.0, 1.0, config.num_rows),
    }


def build_shift(cell: Cell, config: Config, context: Context) -> dict:
    log(f"shift {cell.identity}")
    time.sleep(config.milliseconds / 1e3)
    return {"shift": context.data[:3] * 0 + random.random(), "label": ["a", {"b": cell.seed}]}


def build_tuned(cell: Cell, config: Config, context: Context) -> dict:
    log(f"tuned {cell.identity}")
    return {"bias": 0.001 * len(cell.method)}


def run_cell(cell: Cell, config: Config, context: Context) -> Result:
    log(f"cell {cell.identity}")
    bias = context.stage("tuned")["bias"]
    if "seed" in cell:
        bias += context.stage("shift")["shift"][0]
    time.sleep(config.milliseconds / 1e3)
    estimate = context.method(context.data, bias)
    context.progress(1.0, estimate=estimate)
    return Result(
        {"estimate": estimate, "nothing": float("nan")},
        {"trace": [estimate, random.random(), np.random.rand()]},
        {"draws": np.random.rand(3), "file": np.arange(2)},
    )


EXPERIMENT = Experiment(
    slug="toy",
    presets={"smoke": Config(num_seeds=1), "quick": Config(), "full": Config(num_seeds=5)},
    axes=lambda c: {"seed": range(c.num_seeds)},
    methods={"noisy_mean": noisy_mean, "median": Method(median, axes={"seed": ()})},
    datasets=tables,
    stages=(
        Stage("shift", ("dataset", "seed"), build_shift),
        Stage("tuned", ("method", "dataset"), build_tuned),
    ),
    run_cell=run_cell,
    claims=(
        Claim(
            "the noisy mean is above the median",
            "nowhere",
            lambda records: paired(records, "estimate", "noisy_mean", "median", unit="seed"),
            headline=True,
        ),
    ),
    metric="estimate",
)


def main(out: str, jobs: str, milliseconds: str) -> None:
    overrides = {"milliseconds": float(milliseconds)}
    run(EXPERIMENT, preset="full", overrides=overrides, out=out, jobs=int(jobs), progress=False)
