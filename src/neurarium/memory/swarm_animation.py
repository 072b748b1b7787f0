"""Pictures of a swarm in its arena: one moment, or a film; colours are phases.

For NeuroSwarms (Monaco, Hwang, Schultz, Zhang, Biol. Cybern. 114 (2020) 269,
https://doi.org/10.1007/s00422-020-00823-z).
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from jaxtyping import Float
from torch import Tensor

from neurarium.memory.swarm_arena import Arena

TAKEN, FREE = "0.75", "#d8a200"
"""Colours of a reward that some body has taken, and of one that none has."""


def draw_swarm(
    axes: Any,
    arena: Arena,
    positions: Float[Tensor, "B 2"],
    phases: Float[Tensor, " B"] | None = None,
    *,
    taken: Any = (),
) -> Any:
    """Draw walls, cues (triangles), rewards (stars) and bodies on matplotlib axes.

    Args:
        axes: matplotlib axes; they lose their frame.
        arena: where the swarm is.
        positions: of the bodies.
        phases: the bodies' colours in radians; None draws them black.
        taken: indices of rewards that have been taken.

    Returns:
        The bodies' scatter and the rewards', for who wants to move them.

    Example:
        >>> import torch
        >>> from matplotlib.figure import Figure
        >>> walls = [(5, 5, 95, 5), (95, 5, 95, 65), (95, 65, 5, 65), (5, 65, 5, 5)]
        >>> arena = Arena(walls, [(20, 20)], [(80, 20)], spawns=[(30, 30, 15)])
        >>> bodies, rewards = draw_swarm(Figure().subplots(), arena, torch.tensor([[30.0, 30.0]]))
        >>> bodies.get_offsets().tolist()
        [[30.0, 30.0]]
    """
    for x1, y1, x2, y2 in arena.walls.tolist():
        axes.plot([x1, x2], [y1, y2], color="0.3", linewidth=1)
    axes.scatter(*arena.cues.T.tolist(), marker="^", s=18, color="#8f6fb0", linewidths=0)
    colors = [TAKEN if number in taken else FREE for number in range(len(arena.rewards))]
    rewards = axes.scatter(*arena.rewards.T.tolist(), marker="*", s=90, color=colors)
    style: dict[str, Any] = {"color": "black"}
    if phases is not None:
        style = {"c": phases.numpy(), "cmap": "hsv", "vmin": 0.0, "vmax": 2 * math.pi}
    bodies = axes.scatter(*positions.T.numpy(), s=7, linewidths=0, zorder=3, **style)
    width, height = arena.size
    axes.set(xlim=(0, width), ylim=(0, height), xticks=[], yticks=[], aspect="equal")
    axes.set_axis_off()
    return bodies, rewards


def animate_swarm(
    arena: Arena, run: Any, path: str | Path, *, stride: int = 5, fps: int = 20
) -> Path:
    """Write a film of a run: a GIF, or a page with a player that any browser shows.

    Args:
        arena: where it happened.
        run: the :class:`~neurarium.memory.Trajectories`.
        path: of the file, which ends in ``.gif`` or ``.html``.
        stride: steps of the run between two pictures.
        fps: pictures a second.

    Returns:
        The path.

    Raises:
        ValueError: for another ending, and a stride or a rate below 1.

    Example:
        >>> import tempfile, torch
        >>> from neurarium.memory import NeuroSwarms
        >>> walls = [(5, 5, 95, 5), (95, 5, 95, 65), (95, 65, 5, 65), (5, 65, 5, 5)]
        >>> arena = Arena(walls, [(20, 20)], [(80, 20)], spawns=[(30, 30, 15)])
        >>> run = NeuroSwarms(arena, 4, generator=torch.Generator().manual_seed(0)).run(0.2)
        >>> animate_swarm(arena, run, Path(tempfile.mkdtemp(), "swarm.gif")).read_bytes()[:6]
        b'GIF89a'
    """
    path = Path(path)
    if path.suffix not in (".gif", ".html"):
        raise ValueError(f"path must end in .gif or .html: got {path.name!r}")
    if stride < 1 or fps < 1:
        raise ValueError(f"stride and fps must be at least 1: got {stride} and {fps}")
    film = _film(arena, run, stride, fps)
    if path.suffix == ".gif":
        film.save(path, writer="pillow", fps=fps)
    else:
        path.write_text(film.to_jshtml(fps=fps, default_mode="loop"), encoding="utf-8")
    return path


def _film(arena: Arena, run: Any, stride: int, fps: int) -> Any:
    from matplotlib.animation import FuncAnimation
    from matplotlib.figure import Figure

    width, height = arena.size
    figure = Figure(figsize=(4 * width / height, 4))
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    is_swarm = run.positions.shape[1] == run.phases.shape[1]
    bodies, rewards = draw_swarm(axes, arena, run.positions[0], run.phases[0] if is_swarm else None)
    clock = axes.text(0.01, 0.99, "", transform=axes.transAxes, va="top", fontsize=9)
    clock.set_bbox({"color": "white", "pad": 1.0})

    def show(step: int) -> tuple[Any, ...]:
        now = float(run.times[step])
        bodies.set_offsets(run.positions[step].numpy())
        if is_swarm:
            bodies.set_array(run.phases[step].numpy())
        gone = (run.capture_times <= now).any(0).tolist()
        rewards.set_color([TAKEN if taken else FREE for taken in gone])
        clock.set_text(f"{now:.2f} s")
        return bodies, rewards, clock

    steps = range(0, len(run.times), stride)
    return FuncAnimation(figure, show, frames=steps, interval=1000 / fps, blit=False)
