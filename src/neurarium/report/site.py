"""``neurarium report``: the gallery as plain files, nothing in them asks the network."""

from __future__ import annotations

from pathlib import Path

from neurarium import __version__, catalog

from .board import scoreboard
from .card import card
from .local import local_runs
from .page import page
from .recorded import benchmarks, headline_ratio, recordings


def build(
    out: str | Path = "report", results: str | Path | None = None, runs: str | Path = "runs"
) -> Path:
    """Write ``index.html`` and one page a system.

    Args:
        out: the folder to write to; made when missing.
        results: a folder of recorded summaries; those that ship by default.
        runs: the folder of this machine's own runs, whose newest are shown apart.

    Returns:
        The path of ``index.html``.

    Raises:
        OSError: the folder cannot be written.
    """
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    recorded = recordings(None if results is None else Path(results))
    local, speed = local_runs(runs), benchmarks()

    def write(name: str, title: str, body: object) -> Path:
        path = folder / name
        path.write_text(page(title, body, version=__version__), encoding="utf-8")
        return path

    for system in catalog.SYSTEMS:
        slug = system.slug
        body = card(system, recorded.get(slug), local.get(slug), speed.get(slug))
        write(f"{slug}.html", f"{slug} · neurarium", body)
    ratios = {slug: headline_ratio(table) for slug, table in speed.items()}
    board = scoreboard(recorded, local, ratios)
    return write("index.html", "neurarium: published claims, measured", board)
