"""Figures of the multitasking experiments, drawn from records alone."""

from __future__ import annotations

from typing import Any

import numpy as np

from neurarium.evaluation import Records

COLORS = ("#d1495b", "#30638e", "#edae49", "#00798c", "#8f6fb0", "#7a9e48")
PHASES = ("paramagnet", "pure", "hierarchical", "parallel")
RANKS = ("largest", "second", "third", "fourth", "fifth")
SHADES = ("#eeeeee", "#edae49", "#d1495b", "#30638e")


def phase_map(records: Records) -> Any:
    """Which phase is lowest over dilution × temperature, and where Monte Carlo was run."""
    from matplotlib import colors, pyplot
    from matplotlib.patches import Patch

    maps = records.where(method="phase_map").arrays("phases", "num_patterns")
    solved = records.where(method="thresholds")
    ends, switches = (solved.values(name, "num_patterns") for name in ("local", "switch"))
    figure, panels = pyplot.subplots(
        1, len(maps), figsize=(4.2 * len(maps) + 0.6, 3.8), sharey=True, squeeze=False
    )
    for panel, (k, found) in zip(panels[0], maps.items(), strict=True):
        panel.imshow(
            found, origin="lower", extent=(0, 1, 0, 1), vmin=0, vmax=3, aspect="auto",
            cmap=colors.ListedColormap(SHADES),
        )  # fmt: skip
        points = records.ok.where(method="monte_carlo", num_patterns=k)
        keys = ("dilution", "temperature")
        gaps, away = (points.values(name, *keys) for name in ("gap", "away"))
        for (d, warmth), gap in gaps.items():
            style = {"marker": "o", "color": "k" if gap < 0.03 else "w", "markersize": 4}
            fill = "full" if away[d, warmth] else "none"
            panel.plot(d, warmth * (1 - d), fillstyle=fill, **style)
        hierarchy = panel.axvline(ends[k], 0, 1 - ends[k], color="k", linestyle=":", linewidth=1)
        all_alike = panel.axvline(
            switches[k], 0, 1 - switches[k], color="k", linestyle="--", linewidth=1
        )
        panel.set_title(f"{k} patterns", fontsize=9)
        panel.set_xlabel("dilution d")
        panel.set_xlim(0, 1)
        panel.set_ylim(0, 1)
    panels[0][0].set_ylabel("temperature")
    patches = [Patch(color=shade, label=name) for shade, name in zip(SHADES, PHASES, strict=True)]
    hierarchy.set_label("hierarchy a fixed point at T = 0 up to")
    all_alike.set_label("all condense at T_c from")
    panels[0][-1].legend(handles=[*patches, hierarchy, all_alike], fontsize=6, loc="upper right")
    return figure


def overlaps(records: Records) -> Any:
    """Relative overlaps by dilution, largest first, a panel a temperature: dots Monte Carlo, lines
    theory.
    """
    from matplotlib import pyplot

    chosen = records.ok.where(method="monte_carlo")
    few = min(chosen.axis("num_patterns"))
    warmths = sorted(chosen.axis("temperature"))[:4]
    figure, panels = pyplot.subplots(
        1, len(warmths), figsize=(3 * len(warmths) + 0.6, 3), sharey=True, squeeze=False
    )
    for panel, warmth in zip(panels[0], warmths, strict=True):
        points = chosen.where(num_patterns=few, temperature=warmth)
        found, expected = (points.curves(name, "dilution") for name in ("overlaps", "theory"))
        d = np.array(sorted(found))
        for index in range(int(few)):
            color = COLORS[index % len(COLORS)]
            for curves, style in ((found, "o"), (expected, "-")):
                values = np.array([sorted(curves[x])[::-1][index] for x in d]) / (1 - d)
                label = RANKS[index % len(RANKS)] if style == "o" else None
                panel.plot(d, values, style, color=color, markersize=4, label=label)
        panel.set_title(f"T = {warmth:g} T_c", fontsize=9)
        panel.set_xlabel("dilution d")
    panels[0][0].set_ylabel("m / (1 − d)")
    panels[0][0].legend(fontsize=7)
    return figure


def finite_size(records: Records) -> Any:
    """The largest difference between Monte Carlo and theory by size; the line falls as N^(−1/2)."""
    from matplotlib import pyplot

    chosen = records.ok.where(method="finite_size")
    figure, axes = pyplot.subplots(figsize=(4.6, 3.2))
    gaps = chosen.values("gap", "dilution", "num_units")
    for color, d in zip(COLORS, chosen.axis("dilution"), strict=False):
        line = {n: gap for (x, n), gap in gaps.items() if x == d}
        axes.loglog(list(line), list(line.values()), "o-", color=color, label=f"d = {d:g}")
    sizes = np.array(sorted({n for _, n in gaps}), dtype=float)
    axes.loglog(sizes, max(gaps.values()) * np.sqrt(sizes[0] / sizes), "--", color="0.6")
    axes.axhline(0.03, color="0.8", linewidth=1)
    axes.set_xlabel("units")
    axes.set_ylabel("largest |Monte Carlo − theory|")
    axes.legend(fontsize=7)
    return figure


