"""Figures of the quadratic experiments, drawn from records alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from neurarium.evaluation import Records

COLORS = (
    "#d1495b", "#30638e", "#edae49", "#2ab7ca", "#8f6fb0", "#7a9e48", "#9a6324", "#999999",
    "#222222",
)  # fmt: skip


def grid(records: Records) -> Any:
    """Test accuracy over depth × learning rate, a panel a start.

    The share of failed runs is written where there are any.
    """
    from matplotlib import pyplot

    methods = records.axis("method")
    depths, rates = sorted(records.axis("depth")), sorted(records.axis("lr"))
    accuracy = records.ok.values("accuracy", "method", "depth", "lr")
    failed = records.ok.values("failed", "method", "depth", "lr")
    figure, panels = pyplot.subplots(
        1, len(methods), figsize=(2.6 * len(methods) + 0.8, 2.6), squeeze=False, sharey=True
    )
    shown = None
    for panel, method in zip(panels[0], methods, strict=True):
        values = np.array([[accuracy.get((method, d, r), np.nan) for r in rates] for d in depths])
        shown = panel.imshow(values, vmin=0, vmax=1, cmap="viridis", aspect="auto", origin="lower")
        for row, d in enumerate(depths):
            for column, r in enumerate(rates):
                share = failed.get((method, d, r), 0.0)
                if share:
                    panel.text(
                        column, row, f"{share:.0%}", color="w", ha="center", va="center", size=7
                    )
        panel.set_title(str(method), fontsize=9)
        panel.set_xticks(range(len(rates)), [f"{r:g}" for r in rates], fontsize=7)
        panel.set_yticks(range(len(depths)), [str(d) for d in depths])
        panel.set_xlabel("learning rate")
    panels[0][0].set_ylabel("layers")
    if shown is not None:
        figure.colorbar(shown, ax=list(panels[0]), label="test accuracy; written: share failed")
    return figure


def accuracies(records: Records) -> Any:
    """Test accuracy of every arm with its parameters, a panel a network; bars are deviations."""
    from matplotlib import pyplot

    networks = records.axis("network")
    figure, panels = pyplot.subplots(
        1, len(networks), figsize=(4.6 * len(networks), 3.2), squeeze=False
    )
    for panel, network in zip(panels[0], networks, strict=True):
        chosen = [r for r in records.ok.where(network=network) if "accuracy" in r.metrics]
        names = list(dict.fromkeys(str(r.cell.method) for r in chosen))
        labels = []
        for place, name in enumerate(names):
            mine = [r.metrics for r in chosen if r.cell.method == name]
            found = np.array([m["accuracy"] for m in mine], dtype=float)
            panel.errorbar(
                found.mean(), place, xerr=found.std(), fmt="o", capsize=2,
                color=_color(records, name),
            )  # fmt: skip
            labels.append(f"{name}, {mine[0]['parameters'] / 1000:.0f} k")
        panel.set_title(f"{network}: arms and their parameters", fontsize=9)
        panel.set_yticks(range(len(names)), labels, fontsize=8)
        panel.invert_yaxis()
        panel.set_xlabel("test accuracy")
    figure.tight_layout()
    return figure


def losses(records: Records) -> Any:
    """Training loss by share of the training, mean over seeds."""
    from matplotlib import pyplot

    networks = records.axis("network")
    figure, panels = pyplot.subplots(
        1, len(networks), figsize=(4.4 * len(networks), 3.2), squeeze=False
    )
    for panel, network in zip(panels[0], networks, strict=True):
        chosen = [r for r in records.ok.where(network=network) if r.curves.get("loss")]
        for name in dict.fromkeys(str(r.cell.method) for r in chosen):
            curves = [np.array(r.curves["loss"]) for r in chosen if r.cell.method == name]
            length = min(map(len, curves))
            mean = np.mean([curve[:length] for curve in curves], axis=0)
            panel.plot(
                np.linspace(0, 1, length), mean, label=name, linewidth=1,
                color=_color(records, name),
            )  # fmt: skip
        panel.set_title(str(network), fontsize=9)
        panel.set_yscale("log")
        panel.set_xlabel("share of training")
        panel.set_ylabel("cross-entropy")
        panel.legend(fontsize=6)
    figure.tight_layout()
    return figure


def _color(records: Records, method: str) -> str:
    """One colour an arm, the same in all panels."""
    return COLORS[list(map(str, records.axis("method"))).index(method) % len(COLORS)]


def path(strengths: Mapping[str, Sequence[float]], records: Records) -> Any:
    """Test accuracy along the strengths of every method; bars are deviations over seeds."""
    from matplotlib import pyplot

    methods = [name for name in strengths if name in records.axis("method")]
    figure, panels = pyplot.subplots(
        1, len(methods), figsize=(3.2 * len(methods), 2.8), squeeze=False, sharey=True
    )
    for panel, name in zip(panels[0], methods, strict=True):
        values = records.ok.where(method=name).values("accuracy", "strength", "seed")
        found = [[v for (s, _), v in values.items() if s == at] for at in strengths[name]]
        places = range(len(found))
        panel.errorbar(
            places, [np.mean(v) if v else np.nan for v in found],
            [np.std(v) if v else np.nan for v in found], fmt="o-", color=COLORS[1], capsize=2,
        )  # fmt: skip
        labels = [f"{s:g}" for s in strengths[name]]
        labels[0], labels[-1] = "conventional", "unrestrained"
        panel.set_xticks(places, labels, fontsize=7, rotation=30)
        panel.set_title(name, fontsize=9)
    panels[0][0].set_ylabel("test accuracy")
    figure.tight_layout()
    return figure


def splines(records: Records) -> Any:
    """One spline beside what the networks make of it, and their errors."""
    from matplotlib import pyplot

    first = min(records.axis("seed"))
    chosen = records.ok.where(seed=first)
    x, target, found = (chosen.arrays(name, "method") for name in ("x", "spline", "found"))
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(8, 3.2))
    for place, name in enumerate(found):
        color = COLORS[place % len(COLORS)]
        left.plot(x[name], found[name], label=str(name), linewidth=1, color=color)
        error = np.abs(found[name] - target[name]) + 1e-17
        right.plot(x[name], error, linewidth=1, color=color)
    name = next(iter(target))
    left.plot(x[name], target[name], "k:", linewidth=1, label="spline")
    left.legend(fontsize=7)
    left.set_xlabel("x")
    right.set_yscale("log")
    right.set_xlabel("x")
    right.set_ylabel("error")
    figure.tight_layout()
    return figure
