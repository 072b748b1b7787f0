"""The gallery holds what was recorded, escapes it, and asks nothing of the network."""

import json
import re
from html.parser import HTMLParser

import pytest

from neurarium import catalog, report
from neurarium.report.card import card
from neurarium.report.recorded import Part, Recording, Table, benchmarks, recordings
from neurarium.report.standings import best_columns, standings
from neurarium.report.svg import figure_svg

VOID = {"meta", "link", "input", "img", "wbr"}


class Page(HTMLParser):
    """Elements with their attributes; every tag must be closed in order."""

    def __init__(self, path):
        super().__init__(convert_charrefs=True)
        self.elements, self.open, self.text = [], [], ""
        self.feed(path.read_text(encoding="utf-8"))
        self.close()
        assert not self.open, f"{path.name}: {self.open} not closed"

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):  # inside SVG
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1:] not in (["script"], ["style"]):
            self.text += data

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def site(results, tmp_path_factory):
    folder = tmp_path_factory.mktemp("gallery")
    return report.build(folder / "site", results, runs=folder / "none").parent


def test_one_page_a_system_and_an_index(site):
    assert {path.name for path in site.iterdir()} == {
        "index.html",
        *(f"{system.slug}.html" for system in catalog.SYSTEMS),
    }


def test_pages_are_well_formed_and_ask_nothing_of_the_network(site):
    for path in site.glob("*.html"):
        page = Page(path)
        assert page.all("html") == [{"lang": "en"}]
        assert len(page.all("h1")) == 1
        assert not page.all("link") + page.all("img") + page.all("iframe") + page.all("object")
        assert all("src" not in script for script in page.all("script"))
        styles = re.findall(r"<style>(.*?)</style>", path.read_text(), flags=re.DOTALL)
        assert not re.search(r"@import|url\(", "".join(styles))
        ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
        assert len(ids) == len(set(ids)), f"{path.name}: an id appears twice"
        for name, attributes in page.elements:
            assert not any(key.startswith("on") for key in attributes)
            for key in ("href", "xlink:href"):
                target = attributes.get(key, "#")
                if target.startswith("http"):
                    assert name == "a", "a link is followed on a click only"
                elif not target.startswith("#"):
                    assert (site / target).is_file(), target


def test_links_inside_the_site_lead_to_pages(site):
    hrefs = {a["href"] for a in Page(site / "index.html").all("a")}
    assert {f"{system.slug}.html" for system in catalog.SYSTEMS} < hrefs
    assert {system.url for system in catalog.SYSTEMS} < hrefs


def test_hostile_text_is_shown_and_never_becomes_markup(site, hostile):
    page = Page(site / "hopular.html")
    assert page.text.count(hostile) >= 4  # a claim, a row, a note, the explanation
    assert json.dumps(hostile, ensure_ascii=False) in page.text  # in the configuration
    assert len(page.all("script")) == 2
    assert not page.all("b")


def test_the_scoreboard_says_what_was_recorded(site, results):
    page = Page(site / "index.html")
    rows = [row for row in page.all("tr") if "data-family" in row]
    assert len(rows) == 44
    verdicts = {row["data-title"]: row["data-verdict"] for row in rows}
    assert verdicts["hopfield"] == "reproduced"
    assert verdicts["hopular"] == "not reproduced"
    assert verdicts["causal-pinn"] == "planned"
    effect = json.loads((results / "hopular.json").read_text())["parts"]["main"]["claims"][0]
    assert (
        float(next(r for r in rows if r["data-title"] == "hopular")["data-effect"])
        == (effect["effect"])
    )
    assert "median rank 7.5 of 29 method groups" in page.text
    assert "1.662e-3" in page.text  # what the catalogue knows of a planned system


