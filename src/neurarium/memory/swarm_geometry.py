"""What the walls of an arena imply at each of its integer points: interior, barriers, sight.

After the code of NeuroSwarms (Monaco, Hwang, Schultz, Zhang, "Cognitive swarming in complex
environments with attractor dynamics and oscillatory computing", Biol. Cybern. 114 (2020) 269,
https://doi.org/10.1007/s00422-020-00823-z). Maps are indexed [x, y].
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Map = NDArray[Any]

BARRIER_LENGTH = 10.0
"""Points over which a wall's repulsion falls by a factor e."""

TILE_SPACING = 20.0
"""Points between the centres of neighbouring visibility tiles."""

DIAGONAL = math.sqrt(0.5)
RAYS = np.array(
    [
        (0, 1),
        (0, -1),
        (1, 0),
        (-1, 0),
        (DIAGONAL, DIAGONAL),
        (DIAGONAL, -DIAGONAL),
        (-DIAGONAL, DIAGONAL),
        (-DIAGONAL, -DIAGONAL),
    ]
)
"""Unit vectors of the eight compass rays."""


def rasterize(walls: Map, size: tuple[int, int]) -> Map:
    """True on the points of wall segments (x1, y1, x2, y2), whose ends are rounded."""
    raster = np.zeros(size, dtype=bool)
    for x1, y1, x2, y2 in np.round(walls).astype(int):
        count = max(abs(x2 - x1), abs(y2 - y1)) + 1
        x = np.round(np.linspace(x1, x2, count)).astype(int)
        y = np.round(np.linspace(y1, y2, count)).astype(int)
        inside = (x >= 0) & (x < size[0]) & (y >= 0) & (y < size[1])
        raster[x[inside], y[inside]] = True
    return raster


def interior_of(raster: Map, seeds: Map) -> Map:
    """True on the points that a flood from the seeds (…, 2) reaches without crossing a wall."""
    from scipy import ndimage

    regions, _ = ndimage.label(~raster)
    x, y = np.round(seeds).astype(int).T
    return np.isin(regions, regions[x, y]) & ~raster


def ray_lengths(interior: Map) -> Map:
    """Steps along each of the eight rays to where the interior ends or begins; ∞ off the map."""
    lengths = np.empty((*interior.shape, len(RAYS)))
    for ray, direction in enumerate(np.sign(RAYS).astype(int)):
        lengths[..., ray] = _run_lengths(interior, *direction)
    return lengths


def _run_lengths(interior: Map, dx: int, dy: int) -> Map:
    """Row by row against the direction: 1 at a change, else one more than the next point."""
    if dx == 0:
        return _run_lengths(interior.T, dy, dx).T
    same, flip = interior[::-dx], slice(None, None, -dx)  # the ray now leads to earlier rows
    lengths = np.full(same.shape, np.inf)
    for row in range(1, len(same)):
        before, following = _shifted(same[row - 1], dy), _shifted(lengths[row - 1], dy)
        known = ~np.isnan(before)
        changed = before != same[row]
        lengths[row] = np.where(known, np.where(changed, 1.0, following + 1), np.inf)
    return lengths[flip]


def _shifted(row: Map, dy: int) -> Map:
    """The neighbours of a row's points in direction dy; NaN off the map."""
    padded = np.full(len(row) + 2, np.nan)
    padded[1:-1] = row
    return padded[1 + dy : len(padded) - 1 + dy]


def barriers(interior: Map) -> tuple[Map, Map]:
    """How much of a motion a wall takes over (W, H), in [0, 1], and where it pushes (W, H, 2)."""
    from scipy import ndimage

    lengths = ray_lengths(interior)
    inside = np.exp(-lengths / BARRIER_LENGTH).max(-1)
    window = 2 * (int(BARRIER_LENGTH) // 2) + 1
    strength = np.where(interior, inside, 1.0)
    strength = ndimage.median_filter(strength, window, mode="constant", cval=0.0)
    strength[~interior] = 1.0
    strength -= strength.min()
    finite = np.isfinite(lengths)
    near = np.where(finite, 1 / lengths, 0.0)
    far = np.where(finite, lengths, 0.0)
    weight = np.where(interior[..., None], near, far)
    total = weight.sum(-1, keepdims=True)
    normal = (weight / np.where(total > 0, total, 1.0)) @ RAYS
    return strength / (strength.max() or 1.0), np.where(interior[..., None], -normal, normal)


def tile_centres(interior: Map) -> Map:
    """Points (T, 2) of a hexagonal lattice that lie in the interior, sorted by x, then y."""
    width, height = interior.shape
    rise = TILE_SPACING * math.sqrt(0.75)
    rows = np.arange(math.ceil(height / rise))
    columns = np.arange(math.ceil(width / TILE_SPACING) + 1)[:, None] + rows % 2 / 2
    points = np.stack([columns, np.broadcast_to(rows, columns.shape)], -1).reshape(-1, 2)
    lattice = np.round(points * (TILE_SPACING, rise)).astype(int)
    lattice = lattice[(lattice < interior.shape).all(1)]
    lattice = lattice[interior[tuple(lattice.T)]]
    return lattice[np.lexsort(lattice.T[::-1])]


def nearest_tile(tiles: Map, size: tuple[int, int]) -> Map:
    """The tile whose centre is nearest to each point (W, H)."""
    from scipy import ndimage

    marks = np.ones(size, dtype=bool)
    marks[tuple(tiles.T)] = False
    x, y = ndimage.distance_transform_edt(marks, return_distances=False, return_indices=True)
    number = np.zeros(size, dtype=np.int64)
    number[tuple(tiles.T)] = np.arange(len(tiles))
    return number[x, y]


def lines_of_sight(interior: Map, tiles: Map, targets: Map) -> Map:
    """Whether a walk of unit steps from each tile to each target stays inside (T, P)."""
    blocked = np.ascontiguousarray(~interior)
    return _walker()(blocked, tiles.astype(float), targets.astype(float))


@cache
def _walker() -> Any:
    """Compiled on first use, so that importing the room does not import numba."""
    from numba import njit

    return njit(cache=True)(_walks)


def _walks(blocked: Map, sources: Map, targets: Map) -> Map:
    seen = np.zeros((len(sources), len(targets)), dtype=np.bool_)
    width, height = blocked.shape
    for i in range(len(sources)):
        for j in range(len(targets)):
            x, y = sources[i]
            x1, y1 = targets[j]
            angle = np.arctan2(y1 - y, x1 - x)
            dx, dy = np.cos(angle), np.sin(angle)
            right, above = x1 > x, y1 > y
            reached = x1 == x and y1 == y
            while not reached:
                x += dx
                y += dy
                column, row = round(x), round(y)
                passed = (x1 > column) != right or (y1 > row) != above
                if not (0 <= column < width and 0 <= row < height):
                    reached = passed
                    break
                if blocked[int(column), int(row)]:
                    break
                reached = passed
            seen[i, j] = reached
    return seen
