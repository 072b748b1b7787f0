"""Figures of the AF-KAN experiment, drawn from records alone."""

from __future__ import annotations

from typing import Any

import numpy as np

from neurarium.evaluation import Records

TITLES = {"mnist": "MNIST", "fashion_mnist": "Fashion-MNIST", "cifar10_grey": "CIFAR-10, grey"}
KINDS = {"af_kan": "#d1495b", "mlp": "#30638e"}
EQUAL, OTHER = "#b8860b", "#7a9e48"


def colour(method: str) -> str:
    """AF-KAN's arms, MLPs, KANs of its widths and KANs of its size apart."""
    if method.endswith("_equal"):
        return EQUAL
    return next((shade for kind, shade in KINDS.items() if method.startswith(kind)), OTHER)


def accuracy(records: Records) -> Any:
    """Test accuracy against parameters, with the standard deviation over seeds."""
    from matplotlib import pyplot

    names = records.axis("dataset")
    figure, panels = pyplot.subplots(1, len(names), figsize=(4.3 * len(names), 3.8), squeeze=False)
    for panel, name in zip(panels[0], names, strict=True):
        chosen = records.ok.where(dataset=name)
        found = chosen.values("accuracy", "method", "seed")
        counts = chosen.values("parameters", "method")
        for place, method in enumerate(chosen.axis("method")):
            scores = np.array([v for (m, _), v in found.items() if m == method])
            panel.errorbar(
                scores.mean(), place, xerr=scores.std(), fmt="o", color=colour(str(method)),
                markersize=5, capsize=2,
            )  # fmt: skip
        labels = [f"{m} ({counts[m] / 1000:.0f}k)" for m in chosen.axis("method")]
        panel.set_yticks(range(len(labels)), labels, fontsize=7)
        panel.invert_yaxis()
        panel.grid(axis="x", alpha=0.3)
        panel.set_title(TITLES.get(str(name), str(name)), fontsize=9)
        panel.set_xlabel("test accuracy")
    figure.tight_layout()
    return figure


def learning(records: Records) -> Any:
    """Validation accuracy by epoch, mean over seeds."""
    from matplotlib import pyplot

    names = records.axis("dataset")
    figure, panels = pyplot.subplots(1, len(names), figsize=(4.3 * len(names), 3.4), squeeze=False)
    for panel, name in zip(panels[0], names, strict=True):
        chosen = records.ok.where(dataset=name)
        curves = chosen.curves("validation", "method")
        ends = [len(c) for m, c in curves.items() if not str(m).endswith("_long")]
        for place, (method, curve) in enumerate(curves.items()):
            epochs = np.linspace(max(ends) / len(curve), max(ends), len(curve))
            style = ("-", "--", ":", "-.")[place % 4]
            panel.plot(
                epochs, curve, style, color=colour(str(method)), label=str(method), linewidth=1.2,
                marker="." if len(curve) < 3 else None,
            )  # fmt: skip
        panel.set_title(TITLES.get(str(name), str(name)), fontsize=9)
        panel.set_xlabel("epoch (long arms: share of their own)")
    panels[0][0].set_ylabel("validation accuracy")
    lines, labels = panels[0][0].get_legend_handles_labels()
    figure.legend(lines, labels, fontsize=7, ncol=5, loc="upper center", bbox_to_anchor=(0.5, 0))
    figure.tight_layout()
    return figure
