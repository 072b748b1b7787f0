"""The newest runs under ``runs/``, made by today's code on this machine."""

from __future__ import annotations

import contextlib
import importlib
import tempfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neurarium import catalog
from neurarium.evaluation.fingerprint import fingerprint
from neurarium.evaluation.store import RECORDS, read_header

from .numbers import duration
from .recorded import Measured, Part, Recording, Table

if TYPE_CHECKING:
    from neurarium.evaluation import Experiment, Records, Verdict


def local_runs(folder: str | Path = "runs") -> dict[str, Recording]:
    """Slug → its newest local runs, one a part.

    Runs of other code than today's and runs without a finished cell are passed over.

    Args:
        folder: of all runs.
    """
    newest: dict[tuple[str, str], tuple[Path, dict[str, Any]]] = {}
    for path in sorted(Path(folder).glob(f"*/*/{RECORDS}"), key=lambda path: path.stat().st_mtime):
        header = _header(path.parent)
        if header and fingerprint(header["modules"]) == header["fingerprint"]:
            newest[header["slug"], header["part"]] = (path.parent, header)
    found = {
        system.slug: _parts(system, newest)
        for system in catalog.SYSTEMS
        if any(slug == system.slug for slug, _ in newest) and catalog.state(system) != "planned"
    }
    return {slug: Recording(slug, None, parts) for slug, parts in found.items() if parts}


def _parts(
    system: catalog.System, newest: dict[tuple[str, str], tuple[Path, dict[str, Any]]]
) -> tuple[Part, ...]:
    declared = importlib.import_module(system.experiment).EXPERIMENTS
    runs = ((e, newest[system.slug, e.part]) for e in declared if (system.slug, e.part) in newest)
    parts = (_part(experiment, *run) for experiment, run in runs)
    return tuple(part for part in parts if part)


def _header(folder: Path) -> dict[str, Any] | None:
    try:
        return read_header(folder)
    except ValueError:  # killed before its first line
        return None


def _part(experiment: Experiment, folder: Path, header: dict[str, Any]) -> Part | None:
    from neurarium.evaluation import Records

    records = Records.load(folder)
    if not records.ok:
        return None
    return Part(
        name=experiment.part,
        preset=header["preset"],
        claims=tuple(_claims(experiment, records, header)),
        tables=tuple(_tables(experiment, records)),
        figures=_figures(experiment, records),
        config=header["config"],
        facts=_facts(records, folder),
        higher_is_better=experiment.higher_is_better,
    )


def _claims(experiment: Experiment, records: Records, header: dict[str, Any]) -> Iterator[Measured]:
    from neurarium.evaluation import Records
    from neurarium.evaluation.judged import verdicts_on

    added = set(header["added"])  # a user's own methods and data take no part in a claim
    declared = Records(
        record
        for record in records
        if not added
        & {f"method {record.cell.get('method')}", f"dataset {record.cell.get('dataset')}"}
    )
    found: list[Verdict] = []
    with contextlib.suppress(Exception):  # an interrupted run may lack the cells that it needs
        found = verdicts_on(experiment, declared, header["preset"])
    yield from map(_measured, found)


def _measured(verdict: Verdict) -> Measured:
    found = verdict.interval
    ends = None if found.low is None or found.high is None else (found.low, found.high)
    return Measured(
        statement=verdict.statement,
        source=verdict.source,
        verdict=verdict.outcome,
        effect=found.mean,
        interval=ends,
        side=verdict.side,
        units=found.n,
        effects=verdict.effects,
        reason=verdict.reason,
        paper_value=verdict.paper_value,
        headline=verdict.headline,
    )


def _tables(experiment: Experiment, records: Records) -> Iterator[Table]:
    from neurarium.evaluation import default_tables

    declared = None
    if experiment.tables is not None:
        with contextlib.suppress(Exception):  # likewise
            declared = experiment.tables(records.ok)
    for table in declared or default_tables(records, experiment):
        yield Table(table.title, table.columns, table.rows, table.footer, table.note)


def _figures(experiment: Experiment, records: Records) -> dict[str, str]:
    from neurarium.evaluation import draw_figures

    with tempfile.TemporaryDirectory() as folder:
        drawn: dict[str, Path] = {}
        with contextlib.suppress(Exception):  # likewise
            drawn = draw_figures(experiment.figures, records.ok, Path(folder), "")
        return {name: path.read_text(encoding="utf-8") for name, path in drawn.items()}


def _facts(records: Records, folder: Path) -> dict[str, str]:
    finished = datetime.fromtimestamp((folder / RECORDS).stat().st_mtime)
    failed = f", {len(records.failed)} failed" if records.failed else ""
    return {
        "Finished": f"{finished:%Y-%m-%d %H:%M}",
        "Cells": f"{len(records)}{failed}",
        "Compute": duration(sum(record.wall_seconds for record in records)),
        "Records": str(folder),
    }
