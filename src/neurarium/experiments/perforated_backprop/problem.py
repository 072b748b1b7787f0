"""Small classification tasks: images and tables in training, validation and test parts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from neurarium.data.containers import Images, Table
from neurarium.data.load import entry, load

Part = tuple[Tensor, Tensor]
DIGITS = "digits"


@dataclass(frozen=True)
class Problem:
    """What a method is given.

    Args:
        train: inputs and labels.
        validation: inputs and labels.
        test: inputs and labels.
        num_classes: of labels.
        hidden_features: of the network that all are compared with.
    """

    train: Part
    validation: Part
    test: Part
    num_classes: int
    hidden_features: int


def datasets(names: tuple[str, ...]) -> Mapping[str, Callable[[], Images | Table]]:
    """Name → loader of images or of a table with classes."""
    return {name: digits if name == DIGITS else partial(_load, entry(name).name) for name in names}


def digits() -> Images:
    """The 8 × 8 digits of scikit-learn; the last third is the test set."""
    from sklearn.datasets import load_digits

    bunch: Any = load_digits()
    images = (bunch.images * 15).astype(np.uint8)
    labels = bunch.target.astype(np.int64)
    cut = 2 * len(labels) // 3
    classes = tuple(str(digit) for digit in range(10))
    return Images(DIGITS, images[:cut], labels[:cut], images[cut:], labels[cut:], classes)


def _load(name: str) -> Images | Table:
    data: Any = load(name)
    if isinstance(data, Images) or (isinstance(data, Table) and data.classes):
        return data
    raise ValueError(f"datasets must be images or tables with classes: got {name!r}")


def problem_of(data: Images | Table, num_rows: int, hidden_features: int, seed: int) -> Problem:
    """Random rows: 70 % to learn from, 30 % to validate; the source's test part, or its split.

    Inputs are standardised by the rows that are learned from.
    """
    order_of = np.random.default_rng(seed).permutation
    if isinstance(data, Images):
        x, y = data.train.reshape(len(data.train), -1) / 255.0, data.train_labels
        x_test, y_test = data.test.reshape(len(data.test), -1) / 255.0, data.test_labels
    else:
        split = data.split(seed % len(data.splits))
        known = np.concatenate([split.train, split.validation])
        x, x_test = _encoded(data, known, split.test)
        y, y_test = data.y[known], data.y[split.test]
    rows, tested = order_of(len(x))[:num_rows], order_of(len(x_test))[:num_rows]
    cut = 7 * len(rows) // 10
    mean, std = x[rows[:cut]].mean(0), x[rows[:cut]].std() + 1e-8
    parts = [(x[part], y[part]) for part in (rows[:cut], rows[cut:])]
    parts.append((x_test[tested], y_test[tested]))
    train, validation, test = (
        (torch.tensor((a - mean) / std, dtype=torch.float32), torch.tensor(b)) for a, b in parts
    )
    return Problem(train, validation, test, len(data.classes), hidden_features)


def _encoded(table: Table, known: np.ndarray, test: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    import warnings

    from neurarium.estimators import TableEncoder

    encoder = TableEncoder().fit(table.X.iloc[known])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # rare categories
        return encoder.encode(table.X.iloc[known])[0], encoder.encode(table.X.iloc[test])[0]
