"""``neurarium show SLUG``: what a system is, what was measured, where it comes from."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

import tyro

from neurarium import catalog

from .arguments import parse

_WIDTH = 100


@dataclass(frozen=True)
class Show:
    """Show one system.

    Args:
        slug: the system, as `neurarium list` names it.
        bibtex: print only the citation of the paper, as BibTeX.
        licence: print only the terms: ours, those of the authors' code, and any notice.
    """

    slug: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="SLUG")]
    bibtex: bool = False
    licence: bool = False


def main(words: Sequence[str]) -> int:
    """Print the card, or only what is asked for."""
    options = parse(Show, words, "show")
    system = catalog.find(options.slug)
    parts = []
    if options.bibtex:
        parts.append(catalog.bibtex(system))
    if options.licence:
        parts.append("\n".join(_paragraph(name, text) for name, text in _terms(system)))
    print("\n".join(parts or [_card(system)]))
    return 0


def _card(system: catalog.System) -> str:
    paragraphs = [_paragraph(name, text) for name, text in _facts(system) if text]
    return "\n".join([f"{system.title} ({system.year})", "", *paragraphs])


def _facts(system: catalog.System) -> Iterator[tuple[str, str]]:
    yield "paper", f"{', '.join(system.provenance.authors)}. {system.url}"
    yield "kind", f"{system.kind} of the family {system.family}; {catalog.state(system)}"
    yield "about", system.about
    yield "claim", system.claim
    yield "published", system.paper_value
    yield "verdict", catalog.verdict(system) or "none recorded yet"
    for room, public in system.faces.items():
        yield "import", f"from {room} import {', '.join(public)}"
    yield "recompute", f"neurarium run {system.slug} --preset quick"
    yield from _terms(system)
    yield "parity", system.provenance.parity or "not measured yet"
    for deviation in system.provenance.deviations:
        yield "deviation", deviation


def _terms(system: catalog.System) -> Iterator[tuple[str, str]]:
    yield "licence", "Apache-2.0: this implementation is our own"
    if system.provenance.repository:
        terms = system.provenance.licence or "licence not looked up"
        yield "authors", f"{system.provenance.repository} ({terms})"
    if system.notice:
        yield "notice", system.notice


def _paragraph(name: str, text: str) -> str:
    return textwrap.fill(
        text,
        _WIDTH,
        initial_indent=f"{name:<12}",
        subsequent_indent=" " * 12,
        break_on_hyphens=False,
    )
