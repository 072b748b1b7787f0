"""The authors' sequence of layers of Hopular, operation by operation, under their names.

One small Linear, GELU, dropout, LayerNorm and Linear per attribute in a loop, as they have it; one
retrieval per lookup with separate query, key and value maps, scores masked in place, softmax,
dropout; the memory embedded, normalised and projected again in every forward. Their activation
checkpointing, always on in the released package, is an argument here, off by default: it makes
training slower still. State dicts are interchangeable with those of the released package.
"""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint


class Association(nn.Module):
    """Separate projections with one stacked bias, then masked softmax retrieval."""

    def __init__(self, width, num_heads, head_dim, scaling, dropout):
        super().__init__()
        hidden = num_heads * head_dim
        self.num_heads, self.head_dim = num_heads, head_dim
        self.scaling, self.dropout = scaling, dropout
        for role in "qkv":
            weight = nn.Parameter(torch.empty(hidden, width))
            nn.init.kaiming_uniform_(weight, a=math.sqrt(5))
            self.register_parameter(f"{role}_proj_weight", weight)
        bound = 1 / math.sqrt(width)
        self.in_proj_bias = nn.Parameter(torch.empty(3 * hidden).uniform_(-bound, bound))
        self.out_proj = nn.Linear(hidden, width)

    def forward(self, state, stored, forbidden):
        """state (L, B, width), stored (S, B, width); ``forbidden`` (L, S) True = not allowed."""
        length, batch, _ = state.shape
        hidden = self.num_heads * self.head_dim
        q = F.linear(state, self.q_proj_weight, self.in_proj_bias[:hidden])
        k = F.linear(stored, self.k_proj_weight, self.in_proj_bias[hidden : 2 * hidden])
        v = F.linear(stored, self.v_proj_weight, self.in_proj_bias[2 * hidden :])
        q = q * self.scaling
        parts = batch * self.num_heads
        q = q.contiguous().view(length, parts, self.head_dim).transpose(0, 1)
        k = k.contiguous().view(-1, parts, self.head_dim).transpose(0, 1)
        v = v.contiguous().view(-1, parts, self.head_dim).transpose(0, 1)
        scores = torch.bmm(q, k.transpose(1, 2))
        if forbidden is not None:
            scores.masked_fill_(forbidden.unsqueeze(0), float("-inf"))
        weights = F.dropout(F.softmax(scores, dim=-1), self.dropout, self.training)
        retrieved = torch.bmm(weights, v)
        retrieved = retrieved.transpose(0, 1).contiguous().view(length, batch, -1)
        return self.out_proj(retrieved)


class HopfieldLookup(nn.Module):
    def __init__(self, *arguments):
        super().__init__()
        self.association_core = Association(*arguments)


