"""A record: what one finished cell left behind, as one line of JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .cells import Cell

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Record:
    """One finished cell.

    Args:
        cell: the point of the grid.
        metrics: name → number.
        curves: name → list of numbers.
        array_file: the npz beside the records, relative to their folder; None without arrays.
        wall_seconds: the cell alone, without loading its data and stages.
        cpu_seconds: of the process, and of those that it started and that ended, during that time.
        stages: what each stage instance that the cell used, directly or not, took to build.
        versions: of Python, torch, numpy and this library.
        error: the traceback of a cell that raised; None where it finished.
        folder: where the records lie; not part of the line, so that a run can be moved.
    """

    cell: Cell
    metrics: Mapping[str, float] = field(default_factory=dict)
    curves: Mapping[str, list[float]] = field(default_factory=dict)
    array_file: str | None = None
    wall_seconds: float = 0.0
    cpu_seconds: float = 0.0
    stages: Mapping[str, float] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    error: str | None = None
    folder: Path | None = field(default=None, compare=False, repr=False)

    @property
    def ok(self) -> bool:
        """Whether the cell finished."""
        return self.error is None

    @property
    def seconds(self) -> float:
        """Wall seconds of the cell and of every stage that it used."""
        return self.wall_seconds + sum(self.stages.values())

    def value(self, metric: str) -> float | None:
        """A metric, None where it was not recorded; ``"seconds"`` means :attr:`seconds`."""
        return self.metrics.get(metric, self.seconds if metric == "seconds" else None)

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """The arrays that the cell stored, read from disk at each access."""
        import numpy as np

        if self.array_file is None:
            return {}
        with np.load((self.folder or Path()) / self.array_file, allow_pickle=False) as stored:
            return dict(stored)

    def to_json(self) -> str:
        """One line of JSON; NaN is null, as JSON has none."""
        content: dict[str, Any] = {
            "cell": dict(self.cell),
            "metrics": {name: _nullable(value) for name, value in self.metrics.items()},
            "curves": {name: [_nullable(v) for v in curve] for name, curve in self.curves.items()},
            "array_file": self.array_file,
            "wall_seconds": round(self.wall_seconds, 6),
            "cpu_seconds": round(self.cpu_seconds, 6),
            "stages": {name: round(seconds, 6) for name, seconds in self.stages.items()},
            "versions": dict(self.versions),
            "error": self.error,
        }
        return json.dumps(content)

    @classmethod
    def from_json(cls, line: str, folder: Path | None = None) -> Record:
        """The record of a line written by :meth:`to_json`."""
        content = json.loads(line)
        content["cell"] = Cell(**content["cell"])
        content["metrics"] = {name: _number(v) for name, v in content["metrics"].items()}
        content["curves"] = {n: [_number(v) for v in c] for n, c in content["curves"].items()}
        return cls(**content, folder=folder)


def _nullable(value: float) -> float | None:
    return None if math.isnan(value) else value


def _number(value: float | None) -> float:
    return math.nan if value is None else value
