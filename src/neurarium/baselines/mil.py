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


def lenet_embedding(
    out_features: int = 500,
    *,
    device: torch.device | str | None = None,
    dtype: torch.dtype | None = None,
) -> nn.Sequential:
    """LeNet's two convolutions and one dense layer for images of 28 × 28: (n, 1, 28, 28) → (n, E).

    The embedding of `Attention-based Deep Multiple Instance Learning
    <https://arxiv.org/abs/1802.04712>`_ for MNIST bags.

    Example:
        >>> lenet_embedding()(torch.randn(2, 1, 28, 28)).shape
        torch.Size([2, 500])
    """
    factory: dict[str, Any] = {"device": device, "dtype": dtype}
    return nn.Sequential(
        nn.Conv2d(1, 20, 5, **factory),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(20, 50, 5, **factory),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(50 * 4 * 4, out_features, **factory),
        nn.ReLU(),
    )


class BagClassifier(nn.Module):
    """Embeds the instances of a bag, pools them, and reads one logit from the result.

    Only real instances are embedded: padding costs nothing but its place in the pooling.

    Args:
        embedding: instances (n, …) → (n, E).
        pooling: called as ``pooling(bags (B, S, E), mask=mask)`` → (B, D); any of this file, or
            :class:`neurarium.memory.HopfieldPooling`.
        head: (B, D) → (B, 1).

    Shapes:
        - bags: (B, S, …), each instance of the shape that ``embedding`` takes; mask: (B, S)
        - output: (B,)

    Raises:
        ValueError: if the mask does not fit the bags.

    Example:
        >>> network = BagClassifier(nn.Linear(5, 8), MeanPooling(), nn.Linear(8, 1))
        >>> network(torch.randn(3, 4, 5), torch.ones(3, 4, dtype=torch.bool)).shape
        torch.Size([3])
    """

    def __init__(self, embedding: nn.Module, pooling: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.embedding, self.pooling, self.head = embedding, pooling, head

    def forward(
        self, bags: Float[Tensor, "B S *instance"], mask: Bool[Tensor, "B S"]
    ) -> Float[Tensor, " B"]:
        """One logit a bag; ``mask`` is True for real instances."""
        if mask.dtype != torch.bool or mask.shape != bags.shape[:2]:
            raise ValueError(
                f"mask must be bool with shape {list(bags.shape[:2])}, True for real instances: "
                f"got {mask.dtype} {list(mask.shape)}"
            )
        embedded = self.embedding(bags[mask])
        lengths = mask.sum(1)
        present = torch.arange(int(lengths.max()), device=mask.device) < lengths[:, None]
        padded = embedded.new_zeros(*present.shape, embedded.shape[-1])
        padded[present] = embedded
        return self.head(self.pooling(padded, mask=present)).squeeze(-1)
