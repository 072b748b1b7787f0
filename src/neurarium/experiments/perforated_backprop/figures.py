"""Figures of the dendrites, drawn from records alone."""

from __future__ import annotations

from typing import Any

import numpy as np

from neurarium.evaluation import Records

COLORS = {
    "correlation": "#d1495b",
    "plain": "#30638e",
    "wide": "#edae49",
    "gradient": "#00798c",
    "random": "#8f6fb0",
    "unperforated": "#7a9e48",
}


def gains(records: Records) -> Any:
    """Test accuracy minus the plain network's by dataset: mean and standard error over seeds."""
    from matplotlib import pyplot

    names = [str(name) for name in records.axis("dataset")]
    methods = [str(m) for m in records.axis("method") if m != "plain"]
    values = records.ok.values("accuracy", "method", "dataset", "seed")
    seeds = records.axis("seed")
    figure, panel = pyplot.subplots(figsize=(1.1 * len(names) + 2, 3.2))
    for place, method in enumerate(methods):
        gaps = np.array(
            [[values[method, n, s] - values["plain", n, s] for s in seeds] for n in names]
        )
        error = gaps.std(1, ddof=1) / len(seeds) ** 0.5 if len(seeds) > 1 else None
        panel.errorbar(
            np.arange(len(names)) + 0.12 * (place - len(methods) / 2), 100 * gaps.mean(1),
            None if error is None else 100 * error, fmt="o", capsize=2, label=method,
            color=COLORS.get(method, "0.5"),
        )  # fmt: skip
    panel.axhline(0, color="k", linewidth=0.6)
    panel.set_xticks(range(len(names)), [name.rpartition("/")[2] for name in names], fontsize=8)
    panel.set_ylabel("accuracy − plain, points")
    panel.legend(fontsize=8)
    figure.tight_layout()
    return figure


def sizes(records: Records) -> Any:
    """Test accuracy against all parameters, frozen ones too; a panel a dataset."""
    from matplotlib import pyplot, ticker

    names = records.axis("dataset")
    columns = min(3, len(names))
    rows = -(-len(names) // columns)
    figure, grid = pyplot.subplots(
        rows, columns, figsize=(3.2 * columns + 0.6, 2.6 * rows + 0.4), squeeze=False
    )
    panels = grid.flatten()
    for panel in panels[len(names) :]:
        panel.axis("off")
    for panel, name in zip(panels, names, strict=False):
        here = records.ok.where(dataset=name)
        for method in here.axis("method"):
            mine = here.where(method=method)
            found, size = (mine.values(n, "width") for n in ("accuracy", "parameters"))
            widths = sorted(found)
            panel.plot(
                [size[w] for w in widths], [found[w] for w in widths], "o-", label=str(method),
                color=COLORS.get(str(method), "0.5"), linewidth=1,
            )  # fmt: skip
        panel.set_title(str(name).rpartition("/")[2], fontsize=9)
        panel.set_xlabel("parameters, thousands")
        panel.xaxis.set_major_locator(ticker.MaxNLocator(4))
        panel.xaxis.set_major_formatter(lambda size, _: f"{size / 1000:g}")
    for row in grid:
        row[0].set_ylabel("test accuracy")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower center", ncols=len(labels), fontsize=7)
    figure.tight_layout(rect=(0, 0.06, 1, 1))
    return figure
