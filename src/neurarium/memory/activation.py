"""Activations by name, so that constructor arguments stay JSON values."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

Activation = str | Callable[[Tensor], Tensor] | None


def resolve_activation(activation: Activation) -> Callable[[Tensor], Tensor] | None:
    """A function from its name in ``torch.nn.functional`` or ``torch``; callables pass through.

    Example:
        >>> resolve_activation("relu")(torch.tensor([-1.0, 2.0]))
        tensor([0., 2.])
    """
    if activation is None or callable(activation):
        return activation
    found = getattr(F, activation, None) or getattr(torch, activation, None)
    if found is None:
        raise ValueError(
            f"activation must be a name in torch.nn.functional, or a callable: got {activation!r}"
        )
    return found
