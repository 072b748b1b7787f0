"""A block of Txt2Img-MHN (arXiv 2208.04441): prototypes first, then association, both scaled.

    x ← x + s₁ Proto(LN(x)),  x ← x + s₂ Assoc(LN(x))

with learned vectors s (LayerScale, arXiv 2103.17239) that start small.
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from neurarium.memory.arguments import require_count
from neurarium.memory.txt2img_association import HopfieldSelfAssociation
from neurarium.memory.txt2img_checks import check_stream, require_same_kind
from neurarium.memory.txt2img_prototypes import PrototypeLayer


def initial_scale(depth: int) -> float:
    """Of the residual branches of the block at this depth, counted from 1.

    Example:
        >>> [initial_scale(depth) for depth in (1, 18, 19, 24, 25)]
        [0.1, 0.1, 1e-05, 1e-05, 1e-06]
    """
    return 0.1 if depth <= 18 else 1e-5 if depth <= 24 else 1e-6


class ScaledBranch(nn.Module):
    """x + s · layer(LN(x)).

    Args:
        embed_dim: E.
        layer: (B, L, E) → (B, L, E).
        scale: what every entry of s begins with.
    """

    def __init__(self, embed_dim: int, layer: nn.Module, scale: float, **factory: Any) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(embed_dim, **factory)
        self.layer, self.initial = layer, scale
        self.scale = nn.Parameter(torch.empty(embed_dim, **factory))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """A scale that starts small; the rest as its layer does."""
        self.norm.reset_parameters()
        nn.init.constant_(self.scale, self.initial)
        for module in self.layer.modules():
            reset = getattr(module, "reset_parameters", None)
            if callable(reset):
                reset()

    def forward(self, x: Float[Tensor, "B L E"]) -> Float[Tensor, "B L E"]:
        """A whole sequence."""
        check_stream(x, len(self.scale))
        require_same_kind(x, self.scale)
        return x + self.scale * self.layer(self.norm(x))

    def remember(self, x: Tensor, memory: Tensor, start: int) -> Tensor:
        """New elements of a sequence, where the layer has a memory."""
        layer: Any = self.layer
        return x + self.scale * layer.remember(self.norm(x), memory, start)


class PrototypeBlock(nn.Module):
    r"""Lookup of prototypes, then causal self-association, each in a scaled residual branch.

    `Txt2Img-MHN <https://arxiv.org/abs/2208.04441>`_:

    .. math:: x \leftarrow x + s_1\, \mathrm{Proto}(\mathrm{LN}(x)), \quad
              x \leftarrow x + s_2\, \mathrm{Assoc}(\mathrm{LN}(x))

    Args:
        embed_dim: E.
        num_heads: of the association.
        head_dim: width of a head.
        num_prototypes: of the lookup.
        depth: place among the blocks, from 1; deep ones start with smaller scales.
        dropout: of both branches.

    Shapes:
        - x: (B, L, E); output: as x

    Raises:
        TypeError: for sizes that are no whole numbers.
        ValueError: for sizes below 1, dropout outside [0, 1) and shapes that do not fit.

    Example:
        >>> PrototypeBlock(8, 2, head_dim=4, num_prototypes=50)(torch.randn(2, 5, 8)).shape
        torch.Size([2, 5, 8])
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int = 8,
        *,
        head_dim: int = 48,
        num_prototypes: int = 1000,
        depth: int = 1,
        dropout: float = 0.1,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        require_count("depth", depth)
        factory: dict[str, Any] = {"device": device, "dtype": dtype}
        prototypes = PrototypeLayer(embed_dim, num_prototypes, dropout=dropout, **factory)
        association = HopfieldSelfAssociation(
            embed_dim, num_heads, head_dim=head_dim, dropout=dropout, **factory
        )
        scale = initial_scale(depth)
        self.prototypes = ScaledBranch(embed_dim, prototypes, scale, **factory)
        self.association = ScaledBranch(embed_dim, association, scale, **factory)

    def reset_parameters(self) -> None:
        """As its branches."""
        self.prototypes.reset_parameters()
        self.association.reset_parameters()

    def forward(self, x: Float[Tensor, "B L E"]) -> Float[Tensor, "B L E"]:
        """A whole sequence."""
        return self.association(self.prototypes(x))

    def init_memory(self, batch_size: int, length: int) -> Tensor:
        """Room for what the association stores."""
        layer: Any = self.association.layer
        return layer.init_memory(batch_size, length)

    def remember(self, x: Tensor, memory: Tensor, start: int) -> Tensor:
        """New elements of a sequence; the memory is extended in place."""
        return self.association.remember(self.prototypes(x), memory, start)
