"""Local worker processes that die with the process that started them."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from types import TracebackType
from typing import Any, Self

from .compute import Job, Outcome, Report, compute
from .isolation import THREAD_VARIABLES, limit_threads


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
        self._pool: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the processes; new ones are started when jobs come."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, kill_workers=True)
            self._pool = None

    def __call__(self, jobs: Iterable[Job], report: Report) -> Iterator[Outcome]:
        """The outcomes as they finish."""
        waiting, suspects = deque(jobs), deque[Job]()
        while waiting or suspects:
            if suspects:
                lost = yield from self._until_broken(suspects, 1)
                for job in lost:
                    yield Outcome(job, error="WorkerKilled: its worker process died, twice")
            else:
                lost = yield from self._until_broken(waiting, self._num_workers)
                suspects.extend(lost)

    def _until_broken(
        self, jobs: deque[Job], at_once: int
    ) -> Generator[Outcome, None, tuple[Job, ...]]:
        """Compute until no job is left, or the pool breaks; returns what was under way then."""
        if self._pool is None:
            self._pool = self._start()
        running: dict[Future[Outcome], Job] = {}
        try:
            while jobs or running:
                while jobs and len(running) < at_once:
                    running[self._pool.submit(compute, jobs[0])] = jobs[0]
                    jobs.popleft()
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    outcome = self._outcome(future, running[future])
                    del running[future]
                    yield outcome
        except BrokenProcessPool:
            self.close()
        return tuple(running.values())

    def _start(self) -> Any:
        from joblib.externals.loky import ProcessPoolExecutor

        return ProcessPoolExecutor(
            self._num_workers,
            initializer=_begin,
            initargs=(os.getpid(), self._threads),
            env=dict.fromkeys(THREAD_VARIABLES, str(self._threads)),
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
    limit_threads(threads)


def _die_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)
