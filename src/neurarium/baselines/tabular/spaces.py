"""Published search spaces: lists of choices, and distributions to draw from.

- Support vectors: the ranges of Fernández-Delgado et al. 2014 (JMLR 15), that the self-normalising
  networks' and thereby Hopular's comparison took over: C in 2^-5 … 2^14, gamma in 2^-16 … 2^8.
- Linear models and nearest neighbours: TabRepo (Salinas & Erickson 2024, arXiv 2311.02971).
- Random forests and histogram boosting: Grinsztajn et al. 2022 (arXiv 2207.08815), appendix A.3.
- XGBoost, LightGBM, CatBoost: Shwartz-Ziv & Armon 2022 (arXiv 2106.03253), appendix A, which is
  Hopular's choice too; the number of trees is set by early stopping on the validation rows.
- RealMLP: Holzmüller et al. 2024 (arXiv 2407.04491), appendix C; TabM: Gorishniy et al. 2025
  (arXiv 2410.24210), appendix D, in the form that ``pytabkit`` ships.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Uniform:
    """Uniform on [low, high]."""

    low: float
    high: float

    def rvs(self, *, random_state: np.random.Generator) -> float:
        """One draw."""
        return float(random_state.uniform(self.low, self.high))


@dataclass(frozen=True)
class LogUniform:
    """The logarithm is uniform; with ``integer`` rounded down."""

    low: float
    high: float
    integer: bool = False

    def rvs(self, *, random_state: np.random.Generator) -> float | int:
        """One draw."""
        value = math.exp(random_state.uniform(math.log(self.low), math.log(self.high)))
        return int(value) if self.integer else value


@dataclass(frozen=True)
class Integers:
    """Uniform on low, …, high."""

    low: int
    high: int

    def rvs(self, *, random_state: np.random.Generator) -> int:
        """One draw."""
        return int(random_state.integers(self.low, self.high + 1))


@dataclass(frozen=True)
class ZeroOr:
    """Zero in half of the draws, else as the other."""

    other: Uniform | LogUniform

    def rvs(self, *, random_state: np.random.Generator) -> float:
        """One draw."""
        return self.other.rvs(random_state=random_state) if random_state.random() < 0.5 else 0.0


E = math.e
SVM = {"C": LogUniform(2.0**-5, 2.0**14), "gamma": LogUniform(2.0**-16, 2.0**8)}
LOGISTIC = {"C": LogUniform(0.1, 1e3)}
RIDGE = {"alpha": LogUniform(1e-3, 10.0)}
NEIGHBORS = {"n_neighbors": [*range(1, 21)], "weights": ["uniform", "distance"], "p": [1, 2]}
FOREST = {
    "n_estimators": [250],
    "max_depth": [None] * 7 + [2, 3, 4],
    "max_features": ["sqrt", "sqrt", "log2", None, *(k / 10 for k in range(1, 10))],
    "min_samples_split": [2] * 19 + [3],
    "min_samples_leaf": LogUniform(1.5, 50.5, integer=True),
    "bootstrap": [True, False],
    "min_impurity_decrease": [0.0] * 17 + [0.01, 0.02, 0.05],
}
HISTOGRAM_BOOSTING = {
    "learning_rate": LogUniform(1e-3, 1.0),
    "max_leaf_nodes": Integers(16, 46),
    "max_depth": [None, 2, 3, 3, 3, 3, 3, 3, 3, 4],
    "min_samples_leaf": Integers(14, 26),
}
EARLY = {"n_estimators": [2000], "early_stopping_rounds": [50]}
LIGHTGBM = {
    **EARLY,
    "learning_rate": LogUniform(E**-7, 1.0),
    "num_leaves": LogUniform(2, E**7, integer=True),
    "colsample_bytree": Uniform(0.5, 1.0),
    "subsample": Uniform(0.5, 1.0),
    "subsample_freq": [1],
    "min_child_samples": LogUniform(1, E**6, integer=True),
    "min_child_weight": LogUniform(E**-16, E**5),
    "reg_alpha": ZeroOr(LogUniform(E**-16, E**2)),
    "reg_lambda": ZeroOr(LogUniform(E**-16, E**2)),
}
XGBOOST = {
    **EARLY,
    "learning_rate": LogUniform(E**-7, 1.0),
    "max_depth": Integers(1, 10),
    "subsample": Uniform(0.2, 1.0),
    "colsample_bytree": Uniform(0.2, 1.0),
    "colsample_bylevel": Uniform(0.2, 1.0),
    "min_child_weight": LogUniform(E**-16, E**5),
    "reg_alpha": ZeroOr(LogUniform(E**-16, E**2)),
    "reg_lambda": ZeroOr(LogUniform(E**-16, E**2)),
    "gamma": ZeroOr(LogUniform(E**-16, E**2)),
}
CATBOOST = {
    "iterations": [2000],
    "early_stopping_rounds": [50],
    "learning_rate": LogUniform(E**-5, 1.0),
    "random_strength": Integers(1, 20),
    "one_hot_max_size": Integers(0, 25),
    "l2_leaf_reg": LogUniform(1.0, 10.0),
    "bagging_temperature": Uniform(0.0, 1.0),
    "leaf_estimation_iterations": Integers(1, 20),
}
REALMLP = {
    "num_emb_type": ["none", "pbld", "pl", "plr"],
    "add_front_scale": [True, True, True, False, False],
    "lr": LogUniform(2e-2, 3e-1),
    "p_drop": [0.0] * 3 + [0.15] * 5 + [0.3] * 2,
    "wd": [0.0, 2e-2],
    "plr_sigma": LogUniform(0.05, 0.5),
    "act": ["relu", "selu", "mish"],
    "hidden_sizes": [[256] * 3] * 3 + [[64] * 5, [512]],
}
TABM = {
    "lr": LogUniform(1e-4, 3e-3),
    "weight_decay": ZeroOr(LogUniform(1e-4, 1e-1)),
    "n_blocks": [1, 2, 3, 4],
    "d_block": [*range(64, 1025, 16)],
    "dropout": ZeroOr(Uniform(0.0, 0.5)),
}
