"""Retrieval from a modern Hopfield network: the core that every Hopfield layer is built on.

Ramsauer et al., "Hopfield Networks is All You Need", 2020 (arXiv 2008.02217). Stored patterns are
the rows of X, a state is ξ, β > 0 the inverse temperature:

- update (Eq. 3): ξ ← Xᵀ softmax(β X ξ), which is one step of attention;
- energy (Eq. 2): E(ξ) = −β⁻¹ log Σ_i exp(β x_iᵀξ) + ½ ξᵀξ + β⁻¹ log N + ½ M², M = max ‖x_i‖,
  which no update increases.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor
from torch.nn import functional as F

from neurarium.memory.arguments import require_count, require_tensor
from neurarium.memory.retrieval_checks import (
    as_set,
    check_patterns,
    checked_beta,
    checked_mask,
    four_axes,
    require_positive_beta,
)
from neurarium.memory.retrieval_fixed_point import implicit_fixed_point, stable_weights
from neurarium.memory.retrieval_step import Mask, as_mask, association_weights, attend

DEFAULT_TOL = 1e-4
_STEPS = "; it counts softmaxes, 1 is plain attention and None goes on until convergence"


class Steps(NamedTuple):
    """How often to update: ``limit`` softmaxes (None: any), fewer once a change is ≤ tol."""

    limit: int | None
    tol: float | None
    implicit: bool

    @classmethod
    def checked(cls, num_steps: int | None, tol: float | None, implicit: bool) -> Steps:
        """From the arguments of a retrieval; without a limit ``tol`` is 1e-4 by default."""
        if num_steps is not None:
            require_count("num_steps", num_steps, hint=_STEPS)
        if tol is not None and not 0 < tol < math.inf:
            raise ValueError(f"tol must be positive and finite: got {tol}")
        if implicit and num_steps is not None:
            raise ValueError(
                f"num_steps must be None where implicit is set: got {num_steps}; "
                "the implicit gradient holds at a fixed point only"
            )
        return cls(num_steps, DEFAULT_TOL if num_steps is None and tol is None else tol, implicit)


def associate(
    q: Float[Tensor, "B H L d"],
    k: Float[Tensor, "B H S d"],
    v: Float[Tensor, "B H S v"],
    *,
    beta: float | Tensor,
    steps: Steps,
    mask: Mask | None = None,
    dropout: float = 0.0,
    need_weights: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """All steps of H heads at once: (retrieved, last association matrix if it was needed)."""
    weights = None
    if steps.tol is None:
        for _ in range((steps.limit or 1) - 1):
            q = attend(q, k, k, beta, mask)
    elif steps.implicit:
        q = implicit_fixed_point(q, k, beta=beta, mask=mask, tol=steps.tol)
    else:
        weights = stable_weights(q, k, beta=beta, mask=mask, limit=steps.limit, tol=steps.tol)
    if weights is None:
        if not need_weights:
            return attend(q, k, v, beta, mask, dropout), None
        weights = association_weights(q, k, beta, mask)
    return F.dropout(weights, dropout) @ v, weights


def hopfield_retrieve(
    state: Float[Tensor, "... d"],
    stored: Float[Tensor, "... S d"],
    values: Float[Tensor, "... S v"] | None = None,
    *,
    beta: float | Sequence[float] | Float[Tensor, " H"] = 1.0,
    num_steps: int | None = 1,
    tol: float | None = None,
    attn_mask: Shaped[Tensor, " ..."] | None = None,
    implicit: bool = False,
    return_attention: bool = False,
) -> Any:
    r"""Retrieve stored patterns from partial or noisy cues: associative memory without parameters.

    `Hopfield Networks is All You Need <https://arxiv.org/abs/2008.02217>`_, Eq. 3:

    .. math:: \xi \leftarrow X^\top \mathrm{softmax}(\beta X \xi)

    repeated ``num_steps`` times; the last step associates ``values`` in place of the patterns. A
    large β finds the single best match, a small one the mean of similar patterns. The best match
    has the largest product with the cue: where patterns have equal length it is the nearest one, so
    grey values in [−1, 1] serve better than in [0, 1], where bright images win.

    A fixed ``num_steps`` needs memory O(L·d): no association matrix is formed. With ``tol`` the
    association matrix A (L × S) is kept, and a head stops when ‖A_t − A_{t−1}‖_F, taken over L and
    S and the largest over the batch, is at most ``tol``: a sample depends on the rest of its batch
    only through when a head stops. Gradients flow through all steps, or with ``implicit`` through
    the fixed point alone, in memory that does not grow with the number of steps.

    Args:
        state: the cues, or (d,) for a single one.
        stored: the patterns; leading axes broadcast against those of ``state``.
        values: what is returned in place of the patterns, one row for each.
        beta: inverse temperature; several values are one per head, the third-last axis.
        num_steps: number of softmaxes, 1 is attention; None means until ``tol``.
        tol: stop early; 1e-4 if neither is given a number.
        attn_mask: broadcasts against (…, L, S); bool, True = may be retrieved, or float, added to
            the scores β X ξ. It holds at every step. What may retrieve nothing gives zeros.
        implicit: gradients by the implicit function theorem, (I − J)⁻¹ by conjugate gradients; the
            cue gets none, the fixed point it led to does not move with it.
        return_attention: also return the last association matrix, (…, L, S).

    Shapes:
        - state: (…, L, d) or (d,); stored: (…, S, d); values: (…, S, v)
        - output: (…, L, v) or (v,), where v = d without ``values``; with ``return_attention`` the
          pair of it and (…, L, S) or (S,)

    Raises:
        TypeError: for integers: grey values must be floating point.
        ValueError: for shapes that do not fit, and for beta, num_steps or tol out of range.
        RuntimeError: if ``tol`` is out of reach, or for an implicit gradient at a bifurcation.
        NotImplementedError: for second derivatives with ``implicit``.

    Example:
        >>> images = torch.randint(0, 2, (50, 64)).float() * 2 - 1
        >>> cue = images[7].clone()
        >>> cue[32:] = 0  # the lower half is lost
        >>> torch.equal(hopfield_retrieve(cue, images, beta=4.0).round(), images[7])
        True
    """
    steps = Steps.checked(num_steps, tol, implicit)
    values = stored if values is None else values
    states = as_set(state)
    check_patterns(states, stored, values)
    lead = states.shape[:-2]
    mask = None
    if attn_mask is not None:
        allowed = four_axes(checked_mask(attn_mask, states, stored), lead)
        mask = as_mask(allowed, states.dtype)
    q, k, v = (four_axes(x, lead) for x in (states, stored, values))
    retrieved, weights = associate(
        q,
        k.expand(*q.shape[:2], -1, -1),  # the fused kernels do not broadcast
        v.expand(*q.shape[:2], -1, -1),
        beta=checked_beta(beta, states),
        steps=steps,
        mask=mask,
        need_weights=return_attention,
    )
    retrieved = retrieved.reshape(*lead, *retrieved.shape[-2:])
    retrieved = retrieved.squeeze(0) if state.ndim == 1 else retrieved
    if weights is None or not return_attention:
        return retrieved
    weights = weights.reshape(*lead, *weights.shape[-2:])
    return retrieved, weights.squeeze(0) if state.ndim == 1 else weights


def hopfield_energy(
    state: Float[Tensor, "... d"],
    stored: Float[Tensor, "... S d"],
    *,
    beta: float = 1.0,
    attn_mask: Shaped[Tensor, " ..."] | None = None,
) -> Float[Tensor, " ..."]:
    r"""The energy that :func:`hopfield_retrieve` descends, one number a state.

    `Hopfield Networks is All You Need <https://arxiv.org/abs/2008.02217>`_, Eq. 2:

    .. math:: E = -\beta^{-1} \log \sum_i e^{\beta x_i^\top \xi} + \tfrac12 \xi^\top \xi
              + \beta^{-1} \log N + \tfrac12 M^2, \qquad M = \max_i \lVert x_i \rVert

    It is never negative, at most 2 M² between the patterns, and its gradient is ξ − f(ξ). A mask
    leaves the energy of the patterns that take part.

    Args:
        state: (…, L, d), or (d,) for a single one.
        stored: (…, S, d).
        beta: inverse temperature, positive.
        attn_mask: as in :func:`hopfield_retrieve`; each state must keep at least one pattern.

    Shapes:
        - output: (…, L), or () for a single state

    Raises:
        TypeError: for integers.
        ValueError: for shapes that do not fit and for ``beta`` ≤ 0.

    Example:
        >>> patterns, state = torch.randn(20, 8).double(), torch.randn(8).double()
        >>> energies = []
        >>> for _ in range(5):
        ...     energies.append(hopfield_energy(state, patterns))
        ...     state = hopfield_retrieve(state, patterns)
        >>> bool((torch.stack(energies).diff() < 1e-5).all())
        True
    """
    require_positive_beta(beta)
    states = as_set(state)
    check_patterns(states, stored, stored)
    overlaps = beta * states @ stored.mT
    lengths = stored.square().sum(-1).unsqueeze(-2)
    count = torch.full_like(overlaps[..., :1], math.log(stored.shape[-2]))
    alive = None
    if attn_mask is not None:
        bias, alive = as_mask(checked_mask(attn_mask, states, stored), stored.dtype)
        overlaps, lengths = overlaps + bias, lengths.masked_fill(bias == -math.inf, 0)
        count = bias.expand_as(overlaps).logsumexp(-1, keepdim=True)
    energy = (count - overlaps.logsumexp(-1, keepdim=True)) / beta + lengths.amax(-1, True) / 2
    if alive is not None:
        energy = energy * alive
    energy = energy.squeeze(-1) + states.square().sum(-1) / 2
    return energy.squeeze(0) if state.ndim == 1 else energy


def metastable_size(weights: Float[Tensor, "... S"], mass: float = 0.9) -> Int[Tensor, " ..."]:
    """How many patterns a state is made of: the fewest weights that sum to at least ``mass``.

    `Hopfield Networks is All You Need <https://arxiv.org/abs/2008.02217>`_, Sec. 3: 1 is a single
    pattern, a few a metastable state, most of them the global mean. See
    :func:`neurarium.memory.theory.operating_class` for the classes of a head.

    Args:
        weights: softmax weights, as ``return_attention`` gives them.
        mass: in (0, 1].

    Shapes:
        - weights: (…, S)
        - output: (…), int64; 0 where all weights are 0

    Raises:
        ValueError: for ``mass`` out of range.

    Example:
        >>> metastable_size(torch.tensor([[0.95, 0.05, 0.0], [0.5, 0.5, 0.0], [0.0, 0.0, 0.0]]))
        tensor([1, 2, 0])
    """
    if not 0 < mass <= 1:
        raise ValueError(f"mass must lie in (0, 1]: got {mass}")
    require_tensor("weights", weights)
    if not weights.is_floating_point():
        raise TypeError(f"weights must be floating point: got {weights.dtype}")
    summed = weights.double().sort(-1, descending=True).values.cumsum(-1)
    rounding = weights.shape[-1] * torch.finfo(weights.dtype).eps
    size = ((summed < mass - rounding).sum(-1) + 1).clamp(max=weights.shape[-1])
    return torch.where(summed[..., -1] > 0, size, 0)
