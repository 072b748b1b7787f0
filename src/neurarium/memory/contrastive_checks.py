"""Arguments of the contrastive losses: pairs of embeddings, temperatures, duplicates."""

from __future__ import annotations

import math
from numbers import Real

import torch
from torch import Tensor

from neurarium.memory.arguments import require_tensor

UNIT_TOLERANCE = 1e-3


def check_pairs(x: Tensor, y: Tensor, names: tuple[str, str] = ("x", "y")) -> None:
    """Raise unless both are floating point, (N, d) alike, and there is a negative to compare."""
    for name, value in zip(names, (x, y), strict=True):
        require_tensor(name, value)
        if not value.is_floating_point():
            raise TypeError(
                f"{name} must hold embeddings in floating point: got {value.dtype}; encode first"
            )
        if value.ndim != 2 or not value.shape[1]:
            raise ValueError(f"{name} must have shape (pairs, features): got {list(value.shape)}")
    if x.shape != y.shape:
        raise ValueError(
            f"{names[1]} must have the shape of {names[0]}, {list(x.shape)}: got {list(y.shape)}"
        )
    if x.dtype != y.dtype:
        raise TypeError(f"{names[1]} must have the dtype of {names[0]}, {x.dtype}: got {y.dtype}")


def check_negatives(num_pairs: int) -> None:
    """Raise for a batch of one pair."""
    if num_pairs < 2:
        raise ValueError(
            f"x must hold at least 2 pairs: got {num_pairs}; others are the negatives of a pair"
        )


def check_same(same: Tensor, num_pairs: int) -> None:
    """Raise unless ``same`` says for every two pairs whether they show the same thing."""
    require_tensor("same", same)
    if same.dtype != torch.bool:
        raise TypeError(f"same must be bool: got {same.dtype}")
    if same.shape != (num_pairs, num_pairs):
        raise ValueError(
            f"same must have shape {[num_pairs, num_pairs]}, one entry for two pairs: got "
            f"{list(same.shape)}"
        )


def checked_temperature(temperature: float | Tensor) -> float | Tensor:
    """One positive number as it is; a tensor with one element without axes, so it fits any rows."""
    if isinstance(temperature, Tensor):
        return _without_axes(temperature, "temperature")
    if isinstance(temperature, bool) or not isinstance(temperature, Real):
        raise TypeError(f"temperature must be a number: got {type(temperature).__name__}")
    if not 0 < temperature < math.inf:
        raise ValueError(f"temperature must be positive and finite: got {temperature}")
    return float(temperature)


def checked_pair_beta(beta: float | Tensor) -> float | Tensor:
    """β of both memories: a number of at least 0, or a tensor with one element without axes."""
    if isinstance(beta, Tensor):
        return _without_axes(beta, "beta")
    if isinstance(beta, bool) or not isinstance(beta, Real):
        raise TypeError(f"beta must be a number: got {type(beta).__name__}")
    if not 0 <= beta < math.inf:
        raise ValueError(f"beta must be finite and at least 0: got {beta}")
    return float(beta)


def _without_axes(value: Tensor, name: str) -> Tensor:
    if value.numel() != 1:
        raise ValueError(f"{name} must be one number: got shape {list(value.shape)}")
    if not value.is_floating_point():
        raise TypeError(f"{name} must be floating point: got {value.dtype}")
    return value.reshape(())


def check_lengths(x: Tensor, name: str, *, unit: bool) -> None:
    """Raise for a row that has no direction, or, with ``unit``, whose length is not 1.

    This looks at values, so it is left out of captured graphs and under ``python -O``.
    """
    if not __debug__ or torch.compiler.is_compiling():
        return
    lengths = x.detach().float().norm(dim=-1)
    if unit:
        tolerance = max(UNIT_TOLERANCE, torch.finfo(x.dtype).eps)
        wrong = (lengths - 1).abs() > tolerance
        condition = "have rows of length 1 with normalized=True"
        advice = "; leave normalized=False"
    else:
        wrong, condition, advice = lengths == 0, "have rows that are not all zeros", ""
    if wrong.any():
        row = int(wrong.nonzero()[0])
        raise ValueError(
            f"{name} must {condition}: got length {float(lengths[row]):.4g} in row {row}{advice}"
        )
