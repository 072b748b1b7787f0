"""A user's own table and target, checked once: each thing that is wrong is one sentence."""

from __future__ import annotations

import warnings
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np

from neurarium.evaluation.cells import require_known

TASKS = ("auto", "classification", "regression")
MOST_CLASSES = 20
"""A target of whole numbers with more values than this is a quantity."""
LARGEST = 1e150
"""Of a target: squares of larger ones overflow."""
SMALLEST_RANGE = 1e-6
"""Of a fold's targets beside all targets: single precision cannot tell smaller ones apart."""
MOSTLY = 0.9
"""Share of a text column's cells that are numbers above which it was likely meant as numbers."""


def read_user_table(X: Any, y: Any, task: str, num_folds: int) -> tuple[Any, np.ndarray, str, int]:
    """DataFrame, numbers or class indices, task, and how many outputs.

    Args:
        X: table (n, F).
        y: targets (n,) or (n, 1).
        task: of ``TASKS``.
        num_folds: of the cross-validation.
    """
    require_known("task", task, TASKS)
    frame, labels = _frame(X), _labels(y)
    if len(frame) != len(labels):
        raise ValueError(f"y must have one target a row: got {len(labels)} for {len(frame)} rows")
    if len(frame) < 4 * num_folds:
        raise ValueError(f"X must have at least {4 * num_folds} rows: got {len(frame)}")
    if labels.isna().any():
        raise ValueError(f"y must have no missing values: got {int(labels.isna().sum())}")
    if task == "auto":
        task = task_of(labels)
    if task == "regression":
        return frame, _quantity(labels), task, 1
    names, indices = np.unique(labels.astype(str), return_inverse=True)
    if len(names) < 2:
        raise ValueError(f"y must have at least 2 classes: got only {names[0]!r}")
    counts = np.bincount(indices)
    if counts.min() < num_folds:
        rare = names[int(counts.argmin())]
        raise ValueError(
            f"y must have at least {num_folds} rows of each class, one a fold: got "
            f"{counts.min()} of {rare!r}; leave rare classes out, or take fewer folds"
        )
    return frame, indices.astype(np.int64), task, len(names)


def _frame(X: Any) -> Any:
    import pandas as pd
    from scipy.sparse import issparse

    if X is None or issparse(X):
        raise TypeError(f"X must be a DataFrame or a dense array: got {type(X).__name__}")
    if not isinstance(X, pd.DataFrame):
        lists = isinstance(X, list | tuple)  # keep the type of each cell
        cells = np.array(X, dtype=object) if lists else np.asarray(X)
        if cells.ndim != 2:
            raise ValueError(f"X must be a table of rows and columns: got shape {cells.shape}")
        X = pd.DataFrame(cells)
    return X.rename(columns=str).reset_index(drop=True)


def _labels(y: Any) -> Any:
    """A Series whose numbers are numbers: Decimal, fractions and objects become float64."""
    import pandas as pd

    values = np.asarray(y)
    if y is None or not (values.ndim == 1 or (values.ndim == 2 and values.shape[1] == 1)):
        given = "None" if y is None else f"shape {values.shape}"
        raise ValueError(f"y must have one target a row: got {given}")
    if np.iscomplexobj(values):
        raise ValueError("y must be real: got complex numbers")
    labels = pd.Series(values.reshape(-1))
    observed = labels[labels.notna()]
    if labels.dtype != object or not all(map(_is_number, observed)):
        return labels
    try:
        return labels.where(labels.notna(), np.nan).map(float)
    except OverflowError:
        raise ValueError("y must fit into float64: got a larger whole number") from None


def _is_number(value: Any) -> bool:
    kinds = int | float | np.integer | np.floating | Decimal | Fraction
    return isinstance(value, kinds) and not isinstance(value, bool)


def _quantity(labels: Any) -> np.ndarray:
    import pandas as pd

    found: np.ndarray = pd.to_numeric(labels, errors="coerce").to_numpy(np.float64)
    if np.isnan(found).any():
        first = labels[np.isnan(found)].iloc[0]
        raise ValueError(f"y must be numbers for a regression: got {first!r}")
    if not np.isfinite(found).all():
        raise ValueError("y must be finite: got infinity")
    largest = np.abs(found).max()
    if largest > LARGEST:
        raise ValueError(f"y must not exceed {LARGEST:g}: got {largest:g}; take another unit")
    if np.ptp(found) == 0:
        raise ValueError(f"y must vary: got {found[0]:g} in every row")
    return found


