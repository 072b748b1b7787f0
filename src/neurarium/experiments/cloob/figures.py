"""Figures of the comparison, drawn from records alone."""

from __future__ import annotations

from typing import Any

import numpy as np

from neurarium.data.synthetic.scene_captions import ATTRIBUTES
from neurarium.evaluation import Records

COLORS = {
    "cloob": "#d1495b",
    "clip": "#30638e",
    "clip_fixed": "#00798c",
    "info_loob": "#edae49",
    "hopfield_nce": "#8f6fb0",
}
CHANCE = {"digit": 1 / 10, "colour": 1 / 6, "position": 1 / 4, "thickness": 1 / 3, "slant": 1 / 3}


def zero_shot(records: Records) -> Any:
    """Zero-shot accuracy of every attribute and on digits of another style; dashes are chance."""
    names = [f"zero_shot_{attribute}" for attribute in ATTRIBUTES] + ["transfer"]
    labels = [*ATTRIBUTES, "digit of an\nunseen style"]
    figure, axes = _bars(records, names, labels)
    for place, attribute in enumerate([*ATTRIBUTES, "digit"]):
        axes.plot([place - 0.4, place + 0.4], [CHANCE[attribute]] * 2, "--", color="0.4", lw=1)
    axes.set_ylabel("zero-shot accuracy")
    return figure


def probes(records: Records) -> Any:
    """Accuracy of linear probes."""
    figure, axes = _bars(records, [f"probe_{a}" for a in ATTRIBUTES], list(ATTRIBUTES))
    axes.set_ylabel("accuracy of a linear probe")
    return figure


def retrieval(records: Records) -> Any:
    """Recall of partners."""
    figure, axes = _bars(records, ["recall_1", "recall_5"], ["recall at 1", "recall at 5"])
    axes.set_ylabel("share of pairs")
    return figure


def geometry(records: Records) -> Any:
    """Effective eigenvalues and uniformity by epoch, of scenes and of captions."""
    from matplotlib import pyplot

    names = {
        "eigenvalues": "effective eigenvalues, scenes",
        "text_eigenvalues": "effective eigenvalues, captions",
        "ajne": "Ajne statistic, scenes",
        "text_ajne": "Ajne statistic, captions",
    }
    figure, panels = pyplot.subplots(2, 2, figsize=(7.6, 5.2), sharex=True)
    for panel, (name, label) in zip(panels.flat, names.items(), strict=True):
        for method, curve in records.curves(name, "method").items():
            epochs = range(1, len(curve) + 1)
            panel.plot(epochs, curve, ".-", color=COLORS.get(method, "0.5"), label=method)
        panel.set_ylabel(label, fontsize=8)
        if "ajne" in name:
            panel.set_yscale("log")
    for panel in panels[1]:
        panel.set_xlabel("epoch")
    lines = panels[0][0].get_legend_handles_labels()
    figure.legend(*lines, ncols=len(lines[0]), fontsize=7, loc="upper center")
    figure.tight_layout(rect=(0, 0, 1, 0.95))
    return figure


def spectrum(records: Records) -> Any:
    """Share of the variance that each direction of the embeddings of scenes holds."""
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(5.4, 3.4))
    first = min(records.axis("seed"))
    for method, values in records.where(seed=first).arrays("image_spectrum", "method").items():
        color = COLORS.get(method, "0.5")
        axes.semilogy(range(1, len(values) + 1), values / values.sum(), color=color, label=method)
    axes.set_ylim(1e-6, 1)
    axes.set_xlabel("direction")
    axes.set_ylabel("share of the variance")
    axes.legend(fontsize=7)
    return figure


def validation(records: Records) -> Any:
    """Recall of partners among validation pairs by epoch, one line a seed."""
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(5.4, 3.4))
    labelled = set()
    for record in records.ok:
        method, curve = str(record.cell.method), record.curves["validation_recall"]
        label = None if method in labelled else method
        labelled.add(method)
        color = COLORS.get(method, "0.5")
        axes.plot(range(1, len(curve) + 1), curve, color=color, alpha=0.7, label=label)
    axes.set_xlabel("epoch")
    axes.set_ylabel("recall at 1 on validation pairs")
    axes.legend(fontsize=7)
    return figure


def _bars(records: Records, metrics: list[str], labels: list[str]) -> tuple[Any, Any]:
    """A bar for every method and metric, seeds as dots."""
    from matplotlib import pyplot

    methods = records.ok.axis("method")
    figure, axes = pyplot.subplots(figsize=(1.25 * len(metrics) + 2, 3.3))
    width = 0.8 / len(methods)
    for index, method in enumerate(methods):
        chosen = records.where(method=method)
        values = [list(chosen.values(metric, "seed").values()) for metric in metrics]
        places = np.arange(len(metrics)) + (index - (len(methods) - 1) / 2) * width
        color = COLORS.get(str(method), "0.5")
        means = [float(np.mean(found)) for found in values]
        axes.bar(places, means, 0.9 * width, color=color, alpha=0.6, label=method)
        for place, found in zip(places, values, strict=True):
            axes.plot([place] * len(found), found, ".", color="0.35", markersize=3)
    axes.set_xticks(range(len(labels)), labels, fontsize=8)
    axes.legend(ncols=len(methods), fontsize=7, loc="lower center", bbox_to_anchor=(0.5, 1))
    return figure, axes
