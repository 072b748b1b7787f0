"""How the battery calls one export in its smallest configuration: plain data, no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Call:
    """A call of one of the module's methods; as an input, what it returns.

    Args:
        method: its name.
        inputs: as those of a :class:`Case`.
    """

    method: str
    inputs: tuple[Any, ...] = ()


@dataclass(frozen=True)
class New:
    """An object that a constructor is given, such as an inner layer.

    Args:
        module: where its class is.
        name: of the class.
        kwargs: what it is made with.
    """

    module: str
    name: str
    kwargs: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Case:
    """The smallest configuration of an export.

    An input is ``(shape, dtype)``, e.g. ``((2, 5, 8), "float32")``, standard normal; integers count
    from 0 and ``((6,), "int64", 4)`` begins again at 4; a bool is True but for its last element; a
    nested list is taken as it stands; a :class:`Call` is replaced by what the method returns.

    Args:
        kwargs: what the constructor is called with; a :class:`New` is made first.
        inputs: one for each positional input of forward.
        keyword_inputs: name → input.
        method: what is called where there is no forward.
        calls: methods that are called before the first forward, e.g. to store a memory.
        refused: constructor arguments, each on top of ``kwargs``, that must raise one sentence.
        reload: for a model with ``save_pretrained``: a case in which no constructor argument is at
            its default; None if this one is such.
        exempt: check → the reason why it does not apply, e.g.
            ``{"capture": "the number of steps depends on the data"}``; ``"backward.NAME"`` excuses
            a parameter and ``"reload.NAME"`` a constructor argument.
    """

    kwargs: Mapping[str, Any] = field(default_factory=dict)
    inputs: tuple[Any, ...] = ()
    keyword_inputs: Mapping[str, Any] = field(default_factory=dict)
    method: str = "forward"
    calls: tuple[Call, ...] = ()
    refused: tuple[Mapping[str, Any], ...] = ()
    reload: Case | None = None
    exempt: Mapping[str, str] = field(default_factory=dict)
