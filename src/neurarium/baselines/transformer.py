"""Plain self-attention and a pre-norm transformer block whose two halves can be exchanged.

Attention Is All You Need (https://arxiv.org/abs/1706.03762), in the arrangement of ViT
(https://arxiv.org/abs/2010.11929).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

Factory = Callable[..., nn.Module]


class Attention(nn.Module):
    r"""Softmax self-attention with several heads.

    `Attention Is All You Need <https://arxiv.org/abs/1706.03762>`_:
    :math:`\mathrm{softmax}(Q K^\top / \sqrt{d_h}) V` for each head, then a linear map.

    Args:
        embed_dim: E.
        num_heads: H, must divide E.
        attn_dropout: of the attention maps.
        dropout: of the output.
        bias: of the map to queries, keys and values.

    Shapes:
        - x: (B, L, E); output: the same

    Raises:
        ValueError: where heads do not divide the width, and for sizes below 1.

    Example:
        >>> Attention(8, 2)(torch.randn(3, 5, 8)).shape
        torch.Size([3, 5, 8])
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        *,
        attn_dropout: float = 0.0,
        dropout: float = 0.0,
        bias: bool = True,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        if min(embed_dim, num_heads) < 1 or embed_dim % num_heads:
            raise ValueError(f"num_heads must divide embed_dim: got {num_heads} and {embed_dim}")
        factory: dict[str, Any] = {"device": device, "dtype": dtype}
        self.num_heads, self.attn_dropout, self.dropout = num_heads, attn_dropout, dropout
        self.qkv = nn.Linear(embed_dim, 3 * embed_dim, bias=bias, **factory)
        self.out = nn.Linear(embed_dim, embed_dim, **factory)

    def forward(self, x: Float[Tensor, "B L E"]) -> Float[Tensor, "B L E"]:
        """Every token reads from all."""
        q, k, v = (
            part.unflatten(-1, (self.num_heads, -1)).transpose(1, 2)
            for part in self.qkv(x).chunk(3, -1)
        )
        rate = self.attn_dropout if self.training else 0.0
        read = F.scaled_dot_product_attention(q, k, v, dropout_p=rate)
        return F.dropout(self.out(read.transpose(1, 2).flatten(2)), self.dropout, self.training)


class FeedForward(nn.Sequential):
    """The two-layer perceptron of a transformer.

    `Attention Is All You Need <https://arxiv.org/abs/1706.03762>`_, with GELU as in ViT.

    Args:
        embed_dim: E.
        hidden_features: width between.
        dropout: after the activation and of the output.

    Shapes:
        - x: (…, E); output: the same

    Raises:
        ValueError: for sizes below 1.

    Example:
        >>> FeedForward(8, 32)(torch.randn(3, 5, 8)).shape
        torch.Size([3, 5, 8])
    """

    def __init__(
        self,
        embed_dim: int,
        hidden_features: int,
        *,
        dropout: float = 0.0,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        if min(embed_dim, hidden_features) < 1:
            raise ValueError(
                f"embed_dim, hidden_features must be >= 1: got {embed_dim}, {hidden_features}"
            )
        factory: dict[str, Any] = {"device": device, "dtype": dtype}
        super().__init__(
            nn.Linear(embed_dim, hidden_features, **factory),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(hidden_features, embed_dim, **factory),
            nn.Dropout(dropout),
        )


class TransformerBlock(nn.Module):
    """Attention and a feed-forward network, each with a norm and a residual connection.

    `ViT <https://arxiv.org/abs/2010.11929>`_. Both halves can be made by a factory, and whole
    branches can be dropped at random (stochastic depth, https://arxiv.org/abs/1603.09382).

    Args:
        embed_dim: E.
        num_heads: H, must divide E.
        mlp_ratio: hidden width of the feed-forward network over E.
        attention: ``attention(embed_dim, num_heads, **factory)``; by default :class:`Attention`.
        mlp: ``mlp(embed_dim, hidden_features, **factory)``; by default :class:`FeedForward`.
        norm_first: norms before the halves instead of after.
        drop_path: probability with which a sample skips a branch in training.

    Shapes:
        - x: (B, L, E); output: the same

    Raises:
        ValueError: for sizes that do not fit and a probability outside [0, 1).

    Example:
        >>> TransformerBlock(8, 2)(torch.randn(3, 5, 8)).shape
        torch.Size([3, 5, 8])
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        *,
        mlp_ratio: float = 4.0,
        attention: Factory | None = None,
        mlp: Factory | None = None,
        norm_first: bool = True,
        drop_path: float = 0.0,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        if not 0 <= drop_path < 1:
            raise ValueError(f"drop_path must be in [0, 1): got {drop_path}")
        factory: dict[str, Any] = {"device": device, "dtype": dtype}
        self.norm_first, self.drop_path = norm_first, drop_path
        self.norm_attention = nn.LayerNorm(embed_dim, **factory)
        self.attention = (attention or Attention)(embed_dim, num_heads, **factory)
        self.norm_mlp = nn.LayerNorm(embed_dim, **factory)
        self.mlp = (mlp or FeedForward)(embed_dim, round(mlp_ratio * embed_dim), **factory)

    def forward(self, x: Float[Tensor, "B L E"]) -> Float[Tensor, "B L E"]:
        """Both halves."""
        halves = ((self.norm_attention, self.attention), (self.norm_mlp, self.mlp))
        for norm, half in halves:
            if self.norm_first:
                x = x + self._thinned(half(norm(x)))
            else:
                x = norm(x + self._thinned(half(x)))
        return x

    def _thinned(self, branch: Tensor) -> Tensor:
        if not self.training or self.drop_path == 0:
            return branch
        kept = torch.rand(len(branch), 1, 1, device=branch.device) >= self.drop_path
        return branch * kept.to(branch.dtype) / (1 - self.drop_path)
