"""``neurarium report``: the gallery of recorded results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .arguments import parse
from .folders import check_folder


@dataclass(frozen=True)
class Report:
    """Write the gallery of recorded results as static HTML.

    Args:
        out: the folder to write to.
        runs: the folder of runs on this machine, as `neurarium run --out` named it; the newest
            are shown apart from what is recorded.
    """

    out: Path = Path("report")
    runs: Path = Path("runs")


def main(words: Sequence[str]) -> int:
    """Build the site and print its first page."""
    options = parse(Report, words, "report")
    check_folder(options.out)
    from neurarium import report

    print(report.build(options.out, runs=options.runs))
    return 0
