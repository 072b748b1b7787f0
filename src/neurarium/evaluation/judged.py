"""From records and declared claims to verdicts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from .claims import Claim, Exact
from .experiment import Experiment
from .records import Records
from .verdict import Interval, Verdict, judge, judge_exact

JUDGING_PRESETS = ("full", "paper")
"""Smaller presets say what was measured, and give no verdict."""

MIN_PROCESSOR_SHARE = 0.9
"""CPU / wall seconds below which the machine was shared, and a time is no measurement."""


def verdicts_on(experiment: Experiment, records: Records, preset: str) -> list[Verdict]:
    """One verdict a claim.

    Args:
        experiment: the declaration.
        records: of the declared cells.
        preset: the preset that was run.
    """
    return [_with_claim(_verdict(claim, records, preset), claim) for claim in experiment.claims]


def _verdict(claim: Claim | Exact, records: Records, preset: str) -> Verdict:
    failed = len(records.failed)
    try:
        found = _measured(claim, records.ok)
    except Exception as error:
        if not failed:
            raise
        found = Verdict(None, Interval(None, None, None, 0), reason=f"{error}")
    if preset not in JUDGING_PRESETS:
        return replace(found, outcome=None, reason=f"preset {preset} gives no verdict")
    if claim.scale == "paper" and preset != "paper":
        return replace(found, outcome="needs scale", reason="only the published scale can test it")
    if failed:
        reason = f"{failed} of {len(records)} cells failed"
        return replace(found, outcome="incomplete", reason=reason)
    if isinstance(claim, Claim) and claim.timed:
        share = processor_share(records)
        if share < MIN_PROCESSOR_SHARE:
            reason = f"cells had {share:.0%} of a processor: a time needs {MIN_PROCESSOR_SHARE:.0%}"
            return replace(found, outcome="inconclusive", reason=reason)
    return found


def _measured(claim: Claim | Exact, records: Records) -> Verdict:
    if isinstance(claim, Exact):
        measured = float(claim.measure(records))
        return judge_exact(measured, value=claim.value, tolerance=claim.tolerance)
    effects = [float(effect) for effect in claim.measure(records)]
    return judge(
        effects,
        side=claim.side,
        smallest=claim.smallest,
        holds=claim.holds is None or bool(claim.holds(records)),
        overlap=claim.overlap,
    )


def _with_claim(verdict: Verdict, claim: Claim | Exact) -> Verdict:
    return replace(
        verdict,
        statement=claim.statement,
        source=claim.source,
        headline=claim.headline,
        paper_value=claim.paper_value,
    )


def processor_share(records: Records) -> float:
    """CPU over wall seconds of the method that had least of the processor.

    A comparison of times is as good as its most disturbed side.
    """
    clocks: dict[Any, list[float]] = {}
    for record in records:
        sums = clocks.setdefault(record.cell.get("method"), [0.0, 0.0])
        sums[0] += record.cpu_seconds
        sums[1] += record.wall_seconds
    return min((cpu / wall for cpu, wall in clocks.values() if wall > 0), default=0.0)
