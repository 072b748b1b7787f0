"""Progress of a run: one live line on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any

from .compute import Outcome

_SECONDS_BETWEEN_LINES = 10.0


class Progress:
    """Cells done, time left and the numbers of the cell under way.

    Args:
        title: what is run.
        total: the number of jobs.
        shown: whether anything is printed.
    """

    def __init__(self, title: str, total: int, *, shown: bool = True) -> None:
        self._title = title
        self._total = total
        self._shown = shown and total > 0
        self._done = 0
        self._errors: set[str] = set()
        self._start = self._printed = time.monotonic()
        self._live: Any = None

    def __enter__(self) -> Progress:
        if self._shown and sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
            from rich.progress import Progress as Live

            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
                TextColumn("{task.fields[note]}"),
            )
            self._live = Live(*columns, console=Console(stderr=True), transient=True)
            self._live.start()
            self._task = self._live.add_task(self._title, total=self._total, note="")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def report(self, fraction: float, numbers: Mapping[str, float]) -> None:
        """How far the cell under way is."""
        if self._live is not None:
            note = " ".join(f"{name} {value:.4g}" for name, value in numbers.items())
            done = self._done + min(max(fraction, 0.0), 1.0)
            self._live.update(self._task, completed=done, note=note)

    def finish(self, outcome: Outcome) -> None:
        """A job is done; a failed one is named at once, and its error said once."""
        self._done += 1
        if outcome.error is not None:
            error = outcome.error.strip().splitlines()[-1]
            said = "the same error" if error in self._errors else error
            self._errors.add(error)
            self.say(f"failed: {outcome.job.label}: {said}")
        if self._live is not None:
            self._live.update(self._task, completed=self._done, note=outcome.job.label)
        elif self._shown and self._due():
            seconds = time.monotonic() - self._start
            left = seconds / self._done * (self._total - self._done)
            self.say(f"{self._title}: {self._done} of {self._total} done, {left:.0f} s left")

    def say(self, text: str) -> None:
        """A line above the live display."""
        if self._live is not None:
            self._live.console.print(text, markup=False, highlight=False)
        elif self._shown:
            print(text, file=sys.stderr, flush=True)

    def _due(self) -> bool:
        now = time.monotonic()
        due = now - self._printed > _SECONDS_BETWEEN_LINES or self._done == self._total
        if due:
            self._printed = now
        return due
