r"""Sparse relatives of the softmax, exact by sorting: probabilities that may be exactly zero.

Martins, Astudillo, "From Softmax to Sparsemax" (arXiv 1602.02068) and Peters, Niculae, Martins,
"Sparse Sequence-to-Sequence Models" (arXiv 1905.05702). With Tsallis' entropy H_α,

.. math:: \operatorname{entmax}_\alpha(z) = \arg\max_{p \in \Delta} p^\top z + H_\alpha(p), \qquad
          H_\alpha(p) = \frac{1}{\alpha(\alpha - 1)} \sum_i (p_i - p_i^\alpha)

α = 1 is the softmax (H Shannon's entropy), 2 the sparsemax p = (z − τ)₊, 1.5 is
p = (z/2 − τ)₊². Sorting finds which p are positive; τ is then a smooth function of those scores, so
that gradients of any order are autograd's own.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from neurarium.memory.arguments import require_tensor


def sparsemax(x: Float[Tensor, " ..."], dim: int = -1) -> Float[Tensor, " ..."]:
    """The point of the probability simplex that is nearest to ``x``.

    `From Softmax to Sparsemax <https://arxiv.org/abs/1602.02068>`_: p = (x − τ)₊ with Σp = 1. A
    score that leads all others by 1 takes all.

    Args:
        x: scores; half precision is worked out in float32.
        dim: the axis that sums to 1.

    Shapes:
        - x: any; output: the same

    Raises:
        TypeError: for what is no floating-point tensor.
        ValueError: if the axis is empty.

    Example:
        >>> sparsemax(torch.tensor([1.0, 0.8, 0.0]))
        tensor([0.6000, 0.4000, 0.0000])
    """
    scores = _shifted(x, dim)
    with torch.no_grad():
        ordered = scores.sort(-1, descending=True).values
        count = torch.arange(1, scores.shape[-1] + 1, device=x.device)
        size = (1 + count * ordered > ordered.cumsum(-1)).sum(-1, keepdim=True)
        support = scores >= ordered.gather(-1, size.clamp_min(1) - 1)
    tau = (torch.where(support, scores, 0.0).sum(-1, keepdim=True) - 1) / support.sum(-1, True)
    return (scores - tau).relu().movedim(-1, dim).to(x.dtype)


def entmax15(x: Float[Tensor, " ..."], dim: int = -1) -> Float[Tensor, " ..."]:
    """Between softmax and sparsemax: the 1.5-entmax, sparse and smooth where it leaves zero.

    `Sparse Sequence-to-Sequence Models <https://arxiv.org/abs/1905.05702>`_: p = (x/2 − τ)₊² with
    Σp = 1. A score that leads all others by 2 takes all.

    Args:
        x: scores; half precision is worked out in float32.
        dim: the axis that sums to 1.

    Shapes:
        - x: any; output: the same

    Raises:
        TypeError: for what is no floating-point tensor.
        ValueError: if the axis is empty.

    Example:
        >>> entmax15(torch.tensor([2.0, 1.0, -1.0]))
        tensor([0.8307, 0.1693, 0.0000])
    """
    scores = _shifted(x, dim, scale=0.5)
    with torch.no_grad():
        ordered = scores.sort(-1, descending=True).values
        count = torch.arange(1, scores.shape[-1] + 1, device=x.device).to(scores)
        mean = ordered.cumsum(-1) / count
        spread = ordered.square().cumsum(-1) / count - mean.square()
        tau = mean - (1 / count - spread).clamp_min(0).sqrt()
        size = (tau < ordered).sum(-1, keepdim=True)
        support = scores >= ordered.gather(-1, size.clamp_min(1) - 1)
        support &= scores > -1  # rounding gives no share to what is beaten by the full margin
        count = support.sum(-1, keepdim=True).to(scores)
    mean = torch.where(support, scores, 0.0).sum(-1, keepdim=True) / count
    spread = torch.where(support, scores - mean, 0.0).square().sum(-1, keepdim=True) / count
    tau = mean - (1 / count - spread).sqrt()  # the support leaves at least τ = mean − 1/count
    return (scores - tau).relu().square().movedim(-1, dim).to(x.dtype)


def _shifted(x: Tensor, dim: int, scale: float = 1.0) -> Tensor:
    """Scores with their maximum at 0 on the last axis; what lies 1 below can have no share."""
    require_tensor("x", x)
    if not x.is_floating_point():
        raise TypeError(f"x must be floating point: got {x.dtype}; convert with .float()")
    x = x.movedim(dim, -1)
    if not x.shape[-1]:
        raise ValueError(f"x must have at least 1 score along dim {dim}: got {list(x.shape)}")
    x = scale * (x if x.dtype == torch.float64 else x.float())
    return (x - x.detach().amax(-1, keepdim=True)).clamp_min(-1.0)
