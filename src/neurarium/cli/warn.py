"""Warnings as one line on stderr, without the source line that Python adds."""

from __future__ import annotations

import contextlib
import sys
import warnings
from collections.abc import Iterator
from typing import TextIO


@contextlib.contextmanager
def one_line_warnings() -> Iterator[None]:
    """Within the block, a warning is the line ``warning: …``."""
    with warnings.catch_warnings():
        warnings.simplefilter("default", UserWarning)  # said once for each place
        warnings.showwarning = _show
        yield


def _show(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    print(f"warning: {' '.join(str(message).split())}", file=file or sys.stderr)
