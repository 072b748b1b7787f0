"""The recorded summary of a system: small enough to ship, made of records, read without torch."""

from __future__ import annotations

import json
import math
import os
import platform
import re
import shutil
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .drawing import draw_figures
from .fingerprint import fingerprint
from .judged import JUDGING_PRESETS
from .store import RECORDS, read_header, read_records, replacing

if TYPE_CHECKING:
    from .runner import Run
    from .verdict import Verdict

MAX_BYTES = 40_000
_MAX_RAW_ARRAY_BYTES = 1_000_000
_PACKAGE = Path(__file__).parent.parent
_SHIPPED = Path("src/neurarium/results")


def load_summary(slug: str, folder: str | Path | None = None) -> dict[str, Any] | None:
    """What was recorded for a system, with its explanation; None where nothing was.

    Args:
        slug: the system.
        folder: where summaries lie; by default those that ship.
    """
    path = Path(folder or _PACKAGE / "results") / f"{slug}.json"
    if not path.is_file():
        return None
    summary: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    explanation = path.with_suffix(".md")
    if explanation.is_file():
        summary["explanation"] = explanation.read_text(encoding="utf-8")
    return summary


def is_stale(summary: Mapping[str, Any]) -> bool:
    """Whether code that the recorded numbers depend on has changed since.

    Args:
        summary: of a system, or of one of its parts.
    """
    parts = summary["parts"].values() if "parts" in summary else (summary,)
    return any(fingerprint(part["modules"]) != part["fingerprint"] for part in parts)


def summarize(run: Run) -> dict[str, Any]:
    """A run as plain JSON values: claims, tables and where they come from."""
    records = run.records
    return {
        **{name: run.plan.header[name] for name in ("part", "preset", "key", "fingerprint")},
        "modules": run.plan.header["modules"],
        "date": datetime.now(UTC).date().isoformat(),
        "versions": dict(records.ok[-1].versions) if records.ok else {},
        "machine": machine(),
        "device": run.plan.device,
        "config": run.plan.header["config"],
        "seconds": round(total_seconds(run), 1),
        "num_cells": len(records),
        "num_failed": run.num_failed,
        "metric": run.experiment.metric,
        "higher_is_better": run.experiment.higher_is_better,
        "claims": [_claim(verdict) for verdict in run.verdicts],
        "tables": [
            {
                "title": table.title,
                "columns": list(table.columns),
                "rows": [[_short(entry) for entry in row] for row in table.rows],
                "footer": [[_short(entry) for entry in row] for row in table.footer],
                "note": table.note,
            }
            for table in run.tables
        ],
        "figures": {},
    }


def record_summary(run: Run, destination: str | Path | None = None) -> Path:
    """Record a run: summary and figures into the package, the raw run beside it.

    The part's entry in ``src/neurarium/results/<slug>.json`` is replaced, those of other parts
    stay. Raw runs go to ``results/<slug>/<part>-<preset>-<key>``; earlier ones are kept.

    Args:
        run: of a preset that gives verdicts, without the user's methods and datasets.
        destination: the repository; by default the one that this package is imported from.

    Returns:
        The summary's path.

    Raises:
        ValueError: a run that is no record, or a summary of more than 30 kB.
    """
    if run.preset not in JUDGING_PRESETS:
        presets = " or ".join(JUDGING_PRESETS)
        raise ValueError(f"preset must be {presets} to be recorded: got {run.preset!r}")
    if run.plan.added:
        raise ValueError(f"a recorded run must be as declared: got {', '.join(run.plan.added)}")
    if not run.records.ok:
        raise ValueError(f"a recorded run must have results: got {run.num_failed} failed cells")
    root = Path(destination) if destination is not None else _repository()
    slug, part = run.experiment.slug, run.experiment.part
    path = root / _SHIPPED / f"{slug}.json"
    summary = load_summary(slug, path.parent) or {"slug": slug, "parts": {}}
    summary.pop("explanation", None)
    earlier = summary["parts"].get(part, {}).get("figures", {})
    entry = summarize(run)
    prefix = f"{slug}-{part}-"
    entry["figures"] = {n: f"figures/{prefix}{n}.svg" for n in run.experiment.figures}
    summary["parts"][part] = entry
    summary["verdict"] = _headline(summary)
    _check_size(summary)
    draw_figures(run.experiment.figures, run.records.ok, path.parent / "figures", prefix)
    for dropped in set(earlier.values()) - set(entry["figures"].values()):
        (path.parent / dropped).unlink(missing_ok=True)
    _keep_raw(run.folder, root / "results" / slug / f"{part}-{run.preset}-{run.key}")
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as file:
        file.write(_encode(summary))
    return path


