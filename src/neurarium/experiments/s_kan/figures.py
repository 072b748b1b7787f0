"""Figures of the S-KAN experiments, drawn from records alone."""

from __future__ import annotations

from typing import Any

import numpy as np

from neurarium.evaluation import Records

FAMILIES = ("bspline", "rbf", "chebyshev", "mexican_hat", "relu")
COLOURS = ("#30638e", "#00798c", "#edae49", "#8f6fb0", "#7a9e48")
OURS, OTHER = "#d1495b", "#999999"


def colour(method: str) -> str:
    """Ours, families and everything else apart."""
    known = dict(zip(FAMILIES, COLOURS, strict=True)) | {"s_kan": OURS}
    return known.get(method, OTHER)


def errors(records: Records) -> Any:
    """Test error of every method on every function; circles are seeds."""
    from matplotlib import pyplot, ticker

    names = records.axis("dataset")
    columns = min(4, len(names))
    rows = -(-len(names) // columns)
    figure, panels = pyplot.subplots(
        rows, columns, figsize=(3.1 * columns, 2.4 * rows), squeeze=False, sharey=True
    )
    for panel in panels.flat[len(names) :]:
        panel.axis("off")
    methods = [str(name) for name in records.axis("method")]
    for panel, name in zip(panels.flat, names, strict=False):
        found = records.ok.where(dataset=name).values("rmse", "method", "seed")
        for place, method in enumerate(methods):
            values = [v for (m, _), v in found.items() if m == method]
            panel.plot(
                values, [place] * len(values), "o", color=colour(method), markersize=4, alpha=0.7
            )
        panel.set_xscale("log")
        panel.xaxis.set_minor_formatter(ticker.NullFormatter())
        panel.set_yticks(range(len(methods)), methods, fontsize=7)
        panel.set_title(str(name), fontsize=9)
        panel.grid(axis="x", alpha=0.3)
    panels[0][0].invert_yaxis()
    for panel in panels[-1]:
        panel.set_xlabel("test error", fontsize=8)
    figure.tight_layout()
    return figure


def choices(records: Records) -> Any:
    """What S-KAN's nodes chose on every task: the histogram of the selection."""
    from matplotlib import pyplot

    chosen = records.ok.where(method="s_kan")
    names = chosen.axis("dataset")
    shares = {f: chosen.values(f"chose_{f}", "dataset") for f in FAMILIES}
    counts = np.array([[shares[f].get(name, 0.0) for f in FAMILIES] for name in names])
    counts = counts / counts.sum(1, keepdims=True).clip(1e-12)
    figure, panel = pyplot.subplots(figsize=(6, 0.9 + 0.3 * len(names)))
    left = np.zeros(len(names))
    for place, family in enumerate(FAMILIES):
        panel.barh(
            range(len(names)), counts[:, place], left=left, color=COLOURS[place], label=family
        )
        left += counts[:, place]
    panel.set_yticks(range(len(names)), [str(name) for name in names], fontsize=8)
    panel.invert_yaxis()
    panel.set_xlim(0, 1)
    panel.set_xlabel("share of nodes, mean over seeds")
    panel.legend(fontsize=7, ncol=5, loc="lower center", bbox_to_anchor=(0.5, 1.0))
    figure.tight_layout()
    return figure


def accuracy(records: Records) -> Any:
    """Test accuracy of every method on every image set, with seeds as circles."""
    from matplotlib import pyplot

    names = records.axis("dataset")
    methods = [str(name) for name in records.axis("method")]
    figure, panels = pyplot.subplots(
        1, len(names), figsize=(4 * len(names), 3), squeeze=False, sharey=True
    )
    for panel, name in zip(panels[0], names, strict=True):
        found = records.ok.where(dataset=name).values("accuracy", "method", "seed")
        for place, method in enumerate(methods):
            values = [v for (m, _), v in found.items() if m == method]
            panel.plot(
                values, [place] * len(values), "o", color=colour(method), markersize=5, alpha=0.7
            )
        panel.set_yticks(range(len(methods)), methods, fontsize=8)
        panel.set_title(str(name), fontsize=9)
        panel.set_xlabel("test accuracy")
        panel.locator_params(axis="x", nbins=4)
        panel.grid(axis="x", alpha=0.3)
    panels[0][0].invert_yaxis()
    figure.tight_layout()
    return figure
