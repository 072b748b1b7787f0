"""The plan of a run: its configuration, its grid with the user's additions, its key and folder."""

from __future__ import annotations

import copy
import dataclasses
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .cells import AxisValue, Cell, Method, callable_of, grid, require_known
from .experiment import Experiment, Stage
from .fingerprint import fingerprint, modules_of
from .identity import identity_of


@dataclass(frozen=True)
class Plan:
    """What is to be computed, before anything is.

    Args:
        experiment: the declaration.
        preset: the preset's name.
        config: its configuration, with overrides.
        cells: the whole grid, in the order in which it is computed.
        methods: name → callable, the user's included.
        loaders: dataset → loader, the user's included.
        added: the user's methods and datasets: ``"method mine"`` → identity.
        device: the device to compute on.
        fingerprint: of the code that the numbers depend on.
    """

    experiment: Experiment
    preset: str
    config: Any
    cells: tuple[Cell, ...]
    methods: Mapping[str, Callable[..., Any]]
    loaders: Mapping[str, Callable[[], Any]]
    added: Mapping[str, str]
    device: str
    fingerprint: str

    @property
    def key(self) -> str:
        """Twelve hex digits that name all that the numbers depend on."""
        content = {
            "config": json_of(self.config),
            "preset": self.preset,
            "part": self.experiment.part,
            "fingerprint": self.fingerprint,
            "added": dict(self.added),
            "device": self.device,
        }
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]

    @property
    def header(self) -> dict[str, Any]:
        """The first line of the records."""
        return {
            "key": self.key,
            "slug": self.experiment.slug,
            "part": self.experiment.part,
            "preset": self.preset,
            "config": json_of(self.config),
            "device": self.device,
            "fingerprint": self.fingerprint,
            "modules": list(modules_of(self.experiment)),
            "added": dict(self.added),
        }

    def folder(self, out: str | Path) -> Path:
        """Where the run's records lie; absolute, as cells may change the working folder."""
        part = "" if self.experiment.part == "main" else f"{self.experiment.part}-"
        name = f"{part}{self.preset}-{self.key}"
        return Path(out).absolute() / self.experiment.slug / name

    def declared(self, cell: Cell) -> bool:
        """Whether the cell is the experiment's own: only those are judged."""
        added = {f"method {cell.method}", f"dataset {cell.get('dataset')}"}
        return not added & set(self.added)

    def stage_cells(self, stage: Stage, cells: Iterable[Cell]) -> list[Cell]:
        """The stage's own grid: the cells that have all of its axes, reduced to them."""
        having = (cell for cell in cells if set(stage.axes) <= set(cell))
        return list(dict.fromkeys(cell.project(stage.axes) for cell in having))


def plan(
    experiment: Experiment,
    *,
    preset: str = "quick",
    overrides: Mapping[str, Any] | None = None,
    methods: Mapping[str, Callable[..., Any] | Method] | None = None,
    datasets: Mapping[str, Any] | None = None,
    seeds: int | None = None,
    device: str = "cpu",
) -> Plan:
    """Everything that :func:`neurarium.evaluation.run` decides before it computes.

    Raises:
        ValueError: an unknown preset, field or method; a name that is declared already; no seeds.
    """
    config = _configure(experiment, preset, dict(overrides or {}), seeds)
    mine, data = dict(methods or {}), dict(datasets or {})
    loaders = dict(experiment.datasets(config)) if experiment.datasets else {}
    _require_new("methods", mine, experiment.methods)
    _require_new("datasets", data, loaders)
    if data and not loaders:
        raise ValueError(f"datasets must be empty: got {', '.join(data)}; the part has none")
    everything = {**experiment.methods, **mine}
    axes = _axes(experiment, config, loaders, mine, data)
    loaders = {**loaders, **{name: _loader(value) for name, value in data.items()}}
    cells = tuple(grid(axes, everything))
    for cell in cells:
        if "dataset" in cell:
            require_known("dataset", str(cell.dataset), loaders)
    return Plan(
        experiment,
        preset,
        config,
        cells,
        {name: callable_of(method) for name, method in everything.items()},
        loaders,
        {f"method {n}": identity_of(v) for n, v in mine.items()}
        | {f"dataset {n}": identity_of(v) for n, v in data.items()},
        device,
        fingerprint(modules_of(experiment)),
    )


def json_of(config: Any) -> Any:
    """A configuration as JSON values: tuples become lists."""
    return json.loads(json.dumps(dataclasses.asdict(config)))


def _configure(
    experiment: Experiment, preset: str, overrides: dict[str, Any], seeds: int | None
) -> Any:
    config = experiment.presets[require_known("preset", preset, experiment.presets)]
    fields = [field.name for field in dataclasses.fields(config)]
    if seeds is not None:
        if isinstance(seeds, bool) or not isinstance(seeds, int) or seeds < 1:
            raise ValueError(f"seeds must be at least 1: got {seeds}")
        if "num_seeds" not in fields:
            raise ValueError(
                f"seeds must be left out: got {seeds}; {experiment.slug} "
                f"part {experiment.part} has no num_seeds"
            )
        overrides["num_seeds"] = seeds
    for name in overrides:
        require_known("override", name, fields)
    return dataclasses.replace(config, **{name: _frozen(v) for name, v in overrides.items()})


def _frozen(value: Any) -> Any:
    return tuple(map(_frozen, value)) if isinstance(value, list) else value


def _axes(
    experiment: Experiment,
    config: Any,
    loaders: Mapping[str, Any],
    mine: Mapping[str, Any],
    data: Mapping[str, Any],
) -> dict[str, Iterable[AxisValue]]:
    """The axes of the configuration; the user's methods and datasets join, whatever is declared."""
    axes = dict(experiment.axes(config))
    if "method" in axes:
        axes["method"] = (*axes["method"], *mine)
    if loaders:
        axes["dataset"] = (*axes.get("dataset", loaders), *data)
    return axes


def _require_new(what: str, names: Iterable[str], declared: Iterable[str]) -> None:
    for name in names:
        if name in declared:
            raise ValueError(
                f"{what} must have names of their own: got {name!r}, which is declared"
            )


def _loader(data: Any) -> Callable[[], Any]:
    """A loader as it is; data as one, copied for every cell so that none can change another's."""
    return data if callable(data) else lambda: copy.deepcopy(data)
