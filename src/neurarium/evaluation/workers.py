"""Local worker processes that die with the process that started them."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from .compute import Job, Outcome, Report, compute

_MAX_LOSSES = 2
"""A job that was under way when its worker died is tried once more, alone, then given up."""


class WorkerPool:
    """An executor over loky processes.

    When a worker is killed (out of memory, say), the whole pool is lost. The jobs that were under
    way are then tried once more, one at a time, so that the one which kills its worker a second
    time is known: it is recorded as failed, and all others are computed.

    Args:
        num_workers: processes.
        threads: threads of each, for torch and every other library.
    """

    def __init__(self, num_workers: int, threads: int) -> None:
        self._num_workers = num_workers
        self._threads = threads

    def __call__(self, jobs: Iterable[Job], report: Report) -> Iterator[Outcome]:
        """The outcomes as they finish."""
        waiting, suspects = deque(jobs), deque[Job]()
        while waiting or suspects:
            alone = bool(suspects)
            lost: list[Job] = []
            yield from self._until_broken(suspects if alone else waiting, alone, lost)
            if alone and lost:
                yield Outcome(lost[0], error="WorkerKilled: its worker process died, twice")
            else:
                suspects.extend(lost)

    def _until_broken(self, jobs: deque[Job], alone: bool, lost: list[Job]) -> Iterator[Outcome]:
        """Compute until no job is left or the pool breaks; jobs under way then go to ``lost``."""
        pool = self._start(1 if alone else min(self._num_workers, len(jobs)))
        running: dict[Future[Outcome], Job] = {}
        try:
            while jobs or running:
                while jobs and len(running) < (1 if alone else self._num_workers):
                    job = jobs.popleft()
                    running[pool.submit(compute, job)] = job
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    outcome = self._outcome(future, running[future])
                    del running[future]
                    yield outcome
        except BrokenProcessPool:
            lost.extend(running.values())
        finally:
            pool.shutdown(wait=True, kill_workers=True)

    def _start(self, num_workers: int) -> Any:
        from joblib.externals.loky import ProcessPoolExecutor

        return ProcessPoolExecutor(
            num_workers,
            initializer=_begin,
            initargs=(os.getpid(), self._threads),
            env=_environment(self._threads),
        )

    @staticmethod
    def _outcome(future: Future[Outcome], job: Job) -> Outcome:
        """What a job came to; one that cannot be sent to a worker or back has failed."""
        try:
            return future.result()
        except BrokenProcessPool:
            raise
        except Exception as error:
            return Outcome(job, error=f"{type(error).__name__}: {error}")


def _begin(parent: int, threads: int) -> None:
    """First thing in a worker: watch the parent, and keep to the threads it may use."""
    threading.Thread(target=_die_with, args=(parent,), daemon=True).start()
    from .isolation import limit_threads

    limit_threads(threads)


def _die_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


def _environment(threads: int) -> Mapping[str, str]:
    from .isolation import THREAD_VARIABLES

    return dict.fromkeys(THREAD_VARIABLES, str(threads))
