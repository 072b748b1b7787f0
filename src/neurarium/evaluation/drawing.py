"""Figures as SVG: the same records give the same bytes, and the ink takes the page's colour."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .store import replacing

if TYPE_CHECKING:
    from .records import Records

_INK = "#0a0b0c"  # stands for the page's text colour until the file is written

_STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "neurarium",
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    "legend.facecolor": "none",
    "legend.framealpha": 0.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    **dict.fromkeys(
        (
            "text.color",
            "axes.edgecolor",
            "axes.labelcolor",
            "xtick.color",
            "ytick.color",
        ),
        _INK,
    ),
}


def draw_figures(
    figures: Mapping[str, Callable[[Records], Any]], records: Records, folder: Path, prefix: str
) -> dict[str, Path]:
    """Draw every figure of an experiment.

    Args:
        figures: name → ``figure(records)`` → a matplotlib figure.
        records: what they are drawn from.
        folder: where the SVG files go.
        prefix: before their names.

    Returns:
        name → path.
    """
    return {
        name: draw(figure, records, folder / f"{prefix}{name}.svg")
        for name, figure in figures.items()
    }


def draw(figure: Callable[[Records], Any], records: Records, path: Path) -> Path:
    """Draw one figure into one file."""
    import matplotlib
    from matplotlib import pyplot

    content = io.StringIO()
    with matplotlib.rc_context(_STYLE):
        drawn = figure(records)
        drawn.savefig(
            content, format="svg", metadata={"Date": None, "Creator": None}, bbox_inches="tight"
        )
        pyplot.close(drawn)
    path.parent.mkdir(parents=True, exist_ok=True)
    svg = content.getvalue().replace(_INK, "currentColor").replace("#000000", "currentColor")
    with replacing(path) as file:
        file.write(svg.encode())
    return path
