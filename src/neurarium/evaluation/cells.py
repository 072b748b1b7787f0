"""A cell: one point of an experiment's grid, and the grid itself."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

AxisValue = str | int | float | bool


class Cell(Mapping[str, AxisValue]):
    """A frozen mapping of named axes to plain values, readable as ``cell.seed``.

    Identity is the JSON text of the axes in sorted order, so 1, 1.0 and True are different values.

    Example:
        >>> cell = Cell(method="svc", dataset="glass", seed=0)
        >>> cell.seed, cell["method"]
        (0, 'svc')
        >>> cell.project(("dataset", "seed"))
        Cell(dataset='glass', seed=0)
    """

    __slots__ = ("_axes",)

    def __init__(self, **axes: AxisValue) -> None:
        for name, value in axes.items():
            if not isinstance(value, str | int | float | bool):
                raise TypeError(
                    f"axis {name!r} must be str, int, float or bool: got {type(value).__name__}"
                )
        object.__setattr__(self, "_axes", dict(axes))

    def __getitem__(self, name: str) -> AxisValue:
        return self._axes[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._axes)

    def __len__(self) -> int:
        return len(self._axes)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # unpickling asks before the slot exists
            raise AttributeError(name)
        try:
            return self._axes[name]
        except KeyError:
            raise AttributeError(f"cell has no axis {name!r}: it has {', '.join(self)}") from None

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("a cell is frozen")

    def __reduce__(self) -> tuple[Callable[..., Cell], tuple[dict[str, AxisValue]]]:
        return _restore, (dict(self._axes),)

    @property
    def identity(self) -> str:
        """The canonical JSON text of the axes: what records are keyed by."""
        return json.dumps(self._axes, sort_keys=True)

    def project(self, axes: Iterable[str]) -> Cell:
        """This cell reduced to the named axes; those it lacks are left out."""
        return Cell(**{name: self._axes[name] for name in axes if name in self._axes})

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Cell) and self.identity == other.identity

    def __hash__(self) -> int:
        return hash(self.identity)

    def __repr__(self) -> str:
        return f"Cell({', '.join(f'{k}={v!r}' for k, v in self._axes.items())})"


def _restore(axes: dict[str, AxisValue]) -> Cell:
    return Cell(**axes)


@dataclass(frozen=True)
class Method:
    """A compared method with axes of its own.

    Args:
        fn: the module-level callable; its signature is stated by the experiment's docstring.
        axes: these replace the experiment's axes of the same name; an empty tuple removes one.
    """

    fn: Callable[..., Any]
    axes: Mapping[str, Iterable[AxisValue]] = field(default_factory=dict)


def grid(
    axes: Mapping[str, Iterable[AxisValue]], methods: Mapping[str, Callable[..., Any] | Method]
) -> list[Cell]:
    """All cells: the product of the axes for each method, seeds outermost so that methods interleave.

    Args:
        axes: name → values; an axis ``"method"`` restricts the methods.
        methods: name → callable or :class:`Method`.
    """
    shared = {name: tuple(values) for name, values in axes.items() if name != "method"}
    chosen = tuple(axes.get("method", methods))
    unknown = [name for name in chosen if name not in methods]
    if unknown:
        raise ValueError(f"method must be one of {', '.join(methods)}: got {unknown[0]!r}")
    order = sorted(shared, key=lambda name: name != "seed")
    cells: dict[tuple[int, ...], list[Cell]] = {}
    for name in chosen:
        method = methods[name]
        own = {k: tuple(v) for k, v in method.axes.items()} if isinstance(method, Method) else {}
        names = [k for k in [*order, *(k for k in own if k not in shared)] if own.get(k, (0,))]
        values = [tuple(enumerate(own.get(k, shared.get(k, ())))) for k in names]
        for point in itertools.product(*values):
            position = tuple(index for index, _ in point)
            axes_of_cell = {k: v for k, (_, v) in zip(names, point, strict=True)}
            cells.setdefault(position, []).append(Cell(method=name, **axes_of_cell))
    return [cell for position in sorted(cells) for cell in cells[position]]
