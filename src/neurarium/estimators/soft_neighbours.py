"""Soft nearest neighbours in a learned space: the network of ModernNCA (arXiv 2407.03257).

The prediction for a row is the average of the candidates' targets under
:math:`\\mathrm{softmax}_j(-\\lVert\\phi(x) - \\phi(x_j)\\rVert_2 / T)` (eq. 4); the layers of
:math:`\\phi` are those of its section 4.2, with periodic features of numbers in front (Gorishniy et
al. 2022, arXiv 2203.05556, section 3.3, one linear map for all columns).
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn


class PeriodicEmbedding(nn.Module):
    r"""Features :math:`\mathrm{ReLU}(W [\cos 2\pi c x, \sin 2\pi c x] + b)` of every number.

    Gorishniy et al. 2022, https://arxiv.org/abs/2203.05556, with ``W`` shared by the columns.

    Args:
        num_features: columns F.
        out_features: width of each column's features.
        num_frequencies: learned frequencies c of each column.
        frequency_scale: standard deviation with which they are drawn.

    Shapes:
        (N, F) → (N, F · out_features).

    Example:
        >>> PeriodicEmbedding(3, 4, num_frequencies=5, frequency_scale=0.1)(torch.ones(2, 3)).shape
        torch.Size([2, 12])
    """

    def __init__(
        self, num_features: int, out_features: int, *, num_frequencies: int, frequency_scale: float
    ) -> None:
        super().__init__()
        self.frequency_scale = frequency_scale
        self.frequencies = nn.Parameter(torch.empty(num_features, num_frequencies))
        self.linear = nn.Linear(2 * num_frequencies, out_features)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Frequencies from a normal cut at three standard deviations; the map as in torch."""
        scale = self.frequency_scale
        nn.init.trunc_normal_(self.frequencies, 0.0, scale, -3 * scale, 3 * scale)
        self.linear.reset_parameters()

    def forward(self, x: Float[Tensor, "N F"]) -> Float[Tensor, "N E"]:
        """Embed each number and concatenate."""
        angle = 2 * math.pi * self.frequencies * x[..., None]
        return self.linear(torch.cat([angle.cos(), angle.sin()], -1)).relu().flatten(1)


class NeighbourEmbedding(nn.Module):
    """The map φ into the space where neighbours are sought.

    Ye et al. 2024, https://arxiv.org/abs/2407.03257, section 4.2: one linear map, then
    ``num_layers`` blocks Linear(Dropout(ReLU(Linear(BatchNorm(x))))) and a last BatchNorm.

    Args:
        numeric: bool (W,), which encoded columns are numbers; the others pass as they are.
        embed_dim: dimension of the space.
        num_layers: blocks after the linear map.
        hidden_features: width inside a block.
        num_frequencies: periodic features of each number; 0 leaves numbers as they are.
        frequency_scale: standard deviation of the initial frequencies.
        frequency_dim: width of each number's periodic features.
        dropout: inside the blocks.

    Shapes:
        (N, W) → (N, embed_dim).

    Example:
        >>> phi = NeighbourEmbedding(torch.tensor([True, False]), embed_dim=8)
        >>> phi(torch.zeros(5, 2)).shape
        torch.Size([5, 8])
    """

    numeric: Tensor

    def __init__(
        self,
        numeric: Bool[Tensor, " W"],
        *,
        embed_dim: int = 128,
        num_layers: int = 0,
        hidden_features: int = 512,
        num_frequencies: int = 77,
        frequency_scale: float = 0.0443,
        frequency_dim: int = 34,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.register_buffer("numeric", numeric.clone(), persistent=False)
        count, width = int(numeric.sum()), len(numeric)
        self.periodic = None
        if num_frequencies and count:
            self.periodic = PeriodicEmbedding(
                count,
                frequency_dim,
                num_frequencies=num_frequencies,
                frequency_scale=frequency_scale,
            )
            width += count * (frequency_dim - 1)
        blocks: list[nn.Module] = []
        for _ in range(num_layers):
            blocks += [
                nn.BatchNorm1d(embed_dim),
                nn.Linear(embed_dim, hidden_features),
                nn.ReLU(),
                nn.Dropout(dropout),
                nn.Linear(hidden_features, embed_dim),
            ]
        if blocks:
            blocks.append(nn.BatchNorm1d(embed_dim))
        self.layers = nn.Sequential(nn.Linear(width, embed_dim), *blocks)

    def forward(self, x: Float[Tensor, "N W"]) -> Float[Tensor, "N E"]:
        """Embed encoded rows."""
        if self.periodic is not None:
            x = torch.cat([self.periodic(x[:, self.numeric]), x[:, ~self.numeric]], 1)
        return self.layers(x)


def soft_neighbour_average(
    query: Float[Tensor, "B E"],
    candidates: Float[Tensor, "N E"],
    targets: Float[Tensor, "N C"],
    *,
    temperature: float = 1.0,
    exclude_self: bool = False,
) -> Float[Tensor, "B C"]:
    """Average of the candidates' targets, weighted by a softmax of negative distances.

    Args:
        query: embedded rows.
        candidates: embedded rows whose targets are known.
        targets: numbers, or one-hot classes.
        temperature: divisor of the distances.
        exclude_self: query i is candidate i and gets no vote.

    Example:
        >>> z = torch.tensor([[0.0], [1.0], [100.0]])
        >>> y = torch.tensor([[1.0], [2.0], [3.0]])
        >>> soft_neighbour_average(z, z, y, exclude_self=True)[0].item()
        2.0
    """
    squared = query.square().sum(1, keepdim=True) + candidates.square().sum(1)
    squared = squared - 2 * query @ candidates.T
    distance = squared.clamp(min=1e-12).sqrt()  # the root has no gradient at zero
    if exclude_self:
        own = torch.eye(*distance.shape, dtype=torch.bool, device=distance.device)
        distance = distance.masked_fill(own, math.inf)
    return (-distance / temperature).softmax(1) @ targets
