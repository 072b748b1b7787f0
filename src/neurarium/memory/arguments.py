"""Checks of single arguments that several memories share; each failure is one sentence."""

from __future__ import annotations

from typing import Any, SupportsIndex

from torch import Tensor


def require_count(name: str, value: Any, *, hint: str = "") -> None:
    """Raise unless ``value`` is a whole number of at least 1.

    Raises:
        TypeError: for a bool or anything that is no whole number.
        ValueError: below 1.

    Example:
        >>> require_count("num_heads", 2.0)
        Traceback (most recent call last):
        TypeError: num_heads must be a whole number: got 2.0
    """
    if isinstance(value, bool) or not isinstance(value, SupportsIndex):
        raise TypeError(f"{name} must be a whole number: got {value!r}{hint}")
    if value.__index__() < 1:
        raise ValueError(f"{name} must be at least 1: got {value}{hint}")


def require_tensor(name: str, value: Any, *, hint: str = "") -> None:
    """Raise a TypeError unless ``value`` is a tensor.

    Example:
        >>> require_tensor("mask", [True], hint="; use torch.tensor(...)")
        Traceback (most recent call last):
        TypeError: mask must be a tensor: got list; use torch.tensor(...)
    """
    if not isinstance(value, Tensor):
        raise TypeError(f"{name} must be a tensor: got {type(value).__name__}{hint}")
