"""Libraries that know categories and may stop early on the validation rows."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from .columns import NativeColumns

if TYPE_CHECKING:
    import pandas as pd


class LibraryModel:
    """What they share: classes as 0 … K - 1 of the training rows, columns as they like them.

    Args:
        task: ``"classification"`` or ``"regression"``.
        params: the library's own hyperparameters.
        random_state: seed.
    """

    columns = NativeColumns()
    model: Any

    def __init__(self, task: str, params: Mapping[str, Any], random_state: int) -> None:
        self.classification = task == "classification"
        self.params = dict(params)
        self.random_state = random_state

    def fit(
        self, X: pd.DataFrame, y: np.ndarray, eval_set: tuple[pd.DataFrame, np.ndarray]
    ) -> Self:
        """Fit on ``X, y``; validation rows of unknown classes are left out."""
        self.columns = self.make_columns().fit(X)
        X_val, y_val = eval_set
        if self.classification:
            self.classes, y = np.unique(y, return_inverse=True)
            known = np.isin(y_val, self.classes)
            X_val, y_val = X_val[known], np.searchsorted(self.classes, y_val[known])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # theirs, about themselves
            validation = (self.columns.transform(X_val), y_val)
            self.fit_library(self.columns.transform(X), y, validation)
        return self

    def predict(self, X: pd.DataFrame) -> np.ndarray:
        """Labels or numbers (n,)."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            predicted = np.asarray(self.model.predict(self.columns.transform(X))).ravel()
        return self.classes[predicted.astype(int)] if self.classification else predicted

    def make_columns(self) -> NativeColumns:
        """The preprocessing."""
        return NativeColumns()

    def fit_library(
        self, X: pd.DataFrame, y: np.ndarray, validation: tuple[pd.DataFrame, np.ndarray]
    ) -> None:
        """Fit ``self.model``."""
        raise NotImplementedError

    def num_parameters(self) -> int:
        """Numbers that the fitted model stores: a threshold a split, a value a leaf."""
        raise NotImplementedError


class HistogramBoosting(LibraryModel):
    """scikit-learn's histogram gradient boosting."""

    def make_columns(self) -> NativeColumns:
        """It takes at most 255 categories a column."""
        return NativeColumns(limit=255)

    def fit_library(
        self, X: pd.DataFrame, y: np.ndarray, validation: tuple[pd.DataFrame, np.ndarray]
    ) -> None:
        """Fit ``self.model``."""
        from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

        kind = (
            HistGradientBoostingClassifier if self.classification else HistGradientBoostingRegressor
        )
        self.model = kind(random_state=self.random_state, **self.params).fit(X, y)

    def num_parameters(self) -> int:
        """Nodes of all trees."""
        return sum(len(tree.nodes) for round_ in self.model._predictors for tree in round_)


class LightGBM(LibraryModel):
    """LightGBM."""

    def fit_library(
        self, X: pd.DataFrame, y: np.ndarray, validation: tuple[pd.DataFrame, np.ndarray]
    ) -> None:
        """Fit ``self.model``."""
        import lightgbm

        params = dict(self.params)
        rounds = params.pop("early_stopping_rounds", None)
        kind = lightgbm.LGBMClassifier if self.classification else lightgbm.LGBMRegressor
        model = kind(
            n_jobs=1,
            verbose=-1,
            deterministic=True,
            force_row_wise=True,
            random_state=self.random_state,
            **params,
        )
        stop: list[Any] | None = (
            [lightgbm.early_stopping(rounds, verbose=False)] if rounds else None
        )
        self.model = model.fit(X, y, eval_set=[validation] if rounds else None, callbacks=stop)

    def num_parameters(self) -> int:
        """Two numbers a leaf, but for the first."""
        trees = self.model.booster_.dump_model()["tree_info"]
        return sum(2 * tree["num_leaves"] - 1 for tree in trees)


class XGBoost(LibraryModel):
    """XGBoost with native categories."""

    def fit_library(
        self, X: pd.DataFrame, y: np.ndarray, validation: tuple[pd.DataFrame, np.ndarray]
    ) -> None:
        """Fit ``self.model``."""
        import xgboost

        kind = xgboost.XGBClassifier if self.classification else xgboost.XGBRegressor
        model = kind(
            n_jobs=1,
            verbosity=0,
            enable_categorical=True,
            random_state=self.random_state,
            **self.params,
        )
        early = "early_stopping_rounds" in self.params
        self.model = model.fit(X, y, eval_set=[validation] if early else None, verbose=False)

    def num_parameters(self) -> int:
        """Nodes of all trees."""
        return sum(len(tree.splitlines()) for tree in self.model.get_booster().get_dump())


class CatBoost(LibraryModel):
    """CatBoost."""

    def make_columns(self) -> NativeColumns:
        """Categories as text."""
        return NativeColumns(text=True)

    def fit_library(
        self, X: pd.DataFrame, y: np.ndarray, validation: tuple[pd.DataFrame, np.ndarray]
    ) -> None:
        """Fit ``self.model``."""
        import catboost

        kind = catboost.CatBoostClassifier if self.classification else catboost.CatBoostRegressor
        model = kind(
            thread_count=1,
            verbose=False,
            allow_writing_files=False,
            random_seed=self.random_state,
            cat_features=self.columns.discrete,
            **self.params,
        )
        early = "early_stopping_rounds" in self.params
        self.model = model.fit(X, y, eval_set=validation if early else None)

    def num_parameters(self) -> int:
        """Values of all leaves; a symmetric tree needs few thresholds."""
        return int(self.model.get_leaf_values().size)


class PyTabKit(LibraryModel):
    """The neural models of ``pytabkit``; the epoch that is best on the validation rows is kept."""

    class_names: tuple[str, str]

    def make_columns(self) -> NativeColumns:
        """They take no missing numbers."""
        return NativeColumns(impute=True)

    def fit_library(
        self, X: pd.DataFrame, y: np.ndarray, validation: tuple[pd.DataFrame, np.ndarray]
    ) -> None:
        """Fit ``self.model``."""
        import pytabkit

        logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
        logging.getLogger("lightning").setLevel(logging.ERROR)
        kind = getattr(pytabkit, self.class_names[0 if self.classification else 1])
        model = kind(
            device="cpu", n_threads=1, verbosity=0, random_state=self.random_state, **self.params
        )
        self.model = model.fit(
            X, y, X_val=validation[0], y_val=validation[1], cat_col_names=self.columns.discrete
        )

    def num_parameters(self) -> int:
        """Trained weights."""
        return _count_weights(self.model.cv_alg_interface_, set())


class RealMLP(PyTabKit):
    """RealMLP-TD."""

    class_names = ("RealMLP_TD_Classifier", "RealMLP_TD_Regressor")


class TabM(PyTabKit):
    """TabM."""

    class_names = ("TabM_D_Classifier", "TabM_D_Regressor")


def _count_weights(thing: Any, seen: set[int]) -> int:
    """Weights of all torch modules that hang below an object."""
    import torch

    if id(thing) in seen or isinstance(thing, torch.Tensor | np.ndarray | str | bytes):
        return 0
    seen.add(id(thing))
    if isinstance(thing, torch.nn.Module) and (own := list(thing.parameters())):
        return sum(p.numel() for p in own)
    if isinstance(thing, dict):
        parts = list(thing.values())
    elif isinstance(thing, list | tuple):
        parts = list(thing)
    else:
        parts = list(getattr(thing, "__dict__", {}).values())
    return sum(_count_weights(part, seen) for part in parts)
