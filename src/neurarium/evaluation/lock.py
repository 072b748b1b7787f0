"""One writer a folder: a lock that a killed process leaves behind open."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import IO

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]


class FolderLock:
    """An exclusive lock on a file; the system lets go of it when the process dies.

    Where the system or the file system has no `flock`, the existence of a second file that names
    the process is the lock; one that a dead process left behind is taken over.

    Args:
        path: the lock file; its folder must exist.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[str] | None = None
        self._pid_file: IO[str] | None = None

    def acquire(self) -> None:
        """Take the lock.

        Raises:
            RuntimeError: another process holds it.
        """
        file = self._path.open("a+", encoding="utf-8")
        try:
            if not self._flock(file):
                self._create()
        except BaseException:
            file.close()
            raise
        self._file = file

    def release(self) -> None:
        """Let go; nothing happens where it is not held."""
        if self._pid_file is not None:
            self._pid_file.close()
            Path(self._pid_file.name).unlink(missing_ok=True)
        if self._file is not None:
            self._file.close()
        self._file = self._pid_file = None

    def _flock(self, file: IO[str]) -> bool:
        if fcntl is None:
            return False
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise self._busy() from None
        except OSError:  # a network file system without locks
            return False
        return True

    def _create(self) -> None:
        path = self._path.with_name(f"{self._path.name}.pid")
        try:
            if path.exists() and not _held(path):
                path.unlink()
            self._pid_file = path.open("x")
        except OSError:
            raise self._busy() from None
        self._pid_file.write(str(os.getpid()))
        self._pid_file.flush()

    def _busy(self) -> RuntimeError:
        return RuntimeError(
            f"run folder must be used by one process at a time: got {self._path.parent} in use; "
            "wait for the other run or choose another out folder"
        )


def _held(path: Path) -> bool:
    if os.name == "nt":  # an open file cannot be removed there, so trying tells
        return False
    with contextlib.suppress(ValueError, PermissionError):
        try:
            os.kill(int(path.read_text()), 0)
        except ProcessLookupError:
            return False
    return True