def curves(records: Records) -> Any:
    """Learning curves: against the number of examples they differ, against the entropy not."""
    from matplotlib import pyplot

    largest = max(records.axis("num_units"))
    tasks = records.axis("task")
    figure, panels = pyplot.subplots(
        2, len(tasks), figsize=(3.4 * len(tasks) + 0.8, 5.6), squeeze=False
    )
    for column, task in enumerate(tasks):
        chosen = records.ok.where(task=task, num_units=largest)
        for color, quality in zip(COLORS, chosen.axis("quality"), strict=False):
            _curves_of(panels[:, column], chosen.where(quality=quality), color)
        panels[0][column].set_title(task, fontsize=9)
        panels[0][column].set_xlabel("examples of each pattern")
        panels[1][column].set_xlabel("entropy ρ of the examples")
    for row in panels:
        row[0].set_ylabel("overlap m")
    handles, labels = panels[0][0].get_legend_handles_labels()
    panels[1][0].legend(handles, labels, fontsize=6)
    figure.tight_layout()
    return figure


def _curves_of(column: Any, records: Records, color: str) -> None:
    """Every pattern's overlap in both panels of a column: lines theory, marks the two rules."""
    quality = records.axis("quality")[0]
    places = ("num_examples", "rho")
    for method, mark in (("supervised", "o"), ("unsupervised", "x")):
        chosen = records.where(method=method)
        found, expected = (chosen.curves(name, "entropy") for name in ("overlaps", "theory"))
        for panel, place in zip(column, places, strict=True):
            at = chosen.values(place, "entropy")
            x = np.array([at[rho] for rho in found])
            order = np.argsort(x)
            for index in range(len(next(iter(found.values())))):
                y, line = (
                    np.array([c[rho][index] for rho in found])[order] for c in (found, expected)
                )
                label = f"r = {quality:g}, {method}" if index == 0 else None
                panel.semilogx(x[order], y, mark, color=color, markersize=4, label=label)
                panel.semilogx(x[order], line, "-", color=color, linewidth=0.8)


def rules(records: Records) -> Any:
    """Overlaps learned without a teacher against those with one, a dot a pattern and seed."""
    from matplotlib import pyplot

    keys = ("task", "num_units", "quality", "entropy", "seed")
    with_teacher, without = (
        records.ok.where(method=name).curves("overlaps", *keys)
        for name in ("supervised", "unsupervised")
    )
    figure, axes = pyplot.subplots(figsize=(3.8, 3.6))
    for color, task in zip(COLORS, records.axis("task"), strict=False):
        shared = [key for key in with_teacher if key[0] == task]
        x, y = (np.concatenate([c[key] for key in shared]) for c in (with_teacher, without))
        axes.plot(x, y, ".", color=color, markersize=3, alpha=0.6, label=task)
    axes.plot([0, 1], [0, 1], color="0.5", linewidth=0.8)
    axes.set_xlabel("overlap with a teacher")
    axes.set_ylabel("overlap without")
    axes.legend(fontsize=7)
    return figure


def agreement(records: Records) -> Any:
    """Agreement with the worst retrieved archetype by dilution, one panel a number of classes."""
    from matplotlib import pyplot

    counts = records.axis("num_patterns")
    figure, panels = pyplot.subplots(
        1, len(counts), figsize=(3.6 * len(counts) + 0.8, 3.2), sharey=True, squeeze=False
    )
    for panel, count in zip(panels[0], counts, strict=True):
        chosen = records.where(num_patterns=count)
        for color, method in zip(COLORS, chosen.axis("method"), strict=False):
            line = chosen.where(method=method).values("weakest", "dilution")
            panel.plot(list(line), list(line.values()), "o-", color=color, label=method)
        panel.set_title(f"{count} classes in one state", fontsize=9)
        panel.set_xlabel("dilution d")
    panels[0][0].set_ylabel("agreement with the worst archetype")
    panels[0][0].legend(fontsize=7)
    return figure


def states(records: Records) -> Any:
    """Archetypes (grey is blank), a cue, and what each memory makes of it."""
    from matplotlib import pyplot

    first = records.ok[0].cell
    fixed = {"seed": first.seed, "num_patterns": first.num_patterns, "dataset": first.dataset}
    strongest = 0.9 if 0.9 in records.axis("dilution") else max(records.axis("dilution"))
    chosen = records.ok.where(dilution=strongest, **fixed)
    arrays = {record.cell.method: record.arrays for record in chosen}
    shared = next(iter(arrays.values()))
    pictures = {f"archetype {i + 1}": x for i, x in enumerate(shared["patterns"])}
    pictures |= {method: found["state"] for method, found in arrays.items()}
    side = round(len(shared["cue"]) ** 0.5)
    figure, panels = pyplot.subplots(1, len(pictures), figsize=(1.3 * len(pictures), 1.7))
    for panel, (name, values) in zip(panels, pictures.items(), strict=True):
        panel.spines[:].set_visible(True)
        panel.imshow(values.reshape(side, side), cmap="gray_r", vmin=-1, vmax=1)
        panel.set_title(name, fontsize=7)
        panel.set_xticks([])
        panel.set_yticks([])
    return figure
