"""``neurarium list``: the catalogue with state and verdict, without importing torch."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from neurarium import catalog

from .arguments import Switch, as_json, parse

_KEYS = ("slug", "title", "arxiv", "year", "family", "kind", "state", "verdict")


@dataclass(frozen=True)
class List:
    """List the systems of the catalogue.

    Args:
        family: only this family, e.g. memory.
        json: print a JSON list instead of a table.
    """

    family: str | None = None
    json: Switch = False


def main(words: Sequence[str]) -> int:
    """Print the rows."""
    options = parse(List, words, "list")
    if options.family not in (None, *catalog.FAMILIES):
        raise ValueError(
            f"--family must be one of {', '.join(catalog.FAMILIES)}: got {options.family!r}"
        )
    rows: list[dict[str, object]] = [
        {
            "slug": system.slug,
            "title": system.title,
            "arxiv": system.arxiv,
            "year": system.year,
            "family": system.family,
            "kind": system.kind,
            "state": catalog.state(system),
            "verdict": catalog.verdict(system),
        }
        for system in catalog.SYSTEMS
        if options.family in (None, system.family)
    ]
    print(as_json(rows) if options.json else _table(rows))
    return 0


def _table(rows: list[dict[str, object]]) -> str:
    """Columns as wide as their content, the title last and cut only for a terminal."""
    columns = ("slug", "family", "kind", "year", "state", "verdict", "title")
    cells = [columns, *(tuple(str(row[c] or "-") for c in columns) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = ("  ".join(map(str.ljust, row, widths)).rstrip() for row in cells)
    limit = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    return "\n".join(line[:limit] for line in lines)
