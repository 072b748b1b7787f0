"""Tables of numbers, text, booleans and missing cells → what tabular networks eat.

Numbers are standardised with the mean and unbiased standard deviation of the observed training
cells, everything else is one-hot over the sorted distinct training values, and a missing cell is
all zeros plus a mark in a boolean mask: the input encoding of Hopular (arXiv 2206.00664, App. A.3)
without the mask bits, which belong to its training.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted, validate_data

from .table_column import Column, read_column, recast

if TYPE_CHECKING:
    from sklearn.utils import Tags

CLIP = 1e6
"""Standard deviations from the training mean beyond which a value is clipped, with a warning."""


class TableEncoder(TransformerMixin, BaseEstimator):
    r"""Standardised numbers and one-hot categories, with missing cells kept apart.

    Hopular (Schäfl et al. 2022), https://arxiv.org/abs/2206.00664, appendix A.3. A numeric column
    is one attribute of size 1, :math:`(x - \bar x) / s` over the observed training cells (a zero
    :math:`s` is not divided by); a discrete column with :math:`k` distinct training values is one
    attribute of size :math:`k`. A missing cell is all zeros and marked in a mask.

    A category that was not in the training rows is treated as missing, with one warning a call.
    A column without any observed training cell is an attribute of size 1, missing for good. Values
    beyond a million standard deviations are clipped, with a warning. Each category is a column of
    the output, so leave identifiers out.

    Args:
        categorical_features: ``"auto"``: columns of text, booleans or pandas categories are
            discrete, numbers never are, integers included. Else the names, or the positions, of
            exactly those columns that are discrete. An array of dtype ``str`` holds text only:
            pass mixed columns as a DataFrame.

    Attributes:
        attribute_sizes_: width of each attribute, tuple of int.
        discrete_: whether each attribute is one-hot, tuple of bool.
        categories_: sorted distinct training values of each discrete column, else None.
        mean_, scale_: float64 (F,); 0 and 1 for discrete columns.
        kinds_: ``"number"``, ``"text"``, ``"bool"`` or ``"missing"`` for each column.
        n_features_in_, feature_names_in_: as everywhere in scikit-learn.

    Shapes:
        X (n, F) → values (n, Σ sizes) float32, missing (n, F) bool.

    Raises:
        ValueError: infinite values, dates, columns of mixed kinds, duplicate or differing names.
        TypeError: cells that are no numbers, text or booleans; sparse matrices.

    Example:
        >>> import pandas as pd
        >>> table = pd.DataFrame({"size": [1.0, 2.0, 3.0], "color": ["red", None, "blue"]})
        >>> encoder = TableEncoder().fit(table)
        >>> encoder.attribute_sizes_, encoder.categories_
        ((1, 2), (None, ('blue', 'red')))
        >>> values, missing = encoder.encode(table)
        >>> values.tolist()
        [[-1.0, 0.0, 1.0], [0.0, 0.0, 0.0], [1.0, 1.0, 0.0]]
        >>> missing[:, 1].tolist()
        [False, True, False]
    """

    def __init__(self, *, categorical_features: str | Sequence[str | int] = "auto") -> None:
        self.categorical_features = categorical_features

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn means, scales and categories from the rows of ``X``; ``y`` is ignored."""
        columns = self._columns(X, reset=True)
        chosen = self._categorical_positions([column.name for column in columns])
        fitted = [
            _fit_column(column, chosen is None or position in chosen, chosen is None)
            for position, column in enumerate(columns)
        ]
        self.kinds_ = tuple(kind for kind, *_ in fitted)
        self.categories_ = tuple(categories for _, categories, *_ in fitted)
        self.mean_ = np.array([mean for *_, mean, _ in fitted])
        self.scale_ = np.array([scale for *_, scale in fitted])
        self._set_sizes()
        return self

    def encode(self, X: Any) -> tuple[np.ndarray, np.ndarray]:
        """Encode rows.

        Args:
            X: table (n, F) with the columns seen in ``fit``.

        Returns:
            ``values`` float32 (n, Σ sizes), all-zero where missing, and ``missing`` bool (n, F).
        """
        check_is_fitted(self)
        columns = self._columns(X, reset=False)
        rows = len(columns[0].values)
        values = np.zeros((rows, sum(self.attribute_sizes_)), np.float32)
        missing = np.ones((rows, len(columns)), bool)
        surprises: list[str] = []
        start = 0
        for i, (column, size) in enumerate(zip(columns, self.attribute_sizes_, strict=True)):
            block = values[:, start : start + size]
            missing[:, i] = self._encode_column(i, column, block, surprises)
            start += size
        if surprises:
            warnings.warn("; ".join(surprises), UserWarning, stacklevel=2)
        return values, missing

    def transform(self, X: Any) -> np.ndarray:
        """The values of :meth:`encode`: float32 (n, Σ sizes); a missing cell is all zeros."""
        return self.encode(X)[0]

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Name of each output column: the column's, for categories followed by ``_value``."""
        from sklearn.utils.validation import _check_feature_names_in

        check_is_fitted(self)
        names = _check_feature_names_in(self, input_features)
        expanded: list[str] = []
        for name, categories in zip(names, self.categories_, strict=True):
            expanded += [name] if categories is None else [f"{name}_{c}" for c in categories]
        return np.array(expanded, dtype=object)

    def get_state(self) -> dict[str, Any]:
        """Everything learnt and set, as JSON values."""
        check_is_fitted(self)
        chosen = self.categorical_features
        names = getattr(self, "feature_names_in_", None)
        return {
            "categorical_features": chosen if isinstance(chosen, str) else _plain(chosen),
            "feature_names": None if names is None else list(names),
            "kinds": list(self.kinds_),
            "categories": [None if c is None else list(c) for c in self.categories_],
            "mean": self.mean_.tolist(),
            "scale": self.scale_.tolist(),
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """The fitted encoder whose :meth:`get_state` gave ``state``."""
        encoder = cls(categorical_features=state["categorical_features"])
        encoder.kinds_ = tuple(state["kinds"])
        encoder.categories_ = tuple(None if c is None else tuple(c) for c in state["categories"])
        encoder.mean_ = np.array(state["mean"], dtype=np.float64)
        encoder.scale_ = np.array(state["scale"], dtype=np.float64)
        encoder.n_features_in_ = len(encoder.kinds_)
        if state["feature_names"] is not None:
            encoder.feature_names_in_ = np.array(state["feature_names"], dtype=object)
        encoder._set_sizes()
        return encoder

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        tags.transformer_tags.preserves_dtype = []
        return tags

    def _set_sizes(self) -> None:
        self.discrete_ = tuple(c is not None for c in self.categories_)
        self.attribute_sizes_ = tuple(1 if c is None else len(c) for c in self.categories_)

    def _columns(self, X: Any, *, reset: bool) -> list[Column]:
        """Check shape, names and count of the columns; read each."""
        if isinstance(X, pd.DataFrame):
            _check_names(X)
        else:
            X = _as_array(X)
        validate_data(self, X, reset=reset, skip_check_array=True)
        if min(X.shape) == 0:
            what = "sample(s)" if len(X) == 0 else "feature(s)"
            raise ValueError(
                f"X must have rows and columns: got 0 {what} (shape={X.shape}) while a minimum "
                "of 1 is required."
            )
        if isinstance(X, pd.DataFrame):
            return [read_column(X.iloc[:, i], f"{name!r}") for i, name in enumerate(X.columns)]
        return [read_column(pd.Series(X[:, i]), str(i)) for i in range(X.shape[1])]

    def _categorical_positions(self, names: Sequence[str]) -> set[int] | None:
        """Positions of the columns named as discrete; None for "auto"."""
        chosen = self.categorical_features
        if isinstance(chosen, str):
            if chosen != "auto":
                raise ValueError(
                    f'categorical_features must be "auto" or a list of columns: got {chosen!r}'
                )
            return None
        if not isinstance(chosen, Sequence | np.ndarray | pd.Index):
            raise TypeError(
                'categorical_features must be "auto" or a list of column names or positions: '
                f"got {type(chosen).__name__}"
            )
        return {self._position(entry) for entry in _plain(chosen)}

    def _position(self, entry: object) -> int:
        names = list(getattr(self, "feature_names_in_", ()))
        if isinstance(entry, bool) or not isinstance(entry, int | str):
            raise TypeError(
                f"categorical_features must hold column names or positions: got {entry!r}"
            )
        if isinstance(entry, str):
            if entry not in names:
                known = ", ".join(map(repr, names[:10])) or "no names, X is an array"
                raise ValueError(
                    f"categorical_features must name columns of X: got {entry!r}; X has {known}"
                )
            return names.index(entry)
        if not 0 <= entry < self.n_features_in_:
            raise ValueError(
                f"categorical_features must lie in 0 … {self.n_features_in_ - 1}: got {entry}"
            )
        return entry

    def _encode_column(
        self, i: int, column: Column, block: np.ndarray, surprises: list[str]
    ) -> np.ndarray:
        """Fill the attribute's block of values in place; return its missing cells."""
        observed = ~column.missing
        if self.kinds_[i] == "missing":
            if observed.any():
                surprises.append(
                    f"column {column.name} had no value in the training rows: it stays missing"
                )
            return np.ones(len(observed), bool)
        column = recast(column, self.kinds_[i], strict=not self.discrete_[i])
        if not self.discrete_[i]:
            with np.errstate(over="ignore"):  # what overflows is clipped
                z = (column.values[observed] - self.mean_[i]) / self.scale_[i]
            if (far := np.abs(z) > CLIP).any():
                surprises.append(
                    f"column {column.name} holds {column.values[observed][far][0]:g}, too far from "
                    "the training mean: clipped"
                )
            block[observed, 0] = np.clip(z, -CLIP, CLIP)
            return column.missing
        order = {category: k for k, category in enumerate(self.categories_[i] or ())}
        codes = np.full(len(observed), -1)
        codes[observed] = [order.get(value, -1) for value in column.values[observed].tolist()]
        known = codes >= 0
        if (unseen := observed & ~known).any():
            surprises.append(
                f"column {column.name} holds {column.values[unseen][0]!r}, which was not in the "
                "training rows: treated as missing"
            )
        block[known, codes[known]] = 1
        return ~known


def _fit_column(
    column: Column, discrete: bool, automatic: bool
) -> tuple[str, tuple[Any, ...] | None, float, float]:
    """Kind, categories, mean and scale of one training column."""
    observed = column.values[~column.missing]
    if len(observed) == 0:
        return "missing", None, 0.0, 1.0
    if automatic:
        discrete = column.kind != "number" or column.category
    if discrete:
        return column.kind, tuple(sorted(set(observed.tolist()))), 0.0, 1.0
    values = recast(column, "number", strict=True).values[~column.missing]
    low, high = values.min(), values.max()
    if low == high:  # exactly constant: rounding in the mean must not become a scale
        return "number", None, float(low), 1.0
    unit = max(abs(low), abs(high))  # sums of 1e308 must not overflow
    mean, std = unit * np.mean(values / unit), unit * np.std(values / unit, ddof=1)
    return "number", None, float(mean), float(std) if 0 < std < np.inf else 1.0


def _as_array(X: Any) -> np.ndarray:
    """A two-dimensional array; lists keep the type of each cell."""
    if isinstance(X, list | tuple):
        X = np.array(X, dtype=object) if len(X) else np.empty((0, 0))
    if getattr(getattr(X, "dtype", None), "kind", "") == "c":
        raise ValueError("Complex data not supported: got an array of complex numbers")
    array = check_array(
        X, dtype=None, ensure_all_finite=False, ensure_min_samples=0, ensure_min_features=0
    )
    return np.asarray(array)


def _check_names(X: pd.DataFrame) -> None:
    if X.columns.nlevels > 1:
        raise ValueError(f"X must have one level of column names: got {X.columns.nlevels}")
    if X.columns.has_duplicates:
        name = X.columns[X.columns.duplicated()][0]
        raise ValueError(f"X must have distinct column names: got {name!r} more than once")
    text = [isinstance(name, str) for name in X.columns]
    if any(text) and not all(text):
        name = X.columns[text.index(False)]
        raise TypeError(f"X must have column names that are all text: got {name!r} among them")


def _plain(entries: Any) -> list[Any]:
    """NumPy scalars as Python's."""
    return [entry.item() if isinstance(entry, np.generic) else entry for entry in entries]
