"""`run`: an experiment from its declaration to records, tables and verdicts."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .cells import Cell, Method
from .compute import Job, Outcome
from .executors import Executor, Inline, executor_of
from .experiment import Experiment, Stage
from .isolation import process_restored
from .judged import verdicts_on
from .plan import Plan, plan
from .progress import Progress
from .record import Record
from .records import Records
from .stage_file import StageFile
from .store import RunFolder
from .table import Table, default_tables
from .verdict import Verdict


@dataclass(frozen=True)
class Run:
    """A finished run.

    Args:
        plan: what was to be computed.
        records: one a cell, in the order of the grid.
        folder: where they lie.
    """

    plan: Plan
    records: Records
    folder: Path

    @property
    def experiment(self) -> Experiment:
        """The declaration."""
        return self.plan.experiment

    @property
    def preset(self) -> str:
        """The preset's name."""
        return self.plan.preset

    @property
    def config(self) -> Any:
        """The configuration, with overrides."""
        return self.plan.config

    @property
    def key(self) -> str:
        """What names the run's folder: a digest of all that its numbers depend on."""
        return self.plan.key

    @property
    def fingerprint(self) -> str:
        """The digest of the code that its numbers depend on."""
        return self.plan.fingerprint

    @property
    def num_failed(self) -> int:
        """How many cells raised."""
        return len(self.records.failed)

    @property
    def declared(self) -> Records:
        """The records of the experiment's own cells, without the user's methods and datasets."""
        return Records(record for record in self.records if self.plan.declared(record.cell))

    @property
    def verdicts(self) -> list[Verdict]:
        """One a claim, from declared cells only."""
        return verdicts_on(self.experiment, self.declared, self.preset)

    @property
    def tables(self) -> tuple[Table, ...]:
        """The experiment's tables; the default one where cells that they need have failed."""
        if self.experiment.tables is None:
            return default_tables(self.records, self.experiment)
        try:
            return tuple(self.experiment.tables(self.records.ok))
        except Exception:
            if not self.num_failed:
                raise
            return default_tables(self.records, self.experiment)


def run(
    experiment: Experiment,
    *,
    preset: str = "quick",
    overrides: Mapping[str, Any] | None = None,
    methods: Mapping[str, Callable[..., Any] | Method] | None = None,
    datasets: Mapping[str, Any] | None = None,
    seeds: int | None = None,
    jobs: int = 1,
    backend: str = "local",
    out: str | Path = "runs",
    device: str = "cpu",
    progress: bool = True,
) -> Run:
    """Compute the cells that are not finished yet, and return all.

    Killed at any moment and called again with the same arguments, it goes on where it was.

    Args:
        experiment: the declaration.
        preset: ``smoke``, ``quick``, ``full`` or ``paper``.
        overrides: fields of the configuration → values.
        methods: your own methods: name → a callable as the experiment's docstring describes it.
        datasets: your own datasets: name → data as the experiment's loaders return it, or a loader.
        seeds: the number of seeds, instead of the preset's.
        jobs: worker processes; with one, cells run in this process.
        backend: ``"local"``, ``"dask"`` for a local cluster of ``jobs`` workers, or the address of
            a running scheduler, ``"tcp://host:8786"``, whose workers see the ``out`` folder.
        out: the folder of all runs.
        device: where cells compute.
        progress: whether progress is shown.

    Returns:
        Records, tables and verdicts; cells that raised are among the records, with their error.

    Raises:
        ValueError: an unknown preset, field, method or backend; no seeds; records of another key.
        RuntimeError: another process uses the run's folder.
    """
    planned = plan(
        experiment,
        preset=preset,
        overrides=overrides,
        methods=methods,
        datasets=datasets,
        seeds=seeds,
        device=device,
    )
    executor = executor_of(backend, jobs, experiment.threads)
    with (
        RunFolder(planned.folder(out), planned.header) as folder,
        process_restored(experiment.threads),
        executor,
    ):
        _Conductor(planned, folder, executor, progress).complete()
        found = [folder.records[cell.identity] for cell in planned.cells]
    return Run(planned, Records(found), folder.path)


