"""What the battery found: one outcome a check, printed as a table."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Outcome:
    """What a check found.

    Args:
        status: ``"passed"``, ``"failed"``, ``"exempt"`` (with the reason that was given) or
            ``"skipped"`` (it does not apply, or something that it needs is not installed).
        note: the failure in one line, or the reason.
        seconds: processor time.
    """

    status: str
    note: str = ""
    seconds: float = 0.0


@dataclass
class CheckReport:
    """The outcomes of a battery.

    Args:
        name: what was checked.
        outcomes: check → outcome, in the order of the battery.

    Example:
        >>> report = CheckReport("Layer", {"forward": Outcome("passed")})
        >>> report.outcomes["quiet"] = Outcome("failed", "forward prints 'hello'")
        >>> print(report)
        Layer
          forward  passed
          quiet    FAILED   forward prints 'hello'
        >>> report.ok
        False
    """

    name: str
    outcomes: dict[str, Outcome] = field(default_factory=dict)

    @property
    def failures(self) -> dict[str, str]:
        """Check → what is wrong."""
        return {k: v.note for k, v in self.outcomes.items() if v.status == "failed"}

    @property
    def ok(self) -> bool:
        """Whether nothing failed."""
        return not self.failures

    def raise_failures(self) -> None:
        """One error that lists every failure, if there is any.

        Raises:
            AssertionError: one line for each check that failed.
        """
        if self.failures:
            lines = [f"{self.name}: {check}: {note}" for check, note in self.failures.items()]
            raise AssertionError("\n".join(lines))

    def __str__(self) -> str:
        width = max(map(len, self.outcomes), default=0)
        rows = [self.name]
        for check, outcome in self.outcomes.items():
            status = "FAILED" if outcome.status == "failed" else outcome.status
            rows.append(f"  {check:{width}}  {status:8} {outcome.note}".rstrip())
        return "\n".join(rows)
