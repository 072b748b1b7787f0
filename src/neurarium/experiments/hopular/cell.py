"""One cell of the comparison: fit, select, predict the test rows."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from neurarium.data.containers import Table
from neurarium.evaluation import Cell, Context, Result

from .associations import associations_of
from .problem import Fitted, Problem, problem_of, score

DRAWN_ROWS = 200
"""Training rows up to which the associations of the first seed are kept for the figure."""


def run_cell(cell: Cell, config: Any, context: Context) -> Result:
    """A method on a dataset."""
    box = context.stage("count")
    problem = problem_of(
        context.data, seed=int(cell.seed), config=config, count=box["count"], settings=box
    )
    start = time.perf_counter()
    model = context.method(problem)
    seconds = time.perf_counter() - start
    result = measure(context.data, problem, model)
    metrics = {**result.metrics, "count": box["count"], "seconds": seconds}
    arrays = {**result.arrays}
    if cell.method == "hopular" and cell.seed == 0 and len(problem.y_train) <= DRAWN_ROWS:
        arrays |= associations_of(model.model.estimator, context.data)
    return Result(metrics, result.curves, arrays)


def measure(table: Table, problem: Problem, model: Fitted) -> Result:
    """Scores of a fitted model on the rows that it has not seen."""
    _, _, test = table.split(0)
    X, y = table.X.iloc[test], table.y[test]
    start = time.perf_counter()
    predicted = np.asarray(model.predict(X))
    predict_seconds = time.perf_counter() - start
    metrics = {
        "score": score(y, predicted, table.task),
        "validation_score": problem.score(model),
        "predict_seconds": predict_seconds,
        **getattr(model, "numbers", {}),
    }
    if table.task == "classification":
        metrics["accuracy"] = metrics["score"]
    else:
        metrics["squared_error"] = -metrics["score"]
    inner = getattr(model, "model", model)
    if hasattr(inner, "num_parameters"):
        metrics["parameters"] = inner.num_parameters()
    if hasattr(inner, "predict_last"):
        metrics["last_score"] = score(y, inner.predict_last(X), table.task)
    history = getattr(getattr(inner, "estimator", None), "history_", ())
    curves = {
        name: [float(row[name]) for row in history if name in row]
        for name in (("epoch", "loss", "score") if history else ())
    }
    return Result(metrics, curves, {"predicted": predicted})
