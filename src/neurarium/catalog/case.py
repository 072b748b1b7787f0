"""How the battery calls one export in its smallest configuration: plain data, no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Case:
    """The smallest configuration of an export.

    Args:
        kwargs: what the constructor (or the function) is called with.
        inputs: one ``(shape, dtype)`` per positional input, e.g. ``((2, 5, 8), "float32")``.
        exempt: check → the reason why it does not apply, e.g.
            ``{"capture": "the number of steps depends on the data"}``.
    """

    kwargs: Mapping[str, Any] = field(default_factory=dict)
    inputs: tuple[tuple[tuple[int, ...], str], ...] = ()
    exempt: Mapping[str, str] = field(default_factory=dict)
