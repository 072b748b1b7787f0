"""Dendrites that learn to correlate with the error that is left (arXiv 2501.18018), in two parts.

``main``, the headline: **data** handwritten digits, MNIST, Fashion-MNIST and two tables.
**Protocol**: a perceptron with one hidden layer learns for a fixed number of epochs, grows a
dendrite in every neuron, learns again, and so on; validation rows choose the weights of every
cycle and whether a dendrite stays; test rows are looked at once. All arms get the same total of
passes over the data, an epoch of the candidates counted like one of the network: the plain network
with as many restarts of its optimizer, a wider one with as many parameters as all dendrites take,
dendrites trained by the loss itself, random ones, and dendrites through which errors flow. Where no
candidate is trained, neurons get its epochs. Every arm takes the best of the same learning rates by
its validation score.

What is not equal: a rejected dendrite ends an arm, which leaves the rest of its budget unused
(``passes`` records what was spent); seconds, which are recorded, as a pass of candidates costs
other than one of the network. What is less than it could be: there is no convolutional network
and no graph, and the hidden layer has 16 neurons outside of ``paper``.

``compression``: the same with 1, 1/2, 1/4 and 1/8 of the hidden neurons, and as many dendrites as
validation keeps, at most two (three in ``paper``), not each number of them.

**Your method**: ``fn(problem, budget, lr, seed) -> (module, facts)`` as in
:mod:`~neurarium.experiments.perforated_backprop.methods`. **Your data**: a
:class:`neurarium.data.Images` or a :class:`neurarium.data.Table` with classes.

Example:
    >>> import tempfile
    >>> from neurarium import evaluation
    >>> from neurarium.experiments.perforated_backprop.methods import new_mlp
    >>> def untrained(problem, budget, lr, seed):
    ...     return new_mlp(problem), {}
    >>> done = evaluation.run(
    ...     MAIN, preset="smoke", methods={"untrained": untrained}, progress=False,
    ...     out=tempfile.mkdtemp(),
    ... )
    >>> done.num_failed
    0
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch

from neurarium.evaluation import (
    Cell,
    Claim,
    Context,
    Experiment,
    Records,
    Result,
    Stage,
    Table,
    paired,
)

from . import figures
from .methods import METHODS, Budget, accuracy, num_parameters, score_of
from .problem import datasets, problem_of

TUNING_SEED = 1_000_003
"""Of the rows on which learning rates are tried; no seed of a cell."""


@dataclass(frozen=True)
class Config:
    """One comparison.

    Args:
        datasets: names of images or tables, and ``"digits"``.
        num_seeds: of rows and weights.
        hidden_features: of the network at width 1.
        widths: shares of it.
        num_dendrites: of each neuron, at most.
        num_rows: to learn from and to validate; as many are tested at most.
        num_epochs: of neurons in a cycle.
        candidate_epochs: of candidates in a cycle.
        batch_size: rows in a step.
        rates: learning rates of Adam that are tried.
    """

    datasets: tuple[str, ...] = (
        "digits", "mnist", "fashion_mnist", "hopular/shrutime", "hopular/eye_movements",
    )  # fmt: skip
    num_seeds: int = 5
    hidden_features: int = 16
    widths: tuple[float, ...] = (1.0,)
    num_dendrites: int = 2
    num_rows: int = 3000
    num_epochs: int = 20
    candidate_epochs: int = 20
    batch_size: int = 64
    rates: tuple[float, ...] = (0.001, 0.003, 0.01)


SMALL: dict[str, Any] = {
    "datasets": ("digits",), "num_seeds": 1, "num_dendrites": 1, "num_rows": 200, "num_epochs": 2,
    "candidate_epochs": 2, "rates": (0.01,),
}  # fmt: skip
QUICK: dict[str, Any] = {
    "datasets": ("digits",), "num_seeds": 3, "num_rows": 1000, "num_epochs": 10,
    "candidate_epochs": 10, "rates": (0.003, 0.01),
}  # fmt: skip
LARGE: dict[str, Any] = {"num_seeds": 10, "num_rows": 20_000, "num_dendrites": 3, "num_epochs": 100}
PRESETS = {
    "smoke": Config(**SMALL),
    "quick": Config(**QUICK),
    "full": Config(),
    "paper": Config(**LARGE, hidden_features=32, candidate_epochs=100),
}
WIDTHS = (1.0, 0.5, 0.25, 0.125)
COMPRESSION_PRESETS = {
    "smoke": Config(**SMALL, widths=(1.0, 0.25)),
    "quick": Config(**QUICK, widths=(1.0, 0.25)),
    "full": Config(datasets=("digits", "mnist"), widths=WIDTHS, hidden_features=32),
    "paper": Config(**LARGE, widths=WIDTHS, hidden_features=64, candidate_epochs=100),
}


def axes(config: Config) -> Mapping[str, Iterable[int | float]]:
    """Widths and seeds."""
    return {"width": config.widths, "seed": range(config.num_seeds)}


def train(
    lr: float, seed: int, cell: Cell, config: Config, context: Context
) -> tuple[Any, torch.nn.Module, Mapping[str, float]]:
    """The problem, the trained network, and facts."""
    hidden = max(1, round(config.hidden_features * float(cell.width)))
    problem = problem_of(context.data, config.num_rows, hidden, seed)
    budget = Budget(
        config.num_epochs, config.num_dendrites, config.candidate_epochs, config.batch_size
    )
    return problem, *context.method(problem, budget, lr, seed)


def choose_rate(cell: Cell, config: Config, context: Context) -> dict[str, float]:
    """The learning rate with the best validation score on rows of its own."""
    scores = {}
    for lr in config.rates:
        torch.manual_seed(0)
        problem, model, _ = train(lr, TUNING_SEED, cell, config, context)
        scores[lr] = score_of(problem.validation, model)
    return {"lr": max(scores, key=lambda lr: scores[lr])}


def run_cell(cell: Cell, config: Config, context: Context) -> Result:
    """Test accuracy and cross-entropy, and what the network has become."""
    lr = float(context.stage("rate")["lr"])
    problem, model, facts = train(lr, int(cell.seed), cell, config, context)
    metrics = {
        "accuracy": accuracy(problem.test, model),
        "loss": -score_of(problem.test, model),
        "parameters": float(num_parameters(model)),
    }
    return Result(metrics | dict(facts))


def gained_over(rival: str, records: Records) -> list[float]:
    """Test accuracy with dendrites minus a rival's, by dataset."""
    return paired(records, "accuracy", "correlation", rival)


