"""Figures of the Hopfield experiments, drawn from records alone."""

from __future__ import annotations

from typing import Any

import numpy as np

from neurarium.evaluation import Records

OURS = "#d1495b"
CYCLE = ("#30638e", "#edae49", "#00798c", "#8f6fb0", "#7a9e48", "#8c6d5a")


def auc(records: Records) -> Any:
    """AUC of every method on every data set: the mean as a bar, repetitions as dots."""
    from matplotlib import pyplot

    by_seed = records.values("auc", "dataset", "method", "seed")
    datasets, methods = (list(dict.fromkeys(key[i] for key in by_seed)) for i in (0, 1))
    figure, axes = pyplot.subplots(figsize=(1.8 * len(datasets) + 2, 3.2))
    width = 0.8 / len(methods)
    colors = iter(CYCLE)
    for index, method in enumerate(methods):
        color = OURS if method == "hopfield" else next(colors, "0.5")
        places = np.arange(len(datasets)) + (index - (len(methods) - 1) / 2) * width
        found = [[by_seed[key] for key in by_seed if key[:2] == (d, method)] for d in datasets]
        means = [float(np.mean(values)) for values in found]
        axes.bar(places, means, 0.9 * width, color=color, alpha=0.6, label=method)
        for at, values in zip(places, found, strict=True):
            axes.plot([at] * len(values), values, ".", color="0.35", markersize=4)
    axes.set_xticks(range(len(datasets)), datasets)
    axes.set_ylim(0.5, 1.0)
    axes.set_ylabel("area under the ROC curve")
    axes.legend(ncols=len(methods), fontsize=7, loc="lower center", bbox_to_anchor=(0.5, 1))
    return figure


def loss(records: Records) -> Any:
    """Training loss by epoch, one panel a data set."""
    has_datasets = any("dataset" in record.cell for record in records)
    return _curves(records, "loss", "dataset" if has_datasets else None, "training loss")


def accuracy(records: Records) -> Any:
    """Accuracy on held-out sets by epoch, one panel a task."""
    return _curves(records, "accuracy", "task", "accuracy on held-out sets")


def _curves(records: Records, name: str, panel_axis: str | None, label: str) -> Any:
    """A curve of every method, ours on top."""
    from matplotlib import pyplot

    where = records.axis(panel_axis) if panel_axis else ("",)
    figure, panels = pyplot.subplots(
        1, len(where), figsize=(3.2 * len(where) + 1, 2.8), sharey=True, squeeze=False
    )
    for panel, value in zip(panels[0], where, strict=True):
        chosen = records.where(**{panel_axis: value}) if panel_axis else records
        curves = chosen.curves(name, "method")
        colors = iter(CYCLE)
        for method, curve in curves.items():
            color = OURS if method == "hopfield" else next(colors, "0.5")
            if len(curve):
                panel.plot(np.arange(1, len(curve) + 1), curve, color=color, label=method)
        panel.set_title(value, fontsize=9)
        panel.set_xlabel("epoch")
    panels[0][0].set_ylabel(label)
    if panels[0][-1].lines:
        panels[0][-1].legend(fontsize=7)
    return figure


def bound(records: Records) -> Any:
    """Error after one update against its bound, one dot a pattern; the line is equality."""
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(4.6, 4))
    for dim in records.where(method="sphere").axis("dim"):
        chosen = [r.arrays for r in records.ok.where(method="sphere", dim=dim)]
        bounds = np.concatenate([arrays["bound"] for arrays in chosen])
        errors = np.concatenate([arrays["error"] for arrays in chosen])
        kept = (bounds < 1e3) & (errors > 1e-17)
        axes.loglog(
            bounds[kept], errors[kept], ".", ms=4, alpha=0.5, label=f"d = {dim}", rasterized=True
        )
    ends = np.array(axes.get_xlim())
    axes.loglog(ends, ends, color="0.5", linewidth=1)
    axes.set_xlabel("bound")
    axes.set_ylabel("error after one update")
    axes.legend(fontsize=7)
    return figure


