"""Numbers as people read them: three significant digits, a true minus sign, counts with spaces."""

from __future__ import annotations

import math
from collections.abc import Sequence


def number(value: object) -> str:
    """A cell of a table.

    Example:
        >>> [number(v) for v in (0.123456, 1684921, -2.5, 98.7654, 1e-5, None, float("nan"), "svc")]
        ['0.123', '1 684 921', '−2.5', '98.8', '1e−05', '–', '–', 'svc']
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "–"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if isinstance(value, int) or (value.is_integer() and abs(value) >= 100):
        return f"{value:,.0f}".replace(",", " ").replace("-", "−")
    if abs(value) == math.inf:
        return "∞" if value > 0 else "−∞"
    return f"{value:.3g}".replace("-", "−")


def row_of_numbers(values: Sequence[object]) -> list[str]:
    """Floats of one kind with the same number of decimals; counts and mixed kinds as they are.

    Example:
        >>> row_of_numbers((75.0, 82.66, None, 3)), row_of_numbers((0.001, 12.0))
        (['75.0', '82.7', '–', '3'], ['0.001', '12'])
    """
    sizes = [abs(v) for v in values if isinstance(v, float) and v and math.isfinite(v)]
    if not sizes or max(sizes) > 100 * min(sizes) or max(sizes) >= 1000:
        return [number(value) for value in values]
    decimals = max(0, 2 - math.floor(math.log10(max(sizes))))
    return [
        f"{v:.{decimals}f}".replace("-", "−")
        if isinstance(v, float) and math.isfinite(v)
        else number(v)
        for v in values
    ]


def signed(value: float) -> str:
    """An effect: its sign always shown.

    Example:
        >>> signed(0.5), signed(-1.25), signed(0.0)
        ('+0.5', '−1.25', '0')
    """
    return f"+{number(value)}" if value > 0 else number(value)


def duration(seconds: float) -> str:
    """Seconds as the largest two units.

    Example:
        >>> duration(0.42), duration(75), duration(9000)
        ('0.42 s', '1 min 15 s', '2 h 30 min')
    """
    if seconds < 60:
        return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"
