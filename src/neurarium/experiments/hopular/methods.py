"""The compared methods: Hopular's grid, and a random search for every other."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from neurarium.baselines.tabular import Baseline, tabular_baselines
from neurarium.baselines.tabular.spaces import Integers, LogUniform, Uniform, ZeroOr
from neurarium.estimators.hopular import HopularClassifier, HopularRegressor
from neurarium.estimators.modern_nca import ModernNCAClassifier, ModernNCARegressor
from neurarium.evaluation.search import random_search

from .problem import Chosen, Problem

if TYPE_CHECKING:
    import pandas as pd

NEIGHBOUR_SPACE = {
    "embed_dim": Integers(64, 1024),
    "num_layers": [0] * 4 + [1, 2],
    "hidden_features": Integers(64, 1024),
    "num_frequencies": Integers(16, 96),
    "frequency_scale": LogUniform(0.005, 10.0),
    "frequency_dim": Integers(16, 64),
    "dropout": Uniform(0.0, 0.5),
    "sample_rate": Uniform(0.05, 0.6),
    "lr": LogUniform(1e-5, 0.1),
    "weight_decay": ZeroOr(LogUniform(1e-6, 1e-3)),
}
"""Of ModernNCA's authors, in their toolbox TALENT."""


class EstimatorModel:
    """An estimator of this library, asked for its size."""

    def __init__(self, estimator: Any) -> None:
        self.estimator = estimator

    def fit(
        self, X: pd.DataFrame, y: np.ndarray, eval_set: tuple[pd.DataFrame, np.ndarray]
    ) -> EstimatorModel:
        """Fit, choosing the epoch by ``eval_set``."""
        self.estimator.fit(X, y, eval_set=eval_set)
        return self

    def predict(self, X: pd.DataFrame) -> np.ndarray:
        """Class indices or numbers (n,)."""
        return self.estimator.predict(X)

    def num_parameters(self) -> int:
        """Trained weights; the stored training rows are data, not parameters."""
        network = getattr(self.estimator, "network_", None) or self.estimator.module_
        return sum(parameter.numel() for parameter in network.parameters())


class HopularModel(EstimatorModel):
    """Hopular, which can also predict with its last weights."""

    def predict_last(self, X: pd.DataFrame) -> np.ndarray:
        """As ``predict``, with the last slow weights instead of the best-validated ones."""
        return self.estimator.with_last_weights().predict(X)


def build_modern_nca(task: str, params: Mapping[str, Any], random_state: int) -> EstimatorModel:
    """ModernNCA with the authors' defaults where ``params`` says nothing."""
    kind = ModernNCAClassifier if task == "classification" else ModernNCARegressor
    return EstimatorModel(kind(random_state=random_state, **params))


def search(name: str, problem: Problem) -> Chosen:
    """Random search in a published space, the defaults first; the best on validation rows."""
    task = problem.task
    name = name if task == "classification" else FOR_NUMBERS.get(name, name)
    if name == "modern_nca":
        baseline = Baseline(partial(build_modern_nca, task), NEIGHBOUR_SPACE)
    else:
        baseline = tabular_baselines(task)[name]
    best: dict[str, Any] = {}

    def evaluate(params: dict[str, Any]) -> float:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a search visits settings that libraries warn about
            model = baseline.build(params, problem.seed)
            model.fit(problem.X_train, problem.y_train, problem.known_validation)
            found = problem.score(model)
        if not best or found > best["score"]:
            best.update(model=model, score=found)
        return found

    tried = random_search(
        baseline.space,
        evaluate,
        problem.count,
        seed=problem.seed,
        defaults=baseline.defaults,
    ).trials
    failed = sum(trial.error is not None for trial in tried)
    return Chosen(best["model"], {"trials": len(tried), "failed_trials": failed})


def hopular(problem: Problem) -> Chosen:
    """Hopular's grid; the configuration that is best on validation rows, the first of equals."""
    best: tuple[float, HopularModel, dict[str, Any]] | None = None
    tried = 0
    for params in _grid(problem):
        model = fit_hopular(problem, {**params, "num_epochs": problem.count})
        found = problem.score(model)
        tried += 1
        if best is None or found > best[0]:
            best = found, model, params
    assert best is not None  # a grid has a point
    _, model, params = best
    chosen = ("scaling_factor", "embed_dim", "num_layers", "num_heads")
    numbers = {name: float(params[name]) for name in chosen}
    return Chosen(model, {"trials": tried, "best_epoch": model.estimator.best_epoch_, **numbers})


def fit_hopular(problem: Problem, params: Mapping[str, Any]) -> HopularModel:
    """One Hopular model."""
    kind = HopularClassifier if problem.task == "classification" else HopularRegressor
    model = HopularModel(kind(random_state=problem.seed, **params))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # categories that only validation rows have
        return model.fit(problem.X_train, problem.y_train, problem.known_validation)  # type: ignore[return-value]


UNREGULARISED = {
    "mask_prob": 0.0,
    "replace_prob": 0.0,
    "weight_decay": 0.0,
    "input_dropout": 0.0,
    "lookup_dropout": 0.0,
    "output_dropout": 0.0,
    "feature_loss_weight": (0.5, 0.0),
}
"""What the paper's grid adds for medium sets, at the largest model and factor 1 (Table A.6)."""

MEDIUM_ROWS = 1000
FOR_NUMBERS = {"svc": "svr", "logistic": "ridge"}
"""What stands for a method where numbers are to be predicted."""


def _grid(problem: Problem) -> Iterator[dict[str, Any]]:
    """The configurations to try: those that the time box left, else all of the configuration."""
    config = problem.config
    sizes = problem.settings.get("sizes", config.sizes)
    factors = problem.settings.get("factors", config.factors)
    for (embed_dim, num_layers), heads, factor in itertools.product(sizes, config.heads, factors):
        yield {
            "embed_dim": embed_dim,
            "num_layers": num_layers,
            "num_heads": heads,
            "scaling_factor": factor,
        }
    if len(problem.y_train) > MEDIUM_ROWS:
        largest = {"embed_dim": sizes[-1][0], "num_layers": sizes[-1][1]}
        yield {
            **largest,
            "num_heads": config.heads[-1],
            "scaling_factor": factors[0],
            **UNREGULARISED,
        }


def installed_methods() -> dict[str, Callable[[Problem], Any]]:
    """Name → method, for everything that is installed."""
    names = ("modern_nca", *tabular_baselines("classification"))
    searches = {name: partial(search, name) for name in names}
    return {"hopular": hopular, **searches}
