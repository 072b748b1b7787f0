"""InfoNCE and InfoLOOB: two ways to contrast pairs with the rest of their batch.

With k_ij = a_iᵀb_j / τ for anchors a and partners b, per anchor i

- InfoNCE: −k_ii + log Σ_j exp k_ij, which saturates: its gradient vanishes as the pair aligns;
- InfoLOOB, "leave one out bound": −k_ii + log Σ_{j≠i} exp k_ij, whose gradient with respect to k_ii
  is −1 whatever it is. Per anchor, InfoNCE = log(1 + exp(InfoLOOB)).

Fürst et al., "CLOOB: Modern Hopfield Networks with InfoLOOB Outperform CLIP" (arXiv 2110.11316).
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from neurarium.memory.contrastive_checks import (
    check_negatives,
    check_pairs,
    check_same,
    checked_temperature,
)

TARGETS = ("identity", "soft")
REDUCTIONS = ("mean", "sum", "none")
LARGEST_FORMED = 2048
"""Pairs up to which InfoLOOB keeps all its logits, 4 N² bytes."""


def info_loob(
    anchors: Float[Tensor, "N d"],
    partners: Float[Tensor, "N d"],
    *,
    temperature: float | Tensor,
    scale_by_temperature: bool = True,
    same: Bool[Tensor, "N N"] | None = None,
    reduction: str = "mean",
) -> Float[Tensor, " *N"]:
    r"""InfoLOOB of anchors against partners: the positive pair is left out of the denominator.

    `CLOOB <https://arxiv.org/abs/2110.11316>`_:

    .. math:: L = \frac{\tau}{N} \sum_i \Big( -\frac{a_i^\top b_i}{\tau}
              + \log \sum_{j \ne i} \exp \frac{a_i^\top b_j}{\tau} \Big)

    It does not saturate, and it may be negative. It compares anchors with the partners of others;
    the other direction is another call. More than 2048 pairs are taken in chunks, whose logits the
    backward pass computes again: memory then grows with N, not with N².

    Args:
        anchors: one row each, of unit length in the paper; nothing is normalised here.
        partners: row i belongs to anchor i; all others are its negatives.
        temperature: τ, a number or a tensor that may require a gradient.
        scale_by_temperature: the factor τ in front, as in the authors' code: the scale of the
            gradient does not depend on τ. False: the loss as the paper displays it.
        same: True where two pairs show the same thing, e.g. have equal captions; these are no
            negatives of each other. An anchor without any negative counts as 0.
        reduction: ``"mean"``, ``"sum"``, or ``"none"`` for one number an anchor.

    Shapes:
        - anchors, partners: (N, d), N ≥ 2; same: (N, N)
        - output: () or (N,)

    Raises:
        TypeError: for integers and for dtypes that differ.
        ValueError: for shapes that do not fit, a single pair, and a temperature that is not
            positive.

    Example:
        >>> x = torch.eye(3)
        >>> info_loob(x, x, temperature=1.0)  # log 2 - 1
        tensor(-0.3069)
    """
    num_pairs = _checked(anchors, partners, ("anchors", "partners"), same, reduction)
    temperature = checked_temperature(temperature)
    with torch.autocast(anchors.device.type, enabled=False):
        if num_pairs > LARGEST_FORMED:
            losses = _in_chunks(anchors, partners, temperature, same)
        else:
            losses = _left_out(anchors, partners, temperature, same)
        if scale_by_temperature:
            losses = losses * temperature
        return _reduced(losses, reduction, anchors)


def info_nce(
    x: Float[Tensor, "N d"],
    y: Float[Tensor, "N d"],
    *,
    temperature: float | Tensor,
    targets: str = "identity",
    symmetric: bool = True,
    same: Bool[Tensor, "N N"] | None = None,
    reduction: str = "mean",
) -> Float[Tensor, " *N"]:
    r"""InfoNCE, the loss of CLIP: cross-entropy of finding the partner in the batch.

    `CLIP <https://arxiv.org/abs/2103.00020>`_: with logits :math:`k = x y^\top / \tau`, the mean of

    .. math:: -\frac1N \sum_i \log \frac{\exp k_{ii}}{\sum_j \exp k_{ij}} \quad\text{and}\quad
              -\frac1N \sum_i \log \frac{\exp k_{ii}}{\sum_j \exp k_{ji}}

    Args:
        x: one row each, of unit length in the paper; nothing is normalised here.
        y: row i belongs to row i of ``x``.
        temperature: τ, a number or a tensor that may require a gradient.
        targets: ``"identity"``: the partner alone; ``"soft"``: the distribution
            softmax(τ (x xᵀ + y yᵀ) / 2), in which similar pairs share the weight.
        symmetric: False: only x looks for y, the first term.
        same: True where two pairs show the same thing and are no negatives of each other.
        reduction: ``"mean"``, ``"sum"``, or ``"none"`` for one number a pair.

    Shapes:
        - x, y: (N, d), N ≥ 2; same: (N, N)
        - output: () or (N,)

    Raises:
        TypeError: for integers and for dtypes that differ.
        ValueError: for shapes that do not fit, a single pair, a temperature that is not positive,
            other ``targets``, and ``same`` together with soft ones.

    Example:
        >>> x = torch.eye(3)
        >>> info_nce(x, x, temperature=1.0)  # log(1 + 2 / e)
        tensor(0.5514)
    """
    if targets not in TARGETS:
        raise ValueError(f"targets must be one of {', '.join(TARGETS)}: got {targets!r}")
    if same is not None and targets == "soft":
        raise ValueError("same must be None with soft targets, which share the weight: got a mask")
    num_pairs = _checked(x, y, ("x", "y"), same, reduction)
    temperature = checked_temperature(temperature)
    with torch.autocast(x.device.type, enabled=False):
        logits = _logits(x, y, temperature)
        if same is not None:
            diagonal = torch.eye(num_pairs, dtype=torch.bool, device=same.device)
            logits = logits.masked_fill(same & ~diagonal, -torch.inf)
        wanted: Tensor = torch.arange(num_pairs, device=x.device)
        if targets == "soft":
            likeness = (_logits(x, x, 1.0) + _logits(y, y, 1.0)) / 2
            wanted = (likeness * temperature).softmax(1)
        losses = F.cross_entropy(logits, wanted, reduction="none")
        if symmetric:
            losses = (losses + F.cross_entropy(logits.T, wanted, reduction="none")) / 2
        return _reduced(losses, reduction, x)


def _in_chunks(
    anchors: Tensor, partners: Tensor, temperature: float | Tensor, same: Tensor | None
) -> Tensor:
    """What ``_left_out`` gives, from as many logits at a time as are kept of a small batch."""
    size = max(1, LARGEST_FORMED**2 // len(anchors))
    options: dict[str, Any] = {"use_reentrant": False, "preserve_rng_state": False}
    losses = []
    for first in range(0, len(anchors), size):
        rows = slice(first, first + size)
        of_rows = None if same is None else same[rows]
        chunk = (anchors[rows], partners, temperature, of_rows, first)
        losses.append(checkpoint(_left_out, *chunk, **options))
    return torch.cat(losses)


def _left_out(
    anchors: Tensor,
    partners: Tensor,
    temperature: float | Tensor,
    same: Tensor | None,
    first: int = 0,
) -> Tensor:
    """InfoLOOB of each anchor without the factor τ; the first one's partner is in row ``first``."""
    logits = _logits(anchors, partners, temperature)
    own = logits.diagonal(first)
    if same is None:
        negatives = torch.diagonal_scatter(logits, torch.full_like(own, -torch.inf), first)
        return negatives.logsumexp(1) - own
    hidden = torch.diagonal_scatter(same, torch.ones_like(own, dtype=torch.bool), first)
    alive = ~hidden.all(1)
    negatives = logits.masked_fill(hidden & alive[:, None], -torch.inf)
    return (negatives.logsumexp(1) - own) * alive


def _checked(
    x: Tensor,
    y: Tensor,
    names: tuple[str, str],
    same: Tensor | None,
    reduction: str,
) -> int:
    check_pairs(x, y, names)
    check_negatives(len(x))
    if same is not None:
        check_same(same, len(x))
    if reduction not in REDUCTIONS:
        raise ValueError(f"reduction must be one of {', '.join(REDUCTIONS)}: got {reduction!r}")
    return len(x)


def _logits(x: Tensor, y: Tensor, temperature: float | Tensor) -> Tensor:
    """x yᵀ / τ, for half precision in float32: exp(30 cos) magnifies what is rounded."""
    kind = torch.promote_types(x.dtype, torch.float32)
    # The smaller factor is divided: N d numbers instead of N².
    return (x.to(kind) / temperature) @ y.to(kind).T


def _reduced(losses: Tensor, reduction: str, like: Tensor) -> Tensor:
    """Reduced, in the dtype of the inputs; under autocast in float32, as torch's own losses."""
    if reduction != "none":
        losses = losses.mean() if reduction == "mean" else losses.sum()
    mixed = torch.is_autocast_enabled(like.device.type)
    return losses if mixed else losses.to(like.dtype)
