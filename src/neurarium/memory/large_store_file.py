"""Where the patterns of a large memory lie: a mapped file, an array or a tensor, never copied."""

from __future__ import annotations

import os
import warnings
from typing import Any

import numpy as np
import torch
from torch import Tensor

FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


def opened_store(store: Any) -> Tensor:
    """A tensor over the same memory, or over the mapped file.

    Args:
        store: the path of a ``.npy`` file, an array, a memory map, or a tensor.

    Raises:
        TypeError: for another kind of store, or values that are not floating point.
        ValueError: for a file that holds no array.
        FileNotFoundError: if there is no such file.

    Example:
        >>> rows = np.zeros((2, 3), dtype="float16")
        >>> opened_store(rows).data_ptr() == rows.ctypes.data
        True
    """
    if isinstance(store, str | os.PathLike):
        store = _mapped(store)
    if isinstance(store, np.ndarray):
        if store.dtype.kind != "f" or not store.dtype.isnative or store.dtype.itemsize > 8:
            raise TypeError(
                f"store must hold native float16, float32 or float64: got {store.dtype}"
            )
        with warnings.catch_warnings():  # a read-only map: nothing here writes to it
            warnings.filterwarnings("ignore", "The given NumPy array is not writable")
            store = torch.from_numpy(store)
    if not isinstance(store, Tensor):
        raise TypeError(f"store must be a path, an array or a tensor: got {type(store).__name__}")
    if store.dtype not in FLOATS:
        raise TypeError(f"store must be floating point: got {store.dtype}")
    return store.detach()


def _mapped(path: str | os.PathLike[str]) -> np.ndarray:
    """The array of a .npy file, without reading it."""
    name = os.fspath(path)
    if not os.path.isfile(name):
        raise FileNotFoundError(f"store must be a .npy file: found no file {name!r}")
    try:
        with open(name, "rb") as file:
            np.lib.format.read_magic(file)
        return np.load(name, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        reason = " ".join(str(error).split()).rstrip(".")
        raise ValueError(f"store must be a whole .npy file: {name!r} is none ({reason})") from None
