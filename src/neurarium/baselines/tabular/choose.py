"""Which baselines there are for a task, given what is installed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from importlib.util import find_spec
from typing import Any

from . import spaces
from .baseline import Baseline, TabularModel

PEERS = ("xgboost", "catboost", "tabm", "realmlp")
"""Baselines that need the extra ``peers``."""


def tabular_baselines(task: str) -> dict[str, Baseline]:
    """Baselines by name; those whose library is not installed are left out.

    Args:
        task: ``"classification"`` or ``"regression"``.

    Example:
        >>> sorted(set(tabular_baselines("regression")) - set(PEERS))
        ['hist_gradient_boosting', 'knn', 'lightgbm', 'random_forest', 'ridge', 'svr']
    """
    if task not in ("classification", "regression"):
        raise ValueError(f"task must be classification or regression: got {task!r}")
    classification = task == "classification"
    baselines = {
        "svc" if classification else "svr": _plain(task, "svm", spaces.SVM),
        "random_forest": _plain(task, "forest", spaces.FOREST),
        "logistic" if classification else "ridge": _plain(
            task, "linear", spaces.LOGISTIC if classification else spaces.RIDGE
        ),
        "knn": _plain(task, "neighbors", spaces.NEIGHBORS),
        "hist_gradient_boosting": _library(task, "HistogramBoosting", spaces.HISTOGRAM_BOOSTING),
        "lightgbm": _library(task, "LightGBM", spaces.LIGHTGBM),
    }
    if find_spec("xgboost"):
        baselines["xgboost"] = _library(task, "XGBoost", spaces.XGBOOST)
    if find_spec("catboost"):
        baselines["catboost"] = _library(task, "CatBoost", spaces.CATBOOST)
    if find_spec("pytabkit"):
        baselines["tabm"] = _library(task, "TabM", spaces.TABM)
        baselines["realmlp"] = _library(task, "RealMLP", spaces.REALMLP)
    return baselines


def _plain(task: str, kind: str, space: Mapping[str, Any]) -> Baseline:
    return Baseline(partial(build_plain, task, kind), space)


def _library(task: str, kind: str, space: Mapping[str, Any]) -> Baseline:
    return Baseline(partial(build_library, task, kind), space)


def build_plain(task: str, kind: str, params: Mapping[str, Any], random_state: int) -> TabularModel:
    """A scikit-learn model on numbers."""
    from sklearn import ensemble, linear_model, neighbors, svm

    from . import plain

    seeded = {"random_state": random_state, **params}
    classification: dict[str, Callable[[], Any]] = {
        "svm": lambda: svm.SVC(**seeded),
        "forest": lambda: ensemble.RandomForestClassifier(n_jobs=1, **seeded),
        "linear": lambda: linear_model.LogisticRegression(**{"max_iter": 2000, **seeded}),
        "neighbors": lambda: neighbors.KNeighborsClassifier(n_jobs=1, **params),
    }
    regression: dict[str, Callable[[], Any]] = {
        "svm": lambda: svm.SVR(**params),
        "forest": lambda: ensemble.RandomForestRegressor(n_jobs=1, **seeded),
        "linear": lambda: linear_model.Ridge(**seeded),
        "neighbors": lambda: neighbors.KNeighborsRegressor(n_jobs=1, **params),
    }
    size = {
        "svm": plain.svm_size,
        "forest": plain.forest_size,
        "linear": plain.linear_size,
        "neighbors": plain.neighbors_size,
    }
    makers = classification if task == "classification" else regression
    categories = "codes" if kind == "forest" else "one-hot"
    return plain.PlainModel(makers[kind](), size[kind], categories)


def build_library(
    task: str, kind: str, params: Mapping[str, Any], random_state: int
) -> TabularModel:
    """A model of a library with native categories."""
    from . import library

    return getattr(library, kind)(task, params, random_state)
