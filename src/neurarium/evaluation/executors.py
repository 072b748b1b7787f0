"""How jobs are computed: in this process, in local worker processes, on a dask cluster.

An executor takes jobs and yields their outcomes as they finish. Workers only compute; whatever is
stored is stored by the process that runs the experiment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from .compute import Job, Outcome, Report, compute

Executor = Callable[[Iterable[Job], Report], Iterator[Outcome]]


def inline(jobs: Iterable[Job], report: Report) -> Iterator[Outcome]:
    """One after the other, in this process."""
    for job in jobs:
        yield compute(job, report)


def executor_of(backend: str, num_workers: int, threads: int) -> Executor:
    """The executor of a backend's name.

    Raises:
        ValueError: an unknown backend, or no worker.

    Example:
        >>> executor_of("local", 1, 1) is inline
        True
    """
    if num_workers < 1:
        raise ValueError(f"jobs must be at least 1: got {num_workers}")
    if backend == "local":
        from .workers import WorkerPool

        return inline if num_workers == 1 else WorkerPool(num_workers, threads)
    if backend == "dask" or "://" in backend:
        from .cluster import DaskCluster

        return DaskCluster(None if backend == "dask" else backend, num_workers, threads)
    raise ValueError(f"backend must be 'local', 'dask' or a scheduler's address: got {backend!r}")
