"""Norms of a Kolmogorov–Arnold layer's inputs, which keep them where functions are defined.

KAN: https://arxiv.org/abs/2404.19756.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

import torch
from jaxtyping import Float
from torch import Tensor, nn


class RowBatchNorm(nn.BatchNorm1d):
    """Batch normalisation of the last axis, whatever comes before it."""

    def forward(self, input: Float[Tensor, "*batch F"]) -> Float[Tensor, "*batch F"]:
        """Normalise."""
        rows = super().forward(input.reshape(-1, input.shape[-1]))
        return rows.reshape(input.shape)

    @torch.no_grad()
    def take(self, features: Tensor) -> Self:
        """The same for some of the features."""
        taken = copy.deepcopy(self)
        taken.num_features = len(features)
        taken.weight, taken.bias = (nn.Parameter(p[features]) for p in (self.weight, self.bias))
        assert self.running_mean is not None
        assert self.running_var is not None
        taken.running_mean = self.running_mean[features]
        taken.running_var = self.running_var[features]
        return taken


def make_norm(norm: str | None, features: int, **factory: Any) -> nn.Module | None:
    """Normalisation of a layer's input by name.

    Example:
        >>> make_norm("group", 3)
        Traceback (most recent call last):
        ValueError: norm must be one of 'layer', 'batch', None: got 'group'
    """
    kinds: dict[str | None, Any] = {"layer": nn.LayerNorm, "batch": RowBatchNorm, None: None}
    if not (norm is None or isinstance(norm, str)) or norm not in kinds:
        raise ValueError(f"norm must be one of 'layer', 'batch', None: got {norm!r}")
    return None if norm is None else kinds[norm](features, **factory)


def name_of_norm(norm: nn.Module | None) -> str | None:
    """The name that :func:`make_norm` knows.

    Example:
        >>> name_of_norm(nn.LayerNorm(3))
        'layer'
    """
    if norm is None:
        return None
    return "layer" if isinstance(norm, nn.LayerNorm) else "batch"


@contextmanager
def kept_statistics(module: nn.Module) -> Iterator[None]:
    """Batch norms work as their mode says, without moving their running statistics.

    Example:
        >>> norm = RowBatchNorm(2)
        >>> with kept_statistics(norm):
        ...     _ = norm(torch.randn(5, 2) + 3)
        >>> norm.running_mean
        tensor([0., 0.])
    """
    norms = [m for m in module.modules() if isinstance(m, nn.BatchNorm1d) and m.track_running_stats]
    for norm in norms:
        norm.track_running_stats = False
    try:
        yield
    finally:
        for norm in norms:
            norm.track_running_stats = True
