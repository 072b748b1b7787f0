r"""Self-attention whose softmax is a learnable operator.

KArAt (https://arxiv.org/abs/2503.10632), in an order that never forms an N × N map: since W acts on
keys, (H Wᵀ) V = H (Wᵀ V).
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from neurarium.memory.arguments import require_count
from neurarium.neurons.basis import Basis, require_points
from neurarium.neurons.contraction import Activation
from neurarium.neurons.kan_attention_inputs import require_bool, require_precision
from neurarium.neurons.kan_attention_operator import AttentionOperator

__all__ = ["AttentionOperator", "KolmogorovArnoldAttention"]

START_STD = 0.02


class KolmogorovArnoldAttention(nn.Module):
    r"""Multi-head self-attention with learnable functions of the scores.

    `Kolmogorov-Arnold Attention <https://arxiv.org/abs/2503.10632>`_: the map of a head is
    :math:`H W^\top` of rank r instead of :math:`\mathrm{softmax}(A)`, where row k of H sums
    learnable functions of row k of A; see :class:`AttentionOperator`. Scores are recomputed in the
    backward pass, and the output is :math:`H (W^\top V)`, so memory grows with N r instead of with
    N². It is **tied to a fixed number of tokens**. The paper finds gains for small vision
    transformers on small images only.

    Rational units use the denominator 1 + Σ\|b\|\|t\|^i; the paper writes 1 + \|Σ b t^i\|.

    Args:
        embed_dim: E.
        num_heads: H, must divide E.
        num_tokens: N, class token included; an ``operator`` brings its own.
        rank: r, at most N.
        basis: name in ``BASES``, or a :class:`Basis` of H · N features.
        grid_size: of the basis; 3 for ``"fourier"``, 1 wavelet.
        base: a function of the scores in every unit, such as ``"silu"``; None: 0.
        edge_scale: a learned factor for each unit.
        init: ``"scaled"``, or ``"paper"``: coefficients N(0, 1).
        normalize: of activated rows: ``"l1"``, ``"softmax"`` or None. Other than None forms maps.
        operator: an :class:`AttentionOperator` to share between layers; it brings its own rank,
            basis, grid, base, scales, start and normalisation, and keeps what it has learned.
        attn_dropout: of the activated maps; in training it forms them.
        dropout: of the output.
        bias: of the map to queries, keys and values.

    Shapes:
        - x: (B, N, E); mask: (B, N); attn_mask: (N, N), (B, N, N) or (B, H, N, N); output: as x

    Raises:
        TypeError: for inputs of another precision than the weights outside of autocast, masks that
            are not bool, and counts that are no whole numbers.
        ValueError: for sizes, names and shapes that do not fit, another number of tokens, an
            operator of other heads or tokens, and arguments that it brings itself.

    Example:
        >>> attention = KolmogorovArnoldAttention(24, 3, num_tokens=17, rank=4)
        >>> x = torch.randn(2, 17, 24)
        >>> out, maps = attention(x, return_attention=True)
        >>> torch.allclose(out, attention(x), atol=1e-5)
        True
        >>> attention(x[:, :9])
        Traceback (most recent call last):
        ValueError: x must have num_tokens=17 tokens: got 9; its functions belong to tokens
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        *,
        num_tokens: int | None = None,
        rank: int = 12,
        basis: str | Basis = "fourier",
        grid_size: int | None = None,
        base: str | Activation | None = None,
        edge_scale: bool = False,
        init: str = "scaled",
        normalize: str | None = None,
        operator: AttentionOperator | None = None,
        attn_dropout: float = 0.0,
        dropout: float = 0.0,
        bias: bool = True,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        require_count("embed_dim", embed_dim)
        require_count("num_heads", num_heads)
        if embed_dim % num_heads:
            raise ValueError(f"num_heads must divide embed_dim: got {num_heads} and {embed_dim}")
        for name, rate in (("attn_dropout", attn_dropout), ("dropout", dropout)):
            if not 0 <= rate < 1:
                raise ValueError(f"{name} must be in [0, 1): got {rate}")
        factory: dict[str, Any] = {"device": device, "dtype": dtype}
        made: dict[str, Any] = {
            "rank": rank,
            "basis": basis,
            "grid_size": grid_size,
            "base": base,
            "edge_scale": edge_scale,
            "init": init,
            "normalize": normalize,
        }
        self._has_given_operator = operator is not None
        if operator is None:
            if num_tokens is None:
                raise ValueError("num_tokens must be given without an operator: got None")
            operator = AttentionOperator(num_heads, num_tokens, **made, **factory)
        else:
            _require_operator(operator, num_heads, num_tokens, made)
        self.num_heads, self.attn_dropout, self.dropout = num_heads, attn_dropout, dropout
        self.embed_dim = embed_dim
        self.qkv = nn.Linear(embed_dim, 3 * embed_dim, bias=bias, **factory)
        self.operator = operator
        self.out = nn.Linear(embed_dim, embed_dim, **factory)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Linear maps start as in DeiT, and the layer's own operator anew; a given one stays."""
        for linear in (self.qkv, self.out):
            nn.init.trunc_normal_(linear.weight, std=START_STD)
            if linear.bias is not None:
                nn.init.zeros_(linear.bias)
        if not self._has_given_operator:
            self.operator.reset_parameters()

    def forward(
        self,
        x: Float[Tensor, "B N E"],
        *,
        mask: Bool[Tensor, "B N"] | None = None,
        attn_mask: Bool[Tensor, ...] | None = None,
        return_attention: bool = False,
    ) -> Float[Tensor, "B N E"] | tuple[Float[Tensor, "B N E"], Float[Tensor, "B H N N"]]:
        """Every token reads from all that may be read.

        Args:
            x: tokens.
            mask: True where a token is real. Others contribute nothing.
            attn_mask: True where a query may attend to a key; forms the maps, since a place that is
                closed must be zero in them too.
            return_attention: also the activated maps.
        """
        self._require_tokens(x)
        allowed = _joint_mask(mask, attn_mask, x, self.num_heads)
        if mask is not None:  # NaN in padding would reach every gradient
            x = torch.where(mask[..., None], x, x.nan_to_num(0.0, 0.0, 0.0))
        query, key, value = (
            part.unflatten(-1, (self.num_heads, -1)).transpose(1, 2)
            for part in self.qkv(x).chunk(3, -1)
        )
        query = query * query.shape[-1] ** -0.5
        thinned = self.training and self.attn_dropout > 0
        maps = None
        if return_attention or thinned or attn_mask is not None or self.operator.normalize:
            maps = self.operator(query @ key.mT, attn_mask=allowed)
            read = F.dropout(maps, self.attn_dropout, thinned) @ value
        else:
            read = self.operator.attend(query, key, value, mask=mask)
        out = self.out(read.transpose(1, 2).flatten(2))
        out = F.dropout(out, self.dropout, self.training)
        return (out, maps) if return_attention and maps is not None else out

    def _require_tokens(self, x: Any) -> None:
        require_points(x, self.embed_dim)
        if x.ndim != 3:
            raise ValueError(f"x must be (B, N, {self.embed_dim}): got shape {list(x.shape)}")
        if x.shape[1] != self.operator.num_tokens:
            raise ValueError(
                f"x must have num_tokens={self.operator.num_tokens} tokens: got {x.shape[1]}; its "
                "functions belong to tokens"
            )
        require_precision(self.operator.back.dtype, x=x)


