"""How jobs are computed: in this process, in local worker processes, on a dask cluster.

An executor is entered for the time of a run; given jobs, it yields their outcomes as they finish.
Workers only compute: whatever is stored is stored by the process that runs the experiment.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from types import TracebackType
from typing import Protocol, Self

from .compute import Job, Outcome, Report, compute


class Executor(Protocol):
    """What computes jobs."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...

    def __call__(self, jobs: Iterable[Job], report: Report) -> Iterator[Outcome]:
        """The outcomes as they finish."""


class Inline:
    """One job after the other, in this process."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        pass

    def __call__(self, jobs: Iterable[Job], report: Report) -> Iterator[Outcome]:
        """The outcomes in the order of the jobs."""
        for job in jobs:
            yield compute(job, report)


def executor_of(backend: str, num_workers: int, threads: int) -> Executor:
    """The executor of a backend's name.

    Args:
        backend: ``"local"``, ``"dask"`` or the address of a scheduler.
        num_workers: processes that are started.
        threads: of each.

    Raises:
        ValueError: an unknown backend, or no worker.

    Example:
        >>> type(executor_of("local", 1, 1)).__name__
        'Inline'
    """
    if num_workers < 1:
        raise ValueError(f"jobs must be at least 1: got {num_workers}")
    if backend == "local":
        from .workers import WorkerPool

        return Inline() if num_workers == 1 else WorkerPool(num_workers, threads)
    if backend == "dask" or "://" in backend:
        if find_spec("distributed") is None:
            raise ValueError(
                f"backend must be installed: got {backend!r}; pip install 'neurarium[dask]'"
            )
        from .cluster import DaskCluster

        return DaskCluster(None if backend == "dask" else backend, num_workers, threads)
    raise ValueError(f"backend must be 'local', 'dask' or a scheduler's address: got {backend!r}")
