"""Masks of the Hopfield layers: padding and association masks as one. True = takes part."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from neurarium.memory.arguments import require_tensor
from neurarium.memory.retrieval_step import Mask, as_mask


def combine_masks(
    mask: Tensor | None,
    attn_mask: Tensor | None,
    shape: tuple[int, int, int, int],
    *,
    num_extra: int,
    dtype: torch.dtype,
) -> Mask | None:
    """What may be retrieved, with ``num_extra`` unmasked patterns at the end.

    Args:
        mask: (B, S), bool: False where a stored pattern is padding.
        attn_mask: (L, S), (B, L, S) or (B, H, L, S), bool or float.
        shape: (B, H, L, S).
        num_extra: number of patterns that the layer adds.
        dtype: of the scores.
    """
    if mask is None and attn_mask is None:
        return None
    allowed = None if attn_mask is None else _association_mask(attn_mask, shape)
    if mask is not None:
        present = _padding_mask(mask, shape)
        if allowed is None:
            allowed = present
        elif allowed.dtype == torch.bool:
            allowed = allowed & present
        else:
            allowed = allowed.masked_fill(~present, -math.inf)
    assert allowed is not None
    if num_extra:
        allowed = F.pad(allowed, (0, num_extra), value=float(allowed.dtype == torch.bool))
    return as_mask(allowed, dtype)


def _padding_mask(mask: Tensor, shape: tuple[int, int, int, int]) -> Tensor:
    expected = [shape[0], shape[3]]
    require_tensor("mask", mask)
    if mask.dtype != torch.bool or list(mask.shape) != expected:
        kind = TypeError if mask.dtype != torch.bool else ValueError
        raise kind(
            f"mask must be bool with shape {expected}, True where a stored pattern takes part and "
            f"False where it is padding: got {mask.dtype} {list(mask.shape)}"
        )
    return mask[:, None, None]


def _association_mask(attn_mask: Tensor, shape: tuple[int, int, int, int]) -> Tensor:
    require_tensor("attn_mask", attn_mask)
    if attn_mask.dtype != torch.bool and not attn_mask.is_floating_point():
        raise TypeError(
            "attn_mask must be bool, True = may be retrieved, or float, added to the scores: got "
            f"{attn_mask.dtype}"
        )
    if attn_mask.shape == shape[2:]:
        return attn_mask[None, None]
    if attn_mask.shape == (shape[0], *shape[2:]):
        return attn_mask[:, None]
    if attn_mask.shape == shape:
        return attn_mask
    raise ValueError(
        f"attn_mask must have shape {list(shape[2:])}, optionally after the batch and the heads, "
        f"{list(shape)}: got {list(attn_mask.shape)}"
    )