class _Conductor:
    """Sends stages, then cells, to the executor and stores what comes back."""

    def __init__(self, plan: Plan, folder: RunFolder, executor: Executor, progress: bool) -> None:
        self._plan = plan
        self._folder = folder
        self._executor = executor
        self._shown = progress
        self._broken: dict[Path, str] = {}  # stage file → why it could not be built

    def complete(self) -> None:
        """Build the stages that unfinished cells need, then compute those cells."""
        records = self._folder.records
        pending = [c for c in self._plan.cells if not _finished(records.get(c.identity))]
        try:
            for stage in self._plan.experiment.stages:
                jobs = self._stage_jobs(stage, pending)
                self._compute(stage.name, jobs, stage.exclusive, self._keep_stage)
            jobs = [self._job(cell, self._plan.experiment.run_cell) for cell in pending]
            self._compute("cells", jobs, self._plan.experiment.exclusive, self._keep_record)
        except KeyboardInterrupt:
            if self._shown:
                done = sum(_finished(records.get(c.identity)) for c in self._plan.cells)
                print(
                    f"interrupted: {done} of {len(self._plan.cells)} cells are kept in "
                    f"{self._folder.path}; the same command goes on from there",
                    file=sys.stderr,
                )
            raise

    def _compute(
        self, what: str, jobs: list[Job], exclusive: bool, keep: Callable[[Outcome], None]
    ) -> None:
        title = f"{self._plan.experiment.slug} {what}"
        executor = Inline() if exclusive else self._executor
        with Progress(title, len(jobs), shown=self._shown) as progress:
            for outcome in executor(jobs, progress.report):
                keep(outcome)
                progress.finish(outcome)

    def _stage_jobs(self, stage: Stage, pending: Iterable[Cell]) -> list[Job]:
        """The stage for every point of its axes that is not built yet; it sees earlier stages."""
        stages = self._plan.experiment.stages
        return [
            self._job(cell, stage.build, stages[: stages.index(stage)], stage.name)
            for cell in self._plan.stage_cells(stage, pending)
            if not self._folder.stage_file(stage.name, cell).exists()
        ]

    def _job(
        self,
        cell: Cell,
        function: Callable[[Cell, Any, Any], Any],
        stages: Iterable[Stage] | None = None,
        stage: str | None = None,
    ) -> Job:
        available = self._plan.experiment.stages if stages is None else stages
        files = {
            s.name: self._folder.stage_file(s.name, cell.project(s.axes))
            for s in available
            if set(s.axes) <= set(cell)
        }
        return Job(
            cell=cell,
            function=function,
            config=self._plan.config,
            device=self._plan.device,
            threads=self._plan.experiment.threads,
            method=self._plan.methods[cell.method] if "method" in cell else None,
            load=self._plan.loaders[cell.dataset] if "dataset" in cell else None,
            stages=files,
            broken={name: self._broken[f] for name, f in files.items() if f in self._broken},
            stage=stage,
        )

    def _keep_stage(self, outcome: Outcome) -> None:
        job = outcome.job
        path = self._folder.stage_file(str(job.stage), job.cell)
        if outcome.error is not None:
            self._broken[path] = outcome.error
            return
        charged = {**outcome.stages, job.label: outcome.wall_seconds}
        StageFile(outcome.result, charged).write(path)

    def _keep_record(self, outcome: Outcome) -> None:
        result = outcome.result
        self._folder.append(
            Record(
                cell=outcome.job.cell,
                metrics=result.metrics if result else {},
                curves=result.curves if result else {},
                wall_seconds=outcome.wall_seconds,
                cpu_seconds=outcome.cpu_seconds,
                stages=outcome.stages,
                versions=outcome.versions,
                error=outcome.error,
            ),
            result.arrays if result else None,
        )


def _finished(record: Record | None) -> bool:
    return record is not None and record.ok
