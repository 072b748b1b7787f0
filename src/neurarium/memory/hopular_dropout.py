"""Dropout from 16 random bits a cell: on CPU torch draws a whole number for each, 5× slower."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

_LEVELS = 1 << 16


def bit_dropout(x: Float[Tensor, "*shape"], rate: float, training: bool) -> Float[Tensor, "*shape"]:
    """As ``torch.nn.functional.dropout``; on CPU ``rate`` is rounded to a multiple of 2⁻¹⁶.

    Example:
        >>> bit_dropout(torch.ones(3), 0.5, training=False)
        tensor([1., 1., 1.])
    """
    if not training or rate == 0:
        return x
    if x.device.type != "cpu" or torch.compiler.is_compiling():
        return F.dropout(x, rate)
    kept = min(max(round((1 - rate) * _LEVELS), 1), _LEVELS)
    words = torch.empty((x.numel() + 3) // 4, dtype=torch.int64).random_(-(2**63), None)
    bits = words.view(torch.int16)[: x.numel()].view(x.shape)
    keep = bits.to(torch.float32).lt_(kept - _LEVELS // 2).mul_(_LEVELS / kept)
    return x * keep.to(x.dtype)
