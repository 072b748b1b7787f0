"""Preprocessing of columns: as one matrix of numbers, or for libraries with native categories."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import pandas as pd


def discrete_columns(X: pd.DataFrame) -> list[str]:
    """Names of the columns that hold categories."""
    return [name for name in X.columns if isinstance(X[name].dtype, pd.CategoricalDtype)]


def as_numbers(categories: str = "one-hot") -> Any:
    """Mean imputation and standardisation of numbers; categories one-hot or as codes.

    Args:
        categories: ``"one-hot"``, where missing is one more category, or ``"codes"``, for trees:
            the place in the sorted training categories, -1 for unseen or missing.
    """
    from sklearn.compose import ColumnTransformer, make_column_selector
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

    numbers = make_pipeline(SimpleImputer(keep_empty_features=True), StandardScaler())
    encoder = (
        OneHotEncoder(handle_unknown="ignore", sparse_output=False)
        if categories == "one-hot"
        else OrdinalEncoder(
            handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-1
        )
    )
    return ColumnTransformer(
        [
            ("numbers", numbers, make_column_selector(dtype_exclude="category")),
            ("categories", encoder, make_column_selector(dtype_include="category")),
        ]
    )


class NativeColumns:
    """Columns for libraries that know categories: those of training alone, others missing.

    Columns are renamed f0, f1 …, because some libraries refuse characters in names; columns that
    are wholly missing in training are dropped.

    Args:
        impute: fill missing numbers with the training mean.
        text: give categories as text, a missing one as ``"missing"``.
        limit: columns with more categories become numbers, their codes.
    """

    def __init__(self, *, impute: bool = False, text: bool = False, limit: int | None = None):
        self.impute = impute
        self.text = text
        self.limit = limit

    def fit(self, X: pd.DataFrame) -> Self:
        """Learn categories and means."""
        self.categories = {}
        self.means = {}
        self.kept = [i for i in range(X.shape[1]) if X.iloc[:, i].notna().any()]
        for i in self.kept:
            name = X.columns[i]
            if isinstance(X[name].dtype, pd.CategoricalDtype):
                self.categories[i] = X[name].cat.remove_unused_categories().cat.categories
            elif self.impute:
                self.means[i] = X[name].mean()
        return self

    @property
    def discrete(self) -> list[str]:
        """New names of the columns that are given as categories."""
        return [f"f{i}" for i, c in self.categories.items() if not self._too_many(c)]

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        """The columns, renamed."""
        return pd.DataFrame({f"f{i}": self._column(i, X.iloc[:, i]) for i in self.kept})

    def _column(self, i: int, column: pd.Series) -> Any:
        if i not in self.categories:
            numbers = column.to_numpy(np.float64)
            return np.where(np.isnan(numbers), self.means[i], numbers) if self.impute else numbers
        known = self.categories[i]
        codes = known.get_indexer(pd.Index(column.to_numpy()))
        if self._too_many(known):
            return np.where(codes < 0, np.nan, codes)
        if self.text:
            names = np.append(known.astype(str).to_numpy(object), "missing")
            return names[codes]
        text = pd.Index([str(category) for category in known])
        return pd.Categorical.from_codes(codes.tolist(), categories=text)

    def _too_many(self, categories: pd.Index) -> bool:
        return self.limit is not None and len(categories) > self.limit
