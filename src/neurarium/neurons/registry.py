"""Names of the interchangeable parts of Kolmogorov–Arnold layers (https://arxiv.org/abs/2407.11075)."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any


class Registry(Mapping[str, Callable[..., Any]]):
    """Name → what makes the thing of that name; the module of a thing is imported when asked for.

    Args:
        name: what the registry is called.
        entries: name → ``"module:Class"``, or that and the arguments that distinguish the name.

    Example:
        >>> colours = Registry("COLOURS", {"grey": ("fractions:Fraction", {"denominator": 2})})
        >>> colours["grey"](1)
        Fraction(1, 2)
        >>> colours.find("gray", "colour")
        Traceback (most recent call last):
        ValueError: colour must be one of grey: got 'gray'
    """

    def __init__(
        self, name: str, entries: Mapping[str, str | tuple[str, Mapping[str, Any]]]
    ) -> None:
        self.__name__ = name
        self._entries = dict(entries)

    def __getitem__(self, name: str) -> Callable[..., Any]:
        entry = self._entries[name]
        path, arguments = (entry, {}) if isinstance(entry, str) else entry
        module, _, attribute = path.partition(":")
        made = getattr(importlib.import_module(module), attribute)
        return partial(made, **arguments) if arguments else made

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __repr__(self) -> str:
        return f"{self.__name__}({', '.join(self)})"

    def find(self, name: Any, argument: str) -> Callable[..., Any]:
        """The entry of that name; a ValueError lists the known ones."""
        if not isinstance(name, str) or name not in self._entries:
            raise ValueError(f"{argument} must be one of {', '.join(self)}: got {name!r}")
        return self[name]
