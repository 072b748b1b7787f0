r"""Lookups of learned prototypes: what Txt2Img-MHN has in place of a feed-forward network.

Txt2Img-MHN, https://arxiv.org/abs/2208.04441, Sec. III: one Hopfield update of learned stored
patterns W_l with separate contents W_c,

    Proto(x) = softmax(β x W_lᵀ) W_c,  β = embed_dim^(−1/2).

It is ``HopfieldLayer(embed_dim, num_prototypes, learn_values=True, beta=β)`` without projections
and norms: ``lookup`` are its stored patterns, ``content`` its values. Stacked over blocks, coarse
prototypes are refined by the next block's; the last ones hold logits of tokens.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from neurarium.memory.arguments import require_count
from neurarium.memory.txt2img_checks import check_share, check_stream, require_same_kind


class PrototypeLayer(nn.Module):
    r"""A feed-forward network's replacement: the softmax over learned prototypes mixes contents.

    `Txt2Img-MHN <https://arxiv.org/abs/2208.04441>`_:
    :math:`\mathrm{softmax}(\beta\, x W_l^\top)\, W_c`, then dropout.

    Args:
        embed_dim: E.
        num_prototypes: P.
        out_features: width of the contents; by default E.
        beta: inverse temperature; by default :math:`E^{-1/2}`.
        dropout: of the output.

    Shapes:
        - x: (B, L, E); output: (B, L, out_features), and with ``return_attention`` (B, L, P)

    Raises:
        TypeError: for sizes that are no whole numbers and inputs of another kind.
        ValueError: for sizes below 1, β that is infinite or not positive, dropout outside [0, 1)
            and shapes that do not fit.

    Example:
        >>> layer = PrototypeLayer(8, 50)
        >>> out, weights = layer(torch.randn(2, 5, 8), return_attention=True)
        >>> out.shape, weights.shape
        (torch.Size([2, 5, 8]), torch.Size([2, 5, 50]))
    """

    def __init__(
        self,
        embed_dim: int,
        num_prototypes: int = 1000,
        *,
        out_features: int | None = None,
        beta: float | None = None,
        dropout: float = 0.1,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        width = embed_dim if out_features is None else out_features
        sizes = {"embed_dim": embed_dim, "num_prototypes": num_prototypes, "out_features": width}
        for name, size in sizes.items():
            require_count(name, size)
        if beta is not None and not 0 < beta < math.inf:
            raise ValueError(f"beta must be positive and finite: got {beta}")
        check_share("dropout", dropout)
        self.beta, self.dropout = embed_dim**-0.5 if beta is None else beta, dropout
        factory: dict[str, Any] = {"device": device, "dtype": dtype}
        self.lookup = nn.Parameter(torch.empty(num_prototypes, embed_dim, **factory))
        self.content = nn.Parameter(torch.empty(num_prototypes, width, **factory))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Uniform within ±E^(−1/2) and ±P^(−1/2): PyTorch's for two linear maps."""
        prototypes, width = self.lookup.shape
        nn.init.uniform_(self.lookup, -(width**-0.5), width**-0.5)
        nn.init.uniform_(self.content, -(prototypes**-0.5), prototypes**-0.5)

    def extra_repr(self) -> str:
        """Sizes."""
        prototypes, width = self.lookup.shape
        return f"embed_dim={width}, num_prototypes={prototypes}, beta={self.beta:.4g}"

    def association(self, x: Float[Tensor, "B L E"]) -> Float[Tensor, "B L P"]:
        """How much every prototype takes part."""
        check_stream(x, self.lookup.shape[1])
        require_same_kind(x, self.lookup)
        return F.linear(x, self.lookup).mul(self.beta).softmax(-1)

    def forward(
        self, x: Float[Tensor, "B L E"], *, return_attention: bool = False
    ) -> Float[Tensor, "B L F"] | tuple[Float[Tensor, "B L F"], Float[Tensor, "B L P"]]:
        """Look up; with ``return_attention`` also the weights of the prototypes."""
        weights = self.association(x)
        out = F.dropout(weights @ self.content, self.dropout, self.training)
        return (out, weights) if return_attention else out


class PrototypeHead(nn.Module):
    """The output layer: contents of prototypes are logits of all tokens, then a layer norm.

    Args:
        embed_dim: E.
        num_prototypes: P.
        num_tokens: V, text and image tokens together.

    Example:
        >>> PrototypeHead(8, 50, 30)(torch.randn(2, 5, 8)).shape
        torch.Size([2, 5, 30])
    """

    def __init__(
        self, embed_dim: int, num_prototypes: int, num_tokens: int, **factory: Any
    ) -> None:
        super().__init__()
        self.prototypes = PrototypeLayer(
            embed_dim, num_prototypes, out_features=num_tokens, dropout=0.0, **factory
        )
        self.norm = nn.LayerNorm(num_tokens, **factory)

    def reset_parameters(self) -> None:
        """As its parts."""
        self.prototypes.reset_parameters()
        self.norm.reset_parameters()

    def forward(self, x: Float[Tensor, "B L E"]) -> Float[Tensor, "B L V"]:
        """Normalised logits of all tokens."""
        return self.norm(self.prototypes(x))

    def columns(self, first: int) -> Callable[[Float[Tensor, "M E"]], Float[Tensor, "M K"]]:
        r"""A function for the logits from ``first`` on, for many calls with the same weights.

        The norm is over all V logits, but with contents less their mean over tokens, C, the
        variance of a lookup's logits aᵀC is aᵀ(C Cᵀ/V)a, a product of P × P numbers instead of P ×
        V.
        """
        lookup = self.prototypes.lookup * self.prototypes.beta
        weight, bias = self.norm.weight[first:], self.norm.bias[first:]
        content = self.prototypes.content - self.prototypes.content.mean(1, keepdim=True)
        last = (content[:, first:] * weight).contiguous()
        moments = content @ content.T / content.shape[1]

        def logits(x: Tensor) -> Tensor:
            weights = F.linear(x, lookup).softmax(-1)
            variance = ((weights @ moments) * weights).sum(-1, keepdim=True)
            return torch.addcmul(bias, weights @ last, (variance + self.norm.eps).rsqrt())

        return logits
