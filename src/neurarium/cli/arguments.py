"""Words to a typed dataclass, by tyro; a wrong word is one sentence instead of a box."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import re
from collections.abc import Sequence
from typing import Annotated, Any, TypeVar

import tyro

T = TypeVar("T")
Switch = Annotated[bool, tyro.conf.FlagCreatePairsOff]  # off unless named; has no --no-… twin


def parse(options: type[T], words: Sequence[str], command: str, about: str | None = None) -> T:
    """An instance of ``options`` from the words after ``neurarium <command>``.

    Args:
        options: a dataclass; its docstring's ``Args`` are the help of the flags.
        words: what the user typed.
        command: for the usage line.
        about: what the help opens with; the docstring's first lines by default.

    Raises:
        ValueError: the words do not fit; one sentence.
    """
    program = f"neurarium {command}"
    if {"-h", "--help"} & set(words):
        words = ["--help"]  # else the help leaves out what the other words have answered
    errors = io.StringIO()
    try:
        with contextlib.redirect_stderr(errors):
            return tyro.cli(options, prog=program, args=words, description=about)
    except SystemExit as stop:
        if stop.code in (0, None):
            raise
        raise ValueError(_condense(errors.getvalue(), program)) from None


def parse_with(
    options: type[T], name: str, settings: Any, words: Sequence[str], command: str
) -> tuple[T, Any]:
    """As :func:`parse`, with the fields of a second dataclass as flags beside those of ``options``.

    Args:
        options: as for :func:`parse`.
        name: what the second group of flags is called in the help.
        settings: a dataclass instance; its values are the defaults.
        words: what the user typed.
        command: for the usage line.

    Returns:
        The options, and the settings with the words' values.
    """
    flat: Any = tyro.conf.OmitArgPrefixes
    both = dataclasses.make_dataclass(
        options.__name__,
        [(name, flat[type(settings)], dataclasses.field(default=settings))],
        bases=(options,),
        namespace={"__doc__": options.__doc__},
        frozen=True,
    )
    parsed: Any = parse(both, words, command)
    return parsed, getattr(parsed, name)


def _condense(box: str, program: str) -> str:
    """The box that tyro prints, drawn with lines or with dashes, as a sentence.

    Example:
        >>> _condense("╭─ Oops ───╮\\n│ Bad word │\\n│ ──────── │\\n│ For help │", "neurarium run")
        'Bad word; see `neurarium run --help`'
        >>> _condense(" Oops\\n ------\\n  Bad word\\n  ------\\n  For help", "neurarium run")
        'Bad word; see `neurarium run --help`'
    """
    plain = re.sub(r"\x1b\[[0-9;]*m", "", box)
    sections: list[list[str]] = [[]]
    for row in (line.strip("│ ") for line in plain.splitlines()):
        if row.startswith("╭") or (len(row) > 3 and not row.strip("─-")):
            sections.append([])  # below the title, or below a rule
        elif row:
            sections[-1].append(row)
    _, said, *more = sections
    text = _reworded(said, more)
    if more and more[0] and more[0][0].startswith("Perhaps you meant"):
        text += f"; did you mean {more[0][1].split()[0].rstrip(',')}?"
    return f"{text}; see `{program} --help`"


def _reworded(said: list[str], more: list[list[str]]) -> str:
    """What tyro says too broadly: only the names of what is missing, the type that was expected.

    Example:
        >>> _reworded(["Missing from neurarium fit:", "--data PATH", "a file. (required)"], [])
        'Missing from neurarium fit: --data PATH'
        >>> _reworded(
        ...     ["Error parsing --seeds: invalid literal: 'x'"],
        ...     [["Argument helptext:", "--seeds {None}|INT", "how many"]],
        ... )
        "--seeds must be INT: got 'x'"
    """
    text = " ".join(said).rstrip(".")
    if text.startswith("Missing from"):
        names = [row for row in said[1:] if re.fullmatch(r"--[a-z][\w-]* .*|[A-Z]+", row)]
        return f"{said[0]} {', '.join(names)}"
    value = re.search(r"\[(['\"].*?)\]|: (['\"].*?['\"])$", text)
    if text.startswith("Error parsing") and value and more and len(more[0]) > 1:
        flag, _, kind = more[0][1].partition(" ")
        return f"{flag} must be {kind.replace('{None}|', '')}: got {value[1] or value[2]}"
    return text.removeprefix("Error parsing configuration: ")


def as_json(value: Any) -> str:
    """One JSON document, with letters as they are."""
    import json

    return json.dumps(value, indent=2, ensure_ascii=False)
