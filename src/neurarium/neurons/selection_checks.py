"""Checks of arguments that the layers of S-KAN share; each failure is one sentence.

S-KAN: https://arxiv.org/abs/2408.08338.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any


def require_number(name: str, value: Any) -> None:
    """Raise a TypeError unless ``value`` is a real number.

    Example:
        >>> require_number("threshold", "a")
        Traceback (most recent call last):
        TypeError: threshold must be a number: got 'a'
    """
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name} must be a number: got {value!r}")


def require_positive(name: str, value: Any) -> None:
    """Raise unless ``value`` is a finite number above 0.

    Example:
        >>> require_positive("temperature", 0)
        Traceback (most recent call last):
        ValueError: temperature must be finite and above 0: got 0
    """
    require_number(name, value)
    if not 0 < value < math.inf:
        raise ValueError(f"{name} must be finite and above 0: got {value}")


def require_share(name: str, value: Any) -> None:
    """Raise unless ``value`` is a number from 0 to 1.

    Example:
        >>> require_share("threshold", 3)
        Traceback (most recent call last):
        ValueError: threshold must lie in [0, 1]: got 3
    """
    require_number(name, value)
    if not 0 <= value <= 1:
        raise ValueError(f"{name} must lie in [0, 1]: got {value}")


def require_arguments(basis_arguments: Any) -> None:
    """Raise a TypeError unless these are arguments of bases by name, or None.

    Example:
        >>> require_arguments({"rbf": 3})
        Traceback (most recent call last):
        TypeError: basis_arguments must map bases to their arguments by name: got {'rbf': 3}
    """
    is_map = basis_arguments is None or isinstance(basis_arguments, Mapping)
    if not is_map or not all(isinstance(a, Mapping) for a in (basis_arguments or {}).values()):
        raise TypeError(
            f"basis_arguments must map bases to their arguments by name: got {basis_arguments!r}"
        )


def require_fractions(fractions: Any) -> None:
    """Raise unless these are three shares that sum to 1.

    Example:
        >>> require_fractions(0.4)
        Traceback (most recent call last):
        TypeError: fractions must be three numbers: got 0.4
    """
    if isinstance(fractions, str) or not isinstance(fractions, Sequence):
        raise TypeError(f"fractions must be three numbers: got {fractions!r}")
    for share in fractions:
        require_number("fractions", share)
    if len(fractions) != 3 or min(fractions) < 0 or not abs(sum(fractions) - 1) <= 1e-6:
        raise ValueError(f"fractions must be three that sum to 1: got {tuple(fractions)}")


def require_positions(name: str, positions: Any, size: int, basis: str) -> list[int]:
    """Different positions in ascending order, or an error.

    Example:
        >>> require_positions("chosen", [1, 1], 3, "rbf")
        Traceback (most recent call last):
        ValueError: chosen must be ascending positions below 3 for each basis: got [1, 1] for 'rbf'
    """
    those = [int(i) for i in positions]
    ascends = all(a < b for a, b in itertools.pairwise(those))
    if not those or not ascends or those[0] < 0 or those[-1] >= size:
        raise ValueError(
            f"{name} must be ascending positions below {size} for each basis: got {those} for "
            f"{basis!r}"
        )
    return those


def require_chosen(chosen: Any, places: Any) -> None:
    """Raise unless there are positions of bases, and places of these bases only.

    Example:
        >>> require_chosen({"rbf": [0]}, {"relu": [0]})
        Traceback (most recent call last):
        ValueError: places must be of bases in chosen: got 'relu'
    """
    for name, value in (("chosen", chosen), ("places", {} if places is None else places)):
        if not isinstance(value, Mapping):
            raise TypeError(f"{name} must map bases to positions: got {value!r}")
        for those in value.values():
            if isinstance(those, str) or not isinstance(those, Sequence):
                raise TypeError(f"{name} must map bases to positions: got {value!r}")
    if not chosen:
        raise ValueError("chosen must have at least one basis: got none")
    for name in places or {}:
        if name not in chosen:
            raise ValueError(f"places must be of bases in chosen: got {name!r}")


def require_sides(name: str, value: Any, *, least: int = 1) -> tuple[int, int]:
    """Height and width from one number or two, or an error.

    Example:
        >>> require_sides("kernel_size", 3)
        (3, 3)
        >>> require_sides("kernel_size", (3, 3, 3))
        Traceback (most recent call last):
        ValueError: kernel_size must be one number or two: got (3, 3, 3)
    """
    sides = tuple(value) if isinstance(value, list | tuple) else (value, value)
    if len(sides) != 2:
        raise ValueError(f"{name} must be one number or two: got {value!r}")
    for side in sides:
        if isinstance(side, bool) or not hasattr(side, "__index__"):
            raise TypeError(f"{name} must be whole numbers: got {value!r}")
        if side < least:
            raise ValueError(f"{name} must be at least {least}: got {value!r}")
    return int(sides[0]), int(sides[1])
