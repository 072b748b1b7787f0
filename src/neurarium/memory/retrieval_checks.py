"""Arguments of a retrieval: checked, and brought to the four axes that the core works on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Real

import torch
from torch import Tensor

from neurarium.memory.arguments import require_tensor


def as_set(state: Tensor) -> Tensor:
    """A single state (d,) as a set of one, (1, d)."""
    require_tensor("state", state)
    return state.unsqueeze(0) if state.ndim == 1 else state


def require_positive_beta(beta: float) -> None:
    """Raise unless β is one positive, finite number."""
    if not isinstance(beta, Real):
        raise TypeError(f"beta must be a number: got {type(beta).__name__}")
    if not 0 < beta < math.inf:
        raise ValueError(f"beta must be positive and finite: got {beta}")


def check_patterns(states: Tensor, stored: Tensor, values: Tensor) -> None:
    """Kinds and shapes of what a retrieval combines."""
    everything = (("state", states), ("stored", stored), ("values", values))
    for name, x in everything:
        require_tensor(name, x)
    for name, x in everything:
        if not x.is_floating_point():
            raise TypeError(f"{name} must be floating point: got {x.dtype}; convert with .float()")
        if x.dtype != stored.dtype:
            raise TypeError(f"{name} must have the dtype of stored, {stored.dtype}: got {x.dtype}")
    for name, x in (("stored", stored), ("values", values)):
        if x.ndim < 2 or not x.shape[-2]:
            raise ValueError(
                f"{name} must have shape (…, patterns >= 1, features): got {list(x.shape)}"
            )
        lead = states.shape[-x.ndim : -2]
        if x.ndim > states.ndim or any(
            a not in (1, b) for a, b in zip(x.shape[:-2], lead, strict=True)
        ):
            raise ValueError(
                f"{name} must broadcast against state, leading axes {list(states.shape[:-2])}: got "
                f"{list(x.shape)}; flatten images: (patterns, pixels)"
            )
    if states.shape[-1] != stored.shape[-1]:
        raise ValueError(
            f"state must be as wide as stored, {stored.shape[-1]}: got {states.shape[-1]}"
        )
    if values.shape[-2] != stored.shape[-2]:
        raise ValueError(
            f"values must have one row per stored pattern, {stored.shape[-2]}: got "
            f"{values.shape[-2]}"
        )


def checked_beta(beta: float | Sequence[float] | Tensor, states: Tensor) -> float | Tensor:
    """A float, or one value per head as (H, 1, 1)."""
    if isinstance(beta, Real):
        number = float(beta)
        if not 0 <= number < math.inf:
            raise ValueError(f"beta must be finite and at least 0: got {beta}")
        return number
    per_head = torch.as_tensor(beta, dtype=states.dtype, device=states.device)
    heads = states.shape[-3] if states.ndim > 2 else 1
    if per_head.shape != (heads,):
        raise ValueError(
            f"beta must be a number or one per head, shape [{heads}]: got {list(per_head.shape)}"
        )
    return per_head[:, None, None]


def checked_mask(attn_mask: Tensor, states: Tensor, stored: Tensor) -> Tensor:
    """The mask, if it broadcasts against (…, L, S)."""
    shape = (*states.shape[:-1], stored.shape[-2])
    require_tensor("attn_mask", attn_mask)
    if attn_mask.dtype != torch.bool and not attn_mask.is_floating_point():
        raise TypeError(
            f"attn_mask must be bool (True = may be retrieved) or float (added): got "
            f"{attn_mask.dtype}"
        )
    fits = zip(attn_mask.shape, shape[max(0, len(shape) - attn_mask.ndim) :], strict=False)
    if attn_mask.ndim > len(shape) or any(a not in (1, b) for a, b in fits):
        raise ValueError(
            f"attn_mask must broadcast against {list(shape)}: got {list(attn_mask.shape)}"
        )
    return attn_mask


def four_axes(x: Tensor, lead: Sequence[int]) -> Tensor:
    """(…, H, n, m) as (B, H, n, m), where the state's leading axes ``lead`` are (…, H).

    With at most two of them this is a view, so what broadcasts costs no memory.
    """
    x = x.reshape((1,) * max(0, 4 - x.ndim) + x.shape)
    return x if len(lead) <= 2 else x.expand(*lead[:-1], *x.shape[-3:]).flatten(0, -4)