def two_of_three(records: Records) -> bool:
    """More than a standard error above plain and wide on two thirds of the datasets."""
    names = records.axis("dataset")
    won = 0
    for name in names:
        here = records.where(dataset=name)
        gains = [np.array(paired(here, "accuracy", "correlation", r, unit="seed"))
                 for r in ("plain", "wide")]  # fmt: skip
        won += all(
            gain.mean() > gain.std(ddof=1) / math.sqrt(len(gain)) if len(gain) > 1 else gain[0] > 0
            for gain in gains
        )
    return won >= 2 * len(names) / 3


def narrow_with_dendrites(records: Records) -> list[float]:
    """Accuracy of the narrower network with dendrites minus the full plain one, by seed."""
    widths = sorted(records.axis("width"), reverse=True)
    values = records.ok.values("accuracy", "method", "width", "seed")
    return [
        values["correlation", widths[1], seed] - values["plain", widths[0], seed]
        for seed in records.axis("seed")
    ]


def compression_tables(records: Records) -> tuple[Table, ...]:
    """Accuracy and parameters by width."""
    methods = [str(m) for m in records.axis("method")]
    accuracies, sizes = (
        records.ok.values(name, "width", "method") for name in ("accuracy", "parameters")
    )
    columns = ("hidden neurons", *methods, *(f"{m}: parameters" for m in methods))
    rows = tuple(
        (f"× {w:g}", *(accuracies.get((w, m)) for m in methods),
         *(sizes.get((w, m)) for m in methods))
        for w in records.axis("width")
    )  # fmt: skip
    return (Table("Test accuracy by width", columns, rows),)


STAGES = (Stage("rate", ("method", "dataset", "width"), choose_rate),)
RIVALS = {
    "plain": "the same network trained for the whole budget",
    "wide": "a network of equal parameters",
    "gradient": "dendrites trained by the loss",
    "random": "random dendrites",
    "unperforated": "dendrites through which errors flow",
}
MAIN = Experiment(
    slug="perforated-backprop",
    presets=PRESETS,
    axes=axes,
    datasets=lambda config: datasets(config.datasets),
    methods=METHODS,
    stages=STAGES,
    run_cell=run_cell,
    claims=tuple(
        Claim(
            f"Dendrites trained by correlation are more accurate than {rival}"
            + ", and on two of three datasets by more than a standard error than it and than a "
            "network of equal parameters" * (name == "plain"),
            "abstract; the authors' examples" if name == "plain" else "our question",
            partial(gained_over, name),
            holds=two_of_three if name == "plain" else None,
            headline=name == "plain",
        )
        for name, rival in RIVALS.items()
    ),
    figures={"gains": figures.gains, "sizes": figures.sizes},
)
COMPRESSION = Experiment(
    slug="perforated-backprop",
    part="compression",
    presets=COMPRESSION_PRESETS,
    axes=axes,
    datasets=lambda config: datasets(config.datasets),
    methods={name: METHODS[name] for name in ("correlation", "plain", "wide")},
    stages=STAGES,
    run_cell=run_cell,
    claims=(
        Claim(
            "The next narrower network with dendrites is as accurate as the full plain one "
            "(within 1 %)",
            "the authors' compression examples",
            narrow_with_dendrites,
            side=(-0.01, math.inf),
        ),
    ),
    tables=compression_tables,
    figures={"compression": figures.sizes},
)
EXPERIMENTS = (MAIN, COMPRESSION)
"""Equal budgets, and compression."""
