"""The two themes: every text colour is readable on every background that it is put on."""

import re
from pathlib import Path

import pytest

import neurarium.report

STYLE = Path(neurarium.report.__file__).with_name("style.css").read_text()
TEXT_ON = [  # text, background: as the rules of the style sheet pair them
    *((text, ground) for text in ("ink", "quiet", "accent") for ground in ("paper", "card")),
    *((text, "accent-soft") for text in ("ink", "quiet", "accent")),
    *((kind, f"{kind}-soft") for kind in ("good", "fair", "bad", "open", "plain")),
    *(("ink", f"{kind}-soft") for kind in ("bad", "fair")),
    ("ink", "code"),
    ("good", "card"),
    ("good", "accent-soft"),
]


def _themes():
    """The variables of the light, the system's dark and the chosen dark theme."""
    blocks = re.findall(r"(:root[^{]*)\{([^}]*)\}", STYLE)
    return [dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", body)) for _, body in blocks]


def _luminance(colour):
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one, other):
    bright, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def test_contrast_formula_on_known_pairs():
    assert _contrast("#ffffff", "#000000") == pytest.approx(21)
    assert _contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(("text", "ground"), TEXT_ON)
def test_text_is_readable(theme, text, ground):
    colours = _themes()[theme]
    assert _contrast(colours[text], colours[ground]) >= 4.5


def test_the_button_gives_the_same_dark_theme_as_the_system():
    light, system, chosen = _themes()
    assert system == chosen
    assert set(light) == set(system)


def test_every_colour_that_is_used_is_defined():
    assert set(re.findall(r"var\(--([\w-]+)\)", STYLE)) <= set(_themes()[0])
