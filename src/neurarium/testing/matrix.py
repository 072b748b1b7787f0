"""``python -m neurarium.testing.matrix > docs/battery.md``: every export and every check."""

from __future__ import annotations

from collections.abc import Iterable

import torch

from .battery import CHECKS
from .exports import Export, built_exports, check_export, check_reloads
from .report import CheckReport

SIGNS = {"passed": "✓", "failed": "✗", "exempt": "○", "skipped": ""}

INTRODUCTION = """\
# The battery

Every export passes the checks of [`neurarium.testing.check_module`](reference/testing.md), which
holds your own layers to them too. ✓ holds, ○ does not apply for the reason below, empty: does not
concern this kind of export. Made by `python -m neurarium.testing.matrix`.
"""


def reports() -> list[tuple[Export, CheckReport]]:
    """Every export with its outcomes, the reload in a new process included."""
    exports = list(built_exports())
    found = [(e, check_export(e.load(), e.case, raise_on_failure=False)) for e in exports]
    reloads = check_reloads({f"{e.module}.{e.name}": e for e in exports})
    for export, report in found:
        if outcome := reloads.get(f"{export.module}.{export.name}"):
            report.outcomes["reload"] = outcome
    return found


def matrix(found: Iterable[tuple[Export, CheckReport]]) -> str:
    """The page, in Markdown."""
    found = list(found)
    seen = {check for _, report in found for check in report.outcomes}
    checks = [check for check in CHECKS if check in seen] + sorted(seen - set(CHECKS))
    rows = [["system", "export", *checks], ["---"] * (len(checks) + 2)]
    notes = []
    for export, report in found:
        outcomes = report.outcomes
        signs = [SIGNS[outcomes[check].status] if check in outcomes else "" for check in checks]
        rows.append([export.slug, f"`{export.name}`", *signs])
        notes += [
            f"- `{export.name}`, {check}: {outcome.note}"
            for check, outcome in outcomes.items()
            if outcome.note and outcome.status in ("exempt", "failed", "passed")
        ]
    table = "\n".join("| " + " | ".join(row) + " |" for row in rows)
    return "\n".join([INTRODUCTION, table, "", *notes]).rstrip() + "\n"


if __name__ == "__main__":
    torch.set_num_threads(1)
    print(matrix(reports()), end="")
