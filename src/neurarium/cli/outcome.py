"""What a run measured as JSON values: the document that ``run --json`` prints."""

from __future__ import annotations

import dataclasses
import math
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from neurarium import catalog

if TYPE_CHECKING:
    from neurarium.evaluation import Cell, Record, Run, Table, Verdict


def document(slug: str, runs: Sequence[Run]) -> dict[str, Any]:
    """All parts that were run: tables, claims, failures, and the recorded verdict beside them."""
    return _finite(
        {
            "slug": slug,
            "preset": runs[0].preset,
            "recorded_verdict": catalog.verdict(catalog.find(slug)),
            "parts": [_part(run, recorded_claims(slug)) for run in runs],
        }
    )


def recorded_claims(slug: str) -> dict[str, Mapping[str, Any]]:
    """Statement → the claim as it was recorded."""
    summary = catalog.summary(catalog.find(slug)) or {"parts": {}}
    claims = (claim for part in summary["parts"].values() for claim in part["claims"])
    return {claim["statement"]: claim for claim in claims}


def _part(run: Run, recorded: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    return {
        "part": run.experiment.part,
        "key": run.key,
        "folder": str(run.folder),
        "num_cells": len(run.records),
        "num_failed": run.num_failed,
        "failures": failures(run),
        "tables": [dataclasses.asdict(table) for table in tables(run)],
        "claims": [_claim(v, recorded.get(v.statement, {})) for v in verdicts(run)],
    }


def tables(run: Run) -> Sequence[Table]:
    """The experiment's tables; the default one where flags left out cells that they need."""
    from neurarium.evaluation import default_tables

    try:
        return run.tables
    except Exception:
        if not _changed(run):
            raise
        return default_tables(run.records, run.experiment)


def verdicts(run: Run) -> Sequence[Verdict]:
    """The claims as measured; none, said on stderr, where flags left out cells that they need."""
    try:
        return run.verdicts
    except Exception as error:
        if not _changed(run):
            raise
        said = f"claims not measured: the flags left out cells they need ({error!r})"
        print(said, file=sys.stderr)
        return []


def _changed(run: Run) -> bool:
    """Whether flags changed the grid that claims and tables were written for."""
    return bool(run.config != run.experiment.presets[run.preset])


def failures(run: Run) -> list[str]:
    """One line a failed cell: the cell and the last line of its error."""
    return [f"{_words(record.cell)}: {_last_line(record)}" for record in run.records.failed]


def causes(run: Run) -> list[str]:
    """One line a cause of failure: its first cell, how many more, and the error."""
    cells: dict[str, list[str]] = {}
    for record in run.records.failed:
        cells.setdefault(_last_line(record), []).append(_words(record.cell))
    return [
        f"{first}{f' and {len(more)} more' if more else ''}: {error}"
        for error, (first, *more) in cells.items()
    ]


def _words(cell: Cell) -> str:
    return ", ".join(f"{name} {value}" for name, value in cell.items())


def _last_line(record: Record) -> str:
    return (record.error or "").strip().splitlines()[-1]


def _claim(verdict: Verdict, recorded: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "statement": verdict.statement,
        "source": verdict.source,
        "headline": verdict.headline,
        "paper_value": verdict.paper_value,
        "mean": verdict.interval.mean,
        "low": verdict.interval.low,
        "high": verdict.interval.high,
        "units": verdict.interval.n,
        "outcome": verdict.outcome,
        "reason": verdict.reason,
        "recorded_verdict": recorded.get("verdict"),
    }


def _finite(value: Any) -> Any:
    """JSON has no NaN and no infinity: null stands for both."""
    if isinstance(value, dict):
        return {name: _finite(entry) for name, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