def task_of(y: Any) -> str:
    """Classification for text, booleans and few whole numbers, else regression.

    Args:
        y: a pandas Series.

    Example:
        >>> import pandas as pd
        >>> task_of(pd.Series(["a", "b"])), task_of(pd.Series([0.5, 1.5]))
        ('classification', 'regression')
    """
    import pandas as pd

    if not pd.api.types.is_numeric_dtype(y) or pd.api.types.is_bool_dtype(y):
        return "classification"
    whole = bool((y % 1 == 0).all())
    return "classification" if whole and y.nunique() <= MOST_CLASSES else "regression"


def split_rows(y: np.ndarray, task: str, num_folds: int, seed: int) -> list[tuple[np.ndarray, ...]]:
    """Training, validation and test rows; a quarter of what does not test validates.

    Args:
        y: targets.
        task: classification stratifies.
        num_folds: of the cross-validation.
        seed: of the order.

    Raises:
        ValueError: a quantity that is constant in the training or the test rows of a fold.
    """
    from sklearn.model_selection import KFold, StratifiedKFold, train_test_split

    stratified = task == "classification"
    splitter = (StratifiedKFold if stratified else KFold)(
        num_folds, shuffle=True, random_state=seed
    )
    found: list[tuple[np.ndarray, ...]] = []
    for place, (rest, test) in enumerate(splitter.split(y, y)):
        enough = stratified and np.bincount(y[rest]).min() >= 2
        train, validation = train_test_split(
            rest, test_size=0.25, random_state=seed, stratify=y[rest] if enough else None
        )
        for rows in () if stratified else (train, test):
            if np.ptp(y[rows]) <= SMALLEST_RANGE * np.ptp(y):
                raise ValueError(
                    f"y must vary in every fold: got about {y[rows][0]:g} in all {len(rows)} "
                    f"{'test' if rows is test else 'training'} rows of fold {place + 1}, and "
                    f"{y.min():g} to {y.max():g} in the table; take fewer folds"
                )
        found.append((np.sort(train), np.sort(validation), test))
    return found


def check_columns(frame: Any, num_training: int) -> None:
    """Warn of text columns that are numbers but for odd cells; refuse those like identifiers.

    Args:
        frame: the table.
        num_training: training rows of a fold.

    Raises:
        ValueError: more categories than half the training rows.
    """
    import pandas as pd

    for position, name in enumerate(frame.columns):
        column = frame.iloc[:, position]
        text = column.dtype == object or isinstance(column.dtype, pd.StringDtype)
        cells = column.dropna()
        if not len(cells) or not (text or isinstance(column.dtype, pd.CategoricalDtype)):
            continue
        if text and not all(isinstance(cell, str) for cell in cells):
            continue  # the encoder says what it thinks of it
        odd = _odd_cells(cells) if text else None
        count = cells.nunique()
        if count > num_training / 2:
            advice = "drop it, or turn it into numbers, such as dates into days"
            if odd is not None:
                advice = f"{_but(odd)} numbers, so turn it into them, with missing cells if needed"
            raise ValueError(
                f"column {name!r} must have at most {num_training // 2} categories, half the "
                f"training rows: got {count}; {advice}"
            )
        if odd is not None:
            warnings.warn(
                f"column {name!r} is taken for {count} categories, and {_but(odd)} numbers: turn "
                "it into them if it is a quantity",
                UserWarning,
                stacklevel=3,
            )


def _odd_cells(cells: Any) -> list[str] | None:
    """Different cells that are no numbers; None where these are many."""
    import pandas as pd

    is_number = pd.to_numeric(cells, errors="coerce").notna()
    if is_number.mean() < MOSTLY:
        return None
    return [str(cell) for cell in cells[~is_number].unique()]


def _but(odd: list[str]) -> str:
    """All cells, but for the odd ones.

    Example:
        >>> _but([]), _but(["n/k"])
        ('all its cells are', "all its cells but 'n/k' are")
    """
    if not odd:
        return "all its cells are"
    return f"all its cells but {', '.join(map(repr, odd[:3]))}{' …' if len(odd) > 3 else ''} are"
