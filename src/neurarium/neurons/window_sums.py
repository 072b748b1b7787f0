r"""Sums over windows without the windows: what the reductions of AF-KAN need of them.

With z_j = C(φ(x − l_j), φ(h_j − x)), scores and reductions of AF-KAN
(https://arxiv.org/abs/2503.06112) are Σ_j z_j and Σ_j w_j z_j for every input, and their
normalisation is affine in z, so that it can follow the sums. One window at a time is evaluated,
forward and again backward; nothing of size inputs × windows is ever held.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor

from neurarium.neurons.tracing import is_traced
from neurarium.neurons.window_functions import Combination, WindowActivation

CHUNK = 1 << 16
"""Inputs handled at a time, so that all buffers stay in the processor's cache."""


class WindowKind(NamedTuple):
    """What windows are made of: φ and C."""

    activation: WindowActivation
    combination: Combination

    def __call__(self, x: Tensor, low: Tensor, high: Tensor) -> Tensor:
        """C(φ(x − l), φ(h − x)), differentiable."""
        rising, falling = self.activation.value(x - low), self.activation.value(high - x)
        return self.combination.value(rising, falling)


def window_values(x: Tensor, low: Tensor, high: Tensor, kind: WindowKind) -> Tensor:
    """All windows of all inputs, (N, D) → (N, D, K), differentiable.

    Example:
        >>> from neurarium.neurons.window_functions import COMBINATIONS, WINDOW_ACTIVATIONS
        >>> kind = WindowKind(WINDOW_ACTIVATIONS["relu"], COMBINATIONS["prod"])
        >>> window_values(torch.ones(1, 1), torch.zeros(2), torch.tensor([2.0, 3.0]), kind)
        tensor([[[1., 2.]]])
    """
    return kind(x[..., None], low, high)


class WindowSums(NamedTuple):
    """Sums over the windows of every input, and where a row's extremes are.

    Args:
        total: Σ_j z_j (N, D).
        score: Σ_j w_j z_j (N, D).
        lowest: the input with the smallest window of its row, (N, 1).
        highest: the input with the largest, (N, 1).
    """

    total: Tensor
    score: Tensor
    lowest: Tensor
    highest: Tensor


def window_sums(
    x: Tensor, low: Tensor, high: Tensor, weight: Tensor, kind: WindowKind
) -> WindowSums:
    """Σ_j z_j and Σ_j w_j z_j, keeping only the arguments for the backward pass.

    Args:
        x: (N, D).
        low: (K,), where windows begin.
        high: (K,), where they end.
        weight: (K,).
        kind: what windows are made of.

    Example:
        >>> from neurarium.neurons.window_functions import COMBINATIONS, WINDOW_ACTIVATIONS
        >>> kind = WindowKind(WINDOW_ACTIVATIONS["relu"], COMBINATIONS["prod"])
        >>> low, high = torch.zeros(2), torch.tensor([2.0, 3.0])
        >>> found = window_sums(torch.ones(1, 1), low, high, torch.tensor([1.0, 10.0]), kind)
        >>> found.total, found.score
        (tensor([[3.]]), tensor([[21.]]))
    """
    if is_traced():
        return _plain(x, low, high, weight, kind)
    return WindowSums(*_WindowSums.apply(x, low, high, weight, kind))


def _plain(x: Tensor, low: Tensor, high: Tensor, weight: Tensor, kind: WindowKind) -> WindowSums:
    """The same with operations that autograd sees."""
    values = window_values(x, low, high, kind)
    lowest = values.amin(-1).argmin(-1, keepdim=True)
    highest = values.amax(-1).argmax(-1, keepdim=True)
    score = (values * weight).sum(-1)  # autocast would round factors of a matrix product
    return WindowSums(values.sum(-1), score, lowest, highest)


class _WindowSums(torch.autograd.Function):
    """:func:`window_sums`."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, low: Tensor, high: Tensor, weight: Tensor, kind: WindowKind
    ) -> tuple[Tensor, ...]:
        ctx.save_for_backward(x, low, high, weight)
        ctx.kind = kind
        total, score = torch.empty_like(x), torch.empty_like(x)
        places = x.new_empty(2, len(x), 1, dtype=torch.long)
        for rows in _chunks(x):
            values = (kind(x[rows], *ends) for ends in zip(low, high, strict=True))
            _accumulate(values, weight, total[rows], score[rows], places[:, rows])
        ctx.mark_non_differentiable(places[0], places[1])
        return total, score, places[0], places[1]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        tensors = ctx.saved_tensors
        if torch.is_grad_enabled():
            return (*_twice_differentiable(ctx, tensors, gradients), None)
        x = tensors[0]
        by_x = torch.zeros_like(x)
        by_window = x.new_zeros(3, len(tensors[1]))
        for rows in _chunks(x):
            of_rows = (x[rows], *tensors[1:])
            by_sums = gradients[0][rows], gradients[1][rows]
            by_window += _pull_back(ctx.kind, of_rows, by_sums, by_x[rows])
        return (by_x, *by_window, None)


def _accumulate(
    values: Iterator[Tensor], weight: Tensor, total: Tensor, score: Tensor, places: Tensor
) -> None:
    """Sums and extremes of the windows as they come."""
    first = next(values)
    total.copy_(first)
    torch.mul(first, weight[0], out=score)
    least, most = first.clone(), first.neg()
    for value, factor in zip(values, weight[1:], strict=True):
        total.add_(value)
        score.addcmul_(value, factor)
        torch.minimum(least, value, out=least)
        torch.minimum(most, value.neg_(), out=most)  # maximum has no fast kernel
    places[0].copy_(least.argmin(-1, keepdim=True))
    places[1].copy_(most.argmin(-1, keepdim=True))


def _pull_back(
    kind: WindowKind, tensors: tuple[Tensor, ...], by_sums: tuple[Tensor, Tensor], by_x: Tensor
) -> Tensor:
    """Adds to the gradient of some rows' inputs; their share of those of l, h and w, (3, K)."""
    x, low, high, weight = tensors
    by_total, by_score = by_sums
    phi, combination = kind
    by_window: list[Tensor] = []
    for begin, end, factor in zip(low, high, weight, strict=True):
        t, s = x - begin, end - x
        u, v = phi.value(t), phi.value(s)
        by_value = torch.addcmul(by_total, by_score, factor)
        value, by_u, by_v = combination.pullback(by_value, u, v)
        by_t, by_s = phi.pullback(by_u, t, u), phi.pullback(by_v, s, v)
        by_x.add_(by_t).sub_(by_s)
        by_weight = torch.dot(by_score.reshape(-1), value.reshape(-1))
        by_window += [by_t.sum().neg_(), by_s.sum(), by_weight]
    return torch.stack(by_window).view(-1, 3).mT


def _twice_differentiable(
    ctx: Any, tensors: tuple[Tensor, ...], gradients: tuple[Tensor, ...]
) -> list[Tensor | None]:
    """Gradients that can be differentiated again."""
    needed = ctx.needs_input_grad[:4]
    x, low, high, weight = tensors
    found = _plain(x, low, high, weight, ctx.kind)[:2]
    wanted = [t for t, is_needed in zip(tensors, needed, strict=True) if is_needed]
    results = iter(torch.autograd.grad(found, wanted, gradients[:2], create_graph=True))
    return [next(results) if is_needed else None for is_needed in needed]


def _chunks(x: Tensor) -> Iterator[slice]:
    size = max(1, CHUNK // x.shape[-1])
    return (slice(start, start + size) for start in range(0, len(x), size))
