"""What was measured, read from summaries: recorded ones, the newest local runs, benchmarks."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Cell = str | float | int | None


@dataclass(frozen=True)
class Measured:
    """A claim beside its measurement."""

    statement: str
    source: str
    verdict: str | None
    effect: float | None
    interval: tuple[float, float] | None
    side: tuple[float, float] = (0.0, math.inf)
    units: int = 0
    effects: tuple[float, ...] = ()
    reason: str = ""
    paper_value: str | None = None
    headline: bool = False


@dataclass(frozen=True)
class Table:
    """Rows under named columns, as :class:`neurarium.evaluation.Table` was recorded."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    footer: tuple[tuple[Cell, ...], ...] = ()
    note: str = ""


@dataclass(frozen=True)
class Part:
    """One experiment of a system, run once."""

    name: str
    preset: str
    claims: tuple[Measured, ...]
    tables: tuple[Table, ...] = ()
    figures: Mapping[str, str] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, Any] = field(default_factory=dict)
    machine: str = ""
    seconds: float | None = None
    higher_is_better: bool = True
    stale: bool = False


@dataclass(frozen=True)
class Recording:
    """Everything recorded for a system."""

    slug: str
    verdict: str | None
    parts: tuple[Part, ...]
    explanation: str = ""

    @property
    def headline(self) -> Measured | None:
        """The one claim that the system's verdict is about."""
        return next((c for part in self.parts for c in part.claims if c.headline), None)

    @property
    def stale(self) -> bool:
        """Whether the code that was measured is no longer today's."""
        return any(part.stale for part in self.parts)


def recordings(folder=None):
    return {}


def local_runs():
    return {}


def speed_ratios():
    return {}
