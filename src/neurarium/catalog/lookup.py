"""Find a row, compute its state and verdict, print its citation: without importing torch."""

from __future__ import annotations

import difflib
import json
import re
import unicodedata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from .system import System

RESULTS = Path(__file__).parent.parent / "results"


def find(slug: str) -> System:
    """The system of that slug.

    Raises:
        ValueError: no such slug; the nearest ones are suggested.

    Example:
        >>> find("hopular").year
        2022
        >>> find("hopluar")
        Traceback (most recent call last):
        ValueError: slug must name a system: got 'hopluar'; did you mean hopular or hopfir?
    """
    from . import SYSTEMS

    by_slug = {system.slug: system for system in SYSTEMS}
    wanted = slug.strip().lower().replace("_", "-")
    if wanted in by_slug:
        return by_slug[wanted]
    containing = [name for name in by_slug if wanted and wanted in name]
    near = containing[:3] or difflib.get_close_matches(wanted, by_slug)
    advice = f"did you mean {' or '.join(near)}?" if near else "see `neurarium list`"
    raise ValueError(f"slug must name a system: got {slug!r}; {advice}")


def state(system: System) -> str:
    """``planned`` while a module is missing, ``importable``, or ``recorded`` with a verdict."""
    if not all(map(_exists, (*system.exports, system.experiment))):
        return "planned"
    return "recorded" if verdict(system) else "importable"


def verdict(system: System) -> str | None:
    """The recorded verdict on the headline claim, None before there is one."""
    recorded = summary(system)
    return recorded.get("verdict") if recorded else None


def summary(system: System, results: Path | None = None) -> dict[str, Any] | None:
    """The recorded summary of a system as it was written, None before there is one."""
    path = (results or RESULTS) / f"{system.slug}.json"
    if not path.is_file():
        return None
    recorded: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return recorded


def citation_key(system: System) -> str:
    """Surname of the first author, year, first word of the title, in ASCII."""
    surname = system.provenance.authors[0].split()[-1]
    word = next(w for w in re.split(r"[^\w-]+", system.title) if len(w) > 3)
    key = unicodedata.normalize("NFKD", f"{surname}{system.year}{word}").lower()
    return re.sub(r"[^a-z0-9]", "", key)


def bibtex(system: System) -> str:
    """The paper's BibTeX entry.

    Example:
        >>> print(bibtex(find("hopular")).splitlines()[0])
        @misc{schafl2022hopular,
    """
    return "\n".join(
        (
            f"@misc{{{citation_key(system)},",
            f"  title = {{{{{system.title}}}}},",
            f"  author = {{{' and '.join(system.provenance.authors)}}},",
            f"  year = {{{system.year}}},",
            f"  eprint = {{{system.arxiv}}},",
            "  archivePrefix = {arXiv},",
            f"  url = {{{system.url}}},",
            "}",
        )
    )


def _exists(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # its room does not exist yet
        return False
