"""Where a system wins and where it loses, read off the measured table: when to use it, when not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeGuard

from .recorded import Part, Table


@dataclass(frozen=True)
class Standing:
    """One row of a table: ours beside the best of the others."""

    row: str
    ours: float
    rival: str
    theirs: float
    gain: float  # positive where ours is better, whichever end of the metric wins


def ours_of(table: Table, slug: str) -> int | None:
    """The column of a table that holds the system itself."""
    wanted = slug.replace("-", "").replace("_", "")
    for index, name in enumerate(table.columns[1:], start=1):
        if name.lower().replace("-", "").replace("_", "").replace(" ", "") == wanted:
            return index
    return None


def standings(part: Part, slug: str) -> tuple[Standing, ...]:
    """Ours against the best other method, one a row of the part's first table that has ours."""
    for table in part.tables:
        ours = ours_of(table, slug)
        if ours is not None:
            found = (_standing(row, table, ours, part.higher_is_better) for row in table.rows)
            return tuple(standing for standing in found if standing)
    return ()


def best_columns(row: tuple[object, ...], higher_is_better: bool) -> frozenset[int]:
    """The columns of a row that hold its best number."""
    numbers = {i: v for i, v in enumerate(row) if i and _is_number(v)}
    if len(numbers) < 2:
        return frozenset()
    best = (max if higher_is_better else min)(numbers.values())
    return frozenset(i for i, v in numbers.items() if v == best)


def _standing(
    row: tuple[object, ...], table: Table, ours: int, higher_is_better: bool
) -> Standing | None:
    mine = row[ours]
    others = {i: v for i, v in enumerate(row) if i not in (0, ours) and _is_number(v)}
    if not _is_number(mine) or not others:
        return None
    rival = (max if higher_is_better else min)(others, key=lambda i: others[i])
    theirs = others[rival]
    gain = (mine - theirs) if higher_is_better else (theirs - mine)
    return Standing(str(row[0]), mine, table.columns[rival], theirs, gain)


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