def total_seconds(run: Run) -> float:
    """Wall seconds of all cells and of every stage once."""
    stages = {name: seconds for record in run.records for name, seconds in record.stages.items()}
    return math.fsum(record.wall_seconds for record in run.records) + sum(stages.values())


def machine() -> str:
    """Processor and cores, without the machine's name."""
    name = platform.processor() or platform.machine()
    information = Path("/proc/cpuinfo")
    if information.is_file():
        lines = information.read_text(encoding="utf-8").splitlines()
        models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
        name = models[0] if models else name
    return f"{name}, {os.cpu_count()} cores"


def _claim(verdict: Verdict) -> dict[str, Any]:
    found = verdict.interval
    return {
        "statement": verdict.statement,
        "source": verdict.source,
        "headline": verdict.headline,
        "verdict": verdict.outcome,
        "reason": verdict.reason,
        "effect": _short(found.mean),
        "interval": None if found.low is None else [_short(found.low), _short(found.high)],
        "units": found.n,
        "effects": [_short(effect) for effect in verdict.effects],
        "side": [_short(end) for end in verdict.side],  # null is an open end
        "paper_value": verdict.paper_value,
    }


def _short(value: Any) -> Any:
    """Six significant digits; what JSON has no number for is null."""
    if not isinstance(value, float):
        return value
    return float(f"{value:.6g}") if math.isfinite(value) else None


def _headline(summary: Mapping[str, Any]) -> str | None:
    claims = (claim for part in summary["parts"].values() for claim in part["claims"])
    return next((claim["verdict"] for claim in claims if claim["headline"]), None)


def _encode(summary: Mapping[str, Any]) -> bytes:
    """JSON with a line for every row, so that a change of one number is a change of one line."""
    text = json.dumps(summary, ensure_ascii=False, indent=1, allow_nan=False)
    innermost = re.compile(r"\[\n[^][{}]*\]")  # of lists; no string holds a raw newline
    return innermost.sub(lambda found: _one_line(found[0]), text).encode() + b"\n"


def _one_line(row: str) -> str:
    return f"[{' '.join(line.strip() for line in row.splitlines()[1:-1])}]"


def _check_size(summary: Mapping[str, Any]) -> None:
    size = len(_encode(summary))
    if size > MAX_BYTES:
        raise ValueError(
            f"summary must be at most {MAX_BYTES} bytes: got {size}; shorten its tables"
        )


def _keep_raw(folder: Path, kept: Path) -> None:
    """Keep the last attempt of every cell, and the arrays where they are small.

    An earlier copy of the key goes. Of a failure the last line is kept: what stands above it names
    folders of the machine.
    """
    arrays = list((folder / "arrays").glob("*.npz"))
    small = sum(path.stat().st_size for path in arrays) <= _MAX_RAW_ARRAY_BYTES
    shutil.rmtree(kept, ignore_errors=True)
    kept.mkdir(parents=True)
    lines = [json.dumps({"run": read_header(folder)})]
    for record in read_records(folder).values():
        error = record.error and record.error.strip().splitlines()[-1]
        lines.append(replace(record, error=error).to_json())
    (kept / RECORDS).write_text("\n".join(lines) + "\n", encoding="utf-8")
    if arrays and small:
        shutil.copytree(folder / "arrays", kept / "arrays")


def _repository() -> Path:
    root = _PACKAGE.parent.parent
    if not (root / "pyproject.toml").is_file():
        raise ValueError(
            f"destination must be a checkout of the repository: got none around {_PACKAGE}"
        )
    return root
