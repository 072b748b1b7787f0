"""What is printed: accuracies, wins and losses, and selected against last weights."""

from __future__ import annotations

import statistics
from dataclasses import replace
from typing import Any

import numpy as np

from neurarium.evaluation.records import Records
from neurarium.evaluation.table import Table, default_tables


def comparison_tables(records: Records) -> tuple[Table, ...]:
    """Score of every method on every dataset, then Hopular against each."""
    from . import COMPARISON

    tables: list[Table] = []
    for metric, higher in (("accuracy", True), ("squared_error", False)):
        shown = replace(COMPARISON, metric=metric, higher_is_better=higher)
        tables += default_tables(Records(r for r in records if metric in r.metrics), shown)
    return (*tables, wins_and_losses(records), last_weights(records))


def wins_and_losses(records: Records) -> Table:
    """Datasets on which Hopular is better or worse than each other method, Wilcoxon's p beside."""
    scores = records.values("score", "method", "dataset")
    rows: list[tuple[Any, ...]] = []
    for rival in records.axis("method"):
        names = [d for m, d in scores if m == "hopular" and (rival, d) in scores]
        if rival == "hopular" or not names:
            continue
        gains = np.array([scores["hopular", d] - scores[rival, d] for d in names])
        won, lost = int((gains > 0).sum()), int((gains < 0).sum())
        rows.append(
            (rival, won, len(names) - won - lost, lost, statistics.median(gains), _p(gains))
        )
    return Table(
        "Hopular against each method, by dataset",
        ("method", "wins", "ties", "losses", "median gain", "Wilcoxon p"),
        tuple(rows),
        note="Two-sided signed-rank test over datasets, seeds averaged; not corrected for "
        "the number of methods.",
    )


def last_weights(records: Records) -> Table:
    """Hopular's test score with the best-validated and with the last weights."""
    selected = records.where(method="hopular").values("score", "dataset")
    last = records.where(method="hopular").values("last_score", "dataset")
    return Table(
        "Hopular: weights that validation selects, and the last ones",
        ("dataset", "selected", "last"),
        tuple((name, selected[name], last[name]) for name in selected if name in last),
        note="Validation sets of about 30 to 200 rows select noisily; the paper's rule is kept.",
    )


def _p(gains: np.ndarray) -> float | None:
    from scipy.stats import wilcoxon

    if np.count_nonzero(gains) < 5:  # no p-value below 0.05 exists
        return None
    return float(wilcoxon(gains).pvalue)
