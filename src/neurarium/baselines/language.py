"""Plain language models: a pre-norm transformer, and an LSTM.

The transformer is that of GPT-2 (Radford et al., 2019) with rotations
(https://arxiv.org/abs/2104.09864) in place of learned positions. Both models generate from a state:
``forward(tokens, state=state, return_state=True)``.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from neurarium.baselines.positional import rotary_angles, rotary_frequencies, rotate_pairs


class GPTState(NamedTuple):
    """Keys and values of all earlier tokens, (layers, B, H, T, head width); it grows with T."""

    keys: Tensor
    values: Tensor


class GPT(nn.Module):
    """A decoder-only transformer: attention and a GELU MLP, each after its layer norm.

    Rotations need no greatest length. Weights are drawn from N(0, 0.02²), those that end a residual
    branch divided by √(2·num_layers), as GPT-2 does; the embedding is the output map too.

    Args:
        vocab_size: V.
        embed_dim: E.
        num_layers: blocks.
        num_heads: must divide E, into even widths.
        mlp_ratio: width of the MLP over E.
        tie_layers: one block for all layers (ALBERT, https://arxiv.org/abs/1909.11942).
        dropout: of attention's output, the MLP's output and the embedding.

    Shapes:
        - tokens: (B, L); output: (B, L, V)

    Raises:
        ValueError: where heads do not divide the width, and for sizes below 1.

    Example:
        >>> model = GPT(50, 16, num_layers=2, num_heads=2)
        >>> logits, state = model(torch.arange(6)[None], return_state=True)
        >>> logits.shape, state.keys.shape
        (torch.Size([1, 6, 50]), torch.Size([2, 1, 2, 6, 8]))
    """

    def __init__(
        self,
        vocab_size: int,
        embed_dim: int,
        *,
        num_layers: int,
        num_heads: int,
        mlp_ratio: float = 4.0,
        tie_layers: bool = False,
        dropout: float = 0.0,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        sizes = (vocab_size, embed_dim, num_layers, num_heads)
        if min(sizes) < 1:
            raise ValueError(f"vocab_size, embed_dim, num_layers, num_heads must be >= 1: {sizes}")
        if embed_dim % (2 * num_heads):
            raise ValueError(
                f"embed_dim must be a multiple of 2 * num_heads: got {embed_dim} and {num_heads}"
            )
        factory: dict[str, Any] = {"device": device, "dtype": dtype}
        hidden = round(mlp_ratio * embed_dim)
        self.num_layers = num_layers
        self.dropout = dropout
        self.embed = nn.Embedding(vocab_size, embed_dim, **factory)
        self.blocks = nn.ModuleList(
            Block(embed_dim, num_heads, hidden, dropout=dropout, **factory)
            for _ in range(1 if tie_layers else num_layers)
        )
        self.norm = nn.LayerNorm(embed_dim, **factory)
        self.head_dim = embed_dim // num_heads
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """GPT-2's initialisation."""
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Embedding):
                nn.init.normal_(module.weight, std=0.02)
                if isinstance(module, nn.Linear) and module.bias is not None:
                    nn.init.zeros_(module.bias)
            elif isinstance(module, nn.LayerNorm):
                module.reset_parameters()
        for block in self.blocks:
            assert isinstance(block, Block)
            for last in (block.out, block.contract):
                nn.init.normal_(last.weight, std=0.02 * (2 * self.num_layers) ** -0.5)

    def forward(
        self,
        tokens: Int[Tensor, "B L"],
        *,
        state: GPTState | None = None,
        return_state: bool = False,
    ) -> Float[Tensor, "B L V"] | tuple[Float[Tensor, "B L V"], GPTState]:
        """Logits of the token after each token."""
        x = F.dropout(self.embed(tokens), self.dropout, self.training)
        start = 0 if state is None else state.keys.shape[-2]
        positions = torch.arange(start, start + tokens.shape[1], device=tokens.device)
        frequencies = rotary_frequencies(self.head_dim, device=tokens.device)
        angles = rotary_angles(positions, frequencies)
        turn = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
        seen = []
        for index in range(self.num_layers):
            before = None if state is None else GPTState(state.keys[index], state.values[index])
            x, now = self.blocks[index % len(self.blocks)](x, turn, before)
            seen.append(now)
        logits = self.norm(x) @ self.embed.weight.T
        if not return_state:
            return logits
        keys, values = zip(*seen, strict=True)
        return logits, GPTState(torch.stack(keys), torch.stack(values))


