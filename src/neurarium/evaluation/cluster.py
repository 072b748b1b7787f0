"""The same jobs on a dask cluster: a local one, or any scheduler whose workers see the runs.

A dask worker draws from the global generators itself, for its heartbeats, while a job runs in it.
So each of its threads hands its jobs to a process of its own.
"""

from __future__ import annotations

import multiprocessing
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self

from .compute import Job, Outcome, Report
from .workers import WorkerPool


class DaskCluster:
    """An executor over the workers of a `dask.distributed` scheduler.

    Args:
        address: of a running scheduler; None starts a local cluster.
        num_workers: processes of a local cluster.
        threads: torch threads of a cell.
    """

    def __init__(self, address: str | None, num_workers: int, threads: int) -> None:
        self._address = address
        self._num_workers = num_workers
        self._threads = threads
        self._open = ExitStack()

    def __enter__(self) -> Self:
        from distributed import Client, LocalCluster

        with ExitStack() as stack:
            address = self._address or stack.enter_context(
                LocalCluster(
                    n_workers=self._num_workers, threads_per_worker=1, dashboard_address=None
                )
            )
            self._client = stack.enter_context(Client(address, set_as_default=False))
            stack.callback(self._client.run, _close_pools)
            self._open = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._open.close()

    def __call__(self, jobs: Iterable[Job], report: Report) -> Iterator[Outcome]:
        """The outcomes as they finish; two jobs a worker are handed over at a time."""
        from distributed import as_completed

        waiting = deque(jobs)
        workers = self._client.scheduler_info()["workers"].values()
        ahead = 2 * max(1, sum(worker["nthreads"] for worker in workers))
        running = {self._submit(job): job for job in _take(waiting, ahead)}
        finished = as_completed(running, loop=self._client.loop)
        for future in finished:
            yield self._outcome(future, running.pop(future))
            for job in _take(waiting, 1):
                following = self._submit(job)
                running[following] = job
                finished.add(following)

    def _submit(self, job: Job) -> Any:
        return self._client.submit(_compute_apart, job, self._threads, pure=False)

    @staticmethod
    def _outcome(future: Any, job: Job) -> Outcome:
        """What a job came to; one whose worker died, again and again, has failed."""
        try:
            outcome: Outcome = future.result()
        except Exception as error:
            return Outcome(job, error=f"{type(error).__name__}: {error}")
        return outcome


_POOLS: dict[int, WorkerPool] = {}  # of this dask worker: thread → its process


def _compute_apart(job: Job, threads: int) -> Outcome:
    """Compute a job in the process that belongs to this thread of the dask worker."""
    # A nanny's workers are daemons, which multiprocessing forbids to start processes, lest these
    # be left behind; ours watch their parent themselves.
    multiprocessing.current_process()._config["daemon"] = False  # type: ignore[attr-defined]
    pool = _POOLS.setdefault(threading.get_ident(), WorkerPool(1, threads))
    return next(pool([job], lambda fraction, numbers: None))


def _close_pools() -> None:
    while _POOLS:
        _POOLS.popitem()[1].close()


def _take(jobs: deque[Job], count: int) -> Iterator[Job]:
    while jobs and count > 0:
        count -= 1
        yield jobs.popleft()
