"""One job: a cell or a stage, computed in this process or in a worker, from its seed alone."""

from __future__ import annotations

import json
import os
import random
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from .cells import Cell
from .experiment import Result
from .stage_file import StageFile

Report = Callable[[float, Mapping[str, float]], None]


@dataclass(frozen=True)
class Job:
    """All that a process needs to compute a cell or a stage; it is pickled to workers.

    Args:
        cell: the axes; of a stage, its own.
        stage: the stage's name; None for a cell.
        function: ``run_cell`` or ``build``.
        config: the configuration.
        device: the device to compute on.
        threads: torch threads.
        method: the cell's callable; None for a stage without the axis ``method``.
        load: the loader of the cell's dataset; None without the axis ``dataset``.
        stages: the stages that it may ask for: name → file.
        broken: those that could not be built: name → traceback.
    """

    cell: Cell
    function: Callable[[Cell, Any, Any], Any]
    config: Any
    device: str
    threads: int
    method: Callable[..., Any] | None
    load: Callable[[], Any] | None
    stages: Mapping[str, Path]
    broken: Mapping[str, str]
    stage: str | None = None

    @property
    def label(self) -> str:
        """How progress and stage seconds name it."""
        axes = ", ".join(f"{name} {value}" for name, value in self.cell.items())
        return f"{self.stage}({axes})" if self.stage else axes


@dataclass(frozen=True)
class Outcome:
    """What came of a job; ``error`` holds the traceback of one that raised."""

    job: Job
    result: Any = None
    wall_seconds: float = 0.0
    cpu_seconds: float = 0.0
    stages: Mapping[str, float] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    error: str | None = None


class JobContext:
    """What the job's function sees as its context; loading is kept out of its seconds."""

    def __init__(self, job: Job, report: Report) -> None:
        self._job = job
        self._report = report
        self._stages: dict[str, StageFile] = {}
        self._data: list[Any] = []
        self.untimed = np.zeros(2)  # wall and CPU seconds spent on loading

    @property
    def device(self) -> str:
        """The device to compute on."""
        return self._job.device

    @property
    def method(self) -> Callable[..., Any]:
        """The cell's callable."""
        if self._job.method is None:
            raise ValueError(f"axes must have 'method' to use context.method: got {self._axes()}")
        return self._job.method

    @property
    def data(self) -> Any:
        """The cell's dataset, loaded on first use and anew for every cell: none sees another's."""
        if not self._data:
            if self._job.load is None:
                raise ValueError(
                    f"axes must have 'dataset' to use context.data: got {self._axes()}"
                )
            with self._loading():
                self._data.append(self._job.load())
        return self._data[0]

    def stage(self, name: str) -> Mapping[str, Any]:
        """Arrays and JSON values built by the named stage for this cell's axes."""
        if name not in self._stages:
            if name not in self._job.stages:
                known = ", ".join(self._job.stages) or "none"
                raise ValueError(f"stage must be one that this cell has ({known}): got {name!r}")
            if name in self._job.broken:
                raise RuntimeError(f"stage {name!r} could not be built\n{self._job.broken[name]}")
            with self._loading():
                self._stages[name] = StageFile.read(self._job.stages[name])
        return self._stages[name].values

    def progress(self, fraction: float, **numbers: float) -> None:
        """Report how far this cell is (0 … 1) and numbers worth seeing."""
        self._report(fraction, numbers)

    @property
    def charged(self) -> dict[str, float]:
        """Seconds of every stage that was loaded, and of those that it loaded in turn."""
        return {n: s for stage in self._stages.values() for n, s in stage.charged.items()}

    def _axes(self) -> str:
        return ", ".join(self._job.cell) or "none"

    @contextmanager
    def _loading(self) -> Iterator[None]:
        start = _clocks()
        yield
        self.untimed += _clocks() - start


def compute(job: Job, report: Report = lambda fraction, numbers: None) -> Outcome:
    """Seed all generators from the cell, run the job's function, time it, keep what it raises."""
    context = JobContext(job, report)
    result, error = None, None
    start = _clocks()
    try:
        seed_generators(job.cell.get("seed", 0))
        start = _clocks()
        found = job.function(job.cell, job.config, context)
        result = _checked_stage(found) if job.stage else _checked_result(found)
    except Exception:
        error = traceback.format_exc()
    wall, cpu = np.maximum(_clocks() - start - context.untimed, 0.0)
    return Outcome(job, result, float(wall), float(cpu), context.charged, versions(), error)


def seed_generators(seed: object) -> None:
    """Seed `random`, numpy and torch."""
    import torch

    if not isinstance(seed, int):
        raise TypeError(f"axis 'seed' must be an int: got {seed!r}")
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002 - what libraries without a generator draw from
    torch.manual_seed(seed)


@cache
def versions() -> Mapping[str, str]:
    """Of what the numbers depend on."""
    from importlib.metadata import version

    names = ("torch", "numpy", "scipy", "scikit-learn", "neurarium")
    return {"python": sys.version.split()[0], **{name: version(name) for name in names}}


def _clocks() -> np.ndarray:
    """Wall and processor seconds; those of children, such as compilers, count too."""
    spent = os.times()
    children = spent.children_user + spent.children_system
    return np.array((time.perf_counter(), time.process_time() + children))


def _checked_result(found: object) -> Result:
    """The result with plain numbers, so that what is wrong is said of the cell that made it."""
    if not isinstance(found, Result):
        raise TypeError(f"run_cell must return a Result: got {type(found).__name__}")
    metrics = {name: float(value) for name, value in found.metrics.items()}
    curves = {name: [float(v) for v in curve] for name, curve in found.curves.items()}
    arrays = {name: _checked_array(name, array) for name, array in found.arrays.items()}
    return Result(metrics, curves, arrays)


def _checked_array(name: str, array: Any) -> np.ndarray:
    array = np.asarray(array)
    if array.dtype.hasobject:
        raise TypeError(f"array {name!r} must hold numbers or text: got dtype {array.dtype}")
    return array


def _checked_stage(found: object) -> dict[str, Any]:
    if not isinstance(found, Mapping):
        raise TypeError(f"build must return a dict: got {type(found).__name__}")
    return {name: _checked_value(name, value) for name, value in found.items()}


def _checked_value(name: str, value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return _checked_array(name, value)
    try:
        json.dumps(value)
    except TypeError:
        kind = type(value).__name__
        raise TypeError(
            f"stage value {name!r} must be an array or a JSON value: got {kind}"
        ) from None
    return value