class HopfieldBlock(nn.Module):
    def __init__(self, width, num_heads, scaling_factor, dropout, checkpointing):
        super().__init__()
        self.checkpointing = checkpointing
        head_dim = max(1, width // num_heads)
        scaling = scaling_factor / math.sqrt(head_dim)
        self.hopfield_lookup = HopfieldLookup(width, num_heads, head_dim, scaling, dropout)

    def forward(self, state, memory, forbidden):
        """Both batch first: (B, L, width)."""
        if self.checkpointing and self.training:
            return checkpoint(self.retrieve, state, memory, forbidden, use_reentrant=False)
        return self.retrieve(state, memory, forbidden)

    def retrieve(self, state, memory, forbidden):
        core = self.hopfield_lookup.association_core
        retrieved = core(state.transpose(0, 1), memory.transpose(0, 1), forbidden)
        return state + retrieved.transpose(0, 1)


class ReferenceBlock(nn.Module):
    def __init__(self, width, embed_dim, *arguments):
        super().__init__()
        self.embed_dim = embed_dim
        self.sample_norm = nn.LayerNorm(width, eps=1e-12)
        self.sample_sample_associations = HopfieldBlock(width, *arguments)
        self.feature_norm = nn.LayerNorm(embed_dim, eps=1e-12)
        self.feature_feature_associations = HopfieldBlock(embed_dim, *arguments)

    def forward(self, state, memory, forbidden, origin):
        shape = state.shape
        state = self.sample_sample_associations(
            self.sample_norm(state), self.sample_norm(memory), forbidden
        )
        state = state.reshape(state.shape[1], -1, self.embed_dim)
        origin = origin.reshape(state.shape)
        return self.feature_feature_associations(
            self.feature_norm(state), self.feature_norm(origin), None
        ).reshape(*shape)


class Embedding(nn.Module):
    def __init__(self, sizes, discrete, embed_dim, dropout):
        super().__init__()
        self.sizes, self.embed_dim = [size + 1 for size in sizes], embed_dim
        self.feature_embeddings = nn.ModuleList(
            nn.Sequential(nn.Linear(size, embed_dim)) for size in self.sizes
        )
        self.register_buffer("feature_types", torch.zeros(len(sizes), dtype=torch.long))
        self.feature_types[list(discrete)] = 1
        self.register_buffer("feature_positions", torch.arange(len(sizes)))
        self.feature_type_embeddings = nn.Embedding(2, embed_dim)
        self.feature_position_embeddings = nn.Embedding(len(sizes), embed_dim)
        self.feature_projections = nn.ModuleList(
            nn.Sequential(
                nn.GELU(),
                nn.Dropout(dropout),
                nn.LayerNorm(embed_dim, eps=1e-12),
                nn.Linear(embed_dim, embed_dim),
            )
            for _ in sizes
        )

    def forward(self, encoded):
        columns = encoded.split(self.sizes, dim=1)
        hidden = torch.cat(
            [embed(x) for embed, x in zip(self.feature_embeddings, columns, strict=True)], dim=1
        )
        hidden = hidden + self.feature_type_embeddings(self.feature_types).view(1, -1)
        hidden = hidden + self.feature_position_embeddings(self.feature_positions).view(1, -1)
        hidden = hidden.view(len(encoded), len(self.sizes), self.embed_dim)
        return torch.cat(
            [project(hidden[:, i]) for i, project in enumerate(self.feature_projections)], dim=1
        )


class Summarizations(nn.Module):
    def __init__(self, width, num_values, dropout):
        super().__init__()
        self.feature_summarizations = nn.Sequential(
            nn.GELU(),
            nn.Dropout(dropout),
            nn.LayerNorm(width, eps=1e-12),
            nn.Linear(width, num_values),
        )

    def forward(self, state):
        return self.feature_summarizations(state)


class ReferenceHopular(nn.Module):
    """The released model without its training framework.

    Args:
        sizes, discrete: width of each attribute; positions of the one-hot ones.
        memory: encoded training rows (S, W); row number = id.
    """

    def __init__(
        self,
        sizes,
        discrete,
        memory,
        *,
        embed_dim=32,
        num_heads=8,
        num_blocks=4,
        scaling_factor=1.0,
        input_dropout=0.1,
        lookup_dropout=0.1,
        output_dropout=0.01,
        checkpointing=False,
    ):
        super().__init__()
        width = len(sizes) * embed_dim
        self.register_buffer("memory", memory)
        self.register_buffer("memory_ids", torch.arange(len(memory)))
        self.embeddings = Embedding(sizes, discrete, embed_dim, input_dropout)
        self.hopular_blocks = nn.ModuleList(
            ReferenceBlock(
                width, embed_dim, num_heads, scaling_factor, lookup_dropout, checkpointing
            )
            for _ in range(num_blocks)
        )
        self.summarizations = Summarizations(width, sum(sizes), output_dropout)

    def forward(self, encoded, ids=None):
        forbidden = None if ids is None else ids.view(-1, 1) == self.memory_ids.view(1, -1)
        origin = self.embeddings(encoded).unsqueeze(0)
        memory = self.embeddings(self.memory).unsqueeze(0)
        state = origin
        for block in self.hopular_blocks:
            state = block(state, memory, forbidden, origin)
        return self.summarizations(state.reshape(state.shape[1], -1))


def reference_loss(prediction, target, selected, sizes, discrete, targets, feature_weight):
    """Their loss: attribute by attribute, rows chosen by boolean indexing."""
    totals = {"feature": prediction.new_zeros(1), "target": prediction.new_zeros(1)}
    counts = {"feature": 0, "target": 0}
    start = 0
    for index, size in enumerate(sizes):
        columns = slice(start, start + size)
        start += size
        valid = selected[:, index]
        if not valid.any():
            continue
        guess, truth = prediction[valid, columns], target[valid, columns]
        if index in discrete:
            loss = F.cross_entropy(guess, truth.argmax(dim=1))
        else:
            loss = F.mse_loss(guess, truth)
        kind = "target" if index in targets else "feature"
        totals[kind] = totals[kind] + loss
        counts[kind] += 1
    feature, target = (totals[k] / max(1, counts[k]) for k in ("feature", "target"))
    if not counts["feature"]:
        return target
    if not counts["target"]:
        return feature
    return feature_weight * feature + (1 - feature_weight) * target
