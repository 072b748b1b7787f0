"""What every layer sees in one epoch of the user, recorded while nothing changes.

The network is fixed while dendrites learn (https://arxiv.org/abs/2501.18018).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from neurarium.neurons.dendrites import Dendritic

Train = Callable[[nn.Module, Optimizer], Any]


@dataclass
class Recording:
    """What a layer saw in one pass over the data: inputs, errors, outputs of earlier dendrites.

    Args:
        inputs: one tensor a batch.
        errors: gradients of the loss at the output, one a batch.
    """

    inputs: list[Tensor] = field(default_factory=list)
    errors: list[Tensor] = field(default_factory=list)

    def add(self, x: Tensor, error: Tensor) -> None:
        """What an observer is called with. Losses are means over batches: undo the division."""
        error = error.detach()
        wide = error.to(torch.promote_types(error.dtype, torch.float32))  # half would overflow
        self.inputs.append(x)
        self.errors.append(wide * len(error))

    def joined(self, name: str, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """All inputs and errors; errors in units of their deviation in each layer.

        Batches with errors that are not finite, such as those that loss scaling skips, are left out
        with a warning.

        Args:
            name: of the layer.
            dtype: of its parameters, which autocast need not keep; ids stay as they are.

        Raises:
            ValueError: inputs of several shapes, or no batch with finite errors.
        """
        finite = [bool(error.isfinite().all()) for error in self.errors]
        if not any(finite):
            raise ValueError(f"errors of {name} must be finite: got none in {len(finite)} batches")
        if not all(finite):
            warnings.warn(
                f"errors of {name} must be finite to be recorded: {finite.count(False)} of "
                f"{len(finite)} batches are left out",
                UserWarning,
                stacklevel=2,
            )
        inputs = [x for x, kept in zip(self.inputs, finite, strict=True) if kept]
        errors_kept = [error for error, kept in zip(self.errors, finite, strict=True) if kept]
        shapes = sorted({tuple(x.shape[1:]) for x in inputs})
        if len(shapes) > 1:
            raise ValueError(
                f"inputs of {name} must have one shape to be recorded: got {shapes[0]} and "
                f"{shapes[1]}; pad them"
            )
        x, errors = torch.cat(inputs), torch.cat(errors_kept).to(dtype)
        x = x.to(dtype) if x.is_floating_point() else x
        scale = errors.std() if errors.numel() > 1 else errors.new_zeros(())
        return x, errors / scale if scale > 0 else errors


def record_epoch(
    model: nn.Module,
    layers: Mapping[str, Dendritic],
    train: Train,
    like: Optimizer,
) -> dict[str, Recording]:
    """Inputs and errors of every layer in one epoch that changes nothing, buffers neither.

    Args:
        model: whose parameters ``train`` must leave to its optimizer.
        layers: name → layer; those without a gradient get an empty recording.
        train: ``train(model, optimizer)``, one epoch of the user's.
        like: an optimizer whose groups and settings ``train`` may read and change.

    Raises:
        RuntimeError: parameters that changed.

    Example:
        >>> layer = Dendritic(nn.Linear(3, 2))
        >>> def train(model, optimizer):
        ...     model(torch.ones(4, 3)).mean().backward()
        ...     optimizer.step()
        >>> optimizer = torch.optim.SGD(layer.parameters())
        >>> record_epoch(layer, {"": layer}, train, optimizer)[""].errors[0].unique()
        tensor([0.5000])
    """
    recordings = {name: Recording() for name in layers}
    versions = [p._version for p in model.parameters()]
    buffers = {name: b.clone() for name, b in model.named_buffers()}
    for name, layer in layers.items():
        layer.observe(recordings[name].add)
    try:
        train(model, _Still([dict(group) for group in like.param_groups], dict(like.defaults)))
    finally:
        for layer in layers.values():
            layer.observe(None)
    if versions != [p._version for p in model.parameters()]:
        raise RuntimeError(
            "train must step the optimizer that it is given: got other changes of parameters "
            "while the network was fixed"
        )
    with torch.no_grad():
        for name, buffer in model.named_buffers():
            buffer.copy_(buffers[name])
    model.zero_grad()
    return recordings


class _Still(Optimizer):
    """An optimizer that changes nothing."""

    def step(self, closure: Any = None) -> Any:
        """Nothing, but for the closure."""
        if closure is None:
            return None
        with torch.enable_grad():
            return closure()
