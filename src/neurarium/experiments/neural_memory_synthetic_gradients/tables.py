"""Tables of the experiments with synthetic gradients."""

from __future__ import annotations

import statistics

from neurarium.evaluation import Record, Records, Table

from .methods import OURS

COMMON = ("error", "s.d.", "cosine", "updates", "seconds an update", "parameters", "lr")


def few_shot_tables(records: Records) -> tuple[Table, ...]:
    """One table a dataset and budget; ours stands in both, because its own time is the measure."""
    return tuple(
        _table(records.ok.where(dataset=dataset), str(dataset), budget)
        for dataset in records.ok.axis("dataset")
        for budget in ("episodes", "time")
        if any(
            r.cell.budget == budget and r.cell.method != OURS
            for r in records.ok.where(dataset=dataset)
        )
    )


def sharing_tables(records: Records) -> tuple[Table, ...]:
    """Both networks' errors."""
    names = ("error", "error_first", "error_second", "cosine", "lr")
    rows = [
        (str(method), *(_mean(list(records.ok.where(method=method)), name) for name in names))
        for method in records.ok.axis("method")
    ]
    columns = ("feedback", "error", "first family", "second family", "cosine", "lr")
    return (Table("Mean square error of two networks", columns, tuple(rows)),)


def _table(records: Records, dataset: str, budget: str) -> Table:
    groups = {}
    for method in map(str, records.axis("method")):
        wanted = "episodes" if method == OURS else budget
        found = [r for r in records.where(method=method) if r.cell.budget == wanted]
        if found:
            groups[method] = found
    special = [n for n in next(iter(groups.values()))[0].metrics if n.startswith(("mse_", "acc"))]
    special += [
        name
        for name in ("validation_error", "common_error")
        if name in next(iter(groups.values()))[0].metrics
    ]
    rows = []
    for method, found in groups.items():
        errors = [record.metrics["error"] for record in found]
        rows.append(
            (
                method.replace("_", " "),
                statistics.fmean(errors),
                statistics.stdev(errors) if len(errors) > 1 else None,
                *(
                    _mean(found, name)
                    for name in ("cosine", "updates", "seconds_per_update", "parameters", "lr")
                ),
                *(_mean(found, name) for name in special),
            )
        )
    columns = ("method", *COMMON, *(name.replace("_", " ") for name in special))
    return Table(f"Test error on {dataset} at equal {budget}", columns, tuple(rows))


def _mean(records: list[Record], name: str) -> float | None:
    found = [record.metrics[name] for record in records if record.metrics.get(name) is not None]
    return statistics.fmean(found) if found else None
