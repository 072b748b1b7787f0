"""The README's scoreboard: ``python -m neurarium.report.readme`` writes it, ``--check`` compares.

The block between the two markers always says what the recorded results say.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from neurarium import catalog

from .numbers import number, signed
from .recorded import Recording, benchmarks, headline_ratio, recordings

START, END = "<!-- scoreboard:start -->", "<!-- scoreboard:end -->"


def scoreboard_markdown(results: Path | None = None) -> str:
    """A table of the systems that exist, and one line on those that are planned.

    Args:
        results: a folder of recorded summaries; those that ship by default.
    """
    recorded = recordings(results)
    speed = {slug: headline_ratio(table) for slug, table in benchmarks().items()}
    lines = [
        "| system | claim | paper | measured effect (95 % interval) | verdict | speed |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    planned: Counter[str] = Counter()
    for system in catalog.SYSTEMS:
        if catalog.state(system) == "planned":
            planned[system.family] += 1
        else:
            lines.append(_line(system, recorded.get(system.slug), speed.get(system.slug)))
    families = ", ".join(f"{count} {family}" for family, count in planned.items())
    if planned:
        lines += ["", f"Planned under the same contract: {planned.total()} more ({families})."]
    return "\n".join(lines)


def replace_block(text: str, block: str) -> str:
    """The text with the block between the markers exchanged.

    Raises:
        ValueError: a marker is missing.
    """
    before, start, rest = text.partition(START)
    _, end, after = rest.partition(END)
    if not start or not end:
        raise ValueError(f"text must hold {START} and then {END}: got one or none")
    return f"{before}{START}\n{block}\n{END}{after}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Rewrite the README of the working folder, or with ``--check`` say whether it is current."""
    arguments = sys.argv[1:] if arguments is None else arguments
    path = Path("README.md")
    text = path.read_text(encoding="utf-8")
    try:
        wanted = replace_block(text, scoreboard_markdown())
    except ValueError as error:
        print(f"{path}: {error}", file=sys.stderr)
        return 1
    if "--check" in arguments:
        if text != wanted:
            print("README.md: scoreboard is not current; run python -m neurarium.report.readme")
        return int(text != wanted)
    path.write_text(wanted, encoding="utf-8")
    return 0


def _line(system: catalog.System, recording: Recording | None, speed: float | None) -> str:
    headline = recording.headline if recording else None
    effect = "–"
    if headline and headline.effect is not None:
        effect = signed(headline.effect)
        if headline.interval:
            effect += f" ({signed(headline.interval[0])} to {signed(headline.interval[1])})"
    cells = (
        f"[{system.slug}]({system.url})",
        headline.statement if headline else system.claim,
        (headline.paper_value if headline else system.paper_value) or "–",
        effect,
        (recording and recording.verdict) or "not recorded yet",
        f"{number(speed)}×" if speed else "–",
    )
    return "| " + " | ".join(cell.replace("|", r"\|").replace("\n", " ") for cell in cells) + " |"


if __name__ == "__main__":
    sys.exit(main())
