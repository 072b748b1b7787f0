"""One column of a table as plain values of one kind: numbers, text or booleans."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd

KINDS = "numbers, text or booleans"


@dataclass(frozen=True)
class Column:
    """A column read once.

    Args:
        name: how messages call it: its quoted name, or its position.
        kind: ``"number"``, ``"text"`` or ``"bool"``.
        values: float64 for numbers, else Python objects; anything where missing.
        missing: bool, as long as ``values``.
        category: whether pandas says that it is categorical.
    """

    name: str
    kind: str
    values: np.ndarray
    missing: np.ndarray
    category: bool = False


def read_column(series: pd.Series, name: str) -> Column:
    """Read a series of any dtype; one clear sentence for what is no number, text or boolean."""
    missing = series.isna().to_numpy(bool)
    category = isinstance(series.dtype, pd.CategoricalDtype)
    if category:
        series = series.astype(object)
    if pd.api.types.is_complex_dtype(series.dtype):
        raise ValueError(f"Complex data not supported: got complex numbers in column {name}")
    if pd.api.types.is_bool_dtype(series.dtype) and not category:
        kind = "bool"
    elif pd.api.types.is_numeric_dtype(series.dtype):
        kind = "number"
    elif series.dtype == object or isinstance(series.dtype, pd.StringDtype):
        series = series.astype(object)
        kind = _kind_of_objects(series.to_numpy()[~missing], name)
    elif series.dtype.kind in "US":  # text of NumPy and of Arrow
        series, kind = series.astype(object), "text"
    else:
        raise ValueError(
            f"column {name} must hold {KINDS}: got {series.dtype}; "
            "convert it, for example to days since a date"
        )
    return Column(name, kind, _values(series, kind, missing, name), missing, category)


def recast(column: Column, kind: str, *, strict: bool) -> Column:
    """The column as ``kind``, the one seen in training.

    A file read again may hold 1 where its training rows held "1": both name the same category.

    Args:
        column: a column as read.
        kind: ``"number"``, ``"text"`` or ``"bool"``.
        strict: refuse text that is to be numbers, instead of keeping it as an unseen category.
    """
    if column.kind == kind or column.missing.all():
        return column
    observed = ~column.missing
    if kind == "text":
        convert: Any = _text
    elif column.kind == "text":
        convert = _number if kind == "number" else _truth
        if strict:
            raise ValueError(
                f"column {column.name} must hold numbers: got {column.values[observed][0]!r}; "
                "name it in categorical_features if it is a category"
            )
    else:
        convert = float if kind == "number" else _same
    values = np.empty(len(observed), float if strict else object)
    values[observed] = [convert(value) for value in column.values[observed].tolist()]
    return replace(column, kind=kind, values=values)


def _kind_of_objects(values: np.ndarray, name: str) -> str:
    """The one kind that all observed cells of an object column have."""
    kinds = {_kind_of_type(kind, name) for kind in set(map(type, values))}
    if len(kinds) > 1:
        raise ValueError(
            f"column {name} must hold one kind of value: got {' and '.join(sorted(kinds))}; "
            "convert it, for example with astype(str)"
        )
    return kinds.pop() if kinds else "number"


def _kind_of_type(kind: type, name: str) -> str:
    if issubclass(kind, bool | np.bool_):
        return "bool"
    if issubclass(kind, int | float | np.integer | np.floating | Decimal | Fraction):
        return "number"
    if issubclass(kind, str):
        return "text"
    if issubclass(kind, complex | np.complexfloating):
        raise ValueError(f"Complex data not supported: got complex numbers in column {name}")
    raise TypeError(
        f"X argument must be a table of strings, numbers or booleans: got {kind.__name__} in "
        f"column {name}"
    )


def _values(series: pd.Series, kind: str, missing: np.ndarray, name: str) -> np.ndarray:
    if kind != "number":
        values = np.empty(len(series), object)
        values[~missing] = [
            str(v) if kind == "text" else bool(v) for v in series.to_numpy()[~missing]
        ]
        return values
    values = np.full(len(series), np.nan)
    try:
        values[~missing] = series[~missing].to_numpy(np.float64)
    except OverflowError:
        raise ValueError(f"column {name} must fit into float64: got a larger integer") from None
    if np.isinf(values).any():
        raise ValueError(
            f"column {name} must be finite: got {values[np.isinf(values)][0]}; "
            "use NaN for a missing value"
        )
    return values


def _text(value: float | bool) -> str:
    return str(int(value)) if type(value) is float and value.is_integer() else str(value)


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _truth(text: str) -> bool | str:
    return {"true": True, "false": False}.get(text.strip().lower(), text)


def _same(value: Any) -> Any:
    return value
