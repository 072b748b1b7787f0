"""A table as plain data: the terminal, the gallery and the recorded summary all show the same."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .ranks import rank_table

if TYPE_CHECKING:
    from .experiment import Experiment
    from .records import Records

Entry = str | float | int | None


@dataclass(frozen=True)
class Table:
    """Rows of numbers or text under named columns.

    Args:
        title: one line above the table.
        columns: the column heads; the first names the rows.
        rows: one tuple a row, as long as ``columns``; numbers stay numbers, None is a gap.
        footer: rows set apart at the end, e.g. median rank, parameters, seconds.
        note: one line below the table.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Entry, ...], ...]
    footer: tuple[tuple[Entry, ...], ...] = ()
    note: str = ""

    def __post_init__(self) -> None:
        for row in (*self.rows, *self.footer):
            if len(row) != len(self.columns):
                raise ValueError(f"row must have {len(self.columns)} entries: got {len(row)}")


def default_tables(records: Records, experiment: Experiment) -> tuple[Table, ...]:
    """The experiment's metric as one table: methods as columns, datasets as rows.

    Where there is no dataset, the first other axis names the rows. Seeds and other axes are
    averaged. The footer has the mean, the median rank, parameters where they were recorded, and
    the mean seconds of a cell with the stages that it used.
    """
    ok, metric = records.ok, experiment.metric
    if not any(metric in record.metrics for record in ok):
        return ()
    present = ok.axis("method")
    methods = (
        *(name for name in experiment.methods if name in present),
        *(name for name in present if name not in experiment.methods),
    )
    axis = _row_axis(ok)
    means = ok.values(metric, "method", axis) if axis else {}
    rows = [
        (row, *(means.get((method, row)) for method in methods))
        for row in dict.fromkeys(row for _, row in means)
        if row is not None
    ]
    footer: list[tuple[Any, ...]] = [_footer("mean", ok.values(metric, "method"), methods)]
    if axis and len(rows) > 1 and len(methods) > 1:
        ranks = rank_table(ok, metric, higher_is_better=experiment.higher_is_better, unit=axis)
        median = {m: statistics.median(r[m] for r in ranks.values() if m in r) for m in methods}
        footer.append(_footer("median rank", median, methods))
    if any("parameters" in record.metrics for record in ok):
        footer.append(_footer("parameters", ok.values("parameters", "method"), methods))
    seconds = {
        method: statistics.fmean(record.seconds for record in ok.where(method=method))
        for method in methods
    }
    footer.append(_footer("seconds a cell", seconds, methods))
    title = f"{metric}, {'higher' if experiment.higher_is_better else 'lower'} is better"
    columns = (axis or "", *map(str, methods))
    return (Table(title, columns, tuple(rows), tuple(footer)),)


def _row_axis(records: Records) -> str | None:
    axes = dict.fromkeys(name for record in records for name in record.cell)
    others = [name for name in axes if name not in ("method", "seed")]
    return "dataset" if "dataset" in others else next(iter(others), None)


def _footer(name: str, values: dict[Any, float], methods: tuple[Any, ...]) -> tuple[Any, ...]:
    return (name, *(values.get(method) for method in methods))
