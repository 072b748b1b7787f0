"""Records: what the cells of a run left behind, as a sequence that claims and tables ask."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from .cells import AxisValue, require_known
from .record import Record

if TYPE_CHECKING:
    import numpy as np

Key = Any
"""The value of one axis, or a tuple of the values of several; None where a cell lacks one."""


class Records(Sequence[Record]):
    """The records of a run in the order of its grid.

    Example:
        >>> from neurarium.evaluation import Cell
        >>> cells = [Cell(method=m, seed=s) for s in range(2) for m in ("svc", "knn")]
        >>> records = Records([Record(c, {"accuracy": 0.5 + c.seed / 4}) for c in cells])
        >>> records.where(method="svc").values("accuracy", "seed")
        {0: 0.5, 1: 0.75}
        >>> records.values("accuracy", "method")
        {'svc': 0.625, 'knn': 0.625}
    """

    def __init__(self, records: Iterable[Record] = ()) -> None:
        self._records = tuple(records)

    @classmethod
    def load(cls, folder: str | Path) -> Records:
        """The records of a run's folder, wherever it has been moved to; nothing is changed."""
        from .store import read_records

        return cls(read_records(Path(folder)).values())

    @overload
    def __getitem__(self, index: int) -> Record: ...
    @overload
    def __getitem__(self, index: slice) -> Records: ...
    def __getitem__(self, index: int | slice) -> Record | Records:
        if isinstance(index, slice):
            return Records(self._records[index])
        return self._records[index]

    def __len__(self) -> int:
        return len(self._records)

    def __iter__(self) -> Iterator[Record]:
        return iter(self._records)

    def __repr__(self) -> str:
        return f"Records({len(self)} cells, {len(self.failed)} failed)"

    @property
    def ok(self) -> Records:
        """Those of finished cells."""
        return Records(record for record in self if record.ok)

    @property
    def failed(self) -> Records:
        """Those of cells that raised."""
        return Records(record for record in self if not record.ok)

    def where(self, **axes: AxisValue | Collection[AxisValue]) -> Records:
        """Those whose cells have these values.

        Args:
            **axes: name → value, or a list, tuple or set of values.

        Raises:
            ValueError: no cell has an axis of that name.
        """
        wanted = {
            self._known(name): value if isinstance(value, list | tuple | set) else (value,)
            for name, value in axes.items()
        }
        return Records(
            record
            for record in self
            if all(record.cell.get(name) in values for name, values in wanted.items())
        )

    def axis(self, name: str) -> tuple[AxisValue, ...]:
        """The distinct values of an axis, in the order of the grid."""
        self._known(name)
        return tuple(dict.fromkeys(r.cell[name] for r in self if name in r.cell))

    def values(self, metric: str, *axes: str) -> dict[Key, float]:
        """A metric of the finished cells, averaged over all other axes.

        Args:
            metric: a metric's name, or ``"seconds"`` for wall seconds including stages.
            *axes: what the keys are made of: the bare value of one axis, a tuple of several.

        Returns:
            key → mean; a cell that lacks one of several axes has None in its place.

        Raises:
            ValueError: no finished cell has that metric or that axis.
        """
        grouped = self._group(axes, lambda record: record.value(metric))
        if not grouped and self.ok:
            require_known("metric", metric, dict.fromkeys(n for r in self.ok for n in r.metrics))
        return {key: math.fsum(numbers) / len(numbers) for key, numbers in grouped.items()}

    def curves(self, name: str, *axes: str) -> dict[Key, np.ndarray]:
        """A curve, averaged pointwise over all other axes, as far as the shortest one goes."""
        import numpy as np

        grouped = self._group(axes, lambda record: record.curves.get(name))
        lengths = {key: min(map(len, curves)) for key, curves in grouped.items()}
        return {
            key: np.mean([curve[: lengths[key]] for curve in curves], axis=0)
            for key, curves in grouped.items()
        }

    def arrays(self, name: str, *axes: str) -> dict[Key, np.ndarray]:
        """A stored array a key; arrays are not averaged.

        Raises:
            ValueError: several cells share a key.
        """
        grouped = self._group(axes, lambda record: record if record.array_file else None)
        for key, records in grouped.items():
            if len(records) > 1:
                raise ValueError(
                    f"axes must single out one cell: got {len(records)} for {key!r}; "
                    "name more axes, or narrow with where()"
                )
        found = {key: records[0].arrays for key, records in grouped.items()}
        return {key: arrays[name] for key, arrays in found.items() if name in arrays}

    def _group(
        self, axes: tuple[str, ...], value: Callable[[Record], Any | None]
    ) -> dict[Key, list[Any]]:
        for name in axes:
            self._known(name)
        grouped: dict[Key, list[Any]] = {}
        for record in self.ok:
            key = tuple(record.cell.get(name) for name in axes)
            found = value(record)
            if found is not None:
                grouped.setdefault(key[0] if len(axes) == 1 else key, []).append(found)
        return grouped

    def _known(self, name: str) -> str:
        if not self._records:
            return name
        return require_known("axis", name, dict.fromkeys(axis for r in self for axis in r.cell))
