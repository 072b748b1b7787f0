"""A cell: one point of an experiment's grid, and the grid itself."""

from __future__ import annotations

import difflib
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
        plain = {k: v.item() if hasattr(v, "item") else v for k, v in axes.items()}  # numpy scalars
        for name, value in plain.items():
            if not isinstance(value, str | int | float | bool):
                raise TypeError(
                    f"axis {name!r} must be str, int, float or bool: got {type(value).__name__}"
                )
            if value != value:
                raise ValueError(f"axis {name!r} must be a number: got nan")
        object.__setattr__(self, "_axes", plain)

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

    Example:
        >>> Method(max, {"density": range(2), "seed": ()}).axes
        {'density': (0, 1), 'seed': ()}
    """

    fn: Callable[..., Any]
    axes: Mapping[str, Iterable[AxisValue]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "axes", {name: tuple(v) for name, v in self.axes.items()})


def callable_of(method: Callable[..., Any] | Method) -> Callable[..., Any]:
    """The function of a method, declared with axes or plain."""
    return method.fn if isinstance(method, Method) else method


def grid(
    axes: Mapping[str, Iterable[AxisValue]], methods: Mapping[str, Callable[..., Any] | Method]
) -> list[Cell]:
    """All cells: the product of the axes for each method; seeds outermost, methods interleaved.

    Args:
        axes: name → values; an axis ``"method"`` restricts the methods.
        methods: name → callable or :class:`Method`.

    Raises:
        ValueError: an axis has no values, or ``"method"`` names one that does not exist.

    Example:
        >>> [(c.seed, c.method) for c in grid({"seed": range(2)}, {"svc": max, "knn": min})]
        [(0, 'svc'), (0, 'knn'), (1, 'svc'), (1, 'knn')]
    """
    shared = {name: tuple(values) for name, values in axes.items() if name != "method"}
    shared = {name: shared[name] for name in sorted(shared, key=lambda name: name != "seed")}
    cells: dict[tuple[int, ...], list[Cell]] = {}
    for name in axes.get("method", methods):
        method = methods[require_known("method", str(name), methods)]
        own = dict(method.axes) if isinstance(method, Method) else {}
        removed = {axis for axis, values in own.items() if not values}
        used = {axis: v for axis, v in {**shared, **own}.items() if axis not in removed}
        for axis, values in used.items():
            if not values:
                raise ValueError(f"axis {axis!r} must have a value: got none for method {name!r}")
        for point in itertools.product(*(enumerate(values) for values in used.values())):
            position = tuple(index for index, _ in point)
            of_cell = {axis: value for axis, (_, value) in zip(used, point, strict=True)}
            cells.setdefault(position, []).append(Cell(method=str(name), **of_cell))
    return [cell for position in sorted(cells) for cell in cells[position]]


def require_known(what: str, name: str, known: Iterable[str]) -> str:
    """The name itself where it is known.

    Raises:
        ValueError: otherwise, naming the nearest and listing all.

    Example:
        >>> require_known("preset", "quik", ["smoke", "quick"])
        Traceback (most recent call last):
        ValueError: preset must be one of smoke, quick: got 'quik'; did you mean 'quick'?
    """
    names = list(known)
    if name in names:
        return name
    near = difflib.get_close_matches(name, names, n=1)
    advice = f"; did you mean {near[0]!r}?" if near else ""
    raise ValueError(f"{what} must be one of {', '.join(names)}: got {name!r}{advice}")
