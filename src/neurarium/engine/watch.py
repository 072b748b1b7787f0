"""Watching a run: progress for people, and which module went wrong first when the loss did."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

if TYPE_CHECKING:
    from .fit import History


@contextmanager
def progress(total: int | None = None, *, seconds: float = 10.0) -> Iterator[Callable]:
    """A callback for ``after_step``: a bar in a terminal, else a line every few seconds.

    Args:
        total: number of steps, if it is known.
        seconds: between two lines where there is no terminal.

    Example:
        >>> with progress(total=100) as callback:  # fit(…, after_step=[callback])
        ...     callable(callback)
        True
    """
    if sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import Progress

        with Progress(console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task("training", total=total)

            def move(history: History) -> None:
                text = f"loss {history.metrics['loss'][-1]:.4g}"
                bar.update(task, completed=history.step, description=text)

            yield move
    else:
        last = time.monotonic()

        def write(history: History) -> None:
            nonlocal last
            if time.monotonic() - last >= seconds or history.step == total:
                last = time.monotonic()
                of = f"/{total}" if total else ""
                loss = history.metrics["loss"][-1]
                print(f"step {history.step}{of}: loss {loss:.4g}", file=sys.stderr, flush=True)

        yield write


def not_finite(tree: Any) -> bool:
    """Whether a tensor in a nested structure holds a NaN or an infinity."""
    return any(
        isinstance(leaf, Tensor) and leaf.is_floating_point() and not leaf.isfinite().all()
        for leaf in tree_leaves(tree)
    )


def bad_parameter(module: nn.Module, *, gradient: bool = False) -> str | None:
    """The name of the first parameter that is not finite, or whose gradient is not."""
    for name, parameter in module.named_parameters():
        if not_finite(parameter.grad if gradient else parameter.detach()):
            return name
    return None


def explain(module: nn.Module, step: Callable, batch: Any) -> str:
    """Why the loss of a batch is not finite: the batch, a parameter, or the first bad module."""
    if not_finite(batch):
        return "the batch itself holds NaN or infinite values"
    if name := bad_parameter(module):
        return f"parameter {name!r} is not finite since the step before; lower lr or clip"
    first: list[str] = []

    def look(name: str) -> Callable:
        def hook(layer: nn.Module, inputs: Any, output: Any) -> None:
            if not first and not_finite(output):
                first.append(f"{name!r} ({type(layer).__name__})" if name else type(layer).__name__)

        return hook

    hooks = [m.register_forward_hook(look(name)) for name, m in module.named_modules()]
    with torch.no_grad():
        step(module, batch)
    for hook in hooks:
        hook.remove()
    if first:
        return f"the output of {first[0]} is the first that is not finite"
    return "every module's output is finite; look at the loss function"
