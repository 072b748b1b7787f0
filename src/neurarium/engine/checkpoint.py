"""Checkpoints without pickle: nested states of tensors and plain values in one safetensors file.

The JSON that holds the structure is in the file's header, so a checkpoint is one file; it is
written beside its place and renamed, so that a crash leaves the old one or the new one.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import (
    keystr,
    tree_flatten_with_path,
    tree_unflatten,
    treespec_dumps,
    treespec_loads,
)

from .seeds import process


def save_checkpoint(path: str | Path, state: dict[Any, Any]) -> None:
    """Write a state atomically; of processes that train together, the first one writes.

    Args:
        path: of the file; its folder is made.
        state: dicts, lists and tuples of tensors, numbers, strings and None, as deep as you like,
            for instance ``{"model": model.state_dict(), "optimizer": optimizer.state_dict()}``.

    Raises:
        TypeError: a value of another kind, named by its place.
    """
    from safetensors.torch import save_file

    leaves, structure = tree_flatten_with_path(state)
    tensors = {
        str(i): leaf.detach().cpu().clone(memory_format=torch.contiguous_format)
        for i, (_, leaf) in enumerate(leaves)
        if isinstance(leaf, Tensor)
    }
    plain = [None if isinstance(leaf, Tensor) else leaf for _, leaf in leaves]
    for place, leaf in leaves:
        if not isinstance(leaf, Tensor | bool | int | float | str | None):
            kind = type(leaf).__name__
            raise TypeError(f"state{keystr(place)} must be a tensor or a plain value: got {kind}")
    if process()[0] > 0:
        return
    header = {"structure": treespec_dumps(structure), "plain": json.dumps(plain)}
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        save_file(tensors, temporary, metadata=header)
        _sync(temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    if os.name == "posix":
        _sync(path.parent)  # the rename itself survives a power cut


def load_checkpoint(path: str | Path, device: str | torch.device = "cpu") -> dict[Any, Any]:
    """The state that :func:`save_checkpoint` wrote, equal to the last bit.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is not a checkpoint or is damaged.
    """
    from safetensors import SafetensorError, safe_open

    if not Path(path).is_file():
        raise FileNotFoundError(f"path must name a checkpoint: got {path}")
    try:
        with safe_open(path, framework="pt", device=str(device)) as file:
            header = file.metadata() or {}
            leaves = json.loads(header["plain"])
            for key in file.keys():  # noqa: SIM118
                leaves[int(key)] = file.get_tensor(key)
            state: dict[Any, Any] = tree_unflatten(leaves, treespec_loads(header["structure"]))
    except (SafetensorError, KeyError, json.JSONDecodeError) as error:
        raise ValueError(f"path must name an undamaged checkpoint: got {path} ({error})") from error
    return state


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
