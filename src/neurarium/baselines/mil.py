"""Multiple-instance learning: bags of instances, one label a bag.

Ilse, Tomczak, Welling, "Attention-based Deep Multiple Instance Learning", 2018 (arXiv 1802.04712),
and the plain poolings that it is compared with. A bag is a padded row (B, S, F) with a mask (B, S),
True for real instances.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn


class AttentionMIL(nn.Module):
    r"""Attention pooling of a bag: a learned weighted mean of its instances.

    `Attention-based Deep Multiple Instance Learning <https://arxiv.org/abs/1802.04712>`_, Eq. 7–9:

    .. math:: z = \sum_k a_k h_k, \quad a_k \propto \exp w^\top (\tanh(V h_k)
              [\odot\, \mathrm{sigm}(U h_k)])

    Args:
        in_features: F, width of an instance.
        hidden_features: width of the attention network.
        gated: with the factor sigm(U h).

    Shapes:
        - bags: (B, S, F); mask: (B, S)
        - output: (B, F); zeros for a bag without instances

    Raises:
        ValueError: for sizes below 1.

    Example:
        >>> pooling = AttentionMIL(16, gated=True)
        >>> bags, mask = torch.randn(3, 7, 16), torch.arange(7) < torch.tensor([[7], [4], [1]])
        >>> torch.equal(pooling(bags, mask=mask)[2], bags[2, 0])
        True
    """

    def __init__(
        self,
        in_features: int,
        *,
        hidden_features: int = 128,
        gated: bool = True,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        for name, size in (("in_features", in_features), ("hidden_features", hidden_features)):
            if size < 1:
                raise ValueError(f"{name} must be at least 1: got {size}")
        factory: dict[str, Any] = {"device": device, "dtype": dtype}
        self.content = nn.Linear(in_features, hidden_features, **factory)
        self.gate = nn.Linear(in_features, hidden_features, **factory) if gated else None
        self.score = nn.Linear(hidden_features, 1, **factory)

    def forward(
        self,
        bags: Float[Tensor, "B S F"],
        *,
        mask: Bool[Tensor, "B S"] | None = None,
        return_attention: bool = False,
    ) -> Tensor | tuple[Tensor, Tensor]:
        """Pool; with ``return_attention`` also the weights (B, S)."""
        hidden = self.content(bags).tanh()
        if self.gate is not None:
            hidden = hidden * self.gate(bags).sigmoid()
        scores = self.score(hidden).squeeze(-1)
        if mask is None:
            weights = scores.softmax(-1)
        else:
            lowest = torch.finfo(scores.dtype).min
            weights = scores.masked_fill(~mask, lowest).softmax(-1) * mask
        pooled = (weights.unsqueeze(-2) @ bags).squeeze(-2)
        return (pooled, weights) if return_attention else pooled


class MeanPooling(nn.Module):
    """The mean of a bag's instances; zeros for a bag without any.

    Example:
        >>> bags = torch.tensor([[[1.0], [3.0], [9.0]]])
        >>> MeanPooling()(bags, mask=torch.tensor([[True, True, False]]))
        tensor([[2.]])
    """

    def forward(
        self, bags: Float[Tensor, "B S F"], *, mask: Bool[Tensor, "B S"] | None = None
    ) -> Float[Tensor, "B F"]:
        """Pool."""
        if mask is None:
            return bags.mean(-2)
        present = mask.unsqueeze(-1).to(bags)
        return (bags * present).sum(-2) / present.sum(-2).clamp(min=1)


class MaxPooling(nn.Module):
    """The largest value of each feature in a bag; zeros for a bag without instances.

    Example:
        >>> bags = torch.tensor([[[1.0], [3.0], [9.0]]])
        >>> MaxPooling()(bags, mask=torch.tensor([[True, True, False]]))
        tensor([[3.]])
    """

    def forward(
        self, bags: Float[Tensor, "B S F"], *, mask: Bool[Tensor, "B S"] | None = None
    ) -> Float[Tensor, "B F"]:
        """Pool."""
        if mask is None:
            return bags.amax(-2)
        largest = bags.masked_fill(~mask.unsqueeze(-1), -math.inf).amax(-2)
        return largest.masked_fill(~mask.any(-1, keepdim=True), 0.0)
