"""The two encoders of the comparison, the same for every loss: pictures and captions to vectors.

The text encoder has the form of CLIP's (arXiv 2103.00020): a causal transformer whose feature is
that of the end mark. Causal attention never sees the padding behind it, so only real words are
computed, and of the last block only what the end mark needs.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor, nn
from torch.nn import functional as F

from neurarium.memory import TwoTower


def two_towers(vocabulary_size: int, *, context: int, embed_dim: int = 128) -> TwoTower:
    """Both encoders into one space."""
    text = TextEncoder(vocabulary_size, context, embed_dim)
    return TwoTower(SceneEncoder(embed_dim), text, embed_dim)


class SceneEncoder(nn.Module):
    """Four convolutions of stride 2 and a linear map: (N, 3, 32, 32) of bytes → (N, embed_dim)."""

    def __init__(self, embed_dim: int, channels: tuple[int, ...] = (16, 32, 96, 192)) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for inner, outer in zip((3, *channels[:-1]), channels, strict=True):
            convolution = nn.Conv2d(inner, outer, 3, stride=2, padding=1, bias=False)
            layers += [convolution, nn.BatchNorm2d(outer), nn.ReLU()]
        self.layers = nn.Sequential(*layers, nn.Flatten(), nn.Linear(4 * channels[-1], embed_dim))
        # What the kernels want on a CPU.
        self.layers.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, images: UInt8[Tensor, "N 3 32 32"]) -> Float[Tensor, "N E"]:
        """Bytes are brought to [−1, 1]."""
        pixels: Tensor = images.float() / 127.5 - 1
        return self.layers(pixels.to(memory_format=torch.channels_last))


class TextEncoder(nn.Module):
    """Two causal blocks: (N, L) tokens with an end mark, padded by 0 → (N, embed_dim)."""

    def __init__(
        self,
        vocabulary_size: int,
        context: int,
        embed_dim: int,
        *,
        width: int = 128,
        num_heads: int = 4,
        num_layers: int = 2,
    ) -> None:
        super().__init__()
        self.words = nn.Embedding(vocabulary_size, width)
        self.places = nn.Parameter(0.01 * torch.randn(context, width))
        self.blocks = nn.ModuleList(CausalBlock(width, num_heads) for _ in range(num_layers))
        self.norm = nn.LayerNorm(width)
        self.out = nn.Linear(width, embed_dim, bias=False)
        nn.init.normal_(self.words.weight, std=0.02)

    def forward(self, tokens: Int[Tensor, "N L"]) -> Float[Tensor, "N E"]:
        """The feature of the end mark, which is the last word of every text."""
        counts = (tokens != 0).sum(1)
        texts = Ragged((len(tokens), int(counts.max())), counts)
        words = texts.real_of(
            self.words(tokens[:, : texts.shape[1]]) + self.places[: texts.shape[1]]
        )
        *blocks, final = self.blocks
        for block in blocks:
            words = block(words, texts)
        return self.out(self.norm(final(words, texts, last_only=True)))


class Ragged:
    """Which places of a padded batch hold words.

    Args:
        shape: (N, L) of the batch.
        counts: words of each text.
    """

    def __init__(self, shape: tuple[int, int], counts: Tensor) -> None:
        self.shape = shape
        self.mask = torch.arange(shape[1], device=counts.device) < counts[:, None]
        self.places = self.mask.flatten().nonzero().squeeze(1)
        self.last = counts.cumsum(0) - 1

    def real_of(self, padded: Tensor) -> Tensor:
        """(N, L, width) → (W, width), the words of all texts in one row."""
        return padded.flatten(0, 1).index_select(0, self.places)

    def padded(self, words: Tensor) -> Tensor:
        """(W, width) → (N, L, width)."""
        rows = words.new_zeros(self.mask.numel(), words.shape[1])
        return rows.index_copy(0, self.places, words).unflatten(0, self.shape)


class CausalBlock(nn.Module):
    """Attention and a hidden layer, norms first, over the words of all texts in one row."""

    def __init__(self, width: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.norm_attention, self.norm_hidden = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query, self.key_value = nn.Linear(width, width), nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)
        self.hidden = nn.Sequential(
            nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)
        )

    def forward(self, words: Tensor, texts: Ragged, *, last_only: bool = False) -> Tensor:
        """All words (W, width), or only what becomes of the last one of each text (N, width)."""
        normed = self.norm_attention(words)
        keys, values = texts.padded(self.key_value(normed)).chunk(2, -1)
        if last_only:
            words, queries = words[texts.last], self.query(normed[texts.last]).unsqueeze(1)
            mask = texts.mask[:, None, None]
            mixed = self._attend(queries, keys, values, mask=mask).squeeze(1)
        else:
            queries = texts.padded(self.query(normed))
            mixed = texts.real_of(self._attend(queries, keys, values, is_causal=True))
        words = words + self.out(mixed)
        return words + self.hidden(self.norm_hidden(words))

    def _attend(
        self,
        queries: Tensor,
        keys: Tensor,
        values: Tensor,
        *,
        mask: Tensor | None = None,
        is_causal: bool = False,
    ) -> Tensor:
        q, k, v = (
            x.unflatten(-1, (self.num_heads, -1)).transpose(1, 2) for x in (queries, keys, values)
        )
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=is_causal)
        return mixed.transpose(1, 2).flatten(2)
