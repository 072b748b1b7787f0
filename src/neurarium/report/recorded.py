"""What was measured, as plain values: recorded summaries and benchmarks, read without torch."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from neurarium import catalog
from neurarium.evaluation.fingerprint import fingerprint

from .numbers import duration

Entry = str | float | int | None
_PACKAGE = Path(__file__).parent.parent
BENCHMARKS = _PACKAGE.parent.parent / "results" / "benchmarks"  # of a checkout; not in a wheel


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
    rows: tuple[tuple[Entry, ...], ...]
    footer: tuple[tuple[Entry, ...], ...] = ()
    note: str = ""


@dataclass(frozen=True)
class Part:
    """One experiment of a system, run once.

    Args:
        name: of the part; ``main`` where there is only one.
        preset: how large the run was.
        claims: beside what was measured.
        tables: of its results.
        figures: name → SVG.
        config: the configuration.
        facts: what else is known of the run, name → text.
        higher_is_better: which end of the tables' metric wins.
        stale: whether the code that was measured is no longer today's.
    """

    name: str
    preset: str
    claims: tuple[Measured, ...]
    tables: tuple[Table, ...] = ()
    figures: Mapping[str, str] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)
    facts: Mapping[str, str] = field(default_factory=dict)
    higher_is_better: bool = True
    stale: bool = False


@dataclass(frozen=True)
class Recording:
    """Everything measured for a system."""

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
        """Whether any part was measured with other code than today's."""
        return any(part.stale for part in self.parts)


def recordings(folder: Path | None = None) -> dict[str, Recording]:
    """Slug → what was recorded, of the systems that have a summary.

    Args:
        folder: where ``<slug>.json``, ``<slug>.md`` and ``figures/`` lie; what ships by default.
    """
    found = {system.slug: recording(system, folder) for system in catalog.SYSTEMS}
    return {slug: recorded for slug, recorded in found.items() if recorded}


def recording(system: catalog.System, folder: Path | None = None) -> Recording | None:
    """What was recorded of one system, None before there is a summary.

    Args:
        system: its row of the catalogue.
        folder: as for :func:`recordings`.
    """
    folder = folder or _PACKAGE / "results"
    summary = catalog.summary(system, folder)
    return _recording(summary, folder) if summary else None


def _recording(summary: Mapping[str, Any], folder: Path) -> Recording:
    slug = summary["slug"]
    explanation = folder / f"{slug}.md"
    return Recording(
        slug,
        summary["verdict"],
        tuple(_part(part, folder) for part in summary["parts"].values()),
        explanation.read_text(encoding="utf-8") if explanation.is_file() else "",
    )


def _part(part: Mapping[str, Any], folder: Path) -> Part:
    return Part(
        name=part["part"],
        preset=part["preset"],
        claims=tuple(_claim(claim) for claim in part["claims"]),
        tables=tuple(_table(table) for table in part["tables"]),
        figures={
            name: (folder / path).read_text(encoding="utf-8")
            for name, path in part["figures"].items()
        },
        config=part["config"],
        facts=_facts(part),
        higher_is_better=part["higher_is_better"],
        stale=fingerprint(part["modules"]) != part["fingerprint"],
    )


def _claim(claim: Mapping[str, Any]) -> Measured:
    low, high = claim["side"]
    return Measured(
        statement=claim["statement"],
        source=claim["source"],
        verdict=claim["verdict"],
        effect=claim["effect"],
        interval=tuple(claim["interval"]) if claim["interval"] else None,
        side=(-math.inf if low is None else low, math.inf if high is None else high),
        units=claim["units"],
        effects=tuple(effect for effect in claim["effects"] if effect is not None),
        reason=claim["reason"],
        paper_value=claim["paper_value"],
        headline=claim["headline"],
    )


def _table(table: Mapping[str, Any]) -> Table:
    rows, footer = (tuple(map(tuple, table[name])) for name in ("rows", "footer"))
    return Table(table["title"], tuple(table["columns"]), rows, footer, table["note"])


def _facts(part: Mapping[str, Any]) -> dict[str, str]:
    failed = f", {part['num_failed']} failed" if part["num_failed"] else ""
    return {
        "Recorded": part["date"],
        "Cells": f"{part['num_cells']}{failed}",
        "Compute": duration(part["seconds"]),
        "Machine": f"{part['machine']}, device {part['device']}",
        "Versions": ", ".join(f"{name} {number}" for name, number in part["versions"].items()),
        "Code": f"fingerprint {part['fingerprint']}",
    }


def benchmarks(folder: Path | None = None) -> dict[str, Table]:
    """Slug → its speed: a row a comparison, our milliseconds, then times as long as ours.

    A benchmark's file is named after the system (``<family>_<slug>.json``); its first row and first
    contender are what the scoreboard quotes.

    Args:
        folder: where the files lie; ``results/benchmarks`` of a checkout by default.
    """
    tables = {}
    for system in catalog.SYSTEMS:
        name = f"{system.family}_{system.slug.replace('-', '_')}.json"
        path = (folder or BENCHMARKS) / name
        if path.is_file():
            tables[system.slug] = _speed(json.loads(path.read_text(encoding="utf-8")))
    return tables


def _speed(content: Mapping[str, Any]) -> Table:
    contenders = tuple(dict.fromkeys(name for row in content["rows"] for name in row["ratio"]))
    rows = tuple(
        (row["name"], 1e3 * row["seconds"]["ours"], *(row["ratio"].get(n) for n in contenders))
        for row in content["rows"]
    )
    threads = {row["threads"] for row in content["rows"]}
    note = f"Medians of interleaved rounds, threads: {', '.join(map(str, sorted(threads)))}."
    title = "Time of the others over ours (larger: ours is faster)"
    return Table(title, ("what", "ours, ms", *contenders), rows, note=note)


def headline_ratio(speed: Table) -> float | None:
    """The ratio that the scoreboard quotes: first row, first contender."""
    ratio = speed.rows[0][2] if speed.rows and len(speed.columns) > 2 else None
    return ratio if isinstance(ratio, int | float) else None
