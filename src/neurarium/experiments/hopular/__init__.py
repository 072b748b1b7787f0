"""Hopular against strong baselines on real tables (arXiv 2206.00664, Tables 1 and 2).

**Data.** The 21 UCI tables of the paper on the first of their published splits, the one that the
paper's numbers use. In ``monks_2`` and ``horse_colic`` the source encoded training and test rows
differently, so that no method can know the test rows' categories; their repaired versions
``monks_2_aligned`` and ``horse_colic_aligned`` take their place among the 21. ``paper`` adds the
six medium tables.

**Protocol.** Every method learns from the training rows, chooses among its configurations by the
validation rows, and is then asked for the test rows once. No model is fitted again on training and
validation rows together. In ``full`` a fit may take 15 seconds, whoever's it is: an exclusive stage
turns them into the number of configurations that a random search tries (the library's defaults
first, 100 at most), or into Hopular's epochs; cells then count, so that they can be repeated.
Hopular takes the first of three sizes whose box holds 200 epochs for each of the scaling factors 1
and 100, of which validation chooses; where not even the smallest does, factor 1 alone gets them
all. Its learning rate and weight average follow the library's rule for the number of epochs.
``quick`` and ``smoke`` have fixed counts.

**Your method.** ``evaluation.run(EXPERIMENTS[0], methods={"mine": fn})`` calls
``fn(problem)`` with a :class:`~neurarium.experiments.hopular.problem.Problem`: ``X_train`` and
``X_val`` are DataFrames (pandas categories are discrete, other columns numbers, NaN is missing),
``y_train`` and ``y_val`` class indices, ``seed`` an int, ``count`` how many configurations fit the
time box (a search may use it). It returns anything with ``predict(X)``; if that has
``num_parameters()`` too, it is recorded.

**Your data.** ``datasets={"mine": table}`` with a :class:`neurarium.data.Table`, e.g.
``Table("mine", X, y, "classification", (part,), ("no", "yes"))``, where ``part`` holds 0 for
training, 1 for validation and 2 for test rows.

Example:
    >>> from neurarium import evaluation
    >>> from sklearn.dummy import DummyClassifier
    >>> def mine(problem):
    ...     return DummyClassifier().fit(problem.X_train, problem.y_train)
    >>> import tempfile
    >>> done = evaluation.run(
    ...     EXPERIMENTS[0], preset="smoke", methods={"mine": mine}, progress=False,
    ...     overrides={"methods": ("hopular", "svc")}, out=tempfile.mkdtemp(),
    ... )
    >>> sorted(done.records.axis("method"))
    ['hopular', 'mine', 'svc']
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

from neurarium.data.load import load
from neurarium.evaluation import Experiment, Stage

from . import ablation, claims, figures
from .cell import run_cell
from .config import ABLATION_PRESETS, PRESETS, AblationConfig, Config
from .methods import installed_methods
from .tables import comparison_tables
from .time_box import build_count

METHODS = installed_methods()


def datasets(config: Config | AblationConfig) -> Mapping[str, Callable[[], Any]]:
    """Name → loader of every :class:`neurarium.data.Table` of a configuration."""
    return {name: partial(load, f"hopular/{name}") for name in config.datasets}


def axes(config: Config) -> Mapping[str, Iterable[str | int]]:
    """Methods that are installed, and seeds."""
    chosen = tuple(name for name in config.methods if name in METHODS)
    return {"method": chosen, "seed": range(config.num_seeds)}


def ablation_axes(config: AblationConfig) -> Mapping[str, Iterable[str | int]]:
    """Seeds; every arm is run."""
    return {"seed": range(config.num_seeds)}


COMPARISON = Experiment(
    slug="hopular",
    presets=PRESETS,
    axes=axes,
    datasets=datasets,
    methods=METHODS,
    stages=(Stage("count", ("method", "dataset"), build_count, exclusive=True),),
    run_cell=run_cell,
    claims=claims.CLAIMS,
    tables=comparison_tables,
    figures={
        "ranks": figures.ranks,
        "accuracy": figures.accuracy,
        "associations": figures.associations,
    },
)
ABLATION = Experiment(
    slug="hopular",
    part="ablation",
    presets=ABLATION_PRESETS,
    axes=ablation_axes,
    datasets=datasets,
    methods=ablation.arms(),
    stages=(Stage("epochs", ("dataset",), ablation.build_epochs, exclusive=True),),
    run_cell=ablation.run_ablation,
    claims=ablation.CLAIMS,
    figures={"arms": figures.arms},
)
EXPERIMENTS = (COMPARISON, ABLATION)
