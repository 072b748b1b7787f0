"""Embedding and summarisation of a table row in Hopular.

Sections 3.1 and 3.3 of https://arxiv.org/abs/2206.00664.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from neurarium.memory.hopular_attributes import AttributeLayout
from neurarium.memory.hopular_dropout import bit_dropout

NORM_EPS = 1e-12  # the authors' value for every LayerNorm of the model


class AttributeEmbedding(nn.Module):
    """One vector per attribute of a row, each with weights of its own.

    ``hᵢ = Wᵢ (xᵢ, maskᵢ) + typeᵢ + positionᵢ``, then per attribute GELU → dropout → LayerNorm →
    Linear. All first maps are one GEMM with a block-diagonal matrix, all second maps one batched
    product, instead of 2 F small layers.

    Shapes:
        - input: (B, W) with W = Σ (sᵢ + 1)
        - output: (B, F·E)

    Example:
        >>> layout = AttributeLayout([1, 3], targets=[1])
        >>> AttributeEmbedding(layout, embed_dim=8)(torch.randn(5, 6)).shape
        torch.Size([5, 16])
    """

    is_discrete: Tensor
    block_pattern: Tensor

    def __init__(
        self,
        layout: AttributeLayout,
        embed_dim: int,
        *,
        dropout: float = 0.1,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        factory: dict[str, Any] = {"device": device, "dtype": dtype}
        num_attributes = layout.num_attributes
        self.sizes, self.embed_dim, self.dropout = layout.sizes, embed_dim, dropout
        self.input_weight = nn.Parameter(torch.empty(layout.num_encoded, embed_dim, **factory))
        self.input_bias = nn.Parameter(torch.empty(num_attributes, embed_dim, **factory))
        self.type_embedding = nn.Parameter(torch.empty(2, embed_dim, **factory))
        self.position_embedding = nn.Parameter(torch.empty(num_attributes, embed_dim, **factory))
        self.norm_weight = nn.Parameter(torch.empty(num_attributes, embed_dim, **factory))
        self.norm_bias = nn.Parameter(torch.empty(num_attributes, embed_dim, **factory))
        self.output_weight = nn.Parameter(
            torch.empty(num_attributes, embed_dim, embed_dim, **factory)
        )
        self.output_bias = nn.Parameter(torch.empty(num_attributes, embed_dim, **factory))
        pattern = F.one_hot(layout.encoded_attribute, num_attributes).bool().unsqueeze(-1)
        self.register_buffer("block_pattern", pattern.to(device), persistent=False)
        self.register_buffer("is_discrete", layout.is_discrete.to(device), persistent=False)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Uniform within ±1/√fan_in, biases too; tables within ±1/√E; norms 1 and 0."""
        size = torch.tensor(self.sizes)
        bound = (size + 1).rsqrt().to(self.input_bias)
        with torch.no_grad():
            self.input_weight.uniform_(-1, 1).mul_(bound.repeat_interleave(size + 1)[:, None])
            self.input_bias.uniform_(-1, 1).mul_(bound[:, None])
        scale = 1 / math.sqrt(self.embed_dim)
        tables = (self.type_embedding, self.position_embedding)
        for parameter in (*tables, self.output_weight, self.output_bias):
            nn.init.uniform_(parameter, -scale, scale)
        nn.init.ones_(self.norm_weight)
        nn.init.zeros_(self.norm_bias)

    def forward(self, encoded: Float[Tensor, "B W"]) -> Float[Tensor, "B D"]:
        """Embed rows; ``encoded`` includes the mask bits."""
        num_attributes = len(self.sizes)
        blocks = (self.input_weight.unsqueeze(1) * self.block_pattern).flatten(1)
        type_embedding = self.type_embedding[self.is_discrete.long()]
        shift = self.input_bias + type_embedding + self.position_embedding
        hidden = F.gelu(torch.addmm(shift.flatten(), encoded, blocks))
        hidden = bit_dropout(hidden, self.dropout, self.training)
        hidden = hidden.unflatten(1, (num_attributes, self.embed_dim))
        hidden = F.layer_norm(hidden, (self.embed_dim,), eps=NORM_EPS)
        hidden = torch.addcmul(self.norm_bias, hidden, self.norm_weight)
        projected = torch.baddbmm(
            self.output_bias.unsqueeze(1), hidden.transpose(0, 1), self.output_weight.mT
        )
        return projected.transpose(0, 1).flatten(1)


class Summarization(nn.Module):
    """GELU → dropout → LayerNorm → one Linear from the whole row to all attribute values.

    Example:
        >>> Summarization(16, 4)(torch.randn(5, 16)).shape
        torch.Size([5, 4])
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        dropout: float = 0.01,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        factory: dict[str, Any] = {"device": device, "dtype": dtype}
        self.dropout = dropout
        self.norm = nn.LayerNorm(in_features, eps=NORM_EPS, **factory)
        self.linear = nn.Linear(in_features, out_features, **factory)

    def reset_parameters(self) -> None:
        """Torch's own: uniform within ±1/√fan_in, biases too."""
        self.norm.reset_parameters()
        self.linear.reset_parameters()

    def forward(self, state: Float[Tensor, "B D"]) -> Float[Tensor, "B V"]:
        """Predict the values of every attribute."""
        hidden = bit_dropout(F.gelu(state), self.dropout, self.training)
        return self.linear(self.norm(hidden))
