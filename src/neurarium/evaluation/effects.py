"""The paired effect of one method over another, one number a unit."""

from __future__ import annotations

import math
from dataclasses import replace

from .ranks import unit_axis
from .record import Record
from .records import Key, Records


def paired(
    records: Records,
    metric: str,
    ours: str,
    rival: str,
    *,
    log: bool = False,
    unit: str | None = None,
) -> list[float]:
    """Ours minus rival on each unit: datasets, else splits, else seeds, whatever is run twice.

    Lower levels are averaged first. A rival without the unit's axis, a theory without seeds, is
    compared with every unit. Where lower is better, swap the two.

    Args:
        records: finished cells.
        metric: the metric, or ``"seconds"``.
        ours: the method in question.
        rival: the method that it is compared with.
        log: compare logarithms: for times, losses and ratios.
        unit: the axis of the units, where the rule is not meant.

    Raises:
        ValueError: a method has no records, or units that the other lacks.

    Example:
        >>> from neurarium.evaluation import Cell, Record
        >>> cells = [Cell(method=m, seed=s) for m in ("svc", "knn") for s in range(2)]
        >>> records = Records([Record(c, {"acc": 0.5 + (c.method == "svc") / 4}) for c in cells])
        >>> paired(records, "acc", "svc", "knn")
        [0.25, 0.25]
    """
    axis = unit or unit_axis(records.where(method=ours))
    mine, theirs = (_by_unit(records, metric, name, axis, log) for name in (ours, rival))
    if set(theirs) == {None}:
        theirs = dict.fromkeys(mine, theirs[None])
    if set(mine) != set(theirs):
        lacking = ", ".join(map(str, sorted(set(mine) ^ set(theirs), key=str)))
        raise ValueError(
            f"{ours} and {rival} must be run on the same {axis}s: got only one on {lacking}"
        )
    return [mine[where] - theirs[where] for where in mine]


def _by_unit(records: Records, metric: str, method: str, axis: str, log: bool) -> dict[Key, float]:
    chosen = records.ok.where(method=method)
    if not chosen:
        raise ValueError(f"records must have cells of method {method!r}: got none")
    if log:
        chosen = Records(_logarithm(record, metric) for record in chosen)
    if all(axis not in record.cell for record in chosen):
        return {None: chosen.values(metric)[()]}
    return chosen.values(metric, axis)


def _logarithm(record: Record, metric: str) -> Record:
    value = record.value(metric)
    if value is None:
        raise ValueError(f"metric {metric!r} must be recorded by every cell: got {record.cell}")
    return replace(record, metrics={**record.metrics, metric: math.log(value)})
