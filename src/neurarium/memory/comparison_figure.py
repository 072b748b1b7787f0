"""The picture of a comparison of memories: cues, iterations, recalled states and patterns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from neurarium.memory.comparison import MemoryRecall, RecallComparison

RECALLED, LOST = "#2a9d5c", "#d1495b"


def shown_iterations(length: int, num_shown: int) -> list[int]:
    """Which iterations of a path to draw: from the first to the last, ever further apart.

    Args:
        length: number of iterations.
        num_shown: how many columns there are.

    Example:
        >>> shown_iterations(20, 4), shown_iterations(5, 4), shown_iterations(3, 4)
        ([1, 3, 7, 20], [1, 2, 3, 5], [1, 2, 3])
    """
    if length <= num_shown:
        return list(range(1, length + 1))
    spaced = np.geomspace(1, length, num_shown).round().astype(int)
    chosen: list[int] = []
    for place, wanted in enumerate(spaced.tolist()):
        after = chosen[-1] + 1 if chosen else 1
        chosen.append(min(max(wanted, after), length - (num_shown - 1 - place)))
    return chosen


def draw(
    comparison: RecallComparison, shape: tuple[int, ...], num_cues: int, num_iterations: int
) -> Any:
    """Rows: memories, and in each its cues. Columns: pattern, cue, iterations, recalled."""
    from matplotlib import pyplot

    names = list(comparison.memories)
    longest = max(len(found.path) - 1 for found in comparison.memories.values())
    columns = shown_iterations(max(1, longest - 1), num_iterations)  # the last is what is recalled
    titles = ["pattern", "cue", *(f"after {step}" for step in columns), "recalled"]
    num_rows, num_columns = len(names) * num_cues, len(titles)
    aspect = min(max(shape[0] / shape[1], 0.3), 3.0)
    figure, panels = pyplot.subplots(
        num_rows,
        num_columns,
        figsize=(1.0 * num_columns + 1.6, (1.0 * num_rows + 0.25 * len(names)) * aspect + 0.3),
        squeeze=False,
        layout="compressed",
    )
    for place, name in enumerate(names):
        lines = panels[place * num_cues : (place + 1) * num_cues]
        _draw_memory(lines, comparison, comparison.memories[name], shape, columns)
        found = comparison.memories[name]
        label = f"{name}\n{found.recall_rate:.0%} recalled\noverlap {found.overlap:.2f}"
        lines[0][0].set_ylabel(label, rotation=0, ha="right", va="center", fontsize=9)
    for panel, title in zip(panels[0], titles, strict=True):
        panel.set_title(title, fontsize=9)
    return figure


def _draw_memory(
    lines: Any,
    comparison: RecallComparison,
    found: MemoryRecall,
    shape: tuple[int, ...],
    columns: list[int],
) -> None:
    path, targets = found.path.cpu().float(), comparison.targets.cpu().float()
    limit = float(targets.abs().max())
    for cue, line in enumerate(lines):
        steps = [0, *columns]
        states = [path[step][cue] if step < len(path) else None for step in steps]
        pictures = [targets[cue], *states, path[-1][cue]]
        for panel, picture in zip(line, pictures, strict=True):
            panel.set(xticks=[], yticks=[])
            panel.spines[:].set_color("0.85")
            if picture is None:  # at rest before
                panel.spines[:].set_visible(False)
                continue
            image = picture.reshape(shape).numpy()
            panel.imshow(image, cmap="gray_r", vmin=-limit, vmax=limit, interpolation="nearest")
        is_recalled = bool(found.overlaps[cue] >= comparison.min_overlap)
        line[-1].spines[:].set(color=RECALLED if is_recalled else LOST, linewidth=2.5)
