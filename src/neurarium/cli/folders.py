"""Output folders and files, tried before work that takes long is started."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def check_folder(folder: Path) -> None:
    """Say why nothing could be written below a folder, whether it exists yet or not."""
    existing = folder.absolute()
    while not existing.exists():
        existing = existing.parent
    try:
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as error:
        raise OSError(
            f"--out must be a folder one can write to: got {folder} ({reason(error)})"
        ) from None


def check_file(path: Path) -> None:
    """Say why a file could not be written, without leaving one behind."""
    if path.is_dir():
        raise OSError(f"--out must be a file: got the folder {path}")
    try:
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise OSError(
            f"--out must be a file one can write to: got {path} ({reason(error)})"
        ) from None


def reason(error: OSError) -> str:
    """The system's words for what went wrong."""
    return os.strerror(error.errno).lower() if error.errno else str(error)