def _joint_mask(
    mask: Tensor | None, attn_mask: Tensor | None, x: Tensor, num_heads: int
) -> Tensor | None:
    """Both masks in one that fits (B, H, N, N)."""
    joint = None
    batch, tokens = x.shape[:2]
    if mask is not None:
        require_bool("mask", mask, [(batch, tokens)])
        joint = mask[:, None, None]
    if attn_mask is not None:
        square = (tokens, tokens)
        require_bool(
            "attn_mask", attn_mask, [square, (batch, *square), (batch, num_heads, *square)]
        )
        wide = attn_mask[:, None] if attn_mask.ndim == 3 else attn_mask
        joint = wide if joint is None else joint & wide
    return joint


def _require_operator(
    operator: Any, num_heads: int, num_tokens: int | None, given: Mapping[str, Any]
) -> None:
    if not isinstance(operator, AttentionOperator):
        raise TypeError(f"operator must be an AttentionOperator: got {type(operator).__name__}")
    if operator.num_heads != num_heads:
        raise ValueError(
            f"operator must have num_heads={num_heads}: got one of {operator.num_heads}"
        )
    if num_tokens not in (None, operator.num_tokens):
        raise ValueError(
            f"operator must have num_tokens={num_tokens}: got one of {operator.num_tokens}"
        )
    usual = inspect.signature(AttentionOperator).parameters
    for name, value in given.items():
        if value is not usual[name].default and value != usual[name].default:
            raise ValueError(
                f"{name} must not be given beside an operator: got {value!r}; it brings its own"
            )
