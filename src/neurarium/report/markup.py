"""HTML from Python calls, escaped by construction: ``h("p", "a < b", class_="note")``."""

from __future__ import annotations

import html
from collections.abc import Iterable

VOID = frozenset({"meta", "link", "input", "img", "wbr"})


class Html(str):
    """Text that is already markup; every other string is escaped where it enters."""

    __slots__ = ()


def h(tag: str, *children: object, **attributes: object) -> Html:
    """An element.

    Args:
        tag: its name.
        children: markup, text (escaped), numbers, nested iterables; None is left out.
        attributes: ``class_`` and ``for_`` lose the underscore, others turn it into a dash; True
            gives a bare attribute, None and False leave it out.

    Example:
        >>> h("a", "R & D <1>", href="x?a=1&b=2", aria_label='say "hi"')
        '<a href="x?a=1&amp;b=2" aria-label="say &quot;hi&quot;">R &amp; D &lt;1&gt;</a>'
    """
    written = "".join(
        f" {_name(name)}" if value is True else f' {_name(name)}="{html.escape(str(value))}"'
        for name, value in attributes.items()
        if value is not None and value is not False
    )
    if tag in VOID:
        return Html(f"<{tag}{written}>")
    return Html(f"<{tag}{written}>{join(children)}</{tag}>")


def join(children: object) -> Html:
    """Children as one piece of markup."""
    if children is None:
        return Html("")
    if isinstance(children, Html):
        return children
    if isinstance(children, Iterable) and not isinstance(children, str):
        return Html("".join(join(child) for child in children))
    return Html(html.escape(str(children)))


def inline(text: str) -> Html:
    """A line of plain text in which `backticks` mark code."""
    parts = " ".join(text.split()).split("`")
    return join(h("code", part) if i % 2 else part for i, part in enumerate(parts))


def breakable(name: str) -> Html:
    """A name with underscores that may break a line after one."""
    first, *rest = name.split("_")
    return join((first, (("_", h("wbr"), part) for part in rest)))


def prose(text: str) -> Html:
    """Paragraphs of such lines; blank lines separate them."""
    return join(h("p", inline(block)) for block in text.split("\n\n") if block.strip())


def _name(attribute: str) -> str:
    return attribute.rstrip("_").replace("_", "-")
