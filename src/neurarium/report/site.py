"""``neurarium report``: the gallery as plain files, nothing in them asks the network."""

from __future__ import annotations

from pathlib import Path

from neurarium import __version__, catalog

from .board import scoreboard
from .card import card
from .page import page
from .recorded import local_runs, recordings, speed_ratios


def build(out: str | Path = "report", results: str | Path | None = None) -> Path:
    """Write ``index.html`` and one page a system.

    Args:
        out: the folder to write to; made when missing.
        results: a folder of recorded summaries; those that ship by default.

    Returns:
        The path of ``index.html``.

    Raises:
        OSError: the folder cannot be written.
    """
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    recorded = recordings(None if results is None else Path(results))
    local = local_runs()
    for system in catalog.SYSTEMS:
        body = card(system, recorded.get(system.slug), local.get(system.slug))
        text = page(f"{system.slug} · neurarium", body, version=__version__)
        (folder / f"{system.slug}.html").write_text(text, encoding="utf-8")
    index = folder / "index.html"
    body = scoreboard(recorded, speed_ratios())
    text = page("neurarium: published claims, measured", body, version=__version__)
    index.write_text(text, encoding="utf-8")
    return index
