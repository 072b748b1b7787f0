"""A measurement as a small SVG: the claimed side shaded, the mean as a dot on its interval."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

from .markup import Html, h
from .numbers import number, signed
from .recorded import Measured

PAD = 10


def forest(claim: Measured, *, large: bool = False) -> Html:
    """The drawing, with a sentence that says the same for who cannot see it.

    Args:
        claim: effect, interval and claimed side; without an effect only the side is drawn.
        large: also the effect of every unit, and numbers below.
    """
    width, height, middle = (400, 46, 15) if large else (220, 22, 11)
    low, high = _span(claim, claim.effects if large else ())

    def x(value: float) -> float:
        inside = min(max(value, low), high)
        return round(PAD + (inside - low) / (high - low) * (width - 2 * PAD), 1)

    return h(
        "svg",
        h("title", describe(claim)),
        _background(claim, x, width, middle, zero=low <= 0 <= high),
        (_mark(x(v), middle, 2.5, "unit") for v in (claim.effects if large else ())),
        _bar(claim, x, middle),
        _labels(claim, x, width) if large else None,
        class_="forest large" if large else "forest",
        role="img",
        viewBox=f"0 0 {width} {height}",
    )


def describe(claim: Measured) -> str:
    """The same in words."""
    if claim.effect is None:
        return f"No measurement; claimed {claimed(claim.side)}."
    measured = f"Mean effect {signed(claim.effect)}"
    if claim.interval:
        low, high = claim.interval
        measured += f", 95 % interval {signed(low)} to {signed(high)}"
    return f"{measured}; claimed {claimed(claim.side)}."


def claimed(side: tuple[float, float]) -> str:
    """The claimed side in words.

    Example:
        >>> claimed((0.0, math.inf)), claimed((-0.5, 0.5)), claimed((0.137, 0.1371))
        ('above 0', 'between −0.5 and 0.5', '0.13705 ± 5e-05')
    """
    low, high = side
    if low == -math.inf and high == math.inf:
        return "anything"
    if high == math.inf:
        return f"above {number(low)}"
    if low == -math.inf:
        return f"below {number(high)}"
    if number(low) == number(high):
        return f"{(low + high) / 2:.6g} ± {(high - low) / 2:.2g}"
    return f"between {number(low)} and {number(high)}"


def _span(claim: Measured, effects: tuple[float, ...]) -> tuple[float, float]:
    """A range that holds everything drawn, and zero where it is not far away."""
    points = [v for v in (*claim.side, *(claim.interval or ()), *effects) if math.isfinite(v)]
    points += [claim.effect] if claim.effect is not None else []
    low, high = min(points, default=0.0), max(points, default=0.0)
    near = 4 * (high - low) or abs(high)
    if low - near <= 0 <= high + near:
        low, high = min(low, 0.0), max(high, 0.0)
    margin = 0.12 * (high - low) or 1.0
    return low - margin, high + margin


def _background(
    claim: Measured, x: Callable[[float], float], width: int, middle: int, *, zero: bool
) -> Iterator[Html]:
    left = x(claim.side[0]) if math.isfinite(claim.side[0]) else 0.0
    right = x(claim.side[1]) if math.isfinite(claim.side[1]) else float(width)
    span = max(round(right - left, 1), 1.0)
    yield h("rect", x=left, y=1, width=span, height=2 * middle - 2, class_="side")
    if zero:
        yield h("line", x1=x(0), x2=x(0), y1=1, y2=2 * middle - 1, class_="zero")


def _bar(claim: Measured, x: Callable[[float], float], middle: int) -> Iterator[Html]:
    if claim.interval:
        ends = [x(end) for end in claim.interval]
        yield h("line", x1=ends[0], x2=ends[1], y1=middle, y2=middle, class_="interval")
        for end in ends:
            yield h("line", x1=end, x2=end, y1=middle - 4, y2=middle + 4, class_="cap")
    if claim.effect is not None:
        yield _mark(x(claim.effect), middle, 4, "mean")


def _mark(at: float, middle: int, radius: float, kind: str) -> Html:
    return h("circle", cx=at, cy=middle, r=radius, class_=kind)


def _labels(claim: Measured, x: Callable[[float], float], width: int) -> Iterator[Html]:
    """The ends of the interval, the limits of the claim and zero, where there is room."""
    placed: list[float] = []
    for value in (*(claim.interval or ()), *claim.side, 0.0):
        at = x(value)
        if math.isfinite(value) and PAD < at < width - PAD and _is_free(at, placed):
            placed.append(at)
            yield h("text", number(value), x=at, y=43, text_anchor="middle")


def _is_free(at: float, placed: list[float]) -> bool:
    return all(abs(at - other) > 40 for other in placed)
