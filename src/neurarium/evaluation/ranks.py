"""Ranks of methods on each dataset, and the rank differences that claims are judged by."""

from __future__ import annotations

import math
from collections.abc import Mapping

from .records import Key, Records

LEVELS = ("dataset", "split", "seed")
"""Units of a claim, the highest first."""


def unit_axis(records: Records) -> str:
    """The highest level with at least two values: datasets, else splits, else seeds.

    Raises:
        ValueError: there is no level of which two values were run; the lowest present is taken
            where there is one.
    """
    present = [n for n in LEVELS if any(n in record.cell for record in records)]
    if not present:
        raise ValueError(f"records must have an axis of {', '.join(LEVELS)}: got none")
    return next((name for name in present if len(records.axis(name)) > 1), present[-1])


def rank_table(
    records: Records, metric: str, *, higher_is_better: bool = True, unit: str | None = None
) -> dict[Key, dict[str, float]]:
    """Unit → method → rank, 1 for the best; equal methods share their average rank.

    Args:
        records: finished cells.
        metric: what is ranked, averaged over all levels below the unit first; NaN ranks last.
        higher_is_better: which end of the metric wins.
        unit: the axis of the units; by default datasets, else splits, else seeds.

    Example:
        >>> from neurarium.evaluation import Cell, Record
        >>> measured = {"svc": 0.9, "forest": 0.8, "knn": 0.8}
        >>> records = Records(
        ...     [Record(Cell(method=m, dataset="iris"), {"acc": a}) for m, a in measured.items()]
        ... )
        >>> rank_table(records, "acc")
        {'iris': {'svc': 1.0, 'forest': 2.5, 'knn': 2.5}}
    """
    by_unit: dict[Key, dict[str, float]] = {}
    for (where, method), value in records.values(
        metric, unit or unit_axis(records), "method"
    ).items():
        by_unit.setdefault(where, {})[method] = value if higher_is_better else -value
    return {where: _ranks(scores) for where, scores in by_unit.items() if where is not None}


def rank_effects(
    records: Records,
    metric: str,
    ours: str,
    rival: str | None = None,
    *,
    higher_is_better: bool = True,
    unit: str | None = None,
) -> list[float]:
    """By how many ranks ours is better, one number a unit.

    Args:
        records: finished cells.
        metric: what is ranked.
        ours: the method in question.
        rival: the method that it is compared with, named beforehand; by default the middle rank.
        higher_is_better: which end of the metric wins.
        unit: the axis of the units.
    """
    ranks = rank_table(records, metric, higher_is_better=higher_is_better, unit=unit)
    return [_rank_of_rival(unit_ranks, rival) - unit_ranks[ours] for unit_ranks in ranks.values()]


def _rank_of_rival(ranks: Mapping[str, float], rival: str | None) -> float:
    return (len(ranks) + 1) / 2 if rival is None else ranks[rival]


def _ranks(scores: Mapping[str, float]) -> dict[str, float]:
    values = {n: -math.inf if math.isnan(v) else v for n, v in scores.items()}
    return {
        name: 1
        + sum(o > v for o in values.values())
        + (sum(o == v for o in values.values()) - 1) / 2
        for name, v in values.items()
    }
