"""Figures of the three parts, drawn from records alone."""

from __future__ import annotations

from typing import Any

import numpy as np

from neurarium.evaluation import Records

COLORS = {
    "flashkat": "#d1495b",
    "flashkat_eager": "#edae49",
    "naive": "#30638e",
    "running_sum": "#30638e",
    "gelu": "#777777",
    "kat": "#d1495b",
    "kat_frozen": "#edae49",
    "slope": "#00798c",
}


def speed(records: Records) -> Any:
    """Milliseconds of a forward pass and of both passes, on a log scale."""
    from matplotlib import pyplot

    shapes, methods = records.axis("shape"), records.axis("method")
    figure, panels = pyplot.subplots(1, 2, figsize=(9, 3.6), sharey=True)
    width = 0.8 / len(methods)
    for panel, metric in zip(panels, ("seconds_forward", "seconds_step"), strict=True):
        for place, method in enumerate(methods):
            found = records.ok.where(method=method).values(metric, "shape")
            heights = [1e3 * found[shape] for shape in shapes]
            at = np.arange(len(shapes)) + (place - (len(methods) - 1) / 2) * width
            panel.bar(at, heights, width, color=COLORS.get(str(method)), label=method)
        panel.set_xticks(range(len(shapes)), shapes, fontsize=8)
        panel.set_yscale("log")
        panel.set_title({"seconds_forward": "forward"}.get(metric, "forward and backward"))
    panels[0].set_ylabel("milliseconds")
    panels[0].legend(fontsize=7)
    figure.tight_layout()
    return figure


def rounding(records: Records) -> Any:
    """Relative error of coefficient gradients against the number of inputs."""
    from matplotlib import pyplot

    figure, panel = pyplot.subplots(figsize=(5, 3.6))
    for method in records.axis("method"):
        found = records.ok.where(method=method).values("error", "num_inputs")
        sizes = sorted(found)
        panel.plot(
            sizes,
            [found[size] for size in sizes],
            "o-",
            color=COLORS.get(str(method)),
            label=method,
        )
    panel.set_xscale("log")
    panel.set_yscale("log")
    panel.set_xlabel("inputs that a gradient sums over")
    panel.set_ylabel("relative error of float32")
    panel.legend(fontsize=7)
    figure.tight_layout()
    return figure


def accuracy(records: Records) -> Any:
    """Test accuracy of every seed, one panel a dataset."""
    from matplotlib import pyplot

    names, methods = records.axis("dataset"), records.axis("method")
    figure, panels = pyplot.subplots(1, len(names), figsize=(3.2 * len(names), 3.2), squeeze=False)
    for panel, name in zip(panels[0], names, strict=True):
        for place, method in enumerate(methods):
            chosen = records.ok.where(dataset=name, method=method)
            values = [100 * record.metrics["accuracy"] for record in chosen]
            color = COLORS.get(str(method))
            panel.plot([place] * len(values), values, "o", color=color, alpha=0.6)
            panel.plot([place - 0.25, place + 0.25], [np.mean(values)] * 2, color=color)
        panel.set_xticks(range(len(methods)), methods, rotation=40, ha="right", fontsize=8)
        panel.set_title(name, fontsize=9)
    panels[0][0].set_ylabel("test accuracy (%)")
    figure.tight_layout()
    return figure


def curves(records: Records) -> Any:
    """Validation accuracy against seconds of training, one panel a dataset."""
    from matplotlib import pyplot

    names = records.axis("dataset")
    figure, panels = pyplot.subplots(1, len(names), figsize=(3.2 * len(names), 3.2), squeeze=False)
    for panel, name in zip(panels[0], names, strict=True):
        for method in records.axis("method"):
            for index, record in enumerate(records.ok.where(dataset=name, method=method)):
                panel.plot(
                    record.curves["seconds_at_validation"],
                    [100 * value for value in record.curves["validation"]],
                    color=COLORS.get(str(method)),
                    alpha=0.8,
                    label=None if index else method,
                )
        panel.set_xlabel("seconds")
        panel.set_title(name, fontsize=9)
    panels[0][0].set_ylabel("validation accuracy (%)")
    panels[0][0].legend(fontsize=7)
    figure.tight_layout()
    return figure
