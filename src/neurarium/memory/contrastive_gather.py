"""Rows of all processes as one batch, with the gradients of that batch."""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor


def gather_rows(rows: Tensor) -> Tensor:
    """Rows of every process, in the order of ranks; the rows themselves where there is only one.

    Only a process's own rows carry gradients, times the number of processes. So where every
    process computes the same loss of the joint batch and gradients are then averaged, as
    ``DistributedDataParallel`` and :func:`neurarium.engine.fit` do, they are those of the joint
    batch.

    Args:
        rows: (n, …), as many in every process.

    Raises:
        ValueError: another number of rows or columns in another process.
        NotImplementedError: for second derivatives.

    Example:
        >>> gather_rows(torch.ones(2, 3)).shape
        torch.Size([2, 3])
    """
    if not (dist.is_available() and dist.is_initialized()) or dist.get_world_size() == 1:
        return rows
    mine = torch.tensor(rows.shape, device=rows.device)
    shapes = [torch.empty_like(mine) for _ in range(dist.get_world_size())]
    dist.all_gather(shapes, mine)
    if any(not torch.equal(shape, mine) for shape in shapes):
        found = ", ".join(str(shape.tolist()) for shape in shapes)
        raise ValueError(
            f"rows must have the same shape in every process: got {found}; drop a last, smaller "
            "batch"
        )
    return _Gather.apply(rows)


class _Gather(torch.autograd.Function):
    """All-gather whose backward needs no communication: all processes know the same gradient."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor) -> Tensor:
        parts = [torch.empty_like(rows) for _ in range(dist.get_world_size())]
        dist.all_gather(parts, rows.contiguous())
        ctx.own = slice(dist.get_rank() * len(rows), (dist.get_rank() + 1) * len(rows))
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        if torch.is_grad_enabled():
            raise NotImplementedError(
                "a gathered batch must be differentiated once: got create_graph=True; use "
                "gather=False for second derivatives"
            )
        return dist.get_world_size() * gradients[0][ctx.own]
