"""The scoreboard: all systems, the headline claim of each beside its measurement."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from neurarium import catalog

from .forest import forest
from .markup import Html, h, join
from .numbers import number, signed
from .page import badge
from .recorded import Measured, Recording


def scoreboard(
    recordings: Mapping[str, Recording],
    local: Mapping[str, Recording],
    speed: Mapping[str, float | None],
) -> Html:
    """The body of the index page.

    Args:
        recordings: slug → what was recorded.
        local: slug → the newest runs on this machine.
        speed: slug → the ratio to the reference that its benchmark headlines.
    """
    states = {system.slug: catalog.state(system) for system in catalog.SYSTEMS}
    labels = {
        slug: recordings[slug].verdict or state if slug in recordings else state
        for slug, state in states.items()
    }
    rows = (
        _row(
            system,
            labels[system.slug],
            recordings.get(system.slug),
            speed.get(system.slug),
            local.get(system.slug),
        )
        for system in catalog.SYSTEMS
    )
    heads = (
        ("System", "title"),
        ("Claim of the paper", None),
        ("Measured effect, 95 % interval", "effect"),
        ("Verdict", "verdict"),
        ("Speed", "speed"),
    )
    table = h(
        "table",
        h("thead", h("tr", (h("th", name, scope="col", data_sort=key) for name, key in heads))),
        h("tbody", rows),
        class_="board",
        aria_label="Scoreboard of all systems",
    )
    return h(
        "div",
        _hero(labels),
        _filters(labels),
        h("div", table, class_="panel"),
        h("p", *_legend(), class_="quiet small"),
        class_="wrap",
    )


def _hero(labels: Mapping[str, str]) -> Html:
    counts = Counter(labels.values())
    judged = {label: n for label, n in counts.items() if label not in ("planned", "importable")}
    facts = {
        "systems": len(labels),
        "importable": len(labels) - counts["planned"],
        **judged,
        "planned": counts["planned"],
    }
    return h(
        "div",
        h("h1", "Published claims, measured"),
        h(
            "p",
            "Neural architectures that the mainstream frameworks leave out, as one PyTorch "
            "library. Every system is an import, every claim a command: real data, strong "
            "baselines at equal budget, seeds, an interval, and a verdict that is computed. A "
            "claim that fails is shown as plainly as one that holds.",
        ),
        h(
            "dl",
            (h("div", h("dt", name), h("dd", count)) for name, count in facts.items() if count),
            class_="facts",
        ),
        class_="hero",
    )


def _filters(labels: Mapping[str, str]) -> Html:
    def select(name: str, text: str, options: list[str]) -> Html:
        choices = (h("option", option, value=option) for option in options)
        return h("label", text, h("select", h("option", "all", value=""), choices, id=name))

    verdicts = sorted(set(labels.values()), key=lambda label: (label == "planned", label))
    return h(
        "div",
        h("label", "Search", h("input", type="search", id="search", placeholder="name or claim")),
        select("family", "Family", list(catalog.FAMILIES)),
        select("verdict", "Verdict", verdicts),
        h("output", id="shown"),
        class_="filters",
        hidden=True,
        role="search",
    )


def _row(
    system: catalog.System,
    label: str,
    recording: Recording | None,
    speed: float | None,
    local: Recording | None,
) -> Html:
    headline = recording.headline if recording else None
    name = h(
        "th",
        h("a", system.slug, href=f"{system.slug}.html", class_="name"),
        h("span", system.title, class_="title"),
        h("a", f"arXiv {system.arxiv}", href=system.url, class_="tag"),
        h("span", f" · {system.family}", class_="tag"),
        scope="row",
    )
    paper = headline.paper_value if headline else system.paper_value
    claim = h(
        "td",
        headline.statement if headline else system.claim,
        h("span", f"Paper: {paper}", class_="title") if paper else None,
        class_="claim",
    )
    stale = h("span", " stale", class_="tag") if recording and recording.stale else None
    here = h("a", "measured here", href=f"{system.slug}.html#local", class_="tag here")
    ratio = f"{number(speed)}×" if speed else "–"
    return h(
        "tr",
        name,
        claim,
        h("td", measured(headline), class_="measured"),
        h("td", badge(label), stale, here if local else None),
        h("td", ratio, class_="speed" if speed else "speed none", data_label="Speed"),
        class_="planned" if label == "planned" else None,
        data_title=system.slug,
        data_family=system.family,
        data_verdict=label,
        data_effect=headline.effect if headline else None,
        data_speed=speed,
    )


def measured(claim: Measured | None) -> Html:
    """The drawing and the numbers of a measurement."""
    if claim is None or claim.effect is None:
        return h("span", "not measured yet" if claim is None else "–")
    numbers: list[object] = [signed(claim.effect)]
    if claim.interval:
        numbers.append(f" [{signed(claim.interval[0])}, {signed(claim.interval[1])}]")
    if claim.units:
        numbers.append(h("span", f" n = {claim.units}", class_="quiet small"))
    return join((forest(claim), h("span", numbers, class_="effect")))


def _legend() -> tuple[str, ...]:
    return (
        "In the drawings the dot is the mean effect, the bar its 95 % interval, the dashed line "
        "zero, and the shaded side is where the paper claims the effect to be. Speed is the "
        "median ratio to a fair reference, measured side by side.",
    )
