"""``neurarium fit``: an estimator on a CSV file, saved as a folder of JSON and safetensors."""

from __future__ import annotations

import difflib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from .arguments import parse_with
from .estimators import TASKS, estimator_class, hyperparameters
from .folders import check_folder
from .warn import one_line_warnings

if TYPE_CHECKING:
    import pandas as pd

_MOST_CLASSES = 20  # a column of whole numbers with more values than this is a quantity


@dataclass(frozen=True)
class Fit:
    """Fit an estimator to the rows of a CSV file and save it.

    Args:
        estimator: what to fit: hopular or kan.
        data: a CSV file with a header line, plain or gzipped; an empty cell is a missing value.
        target: the column to predict; rows without it are left out.
        out: the folder to save to; a model that is there is replaced.
        task: auto takes text, booleans and up to 20 different whole numbers for classes, other
            numbers for a quantity.
        categorical: columns of numbers that are categories; text and booleans always are.
    """

    estimator: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="ESTIMATOR")]
    data: Path
    target: str
    out: Path
    task: Literal["auto", "classification", "regression"] = "auto"
    categorical: tuple[str, ...] = ()


def main(words: Sequence[str]) -> int:
    """Fit, save, say what was done."""
    named = words[0] if words and not words[0].startswith("-") else "hopular"
    defaults = hyperparameters(estimator_class(named, TASKS[0]))
    options, chosen = parse_with(Fit, "hyperparameters", defaults, words, "fit")
    with one_line_warnings():
        _fit(options, vars(chosen))
    return 0


def _fit(options: Fit, parameters: dict[str, Any]) -> None:
    from neurarium.data import read_table

    table = read_table(options.data, target=options.target)
    check_folder(options.out)
    X, y = table.drop(columns=options.target), table[options.target]
    if not len(X.columns):
        raise ValueError(f"--data must have columns besides {options.target!r}: got {options.data}")
    task = _task_of(y) if options.task == "auto" else options.task
    estimator = estimator_class(options.estimator, task)(
        **parameters, categorical_features=_discrete_columns(X, options.categorical)
    )
    start = time.perf_counter()
    estimator.fit(X, y)
    seconds = time.perf_counter() - start
    estimator.save(options.out)
    print(
        f"fitted {type(estimator).__name__} to {len(X)} rows and {_columns(X.shape[1])} of "
        f"{options.data} in {seconds:.1f} s\n"
        f"saved in {options.out}; next: neurarium predict {options.out} --data new.csv "
        "--out predictions.csv"
    )


def _columns(count: int) -> str:
    return f"{count} column{'' if count == 1 else 's'}"


def _task_of(y: pd.Series) -> str:
    """Classification for text, booleans and few whole numbers, else regression."""
    import pandas as pd

    if not pd.api.types.is_numeric_dtype(y) or pd.api.types.is_bool_dtype(y):
        return "classification"
    whole = bool((y % 1 == 0).all())
    return "classification" if whole and y.nunique() <= _MOST_CLASSES else "regression"


def _discrete_columns(X: pd.DataFrame, named: Sequence[str]) -> str | list[str]:
    """What the estimator calls ``categorical_features``: columns of text, and those named."""
    unknown = [name for name in named if name not in X.columns]
    if unknown:
        near = difflib.get_close_matches(unknown[0], map(str, X.columns), n=1)
        advice = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"--categorical must name feature columns: got {unknown[0]!r}{advice}")
    if not named:
        return "auto"
    text = X.select_dtypes(exclude="number").columns
    return [str(name) for name in X.columns if name in named or name in text]
