"""Checks of what a neural memory network is given (arXiv 2011.05438)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from neurarium.memory.arguments import require_tensor


def check_sequence(name: str, x: Any, shape: tuple[str | int, ...], dtype: torch.dtype) -> None:
    """Raise unless ``x`` has the shape, whose names stand for any size but zero, and the dtype."""
    require_tensor(name, x)
    fits = x.ndim == len(shape) and all(
        size > 0 if isinstance(wanted, str) else size == wanted
        for size, wanted in zip(x.shape, shape, strict=True)
    )
    if not fits:
        wanted = ", ".join(f"{part} >= 1" if isinstance(part, str) else str(part) for part in shape)
        raise ValueError(f"{name} must have the shape ({wanted}): got {list(x.shape)}")
    if x.dtype != dtype:
        raise TypeError(f"{name} must have the parameters' dtype {dtype}: got {x.dtype}")


def check_state(state: Any, batch_size: int, num_slots: int, memory_size: int) -> None:
    """Raise unless a state has the five parts of a neural memory, in these sizes."""
    if not isinstance(state, tuple) or not hasattr(state, "by_role"):
        raise TypeError(f"state must be a NeuralMemoryState: got {type(state).__name__}")
    for name, part in state._asdict().items():  # type: ignore[attr-defined]
        wanted = (batch_size, memory_size)
        if name == "memory":
            wanted = (batch_size, num_slots, memory_size)  # type: ignore[assignment]
        if not isinstance(part, Tensor) or part.shape != wanted:
            found = list(part.shape) if isinstance(part, Tensor) else type(part).__name__
            raise ValueError(f"state.{name} must have the shape {list(wanted)}: got {found}")
