"""The Hopular block: look up the training set, then the original row.

Section 3.2 of https://arxiv.org/abs/2206.00664. Both halves are one modern Hopfield retrieval with
a LayerNorm shared by state and stored patterns and a residual that starts from the *normalised*
state.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from neurarium.memory.hopular_attributes import check_rows
from neurarium.memory.hopular_dropout import bit_dropout
from neurarium.memory.hopular_embedding import NORM_EPS


class Stored(NamedTuple):
    """Projected stored patterns of one lookup, ready to be attended to: (…, H, S, head_dim)."""

    keys: Tensor
    values: Tensor


class HopularLookup(nn.Module):
    """``u + W_O · concat_h softmax(β q_h K_hᵀ) V_h`` with u = LN(state), K and V from LN(stored).

    β = scaling_factor / √head_dim: from averaging everything (0) to the nearest pattern (→ ∞).

    Args:
        width: of states and stored patterns; a multiple of ``num_heads``.
        num_heads: modern Hopfield networks side by side.
        scaling_factor: multiplies 1/√head_dim to give β; the paper searches 1, 100 and 1000.
        dropout: of single associations.
        tie_value: the paper's V = K W_V per head; the authors' code, followed by default, projects
            values independently of keys.

    Shapes:
        - state: (…, L, width); stored: (…, S, width)
        - output: (…, L, width)

    Raises:
        ValueError: if ``num_heads`` does not divide ``width`` or a width differs.

    Example:
        >>> lookup = HopularLookup(16, 4)
        >>> lookup(torch.randn(3, 16), lookup.store(torch.randn(7, 16))).shape
        torch.Size([3, 16])
    """

    def __init__(
        self,
        width: int,
        num_heads: int,
        *,
        scaling_factor: float = 1.0,
        dropout: float = 0.1,
        tie_value: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        if num_heads < 1 or width % num_heads:
            raise ValueError(f"num_heads must divide the width: got {num_heads} and {width}")
        if not 0 <= scaling_factor < math.inf:
            raise ValueError(f"scaling_factor must be finite and >= 0: got {scaling_factor}")
        factory: dict[str, Any] = {"device": device, "dtype": dtype}
        self.num_heads, self.head_dim = num_heads, width // num_heads
        self.beta = scaling_factor / math.sqrt(self.head_dim)
        self.dropout = dropout
        self.norm = nn.LayerNorm(width, eps=NORM_EPS, **factory)
        self.query = nn.Linear(width, width, **factory)
        self.key_value = nn.Linear(width, width if tie_value else 2 * width, **factory)
        self.out = nn.Linear(width, width, **factory)
        self.value_map = (
            nn.Parameter(torch.empty(num_heads, self.head_dim, self.head_dim, **factory))
            if tie_value
            else None
        )
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Uniform within ±1/√fan_in, biases too; the norm starts as 1 and 0."""
        for module in (self.norm, self.query, self.key_value, self.out):
            module.reset_parameters()
        if self.value_map is not None:
            bound = 1 / math.sqrt(self.head_dim)
            nn.init.uniform_(self.value_map, -bound, bound)

    def extra_repr(self) -> str:  # noqa: D102
        return f"num_heads={self.num_heads}, beta={self.beta:.4g}, dropout={self.dropout}"

    def _check(self, name: str, x: Tensor) -> None:
        width = self.num_heads * self.head_dim
        if x.ndim < 2 or x.shape[-1] != width:
            raise ValueError(f"{name} must have shape (…, rows, {width}): got {list(x.shape)}")
        if not x.is_floating_point():
            raise TypeError(f"{name} must be floating point: got {x.dtype}")

    def _heads(self, x: Float[Tensor, "*B L D"]) -> Float[Tensor, "*B H L d"]:
        return x.unflatten(-1, (self.num_heads, self.head_dim)).transpose(-3, -2)

    def store(self, stored: Float[Tensor, "*B S D"]) -> Stored:
        """Keys and values of the stored patterns, in one GEMM."""
        self._check("stored", stored)
        projected = self.key_value(self.norm(stored))
        if self.value_map is not None:
            keys = self._heads(projected)
            return Stored(keys, keys)
        keys, values = projected.chunk(2, dim=-1)
        return Stored(self._heads(keys), self._heads(values))

    def forward(
        self,
        state: Float[Tensor, "*B L D"],
        stored: Stored,
        *,
        attn_mask: Bool[Tensor, "L S"] | None = None,
    ) -> Float[Tensor, "*B L D"]:
        """Retrieve; ``attn_mask`` is True where a state may look at a stored pattern."""
        self._check("state", state)
        if attn_mask is not None:
            _check_mask(attn_mask, state.shape[-2], stored.keys.shape[-2])
        state = self.norm(state)
        query = self._heads(self.query(state))
        if self.training:
            retrieved = self._retrieve_with_dropout(query, stored, attn_mask)
        else:
            retrieved = self._retrieve(query, stored, attn_mask)
        if self.value_map is not None:
            retrieved = retrieved @ self.value_map
        return state + self.out(retrieved.transpose(-3, -2).flatten(-2))

    def _retrieve(
        self, query: Float[Tensor, "*B H L d"], stored: Stored, attn_mask: Tensor | None
    ) -> Float[Tensor, "*B H L d"]:
        """Fused attention; torch has its fast kernel for four axes only."""
        if query.shape[-2] == 1 and attn_mask is None:  # two matrix–vector products are faster yet
            return (query * self.beta @ stored.keys.mT).softmax(-1) @ stored.values
        extra = max(0, 4 - query.ndim)
        query, keys, values = (x[(None,) * extra] for x in (query, *stored))
        retrieved = F.scaled_dot_product_attention(
            query, keys, values, attn_mask=attn_mask, scale=self.beta
        )
        return retrieved[(0,) * extra]

    def _retrieve_with_dropout(
        self, query: Float[Tensor, "*B H L d"], stored: Stored, attn_mask: Tensor | None
    ) -> Float[Tensor, "*B H L d"]:
        """Associations as (…, S, L), because softmax is slow over short rows on the last axis."""
        scores = stored.keys @ (query * self.beta).mT
        if attn_mask is not None:  # added, not filled in: a sum costs nothing backwards
            lowest = torch.finfo(scores.dtype).min
            scores = scores + scores.new_zeros(attn_mask.mT.shape).masked_fill_(
                ~attn_mask.mT, lowest
            )
        weights = bit_dropout(scores.softmax(-2), self.dropout, self.training)
        retrieved = weights.mT @ stored.values
        if attn_mask is not None:  # a state that may look at nothing retrieves zeros
            retrieved = retrieved * attn_mask.any(-1, keepdim=True).to(retrieved.dtype)
        return retrieved


