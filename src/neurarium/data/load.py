"""``load(name)``: a dataset by name, from wherever it lies, checked, parsed once a process."""

from __future__ import annotations

import difflib
import importlib
import os
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

from . import locate
from .entry import Dataset
from .locate import Root

if TYPE_CHECKING:
    from .containers import Bags, Images, Table


READING = 1
"""Raised when a file that has not changed is read as other arrays: numbers computed from it are
stale then. The registry itself is imported by name, outside of what an experiment's fingerprint
covers, so that one more dataset makes no recorded result stale."""


def _registry() -> dict[str, Dataset]:
    datasets: dict[str, Dataset] = importlib.import_module("neurarium.data.registry").DATASETS
    return datasets


def dataset_names() -> tuple[str, ...]:
    """All names that :func:`load` takes, in the order of the registry."""
    return tuple(_registry())


@overload
def load(name: Literal["mnist", "fashion_mnist"], root: Root = None) -> Images: ...


@overload
def load(
    name: Literal["mil/elephant", "mil/fox", "mil/musk1", "mil/tiger"], root: Root = None
) -> Bags: ...


@overload
def load(name: str, root: Root = None) -> Any: ...


def load(name: str, root: Root = None) -> Any:
    """A named dataset with its fixed splits.

    Looked for under ``root``, the folders of ``$NEURARIUM_DATA``, inside the package and in the
    user cache; otherwise downloaded from its public origin. Files are checked by SHA-256 wherever
    they are found.

    Args:
        name: one of :func:`dataset_names`, e.g. ``"hopular/glass_identification"`` or ``"mnist"``.
        root: a folder to look in first.

    Returns:
        A :class:`Table`, :class:`Images` or :class:`Bags`; an own copy for each call.

    Raises:
        ValueError: unknown name, or a file that is truncated, corrupt or another one.
        FileNotFoundError: no place has the file and the download failed.

    Example:
        >>> table = load("hopular/haberman_survival")
        >>> table.task, table.X.shape, len(table.splits), table.classes
        ('classification', (306, 3), 4, ('0', '1'))
    """
    dataset = entry(name)
    if root is not None and not Path(root).is_dir():
        raise ValueError(f"root must be a folder: got {os.fspath(root)!r}")
    paths = locate.locate(dataset, root)
    stamps = tuple((path.stat().st_mtime_ns, path.stat().st_size) for path in paths)
    return _parse(name, tuple(paths), stamps).copy()


def data_path(name: str, root: Root = None) -> tuple[Path, ...]:
    """The files of a dataset, fetched and checked if they are not on this machine yet."""
    dataset = entry(name)
    paths = locate.locate(dataset, root)
    for file, path in zip(dataset.files, paths, strict=True):
        locate.content(file, path)
    return tuple(paths)


def entry(name: str) -> Dataset:
    """The registry's entry, or a ValueError that suggests the nearest name."""
    datasets = _registry()
    if name in datasets:
        return datasets[name]
    short = str(name).rsplit("/", 1)[-1]
    near = [known for known in datasets if known.rsplit("/", 1)[-1].startswith(short or "/")]
    near = near[:1] or difflib.get_close_matches(str(name), datasets, n=1)
    hint = f"did you mean {near[0]!r}?" if near else "see neurarium.data.dataset_names()"
    raise ValueError(f"name must be a known dataset: got {name!r}; {hint}")


@lru_cache(maxsize=64)
def _parse(
    name: str, paths: tuple[Path, ...], stamps: tuple[tuple[int, int], ...]
) -> Table | Images | Bags:
    """Cached by file and modification; callers get copies."""
    dataset = entry(name)
    contents = [locate.content(file, path) for file, path in zip(dataset.files, paths, strict=True)]
    return dataset.read(name, contents)
