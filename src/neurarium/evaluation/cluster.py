"""The same jobs on a dask cluster: a local one, or any scheduler whose workers see the runs."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from typing import Any

from .compute import Job, Outcome, Report, compute
from .isolation import limit_threads


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

    def __call__(self, jobs: Iterable[Job], report: Report) -> Iterator[Outcome]:
        """The outcomes as they finish; few jobs are handed over at a time."""
        from distributed import as_completed

        waiting = deque(jobs)
        if not waiting:
            return
        with ExitStack() as stack:
            client = self._connect(stack)
            client.run(limit_threads, self._threads)
            ahead = 2 * len(client.scheduler_info()["workers"])
            running = {self._submit(client, job): job for job in _take(waiting, ahead)}
            finished = as_completed(running)
            for future in finished:
                yield self._outcome(future, running.pop(future))
                for job in _take(waiting, 1):
                    following = self._submit(client, job)
                    running[following] = job
                    finished.add(following)

    @staticmethod
    def _submit(client: Any, job: Job) -> Any:
        return client.submit(compute, job, pure=False, retries=0)

    @staticmethod
    def _outcome(future: Any, job: Job) -> Outcome:
        """What a job came to; one whose worker died, again and again, has failed."""
        try:
            outcome: Outcome = future.result()
        except Exception as error:
            return Outcome(job, error=f"{type(error).__name__}: {error}")
        return outcome

    def _connect(self, stack: ExitStack) -> Any:
        from distributed import Client, LocalCluster

        if self._address is not None:
            client = stack.enter_context(Client(self._address, set_as_default=False))
        else:
            cluster = LocalCluster(
                n_workers=self._num_workers, threads_per_worker=1, dashboard_address=None
            )
            client = stack.enter_context(Client(stack.enter_context(cluster), set_as_default=False))
        for worker in client.scheduler_info()["workers"].values():
            if worker["nthreads"] != 1:  # generators and thread counts belong to a process
                raise ValueError(
                    f"workers must have one thread: got {worker['nthreads']}; "
                    "start them with --nthreads 1"
                )
        return client


def _take(jobs: deque[Job], count: int) -> Iterator[Job]:
    while jobs and count > 0:
        count -= 1
        yield jobs.popleft()