class Block(nn.Module):
    """Causal attention with rotated queries and keys, then an MLP."""

    def __init__(
        self, embed_dim: int, num_heads: int, hidden: int, *, dropout: float, **factory: Any
    ) -> None:
        super().__init__()
        self.num_heads, self.dropout = num_heads, dropout
        self.norm_attention = nn.LayerNorm(embed_dim, **factory)
        self.qkv = nn.Linear(embed_dim, 3 * embed_dim, **factory)
        self.out = nn.Linear(embed_dim, embed_dim, **factory)
        self.norm_mlp = nn.LayerNorm(embed_dim, **factory)
        self.expand = nn.Linear(embed_dim, hidden, **factory)
        self.contract = nn.Linear(hidden, embed_dim, **factory)

    def forward(
        self, x: Float[Tensor, "B L E"], turn: tuple[Tensor, Tensor], state: GPTState | None
    ) -> tuple[Float[Tensor, "B L E"], GPTState]:
        """The block's output, and all keys and values so far."""
        q, k, v = (
            part.unflatten(-1, (self.num_heads, -1)).transpose(1, 2)
            for part in self.qkv(self.norm_attention(x)).chunk(3, -1)
        )
        q, k = rotate_pairs(q, *turn), rotate_pairs(k, *turn)
        mask, causal = None, True
        if state is not None:
            k, v = torch.cat((state.keys, k), -2), torch.cat((state.values, v), -2)
            mask = torch.ones(q.shape[-2], k.shape[-2], dtype=torch.bool, device=x.device)
            mask, causal = mask.tril(state.keys.shape[-2]), False
        read = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=causal)
        x = x + F.dropout(self.out(read.transpose(1, 2).flatten(2)), self.dropout, self.training)
        update = self.contract(F.gelu(self.expand(self.norm_mlp(x))))
        return x + F.dropout(update, self.dropout, self.training), GPTState(k, v)


class LSTMLanguageModel(nn.Module):
    """An embedding, an LSTM, and the embedding again as the output map.

    Args:
        vocab_size: V.
        hidden_size: width of the embedding and of every layer.
        num_layers: LSTM layers on top of each other.
        dropout: between layers and on both ends.

    Shapes:
        - tokens: (B, L); output: (B, L, V)

    Raises:
        ValueError: for sizes below 1.

    Example:
        >>> LSTMLanguageModel(50, 16)(torch.arange(6)[None]).shape
        torch.Size([1, 6, 50])
    """

    def __init__(
        self,
        vocab_size: int,
        hidden_size: int,
        *,
        num_layers: int = 1,
        dropout: float = 0.0,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        sizes = (vocab_size, hidden_size, num_layers)
        if min(sizes) < 1:
            raise ValueError(f"vocab_size, hidden_size, num_layers must be >= 1: {sizes}")
        factory: dict[str, Any] = {"device": device, "dtype": dtype}
        self.dropout = dropout
        between = dropout if num_layers > 1 else 0.0
        self.embed = nn.Embedding(vocab_size, hidden_size, **factory)
        self.lstm = nn.LSTM(
            hidden_size, hidden_size, num_layers, batch_first=True, dropout=between, **factory
        )
        self.bias = nn.Parameter(torch.empty(vocab_size, **factory))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """PyTorch's for the LSTM; an embedding that is an output map too starts small."""
        self.lstm.reset_parameters()
        nn.init.normal_(self.embed.weight, std=self.embed.embedding_dim**-0.5)
        nn.init.zeros_(self.bias)

    def forward(
        self,
        tokens: Int[Tensor, "B L"],
        *,
        state: tuple[Tensor, Tensor] | None = None,
        return_state: bool = False,
    ) -> Float[Tensor, "B L V"] | tuple[Float[Tensor, "B L V"], tuple[Tensor, Tensor]]:
        """Logits of the token after each token."""
        x = F.dropout(self.embed(tokens), self.dropout, self.training)
        x, state = self.lstm(x, state)
        logits = F.linear(F.dropout(x, self.dropout, self.training), self.embed.weight, self.bias)
        return (logits, state) if return_state and state is not None else logits
