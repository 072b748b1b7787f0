"""``neurarium data list|get|path``: the named datasets and where their files lie."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import tyro

from neurarium.data import DATASETS, data_path, locate
from neurarium.data.load import entry

from .arguments import Switch, as_json, parse

_USAGE = """\
usage: neurarium data list [--json] | get NAME | path NAME

  list     the datasets, and which are on this machine; --json adds origin, licence, citation
  get      fetch a dataset if no place has it, check it, print where its files lie
  path     print where its files lie; never downloads"""


@dataclass(frozen=True)
class ListData:
    """List the datasets.

    Args:
        json: print a JSON list instead of lines.
    """

    json: Switch = False


@dataclass(frozen=True)
class Name:
    """Fetch a dataset if no place has it, check it, and print the paths of its files.

    Args:
        name: a dataset, as `neurarium data list` names it.
    """

    name: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="NAME")]


def main(words: Sequence[str]) -> int:
    """Dispatch on list, get and path."""
    verb, rest = (words[0], words[1:]) if words else ("", ())
    if verb in ("-h", "--help"):
        print(_USAGE)
    elif verb == "list":
        _list(parse(ListData, rest, "data list"))
    elif verb == "get":
        _print_paths(data_path(parse(Name, rest, "data get").name))
    elif verb == "path":
        _print_paths(_present(parse(Name, rest, "data path").name))
    else:
        near = difflib.get_close_matches(verb, ("list", "get", "path"), n=1)
        got = f"{verb!r}; did you mean {near[0]!r}?" if near else repr(verb) if verb else "nothing"
        raise ValueError(f"data must be followed by list, get or path: got {got}")
    return 0


def _list(options: ListData) -> None:
    rows = []
    for dataset in DATASETS.values():
        here = all(locate.find(file) for file in dataset.files)
        rows.append(
            {
                "name": dataset.name,
                "title": dataset.title,
                "here": here,
                "origin": dataset.origin,
                "licence": dataset.licence,
                "citation": dataset.citation,
            }
        )
    if options.json:
        print(as_json(rows))
        return
    width = max(len(str(row["name"])) for row in rows)
    for row in rows:
        print(f"{row['name']:<{width}}  {'here  ' if row['here'] else 'absent'}  {row['title']}")


def _present(name: str) -> list[object]:
    """Paths of files that are here; ``path`` never downloads."""
    dataset = entry(name)
    paths = [locate.find(file) for file in dataset.files]
    if None in paths:
        places = ", ".join(map(str, locate.search_places()))
        raise FileNotFoundError(
            f"{name} must be on this machine: got no {dataset.files[paths.index(None)].path} in "
            f"{places}; get it with `neurarium data get {name}`"
        )
    return list(paths)


def _print_paths(paths: Sequence[object]) -> None:
    for path in paths:
        print(path)
