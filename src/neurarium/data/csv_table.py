"""A user's CSV file as a DataFrame; what is wrong with the file is said in one sentence."""

from __future__ import annotations

import csv
import difflib
import gzip
import io
import warnings
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import os

    import pandas as pd


def read_table(path: str | os.PathLike[str], *, target: str | None = None) -> pd.DataFrame:
    """Read a CSV file, plain or gzipped, in UTF-8, with a header line.

    Fields are separated by commas, or by the semicolons or tabs of a header without commas. Empty
    fields and pandas' usual words for it (``NA``, ``NaN``, ``null`` …) are missing cells.

    Args:
        path: the file.
        target: a column that must be there; rows without a value in it are left out, with a
            warning.

    Returns:
        One column a field; numbers, booleans and text as pandas infers them.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is no such table, or lacks the target; the message says why.

    Example:
        >>> import tempfile, pathlib
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "my.csv"
        >>> _ = path.write_text("age,color\\n31,red\\n,blue\\n")
        >>> read_table(path)["age"].tolist()
        [31.0, nan]
        >>> read_table(path, target="colour")
        Traceback (most recent call last):
        ValueError: target must be a column of my.csv: got 'colour'; did you mean 'color'?
    """
    path = Path(path)
    text = _text_of(path)
    names, delimiter = _check_fields(text, path.name)
    if target is not None and target not in names:
        raise ValueError(
            f"target must be a column of {path.name}: got {target!r}; {_suggest(target, names)}"
        )
    table = _parse(text, delimiter, path.name)
    return table if target is None else _with_target(table, target, path.name)


def _text_of(path: Path) -> str:
    """The decoded content of the file."""
    if not path.exists():
        raise FileNotFoundError(f"path must be an existing file: got '{path}', which is not there")
    if path.is_dir():
        raise ValueError(f"path must be a CSV file: got the folder '{path}'")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ValueError(f"path must be readable: got '{path}' ({error.strerror})") from None
    if content[:2] == b"\x1f\x8b":
        try:
            content = gzip.decompress(content)
        except (OSError, EOFError, zlib.error):
            raise ValueError(f"{path.name} must be an intact gzip file: it is damaged") from None
    if b"\x00" in content:
        raise ValueError(f"{path.name} must be a CSV file in UTF-8: got binary data")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ValueError(
            f"{path.name} must be UTF-8 text: got byte 0x{content[error.start]:02x} in line "
            f"{line}; save it as UTF-8"
        ) from None
    if not text.strip():
        raise ValueError(f"{path.name} must have a header line and rows: got an empty file")
    return text


def _check_fields(text: str, name: str) -> tuple[list[str], str]:
    """Column names and delimiter, once every line is known to have one field a column."""
    header = next(line for line in text.splitlines() if line.strip())
    delimiter = next((d for d in ",;\t" if d in header), ",")
    names: list[str] = []
    rows = 0
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        for fields in reader:
            if not fields or (len(fields) == 1 and not fields[0].strip()):
                continue  # a blank line
            if not names:
                names = fields
                _check_names(names, name)
                continue
            rows += 1
            if len(fields) != len(names):
                raise ValueError(
                    f"{name} must have {len(names)} fields in every line: got {len(fields)} in "
                    f"line {reader.line_num}"
                )
    except csv.Error as error:
        raise ValueError(
            f"{name} must be a CSV file: got {error} in line {reader.line_num}"
        ) from None
    if not rows:
        raise ValueError(f"{name} must have rows below its header line: got none")
    return names, delimiter


def _check_names(names: list[str], file: str) -> None:
    for i, name in enumerate(names):
        if not name.strip():
            raise ValueError(
                f"{file} must name every column: got an empty name for column {i + 1}; "
                "if it is a row number, write the file without it (index=False in pandas)"
            )
        if name in names[:i]:
            raise ValueError(f"{file} must have distinct column names: got {name!r} twice")


def _parse(text: str, delimiter: str, name: str) -> pd.DataFrame:
    import pandas as pd

    try:
        return pd.read_csv(
            io.StringIO(text, newline=""), sep=delimiter, low_memory=False, index_col=False
        )
    except (pd.errors.ParserError, pd.errors.ParserWarning, ValueError, OverflowError) as error:
        first = str(error).strip().splitlines()[0]
        raise ValueError(f"{name} must be a CSV file: got {first}") from None


def _with_target(table: pd.DataFrame, target: str, name: str) -> pd.DataFrame:
    """The rows that have a value in the target column."""
    absent = table[target].isna()
    if absent.all():
        raise ValueError(
            f"{name} must have rows with a value in {target!r}: all {len(table)} are missing, "
            "no rows left"
        )
    if absent.any():
        warnings.warn(
            f"{name}: {int(absent.sum())} of {len(table)} rows have no value in {target!r} and "
            "are left out",
            UserWarning,
            stacklevel=3,
        )
    return table[~absent].reset_index(drop=True)


def _suggest(target: str, names: list[str]) -> str:
    lowered = {name.lower(): name for name in names}
    close = difflib.get_close_matches(target.lower(), lowered, n=1, cutoff=0.5)
    if close:
        return f"did you mean {lowered[close[0]]!r}?"
    shown = ", ".join(map(repr, names[:10]))
    return f"it has {shown}" + (", …" if len(names) > 10 else "")
