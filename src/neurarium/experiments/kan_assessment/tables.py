"""What is printed: every dataset under every budget, wins by domain, and what was chosen."""

from __future__ import annotations

import statistics
from typing import Any

from neurarium.evaluation import Table
from neurarium.evaluation.records import Records

from .claims import CLOSE, MARGIN, part_of
from .config import DOMAINS


def comparison_tables(records: Records) -> tuple[Table, ...]:
    """Errors on formulas, scores elsewhere, each with parameters; then wins of the KAN."""
    tables: list[Table] = []
    for budget in records.axis("budget"):
        for metric, domains in (("error", ("symbolic",)), ("score", tuple(DOMAINS)[1:])):
            chosen = Records(r for d in domains for r in part_of(records, d, str(budget)))
            if chosen:
                tables.append(_by_dataset(chosen, str(budget), metric))
    wins = win_rates(records)
    return (*tables, wins) if wins.rows else tuple(tables)


def _by_dataset(records: Records, budget: str, metric: str) -> Table:
    methods = tuple(str(m) for m in records.axis("method"))
    means = records.values(metric, "dataset", "method")
    rows: list[tuple[Any, ...]] = [
        (str(name), *(_rounded(means.get((name, m))) for m in methods))
        for name in records.axis("dataset")
    ]
    footer: list[tuple[Any, ...]] = []
    if metric == "error":
        logs = {m: [means[d, m] for d in records.axis("dataset")] for m in methods}
        footer.append(("median", *(statistics.median(logs[m]) for m in methods)))
    for name in ("parameters", "macs", "steps", "seconds"):
        found = records.values(name, "method")
        footer.append((name, *(_rounded(found.get(m)) for m in methods)))
    said = "NRMSE, lower is better" if metric == "error" else "accuracy in %, or 100 R²"
    return Table(f"{said}; equal {budget}", ("dataset", *methods), tuple(rows), tuple(footer))


def _rounded(value: float | None) -> float | None:
    """To four digits: what is shown, and what a summary of many tables can hold."""
    return None if value is None else float(f"{value:.4g}")


def win_rates(records: Records) -> Table:
    """Datasets that the KAN wins, ties and loses against the MLP, a row a domain and budget."""
    rows: list[tuple[Any, ...]] = []
    for budget in records.axis("budget"):
        for domain, said in DOMAINS.items():
            chosen = part_of(records, domain, str(budget))
            if not chosen or not {"mlp", "kan"} <= set(chosen.axis("method")):
                continue
            outcomes = [_outcome(chosen, domain, d) for d in chosen.axis("dataset")]
            counts = [outcomes.count(kind) for kind in (1, 0, -1)]
            rows.append((f"{said}, equal {budget}", *counts))
    return Table(
        "KAN against MLP, by dataset",
        ("domain and budget", "KAN wins", "ties", "MLP wins"),
        tuple(rows),
        note=f"Ties: errors within a factor of {CLOSE:g} on formulas, {MARGIN:g} point elsewhere.",
    )


def _outcome(records: Records, domain: str, dataset: Any) -> int:
    chosen = records.where(dataset=dataset)
    if domain == "symbolic":
        errors = chosen.values("error", "method")
        ratio = errors["mlp"] / max(errors["kan"], 1e-300)
        return (ratio > CLOSE) - (ratio < 1 / CLOSE)
    scores = chosen.values("score", "method")
    return (scores["kan"] - scores["mlp"] > MARGIN) - (scores["mlp"] - scores["kan"] > MARGIN)
