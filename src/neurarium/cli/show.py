"""``neurarium show SLUG``: what a system is, what was measured, where it comes from."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

import tyro

from neurarium import catalog

from .arguments import Switch, parse

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
    bibtex: Switch = False
    licence: Switch = False


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
    state = catalog.state(system)
    names = (name if name != "others" else "and others" for name in system.provenance.authors)
    yield "paper", f"{', '.join(names)}. {system.url}"
    yield "kind", f"{system.kind} of the family {system.family}; {state}"
    yield "about", system.about
    yield "claim", system.claim
    yield "published", system.paper_value
    yield "verdict", catalog.verdict(system) or "none recorded yet"
    yield from _measurement(system)
    for room, public in system.faces.items():
        yield (
            "import",
            f"from {room} import {', '.join(public)}"
            + (" (planned)" if state == "planned" else ""),
        )
    if state != "planned":
        yield "recompute", f"neurarium run {system.slug}"
    yield from _terms(system)
    yield "parity", system.provenance.parity or "not measured yet"
    for deviation in system.provenance.deviations:
        yield "deviation", deviation


def _measurement(system: catalog.System) -> Iterator[tuple[str, str]]:
    """The recorded headline claim, and whether the code has changed since."""
    if catalog.verdict(system) is None:
        return
    from neurarium.report.numbers import signed
    from neurarium.report.recorded import recording

    recorded = recording(system)
    if recorded is None or (claim := recorded.headline) is None:
        return
    yield "tested", claim.statement
    if claim.effect is not None:
        ends = f" [{', '.join(map(signed, claim.interval))}]" if claim.interval else ""
        yield "measured", f"{signed(claim.effect)}{ends}, n = {claim.units}; {claim.reason}"
    if recorded.stale:
        yield "stale", "recorded with other code than today's; `neurarium run` measures again"


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
