"""Figures of the Hopular experiments, drawn from records alone."""

from __future__ import annotations

import statistics
from typing import Any

import numpy as np

from neurarium.evaluation.ranks import rank_table
from neurarium.evaluation.records import Records

OURS, OTHERS = "#d1495b", "#5b8e9b"


def ranks(records: Records) -> Any:
    """Rank of every method on every dataset as dots, the median as a bar; best method on top."""
    from matplotlib import pyplot

    by_dataset = rank_table(records, "score", unit="dataset")
    names = list(dict.fromkeys(name for row in by_dataset.values() for name in row))
    median = {n: statistics.median(r[n] for r in by_dataset.values() if n in r) for n in names}
    names.sort(key=lambda name: median[name], reverse=True)
    figure, axes = pyplot.subplots(figsize=(6.4, 0.32 * len(names) + 1))
    for height, name in enumerate(names):
        found = sorted(row[name] for row in by_dataset.values() if name in row)
        color = OURS if name == "hopular" else OTHERS
        lift = [height + 0.09 * (found[:i].count(rank) - 1) for i, rank in enumerate(found)]
        axes.plot(found, lift, ".", color=color, alpha=0.6, markersize=5)
        axes.plot([median[name]] * 2, [height - 0.35, height + 0.35], color=color, linewidth=3)
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel("rank on a dataset (dot), median (bar); 1 is best")
    return figure


def accuracy(records: Records) -> Any:
    """Accuracy minus the dataset's mean, methods against datasets."""
    from matplotlib import pyplot

    found = records.values("accuracy", "dataset", "method")
    rows = list(dict.fromkeys(dataset for dataset, _ in found))
    columns = list(dict.fromkeys(method for _, method in found))
    values = np.array([[found.get((r, c), np.nan) for c in columns] for r in rows])
    difference = values - np.nanmean(values, axis=1, keepdims=True)
    figure, axes = pyplot.subplots(figsize=(0.55 * len(columns) + 2.6, 0.3 * len(rows) + 1.6))
    limit = float(np.nanmax(np.abs(difference))) or 1.0
    image = axes.imshow(difference, cmap="RdBu", vmin=-limit, vmax=limit, aspect="auto")
    for (i, j), value in np.ndenumerate(values):
        shade = "white" if abs(difference[i, j]) > 0.6 * limit else "black"
        axes.text(j, i, f"{value:.0f}", ha="center", va="center", fontsize=7, color=shade)
    axes.set_xticks(range(len(columns)), columns, rotation=45, ha="right")
    axes.set_yticks(range(len(rows)), rows)
    figure.colorbar(image, label="accuracy − mean of the row, points")
    return figure


def associations(records: Records) -> Any:
    """What test rows look at in the memory, in the first and the last block; sorted by class."""
    from matplotlib import pyplot

    chosen = [
        record
        for record in records.where(method="hopular")
        if record.cell.seed == 0 and "associations" in record.arrays
    ]
    named = [record for record in chosen if record.cell.dataset == "glass_identification"]
    figure, panels = pyplot.subplots(1, 2, figsize=(8, 3), sharey=True)
    if not chosen:
        return figure
    record = (named or chosen)[0]
    arrays = record.arrays
    for panel, weights, title in zip(
        panels, arrays["associations"], ("first block", "last block"), strict=True
    ):
        relative = np.log10(np.maximum(weights * weights.shape[1], 1e-3))
        image = panel.imshow(relative, cmap="viridis", aspect="auto", vmin=-2, vmax=2)
        for edge in np.flatnonzero(np.diff(arrays["train_targets"])) + 0.5:
            panel.axvline(edge, color="white", linewidth=0.5)
        for edge in np.flatnonzero(np.diff(arrays["test_targets"])) + 0.5:
            panel.axhline(edge, color="white", linewidth=0.5)
        panel.set(title=title, xlabel="training rows by class")
    panels[0].set_ylabel(f"test rows by class\n({record.cell.dataset})")
    figure.colorbar(image, ax=panels, label="log₁₀ of weight × rows")
    return figure


def arms(records: Records) -> Any:
    """Accuracy of each arm minus the whole model's: a dot a dataset, the mean as a bar."""
    from matplotlib import pyplot

    found = records.values("accuracy", "method", "dataset")
    names = [str(name) for name in records.axis("method") if name != "whole"]
    figure, axes = pyplot.subplots(figsize=(6.4, 0.4 * len(names) + 1))
    for height, name in enumerate(reversed(names)):
        gains = [found[m, d] - found["whole", d] for m, d in found if m == name]
        axes.barh(height, np.mean(gains), color=OTHERS, alpha=0.5)
        axes.plot(gains, [height] * len(gains), ".", color=OURS)
    axes.axvline(0, linewidth=0.8, color=OTHERS)
    axes.set_yticks(range(len(names)), [name.replace("_", " ") for name in reversed(names)])
    axes.set_xlabel("accuracy − whole model, points")
    return figure
