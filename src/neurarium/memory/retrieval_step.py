"""One softmax of a Hopfield retrieval, with masks that hold for rows with nothing to retrieve.

All tensors have four axes, (B, H, L, d) for states and (B, H, S, d) for stored patterns; see
:mod:`neurarium.memory.retrieval` for the equations.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F


class Mask(NamedTuple):
    """What may be retrieved: ``bias`` is added to the scores, rows with ``alive`` False give zeros.

    Both broadcast against (B, H, L, S). Rows with nothing to retrieve get a bias of 0, so that no
    softmax ever sees −∞ alone, and are zeroed afterwards.
    """

    bias: Tensor
    alive: Tensor


def as_mask(attn_mask: Tensor, dtype: torch.dtype) -> Mask:
    """A mask from bool (True = may be retrieved) or from float (added to the scores; NaN stays)."""
    if attn_mask.dtype == torch.bool:
        bias = torch.zeros_like(attn_mask, dtype=dtype).masked_fill(~attn_mask, -math.inf)
    else:
        bias = attn_mask.to(dtype)
    alive = (bias != -math.inf).any(-1, keepdim=True)
    return Mask(bias.masked_fill(~alive, 0.0), alive)


def association_weights(
    q: Tensor, k: Tensor, beta: float | Tensor, mask: Mask | None = None
) -> Tensor:
    """The association matrix softmax(β q kᵀ), formed in full."""
    scores = (q * beta) @ k.mT
    if mask is None:
        return scores.softmax(-1)
    return (scores + mask.bias).softmax(-1) * mask.alive


def attend(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    beta: float | Tensor,
    mask: Mask | None = None,
    dropout: float = 0.0,
) -> Tensor:
    """softmax(β q kᵀ) v without the association matrix; dropout of single associations."""
    if isinstance(beta, Tensor):
        q, beta = q * beta, 1.0
    width = v.shape[-1]
    missing = width - q.shape[-1]
    # The fused kernels want one width; zero columns change neither scores nor results.
    if missing > 0:
        q, k = F.pad(q, (0, missing)), F.pad(k, (0, missing))
    elif missing < 0:
        v = F.pad(v, (0, -missing))
    bias = None if mask is None else mask.bias
    out = F.scaled_dot_product_attention(q, k, v, attn_mask=bias, dropout_p=dropout, scale=beta)
    if missing < 0:
        out = out[..., :width]
    return out if mask is None else out * mask.alive
