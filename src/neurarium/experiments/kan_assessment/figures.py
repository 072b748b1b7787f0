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
    """A row of panels a kind of score, a column a budget; every dataset a row, every arm a dot."""
    from matplotlib import pyplot

    budgets = [str(budget) for budget in records.axis("budget")]
    kinds = [m for m in ("error", "score") if any(_rows(records, b, m) for b in budgets)]
    heights = [2 + max(len(_rows(records, b, metric)) for b in budgets) for metric in kinds]
    figure, grid = pyplot.subplots(
        len(kinds), len(budgets), figsize=(3.6 * len(budgets) + 2.6, 0.6 + 0.25 * sum(heights)),
        squeeze=False, height_ratios=heights,
    )  # fmt: skip
    for panels, metric in zip(grid, kinds, strict=True):
        for panel, budget in zip(panels, budgets, strict=True):
            names = _rows(records, budget, metric)
            _dots(panel, records.where(budget=budget), metric, names)
            panel.set_yticks(range(len(names)), [str(n).rpartition("hopular/")[2] for n in names])
            panel.tick_params(axis="y", labelsize=8, labelleft=panel is panels[0])
            panel.set_title(f"equal {budget}", fontsize=9)
    handles, labels = grid[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, fontsize=8, loc="center right", frameon=False)
    figure.tight_layout(rect=(0, 0, 1 - 1.5 / figure.get_figwidth(), 1))
    return figure


def _dots(panel: Any, records: Records, metric: str, names: list[Any]) -> None:
    """Errors as they are; scores over the MLP's, in points, if it takes part."""
    means = records.values(metric, "method", "dataset")
    is_above = metric == "score" and "mlp" in records.axis("method")
    zeros = [means.get(("mlp", n), 0.0) if is_above else 0.0 for n in names]
    for method in records.axis("method"):
        shown = [y for y, n in enumerate(names) if (method, n) in means]
        values = [means[method, names[y]] - zeros[y] for y in shown]
        strong = method in ("mlp", "kan", "spline_mlp")
        panel.scatter(
            values, shown, s=34 if strong else 14, color=color(method),
            label=str(method), zorder=3 if strong else 2, alpha=0.95 if strong else 0.6,
        )  # fmt: skip
    panel.invert_yaxis()
    panel.grid(axis="y", alpha=0.2)
    if metric == "error":
        panel.set(xscale="log", xlabel="NRMSE (left is better)")
    elif not is_above:
        panel.set_xlabel("accuracy in %, or 100 R² (right is better)")
    else:
        panel.set_xscale("symlog", linthresh=5)  # far ones closer together
        panel.set_xticks([-30, -10, -5, 0, 5], ["−30", "−10", "−5", "0", "5"])
        panel.set_xlabel("points above the MLP (right is better)")


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
        1, len(methods), figsize=(1.8 * len(methods) + 0.4, 2.3), sharey=True, squeeze=False
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
    limit = 1.0
    shades = zip("osD^", ("#30638e", "0.6", "#edae49", "#00798c"), strict=True)
    for (marker, shade), budget in zip(shades, records.axis("budget"), strict=False):
        means = records.where(budget=budget).values("error", "method", "dataset")
        ratios = [means["mlp", n] / means["kan", n] for n in names]
        limit = max([limit, *(abs(math.log10(r)) for r in ratios)])
        label = "Adam alone" if budget == "adam" else f"equal {budget}"
        panel.plot(ratios, range(len(names)), marker, color=shade, label=label)
    panel.axvline(1, color=COLORS["kan"], linewidth=1)
    panel.grid(axis="y", alpha=0.2)
    panel.set_yticks(range(len(names)), [str(n) for n in names], fontsize=7)
    panel.invert_yaxis()
    panel.set(xscale="log", xlim=(10**-limit, 10**limit), xlabel="the MLP's NRMSE over the KAN's")
    panel.legend(fontsize=7, frameon=False, bbox_to_anchor=(1, 1), loc="upper left")
    return figure
