"""``neurarium assess``: whether a Kolmogorov–Arnold network pays on a user's own CSV file."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from .arguments import Switch, as_json, parse
from .fit import _discrete_columns
from .warn import one_line_warnings


@dataclass(frozen=True)
class Assess:
    """Compare a KAN with an MLP on the rows of a CSV file at equal budgets, and say if it pays.

    Args:
        data: a CSV file with a header line, plain or gzipped; an empty cell is a missing value.
        target: the column to predict; rows without it are left out.
        task: auto takes text, booleans and up to 20 different whole numbers for classes, other
            numbers for a quantity.
        categorical: columns of numbers that are categories; text and booleans always are.
        budget: what is equal: parameters, flops (by published formulas), seconds of training, or
            structure (the same widths).
        parameters: of every network; by default 5000, or more where there are many columns. With
            --budget flops the MLP's, or more where a KAN of eight units a layer needs more.
        seconds: of one training, with --budget seconds.
        num_folds: of the cross-validation.
        num_trials: configurations that every network tries in every fold.
        num_steps: gradient steps of a training.
        margin: points of accuracy, or of 100 R², below which a difference does not matter.
        random_state: seed of folds and start values.
        json: print one JSON document.
    """

    data: Path
    target: str
    task: Literal["auto", "classification", "regression"] = "auto"
    categorical: tuple[str, ...] = ()
    budget: Literal["parameters", "flops", "seconds", "structure"] = "parameters"
    parameters: int | None = None
    seconds: float = 1.0
    num_folds: int = 5
    num_trials: int = 3
    num_steps: int = 300
    margin: float = 1.0
    random_state: int = 0
    json: Switch = False


def main(words: Sequence[str]) -> int:
    """Compare, print the table and the words."""
    options = parse(Assess, words, "assess")
    with one_line_warnings():
        _assess(options)
    return 0


def _assess(options: Assess) -> None:
    from neurarium.data import read_table

    table = read_table(options.data, target=options.target)
    X, y = table.drop(columns=options.target), table[options.target]
    if not len(X.columns):
        raise ValueError(f"--data must have columns besides {options.target!r}: got {options.data}")
    discrete = _discrete_columns(X, options.categorical)
    from neurarium.experiments.kan_assessment import assess

    found = assess(
        X,
        y,
        task=options.task,
        budget=options.budget,
        parameters=options.parameters,
        seconds=options.seconds,
        num_folds=options.num_folds,
        num_trials=options.num_trials,
        num_steps=options.num_steps,
        margin=options.margin,
        categorical_features=discrete,
        random_state=options.random_state,
        progress=_show_progress if sys.stderr.isatty() else None,
    )
    print(as_json(found.to_json()) if options.json else found)


def _show_progress(share: float) -> None:
    print(f"{share:.0%} done", file=sys.stderr)
