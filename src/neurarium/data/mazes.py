"""The two mazes of NeuroSwarms: walls, cues, rewards and where agents start.

Monaco, Hwang, Schultz, Zhang, "Cognitive swarming in complex environments with attractor dynamics
and oscillatory computing", Biol. Cybern. 114 (2020) 269; drawings of jdmonaco/neuroswarms (MIT),
converted from SVG to CSV. They ship inside the package.
"""

from __future__ import annotations

import csv
import difflib
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import locate
from .entry import Dataset, File
from .locate import Root

if TYPE_CHECKING:
    import numpy as np

COLUMNS = ("kind", "x1", "y1", "x2_or_attr", "y2")


@dataclass(frozen=True, eq=False)
class Maze:
    """A drawing of an arena in points; x to the right, y upwards, all coordinates whole numbers.

    Args:
        name: what it was loaded as.
        size: width and height.
        walls: segments (x1, y1, x2, y2), (W, 4).
        cues: (C, 2).
        rewards: (R, 2).
        spawns: discs (x, y, radius) in which agents start, (D, 3).

    Example:
        >>> maze = load_maze("hairpin")
        >>> maze.size, len(maze.walls), len(maze.cues), len(maze.rewards), len(maze.spawns)
        ((885, 519), 20, 7, 3, 4)
    """

    name: str
    size: tuple[int, int]
    walls: np.ndarray
    cues: np.ndarray
    rewards: np.ndarray
    spawns: np.ndarray

    def copy(self) -> Maze:
        """An independent copy: changing its arrays changes no other."""
        arrays = (self.walls, self.cues, self.rewards, self.spawns)
        return Maze(self.name, self.size, *(array.copy() for array in arrays))


def read_maze(name: str, content: bytes | str) -> Maze:
    r"""A maze from a table with the columns kind, x1, y1, x2_or_attr, y2; y runs downwards there.

    Args:
        name: for messages.
        content: of the CSV file; kinds are size, wall, cue, reward and spawn.

    Raises:
        ValueError: other columns or kinds, no size, or a coordinate that is no number.

    Example:
        >>> lines = ["kind,x1,y1,x2_or_attr,y2", "size,9.5,6,,", "wall,1,2,8,2", "cue,3,1,,"]
        >>> read_maze("small", "\n".join(lines)).walls
        array([[1., 4., 8., 4.]])
    """
    import numpy as np

    text = content if isinstance(content, str) else content.decode("utf-8")
    reader = csv.DictReader(io.StringIO(text))
    if tuple(reader.fieldnames or ()) != COLUMNS:
        raise ValueError(
            f"{name} must have the columns {', '.join(COLUMNS)}: got {reader.fieldnames}"
        )
    found: dict[str, list[list[float]]] = {
        kind: [] for kind in ("size", "wall", "cue", "reward", "spawn")
    }
    for line, row in enumerate(reader, 2):
        if row["kind"] not in found:
            raise ValueError(
                f"kind must be one of {', '.join(found)}: got {row['kind']!r} "
                f"in line {line} of {name}"
            )
        try:
            found[row["kind"]].append([float(row[key] or 0) for key in COLUMNS[1:]])
        except ValueError:
            raise ValueError(f"coordinates must be numbers: got {row} in line {line}") from None
    if len(found["size"]) != 1:
        raise ValueError(f"{name} must have one row of kind size: got {len(found['size'])}")
    width, height = (math.ceil(value) for value in found["size"][0][:2])
    tables = {kind: np.round(np.array(rows).reshape(-1, 4)) for kind, rows in found.items()}
    for table in tables.values():
        table[:, 1] = height - table[:, 1]
    tables["wall"][:, 3] = height - tables["wall"][:, 3]
    return Maze(
        name,
        (width, height),
        tables["wall"],
        tables["cue"][:, :2],
        tables["reward"][:, :2],
        tables["spawn"][:, :3],
    )


def _read(name: str, contents: Sequence[Any]) -> Any:
    return read_maze(name, contents[0])


def _maze(name: str, title: str, sha256: str) -> Dataset:
    return Dataset(
        name=f"neuroswarms-mazes/{name}",
        title=title,
        files=(File(f"neuroswarms-mazes/{name}.csv", sha256),),
        read=_read,
        origin="https://github.com/jdmonaco/neuroswarms",
        licence="MIT",
        citation="Monaco, Hwang, Schultz, Zhang, Biol. Cybern. 114 (2020) 269-284",
    )


MAZES = {
    dataset.name.rpartition("/")[2]: dataset
    for dataset in (
        _maze(
            "multi_reward_arena",
            "an arena with three rewards, 519 x 519",
            "cead25844824f60c6395781ad651820e9ad1250a2d6f2a742a54a3481153f0b6",
        ),
        _maze(
            "hairpin",
            "a large hairpin maze with three rewards, 885 x 519",
            "4d9987cc1756253ed4978d0a0bcb14918118ef27f954f5a806258a580df6c786",
        ),
    )
}


def require_maze(name: str) -> str:
    """The name, if it is one of a maze; otherwise a ValueError that suggests the nearest."""
    if name not in MAZES:
        near = difflib.get_close_matches(str(name), MAZES, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else f"; they are {', '.join(MAZES)}"
        raise ValueError(f"name must be a known maze: got {name!r}{hint}")
    return name


def load_maze(name: str, root: Root = None) -> Maze:
    """One of the two mazes.

    Args:
        name: ``"multi_reward_arena"`` or ``"hairpin"``.
        root: a folder to look in before the package's own.

    Raises:
        ValueError: for another name, or a file with another content.

    Example:
        >>> load_maze("multi_reward_arena").rewards.astype(int).tolist()
        [[146, 142], [441, 168], [172, 465]]
    """
    dataset = MAZES[require_maze(name)]
    path = locate.find(dataset.files[0], root)
    if path is None:
        raise FileNotFoundError(f"{dataset.files[0].path} is missing from the package")
    return read_maze(name, locate.content(dataset.files[0], path))
