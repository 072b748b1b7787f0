"""The target column of a tabular estimator as one more attribute of Hopular."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.utils import column_or_1d
from sklearn.utils.multiclass import check_classification_targets

from .persistence import array_from_json, array_to_json

LARGEST = 1e300
"""Numbers beyond could not be scaled back without overflow."""


def _column(owner: str, y: Any) -> np.ndarray:
    """``y`` as one column without missing values."""
    if y is None:
        raise ValueError(f"{owner} requires y to be passed, but the target y is None")
    labels = column_or_1d(y, warn=True)
    if pd.isna(labels).any():
        raise ValueError("Input y contains NaN: y must have no missing value")
    if labels.dtype.kind == "f" and np.isinf(labels).any():
        raise ValueError("Input y contains infinity or a value too large for dtype('float64').")
    return labels


class Target:
    """One attribute: its width, whether it is one-hot, and labels ↔ values."""

    size: int
    discrete: bool
    scale: float = 1.0

    def check(self, owner: str, y: Any, known: np.ndarray | None = None) -> np.ndarray:
        """``y`` as valid labels, those of validation rows against the ``known`` ones."""
        raise NotImplementedError

    def fit(self, labels: np.ndarray) -> None:
        """Learn classes, or mean and scale, from the training rows."""
        raise NotImplementedError

    def encode(self, labels: np.ndarray | None, num_rows: int) -> np.ndarray:
        """float32 (n, size); zeros where the labels are to be predicted."""
        raise NotImplementedError

    def stratified(self, labels: np.ndarray, count: int, rng: Any) -> np.ndarray:
        """Which rows to hold out: evenly spaced in the order of (label, chance)."""
        order = np.lexsort((rng.random_sample(len(labels)), self._strata(labels)))
        count = min(count, len(labels) - 2)
        places = ((np.arange(count) + 0.5) * len(labels) / count).astype(int)
        held_out = np.zeros(len(labels), bool)
        held_out[order[places]] = True
        return held_out

    def _strata(self, labels: np.ndarray) -> np.ndarray:
        return labels

    def get_state(self) -> dict[str, Any]:
        """Everything learnt, as JSON values."""
        raise NotImplementedError

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Self:
        """What :meth:`get_state` gave."""
        raise NotImplementedError


class ClassTarget(Target):
    """Labels of any kind that can be sorted, one-hot."""

    discrete = True
    classes: np.ndarray

    def check(self, owner: str, y: Any, known: np.ndarray | None = None) -> np.ndarray:  # noqa: D102
        labels = _column(owner, y)
        try:
            classes = np.unique(labels)
        except TypeError:
            raise TypeError("y must hold labels of one kind: got several in one column") from None
        check_classification_targets(labels)
        if known is None:
            if len(classes) < 2:
                raise ValueError("y must hold at least 2 classes: got 1 class")
        elif len(extra := np.setdiff1d(classes, known)):
            raise ValueError(f"eval_set must hold labels that y has: got {extra.tolist()[0]!r}")
        return labels

    def fit(self, labels: np.ndarray) -> None:  # noqa: D102
        self.classes = np.unique(labels)

    @property
    def size(self) -> int:  # type: ignore[override]
        """Number of classes."""
        return len(self.classes)

    def encode(self, labels: np.ndarray | None, num_rows: int) -> np.ndarray:  # noqa: D102
        values = np.zeros((num_rows, self.size), np.float32)
        if labels is not None:
            values[np.arange(num_rows), np.searchsorted(self.classes, labels)] = 1
        return values

    def _strata(self, labels: np.ndarray) -> np.ndarray:
        return np.unique(labels, return_inverse=True)[1]

    def stratified(self, labels: np.ndarray, count: int, rng: Any) -> np.ndarray:
        """As :class:`Target`, but one row of every class is always trained on."""
        held_out = super().stratified(labels, count, rng)
        for label in np.unique(labels):
            rows = np.flatnonzero(labels == label)
            if held_out[rows].all():
                held_out[rows[0]] = False
        return held_out

    def get_state(self) -> dict[str, Any]:  # noqa: D102
        return {"classes": array_to_json(self.classes)}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Self:  # noqa: D102
        target = cls()
        target.classes = array_from_json(state["classes"])
        return target


class NumberTarget(Target):
    """A number, standardised by mean and unbiased standard deviation of the training rows."""

    size, discrete = 1, False
    mean: float

    def check(self, owner: str, y: Any, known: np.ndarray | None = None) -> np.ndarray:  # noqa: D102
        labels = _column(owner, y)
        if labels.dtype.kind == "c":
            raise ValueError("Complex data not supported: y must hold real numbers")
        try:
            labels = labels.astype(np.float64)
        except (TypeError, ValueError):
            raise ValueError(
                f"y must hold numbers: got {labels.tolist()[0]!r} among them"
            ) from None
        labels = _column(owner, labels)
        if (far := np.abs(labels) > LARGEST).any():
            raise ValueError(f"y must lie within ±{LARGEST:g}: got {labels[far][0]:g}")
        return labels

    def fit(self, labels: np.ndarray) -> None:  # noqa: D102
        unit = max(float(np.abs(labels).max()), np.finfo(np.float64).tiny)  # squares stay finite
        self.mean = unit * float(np.mean(labels / unit))
        scale = unit * float(np.std(labels / unit, ddof=1))
        self.scale = scale if scale > 0 else 1.0

    def encode(self, labels: np.ndarray | None, num_rows: int) -> np.ndarray:  # noqa: D102
        if labels is None:
            return np.zeros((num_rows, 1), np.float32)
        return ((labels - self.mean) / self.scale).astype(np.float32)[:, None]

    def get_state(self) -> dict[str, Any]:  # noqa: D102
        return {"mean": self.mean, "scale": self.scale}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Self:  # noqa: D102
        target = cls()
        target.mean, target.scale = float(state["mean"]), float(state["scale"])
        return target
