"""Claims: what a paper says, and the paired effect by which it is judged."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .records import Records


@dataclass(frozen=True)
class Claim:
    """An empirical claim; the library alone computes its interval and verdict.

    Args:
        statement: the claim in one sentence.
        source: where the paper says it, e.g. ``"Table 1"``.
        measure: ``measure(records)`` → one paired effect per unit (datasets, else disjoint splits,
            else seeds; lower levels averaged first). Ratios, times and losses enter as logs.
        side: where the mean effect is claimed to lie: ``(0, inf)`` better, ``(-m, m)`` the same,
            ``(-m, inf)`` no worse.
        smallest: an effect wholly below this is no reproduction, although on the right side.
        holds: the paper's further rule on the records.
        headline: exactly one claim of a system carries this.
        paper_value: the paper's own number for the effect, for display.
        scale: ``"full"``, or ``"paper"`` where only the published scale can test it.
        timed: the effect is a time; refused where the cells did not have the processor.
        overlap: n_test / n_train where the units are overlapping random splits of one dataset.
    """

    statement: str
    source: str
    measure: Callable[[Records], Sequence[float]]
    side: tuple[float, float] = (0.0, math.inf)
    smallest: float | None = None
    holds: Callable[[Records], bool] | None = None
    headline: bool = False
    paper_value: str | None = None
    scale: str = "full"
    timed: bool = False
    overlap: float | None = None

    def __post_init__(self) -> None:
        if not self.side[0] < self.side[1]:
            raise ValueError(f"side must be (low, high) with low below high: got {self.side}")
        if self.scale not in ("full", "paper"):
            raise ValueError(f"scale must be 'full' or 'paper': got {self.scale!r}")


@dataclass(frozen=True)
class Exact:
    """A derived value: reproduced when ``measure(records)`` is within ``tolerance`` of ``value``.

    Args:
        statement: the claim in one sentence.
        source: where the paper says it.
        measure: ``measure(records)`` → the number that was computed.
        value: what the derivation gives.
        tolerance: the largest absolute difference that counts as the same.
        headline: exactly one claim of a system carries this.
        paper_value: the paper's own number as text; ``value`` by default.
        scale: ``"full"``, or ``"paper"`` where only the published scale can test it.
    """

    statement: str
    source: str
    measure: Callable[[Records], float]
    value: float
    tolerance: float
    headline: bool = False
    paper_value: str | None = None
    scale: str = "full"
