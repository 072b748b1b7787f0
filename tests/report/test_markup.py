"""Markup is escaped by construction; numbers read well; drawings say in words what they show."""

import math
import xml.etree.ElementTree as ET
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurarium.report.forest import describe, forest
from neurarium.report.markup import Html, breakable, h, inline, prose
from neurarium.report.numbers import number, row_of_numbers
from neurarium.report.recorded import Measured

INF = math.inf


class Reader(HTMLParser):
    """What a browser would see: tags with their attributes, and the text."""

    def __init__(self, source):
        super().__init__(convert_charrefs=True)
        self.tags, self.attributes, self.text = [], [], ""
        self.feed(source)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data):
        self.text += data


@given(st.text(st.characters(exclude_characters="\r\0", exclude_categories=["Cs"])))
def test_any_text_comes_out_as_it_went_in_and_adds_no_tag(text):
    read = Reader(h("p", text, title=text))
    assert read.tags == ["p"]
    assert read.text == text
    assert read.attributes == [("title", text)]


def test_what_is_markup_already_is_not_escaped_twice():
    assert h("p", h("b", "a & b"), " < c") == "<p><b>a &amp; b</b> &lt; c</p>"
    assert h("p", Html("<i>x</i>")) == "<p><i>x</i></p>"
    assert h("input", disabled=True, hidden=False, value=None, class_="x") == (
        '<input disabled class="x">'
    )
    assert inline("set `a<b` now") == "set <code>a&lt;b</code> now"
    assert prose("one\nline\n\ntwo") == "<p>one line</p><p>two</p>"
    assert breakable("a_b<c") == "a_<wbr>b&lt;c"


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_keeps_three_significant_digits(value):
    shown = float(number(value).replace("−", "-").replace(" ", ""))
    assert shown == pytest.approx(value, rel=5.1e-3, abs=1e-300)


def test_a_row_of_one_kind_has_one_number_of_decimals():
    assert row_of_numbers((82.7, 75.0, 9.333)) == ["82.7", "75.0", "9.3"]
    assert row_of_numbers((0.9, 0.8512)) == ["0.900", "0.851"]
    assert row_of_numbers((1684921, 300)) == ["1 684 921", "300"]
    assert row_of_numbers((1e-6, 1.0, None, "n/a")) == ["1e−06", "1", "–", "n/a"]
    assert row_of_numbers((math.nan, 2.0)) == ["–", "2.00"]


def _drawn(svg):
    tree = ET.fromstring(svg)
    by_class = {}
    for element in tree.iter():
        by_class.setdefault(element.get("class"), []).append(element)
    return tree, by_class


def _claim(effect, interval=None, side=(0.0, INF), effects=()):
    return Measured("a claim", "Table 1", None, effect, interval, side, effects=effects)


def test_forest_puts_interval_zero_and_claim_in_proportion():
    tree, drawn = _drawn(forest(_claim(2.0, (1.0, 3.0))))
    zero = float(drawn["zero"][0].get("x1"))
    bar = drawn["interval"][0]
    a, b = float(bar.get("x1")), float(bar.get("x2"))
    mean = float(drawn["mean"][0].get("cx"))
    assert b - a == pytest.approx(2 * (a - zero), abs=0.3)
    assert mean == pytest.approx((a + b) / 2, abs=0.1)
    side = drawn["side"][0]
    assert float(side.get("x")) == pytest.approx(zero, abs=0.1)
    right = float(side.get("x")) + float(side.get("width"))
    assert right == float(tree.get("viewBox").split()[2]), "an infinite side reaches the edge"


@given(
    st.floats(-1e9, 1e9),
    st.floats(0, 1e9),
    st.sampled_from([(0.0, INF), (-INF, 0.0), (-0.5, 0.5), (-1e-3, INF)]),
    st.lists(st.floats(-1e9, 1e9), max_size=4),
    st.booleans(),
)
def test_forest_stays_inside_its_box(effect, half, side, effects, large):
    claim = _claim(effect, (effect - half, effect + half), side, tuple(effects))
    tree, drawn = _drawn(forest(claim, large=large))
    width = float(tree.get("viewBox").split()[2])
    for element in tree.iter():
        for name in ("x", "x1", "x2", "cx"):
            if element.get(name) is not None:
                assert 0 <= float(element.get(name)) <= width
    assert float(drawn["side"][0].get("width")) > 0
    assert len(drawn.get("unit", ())) == (len(effects) if large else 0)


def test_a_derived_value_is_drawn_at_its_own_scale():
    tree, drawn = _drawn(forest(_claim(0.1381, side=(0.137, 0.139)), large=True))
    assert "zero" not in drawn
    assert float(drawn["side"][0].get("width")) > 200
    assert [e.text for e in tree.iter("text")] == ["0.137", "0.139"]


def test_forest_has_the_numbers_in_its_title():
    tree, _ = _drawn(forest(_claim(0.31, (-0.6, 1.22))))
    assert tree.get("role") == "img"
    assert tree.find("title").text == (
        "Mean effect +0.31, 95 % interval −0.6 to +1.22; claimed above 0."
    )
    assert describe(_claim(None, side=(-0.5, 0.5))) == (
        "No measurement; claimed between −0.5 and 0.5."
    )
