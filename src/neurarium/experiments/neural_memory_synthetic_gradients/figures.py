"""Figures of the experiments with synthetic gradients, drawn from records alone."""

from __future__ import annotations

from typing import Any

import numpy as np

from neurarium.evaluation import Records

COLORS = {
    "synthetic": "#d1495b",
    "truncated": "#30638e",
    "bptt": "#00798c",
    "decoupled": "#edae49",
    "zero_feedback": "#9aa5b1",
    "lstm": "#7a9e48",
    "reading_lstm": "#8f6fb0",
    "shared": "#d1495b",
    "separate": "#30638e",
}
OTHERS = ("#8c6d5a", "#555555")


def learning(records: Records) -> Any:
    """Test error by seconds of training; one panel a dataset, one line a method (mean of seeds)."""
    from matplotlib import pyplot

    datasets = records.ok.axis("dataset")
    figure, panels = pyplot.subplots(
        1,
        len(datasets),
        figsize=(3.8 * len(datasets) + 1.6, 3.4),
        squeeze=False,
        layout="constrained",
    )
    for panel, dataset in zip(panels[0], datasets, strict=True):
        for method, color in _colors(records).items():
            for budget, style in (("episodes", "-"), ("time", "--")):
                cells = list(records.ok.where(dataset=dataset, method=method, budget=budget))
                if not cells:
                    continue
                second = np.mean([r.metrics["seconds_per_update"] for r in cells])
                updates = np.mean([r.curves["updates"] for r in cells], 0)
                error = np.mean([r.curves["error"] for r in cells], 0)
                label = method.replace("_", " ") + (" (equal time)" if style == "--" else "")
                panel.plot(updates * second, error, style, marker=".", color=color, label=label)
        panel.set_yscale("log")
        panel.set_title(str(dataset), fontsize=9)
        panel.set_xlabel("seconds of training")
    panels[0][0].set_ylabel("test error")
    handles, labels = panels[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, fontsize=7, loc="outside right upper")
    return figure


def cosines(records: Records) -> Any:
    """Cosine between predicted and target gradient along training, one line a seed."""
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(4.8, 3.2), layout="constrained")
    styles = dict(zip(_datasets(records), ("-", "--", ":", "-."), strict=False))
    labelled = set()
    for record in records.ok:
        if "cosine" not in record.curves:
            continue
        method, dataset = str(record.cell.method), str(record.cell.get("dataset", "sinusoid"))
        label = f"{method.replace('_', ' ')}, {dataset}"
        curve = record.curves["cosine"]
        axes.plot(
            np.linspace(0, 1, len(curve)),
            curve,
            styles.get(dataset, "-"),
            color=_colors(records)[method],
            linewidth=1,
            alpha=0.8,
            label=None if label in labelled else label,
        )
        labelled.add(label)
    axes.axhline(0.3, color="0.6", linewidth=0.8, linestyle="--")
    axes.set_xlabel("share of training")
    axes.set_ylabel("cosine, predicted and target gradient")
    if labelled:
        axes.legend(fontsize=6)
    return figure


def shots(records: Records) -> Any:
    """What is known after how many examples, at equal time; one panel a dataset."""
    from matplotlib import pyplot

    datasets = records.ok.axis("dataset")
    figure, panels = pyplot.subplots(
        1, len(datasets), figsize=(4.4 * len(datasets), 3.2), squeeze=False, layout="constrained"
    )
    for panel, dataset in zip(panels[0], datasets, strict=True):
        for method, color in _colors(records).items():
            budget = "episodes" if method == "synthetic" else "time"
            cells = list(records.ok.where(dataset=dataset, method=method, budget=budget))
            if not cells:
                continue
            names = [n for n in cells[0].metrics if n.startswith(("mse_", "accuracy_"))]
            number = [int(name.rpartition("_")[2]) for name in names]
            values = [np.mean([r.metrics[name] for r in cells]) for name in names]
            panel.plot(number, values, ".-", color=color, label=method.replace("_", " "))
        squares = any(name.startswith("mse_") for name in names)
        panel.set_title(str(dataset), fontsize=9)
        panel.set_xlabel("examples seen" if squares else "presentation of the class")
        panel.set_ylabel("mean square error" if squares else "accuracy")
        panel.set_xticks(number)
    panels[0][0].legend(fontsize=7, loc="lower left")
    return figure


def rare(records: Records) -> Any:
    """Error in episodes with the rare class against that in all others; dots are seeds."""
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(4.4, 3.4), layout="constrained")
    for method, color in _colors(records).items():
        cells = list(records.ok.where(method=method))
        found = [[r.metrics[name] for r in cells] for name in ("common_error", "error")]
        axes.plot(*found, ".", color=color, markersize=9, label=method.replace("_", " "))
    axes.axline((0.5, 0.5), slope=1, color="0.7", linewidth=0.8)
    axes.set_xlabel("error in episodes without the rare class")
    axes.set_ylabel("error in episodes with it")
    axes.margins(0.15)
    low, high = (
        f([r.metrics[n] for r in records.ok for n in ("error", "common_error")]) for f in (min, max)
    )
    pad = 0.1 * (high - low) + 1e-3
    axes.set_xlim(low - pad, high + pad)
    axes.set_ylim(low - pad, high + pad)
    axes.legend(fontsize=7)
    return figure


def sharing(records: Records) -> Any:
    """Error of both networks with one feedback network and with one each; lines join seeds."""
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(1, 2, figsize=(6.4, 3.2), layout="constrained")
    methods = [str(m) for m in records.ok.axis("method")]
    for panel, name in zip(panels, ("first", "second"), strict=True):
        by_seed: dict[Any, list[float]] = {}
        for method in methods:
            for record in records.ok.where(method=method):
                by_seed.setdefault(record.cell.seed, []).append(record.metrics[f"error_{name}"])
        for values in by_seed.values():
            panel.plot(range(len(values)), values, ".-", color="0.5")
        panel.set_xticks(range(len(methods)), methods)
        panel.set_xlim(-0.4, len(methods) - 0.6)
        panel.set_title(f"{name} family of sines", fontsize=9)
    panels[0].set_ylabel("mean square error")
    return figure


def _datasets(records: Records) -> list[str]:
    return list(dict.fromkeys(str(r.cell.get("dataset", "sinusoid")) for r in records.ok))


def _colors(records: Records) -> dict[str, str]:
    others = iter(OTHERS)
    return {str(m): COLORS.get(str(m)) or next(others, "0.5") for m in records.ok.axis("method")}
