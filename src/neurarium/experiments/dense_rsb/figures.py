"""Figures of the dense-memory experiments, drawn from records alone."""

from __future__ import annotations

from typing import Any

import numpy as np

from neurarium.evaluation import Records

COLORS = (
    *("#d1495b", "#30638e", "#edae49", "#00798c", "#8f6fb0"),
    *("#7a9e48", "#555555", "#e07a1f", "#999999"),
)


def _panels(count: int, *, sharey: bool = True) -> Any:
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(
        1, count, figsize=(3.6 * count + 0.8, 3.4), sharey=sharey, squeeze=False
    )
    return figure, panels[0]


def _of_noise(records: Records, name: str) -> tuple[np.ndarray, np.ndarray]:
    """A metric by r, averaged over what else varies."""
    noise, values = (records.values(key, "share") for key in ("noise", name))
    order = sorted(noise)
    return np.array([noise[s] for s in order]), np.array([values[s] for s in order])


def overlap(records: Records) -> Any:
    """Overlap by noise, a panel a temperature: marks samples by size, lines theory."""
    chosen = records.ok.where(method="distinct")
    betas = chosen.axis("beta")
    figure, panels = _panels(len(betas))
    for panel, beta in zip(panels, betas, strict=True):
        at = chosen.where(beta=beta)
        for color, size in zip(COLORS, at.axis("num_units"), strict=False):
            of_size = at.where(num_units=size)
            panel.plot(*_of_noise(of_size, "overlap"), "o", color=color, ms=4, label=f"N = {size}")
            panel.plot(*_of_noise(of_size, "from_cues"), "x", color=color, ms=4)
        panel.plot(*_of_noise(at, "expected"), "k-", lw=1, label="RS")
        if beta == "inf":
            panel.plot(*_of_noise(at, "broken"), "k--", lw=1, label="1RSB")
        panel.set_title("T = 0" if beta == "inf" else f"b = {beta}", fontsize=9)
        panel.set_xlabel("noise r")
    panels[0].set_ylabel("overlap m (× from cues, 20 % wrong)")
    panels[-1].legend(fontsize=7)
    figure.tight_layout()
    return figure


def finite_size(records: Records) -> Any:
    """Mean |Monte Carlo − theory| by size, a line a share of the capacity, at each temperature.

    Dashed: with noise and temperature matched to the size.
    """
    chosen = records.ok
    betas = chosen.axis("beta")
    figure, panels = _panels(len(betas))
    for panel, beta in zip(panels, betas, strict=True):
        at = chosen.where(beta=beta)
        shares = [s for s in at.axis("share") if float(s) <= 1]
        for color, share in zip(COLORS, shares, strict=False):
            for method, style in (("distinct", "o-"), ("matched", "--")):
                gaps = at.where(share=share, method=method).values("gap", "num_units", "seed")
                sizes = sorted({n for n, _ in gaps})
                means = [
                    np.mean([abs(g) for (n, _), g in gaps.items() if n == size]) for size in sizes
                ]
                label = f"r = {share:g} r_c" if method == "distinct" else None
                panel.plot(sizes, means, style, color=color, ms=4, label=label)
        panel.axhline(0.02, color="0.7", lw=1)
        panel.set_title("T = 0" if beta == "inf" else f"b = {beta}", fontsize=9)
        panel.set_xlabel("units")
    panels[0].set_ylabel("|Monte Carlo − theory|")
    panels[-1].legend(fontsize=7)
    figure.tight_layout()
    return figure


def energies(records: Records) -> Any:
    """Both energies against the noise that belongs to each, at the largest size."""
    chosen = records.ok.where(num_units=max(records.axis("num_units")))
    betas = chosen.axis("beta")
    figure, panels = _panels(len(betas))
    names = {"distinct": "distinct units", "power": "power of the overlap"}
    for panel, beta in zip(panels, betas, strict=True):
        at = chosen.where(beta=beta)
        for color, (method, label) in zip(COLORS, names.items(), strict=False):
            one = at.where(method=method)
            panel.plot(*_of_noise(one, "overlap"), "o", color=color, ms=4, label=label)
            panel.plot(*_of_noise(one, "expected"), "-", color=color, lw=1)
        panel.set_title("T = 0" if beta == "inf" else f"b = {beta}", fontsize=9)
        panel.set_xlabel("noise r")
    panels[0].set_ylabel("overlap m; lines RS")
    panels[-1].legend(fontsize=7)
    figure.tight_layout()
    return figure


