"""Checks of what a trainer with synthetic gradients is given (arXiv 2011.05438)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from neurarium.memory.arguments import require_tensor


def check_interface(interface: Any) -> None:
    """Raise unless an interface is one of the two."""
    if interface not in ("state", "controller"):
        raise ValueError(f"interface must be 'state' or 'controller': got {interface!r}")


def check_init_state(state: Any) -> None:
    """Raise unless a state is a tuple of tensors."""
    if not isinstance(state, tuple) or not all(isinstance(part, Tensor) for part in state):
        raise TypeError(
            f"model.init_state() must return a tuple of tensors: got {type(state).__name__}"
        )


def check_feedback(
    feedback: nn.Module | None,
    roles: Mapping[str, int],
    slots: Sequence[str],
    condition_size: int | None,
) -> None:
    """Raise unless a feedback network that tells its sizes has those of the model's roles.

    Args:
        feedback: the network, or none.
        roles: the model's roles with their widths.
        slots: those of them that come in slots.
        condition_size: width of what the network is shown beside them; None where it is not known.
    """
    sizes = getattr(feedback, "sizes", None)
    if sizes is None:
        return
    if dict(sizes) != dict(roles):
        raise ValueError(
            f"feedback must have the model's widths {_text(roles)}: got {_text(sizes)}"
        )
    found = getattr(feedback, "slots", slots)
    if set(found) != set(slots):
        raise ValueError(
            f"feedback must have the model's roles in slots, {', '.join(slots) or 'none'}: got "
            f"{', '.join(found) or 'none'}"
        )
    width = getattr(feedback, "condition_size", condition_size)
    if condition_size is not None and width != condition_size:
        raise ValueError(
            f"feedback must have condition_size {condition_size}, the width of what is read: got "
            f"{width}; to show an error too, give error"
        )


def check_optimizers(model: nn.Module, fast: Sequence[Tensor], slow: Sequence[Tensor]) -> None:
    """Raise where both optimisers hold a parameter, or none of them one that is to be trained."""
    shared = {id(p) for p in fast} & {id(p) for p in slow}
    names = {id(p): name for name, p in model.named_parameters() if p.requires_grad}
    if shared:
        which = ", ".join(names.get(key, "?") for key in sorted(shared))
        raise ValueError(
            f"fast_optimizer and slow_optimizer must share no parameter: got {which} in both"
        )
    left = [name for key, name in names.items() if key not in {id(p) for p in (*fast, *slow)}]
    if left:
        raise ValueError(
            f"fast_optimizer and slow_optimizer must hold every parameter: got none of "
            f"{', '.join(left)}"
        )


def check_batch(batch: Any) -> tuple[Tensor, Tensor]:
    """Inputs and targets with equal leading sizes and at least one step."""
    if not isinstance(batch, tuple | list) or len(batch) != 2:
        raise TypeError(f"batch must be (inputs, targets): got {type(batch).__name__}")
    inputs, targets = batch
    require_tensor("inputs", inputs)
    require_tensor("targets", targets)
    if inputs.ndim < 3 or not inputs.shape[1] or not len(inputs):
        raise ValueError(
            f"inputs must have the shape (batch >= 1, time >= 1, …): got {list(inputs.shape)}"
        )
    if targets.shape[:2] != inputs.shape[:2]:
        raise ValueError(
            f"targets must have the batch and time of inputs, {list(inputs.shape[:2])}: got "
            f"{list(targets.shape[:2])}"
        )
    return inputs, targets


def check_revealed(inputs: Tensor, targets: Tensor, revealed: Tensor | None) -> Tensor:
    """Where targets are shown; raise where one is given that the task hides, or one lacks."""
    if revealed is None:
        revealed = torch.zeros(inputs.shape[:2], dtype=torch.bool, device=inputs.device)
    require_tensor("revealed", revealed)
    if revealed.dtype != torch.bool or revealed.shape != inputs.shape[:2]:
        raise ValueError(
            f"revealed must be bool of the shape {list(inputs.shape[:2])}: got {revealed.dtype} of "
            f"{list(revealed.shape)}"
        )
    flat = targets.flatten(2) if targets.ndim > 2 else targets[..., None]
    given = (~flat.isnan() if flat.is_floating_point() else flat >= 0).any(-1)
    if (given & ~revealed).any():
        raise ValueError(
            f"targets must be NaN, or negative classes, where the task hides them: got "
            f"{int((given & ~revealed).sum())} that leak"
        )
    if (revealed & ~given).any():
        raise ValueError(
            f"targets must be given where the task reveals them: got "
            f"{int((revealed & ~given).sum())} missing"
        )
    return revealed


def _text(sizes: Mapping[str, int]) -> str:
    return ", ".join(f"{role} {size}" for role, size in sizes.items())
