"""``neurarium predict``: a saved estimator on the rows of a CSV file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from .arguments import parse
from .folders import check_file
from .warn import one_line_warnings

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Predict:
    """Predict the rows of a CSV file with a saved estimator.

    Args:
        model: a folder that `neurarium fit` saved to.
        data: a CSV file with the columns that the estimator was fitted to, in any order; other
            columns are left out.
        out: the CSV file to write: prediction, and for classes the probability of each.
    """

    model: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="MODEL")]
    data: Path
    out: Path


def main(words: Sequence[str]) -> int:
    """Load, predict, write one row for each row of the data."""
    options = parse(Predict, words, "predict")
    with one_line_warnings():
        _predict(options)
    return 0


def _predict(options: Predict) -> None:
    from neurarium.data import read_table
    from neurarium.estimators import load_estimator

    check_file(options.out)
    estimator = load_estimator(options.model)
    table = _columns_of(estimator, read_table(options.data), options.data)
    predictions = _predictions(estimator, table)
    predictions.to_csv(options.out, index=False)
    print(f"predicted {len(table)} rows with {type(estimator).__name__}, written to {options.out}")


def _columns_of(estimator: Any, table: pd.DataFrame, path: Path) -> pd.DataFrame:
    """The columns that the estimator was fitted to, by name and in its order."""
    names = list(estimator.feature_names_in_)
    missing = [repr(str(name)) for name in names if name not in table.columns]
    if missing:
        raise ValueError(
            f"--data must have the columns that the model was fitted to: got {path} without "
            f"{', '.join(missing)}"
        )
    return table[names]


def _predictions(estimator: Any, table: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    if not hasattr(estimator, "predict_proba"):
        return pd.DataFrame({"prediction": estimator.predict(table)})
    probabilities = estimator.predict_proba(table)
    columns = {
        f"probability_{label}": column
        for label, column in zip(estimator.classes_, probabilities.T, strict=True)
    }
    return pd.DataFrame({"prediction": estimator.classes_[probabilities.argmax(axis=1)], **columns})
