"""Randomness that can be repeated: seeds, the state of every generator, the order of batches."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Any, cast

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor


def seed_everything(seed: int) -> None:
    """Seed Python, NumPy and torch on every device.

    Example:
        >>> seed_everything(0)
        >>> first = torch.rand(2)
        >>> seed_everything(0)
        >>> torch.equal(torch.rand(2), first)
        True
    """
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002, users' steps may draw from it
    torch.manual_seed(seed)


def derived_generator(
    seed: int, *place: int, device: str | torch.device = "cpu"
) -> torch.Generator:
    """A generator for one place of a run, such as (seed, epoch): the same whenever one asks.

    Example:
        >>> draw = torch.rand(1, generator=derived_generator(0, 7))
        >>> bool(draw == torch.rand(1, generator=derived_generator(0, 7)))
        True
    """
    mixed = random.Random("/".join(map(str, (seed, *place)))).getrandbits(32)
    return torch.Generator().manual_seed(mixed)


def rng_state() -> dict[str, Any]:
    """The state of every global generator, as tensors and plain values."""
    name, keys, *rest = cast(tuple[Any, ...], np.random.get_state(legacy=True))  # noqa: NPY002
    return {
        "python": random.getstate(),
        "numpy": (name, torch.from_numpy(keys.view(np.int32)), *rest),
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else [],
    }


def set_rng_state(state: dict[str, Any]) -> None:
    """Put every global generator back to where :func:`rng_state` found it."""
    random.setstate(state["python"])
    name, keys, *rest = state["numpy"]
    np.random.set_state((name, keys.numpy().view(np.uint32), *rest))  # noqa: NPY002
    torch.set_rng_state(state["torch"])
    if state["cuda"]:
        torch.cuda.set_rng_state_all(state["cuda"])


def process() -> tuple[int, int]:
    """This process's rank and the number of processes that train together."""
    if dist.is_available() and dist.is_initialized():
        return dist.get_rank(), dist.get_world_size()
    return 0, 1


class Batches:
    """Tensors in mini-batches whose order depends on the seed and the epoch alone.

    Args:
        tensors: one tensor, or several of the same length; batches have the same form.
        batch_size: rows a batch, shared out among processes under ``torchrun``; None for all rows.
        seed: of the order.
        shuffle: whether every epoch has an order of its own.

    Raises:
        ValueError: tensors of different lengths, no rows, or a batch size that is not positive.

    Example:
        >>> batches = Batches(torch.arange(5), batch_size=2, shuffle=False)
        >>> [batch.tolist() for batch in batches(epoch=0)]
        [[0, 1], [2, 3], [4]]
    """

    def __init__(
        self,
        tensors: Tensor | Sequence[Tensor],
        batch_size: int | None = None,
        seed: int = 0,
        *,
        shuffle: bool = True,
    ) -> None:
        self.tensors = (tensors,) if isinstance(tensors, Tensor) else tuple(tensors)
        self.single = isinstance(tensors, Tensor)
        lengths = [len(tensor) for tensor in self.tensors]
        if len(set(lengths)) != 1 or lengths[0] == 0:
            raise ValueError(f"tensors must have one common, positive length: got {lengths}")
        if batch_size is not None and batch_size < 1:
            raise ValueError(f"batch_size must be positive or None: got {batch_size}")
        self.num_rows, self.seed, self.shuffle = lengths[0], seed, shuffle
        self.batch_size = self.num_rows if batch_size is None else batch_size

    def __len__(self) -> int:
        return -(-self.num_rows // self.batch_size)

    def __call__(self, epoch: int) -> Iterator[Any]:
        """The batches of one epoch."""
        order = torch.arange(self.num_rows)
        if self.shuffle:
            order = torch.randperm(self.num_rows, generator=derived_generator(self.seed, epoch))
        rank, size = process()
        for rows in order.split(self.batch_size):
            if len(rows) < size:
                raise ValueError(
                    f"every batch must have a row for each process: got {len(rows)} rows for "
                    f"{size} processes"
                )
            mine = rows[rank::size]
            batch = tuple(tensor[mine.to(tensor.device)] for tensor in self.tensors)
            yield batch[0] if self.single else batch
