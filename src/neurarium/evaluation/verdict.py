"""The rule by which a claim is judged: pure functions of numbers, nothing of this package.

Student's t at 95 % over independent units; overlapping random splits get the corrected variance of
Nadeau and Bengio, "Inference for the Generalization Error", 2003: s² (1/n + n_test/n_train).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

VERDICTS = (
    "reproduced",
    "direction holds",
    "not reproduced",
    "inconclusive",
    "incomplete",
    "needs scale",
)
"""Every outcome that a verdict can have."""

MIN_UNITS = 3
"""Fewer units give no interval."""

MIN_UNITS_REPRODUCED = 5
"""Fewer units say at most that the direction holds."""


@dataclass(frozen=True)
class Interval:
    """A mean effect and its 95 % confidence interval.

    Args:
        mean: of the units; None without any.
        low: lower end, None where there is no interval.
        high: upper end, None where there is no interval.
        n: the number of units.
    """

    mean: float | None
    low: float | None
    high: float | None
    n: int


@dataclass(frozen=True)
class Verdict:
    """What was measured for a claim, and what follows from it.

    Args:
        outcome: one of :data:`VERDICTS`; None where the preset gives no verdict.
        interval: mean effect and its interval.
        effects: the paired effects, one a unit.
        reason: why, in a few words.
        statement: the claim, as declared; so are the fields below.
        source: where the paper says it.
        side: where the mean effect is claimed to lie.
        headline: whether this is the claim that stands for the system.
        paper_value: the paper's own number.
    """

    outcome: str | None
    interval: Interval
    effects: tuple[float, ...] = ()
    reason: str = ""
    statement: str = ""
    source: str = ""
    side: tuple[float, float] = (0.0, math.inf)
    headline: bool = False
    paper_value: str | None = None


def interval(effects: Sequence[float], *, overlap: float | None = None) -> Interval:
    """Mean and 95 % interval of effects, by Student's t over the units.

    Args:
        effects: one number a unit.
        overlap: n_test / n_train of overlapping random splits: the variance of the mean becomes
            s² (1/n + overlap).

    Returns:
        The interval; without ends where there are fewer than 3 units, where all effects are equal
        and where one is not finite.

    Example:
        >>> interval([1.0, 2.0, 3.0])
        Interval(mean=2.0, low=-0.48413771175..., high=4.48413771175..., n=3)
        >>> interval([1.0, 1.0, 1.0]).low is None
        True
    """
    n = len(effects)
    if n == 0:
        return Interval(None, None, None, 0)
    mean = math.fsum(effects) / n
    if n < MIN_UNITS or not math.isfinite(mean) or min(effects) == max(effects):
        return Interval(mean, None, None, n)
    from scipy.stats import t

    variance = math.fsum((x - mean) ** 2 for x in effects) / (n - 1)
    half = float(t.ppf(0.975, n - 1)) * math.sqrt(variance * (1 / n + (overlap or 0.0)))
    return Interval(mean, mean - half, mean + half, n)


def judge(
    effects: Sequence[float],
    *,
    side: tuple[float, float] = (0.0, math.inf),
    smallest: float | None = None,
    holds: bool = True,
    overlap: float | None = None,
) -> Verdict:
    """The verdict on measured effects.

    ``reproduced``: the interval lies inside ``side``, ``holds``, at least 5 units.
    ``direction holds``: inside ``side``, but ``holds`` fails or there are fewer units.
    ``not reproduced``: wholly outside ``side``, or wholly below ``smallest``.
    ``inconclusive``: everything else.

    Args:
        effects: one paired effect a unit.
        side: where the mean effect is claimed to lie, ends excluded.
        smallest: the smallest effect that would still count.
        holds: whether the claim's further rule is met.
        overlap: n_test / n_train where the units are overlapping random splits.

    Example:
        >>> judge([0.8, 1.0, 1.2, 0.9, 1.1]).outcome
        'reproduced'
        >>> judge([0.8, 1.0, 1.2]).outcome
        'direction holds'
    """
    found = interval(effects, overlap=overlap)
    outcome, reason = _outcome(found, side, smallest, holds)
    return Verdict(outcome, found, tuple(effects), reason, side=side)


def _outcome(
    found: Interval, side: tuple[float, float], smallest: float | None, holds: bool
) -> tuple[str, str]:
    if found.low is None or found.high is None:
        return "inconclusive", _no_interval(found)
    if found.high <= side[0] or found.low >= side[1]:
        return "not reproduced", "the interval lies wholly outside the claimed side"
    if smallest is not None and found.high < smallest:
        return "not reproduced", f"the interval lies wholly below the smallest effect, {smallest:g}"
    if not side[0] < found.low <= found.high < side[1]:
        return "inconclusive", "the interval reaches beyond the claimed side"
    if not holds:
        return "direction holds", "the interval lies on the claimed side; the further rule fails"
    if found.n < MIN_UNITS_REPRODUCED:
        return "direction holds", f"on the claimed side, with {found.n} units of the 5 needed"
    return "reproduced", "the interval lies on the claimed side"


def _no_interval(found: Interval) -> str:
    if found.mean is not None and not math.isfinite(found.mean):
        return "an effect is not finite"
    if found.n < MIN_UNITS:
        return f"no interval: {found.n} of at least {MIN_UNITS} units"
    return "no interval: all effects are equal"


def judge_exact(measured: float, *, value: float, tolerance: float) -> Verdict:
    """The verdict on a derived value.

    Example:
        >>> judge_exact(0.1379, value=0.138, tolerance=1e-3).outcome
        'reproduced'
    """
    side = (value - tolerance, value + tolerance)
    found = Interval(measured, None, None, 1)
    if not math.isfinite(measured):
        return Verdict("inconclusive", found, (measured,), "the value is not finite", side=side)
    same = abs(measured - value) <= tolerance
    reason = f"{measured:.6g} against {value:.6g}, tolerance {tolerance:g}"
    return Verdict(
        "reproduced" if same else "not reproduced", found, (measured,), reason, side=side
    )
