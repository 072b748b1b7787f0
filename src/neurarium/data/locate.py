"""Where data lie: a given root, ``$NEURARIUM_DATA``, the package, the user cache, or a download.

Every file is checked against the registry's SHA-256 before it is parsed; nothing is unpickled.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import zipfile
import zlib
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

from .entry import Dataset, File, Source

Root = str | os.PathLike[str] | None

_TIMEOUT = 30  # seconds without an answer from the origin


def search_places(root: Root = None) -> Iterator[Path]:
    """Folders that are looked in, in order."""
    if root is not None:
        yield Path(root)
    for part in os.environ.get("NEURARIUM_DATA", "").split(os.pathsep):
        if part:
            yield Path(part)
    yield Path(str(files("neurarium.data").joinpath("resources")))
    yield cache_folder()


def cache_folder() -> Path:
    """Where downloads are kept, by the conventions of the operating system."""
    import pooch  # brings requests along, which what ships inside never needs

    return Path(pooch.os_cache("neurarium")) / "data"


def find(file: File, root: Root = None) -> Path | None:
    """The first place that has the file, or None."""
    candidates = (place / file.path for place in search_places(root))
    return next((path for path in candidates if path.is_file()), None)


def locate(dataset: Dataset, root: Root = None) -> list[Path]:
    """The paths of the dataset's files, downloaded and prepared if no place has them."""
    paths = [find(file, root) for file in dataset.files]
    if None in paths:
        download(dataset, root)
        paths = [find(file, root) for file in dataset.files]
    return [path for path in paths if path is not None]


def content(file: File, path: Path) -> Any:
    """The checked content: bytes, uncompressed, or the arrays of an ``.npz``."""
    return _checked(file, path.read_bytes(), path)


def _checked(file: File, data: bytes, path: Path) -> Any:
    try:
        value, digest = _decode(data, path.suffix)
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile, ValueError, KeyError) as error:
        raise ValueError(f"{path} must be a whole {path.suffix} file: got {_say(error)}") from None
    if digest != file.sha256:
        raise ValueError(
            f"{path} must have the content checksum sha256 {file.sha256}: got {digest}; "
            "delete it and load again"
        )
    return value


def _decode(data: bytes, suffix: str) -> tuple[Any, str]:
    if suffix == ".npz":
        import numpy as np

        with np.load(io.BytesIO(data), allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        digest = hashlib.sha256()
        for name in sorted(arrays):
            array = np.ascontiguousarray(arrays[name])
            digest.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
            digest.update(array.tobytes())
        return arrays, digest.hexdigest()
    if suffix == ".gz":
        data = gzip.decompress(data)
    return data, hashlib.sha256(data).hexdigest()


def download(dataset: Dataset, root: Root = None) -> None:
    """Fetch the public files into the user cache, check them, and prepare the dataset's files."""
    missing = next(file for file in dataset.files if find(file, root) is None)
    if not dataset.sources:
        raise FileNotFoundError(_absent(dataset, missing, root, "it is not published as a file"))
    cache = cache_folder()
    try:
        raw = [_retrieve(source, cache / "raw" / dataset.name) for source in dataset.sources]
    except (OSError, ValueError) as error:  # requests' errors are OSErrors, pooch's are ValueErrors
        raise FileNotFoundError(_absent(dataset, missing, root, _why(error))) from None
    prepared = [path.read_bytes() for path in raw]
    if dataset.prepare is not None:
        prepared = list(dataset.prepare(prepared))
    for file, data in zip(dataset.files, prepared, strict=True):
        _checked(file, data, cache / file.path)
        _write(cache / file.path, data)


def _retrieve(source: Source, folder: Path) -> Path:
    import pooch

    name = source.url.rsplit("/", 1)[-1]
    downloader = pooch.HTTPDownloader(timeout=_TIMEOUT)
    quiet = pooch.get_logger().level
    pooch.get_logger().setLevel("WARNING")
    try:
        path = pooch.retrieve(
            source.url, f"sha256:{source.sha256}", name, folder, downloader=downloader
        )
    finally:
        pooch.get_logger().setLevel(quiet)
    return Path(path)


def _write(path: Path, data: bytes) -> None:
    """Whole or not at all, also when several processes write the same file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}")
    part.write_bytes(data)
    part.replace(path)


def _absent(dataset: Dataset, file: File, root: Root, reason: str) -> str:
    places = ", ".join(str(place) for place in search_places(root))
    origin = dataset.sources[0].url if dataset.sources else dataset.origin
    return (
        f"{file.path} is not on this machine and could not be downloaded ({reason}): looked in "
        f"{places}; it comes from {origin}; get it with `neurarium data get {dataset.name}` where "
        "there is a network, or name the folder that has it in NEURARIUM_DATA"
    )


def _why(error: Exception) -> str:
    """Why a download failed; a connection that failed says no more than that."""
    kind = type(error).__name__
    return kind if "Connect" in kind or "Timeout" in kind else _say(error)


def _say(error: Exception) -> str:
    """The error in one line."""
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0]}" if text else type(error).__name__
