"""Figures of all parts, drawn from records alone."""

from __future__ import annotations

import math
from typing import Any

from neurarium.evaluation import Records

COLORS = {
    "mlp": "#30638e", "kan": "#d1495b", "spline_mlp": "#edae49", "spline_first_mlp": "#c98a1b",
    "rbf": "#00798c", "chebyshev": "#8f6fb0", "fourier": "#7a9e48", "wavelet": "#8c6d5a",
    "relu": "#5aa9a3", "af": "#b5838d", "rational": "#3d405b", "selectable": "#6c757d",
    "kan_recursion": "#e8a0aa", "single_edge": "#8b1e3f",
}  # fmt: skip


TINY = 1e-16
"""Where an error of exactly 0 is drawn on an axis of logarithms."""


def color(name: Any) -> str:
    """Of an arm; grey for a user's own."""
    return COLORS.get(str(name), "0.5")


def domains(records: Records) -> Any:
    """A panel a budget and kind of score: every dataset a row, every arm a dot."""
    from matplotlib import pyplot

    panels = [
        (str(budget), metric)
        for metric in ("error", "score")
        for budget in records.axis("budget")
        if _rows(records, str(budget), metric)
    ]
    heights = [len(_rows(records, *panel)) for panel in panels]
    figure, drawn = pyplot.subplots(
        1, len(panels), figsize=(4.4 * len(panels), 1.6 + 0.27 * max(heights)), squeeze=False
    )
    for panel, (budget, metric) in zip(drawn[0], panels, strict=True):
        names = _rows(records, budget, metric)
        means = records.where(budget=budget).values(metric, "method", "dataset")
        for method in records.axis("method"):
            points = [(means[method, n], y) for y, n in enumerate(names) if (method, n) in means]
            strong = method in ("mlp", "kan", "spline_mlp")
            panel.scatter(
                *zip(*points, strict=True), s=34 if strong else 14, color=color(method),
                label=str(method), zorder=3 if strong else 2, alpha=0.95 if strong else 0.6,
            )  # fmt: skip
        panel.set_yticks(range(len(names)), [str(n) for n in names], fontsize=7)
        panel.invert_yaxis()
        panel.grid(axis="y", alpha=0.2)
        if metric == "error":
            panel.set(xscale="log", xlabel="NRMSE (left is better)")
        else:
            panel.set(xlabel="accuracy in %, or 100 R² (right is better)")
        panel.set_title(f"equal {budget}", fontsize=9)
    drawn[0][-1].legend(fontsize=7, bbox_to_anchor=(1, 1), loc="upper left", frameon=False)
    figure.tight_layout()
    return figure


def _rows(records: Records, budget: str, metric: str) -> list[Any]:
    """Formulas have errors, everything else scores."""
    chosen = records.ok.where(budget=budget)
    names = chosen.axis("dataset") if chosen else ()
    return [
        name
        for name in names
        if str(name).startswith(("feynman/", "special/")) == (metric == "error")
    ]


def recovery(records: Records) -> Any:
    """Error of the network and of the printed formula, a row a formula, a dot a seed."""
    from matplotlib import pyplot

    names = records.axis("dataset")
    figure, panel = pyplot.subplots(figsize=(6, 1.4 + 0.3 * len(names)))
    for row, name in enumerate(names):
        for record in records.ok.where(dataset=name):
            network, printed = (record.metrics.get(f"{k}_error") for k in ("network", "printed"))
            if network is not None:
                panel.plot(
                    max(network, TINY), row, "o", color=COLORS["mlp"], markersize=5, alpha=0.7
                )
            if printed is not None:
                right = record.metrics["recovered"] > 0
                face = COLORS["kan"] if right else "none"
                panel.plot(max(printed, TINY), row, "D", color=COLORS["kan"], markerfacecolor=face)
    panel.set_yticks(range(len(names)), [str(n) for n in names])
    panel.set(xscale="log", xlabel="NRMSE on held-out points")
    panel.invert_yaxis()
    panel.axvline(1e-3, color="0.7", linewidth=1)
    panel.plot([], [], "o", color=COLORS["mlp"], label="best network")
    panel.plot([], [], "D", color=COLORS["kan"], label="printed formula, right")
    panel.plot(
        [], [], "D", color=COLORS["kan"], markerfacecolor="none", label="printed formula, wrong"
    )
    panel.legend(fontsize=7, frameon=False, bbox_to_anchor=(1, 1), loc="upper left")
    return figure


