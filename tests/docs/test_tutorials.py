"""Every Python block of the README and the docs runs, in a folder of its own."""

import warnings
from pathlib import Path

import matplotlib as mpl
import pytest
from mktestdocs import check_md_file

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    page
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
    if "```python" in page.read_text(encoding="utf-8")
]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_page_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    mpl.use("Agg")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_md_file(page, memory=True)