def test_a_model_card_tells_everything(site):
    page = Page(site / "hopular.html")
    for text in (
        "neurarium run hopular --preset full --record",
        "2 h 30 min",
        "torch 2.13.0",
        "x86_64, 2 cores",
        "not reproduced",
        "Stale",
        "ml-jku/hopular",
        "@misc{schafl2022hopular",
        "from neurarium.estimators import HopularClassifier",
        "accuracy by dataset",
    ):
        assert text in page.text, text
    assert {"role": "img", "aria-label": "Figure: accuracy by dataset"}.items() <= {
        key: value for svg in page.all("svg") for key, value in svg.items() if key != "class"
    }.items()
    assert "--part mil" in Page(site / "hopfield.html").text
    assert "patent" in Page(site / "causal-pinn.html").text
    assert "Planned" in Page(site / "causal-pinn.html").text


def test_tables_are_semantic(site):
    page = Page(site / "hopular.html")
    tables = page.all("table")
    speed = int("hopular" in benchmarks())  # a checkout has its benchmarks, a wheel does not
    assert len(tables) == len(page.all("caption")) == 2 + speed
    assert all(head["scope"] in {"col", "row"} for head in page.all("th"))
    for region in (d for d in page.all("div") if d.get("class") == "scroll"):
        assert region["tabindex"] == "0"
        assert region["aria-label"]


def test_nothing_recorded_is_no_obstacle(results, tmp_path):
    assert recordings(results)["hopfield"].explanation == ""
    assert report.build(tmp_path / "site", tmp_path / "empty", runs=tmp_path / "none").is_file()


TABLE = Table(
    "accuracy",
    ("dataset", "hopular", "svc", "knn"),
    (("a", 90.0, 80.0, 85.0), ("b", 70.0, 75.0, 60.0), ("c", 50.0, 50.0, None), ("d", None, 1, 2)),
)


def test_standings_compare_with_the_best_other_method():
    found = standings(Part("main", "full", (), (TABLE,)), "hopular")
    assert [(s.row, s.rival, s.gain) for s in found] == [
        ("a", "knn", 5.0),
        ("b", "svc", -5.0),
        ("c", "svc", 0.0),
    ]
    lower = standings(Part("main", "full", (), (TABLE,), higher_is_better=False), "hopular")
    assert [(s.row, s.rival, s.gain) for s in lower] == [
        ("a", "svc", -10.0),
        ("b", "knn", -10.0),
        ("c", "svc", 0.0),
    ]
    assert standings(Part("main", "full", (), (TABLE,)), "cloob") == ()


def test_ties_are_all_best_and_one_number_alone_is_not():
    assert best_columns(("c", 50.0, 50.0, None), True) == {1, 2}
    assert best_columns(("c", 50.0, 40.0, None), False) == {2}
    assert best_columns(("d", None, 1.0, "n/a"), True) == frozenset()


def test_a_local_run_is_shown_apart_and_without_a_verdict():
    local = Recording("hopular", None, (Part("main", "quick", (), (TABLE,)),))
    text = card(catalog.find("hopular"), None, local)
    assert "Measured on this machine" in text
    assert "preset quick" in text


def test_a_figure_can_only_draw():
    source = (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        'viewBox="0 0 100 50" width="100pt" onload="alert(1)">'
        "<script>alert(2)</script><style>* {color: red}</style><foreignObject/>"
        '<defs><clipPath id="c"><rect/></clipPath></defs>'
        '<g id="g" clip-path="url(#c)" style="fill: url(http://evil)"><use xlink:href="#g"/>'
        '<image href="https://evil"/><text onclick="x()">a &lt; b</text></g>'
        '<a href="javascript:x()"><rect/></a></svg>'
    )
    drawn = figure_svg(source, "p-", 'a "label"')
    for banned in ("script", "style>", "foreignObject", "evil", "onload", "onclick", "<a "):
        assert banned not in drawn
    assert 'id="p-c"' in drawn
    assert 'clip-path="url(#p-c)"' in drawn
    assert 'href="#p-g"' in drawn
    assert "a &lt; b" in drawn
    assert 'aria-label="a &quot;label&quot;"' in drawn
