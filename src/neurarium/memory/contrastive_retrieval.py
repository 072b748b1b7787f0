"""The two associative memories of a batch of pairs, and what both kinds retrieve from them.

Fürst et al., "CLOOB: Modern Hopfield Networks with InfoLOOB Outperform CLIP" (arXiv 2110.11316).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from neurarium.memory.contrastive_checks import check_pairs, checked_pair_beta
from neurarium.memory.retrieval import hopfield_retrieve

LARGEST_FORMED = 2048
"""Pairs up to which four association matrices of 4 N² bytes each are cheap to keep."""


class PairRetrieval(NamedTuple):
    """What rows of x and y retrieve: ``u_x``, ``u_y`` from those of x, ``v_x``, ``v_y`` from y."""

    u_x: Tensor
    u_y: Tensor
    v_x: Tensor
    v_y: Tensor


def retrieve_pairs(
    x: Float[Tensor, "N d"], y: Float[Tensor, "N d"], *, beta: float | Tensor = 8.0
) -> PairRetrieval:
    r"""Look both kinds of embeddings up in the memory of either kind.

    `CLOOB <https://arxiv.org/abs/2110.11316>`_: with rows of unit length and
    :math:`\mathrm{norm}` of each row,

    .. math:: U_x = \mathrm{norm}(\mathrm{softmax}(\beta X X^\top) X), \quad
              U_y = \mathrm{norm}(\mathrm{softmax}(\beta Y X^\top) X), \\
              V_x = \mathrm{norm}(\mathrm{softmax}(\beta X Y^\top) Y), \quad
              V_y = \mathrm{norm}(\mathrm{softmax}(\beta Y Y^\top) Y).

    A memory is the whole batch, the sample itself included. What several embeddings share is
    amplified. Gradients flow through states and memories. Up to 2048 pairs X Yᵀ is computed once
    for both memories; for more, no association matrix is ever formed.

    Args:
        x: embeddings of one kind, e.g. of images; of unit length, nothing is normalised before.
        y: those of the other kind, e.g. of texts.
        beta: inverse temperature; 0 retrieves the mean, a large one the nearest. A tensor of one
            element may require a gradient.

    Shapes:
        - x, y: (N, d)
        - output: four times (N, d)

    Raises:
        TypeError: for integers, for dtypes that differ and for a beta that is no number.
        ValueError: for shapes that do not fit and for beta < 0.

    Example:
        >>> x = torch.eye(4)
        >>> retrieve_pairs(x, x.flip(0), beta=1000.0).u_y
        tensor([[0., 0., 0., 1.],
                [0., 0., 1., 0.],
                [0., 1., 0., 0.],
                [1., 0., 0., 0.]])
    """
    check_pairs(x, y)
    beta = checked_pair_beta(beta)
    retrieved: tuple[Tensor, ...]
    if len(x) > LARGEST_FORMED:
        states = torch.cat([x, y])
        one = beta[None] if isinstance(beta, Tensor) else beta
        u, v = (hopfield_retrieve(states, memory, beta=one) for memory in (x, y))
        retrieved = (u[: len(x)], u[len(x) :], v[: len(x)], v[len(x) :])
    else:
        retrieved = _formed(x, y, beta)
    return PairRetrieval(*(F.normalize(rows, dim=-1) for rows in retrieved))


def _formed(x: Tensor, y: Tensor, beta: float | Tensor) -> tuple[Tensor, ...]:
    """The four retrievals by their association matrices, two of which share a product."""
    kind = torch.promote_types(x.dtype, torch.float32)  # half precision rounds after all sums
    rows_x, rows_y = x.to(kind), y.to(kind)
    scaled = beta * rows_x
    across = scaled @ rows_y.T
    retrieved = (
        (scaled @ rows_x.T).softmax(1) @ rows_x,
        across.T.softmax(1) @ rows_x,
        across.softmax(1) @ rows_y,
        ((beta * rows_y) @ rows_y.T).softmax(1) @ rows_y,
    )
    return tuple(rows.to(x.dtype) for rows in retrieved)
