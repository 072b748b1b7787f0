"""How embeddings fill their space: in how many directions, how evenly over the sphere.

The diagnostics of Fürst et al., "CLOOB: Modern Hopfield Networks with InfoLOOB Outperform CLIP"
(arXiv 2110.11316).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

_ROWS = 1024  # of angles held at a time


def effective_eigenvalues(x: Float[Tensor, "N d"], mass: float = 0.99) -> int:
    r"""How many of the largest eigenvalues of the covariance make up this share of its trace.

    `CLOOB <https://arxiv.org/abs/2110.11316>`_. 1 if all rows lie on a line, d if they spread
    evenly, 0 if they are all equal.

    Args:
        x: embeddings, one a row.
        mass: the share, in (0, 1].

    Raises:
        ValueError: for fewer than 2 rows, values that are not finite and a share out of range.

    Example:
        >>> import torch
        >>> effective_eigenvalues(torch.cat([torch.eye(4), -torch.eye(4)]))
        4
        >>> effective_eigenvalues(torch.arange(5.0)[:, None] * torch.ones(3))
        1
    """
    import torch

    if not 0 < mass <= 1:
        raise ValueError(f"mass must lie in (0, 1]: got {mass}")
    centred = _rows(x) - _rows(x).mean(0)
    spectrum = torch.linalg.svdvals(centred).square()
    summed = spectrum.cumsum(0)
    if summed[-1] <= 0:
        return 0
    rounding = 1e-12 * summed[-1]
    return int((summed < mass * summed[-1] - rounding).sum()) + 1


def ajne_statistic(x: Float[Tensor, "N d"]) -> float:
    r"""Ajne's statistic of uniformity on the sphere: the lower, the more evenly the rows spread.

    .. math:: A = \frac N4 - \frac1{\pi N} \sum_{i<j} \arccos a_i^\top a_j

    N/4 if all directions are equal, 1/4 on average for N independent uniform ones, 0 for pairs of
    opposite ones. (Ajne, "A simple test for uniformity of a circular distribution", 1968.)

    Args:
        x: embeddings; only the direction of a row counts.

    Raises:
        ValueError: for fewer than 2 rows, values that are not finite, and a row of zeros.

    Example:
        >>> import torch
        >>> ajne_statistic(torch.ones(8, 3)), ajne_statistic(torch.tensor([[1.0, 0], [-1, 0]]))
        (2.0, 0.0)
    """

    rows = _rows(x)
    lengths = rows.norm(dim=1, keepdim=True)
    if (lengths == 0).any():
        raise ValueError("x must have rows that are not all zeros: got one without a direction")
    rows = rows / lengths
    total = 0.0
    for start in range(0, len(rows), _ROWS):
        angles = (rows[start : start + _ROWS] @ rows.T).clamp(-1, 1).acos()
        # An angle with itself is 0 but for rounding, which acos magnifies.
        total += float(angles.triu(start + 1).sum())
    return len(rows) / 4 - total / (math.pi * len(rows))


def _rows(x: Tensor) -> Tensor:
    if x.ndim != 2 or len(x) < 2:
        raise ValueError(f"x must have shape (rows >= 2, features): got {list(x.shape)}")
    x = x.detach().double()
    if not x.isfinite().all():
        raise ValueError("x must be finite: got NaN or infinity")
    return x
