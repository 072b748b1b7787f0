"""What an experiment declares: presets, axes, methods, datasets, stages, cells, claims, figures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from .cells import AxisValue, Cell, Method
from .claims import Claim, Exact

if TYPE_CHECKING:
    from .records import Records
    from .table import Table


@dataclass(frozen=True)
class Result:
    """What a cell leaves behind; claims and figures read nothing else.

    Args:
        metrics: name → number; NaN is recorded as null.
        curves: name → list of numbers (a learning curve).
        arrays: name → array, stored beside the record.
    """

    metrics: Mapping[str, float] = field(default_factory=dict)
    curves: Mapping[str, list[float]] = field(default_factory=dict)
    arrays: Mapping[str, np.ndarray] = field(default_factory=dict)


class Context(Protocol):
    """What ``run_cell`` and ``Stage.build`` may ask for besides the cell and the configuration."""

    @property
    def device(self) -> str:
        """The device to compute on, ``"cpu"`` by default."""

    @property
    def method(self) -> Callable[..., Any]:
        """The cell's callable from ``methods``."""

    @property
    def data(self) -> Any:
        """The cell's dataset, loaded on first use."""

    def stage(self, name: str) -> Mapping[str, Any]:
        """Arrays and JSON values built by the named stage for this cell's axes."""

    def progress(self, fraction: float, **numbers: float) -> None:
        """Report how far this cell is (0 … 1) and numbers worth seeing, e.g. ``loss=0.3``."""


@dataclass(frozen=True)
class Stage:
    """Work shared by cells: tuned hyperparameters, a trained teacher, a count for a time box.

    Args:
        name: what ``context.stage(name)`` asks for.
        axes: the subset of the experiment's axes that it depends on.
        build: ``build(cell, config, context) -> dict`` of arrays and JSON values.
        exclusive: run alone on the machine (it measures time).
    """

    name: str
    axes: tuple[str, ...]
    build: Callable[[Cell, Any, Context], Mapping[str, Any]]
    exclusive: bool = False


@dataclass(frozen=True)
class Experiment:
    """One declared comparison.

    Args:
        slug: the system's catalogue slug.
        presets: name → frozen configuration dataclass of JSON values; ``smoke``, ``quick``,
            ``full`` and ``paper`` for every system.
        axes: ``axes(config) -> {name: values}``; ``dataset`` comes from ``datasets``, ``method``
            from ``methods`` unless named here to restrict them for this configuration.
        run_cell: ``run_cell(cell, config, context) -> Result``.
        methods: name → callable or :class:`Method`.
        part: the name after ``--part`` where a system has several experiments.
        datasets: ``datasets(config) -> {name: loader}``; a loader takes no argument.
        stages: shared work in the order in which it is built.
        claims: what the paper says, as :class:`Claim` and :class:`Exact`.
        tables: ``tables(records) -> tuple[Table, ...]``; by default one table of ``metric``,
            methods against datasets.
        figures: name → ``figure(records) -> matplotlib Figure``; kept in a module called
            ``figures`` these may change without making a recorded result stale.
        metric: the metric that the default table shows.
        higher_is_better: which end of ``metric`` wins.
        exclusive: cells are run one at a time, because they measure time.
        threads: torch threads of a cell.
    """

    slug: str
    presets: Mapping[str, Any]
    axes: Callable[[Any], Mapping[str, Iterable[AxisValue]]]
    run_cell: Callable[[Cell, Any, Context], Result]
    methods: Mapping[str, Callable[..., Any] | Method]
    part: str = "main"
    datasets: Callable[[Any], Mapping[str, Callable[[], Any]]] | None = None
    stages: tuple[Stage, ...] = ()
    claims: tuple[Claim | Exact, ...] = ()
    tables: Callable[[Records], tuple[Table, ...]] | None = None
    figures: Mapping[str, Callable[[Records], Any]] = field(default_factory=dict)
    metric: str = "accuracy"
    higher_is_better: bool = True
    exclusive: bool = False
    threads: int = 1

    def __post_init__(self) -> None:
        timed = any(isinstance(claim, Claim) and claim.timed for claim in self.claims)
        if timed and not self.exclusive:
            raise ValueError("exclusive must be True: got False with a timed claim")
        names = [stage.name for stage in self.stages]
        if len(set(names)) < len(names):
            raise ValueError(f"stages must have names of their own: got {', '.join(names)}")
