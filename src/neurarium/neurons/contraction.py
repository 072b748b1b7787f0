r"""The sum over inputs and functions of a Kolmogorov–Arnold layer as one matrix product.

y = V W, where V (N, K·F) holds all functions at all inputs (https://arxiv.org/abs/2404.19756,
Eq. 2.5). V is K times as large as x, so it is not kept: only x and W are, and the backward pass
evaluates the functions again, in closed form where the family has one. Rows are taken in chunks
whose V fits :data:`CHUNK`. Second derivatives, forward mode, ``torch.func`` and ``torch.compile``
take the plain way, which autograd sees.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.func import functional_call
from torch.nn import functional as F

from neurarium.neurons.basis import Basis, Linearized
from neurarium.neurons.tracing import is_traced

CHUNK = 1 << 22
"""Values of V held at a time."""
Activation = Callable[[Tensor], Tensor]


def contract(
    x: Tensor, weight: Tensor, basis: Basis, *, activation: Activation | None = None
) -> Tensor:
    r"""Σ_i Σ_j w_oji B_j(x_i), keeping only ``x`` and ``weight`` for the backward pass.

    `KAN: Kolmogorov-Arnold Networks <https://arxiv.org/abs/2404.19756>`_, Eq. 2.5.

    Args:
        x: (N, F).
        weight: (out, K, F), coefficients with all factors folded in; (out, K + 1, F) with an
            ``activation``, whose weights come first.
        basis: the functions.
        activation: a further function of every input, such as SiLU.

    Shapes:
        - output: (N, out)

    Example:
        >>> from neurarium.neurons import BSpline
        >>> basis = BSpline(3)
        >>> y = contract(torch.rand(5, 3), torch.ones(2, 8, 3), basis)
        >>> torch.allclose(y, torch.full((5, 2), 3.0))  # splines sum to 1
        True
    """
    if is_traced():
        return _product(expanded(x.mT, basis.expand, activation), weight)
    named = tensors_of(basis)
    return _Contraction.apply(x, weight, basis, activation, tuple(named), *named.values())


def evaluate(points: Tensor, basis: Basis, *, activation: Activation | None = None) -> Tensor:
    """All functions at all points, (F, N) → (K, F, N), keeping only the points.

    Args:
        points: (F, N).
        basis: the functions.
        activation: a further function, which comes first.

    Example:
        >>> from neurarium.neurons import BSpline
        >>> evaluate(torch.zeros(2, 1), BSpline(2, grid_size=1, degree=1))[:, 0, 0]
        tensor([0.5000, 0.5000])
    """
    if is_traced():
        return expanded(points, basis.expand, activation)
    named = tensors_of(basis)
    return _Evaluation.apply(points, basis, activation, tuple(named), *named.values())


class _Contraction(torch.autograd.Function):
    """:func:`contract`; ``tensors`` are the basis's own, in the order of ``names``."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        basis: Basis,
        activation: Activation | None,
        names: tuple[str, ...],
        *tensors: Tensor,
    ) -> Tensor:
        ctx.save_for_backward(x, weight, *tensors)
        ctx.basis, ctx.activation, ctx.names = basis, activation, names
        out = x.new_empty(len(x), len(weight))
        for rows in _chunks(x, weight):
            values = filled(x[rows].mT.contiguous(), basis, activation)
            torch.mm(values.flatten(0, 1).mT, weight.flatten(1).mT, out=out[rows])
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, *tensors = ctx.saved_tensors
        if not torch.is_grad_enabled() and is_unchanged(ctx, tensors):
            found = _recomputed(ctx, x, weight, gradients[0])
        else:

            def plain(expand: Activation, x: Tensor, weight: Tensor) -> Tensor:
                return _product(expanded(x.mT, expand, ctx.activation), weight)

            needed = [*ctx.needs_input_grad[:2], *ctx.needs_input_grad[5:]]
            found = differentiable(ctx, plain, [x, weight], tensors, needed, gradients[0])
        return (*found[:2], None, None, None, *found[2:])


class _Evaluation(torch.autograd.Function):
    """:func:`evaluate`."""

    @staticmethod
    def forward(
        ctx: Any,
        points: Tensor,
        basis: Basis,
        activation: Activation | None,
        names: tuple[str, ...],
        *tensors: Tensor,
    ) -> Tensor:
        ctx.save_for_backward(points, *tensors)
        ctx.basis, ctx.activation, ctx.names = basis, activation, names
        return filled(points, basis, activation)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        points, *tensors = ctx.saved_tensors
        needed = [ctx.needs_input_grad[0], *ctx.needs_input_grad[4:]]
        if not torch.is_grad_enabled() and is_unchanged(ctx, tensors):
            by_points, *by_own = linearize(points, ctx.basis, ctx.activation).pullback(gradients[0])
            own = iter(by_own)
            found = [
                by_points if needed[0] else None,
                *(next(own) if n else None for n in needed[1:]),
            ]
        else:

            def plain(expand: Activation, points: Tensor) -> Tensor:
                return expanded(points, expand, ctx.activation)

            found = differentiable(ctx, plain, [points], tensors, needed, gradients[0])
        return (found[0], None, None, None, *found[1:])


