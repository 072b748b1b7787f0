"""Tables of a run and its claims, for the terminal."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table as RichTable

from .outcome import causes, recorded_claims, tables, verdicts

if TYPE_CHECKING:
    from neurarium.evaluation import Run, Table, Verdict

_FILE_WIDTH = 250  # a table that goes to a file is not folded to the 80 columns of no terminal


def show_runs(slug: str, runs: Sequence[Run]) -> None:
    """Tables, measured claims beside the recorded verdict, failures, and where everything lies."""
    width = None if sys.stdout.isatty() else _FILE_WIDTH
    console = Console(width=width, highlight=False, markup=False)
    recorded = recorded_claims(slug)
    for run in runs:
        for table in tables(run):
            print(table.title)
            console.print(_rich(table))
            print(f"{table.note}\n" if table.note else "")
        for verdict in verdicts(run):
            print(_claim(verdict, recorded.get(verdict.statement)))
        for cause in causes(run):
            print(f"failed: {cause}", file=sys.stderr)
        print(f"run folder: {run.folder}")


def _rich(table: Table) -> RichTable:
    shown = RichTable()
    for index, column in enumerate(table.columns):
        shown.add_column(column, justify="right" if index else "left", overflow="fold")
    for row in table.rows:
        shown.add_row(*map(number, row))
    if table.footer:
        shown.add_section()
    for row in table.footer:
        shown.add_row(*map(number, row))
    return shown


def _claim(verdict: Verdict, recorded: Mapping[str, Any] | None) -> str:
    """The claim, what was measured here and, where this run gives no verdict, the recorded one."""
    lines = [f"{'headline claim' if verdict.headline else 'claim'}: {verdict.statement}"]
    paper = f"; the paper: {verdict.paper_value}" if verdict.paper_value else ""
    lines.append(f"  measured: {measured(verdict)}{paper}")
    if verdict.outcome:
        lines.append(f"  verdict: {verdict.outcome} ({verdict.reason})")
    elif recorded:
        lines.append(f"  recorded verdict: {recorded['verdict']} ({recorded['reason']})")
    else:
        lines.append("  recorded verdict: none yet")
    return "\n".join(lines)


def measured(verdict: Verdict) -> str:
    """The mean effect with its interval and the number of units."""
    found = verdict.interval
    if found.mean is None:
        return "nothing in this run"
    ends = f" [{number(found.low)}, {number(found.high)}]" if found.low is not None else ""
    return f"{number(found.mean)}{ends}, {found.n} unit{'' if found.n == 1 else 's'}"


def number(value: str | float | int | None) -> str:
    """A number as people read it: four significant digits, whole numbers whole, a gap for None.

    Example:
        >>> number(0.123456), number(151), number(1684921), number(None), number("svc")
        ('0.1235', '151', '1,684,921', '', 'svc')
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, float) and abs(value) < 1e4:
        return f"{value:.4g}"
    return value if isinstance(value, str) else f"{value:,.0f}" if abs(value) >= 1e4 else str(value)
