"""The model card of a system: what it is, when to use it, claims against measurements, origin."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping

from neurarium import catalog

from .forest import claimed, forest
from .markup import Html, h, inline, join, prose
from .numbers import number, signed
from .page import badge
from .recorded import Measured, Part, Recording, Table
from .standings import Standing, standings
from .svg import figure_svg
from .tables import data_table


def card(
    system: catalog.System,
    recording: Recording | None = None,
    local: Recording | None = None,
    speed: Table | None = None,
) -> Html:
    """The body of a system's page.

    Args:
        system: its row of the catalogue.
        recording: the recorded result, if there is one.
        local: the newest runs on this machine, if there are any.
        speed: its benchmark, if there is one.
    """
    return h(
        "div",
        _head(system, recording, local),
        _imports(system),
        _recorded(system, recording) if recording else _unmeasured(system),
        speed and _section("Speed", data_table(speed, system.slug, True)),
        local and _local(system, local, recording),
        _provenance(system),
        class_="wrap",
    )


def _head(system: catalog.System, recording: Recording | None, local: Recording | None) -> Html:
    state = catalog.state(system)
    label = recording.verdict if recording and recording.verdict else state
    planned = (
        h("p", "Planned: not in the library yet. What is known is below.", class_="stale")
        if state == "planned"
        else None
    )
    paper = h("p", h("strong", "The paper claims: "), f"{system.claim}. ", _paper_value(system))
    return h(
        "div",
        h(
            "nav",
            h("a", "All systems", href="index.html"),
            class_="crumbs",
            aria_label="Breadcrumb",
        ),
        h("h1", system.title),
        h(
            "div",
            badge(label),
            h("span", system.slug, class_="tag"),
            h("span", f"{system.family} · {system.kind} · {system.year}", class_="tag"),
            h("a", f"arXiv {system.arxiv}", href=system.url),
            h("a", "measured on this machine", href="#local") if local else None,
            class_="meta",
        ),
        planned,
        h("p", system.about, class_="lead"),
        paper if recording is None else None,
        h("p", h("strong", "Notice. "), inline(system.notice), class_="notice")
        if system.notice
        else None,
    )


def _paper_value(system: catalog.System) -> str:
    return f"Its number: {system.paper_value}." if system.paper_value else ""


def _imports(system: catalog.System) -> Html:
    lines = "\n".join(_import(room, names) for room, names in system.faces.items())
    planned = catalog.state(system) == "planned"
    return _section("Planned names" if planned else "Import", h("pre", h("code", lines)))


def _import(room: str, names: tuple[str, ...]) -> str:
    line = f"from {room} import {', '.join(names)}"
    if len(line) <= 88:
        return line
    folded = textwrap.fill(", ".join(names), 84, break_long_words=False, break_on_hyphens=False)
    return f"from {room} import (\n{textwrap.indent(folded, '    ')},\n)"


def _unmeasured(system: catalog.System) -> Html | None:
    """How to measure the claim of a system that nothing is recorded of."""
    if catalog.state(system) == "planned":
        return None
    return _section(
        "Measure it",
        h("p", "Nothing is recorded yet. This runs the experiment here, in a few minutes:"),
        h("pre", h("code", f"neurarium run {system.slug}"), class_="command"),
    )


def _recorded(system: catalog.System, recording: Recording) -> Html:
    stale = h(
        "p",
        "Stale: the code that was measured is no longer today’s. The numbers below are those that "
        "were recorded; run the command again for today’s.",
        class_="stale",
    )
    wins = [s for part in recording.parts for s in standings(part, system.slug)]

    def result(part: Part) -> Html:
        several = len(recording.parts) > 1
        return join((h("h3", part.name) if several else None, _results(system, part)))

    return join(
        (
            stale if recording.stale else None,
            _section("Claims against measurement", *map(_claims, recording.parts)),
            _explanation(recording),
            _section("When to use it, and when not", _when(wins)) if wins else None,
            _section("Results", *map(result, recording.parts)),
            _section("Compute it again", *(_again(system, p) for p in recording.parts)),
        )
    )


def _local(system: catalog.System, local: Recording, recording: Recording | None) -> Html:
    presets = ", ".join(dict.fromkeys(part.preset for part in local.parts))
    parts = recording.parts if recording else ()
    recorded = {claim.statement: claim.verdict for part in parts for claim in part.claims}
    several = len(local.parts) > 1
    return h(
        "section",
        h("h2", "Measured on this machine"),
        h(
            "p",
            f"The latest run, preset {presets}. The verdict beside each measurement is the "
            "recorded one, of the full preset; smaller presets are too small for a verdict.",
        ),
        (
            h(
                "div",
                h("h3", part.name) if several else None,
                _claims(part, recorded),
                _results(system, part),
                _list(part.facts),
            )
            for part in local.parts
        ),
        class_="local",
        id="local",
    )


def _claims(part: Part, recorded: Mapping[str, str | None] | None = None) -> Html:
    """Every claim of a part; with ``recorded``, verdicts are those of an earlier, full run."""
    cards = (_claim(claim, part, _verdict(claim, recorded)) for claim in part.claims)
    return h("div", cards, class_="claims")


def _verdict(claim: Measured, recorded: Mapping[str, str | None] | None) -> Html:
    if recorded is None:
        return badge(claim.verdict or "no verdict")
    verdict = recorded.get(claim.statement)
    return badge(verdict, before="recorded: ") if verdict else badge("no recorded verdict")


def _claim(claim: Measured, part: Part, verdict: Html) -> Html:
    rows: list[tuple[str, object]] = [("Claimed effect", claimed(claim.side))]
    if claim.effect is not None:
        rows.append(("Measured", f"{signed(claim.effect)}{_interval(claim)}"))
    else:
        rows.append(("Measured", "nothing in this run"))
    if claim.reason and claim.verdict:
        rows.append(("Why", claim.reason))
    if claim.paper_value:
        rows.append(("The paper’s number", claim.paper_value))
    rows.append(("In the paper", claim.source))
    place = f"{part.name}, {part.preset}" if part.name != "main" else part.preset
    return h(
        "article",
        verdict,
        h("span", f"  {'headline · ' if claim.headline else ''}{place}", class_="tag"),
        h("h4", claim.statement),
        forest(claim, large=True),
        h("dl", ((h("dt", name), h("dd", value)) for name, value in rows)),
        class_="panel headline" if claim.headline else "panel",
    )


def _interval(claim: Measured) -> str:
    units = f", {claim.units} unit{'s' if claim.units > 1 else ''}" if claim.units else ""
    if claim.interval is None:
        return f"; no interval{units}"
    low, high = claim.interval
    return f", 95 % interval {signed(low)} to {signed(high)}{units}"


def _explanation(recording: Recording) -> Html | None:
    if not recording.explanation:
        return None
    return _section("Why the verdict is what it is", prose(recording.explanation))


def _when(found: list[Standing]) -> Html:
    wins = sorted((s for s in found if s.gain > 0), key=lambda s: -s.gain)
    losses = sorted((s for s in found if s.gain < 0), key=lambda s: s.gain)
    even = len(found) - len(wins) - len(losses)

    def column(title: str, chosen: list[Standing], total: int) -> Html:
        items = (
            h("li", h("strong", s.row), f": {number(s.ours)}, {s.rival} {number(s.theirs)}")
            for s in chosen[:6]
        )
        more = h("li", f"and {len(chosen) - 6} more", class_="quiet") if len(chosen) > 6 else None
        return h(
            "div",
            h("h3", f"{title} on {len(chosen)} of {total}"),
            h("ul", items, more) if chosen else h("p", "Nowhere in this table."),
            class_="panel",
        )

    return join(
        (
            h(
                "p",
                "Read off the measured table, against the best of all other methods on each row"
                f"{f'; equal on {even}' if even else ''}. A difference within the spread of the "
                "seeds is no reason to choose either.",
            ),
            h(
                "div",
                column("Ahead of the best rival", wins, len(found)),
                column("Behind the best rival", losses, len(found)),
                class_="two",
            ),
        )
    )


def _results(system: catalog.System, part: Part) -> Html:
    tables = (data_table(table, system.slug, part.higher_is_better) for table in part.tables)
    return join((tables, (_figure(name, svg, part) for name, svg in part.figures.items())))


def _figure(name: str, source: str, part: Part) -> Html:
    title = name.replace("_", " ")
    drawing = figure_svg(source, f"{part.name}-{part.preset}-{name}-", f"Figure: {title}")
    return h("figure", drawing, h("figcaption", title), class_="panel")


def _again(system: catalog.System, part: Part) -> Html:
    flag = "" if part.name == "main" else f" --part {part.name}"
    command = f"neurarium run {system.slug}{flag} --preset {part.preset} --record"
    config = json.dumps(part.config, indent=1, ensure_ascii=False)
    return join(
        (
            h("pre", h("code", command), class_="command"),
            _list(part.facts),
            h("details", h("summary", "Configuration"), h("pre", h("code", config)))
            if part.config
            else None,
        )
    )


def _provenance(system: catalog.System) -> Html:
    origin = system.provenance
    code = origin.repository or "none found"
    if origin.repository and "/" in origin.repository:
        url = f"https://github.com/{origin.repository}"
        code = h("a", origin.repository, href=url)
    licence = origin.licence or ("not looked up" if origin.repository else "")
    rows = {
        "Authors": ", ".join(a if a != "others" else "and others" for a in origin.authors),
        "Their code": code,
        "Its licence": licence,
        "Ours": "written for this library, Apache-2.0",
        "Parity": origin.parity or "not measured",
    }
    return join(
        (
            _section("Provenance", _list(rows)),
            _section(
                "Where ours differs",
                h("ul", (h("li", inline(line)) for line in origin.deviations)),
            )
            if origin.deviations
            else None,
            _section("Citation", h("pre", h("code", catalog.bibtex(system)))),
        )
    )


def _list(rows: Mapping[str, object]) -> Html:
    items = ((h("dt", name), h("dd", value)) for name, value in rows.items() if value)
    return h("dl", items, class_="plain")


def _section(title: str, *content: object) -> Html:
    return h("section", h("h2", title), *content)
