"""Every dataset by name: the one table that ``load`` and ``neurarium data`` read."""

from __future__ import annotations

from . import medium, mil, mnist, text, uci
from .entry import Dataset

DATASETS: dict[str, Dataset] = {
    dataset.name: dataset
    for dataset in (*uci.DATASETS, *medium.DATASETS, *mil.DATASETS, *mnist.DATASETS, *text.DATASETS)
}
