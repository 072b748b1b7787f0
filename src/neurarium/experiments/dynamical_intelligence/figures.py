"""Figures of the three parts, drawn from records alone."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from neurarium.evaluation import Records

OURS = "#d1495b"
CYCLE = ("#30638e", "#edae49", "#00798c", "#8f6fb0", "#7a9e48", "#8c6d5a")
LOOKS = {"phasor": "-", "one_shot": ":", "hopfield": "--"}


def overlap(records: Records) -> Any:
    """Overlap by load: a panel a kind of pattern, a colour a density, a dash a network."""
    from matplotlib import pyplot

    kinds, densities = records.axis("patterns"), records.axis("density")
    found = records.values("overlap", "patterns", "method", "density", "load")
    figure, panels = pyplot.subplots(
        1, len(kinds), figsize=(4.2 * len(kinds) + 1, 3.4), sharey=True, squeeze=False
    )
    colors = pyplot.get_cmap("viridis")(np.linspace(0, 0.85, len(densities)))
    for panel, kind in zip(panels[0], kinds, strict=True):
        for method in records.axis("method"):
            for color, density in zip(colors, densities, strict=True):
                points = [(k[3], v) for k, v in found.items() if k[:3] == (kind, method, density)]
                label = f"{method}, c = {density:g}"
                style = LOOKS.get(str(method), "-.")
                panel.plot(*zip(*points, strict=True), style, color=color, marker=".", label=label)
        panel.axhline(math.exp(-0.5), color="0.7", linewidth=1)
        panel.set(title=f"patterns: {kind}", xlabel="patterns a synapse, M / (cN)", xscale="log")
        loads = records.axis("load")
        panel.set_xticks(loads, [f"{load:g}" for load in loads])
        panel.minorticks_off()
    panels[0][0].set(ylabel="overlap (grey: the cue's)", ylim=(0, 1.03))
    panels[0][-1].legend(fontsize=7, bbox_to_anchor=(1, 1), loc="upper left", handlelength=4)
    return figure


def accuracy(records: Records) -> Any:
    """Share of right slots by number of sequences, a panel a noise."""
    from matplotlib import pyplot

    noises = records.axis("noise")
    figure, panels = pyplot.subplots(
        1, len(noises), figsize=(2.6 * len(noises) + 1.6, 3), sharey=True, squeeze=False
    )
    for panel, noise in zip(panels[0], noises, strict=True):
        found = records.where(noise=noise).values("slot_accuracy", "method", "count")
        colors = iter(CYCLE)
        for method in dict.fromkeys(key[0] for key in found):
            color = OURS if method == "theta_gamma" else next(colors, "0.5")
            points = [(key[1], value) for key, value in found.items() if key[0] == method]
            panel.plot(*zip(*points, strict=True), ".-", color=color, label=method)
        panel.set(title=f"σ = {noise:g}", xlabel="sequences", ylim=(-0.03, 1.05))
        panel.set_xticks(records.axis("count"))
    panels[0][0].set_ylabel("slots with the right item")
    panels[0][-1].legend(fontsize=7, bbox_to_anchor=(1, 1), loc="upper left")
    return figure


def cycles(records: Records) -> Any:
    """Share of right items slot by slot over the theta cycles, with and without the reset."""
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6.4, 2.8))
    count = min(records.axis("count"))
    curves = records.where(count=count, method=["theta_gamma", "no_reset", "gru"]).curves(
        "by_slot", "method"
    )
    styles = {"theta_gamma": OURS, "no_reset": CYCLE[0], "gru": CYCLE[1]}
    for method, curve in curves.items():
        slots = np.arange(1, len(curve) + 1)
        axes.plot(slots, curve, ".-", color=styles[method], label=method)
        axes.set_xticks(slots)
    axes.set(xlabel="gamma slot", ylabel="right items, all noises", ylim=(-0.03, 1.05))
    axes.legend(fontsize=7)
    return figure


def captured(records: Records) -> Any:
    """Share of agent-reward pairs over time, a panel a maze."""
    from matplotlib import pyplot

    mazes = records.axis("dataset")
    figure, panels = pyplot.subplots(
        1, len(mazes), figsize=(4 * len(mazes) + 1.6, 3.2), sharey=True, squeeze=False
    )
    for panel, maze in zip(panels[0], mazes, strict=True):
        colors = iter(CYCLE)
        curves = records.where(dataset=maze).curves("share_captured", "method")
        for method, curve in curves.items():
            color = OURS if method == "swarm" else next(colors, "0.5")
            panel.plot(np.linspace(0, 1, len(curve)), curve, color=color, label=method)
        panel.set(title=maze, xlabel="share of the simulated time")
    panels[0][0].set_ylabel("agent-reward pairs captured")
    panels[0][-1].legend(fontsize=7, bbox_to_anchor=(1, 1), loc="upper left")
    return figure


def swarm(records: Records) -> Any:
    """The swarm of the first seed at four moments, coloured by phase; a row a maze."""
    from matplotlib import pyplot

    mazes = records.axis("dataset")
    chosen = [
        next(iter(records.ok.where(method="swarm", seed=0, dataset=maze))).arrays for maze in mazes
    ]
    widths = sum(arrays["size"][0] / arrays["size"][1] for arrays in chosen) / len(chosen)
    num_moments = len(chosen[0]["times"])
    figure, panels = pyplot.subplots(
        len(mazes),
        num_moments,
        figsize=(2.4 * widths * num_moments, 2.6 * len(mazes)),
        squeeze=False,
    )
    for row, arrays in zip(panels, chosen, strict=True):
        for panel, moment in zip(row, range(num_moments), strict=True):
            _picture(panel, arrays, moment)
    return figure


def _picture(panel: Any, arrays: Any, moment: int) -> None:
    for x1, y1, x2, y2 in arrays["walls"]:
        panel.plot([x1, x2], [y1, y2], color="0.3", linewidth=1)
    panel.scatter(*arrays["cues"].T, marker="^", s=14, color="#8f6fb0", linewidths=0)
    colors = ["0.75" if taken else "#d8a200" for taken in arrays["taken"][moment]]
    panel.scatter(*arrays["rewards"].T, marker="*", s=70, color=colors)
    panel.scatter(
        *arrays["positions"][moment].T,
        c=arrays["phases"][moment],
        cmap="hsv",
        vmin=0,
        vmax=2 * math.pi,
        s=5,
        linewidths=0,
        zorder=3,
    )
    panel.set(xlim=(0, arrays["size"][0]), ylim=(0, arrays["size"][1]), aspect="equal")
    panel.set_title(f"{arrays['times'][moment]:.1f} s", fontsize=9)
    panel.set_axis_off()