def ground_states(records: Records) -> Any:
    """Overlaps above, energies of retrieval minus that of the glass below, by noise."""
    from matplotlib import pyplot

    chosen = records.ok.where(method="ground_states")
    figure, (above, below) = pyplot.subplots(2, 1, figsize=(5.4, 6), sharex=True)
    styles = {"rs": "-", "1rsb": "--"}
    for color, degree in zip(COLORS, chosen.axis("degree"), strict=False):
        curves = chosen.where(degree=degree)[0].curves
        for name, style in styles.items():
            label = f"P = {degree}" if name == "rs" else None
            above.plot(curves["noise"], curves[f"{name} overlap"], style, color=color, label=label)
            gap = np.subtract(curves[f"{name} energy"], curves["glass energy"])
            below.plot(curves["noise"], gap, style, color=color)
    above.plot([], [], "k-", label="RS")
    above.plot([], [], "k--", label="1RSB")
    above.set_ylabel("overlap m")
    above.legend(fontsize=7)
    below.axhline(0, color="0.7", lw=1)
    below.set_ylabel("energy above that of the glass")
    below.set_xlabel("noise r")
    figure.tight_layout()
    return figure


def lines(records: Records) -> Any:
    """Temperature × noise: the end of retrieval, and where its symmetry breaks below."""
    from matplotlib import pyplot

    chosen = records.ok.where(method="lines")
    figure, axes = pyplot.subplots(figsize=(5.2, 3.8))
    for color, degree in zip(COLORS, chosen.axis("degree"), strict=False):
        curves = chosen.where(degree=degree)[0].curves
        axes.plot(
            curves["spinodal"], curves["temperature"], "-", color=color, label=f"P = {degree}"
        )
        axes.plot(curves["at_noise"], curves["at_temperature"], ":", color=color)
    axes.plot([], [], "k-", label="retrieval ends (RS)")
    axes.plot([], [], "k:", label="symmetry breaks below")
    axes.set_xlabel("noise r")
    axes.set_ylabel("temperature 1/b")
    axes.set_ylim(0)
    axes.set_xlim(0)
    axes.legend(fontsize=7)
    figure.tight_layout()
    return figure


def recall(records: Records) -> Any:
    """Share of images recalled exactly by number stored."""
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(5.2, 3.4))
    for color, method in zip(COLORS, records.axis("method"), strict=False):
        found = records.ok.where(method=method).values("exact", "count")
        style = "--" if method == "nearest" else "o-"
        axes.semilogx(list(found), list(found.values()), style, color=color, ms=4, label=method)
    axes.set_xlabel("images stored")
    axes.set_ylabel("recalled exactly")
    axes.legend(fontsize=7)
    figure.tight_layout()
    return figure


def states(records: Records) -> Any:
    """An image, its damaged cue and what each memory makes of it, by number stored."""
    from matplotlib import pyplot

    methods = [name for name in records.axis("method") if name != "nearest"]
    counts = records.axis("count")[:5]
    first = records.axis("seed")[0]
    names = ("stored", "cue", *methods)
    figure, panels = pyplot.subplots(
        len(counts), len(names), figsize=(1.1 * len(names), 1.25 * len(counts)), squeeze=False
    )
    for row, count in zip(panels, counts, strict=True):
        chosen = records.ok.where(count=count, seed=first)
        shown = {name: chosen.where(method=name)[0].arrays for name in methods}
        any_method = shown[methods[0]]
        images = [any_method["wanted"][0], any_method["cue"][0]]
        images += [arrays["state"][0] for arrays in shown.values()]
        for panel, image, name in zip(row, images, names, strict=True):
            side = round(len(image) ** 0.5)
            panel.imshow(image.reshape(side, side), cmap="gray_r", vmin=-1, vmax=1)
            panel.set_xticks([])
            panel.set_yticks([])
            panel.set_title(str(name), fontsize=6)
        row[0].set_ylabel(str(count), fontsize=7)
    figure.tight_layout()
    return figure
