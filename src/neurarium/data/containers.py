"""What ``load`` returns: frozen dataclasses whose splits are fixed by the source of the data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    import pandas as pd


class Split(NamedTuple):
    """Row indices of one split, each ascending."""

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray


@dataclass(frozen=True, eq=False)
class Table:
    """Rows of mixed numeric and categorical attributes with one target.

    Args:
        name: the name that ``load`` was asked for.
        X: features (rows, F); float64 columns, and pandas ``category`` for discrete ones; a missing
            cell is NaN.
        y: int64 class indices into ``classes``, or float64 for regression; (rows,).
        task: ``"classification"`` or ``"regression"``.
        splits: one int8 array (rows,) a split: 0 training, 1 validation, 2 test.
        classes: names of the classes, in the order of their indices; empty for regression.

    Example:
        >>> from neurarium.data import load
        >>> table = load("hopular/glass_identification")
        >>> train, val, test = table.split(0)
        >>> table.X.shape, len(train), len(val), len(test)
        ((214, 9), 124, 37, 53)
    """

    name: str
    X: pd.DataFrame
    y: np.ndarray
    task: str
    splits: tuple[np.ndarray, ...]
    classes: tuple[str, ...] = ()

    def split(self, k: int = 0) -> Split:
        """Row indices (train, validation, test) of the source's split ``k``."""
        if not 0 <= k < len(self.splits):
            raise ValueError(f"k must be in 0 … {len(self.splits) - 1} for {self.name}: got {k}")
        return Split(*(np.flatnonzero(self.splits[k] == part) for part in (0, 1, 2)))

    def copy(self) -> Table:
        """An independent copy: changing its arrays changes no other."""
        splits = tuple(part.copy() for part in self.splits)
        return Table(self.name, self.X.copy(), self.y.copy(), self.task, splits, self.classes)


@dataclass(frozen=True, eq=False)
class Images:
    """Images with labels in the official train and test sets.

    Args:
        name: the name that ``load`` was asked for.
        train: uint8 (n, H, W), or (n, H, W, C) for colour.
        train_labels: int64 (n,), indices into ``classes``.
        test: uint8, shaped as ``train``.
        test_labels: int64 (m,).
        classes: names of the classes.
    """

    name: str
    train: np.ndarray
    train_labels: np.ndarray
    test: np.ndarray
    test_labels: np.ndarray
    classes: tuple[str, ...]

    def copy(self) -> Images:
        """An independent copy: changing its arrays changes no other."""
        train, test = self.train.copy(), self.test.copy()
        train_labels, test_labels = self.train_labels.copy(), self.test_labels.copy()
        return Images(self.name, train, train_labels, test, test_labels, self.classes)


@dataclass(frozen=True, eq=False)
class Bags:
    """Multiple-instance data: bags of instances with one label a bag.

    Args:
        name: the name that ``load`` was asked for.
        instances: float32 (Σ lengths, F), bag by bag, raw: standardise with training bags.
        lengths: int64 (bags,), instances in each bag.
        labels: int64 (bags,), 1 where at least one instance is positive.
        test_fold: int8 (repetitions, bags), the fold in which a bag is tested.
    """

    name: str
    instances: np.ndarray
    lengths: np.ndarray
    labels: np.ndarray
    test_fold: np.ndarray

    def __len__(self) -> int:
        return len(self.lengths)

    def bag(self, index: int) -> np.ndarray:
        """The instances (length, F) of one bag."""
        if not 0 <= index < len(self):
            raise IndexError(f"index must be in 0 … {len(self) - 1}: got {index}")
        end = int(self.lengths[: index + 1].sum())
        return self.instances[end - int(self.lengths[index]) : end]

    def split(self, repetition: int, fold: int) -> tuple[np.ndarray, np.ndarray]:
        """Bag indices (train, test) of one fold of one repetition of the cross-validation."""
        if not 0 <= repetition < len(self.test_fold):
            raise ValueError(
                f"repetition must be in 0 … {len(self.test_fold) - 1}: got {repetition}"
            )
        folds = self.test_fold[repetition]
        if fold not in folds:
            raise ValueError(f"fold must be in 0 … {int(folds.max())}: got {fold}")
        return np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)

    def copy(self) -> Bags:
        """An independent copy: changing its arrays changes no other."""
        arrays = (self.instances, self.lengths, self.labels, self.test_fold)
        return Bags(self.name, *(array.copy() for array in arrays))