def _recomputed(ctx: Any, x: Tensor, weight: Tensor, gradient: Tensor) -> list[Tensor | None]:
    """Gradients of x, weight and the basis's tensors, chunk by chunk."""
    needs_x, needs_weight = ctx.needs_input_grad[:2]
    needed = ctx.needs_input_grad[5:]
    trainable = [place for place, is_needed in enumerate(needed) if is_needed]
    by_x = torch.empty_like(x) if needs_x else None
    by_weight = torch.zeros_like(weight).flatten(1) if needs_weight else None
    by_tensor: list[Tensor | None] = [None] * len(needed)
    for rows in _chunks(x, weight):
        part = gradient[rows]
        linearized = linearize(x[rows].mT.contiguous(), ctx.basis, ctx.activation)
        if by_weight is not None:
            by_weight.addmm_(part.mT, linearized.values.flatten(0, 1).mT)
        if by_x is None and not trainable:
            continue
        by_values = torch.mm(weight.flatten(1).mT, part.mT).view_as(linearized.values)
        by_points, *by_own = linearized.pullback(by_values)
        if by_x is not None:
            by_x[rows] = by_points.mT
        for place, found in zip(trainable, by_own, strict=True):
            so_far = by_tensor[place]
            by_tensor[place] = found if so_far is None else so_far + found
    return [by_x, None if by_weight is None else by_weight.view_as(weight), *by_tensor]


def differentiable(
    ctx: Any,
    plain: Callable[..., Tensor],
    inputs: Sequence[Tensor],
    tensors: Sequence[Tensor],
    needed: Sequence[bool],
    gradient: Tensor,
) -> list[Tensor | None]:
    """The gradients through plain operations on what the forward pass saw."""
    again = torch.is_grad_enabled()
    leaves = [*inputs, *tensors]
    if not again:
        leaves = [t.detach().requires_grad_(n) for t, n in zip(leaves, needed, strict=True)]
    named = dict(zip(ctx.names, leaves[len(inputs) :], strict=True))

    def expand(points: Tensor) -> Tensor:
        return functional_call(ctx.basis, named, (points,), {"stacked": True})

    with torch.enable_grad():
        out = plain(expand, *leaves[: len(inputs)])
    wanted = [t for t, n in zip(leaves, needed, strict=True) if n]
    found = iter(torch.autograd.grad(out, wanted, gradient, create_graph=again))
    return [next(found) if n else None for n in needed]


def filled(points: Tensor, basis: Basis, activation: Activation | None) -> Tensor:
    """Values of activation and basis without a graph."""
    extra = activation is not None
    values = points.new_empty(basis.num_functions + extra, *points.shape)
    if activation is not None:
        values[0] = activation(points)
    basis.fill(points, values[extra:])
    return values


def linearize(points: Tensor, basis: Basis, activation: Activation | None) -> Linearized:
    """Values of activation and basis, and the way back through both."""
    values, pullback = basis.linearize(points)
    if activation is None:
        return Linearized(values, pullback)
    if activation is F.silu:
        activated = F.silu(points)
    else:
        with torch.enable_grad():
            leaf = points.detach().requires_grad_()
            activated = activation(leaf)

    def through_both(gradient: Tensor) -> tuple[Tensor, ...]:
        if activation is F.silu:
            by_points = torch.ops.aten.silu_backward(gradient[0], points)
        else:
            (by_points,) = torch.autograd.grad(activated, leaf, gradient[0])
        by_basis, *by_own = pullback(gradient[1:])
        return (by_points + by_basis, *by_own)

    return Linearized(torch.cat([activated.detach()[None], values]), through_both)


def expanded(points: Tensor, expand: Activation, activation: Activation | None) -> Tensor:
    """Values of activation and basis as autograd follows them."""
    values = expand(points)
    return values if activation is None else torch.cat([activation(points)[None], values])


def _product(values: Tensor, weight: Tensor) -> Tensor:
    return values.flatten(0, 1).mT @ weight.flatten(1).mT


def _chunks(x: Tensor, weight: Tensor) -> Iterator[slice]:
    size = max(1, CHUNK // max(1, weight[0].numel()))
    return (slice(start, start + size) for start in range(0, len(x), size))


def tensors_of(basis: Basis) -> dict[str, Tensor]:
    """The basis's parameters and buffers; the short way where it has no parts."""
    if basis._modules:
        return dict(basis.named_parameters()) | dict(basis.named_buffers())
    held: dict[str, Tensor | None] = {**basis._parameters, **basis._buffers}
    return {name: tensor for name, tensor in held.items() if tensor is not None}


def is_unchanged(ctx: Any, saved: Sequence[Tensor]) -> bool:
    """Whether the basis still holds what the forward pass saw."""
    now = tensors_of(ctx.basis)
    return tuple(now) == ctx.names and all(
        now[name].data_ptr() == then.data_ptr() and now[name].shape == then.shape
        for name, then in zip(ctx.names, saved, strict=True)
    )


def in_dtype(x: Tensor, dtype: torch.dtype) -> Tensor:
    """``x`` as the layer's parameters are: cast under autocast, refused otherwise.

    Example:
        >>> in_dtype(torch.zeros(1, dtype=torch.float64), torch.float32)
        Traceback (most recent call last):
        TypeError: x must be torch.float32 as the layer: got torch.float64
    """
    if x.dtype == dtype:
        return x
    if not torch.is_autocast_enabled(x.device.type):
        raise TypeError(f"x must be {dtype} as the layer: got {x.dtype}")
    return x.to(dtype)