def speed(records: Records) -> Any:
    """Times slower than the MLP, a row an arm, a dot a size."""
    from matplotlib import pyplot

    found = records.values("times_mlp", "method", "parameters", "batch_size")
    names = [name for name in records.axis("method") if name != "mlp"]
    figure, panel = pyplot.subplots(figsize=(6, 1.4 + 0.3 * len(names)))
    points = list(dict.fromkeys(key[1:] for key in found))
    for marker, point in zip("osD^vP*X", points, strict=False):
        values = [found[name, *point] for name in names]
        panel.plot(
            values, range(len(names)), marker, linestyle="none", color="0.3", markersize=5,
            alpha=0.8, label=f"{point[0]:,} parameters, batch {point[1]}",
        )  # fmt: skip
    panel.axvspan(1.36, 100, color=COLORS["kan"], alpha=0.08, label="published, 1.36 to 100")
    panel.axvline(1, color="0.6", linewidth=1)
    panel.set_yticks(range(len(names)), [str(name) for name in names])
    panel.invert_yaxis()
    panel.set(xscale="log", xlabel="time of a training step over the MLP's")
    panel.legend(fontsize=7, frameon=False, bbox_to_anchor=(1, 1), loc="upper left")
    return figure


def dimension(records: Records) -> Any:
    """NRMSE by number of inputs, a line an arm."""
    from matplotlib import pyplot

    figure, panel = pyplot.subplots(figsize=(5, 3.4))
    found = records.values("error", "method", "dimension")
    for method in records.axis("method"):
        points = [(key[1], value) for key, value in found.items() if key[0] == method]
        panel.plot(*zip(*points, strict=True), ".-", color=color(method), label=str(method))
    panel.set(yscale="log", xlabel="number of inputs", ylabel="NRMSE")
    panel.legend(fontsize=7, frameon=False, bbox_to_anchor=(1, 1), loc="upper left")
    return figure


def peaks(records: Records) -> Any:
    """What each arm gives after the last peak, a panel an arm, against the target."""
    import numpy as np
    from matplotlib import pyplot

    methods = records.axis("method")
    figure, panels = pyplot.subplots(
        1, len(methods), figsize=(2.4 * len(methods), 2.2), sharey=True, squeeze=False
    )
    for panel, method in zip(panels[0], methods, strict=True):
        for record in records.ok.where(method=method):
            curve = record.curves["curve"]
            x = np.linspace(-1, 1, len(curve) + 1)[:-1]
            panel.plot(x, curve, color=color(method), alpha=0.5, linewidth=1)
        x = np.linspace(-1, 1, 400)
        truth = sum(np.exp(-300 * (x - (2 * k + 1) / 5 + 1) ** 2) for k in range(5))
        panel.plot(x, truth, color="0.6", linewidth=0.8, linestyle="--")
        panel.set_title(str(method), fontsize=8)
        panel.set_ylim(-0.6, 1.4)
    figure.supxlabel("x (the peak at the right was learned last)", fontsize=8)
    figure.tight_layout()
    return figure


def budget_ratio(records: Records) -> Any:
    """The MLP's error over the KAN's on formulas, a row a formula, a dot a budget."""
    from matplotlib import pyplot

    names = _rows(records, str(records.axis("budget")[0]), "error")
    figure, panel = pyplot.subplots(figsize=(5.5, 1.4 + 0.27 * len(names)))
    for marker, budget in zip("osD^", records.axis("budget"), strict=False):
        means = records.where(budget=budget).values("error", "method", "dataset")
        ratios = [means["mlp", n] / means["kan", n] for n in names]
        panel.plot(ratios, range(len(names)), marker, color="0.3", label=f"equal {budget}")
    panel.axvline(1, color=COLORS["kan"], linewidth=1)
    panel.set_yticks(range(len(names)), [str(n) for n in names], fontsize=7)
    panel.invert_yaxis()
    limit = max(2.0, *(abs(math.log10(r)) for r in ratios)) if names else 2.0
    panel.set(xscale="log", xlim=(10**-limit, 10**limit), xlabel="the MLP's NRMSE over the KAN's")
    panel.legend(fontsize=7, frameon=False, bbox_to_anchor=(1, 1), loc="upper left")
    return figure
