"""What the checks share: the module under test, its inputs, and how outputs are compared."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves, tree_map


class Skip(Exception):
    """A check that does not apply; its message says why."""


class Failed(AssertionError):
    """A check that found something; its message says what."""


def expect(condition: object, message: str) -> None:
    """Fail unless the condition holds; unlike ``assert`` also under ``python -O``."""
    if not condition:
        raise Failed(message)


@dataclass(frozen=True)
class Subject:
    """A module with one set of inputs; every check gets its own copy.

    Args:
        module: as the user gave it, never changed.
        args: its inputs.
        kwargs: its keyword inputs.
        rebuild: makes a fresh module of the same configuration.
        refused: calls that must raise because an argument is out of its range.
        exempt: what is excused, ``"check"`` or ``"check.part"``, and why.
        method: what is called, where it is not forward.
    """

    module: nn.Module
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    rebuild: Callable[[], nn.Module] | None = None
    refused: Sequence[Callable[[], object]] = ()
    exempt: Mapping[str, str] = field(default_factory=dict)
    method: str = "forward"

    def fresh(self, *, train: bool = False) -> nn.Module:
        """A copy in the wanted mode; the module itself where it cannot be copied."""
        try:
            module = copy.deepcopy(self.module)
        except Exception:  # the check of deepcopy tells
            module = self.module
        return module.train(train)

    def run(self, module: nn.Module, *, dtype: torch.dtype | None = None) -> Any:
        """The module's output for fresh copies of the inputs, under a fixed seed."""
        torch.manual_seed(0)
        args, kwargs = self.inputs(dtype)
        return self.entry(module)(*args, **kwargs)

    def entry(self, module: nn.Module) -> Callable[..., Any]:
        """What a call goes to."""
        return module if self.method == "forward" else getattr(module, self.method)

    def inputs(self, dtype: torch.dtype | None = None) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Copies of the inputs; floating-point ones in the wanted dtype."""
        return tree_map(lambda leaf: _copied(leaf, dtype), (self.args, dict(self.kwargs)))


def _copied(leaf: Any, dtype: torch.dtype | None) -> Any:
    if not isinstance(leaf, Tensor):
        return leaf
    if dtype is not None and leaf.is_floating_point():
        return leaf.detach().to(dtype)
    return leaf.detach().clone()


def floats(output: Any) -> list[Tensor]:
    """The floating-point tensors of an output."""
    leaves = [leaf for leaf in tree_leaves(output) if isinstance(leaf, Tensor)]
    return [leaf for leaf in leaves if leaf.is_floating_point()]


def equal(ours: Any, theirs: Any) -> bool:
    """Whether two outputs are equal to the last bit."""
    pairs = list(zip(tree_leaves(ours), tree_leaves(theirs), strict=True))
    return all(_same(a, b) for a, b in pairs)


def _same(a: Any, b: Any) -> bool:
    if not isinstance(a, Tensor):
        return bool(a == b)
    return a.dtype == b.dtype and torch.equal(a.nan_to_num(), b.nan_to_num())


def difference(ours: Any, theirs: Any) -> float:
    """The largest difference, relative to the largest value."""
    gaps = [
        ((a.double() - b.double()).abs().max() / b.double().abs().max().clamp(min=1e-6)).item()
        for a, b in zip(floats(ours), floats(theirs), strict=True)
        if b.numel()
    ]
    return max(gaps, default=0.0)


def objective(output: Any) -> Tensor:
    """A number that depends on every element of the output, each with a weight of its own."""
    total: Any = 0.0
    for leaf in floats(output):
        weights = torch.linspace(0.5, 1.5, max(leaf.numel(), 1), dtype=leaf.dtype)
        total = total + (leaf.flatten() * weights[: leaf.numel()].to(leaf.device)).sum()
    if not isinstance(total, Tensor) or not total.requires_grad:
        raise Skip("no output depends on a parameter")
    return total


def one_line(error: BaseException) -> str:
    """An exception as one short line."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:200]}" if text else type(error).__name__
