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
        holds: the sheet's further rule on the records.
        headline: exactly one claim a system carries this.
        paper_value: the paper's own number for the effect, for display.
        scale: ``"full"``, or ``"paper"`` where only the published scale can test it.
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


@dataclass(frozen=True)
class Exact:
    """A derived value: reproduced when ``measure(records)`` is within ``tolerance`` of ``value``."""

    statement: str
    source: str
    measure: Callable[[Records], float]
    value: float
    tolerance: float
    headline: bool = False