def _check_mask(attn_mask: Tensor, num_states: int, num_stored: int) -> None:
    if attn_mask.dtype != torch.bool:
        raise TypeError(f"attn_mask must be bool, True = may attend: got {attn_mask.dtype}")
    if attn_mask.shape != (num_states, num_stored):
        raise ValueError(
            f"attn_mask must have shape ({num_states}, {num_stored}): got {list(attn_mask.shape)}"
        )


class HopularBlock(nn.Module):
    """One refinement of Hopular: sample–sample retrieval, then feature–feature retrieval.

    `Hopular: Modern Hopfield Networks for Tabular Data <https://arxiv.org/abs/2206.00664>`_:
    ``ξ' = H_s(ξ; memory)`` looks up the whole memory of rows, ``ξ'' = H_f(ξ'; ξ₀)`` looks up, per
    attribute, the *original* embedding ξ₀ of the same row. Usable in any model as a layer that
    attends to an external memory and passes gradients into it.

    Args:
        num_attributes: F, parts that a row consists of.
        embed_dim: E, width of each part; a multiple of ``num_heads``.
        num_heads: heads of both retrievals.
        scaling_factor: β = scaling_factor / √head_dim in both.
        dropout: of single associations.
        tie_value: values as a function of the keys (see :class:`HopularLookup`).

    Shapes:
        - state, origin: (B, F·E); memory: (S, F·E); ``attn_mask``: (B, S), True = may attend
        - output: (B, F·E)

    Raises:
        ValueError: if ``num_heads`` does not divide ``embed_dim`` or shapes disagree.

    Example:
        >>> block = HopularBlock(num_attributes=3, embed_dim=8, num_heads=2)
        >>> rows, memory = torch.randn(4, 24), torch.randn(10, 24, requires_grad=True)
        >>> block(rows, memory, rows).shape
        torch.Size([4, 24])
    """

    def __init__(
        self,
        num_attributes: int,
        embed_dim: int = 32,
        num_heads: int = 8,
        *,
        scaling_factor: float = 1.0,
        dropout: float = 0.1,
        tie_value: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        if num_heads < 1 or embed_dim % num_heads:
            raise ValueError(f"num_heads must divide embed_dim: got {num_heads} and {embed_dim}")
        self.num_attributes, self.embed_dim = num_attributes, embed_dim
        settings: dict[str, Any] = {
            "scaling_factor": scaling_factor,
            "dropout": dropout,
            "tie_value": tie_value,
            "device": device,
            "dtype": dtype,
        }
        self.sample_lookup = HopularLookup(num_attributes * embed_dim, num_heads, **settings)
        self.feature_lookup = HopularLookup(embed_dim, num_heads, **settings)

    def reset_parameters(self) -> None:
        """See :meth:`HopularLookup.reset_parameters`."""
        self.sample_lookup.reset_parameters()
        self.feature_lookup.reset_parameters()

    def refine(
        self,
        state: Float[Tensor, "B D"],
        stored: Stored,
        origin: Float[Tensor, "B D"],
        *,
        attn_mask: Bool[Tensor, "B S"] | None = None,
    ) -> Float[Tensor, "B D"]:
        """As ``forward``, with the memory already projected by ``sample_lookup.store``."""
        return self.refine_features(self.sample_lookup(state, stored, attn_mask=attn_mask), origin)

    def refine_features(
        self, state: Float[Tensor, "B D"], origin: Float[Tensor, "B D"]
    ) -> Float[Tensor, "B D"]:
        """The feature–feature half alone."""
        parts = (self.num_attributes, self.embed_dim)
        original = self.feature_lookup.store(origin.unflatten(1, parts))
        return self.feature_lookup(state.unflatten(1, parts), original).flatten(1)

    def forward(
        self,
        state: Float[Tensor, "B D"],
        memory: Float[Tensor, "S D"],
        origin: Float[Tensor, "B D"],
        *,
        attn_mask: Bool[Tensor, "B S"] | None = None,
    ) -> Float[Tensor, "B D"]:
        """Refine ``state`` by the memory and by the original row."""
        width = self.num_attributes * self.embed_dim
        weight = self.sample_lookup.query.weight
        for name, rows in (("state", state), ("memory", memory), ("origin", origin)):
            check_rows(name, rows, width, weight)
        return self.refine(state, self.sample_lookup.store(memory), origin, attn_mask=attn_mask)
