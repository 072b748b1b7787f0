"""Figures of the Hopfield experiments, drawn from records alone."""

from __future__ import annotations

from typing import Any

import numpy as np

from neurarium.evaluation import Records

OURS, OTHERS = "#d1495b", "#5b8e9b"


def auc(records: Records) -> Any:
    """AUC of every method on every data set: the mean as a bar, repetitions as dots."""
    from matplotlib import pyplot

    by_seed = records.values("auc", "dataset", "method", "seed")
    datasets, methods = (list(dict.fromkeys(key[i] for key in by_seed)) for i in (0, 1))
    figure, axes = pyplot.subplots(figsize=(1.8 * len(datasets) + 2, 3.2))
    width = 0.8 / len(methods)
    for index, method in enumerate(methods):
        color = OURS if method == "hopfield" else OTHERS
        for place, dataset in enumerate(datasets):
            found = [v for (d, m, _), v in by_seed.items() if (d, m) == (dataset, method)]
            at = place + (index - (len(methods) - 1) / 2) * width
            axes.bar(at, np.mean(found), 0.9 * width, color=color, alpha=0.45 + 0.08 * index)
            axes.plot([at] * len(found), found, ".", color="0.35", markersize=4)
            axes.text(at, 0.505, method, rotation=90, ha="center", va="bottom", fontsize=6)
    axes.set_xticks(range(len(datasets)), datasets)
    axes.set_ylim(0.5, 1.0)
    axes.set_ylabel("area under the ROC curve")
    return figure


def loss(records: Records) -> Any:
    """Training loss by epoch, one panel a data set."""
    from matplotlib import pyplot

    curves = records.curves("loss", "dataset", "method")
    datasets = list(dict.fromkeys(dataset for dataset, _ in curves))
    figure, panels = pyplot.subplots(
        1, len(datasets), figsize=(3 * len(datasets) + 1, 2.6), sharey=True, squeeze=False
    )
    for panel, dataset in zip(panels[0], datasets, strict=True):
        for (where, method), curve in curves.items():
            if where == dataset and len(curve):
                style = {"color": OURS, "linewidth": 2} if method == "hopfield" else {}
                panel.plot(np.arange(1, len(curve) + 1), curve, label=method, **style)
        panel.set_title(dataset, fontsize=9)
        panel.set_xlabel("epoch")
    panels[0][0].set_ylabel("training loss")
    panels[0][-1].legend(fontsize=7)
    return figure