def energy(records: Records) -> Any:
    """Mean energy above the end by step, one line a β; and the sizes of metastable states."""
    from matplotlib import pyplot

    curves = records.where(method="dynamics").curves("energy", "beta")
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(8.4, 3.2))
    colors = pyplot.get_cmap("viridis")(np.linspace(0, 0.9, len(curves)))
    for color, beta in zip(colors, sorted(curves), strict=True):
        above = np.maximum(curves[beta][:-1] - curves[beta][-1], 1e-16)
        left.semilogy(above, ".-", color=color, label=f"β = {beta:g}")
    left.set_xlabel("update")
    left.set_ylabel("energy above its end")
    left.set_ylim(1e-9, None)
    left.legend(fontsize=6)
    sizes = records.where(method="dynamics").values("median_size", "beta")
    right.loglog(sorted(sizes), [sizes[beta] for beta in sorted(sizes)], "o-", color=OURS)
    right.set_xlabel("β")
    right.set_ylabel("median number of patterns in a fixed point")
    for limit, name in ((64, "I"), (32, "II"), (8, "III"), (2, "IV")):
        right.axhline(limit, color="0.7", linewidth=0.7)
        right.text(min(sizes), 0.8 * limit, name, fontsize=7, va="top")
    return figure


def digits(records: Records) -> Any:
    """Digits, their upper halves, and what the softmax memory makes of them by β."""
    from matplotlib import pyplot

    chosen = records.ok.where(method="modern")
    most, steps = max(chosen.axis("digits")), min(chosen.axis("steps"))
    rows = [
        record
        for record in chosen.where(digits=most, steps=steps)
        if record.cell.seed == min(chosen.axis("seed"))
    ]
    wanted = rows[0].arrays["wanted"].reshape(-1, 28, 28)
    cue = wanted.copy()
    cue[:, 14:] = 0
    pictures = {"stored": wanted, "cue": cue}
    for record in rows:
        pictures[f"β = {record.cell.digit_beta:g}"] = record.arrays["recalled"].reshape(-1, 28, 28)
    figure, panels = pyplot.subplots(
        len(pictures), len(wanted), figsize=(len(wanted), 1.05 * len(pictures)), squeeze=False
    )
    for line, (name, images) in zip(panels, pictures.items(), strict=True):
        for panel, image in zip(line, images, strict=True):
            limit = float(np.abs(image).max()) or 1.0
            panel.imshow(image, cmap="gray_r", vmin=-limit, vmax=limit)
            panel.set_xticks([])
            panel.set_yticks([])
        line[0].set_ylabel(name, rotation=0, ha="right", va="center", fontsize=8)
    panels[0][len(wanted) // 2].set_title(f"{most} digits stored, {steps} update", fontsize=9)
    return figure


def completed(records: Records) -> Any:
    """Share of half-erased digits that are completed, by number stored."""
    from matplotlib import pyplot

    modern = records.where(method="modern")
    steps = min(modern.axis("steps"))
    found = modern.where(steps=steps).values("retrieved", "digit_beta", "digits")
    figure, axes = pyplot.subplots(figsize=(5.4, 3.4))
    betas = sorted({beta for beta, _ in found})
    colors = pyplot.get_cmap("viridis")(np.linspace(0, 0.9, len(betas)))
    for color, beta in zip(colors, betas, strict=True):
        line = {count: share for (b, count), share in found.items() if b == beta}
        axes.semilogx(
            list(line), list(line.values()), "o-", color=color, label=f"softmax, β = {beta:g}"
        )
    for method, style in (("classical", "s--"), ("dense_2", "^--"), ("dense_3", "v--")):
        line = records.where(method=method).values("retrieved", "digits")
        axes.semilogx(list(line), list(line.values()), style, color=OURS, label=method)
    axes.set_xlabel("digits stored")
    axes.set_ylabel("share completed")
    axes.legend(fontsize=6)
    return figure


def validation(records: Records) -> Any:
    """Validation accuracy of the chosen network by epoch, one panel a data set."""
    return _curves(records, "validation", "dataset", "validation accuracy")
