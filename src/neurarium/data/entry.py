"""One entry of the registry: the files of a dataset, where they come from, how to read them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .containers import Bags, Images, Table


@dataclass(frozen=True)
class Source:
    """A public file as its origin publishes it.

    Args:
        url: where it is, pinned to a commit where the origin has commits.
        sha256: of the file as downloaded.
    """

    url: str
    sha256: str


@dataclass(frozen=True)
class File:
    """A file under a data root.

    Args:
        path: relative to the root, with forward slashes.
        sha256: of the *content*: of the uncompressed bytes of a ``.gz``, of the arrays of an
            ``.npz``, so that recompressing a file does not make it another one.
    """

    path: str
    sha256: str


@dataclass(frozen=True)
class Dataset:
    """A named dataset.

    Args:
        name: what ``load`` takes.
        title: one line for people.
        files: what must lie under a data root.
        read: ``read(name, contents)`` → container; one content a file: bytes, uncompressed, or the
            mapping of arrays of an ``.npz``.
        sources: the public files that ``files`` are made from; empty if only the package has them.
        prepare: ``prepare(raw bytes of each source) -> bytes of each file``; None where sources
            are the files themselves.
        origin: the public page of the data.
        licence: licence or terms, as far as the origin states them.
        citation: what to cite.
    """

    name: str
    title: str
    files: tuple[File, ...]
    read: Callable[[str, Sequence[Any]], Table | Images | Bags]
    origin: str
    licence: str
    citation: str
    sources: tuple[Source, ...] = ()
    prepare: Callable[[Sequence[bytes]], Sequence[bytes]] | None = None
