"""A table as plain data: the terminal, the gallery and the recorded summary all show the same."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Table:
    """Rows of numbers or text under named columns.

    Args:
        title: one line above the table.
        columns: the column heads; the first names the rows.
        rows: one tuple a row, as long as ``columns``; numbers stay numbers, None is a gap.
        footer: rows set apart at the end, e.g. median rank, parameters, seconds.
        note: one line below the table.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str | float | int | None, ...], ...]
    footer: tuple[tuple[str | float | int | None, ...], ...] = ()
    note: str = ""
