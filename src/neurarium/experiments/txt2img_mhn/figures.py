"""Figures of the comparison, drawn from records alone."""

from __future__ import annotations

from typing import Any

import numpy as np

from neurarium.data.synthetic.captioned_digits import WORDS
from neurarium.evaluation import Records

from .measures import ATTRIBUTES, SHEET

COLORS = {
    "txt2img_mhn": "#d1495b",
    "dalle": "#30638e",
    "dalle_prototypes": "#00798c",
    "without_prototypes": "#edae49",
    "class_conditional": "#999999",
    "reconstructions": "#555555",
}


def samples(records: Records) -> Any:
    """A sheet of images of every digit in eight styles, one panel a method."""
    from matplotlib import pyplot

    first = records.ok.where(seed=min(records.ok.axis("seed")))
    found = first.arrays("sheet", "method")
    names = [name for name in first.axis("method") if name in found]
    rows = -(-len(names) // 3)
    figure, panels = pyplot.subplots(rows, 3, figsize=(9, 5.2 * rows), squeeze=False)
    for panel in panels.flat[len(names) :]:
        panel.set_axis_off()
    for panel, name in zip(panels.flat, names, strict=False):
        frame = ((0, 0), (0, 0), (1, 0), (1, 0))  # a line between tiles
        tiles = np.pad(np.asarray(found[name]), frame, constant_values=96)
        digits, styles, height, width = tiles.shape
        picture = tiles.transpose(0, 2, 1, 3).reshape(digits * height, styles * width)
        panel.imshow(picture, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
        panel.set_title(name, fontsize=8)
        panel.set_yticks([(i + 0.5) * height for i in range(digits)], range(digits), fontsize=6)
        labels = [
            " ".join(
                WORDS[attribute][value][0]
                for attribute, value in zip(ATTRIBUTES[1:], style, strict=True)
            )
            for style in SHEET
        ]
        places = [(i + 0.5) * width for i in range(styles)]
        panel.set_xticks(places, labels, fontsize=5, rotation=90)
        panel.tick_params(length=0)
    figure.tight_layout()
    return figure


def accuracy(records: Records) -> Any:
    """Zero-shot accuracy of every attribute; dashes are chance."""
    from matplotlib import pyplot

    methods = records.ok.axis("method")
    figure, axes = pyplot.subplots(figsize=(8, 3.3))
    width = 0.8 / len(methods)
    for index, method in enumerate(methods):
        chosen = records.ok.where(method=method)
        values = [list(chosen.values(f"accuracy_{a}", "seed").values()) for a in ATTRIBUTES]
        places = np.arange(len(ATTRIBUTES)) + (index - (len(methods) - 1) / 2) * width
        color = COLORS.get(str(method), "0.5")
        axes.bar(places, [np.mean(v) for v in values], 0.9 * width, color=color, label=method)
        for place, found in zip(places, values, strict=True):
            axes.plot([place] * len(found), found, ".", color="0.35", markersize=3)
    for place, attribute in enumerate(ATTRIBUTES):
        chance = 1 / len(WORDS[attribute])
        axes.plot([place - 0.42, place + 0.42], [chance] * 2, "--", color="0.4", lw=1)
    axes.set_xticks(range(len(ATTRIBUTES)), ATTRIBUTES)
    axes.set_ylabel("zero-shot accuracy")
    axes.legend(ncols=3, fontsize=7, loc="lower center", bbox_to_anchor=(0.5, 1))
    return figure


def losses(records: Records) -> Any:
    """Training cross-entropy against the share of the equal time."""
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(5.4, 3.4))
    for method, curve in records.ok.curves("loss", "method").items():
        places = np.linspace(0, 1, len(curve) + 1)[1:]
        axes.plot(places, curve, color=COLORS.get(str(method), "0.5"), label=method)
    axes.set_xlabel("share of the training time")
    axes.set_ylabel("nats a token")
    axes.legend(fontsize=7)
    return figure


def prototypes(records: Records) -> Any:
    """How many prototypes a lookup is made of and how many are in use, by depth."""
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(5.4, 3.4))
    ours = records.ok.where(method="txt2img_mhn")
    for name, label, color in (
        ("in_use", "in use at all", "#30638e"),
        ("metastable", "nine tenths of one lookup", "#d1495b"),
    ):
        for index, record in enumerate(ours):
            curve = record.curves[name]
            shown = label if not index else None
            axes.plot(range(1, len(curve) + 1), curve, ".-", color=color, alpha=0.7, label=shown)
    depth = len(ours[0].curves["in_use"]) if ours else 1
    axes.set_xticks(range(1, depth + 1), [*map(str, range(1, depth)), "output"])
    axes.set_yscale("log")
    axes.set_xlabel("block")
    axes.set_ylabel("prototypes")
    axes.legend(fontsize=7)
    return figure
