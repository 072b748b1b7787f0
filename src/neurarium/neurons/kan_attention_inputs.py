"""What learnable attention may be given (KArAt, https://arxiv.org/abs/2503.10632): its checks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from neurarium.memory.arguments import require_tensor
from neurarium.neurons.basis import require_points
from neurarium.neurons.edge_activation import require_edge_activation


def identity(x: Tensor) -> Tensor:
    """x.

    Example:
        >>> identity(torch.ones(1))
        tensor([1.])
    """
    return x


def resolve_base(base: Any) -> Callable[[Tensor], Tensor] | None:
    """A function of scores by its name; None and callables pass through.

    Raises:
        ValueError: for an unknown name, a module with parameters, which nothing would train, and
            what does not take every score on its own, the same each time.

    Example:
        >>> resolve_base("identity")(torch.tensor([2.0]))
        tensor([2.])
        >>> resolve_base("softmax")
        Traceback (most recent call last):
        ValueError: base must take every value on its own: got 'softmax'
    """
    found = base
    if isinstance(base, str):
        found = identity if base == "identity" else getattr(F, base, getattr(torch, base, None))
    if not (callable(found) or base is None):
        raise ValueError(
            "base must be a name in torch.nn.functional or torch, 'identity', a callable or None: "
            f"got {base!r}"
        )
    if found is not identity:
        try:
            require_edge_activation(base)
        except ValueError as error:
            raise ValueError(str(error).replace("base_activation", "base", 1)) from error
    return found


def require_scores(scores: Any, num_heads: int, num_tokens: int) -> None:
    """Raise unless scores are floating point, (B, H, L, N).

    Example:
        >>> require_scores(torch.zeros(2, 3, 4, 5), 2, 5)
        Traceback (most recent call last):
        ValueError: scores must be (B, 2, L, 5): got shape [2, 3, 4, 5]
    """
    require_tensor("scores", scores)
    require_points(scores, num_tokens)
    if scores.ndim != 4 or scores.shape[1] != num_heads:
        raise ValueError(
            f"scores must be (B, {num_heads}, L, {num_tokens}): got shape {list(scores.shape)}"
        )


def require_heads(query: Any, key: Any, value: Any, num_heads: int, num_tokens: int) -> None:
    """Raise unless queries, keys and values are floating point and belong together.

    Example:
        >>> require_heads(torch.zeros(1, 2, 3, 4), *torch.zeros(2, 1, 2, 3, 4), 2, 5)
        Traceback (most recent call last):
        ValueError: key must be (1, 2, 5, 4): got shape [1, 2, 3, 4]
    """
    for name, value_of in (("query", query), ("key", key), ("value", value)):
        require_tensor(name, value_of)
        if not value_of.is_floating_point():
            raise TypeError(f"{name} must be floating point: got {value_of.dtype}; use .float()")
    if query.ndim != 4 or query.shape[1] != num_heads:
        raise ValueError(f"query must be (B, {num_heads}, L, d): got shape {list(query.shape)}")
    batch, width = len(query), query.shape[3]
    if key.shape != (batch, num_heads, num_tokens, width):
        raise ValueError(
            f"key must be ({batch}, {num_heads}, {num_tokens}, {width}): got shape "
            f"{list(key.shape)}"
        )
    if value.ndim != 4 or value.shape[:3] != (batch, num_heads, num_tokens):
        raise ValueError(
            f"value must be ({batch}, {num_heads}, {num_tokens}, v): got shape {list(value.shape)}"
        )


def require_precision(dtype: torch.dtype, **tensors: Tensor) -> None:
    """Raise unless all are of the weights' precision, outside of autocast.

    Example:
        >>> require_precision(torch.float32, scores=torch.zeros(1).double())
        Traceback (most recent call last):
        TypeError: scores must be torch.float32 as the weights: got torch.float64
    """
    for name, tensor in tensors.items():
        if tensor.dtype != dtype and not torch.is_autocast_enabled(tensor.device.type):
            raise TypeError(f"{name} must be {dtype} as the weights: got {tensor.dtype}")


def require_bool(name: str, mask: Any, shapes: list[tuple[int, ...]]) -> None:
    """Raise unless a mask is a bool tensor of one of the shapes.

    Example:
        >>> require_bool("mask", torch.zeros(2), [(2,)])
        Traceback (most recent call last):
        TypeError: mask must be a bool tensor, True = takes part: got torch.float32
    """
    if not isinstance(mask, Tensor) or mask.dtype != torch.bool:
        kind = mask.dtype if isinstance(mask, Tensor) else type(mask).__name__
        raise TypeError(f"{name} must be a bool tensor, True = takes part: got {kind}")
    if tuple(mask.shape) not in shapes:
        raise ValueError(
            f"{name} must have shape {' or '.join(str(list(shape)) for shape in shapes)}: got "
            f"{list(mask.shape)}"
        )


def require_fitting_mask(mask: Any, shape: tuple[int, ...]) -> None:
    """Raise unless ``attn_mask`` is a bool tensor that broadcasts to scores of that shape.

    Example:
        >>> require_fitting_mask(torch.ones(3, 4, dtype=torch.bool), (1, 2, 4, 4))
        Traceback (most recent call last):
        ValueError: attn_mask must fit scores of shape [1, 2, 4, 4]: got shape [3, 4]
    """
    require_bool("attn_mask", mask, [tuple(mask.shape)] if isinstance(mask, Tensor) else [])
    ends = zip(reversed(mask.shape), reversed(shape), strict=False)
    if mask.ndim > len(shape) or any(have not in (1, want) for have, want in ends):
        raise ValueError(
            f"attn_mask must fit scores of shape {list(shape)}: got shape {list(mask.shape)}"
        )
