"""A claim's interval as a small SVG: the claimed side shaded, zero marked, the mean as a dot."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

from .markup import Html, h
from .numbers import number, signed

PAD = 10


def forest(
    effect: float | None,
    interval: tuple[float, float] | None,
    side: tuple[float, float],
    *,
    axis: bool = False,
) -> Html:
    """The drawing, with a sentence that says the same for who cannot see it.

    Args:
        effect: the mean effect; None draws the claimed side only.
        interval: its 95 % interval, None where there is none.
        side: where the mean effect is claimed to lie; either end may be infinite.
        axis: the larger drawing, with zero, the claim's limits and the interval's ends labelled.
    """
    low, high = _span(effect, interval, side)
    width, height, middle = (400, 46, 15) if axis else (220, 22, 11)

    def x(value: float) -> float:
        clipped = min(max(value, low), high)
        return round(PAD + (clipped - low) / (high - low) * (width - 2 * PAD), 1)

    left, right = x(side[0]), x(side[1])
    left, right = (0 if side[0] == -math.inf else left), (width if side[1] == math.inf else right)
    marks = [
        h("rect", x=left, y=1, width=round(right - left, 1), height=2 * middle - 2, class_="side"),
        h("line", x1=x(0), x2=x(0), y1=1, y2=2 * middle - 1, class_="zero"),
    ]
    if interval:
        a, b = map(x, interval)
        marks.append(h("line", x1=a, x2=b, y1=middle, y2=middle, class_="interval"))
        marks += [h("line", x1=e, x2=e, y1=middle - 4, y2=middle + 4, class_="cap") for e in (a, b)]
    if effect is not None:
        marks.append(h("circle", cx=x(effect), cy=middle, r=4, class_="mean"))
    if axis:
        marks += _labels(interval, side, x, width)
    return h(
        "svg",
        h("title", describe(effect, interval, side)),
        marks,
        class_="forest large" if axis else "forest",
        role="img",
        viewBox=f"0 0 {width} {height}",
    )


def describe(
    effect: float | None, interval: tuple[float, float] | None, side: tuple[float, float]
) -> str:
    """The same in words."""
    if effect is None:
        return f"No measurement; claimed {claimed(side)}."
    measured = f"Mean effect {signed(effect)}"
    if interval:
        measured += f", 95 % interval {signed(interval[0])} to {signed(interval[1])}"
    return f"{measured}; claimed {claimed(side)}."


def claimed(side: tuple[float, float]) -> str:
    """The claimed side in words."""
    low, high = side
    if low == -math.inf and high == math.inf:
        return "anything"
    if high == math.inf:
        return f"above {number(low)}"
    if low == -math.inf:
        return f"below {number(high)}"
    return f"between {number(low)} and {number(high)}"


def _span(
    effect: float | None, interval: tuple[float, float] | None, side: tuple[float, float]
) -> tuple[float, float]:
    points = [0.0, *(v for v in side if math.isfinite(v)), *(interval or ())]
    points += [effect] if effect is not None else []
    low, high = min(points), max(points)
    margin = 0.12 * (high - low) or 1.0
    return low - margin, high + margin


def _labels(
    interval: tuple[float, float] | None,
    side: tuple[float, float],
    x: Callable[[float], float],
    width: int,
) -> Iterator[Html]:
    """The ends of the interval, the limits of the claim and zero, where there is room."""
    placed: list[float] = []
    for value in (*(interval or ()), *(v for v in side if math.isfinite(v)), 0.0):
        at = x(value)
        if all(abs(at - other) > 36 for other in placed):
            placed.append(at)
            anchor = "start" if at < 24 else "end" if at > width - 24 else "middle"
            yield h("text", number(value), x=at, y=43, text_anchor=anchor)
