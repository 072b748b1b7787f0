"""The folder of a run: `records.jsonl`, arrays and stages, safe against a kill at any moment.

Arrays are written before the record that names them; whole files are fsynced and renamed into
place; a line torn by a kill is cut off before the next one is appended.
"""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any

from .cells import Cell
from .lock import FolderLock
from .record import Record

if TYPE_CHECKING:
    import numpy as np

RECORDS = "records.jsonl"


def read_header(folder: Path) -> dict[str, Any]:
    """What the first line says of the run: key, preset, configuration, fingerprint.

    Raises:
        ValueError: the folder holds no records.
    """
    path = folder / RECORDS
    try:
        with path.open(encoding="utf-8") as file:
            header: dict[str, Any] = json.loads(file.readline())["run"]
    except FileNotFoundError:
        raise ValueError(f"folder must hold a {RECORDS}: got {folder}") from None
    except OSError as error:
        raise ValueError(f"{path} must be a file to read: got {error.strerror}") from None
    except (KeyError, TypeError, ValueError):
        raise ValueError(f"{path} must begin with a line that describes the run") from None
    return header


def read_records(folder: Path) -> dict[str, Record]:
    """Identity of the cell → its last record; a torn last line is passed over."""
    read_header(folder)
    content = (folder / RECORDS).read_bytes()
    records: dict[str, Record] = {}
    for number, line in enumerate(content.split(b"\n")[1:-1], start=2):
        try:
            record = Record.from_json(line.decode(), folder)
        except (KeyError, TypeError, ValueError):
            raise ValueError(f"{folder / RECORDS} line {number} must be a record") from None
        records[record.cell.identity] = record
    return records


class RunFolder:
    """A run's folder, held under its lock while it is open.

    Args:
        path: the folder, created if absent.
        header: the first line of the records; the ``key`` of records found there must be the same.

    Raises:
        ValueError: the records there are of another key.
        RuntimeError: another process uses the folder.
    """

    def __init__(self, path: Path, header: Mapping[str, Any]) -> None:
        self.path = path
        path.mkdir(parents=True, exist_ok=True)
        self._lock = FolderLock(path / ".lock")
        self._lock.acquire()
        try:
            for leftover in path.rglob(".*.tmp"):  # of a writer killed before its rename
                leftover.unlink()
            self._open(header)
        except BaseException:
            self._lock.release()
            raise

    def __enter__(self) -> RunFolder:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.close()
        self._lock.release()

    def _open(self, header: Mapping[str, Any]) -> None:
        path = self.path / RECORDS
        if not path.exists():
            with replacing(path) as file:
                file.write(json.dumps({"run": header}).encode() + b"\n")
        found = read_header(self.path).get("key")
        if found != header["key"]:
            raise ValueError(
                f"{path} must be of key {header['key']}: got {found}; choose another out folder"
            )
        with path.open("r+b") as file:
            file.truncate(file.read().rfind(b"\n") + 1)
        self.records = read_records(self.path)
        self._file = path.open("ab")

    def append(self, record: Record, arrays: Mapping[str, np.ndarray] | None = None) -> Record:
        """Store the arrays, then the record; returns it as it will be read back."""
        name = f"arrays/{_file_name('cell', record.cell)}" if arrays else None
        if arrays and name:
            write_arrays(self.path / name, arrays)
        record = replace(record, array_file=name, folder=self.path)
        self._file.write(record.to_json().encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())
        self.records[record.cell.identity] = record
        return record

    def stage_file(self, stage: str, cell: Cell) -> Path:
        """Where a stage's result for these axes is kept."""
        return self.path / "stages" / _file_name(stage, cell)


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """An npz without pickles; every name is allowed, which `numpy.savez` does not do."""
    import numpy as np

    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as file, zipfile.ZipFile(file, "w") as npz:
        for name, array in arrays.items():
            with npz.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.asanyarray(array), allow_pickle=False)


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """Write a file so that either the old one or the whole new one is there, at every moment."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with temporary.open("wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


def _file_name(prefix: str, cell: Cell) -> str:
    return f"{prefix}-{hashlib.sha256(cell.identity.encode()).hexdigest()[:16]}.npz"
