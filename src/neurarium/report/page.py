"""The shell of every page: one self-contained file with its style and its few lines of script."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from .markup import Html, h

HERE = Path(__file__).parent
BADGES = {
    "reproduced": "good",
    "direction holds": "fair",
    "not reproduced": "bad",
    "inconclusive": "open",
    "incomplete": "open",
    "needs scale": "open",
}
# Before the first paint: ?theme=dark, else what the button last chose, else the system's choice.
EARLY = """
let theme = new URLSearchParams(location.search).get("theme");
try { theme ||= localStorage.getItem("theme"); } catch { /* private windows */ }
if (theme === "dark" || theme === "light") document.documentElement.dataset.theme = theme;
"""


def page(title: str, body: object, *, version: str) -> str:
    """A whole document."""
    head = h(
        "head",
        h("meta", charset="utf-8"),
        h("meta", name="viewport", content="width=device-width, initial-scale=1"),
        h("meta", name="color-scheme", content="light dark"),
        h("title", title),
        h("style", _asset("style.css")),
        h("script", Html(EARLY)),
    )
    bar = h(
        "header",
        h(
            "div",
            h("a", _logo(), "neurarium", href="index.html", class_="brand"),
            h("button", "Dark theme", id="theme", type="button", hidden=True),
            class_="wrap",
        ),
        class_="bar",
    )
    foot = h(
        "footer",
        "Made by ",
        h("code", "neurarium report"),
        f", version {version}, from recorded results. A verdict is computed, never typed: ",
        "“reproduced” needs the 95 % interval on the claimed side, at least five paired units and ",
        "the claim’s further rule.",
        class_="wrap",
    )
    content = (
        h("a", "Skip to the content", href="#main", class_="skip"),
        bar,
        h("main", body, id="main"),
        foot,
        h("script", _asset("behaviour.js")),
    )
    return f"<!doctype html>\n{h('html', head, h('body', content), lang='en')}\n"


def badge(verdict: str, before: str = "") -> Html:
    """A verdict or a state as a coloured label; the words carry the meaning."""
    return h("span", before, verdict, class_=f"badge {BADGES.get(verdict, '')}".strip())


@cache
def _asset(name: str) -> Html:
    return Html(HERE.joinpath(name).read_text(encoding="utf-8"))


def _logo() -> Html:
    """Three stored patterns and a state that settles into one of them."""
    dots = [(5, 6), (19, 5), (12, 19)]
    return h(
        "svg",
        h("path", d="M12 11 Q8 14 12 19", fill="none", stroke="currentColor", stroke_width=2),
        [h("circle", cx=x, cy=y, r=3, fill="var(--accent)") for x, y in dots],
        h("circle", cx=12, cy=11, r=2, fill="currentColor"),
        viewBox="0 0 24 24",
        aria_hidden="true",
    )
