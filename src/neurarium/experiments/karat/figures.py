"""Figures of the comparison, drawn from records alone."""

from __future__ import annotations

from typing import Any

import numpy as np

from neurarium.evaluation import Records

COLORS = {
    "softmax": "#777777",
    "softmax_wide": "#bbbbbb",
    "sigmoid": "#edae49",
    "linear_map": "#30638e",
    "g3b": "#d1495b",
    "g3u": "#e58a96",
    "g1b": "#8d1c2c",
    "g3b_paper": "#c77dff",
    "rational": "#00798c",
    "mexican_hat": "#66a182",
}


def accuracy(records: Records) -> Any:
    """Test accuracy of every seed against what a step costs."""
    from matplotlib import pyplot
    from matplotlib.ticker import LogLocator, NullFormatter

    figure, panel = pyplot.subplots(figsize=(6, 3.8))
    for method in records.axis("method"):
        chosen = list(records.ok.where(method=method))
        cost = [1e3 * record.metrics["seconds_per_step"] for record in chosen]
        found = [100 * record.metrics["accuracy"] for record in chosen]
        color = COLORS.get(str(method))
        panel.plot(cost, found, "o", color=color, alpha=0.35, markersize=4)
        panel.plot(np.mean(cost), np.mean(found), "o", color=color, markersize=9, label=method)
    panel.set_xscale("log")
    panel.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    panel.xaxis.set_major_formatter("{x:g}")
    panel.xaxis.set_minor_formatter(NullFormatter())
    panel.set_xlabel("milliseconds of a step")
    panel.set_ylabel("test accuracy (%)")
    panel.legend(fontsize=7, loc="center left", bbox_to_anchor=(1, 0.5))
    figure.tight_layout()
    return figure


def curves(records: Records) -> Any:
    """Validation accuracy, mean over seeds, at equal epochs and at equal seconds."""
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(1, 2, figsize=(9, 3.6), sharey=True)
    for method in records.axis("method"):
        chosen = list(records.ok.where(method=method))
        height = 100 * np.mean([record.curves["validation"] for record in chosen], 0)
        seconds = np.mean([record.curves["seconds_at_validation"] for record in chosen], 0)
        color = COLORS.get(str(method))
        panels[0].plot(range(1, len(height) + 1), height, color=color, label=method)
        panels[1].plot(seconds, height, color=color)
    panels[0].xaxis.get_major_locator().set_params(integer=True)
    panels[0].set_xlabel("epoch")
    panels[1].set_xlabel("seconds of training")
    panels[0].set_ylabel("validation accuracy (%)")
    panels[0].legend(fontsize=7)
    figure.tight_layout()
    return figure


def ranks(records: Records) -> Any:
    """Rank of the trained maps, one bar a method: how many singular values are not small."""
    from matplotlib import pyplot

    methods = [
        m
        for m in records.axis("method")
        if "rank" in next(iter(records.ok.where(method=m))).metrics
    ]
    figure, panel = pyplot.subplots(figsize=(6, 3.2))
    for place, method in enumerate(methods):
        found = [record.metrics["rank"] for record in records.ok.where(method=method)]
        panel.bar(place, np.mean(found), color=COLORS.get(str(method)))
    panel.set_xticks(
        range(len(methods)), [str(m) for m in methods], rotation=40, ha="right", fontsize=8
    )
    panel.set_ylabel("rank of an activated map")
    figure.tight_layout()
    return figure
