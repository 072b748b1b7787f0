"""An arena with walls, as the maps that NeuroSwarms looks positions up in.

After the code of NeuroSwarms (Monaco, Hwang, Schultz, Zhang, Biol. Cybern. 114 (2020) 269,
https://doi.org/10.1007/s00422-020-00823-z).
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor


class Arena:
    """Walls that hold agents back and block their sight, with cues, rewards and starting places.

    The interior is what a flood from the centres of the starting discs reaches. On its integer
    points are known: how much of a motion the walls take over and where they push, and the nearest
    tile of a coarse hexagonal lattice, between whose centres lines of sight are drawn.

    Args:
        walls: segments (x1, y1, x2, y2), (W, 4).
        cues: points (C, 2), landmarks.
        rewards: points (R, 2) in the interior.
        spawns: discs (x, y, radius), (D, 3), in which agents start; by default discs of radius 50
            around the rewards.
        size: width and height; by default what holds all walls.

    Raises:
        ValueError: for other shapes, coordinates that are not finite, a starting disc whose centre
            is on or outside the walls, a reward outside the interior, or no room to start in.

    Example:
        >>> walls = [(5, 5, 95, 5), (95, 5, 95, 65), (95, 65, 5, 65), (5, 65, 5, 5)]
        >>> arena = Arena(walls + [(50, 5, 50, 45)], [(20, 20)], [(80, 20)], spawns=[(25, 25, 12)])
        >>> arena.interior.shape, len(arena.tile_sight)
        (torch.Size([97, 67]), 13)
        >>> left, right = arena.tile_of(torch.tensor([[25.0, 20.0], [75.0, 20.0]]))
        >>> bool(arena.tile_sight[left, right]), bool(arena.reward_sight[right, 0])
        (False, True)
    """

    interior: Bool[Tensor, "W H"]
    barrier: Float[Tensor, "W H"]
    normal: Float[Tensor, "W H 2"]
    tile: Int[Tensor, "W H"]
    tile_sight: Bool[Tensor, "T T"]
    cue_sight: Bool[Tensor, "T C"]
    reward_sight: Bool[Tensor, "T R"]
    cues: Float[Tensor, "C 2"]
    rewards: Float[Tensor, "R 2"]
    starts: Float[Tensor, "P 2"]
    scale: float

    def __init__(
        self,
        walls: Any,
        cues: Any,
        rewards: Any,
        *,
        spawns: Any = None,
        size: tuple[int, int] | None = None,
    ) -> None:
        from neurarium.memory import swarm_geometry as geometry

        table = _table("walls", walls, 4)
        self.walls = torch.from_numpy(table)
        self.cues = torch.from_numpy(_table("cues", cues, 2).round())
        self.rewards = torch.from_numpy(_table("rewards", rewards, 2).round())
        discs = _table("spawns", spawns, 3) if spawns is not None else _around(self.rewards)
        if not len(discs):
            raise ValueError("spawns must hold at least one disc where there are no rewards")
        if size is None:
            corners = table.reshape(-1, 2).max(0, initial=0.0)
            size = (math.ceil(corners[0]) + 2, math.ceil(corners[1]) + 2)
        raster = geometry.rasterize(table, size)
        for name, points in (("spawns", discs[:, :2]), ("rewards", self.rewards.numpy())):
            _require_free(name, points, ~raster)
        interior = geometry.interior_of(raster, discs[:, :2])
        _require_free("rewards", self.rewards.numpy(), interior)
        self._draw(geometry, interior, discs)

    def _draw(self, geometry: Any, interior: Any, discs: Any) -> None:
        """Every map."""
        import numpy as np

        barrier, normal = geometry.barriers(interior)
        tiles = geometry.tile_centres(interior)
        if not len(tiles):
            raise ValueError(
                f"walls must leave room for a visibility tile: got {int(interior.sum())} points"
            )
        sights = (
            geometry.lines_of_sight(interior, tiles, np.asarray(points))
            for points in (tiles, self.cues, self.rewards)
        )
        self.interior = torch.from_numpy(interior)
        self.barrier, self.normal = torch.from_numpy(barrier), torch.from_numpy(normal)
        self.tile = torch.from_numpy(geometry.nearest_tile(tiles, interior.shape))
        self.tile_sight, self.cue_sight, self.reward_sight = map(torch.from_numpy, sights)
        self.scale = math.sqrt(0.5) * math.sqrt(interior.sum() / math.pi)
        points = np.argwhere(interior)
        distances = np.linalg.norm(points[:, None] - discs[:, :2], axis=-1)
        clear = geometry.ray_lengths(interior).min(-1)[interior] >= geometry.BARRIER_LENGTH
        starts = points[(distances <= discs[:, 2]).any(1) & clear]
        if not len(starts):
            raise ValueError(
                "spawns must hold a point at least "
                f"{geometry.BARRIER_LENGTH:g} from the walls: got none"
            )
        self.starts = torch.from_numpy(starts.astype(float))

    @classmethod
    def from_csv(cls, path: str | Path) -> Arena:
        """An arena from a table of walls, cues, rewards and spawns.

        Args:
            path: of a CSV file as :func:`neurarium.data.read_maze` takes it.
        """
        from neurarium.data.mazes import read_maze

        maze = read_maze(Path(path).name, Path(path).read_bytes())
        return cls(maze.walls, maze.cues, maze.rewards, spawns=maze.spawns, size=maze.size)

    @classmethod
    def from_maps(
        cls,
        *,
        barrier: Float[Tensor, "W H"],
        normal: Float[Tensor, "W H 2"],
        tile: Int[Tensor, "W H"],
        tile_sight: Tensor,
        cue_sight: Tensor,
        reward_sight: Tensor,
        cues: Tensor,
        rewards: Tensor,
        scale: float,
    ) -> Arena:
        """An arena whose maps are known; its agents must be placed by hand.

        Args:
            barrier: how much of a motion the walls take over, in [0, 1]; the interior is below 1.
            normal: where they push.
            tile: number of the visibility tile of each point.
            tile_sight: which tile sees which, (T, T).
            cue_sight: (T, C).
            reward_sight: (T, R).
            cues: (C, 2).
            rewards: (R, 2).
            scale: what distances in parameters are multiplied by.
        """
        if normal.shape != (*barrier.shape, 2) or tile.shape != barrier.shape:
            raise ValueError(
                f"normal and tile must fit the barrier map {list(barrier.shape)}: "
                f"got {list(normal.shape)} and {list(tile.shape)}"
            )
        arena = cls.__new__(cls)
        arena.walls = torch.zeros(0, 4, dtype=torch.float64)
        arena.barrier, arena.normal = barrier.double(), normal.double()
        arena.interior, arena.tile = barrier < 1, tile.long()
        sights = (sight.bool() for sight in (tile_sight, cue_sight, reward_sight))
        arena.tile_sight, arena.cue_sight, arena.reward_sight = sights
        arena.cues, arena.rewards, arena.scale = cues.double(), rewards.double(), scale
        arena.starts = torch.zeros(0, 2, dtype=torch.float64)
        return arena

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.barrier.shape[0], self.barrier.shape[1]

    def __repr__(self) -> str:
        width, height = self.size
        return (
            f"Arena({width} x {height}, {len(self.walls)} walls, {len(self.cues)} cues, "
            f"{len(self.rewards)} rewards, {len(self.tile_sight)} tiles)"
        )

    def sample_starts(
        self, count: int, *, generator: torch.Generator | None = None
    ) -> Float[Tensor, "count 2"]:
        """Random starting points, each taken once while there are enough.

        Args:
            count: how many.
            generator: draws them.
        """
        total = len(self.starts)
        if not total:
            raise ValueError("positions must be given in an arena made of maps: got none")
        if count > total:
            return self.starts[torch.randint(total, (count,), generator=generator)]
        return self.starts[torch.randperm(total, generator=generator)[:count]]

    def point_of(self, positions: Float[Tensor, "N 2"]) -> tuple[Tensor, Tensor]:
        """Indices of the points that positions round to; beyond the map its edge counts."""
        x, y = positions.round().long().unbind(-1)
        width, height = self.size
        return x.clamp(0, width - 1), y.clamp(0, height - 1)

    def tile_of(self, positions: Float[Tensor, "N 2"]) -> Int[Tensor, " N"]:
        """The visibility tile of each position."""
        return self.tile[self.point_of(positions)]

    def deflect(
        self, moves: Float[Tensor, "N 2"], positions: Float[Tensor, "N 2"]
    ) -> Float[Tensor, "N 2"]:
        """Turn moves away from the walls at the positions that they would lead to.

        Args:
            moves: displacements or velocities.
            positions: where the walls are felt.
        """
        point = self.point_of(positions)
        share = self.barrier[point].to(moves)[:, None]
        length = torch.linalg.vector_norm(moves, dim=-1, keepdim=True)
        return (1 - share) * moves + share * length * self.normal[point].to(moves)


def _table(name: str, rows: Any, width: int) -> Any:
    """Rows of finite numbers as a float64 array."""
    import numpy as np

    try:
        table = np.array(rows, dtype=np.float64).reshape(-1, width) if len(rows) else None
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be rows of {width} numbers: got {rows!r:.60}") from None
    if table is None:
        return np.zeros((0, width))
    if not np.isfinite(table).all():
        raise ValueError(f"{name} must be finite: got {table[~np.isfinite(table)][0]}")
    return table


def _around(rewards: Tensor) -> Any:
    return torch.cat([rewards, torch.full((len(rewards), 1), 50.0)], 1).numpy()


def _require_free(name: str, points: Any, free: Any) -> None:
    """Raise unless every point rounds to a point of the map that is free."""
    for x, y in points.round().astype(int).tolist():
        inside = 0 <= x < free.shape[0] and 0 <= y < free.shape[1]
        if not (inside and free[x, y]):
            raise ValueError(f"{name} must lie inside the walls: got ({x}, {y})")
