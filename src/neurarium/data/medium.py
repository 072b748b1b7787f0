"""The six medium tables of the Hopular paper, prepared from the files its authors published.

Hopular: Modern Hopfield Networks for Tabular Data (https://arxiv.org/abs/2206.00664), Table 2. The
preparation keeps the attributes that the paper uses, drops repeated rows and makes five folds: one
fold tests; 20 percent of the rest (12.5 for eye movements and gestures) validates; random state 1,
stratified by class. Cells stay the text of the source; an empty cell is a missing one.
"""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from .entry import Dataset, File, Source

if TYPE_CHECKING:
    import numpy as np

    from .containers import Table

_COMMIT = "3e0c39fdc59568349373af573ee52c03305ca105"
_RESOURCES = (
    f"https://raw.githubusercontent.com/ml-jku/hopular/{_COMMIT}/hopular/auxiliary/resources"
)
_NUM_FOLDS = 5


def prepare(
    raw: Sequence[bytes],
    *,
    target: str,
    dropped: tuple[str, ...],
    validation_size: float,
    stratified: bool,
) -> list[bytes]:
    """The prepared CSV, gzipped: kept attributes, ``target``, split0 … split4."""
    names, *rows = ([_cell(text) for text in line.split(",")] for line in _lines(raw[0]))
    kept = [i for i, name in enumerate(names) if name not in (target, *dropped)]
    kept.append(names.index(target))
    unique = list(dict.fromkeys(tuple(row[i] for i in kept) for row in rows))
    header = [*(names[i] for i in kept[:-1]), "target", *(f"split{k}" for k in range(_NUM_FOLDS))]
    splits = _splits([row[-1] for row in unique], validation_size, stratified)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows((*row, *marks) for row, marks in zip(unique, splits.T, strict=True))
    return [gzip.compress(text.getvalue().encode(), mtime=0)]


def _lines(raw: bytes) -> list[str]:
    return [line for line in raw.decode().splitlines() if line]


def _cell(text: str) -> str:
    """A cell without its quotes; the marks of a missing value become the empty cell."""
    text = text.strip().strip("\"'").strip()
    return "" if text == "?" else text


def _splits(target: list[str], validation_size: float, stratified: bool) -> np.ndarray:
    """(folds, rows) of 0 training, 1 validation, 2 test."""
    import numpy as np
    from sklearn.model_selection import KFold, StratifiedKFold, train_test_split

    labels = np.unique(target, return_inverse=True)[1]
    folds = (StratifiedKFold if stratified else KFold)(_NUM_FOLDS, shuffle=True, random_state=1)
    splits = np.zeros((_NUM_FOLDS, len(target)), np.int8)
    for marks, (rest, test) in zip(splits, folds.split(labels, labels), strict=True):
        marks[test] = 2
        _, validation = train_test_split(
            rest,
            test_size=validation_size,
            random_state=1,
            stratify=labels[rest] if stratified else None,
        )
        marks[validation] = 1
    return splits


def read_medium(
    name: str, contents: Sequence[bytes], *, categorical: tuple[int, ...], task: str
) -> Table:
    """Attributes by name, target, split0 …; categories are the text of the source."""
    import numpy as np
    import pandas as pd

    from .containers import Table

    frame = pd.read_csv(io.BytesIO(contents[0]), dtype=str, keep_default_na=False, na_values=[""])
    parts = [f"split{k}" for k in range(_NUM_FOLDS)]
    features = frame.drop(columns=["target", *parts])
    kinds = {
        column: "category" if index in categorical else np.float64
        for index, column in enumerate(features.columns)
    }
    classes: tuple[str, ...] = ()
    y = frame["target"].to_numpy()
    if task == "classification":
        labels, y = np.unique(y.astype(str), return_inverse=True)
        classes = tuple(labels.tolist())
    return Table(
        name=name,
        X=features.astype(kinds),
        y=y.astype(np.int64 if classes else np.float64),
        task=task,
        splits=tuple(frame[part].to_numpy().astype(np.int8) for part in parts),
        classes=classes,
    )


def _medium(
    name: str,
    sha256: str,
    raw_sha256: str,
    *,
    target: str,
    dropped: tuple[str, ...] = (),
    categorical: tuple[int, ...] = (),
    task: str = "classification",
    validation_size: float = 0.2,
) -> Dataset:
    return Dataset(
        name=f"hopular/{name}",
        title=f"OpenML {name.replace('_', ' ')}, five folds ({task})",
        files=(File(f"hopular/medium/{name}.csv.gz", sha256),),
        read=partial(read_medium, categorical=categorical, task=task),
        sources=(Source(f"{_RESOURCES}/{name}/{name}.csv", raw_sha256),),
        prepare=partial(
            prepare,
            target=target,
            dropped=dropped,
            validation_size=validation_size,
            stratified=task == "classification",
        ),
        origin="https://github.com/ml-jku/hopular",
        licence="as at OpenML, per set; not stated by the repository",
        citation="Schäfl et al., arXiv:2206.00664; Shwartz-Ziv and Armon, arXiv:2106.03253; OpenML",
    )


DATASETS = (
    _medium(
        "blastchar",
        "cce977207d168aa750d02e1d65b70279982ad302d62dada7f33732acc9d3d576",
        "16022d098a1d530757ff0bf831dc4ef2edb7f2ee1dc25a8b10ac12a40a56b2a3",
        target="Churn",
        dropped=("customerID",),
        categorical=(0, 1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16),
    ),
    _medium(
        "colleges",
        "28db8bc474025e353821c3693a3419e48d891597ebf65f7b9424de5161540ac9",
        "f183ef1c5379a540eb88d28c88d5591046e2c867bacc11f61f9cdb65c5b705dc",
        target="percent_pell_grant",
        dropped=("UNITID", "school_name", "school_webpage"),
        categorical=(0, 1, 2, 28, 29, 30, 31, 32, 33, 34, 35, 36),
        task="regression",
    ),
    _medium(
        "eye_movements",
        "cea703d2c30259a46b7ab8479c64c34210e7a699c658164862317d8eaf82d9c5",
        "47267e05ca9f2ff2a2ec1f58e9732b0485206dad2a728e27a5914b5c8ee9a7a9",
        target="label",
        dropped=("lineNo", "assgNo", "nWordsInTitle", "titleNo", "wordNo"),
        validation_size=0.125,
        categorical=(2, 3, 17),
    ),
    _medium(
        "gesture_phase",
        "4ceddca9e34381bbe6e6b186b2c7c4d55f981bfe0338794a3227c63dd82bee1a",
        "a308a46eb40f941bd7de80cfae7331d96dad1655e3bc7de66044b90bb276b107",
        target="Phase",
        validation_size=0.125,
    ),
    _medium(
        "shrutime",
        "d4beb1e0a6e1a282d5fdff6b329e8d9dd0613ba54cd3e2a62b9265594feca581",
        "ee2a5c9d8daf3aed0d91c4d883a84ebb77d271447bebc0f0c80aafb0f288ceab",
        target="Exited",
        dropped=("RowNumber", "CustomerId", "Surname"),
        categorical=(1, 2, 6, 7, 8),
    ),
    _medium(
        "sulfur",
        "ad22e3d83b148af293090667ca35a12ec44b626414ee4f71b08aa9843916c766",
        "8367e7eeea2d63eab9648d856ca0e6cb5d06451559d8170fa68638b1ecce1404",
        target="y1",
        dropped=("y2",),
        task="regression",
    ),
)
