"""What a run measured as JSON values: the document that ``run --json`` prints."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from neurarium import catalog

if TYPE_CHECKING:
    from neurarium.evaluation import Run, Verdict


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
        "tables": [dataclasses.asdict(table) for table in run.tables],
        "claims": [_claim(v, recorded.get(v.statement, {})) for v in run.verdicts],
    }


def failures(run: Run) -> list[str]:
    """One line a failed cell: the cell and the last line of its error."""
    return [
        f"{record.cell.identity}: {(record.error or '').strip().splitlines()[-1]}"
        for record in run.records.failed
    ]


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
