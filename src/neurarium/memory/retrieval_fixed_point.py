"""Retrieval until convergence, and its gradient by the implicit function theorem.

The update f has the Jacobian J = β Xᵀ(diag p − p pᵀ)X (arXiv 2008.02217, App. A): symmetric, with
eigenvalues in [0, 1) at a stable fixed point ξ = f(ξ). There a gradient g with respect to ξ reaches
the patterns and β as (I − J)⁻¹ g, whatever path led to ξ.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from neurarium.memory.retrieval_step import Mask, association_weights, attend

MAX_STEPS = 10_000


def _take_heads(x: Any, heads: Tensor) -> Any:
    """The given heads of a tensor whose second axis may also be one for all heads."""
    if isinstance(x, Mask):
        return Mask(_take_heads(x.bias, heads), _take_heads(x.alive, heads))
    if not isinstance(x, Tensor):
        return x
    return x if x.shape[-3] == 1 else x.index_select(-3, heads)


def stable_weights(
    q: Tensor,
    k: Tensor,
    *,
    beta: float | Tensor,
    mask: Mask | None,
    limit: int | None,
    tol: float,
) -> Tensor:
    """Association matrices after each head has stopped, (B, H, L, S).

    A head stops when ‖A_t − A_{t−1}‖_F over (L, S), the largest over the batch, is at most ``tol``
    or after ``limit`` softmaxes. Stopped heads leave the computation.
    """
    num_heads = q.shape[1]
    running = torch.arange(num_heads, device=q.device)
    weights = association_weights(q, k, beta, mask)
    finished: list[tuple[Tensor, Tensor]] = []
    for _ in range((limit or MAX_STEPS) - 1):
        updated = association_weights(weights @ k, k, beta, mask)
        change = torch.linalg.vector_norm((updated - weights).detach(), dim=(2, 3)).amax(0)
        weights, goes_on = updated, change > tol
        if goes_on.all():
            continue
        stops, stays = (~goes_on).nonzero().flatten(), goes_on.nonzero().flatten()
        finished.append((running[stops], weights.index_select(1, stops)))
        running, weights = running[stays], weights.index_select(1, stays)
        k, beta, mask = (_take_heads(x, stays) for x in (k, beta, mask))
        if not len(running):
            break
    else:
        if limit is None:
            raise RuntimeError(
                f"tol must be reachable: got {tol}, but the association still changes by "
                f"{change.max():.3g} after {MAX_STEPS} steps; raise tol or give num_steps"
            )
    heads = torch.cat([heads for heads, _ in finished] + [running])
    return torch.cat([part for _, part in finished] + [weights], 1)[:, heads.argsort()]


def implicit_fixed_point(
    q: Tensor, k: Tensor, *, beta: float | Tensor, mask: Mask | None, tol: float
) -> Tensor:
    """The fixed point reached from ``q``, differentiable in ``k``, ``beta`` and the mask's bias."""
    with torch.no_grad():
        start = stable_weights(q, k, beta=beta, mask=mask, limit=None, tol=tol) @ k
        weights = association_weights(start, k, beta, mask)
    updated = attend(start, k, k, beta, mask)
    scale = torch.as_tensor(beta, dtype=k.dtype, device=k.device).detach()
    return _ImplicitGradient.apply(updated, weights, k.detach(), scale)


class _ImplicitGradient(torch.autograd.Function):
    """Identity whose gradient is multiplied by (I − J)⁻¹."""

    @staticmethod
    def forward(ctx: Any, updated: Tensor, weights: Tensor, k: Tensor, beta: Tensor) -> Tensor:
        ctx.save_for_backward(weights, k, beta)
        return updated.clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        if torch.is_grad_enabled():  # create_graph=True
            raise NotImplementedError(
                "implicit has no second derivatives: unroll the steps with implicit=False"
            )
        weights, k, beta = ctx.saved_tensors

        def one_minus_jacobian(u: Tensor) -> Tensor:
            overlaps = u @ k.mT
            centred = overlaps - (weights * overlaps).sum(-1, keepdim=True)
            return u - beta * ((weights * centred) @ k)

        return conjugate_gradient(one_minus_jacobian, gradients[0]), None, None, None


def conjugate_gradient(product: Callable[[Tensor], Tensor], rhs: Tensor) -> Tensor:
    """Solve A x = rhs for every last-axis vector at once, A symmetric positive definite."""
    solution, residual, direction = torch.zeros_like(rhs), rhs, rhs
    norm = rhs.square().sum(-1, keepdim=True)
    accepted = norm * (100 * torch.finfo(rhs.dtype).eps) ** 2
    for _ in range(4 * rhs.shape[-1] + 20):
        unsolved = ~(norm <= accepted)  # NaN from a singular system stays unsolved
        if not unsolved.any():
            return solution
        image = product(direction)
        curvature = (direction * image).sum(-1, keepdim=True)
        step = torch.where(unsolved, norm / curvature, 0.0)
        solution, residual = solution + step * direction, residual - step * image
        previous, norm = norm, residual.square().sum(-1, keepdim=True)
        direction = residual + torch.where(unsolved, norm / previous, 0.0) * direction
    raise RuntimeError(
        "beta must keep the fixed point away from a bifurcation for an implicit gradient: "
        "I - J is singular; unroll the steps with implicit=False"
    )
