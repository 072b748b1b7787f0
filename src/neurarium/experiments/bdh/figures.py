"""Figures of the BDH experiments, drawn from records alone."""

from __future__ import annotations

from typing import Any

import numpy as np

from neurarium.evaluation import Records

COLORS = {
    "bdh": "#d1495b",
    "transformer": "#30638e",
    "tied_transformer": "#edae49",
    "lstm": "#00798c",
}
OTHERS = ("#8f6fb0", "#7a9e48", "#8c6d5a")


def losses(records: Records) -> Any:
    """Training loss (lines) and held-out loss (dots) by step, one panel a budget."""
    from matplotlib import pyplot

    budgets = [b for b in ("data", "time") if records.ok.where(budget=b)]
    figure, panels = pyplot.subplots(
        1, len(budgets), figsize=(4.4 * len(budgets), 3.4), sharey=True, squeeze=False
    )
    colors = _colors(records)
    for panel, budget in zip(panels[0], budgets, strict=True):
        for method, color in colors.items():
            chosen = records.ok.where(method=method, budget="data" if method == "bdh" else budget)
            for number, record in enumerate(chosen):
                curve = np.asarray(record.curves["loss"])
                steps = (np.arange(len(curve)) + 0.5) * record.metrics["steps"] / len(curve)
                label = method.replace("_", " ") if number == 0 else None
                panel.plot(steps, curve, color=color, alpha=0.6, linewidth=1, label=label)
                panel.plot(record.curves["step"], record.curves["validation"], ".", color=color)
        panel.set_xlabel("step")
        panel.set_title(f"equal {budget}", fontsize=9)
        if budget == "time":
            panel.set_xscale("log")
    panels[0][0].set_ylabel("bits per byte (dots: held out)")
    panels[0][0].legend(fontsize=7)
    return figure


def bits(records: Records) -> Any:
    """Held-out bits per byte by method against multiply–accumulates per byte of training."""
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(4.8, 3.4))
    markers = {"data": "o", "time": "^"}
    for method, color in _colors(records).items():
        for budget, marker in markers.items():
            chosen = records.ok.where(method=method, budget=budget)
            if not chosen:
                continue
            work = [r.metrics["macs_per_byte"] * r.metrics["steps"] for r in chosen]
            label = f"{method.replace('_', ' ')}, equal {budget}"
            found = [r.metrics["bpb"] for r in chosen]
            axes.plot(work, found, marker, color=color, label=label, markersize=5, alpha=0.8)
    axes.set_xscale("log")
    axes.set_xlabel("multiply–accumulates per byte × steps")
    axes.set_ylabel("held-out bits per byte")
    axes.legend(fontsize=6)
    return figure


def neurons(records: Records) -> Any:
    """Active neurons by layer; modularity of the trained graph beside its controls, by seed."""
    from matplotlib import pyplot

    ours = list(records.ok.where(method="bdh"))
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(8.4, 3.2), layout="constrained")
    for name, color, label in (
        ("code_density", "#30638e", "code x"),
        ("gated_density", "#d1495b", "gated y"),
    ):
        for number, record in enumerate(ours):
            density = 100 * record.arrays[name]
            layers = np.arange(1, len(density) + 1)
            left.plot(layers, density, ".-", color=color, label=None if number else label)
    left.axhline(20, color="0.6", linewidth=0.8, linestyle="--")
    left.set_xticks(layers)
    left.set_ylim(0, None)
    left.set_xlabel("layer")
    left.set_ylabel("active neurons, %")
    left.legend(fontsize=7)
    names = ("trained", "rewired", "untrained")
    for place, name in enumerate(names):
        found = [record.metrics[f"modularity_{name}"] for record in ours]
        right.bar(place, np.mean(found), 0.6, color="#d1495b" if place == 0 else "0.7", alpha=0.7)
        right.plot([place] * len(found), found, ".", color="0.3")
    right.set_xticks(range(3), names)
    right.set_ylabel("modularity")
    return figure


def synapse(records: Records) -> Any:
    """Strength of the synapse chosen for the concept over a held-out window, one line a seed.

    Every line is shaded, in its colour, where its window shows the concept.
    """
    from matplotlib import pyplot

    ours = [r for r in records.ok.where(method="bdh") if "trace" in r.arrays]
    figure, axes = pyplot.subplots(figsize=(5.6, 3.2))
    shaded = False
    for number, record in enumerate(ours):
        trace = record.arrays["trace"] / max(float(record.arrays["trace"][-1]), 1e-12)
        concept = record.arrays["trace_concept"].astype(bool)
        place = np.arange(1, len(trace) + 1)
        (line,) = axes.plot(place, trace, linewidth=1, alpha=0.8, label=f"seed {record.cell.seed}")
        low, high = -0.06 * (number + 1), -0.06 * number - 0.02
        axes.fill_between(place, low, high, where=concept, color=line.get_color(), step="mid")
        shaded = shaded or bool(concept.any())
    axes.set_xlabel("byte of the window" + (" (bars: the concept)" if shaded else ""))
    axes.set_ylabel("synapse over its last value")
    if ours:
        axes.legend(fontsize=7)
    return figure


def merged(records: Records) -> Any:
    """Held-out bits per byte of both languages, by model; dots are seeds."""
    from matplotlib import pyplot

    methods = records.ok.axis("method")
    figure, axes = pyplot.subplots(figsize=(5.2, 3.2))
    for offset, language, color in ((-0.2, "english", "#30638e"), (0.2, "french", "#d1495b")):
        for place, method in enumerate(methods):
            found = [record.metrics[language] for record in records.ok.where(method=method)]
            label = f"on {language.title()}" if place == 0 else None
            at = place + offset
            axes.bar(at, np.mean(found), 0.36, color=color, alpha=0.7, label=label)
            axes.plot([at] * len(found), found, ".", color="0.3", markersize=4)
    names = {"english": "English\nexpert", "french": "French\nexpert"}
    axes.set_xticks(range(len(methods)), [names.get(str(m), str(m)) for m in methods], fontsize=8)
    axes.set_ylabel("held-out bits per byte")
    axes.legend(fontsize=7, loc="upper left", bbox_to_anchor=(1, 1))
    return figure


def _colors(records: Records) -> dict[str, str]:
    others = iter(OTHERS)
    return {str(m): COLORS.get(str(m)) or next(others, "0.5") for m in records.ok.axis("method")}
