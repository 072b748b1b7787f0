"""What Txt2Img-MHN (arXiv 2208.04441) is compared with: a transformer over the same sequence.

DALL-E, https://arxiv.org/abs/2102.12092, in the form of DALLE-pytorch, from which the released
code descends: pre-norm attention with values of its own, then an MLP with GELU, in scaled residual
branches; layer norm and a linear map to logits. Its parts can be exchanged one by one for those of
Txt2Img-MHN.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from neurarium.memory.arguments import require_count
from neurarium.memory.txt2img_association import HopfieldSelfAssociation
from neurarium.memory.txt2img_block import ScaledBranch, initial_scale
from neurarium.memory.txt2img_prototypes import PrototypeHead, PrototypeLayer
from neurarium.memory.txt2img_sequence import TextToImage

MIXINGS, ASSOCIATIONS, HEADS = ("mlp", "prototypes"), ("attention", "hopfield"), ("linear", "mhn")


class TextToImageTransformer(TextToImage):
    """A causal transformer that generates images from text.

    `DALL-E <https://arxiv.org/abs/2102.12092>`_. What it shares with :class:`Txt2ImgMHN`,
    sequence, loss and generation, is the same code.

    Args:
        tokenizer: as in :class:`Txt2ImgMHN`.
        vocab_size: ids of words, 0 for padding included.
        text_length: words of a caption with its padding.
        embed_dim: E.
        num_layers: blocks.
        num_heads: of the attention.
        head_dim: width of a head.
        hidden_features: of the MLP, or the number of prototypes.
        mixing: ``"mlp"``, or ``"prototypes"`` in its place.
        association: ``"attention"``, or ``"hopfield"``, whose keys are its values.
        head: ``"linear"`` after a layer norm, or ``"mhn"``: prototypes.
        num_prototypes: of the output layer ``"mhn"``.
        dropout: of the residual branches.
        text_dropout: as in :class:`Txt2ImgMHN`.
        words: as in :class:`Txt2ImgMHN`.

    Shapes:
        - text: (B, T); image: ids (B, ≤ n) or pixels; output: (B, T + n, V)

    Raises:
        ValueError: for sizes that do not fit and unknown parts.

    Example:
        >>> from neurarium.memory import GreyLevels
        >>> model = TextToImageTransformer(GreyLevels(), 9, text_length=3, embed_dim=8,
        ...                                num_layers=1, num_heads=2, head_dim=4)
        >>> model(torch.ones(2, 3, dtype=torch.int64)).shape
        torch.Size([2, 4, 28])
    """

    def __init__(
        self,
        tokenizer: nn.Module,
        vocab_size: int,
        *,
        text_length: int = 40,
        embed_dim: int = 512,
        num_layers: int = 10,
        num_heads: int = 8,
        head_dim: int = 48,
        hidden_features: int | None = None,
        mixing: str = "mlp",
        association: str = "attention",
        head: str = "linear",
        num_prototypes: int = 1000,
        dropout: float = 0.1,
        text_dropout: float = 0.0,
        words: Sequence[str] | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        factory: dict[str, Any] = {"device": device, "dtype": dtype}
        super().__init__(
            tokenizer,
            vocab_size,
            text_length=text_length,
            embed_dim=embed_dim,
            text_dropout=text_dropout,
            words=words,
            **factory,
        )
        require_count("num_layers", num_layers)
        hidden = 4 * embed_dim if hidden_features is None else hidden_features
        for name, value, known in (
            ("mixing", mixing, MIXINGS),
            ("association", association, ASSOCIATIONS),
            ("head", head, HEADS),
        ):
            if value not in known:
                raise ValueError(f"{name} must be one of {', '.join(known)}: got {value!r}")

        def block(depth: int) -> nn.Module:
            kind: Any = CausalAttention if association == "attention" else HopfieldSelfAssociation
            attend = kind(embed_dim, num_heads, head_dim=head_dim, dropout=dropout, **factory)
            mix: nn.Module = (
                MLPBranch(embed_dim, hidden, dropout=dropout, **factory)
                if mixing == "mlp"
                else PrototypeLayer(embed_dim, hidden, dropout=dropout, **factory)
            )
            scale = initial_scale(depth)
            branches = (ScaledBranch(embed_dim, part, scale, **factory) for part in (attend, mix))
            return AttentionBlock(*branches)

        self.blocks = nn.ModuleList(block(depth) for depth in range(1, num_layers + 1))
        self.head = (
            LinearHead(embed_dim, self.num_tokens, **factory)
            if head == "linear"
            else PrototypeHead(embed_dim, num_prototypes, self.num_tokens, **factory)
        )
        self.reset_parameters()


class AttentionBlock(nn.Module):
    """Attention, then a network of every element by itself."""

    def __init__(self, association: ScaledBranch, mixing: ScaledBranch) -> None:
        super().__init__()
        self.association, self.mixing = association, mixing

    def reset_parameters(self) -> None:
        """As its branches."""
        self.association.reset_parameters()
        self.mixing.reset_parameters()

    def forward(self, x: Float[Tensor, "B L E"]) -> Float[Tensor, "B L E"]:
        """A whole sequence."""
        return self.mixing(self.association(x))

    def init_memory(self, batch_size: int, length: int) -> Tensor:
        """Room for what the attention stores."""
        layer: Any = self.association.layer
        return layer.init_memory(batch_size, length)

    def remember(self, x: Tensor, memory: Tensor, start: int) -> Tensor:
        """New elements of a sequence; the memory is extended in place."""
        return self.mixing(self.association.remember(x, memory, start))


class CausalAttention(nn.Module):
    """Causal attention; its memory holds keys and values side by side."""

    def __init__(
        self, embed_dim: int, num_heads: int, *, head_dim: int, dropout: float, **factory: Any
    ) -> None:
        super().__init__()
        self.num_heads, self.head_dim, self.dropout = num_heads, head_dim, dropout
        self.qkv = nn.Linear(embed_dim, 3 * num_heads * head_dim, bias=False, **factory)
        self.out = nn.Linear(num_heads * head_dim, embed_dim, **factory)

    def forward(self, x: Float[Tensor, "B L E"]) -> Float[Tensor, "B L E"]:
        """A whole sequence."""
        query, key, value = self._project(x)
        return self._merge(F.scaled_dot_product_attention(query, key, value, is_causal=True))

    def init_memory(self, batch_size: int, length: int) -> Tensor:
        """Room for keys and values."""
        shape = (batch_size, self.num_heads, length, 2 * self.head_dim)
        return self.qkv.weight.new_empty(shape)

    def remember(self, x: Tensor, memory: Tensor, start: int) -> Tensor:
        """As :meth:`HopfieldSelfAssociation.remember`."""
        end = start + x.shape[1]
        query, key, value = self._project(x)
        memory[:, :, start:end] = torch.cat([key, value], -1)
        keys, values = memory[:, :, :end].chunk(2, -1)
        return self._merge(
            F.scaled_dot_product_attention(query, keys, values, is_causal=not start and end > 1)
        )

    def _project(self, x: Tensor) -> tuple[Tensor, ...]:
        split = self.qkv(x).unflatten(-1, (3, self.num_heads, self.head_dim))
        return split.permute(2, 0, 3, 1, 4).unbind(0)

    def _merge(self, heads: Tensor) -> Tensor:
        out = self.out(heads.transpose(1, 2).flatten(2))
        return F.dropout(out, self.dropout, self.training)


class MLPBranch(nn.Module):
    """A hidden layer with GELU."""

    def __init__(self, embed_dim: int, hidden: int, *, dropout: float, **factory: Any) -> None:
        super().__init__()
        self.dropout = dropout
        self.expand = nn.Linear(embed_dim, hidden, **factory)
        self.contract = nn.Linear(hidden, embed_dim, **factory)

    def forward(self, x: Float[Tensor, "B L E"]) -> Float[Tensor, "B L E"]:
        """Every element by itself."""
        out = self.contract(F.gelu(self.expand(x)))
        return F.dropout(out, self.dropout, self.training)


class LinearHead(nn.Module):
    """Layer norm, then logits by a linear map."""

    def __init__(self, embed_dim: int, num_tokens: int, **factory: Any) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(embed_dim, **factory)
        self.out = nn.Linear(embed_dim, num_tokens, **factory)

    def reset_parameters(self) -> None:
        """PyTorch's."""
        self.norm.reset_parameters()
        self.out.reset_parameters()

    def forward(self, x: Float[Tensor, "B L E"]) -> Float[Tensor, "B L V"]:
        """Logits of all tokens."""
        return self.out(self.norm(x))

    def columns(self, first: int) -> Callable[[Tensor], Tensor]:
        """A function for the logits from ``first`` on."""
        weight, bias = self.out.weight[first:], self.out.bias[first:]
        return lambda x: F.linear(self.norm(x), weight, bias)
