"""A real browser shows the gallery: nothing on its console, nothing wider than a phone."""

import re
import shutil
import subprocess

import pytest

from neurarium import report

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--enable-logging=stderr", "--virtual-time-budget=3000", "--dump-dom",
)  # fmt: skip
# A window is never narrower than 500 pixels: the page stands in a frame, which can be.
HOST = """<!doctype html><iframe src="{page}?theme={theme}" width="{width}" height="900"
style="border: 0"></iframe><script>
addEventListener("message", (event) => {{ document.body.dataset.probe = event.data; }});
</script>"""
PROBE = """<script>
addEventListener("load", () => {
  const sizes = [document.documentElement.scrollWidth, innerWidth];
  parent.postMessage([...sizes, %s].join(" "), "*");
});
</script></body>"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
]


@pytest.fixture(scope="module")
def site(results, tmp_path_factory):
    folder = tmp_path_factory.mktemp("browser")
    return report.build(folder / "site", results, runs=folder / "none").parent


def _show(site, tmp_path, page, *, width, theme="light", script="0"):
    """What the probe found, and what was said on the console."""
    probed, host = site / f"probe-{page}", site / "host.html"
    text = (site / page).read_text(encoding="utf-8")
    probed.write_text(text.replace("</body>", PROBE % script), encoding="utf-8")
    host.write_text(HOST.format(page=probed.name, theme=theme, width=width))
    profile = f"--user-data-dir={tmp_path / 'profile'}"
    done = subprocess.run(
        [CHROMIUM, *FLAGS, profile, "--window-size=1600,1000", host.as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
    )
    found = re.search(r'data-probe="([^"]*)"', done.stdout)
    assert found, done.stderr[-2000:]
    return found[1].split(), re.findall(r".*CONSOLE.*", done.stderr)


@pytest.mark.parametrize("page", ["index.html", "hopular.html", "hopfield.html", "g-ssnn.html"])
@pytest.mark.parametrize("width", [390, 1440])
def test_pages_fit_and_the_console_is_silent(site, tmp_path, page, width):
    (content, window, _), console = _show(site, tmp_path, page, width=width)
    assert int(window) == width
    assert int(content) <= width
    assert console == []


@pytest.mark.parametrize(("theme", "dark"), [("light", "false"), ("dark", "true")])
def test_the_theme_follows_the_address_and_the_button(site, tmp_path, theme, dark):
    is_dark = (
        "(() => { const sum = () => getComputedStyle(document.body).backgroundColor"
        ".match(/\\d+/g).slice(0, 3).reduce((a, b) => a + +b, 0) < 380;"
        "const before = sum(); document.querySelector('#theme').click();"
        "return [before, sum()].join(' '); })()"
    )
    (*_, before, after), console = _show(
        site, tmp_path, "index.html", width=1440, theme=theme, script=is_dark
    )
    assert before == dark
    assert after != dark
    assert console == []


def test_effects_are_sorted_as_numbers(site, tmp_path):
    script = (
        "(() => { const rows = [...document.querySelectorAll('.board tbody tr')];"
        "for (const row of rows) delete row.dataset.effect;"
        "['0.5', '-2', '0.0483', '1e-05'].forEach((e, i) => { rows[i].dataset.effect = e; });"
        "const head = [...document.querySelectorAll('.board thead th')]"
        ".find((th) => th.dataset.sort === 'effect').querySelector('button');"
        "const order = () => { head.click(); return [...document.querySelectorAll("
        "'.board tbody tr')].slice(0, 4).map((row) => row.dataset.effect).join(); };"
        "return [order(), order()].join(' '); })()"
    )
    (*_, up, down), console = _show(site, tmp_path, "index.html", width=1440, script=script)
    assert up == "-2,1e-05,0.0483,0.5"
    assert down == "0.5,0.0483,1e-05,-2"
    assert console == []


def test_the_scoreboard_filters_and_sorts(site, tmp_path):
    script = (
        "(() => { const rows = () => [...document.querySelectorAll('.board tbody tr')]"
        ".filter((row) => row.checkVisibility()).map((row) => row.dataset.title);"
        "const set = (id, value) => { const control = document.querySelector(id);"
        "control.value = value; control.dispatchEvent(new Event('input')); };"
        "set('#family', 'hyper'); const hyper = rows().join();"
        "set('#family', ''); set('#verdict', 'reproduced'); const good = rows().join();"
        "set('#verdict', ''); set('#search', 'mamba space'); const mamba = rows().join();"
        "set('#search', ''); const heads = document.querySelectorAll('.board thead button');"
        "heads[0].click(); const first = rows()[0]; heads[0].click();"
        "return [hyper, good, mamba, first, rows()[0], rows().length].join(' '); })()"
    )
    (*_, hyper, good, mamba, first, last, count), console = _show(
        site, tmp_path, "index.html", width=1440, script=script
    )
    assert hyper == "mip-hypernetworks,neumeta"
    assert good == "hopfield"
    assert mamba == "graph-mamba"
    assert (first, last, count) == ("af-kan", "vpr-snn", "44")
    assert console == []
