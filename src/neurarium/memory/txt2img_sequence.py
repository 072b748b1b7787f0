"""The sequence <bos>, text, image tokens of DALL-E and of Txt2Img-MHN, whatever its blocks are.

Txt2Img-MHN, https://arxiv.org/abs/2208.04441, Sec. III. Row p predicts element p + 1. Each padding
of the text has an id of its own, vocab_size + its place; image places are told by a row and a
column vector. Text rows may predict text alone, image rows image tokens alone, and only the image
tokens are learned.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor, nn
from torch.nn import functional as F

from neurarium.memory.arguments import require_count, require_tensor
from neurarium.memory.txt2img_checks import (
    check_frozen,
    check_ids,
    check_sampling,
    check_share,
    check_tokenizer,
    check_words,
)
from neurarium.memory.txt2img_generation import Sampling, sample_ids
from neurarium.memory.txt2img_positions import AxialPositionalEmbedding
from neurarium.memory.txt2img_words import encode_words


class TextToImage(nn.Module):
    """Embeddings, mask, loss and generation; a subclass makes ``blocks`` and ``head``.

    Args:
        tokenizer: makes ids of images; frozen here.
        vocab_size: ids of words, 0 for padding included.
        text_length: T, words of a caption with its padding.
        embed_dim: E.
        text_dropout: share of the captions that training replaces by padding.
        words: the vocabulary, for captions as text.
    """

    def __init__(
        self,
        tokenizer: nn.Module,
        vocab_size: int,
        *,
        text_length: int,
        embed_dim: int,
        text_dropout: float = 0.0,
        words: Sequence[str] | None = None,
        **factory: Any,
    ) -> None:
        super().__init__()
        check_tokenizer(tokenizer)
        sizes = {"vocab_size": vocab_size, "text_length": text_length, "embed_dim": embed_dim}
        for name, size in sizes.items():
            require_count(name, size)
        check_share("text_dropout", text_dropout)
        if words is not None:
            check_words(words, vocab_size)
        self.tokenizer = tokenizer.requires_grad_(False).eval()
        codes: Any = tokenizer
        self.num_codes, self.grid_size = int(codes.num_codes), tuple(codes.grid_size)
        self.num_image = self.grid_size[0] * self.grid_size[1]
        self.vocab_size, self.text_length = vocab_size, text_length
        self.embed_dim, self.text_dropout = embed_dim, text_dropout
        self.words = None if words is None else tuple(words)
        self.num_text = vocab_size + text_length
        self.num_tokens = self.num_text + self.num_codes
        self.text_embedding = nn.Embedding(self.num_text, embed_dim, **factory)
        self.text_positions = nn.Embedding(text_length + 1, embed_dim, **factory)
        self.image_embedding = nn.Embedding(self.num_codes, embed_dim, **factory)
        self.image_positions = AxialPositionalEmbedding(embed_dim, self.grid_size, **factory)
        self.blocks = nn.ModuleList()
        self.head: nn.Module = nn.Identity()

    def reset_parameters(self) -> None:
        """Everything but the tokenizer, which was trained by itself."""
        parts = (self.text_embedding, self.text_positions, self.image_embedding)
        for part in (*parts, self.image_positions, *self.blocks, self.head):
            part.reset_parameters()

    def train(self, mode: bool = True) -> TextToImage:
        """As ever, but the tokenizer stays in evaluation mode."""
        super().train(mode)
        self.tokenizer.eval()
        return self

    def extra_repr(self) -> str:
        """Sizes."""
        return (
            f"vocab_size={self.vocab_size}, text_length={self.text_length}, "
            f"num_codes={self.num_codes}, grid_size={self.grid_size}"
        )

    def encode_text(
        self, captions: str | Sequence[str], *, truncate: bool = False
    ) -> Int[Tensor, "B T"]:
        """Ids of captions, for a model that was given its ``words``.

        Args:
            captions: one text or several.
            truncate: cut off what is longer than ``text_length`` words.
        """
        if self.words is None:
            raise RuntimeError("model must know its vocabulary: build it with words=")
        captions = [captions] if isinstance(captions, str) else captions
        tokens = encode_words(captions, self.words, self.text_length, truncate=truncate)
        return tokens.to(self.text_embedding.weight.device)

    def forward(
        self,
        text: Int[Tensor, "B T"],
        image: Shaped[Tensor, " ..."] | None = None,
    ) -> Float[Tensor, "B R V"]:
        """Logits of the element after each element, text ids first, then image ids.

        Args:
            text: ids of words, 0 for padding.
            image: pixels (B, C, H, W), or ids (B, n), or the first of them; of all n the last one
                is not read, because nothing follows it.
        """
        return self.masked(self.head(self.stream(text, image)))

    def stream(self, text: Tensor, image: Tensor | None = None) -> Float[Tensor, "B R E"]:
        """What the blocks make of the sequence, before the output layer."""
        x = self.embed(text, self.image_ids(image, text))
        for block in self.blocks:
            x = block(x)
        return x

    def masked(self, logits: Float[Tensor, "B R V"]) -> Float[Tensor, "B R V"]:
        """Text rows may not predict image ids, nor image rows text ids."""
        is_text = torch.arange(self.num_tokens, device=logits.device) < self.num_text
        text_row = torch.arange(logits.shape[1], device=logits.device) < self.text_length
        wrong = is_text != text_row.unsqueeze(1)
        return logits.masked_fill(wrong, torch.finfo(logits.dtype).min)

    def loss(
        self,
        text: Int[Tensor, "B T"],
        image: Shaped[Tensor, " ..."],
        *,
        generator: torch.Generator | None = None,
        reduction: str = "mean",
    ) -> Float[Tensor, " ..."]:
        """Cross-entropy of the image tokens in nats; the text is given, not learned.

        Args:
            text: ids of words.
            image: pixels, or all ids.
            generator: draws whose text is left out in training.
            reduction: ``"mean"`` over tokens, or ``"none"``: (B, n).
        """
        ids = self.image_ids(image, text)
        if ids.shape[1] != self.num_image:
            raise ValueError(f"image must have all {self.num_image} ids: got {ids.shape[1]}")
        if self.training and self.text_dropout:
            shape = (len(text), 1)
            kept = torch.rand(shape, generator=generator, device=text.device) >= self.text_dropout
            text = text * kept
        rows = self.stream(text, ids)[:, self.text_length :]
        logits = self.head(rows)[..., self.num_text :]
        logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
        return F.cross_entropy(logits.transpose(1, 2), ids, reduction=reduction)

    def generate(
        self,
        text: Int[Tensor, "B T"] | str | Sequence[str],
        *,
        num_images: int = 1,
        top_k_filter: float = 0.9,
        temperature: float = 1.0,
        guidance: float = 1.0,
        greedy: bool = False,
        use_cache: bool = True,
        return_ids: bool = False,
        truncate: bool = False,
        generator: torch.Generator | None = None,
    ) -> Tensor | tuple[Tensor, Tensor]:
        """Images of captions, token by token; a caption is read once for all its images.

        Args:
            text: ids of words, or captions if the model knows its words.
            num_images: N, of every caption.
            top_k_filter: share of all logits that are ruled out at every step, in [0, 1).
            temperature: divisor of the logits.
            guidance: how far to go beyond what is likely without the text: 1 is the model itself,
                other values need one trained with ``text_dropout``.
            greedy: take the likeliest token instead of sampling.
            use_cache: False computes the whole prefix anew for every token, as the released code
                does: the same tokens, slowly.
            return_ids: also return the ids, (B, N, n).
            truncate: cut off what is longer than ``text_length``.
            generator: of the samples.

        Returns:
            Pixels (B, N, C, H, W) in [0, 1].

        Raises:
            ValueError: for settings out of range, captions that are empty, too long or of unknown
                words, and for guidance where no text was ever dropped.
            RuntimeError: for a model in training mode, a tokenizer that is not frozen, captions
                where no words are known.
        """
        check_sampling(
            num_images, top_k_filter, temperature, guidance, self.text_dropout, self.training
        )
        check_frozen(self.tokenizer)
        if isinstance(text, Tensor):
            tokens = text[..., : self.text_length] if truncate else text
        else:
            tokens = self.encode_text(text, truncate=truncate)
        check_ids("text", tokens, self.vocab_size, self.text_length)
        settings = Sampling(num_images, top_k_filter, temperature, guidance, greedy, generator)
        with torch.no_grad():
            ids = sample_ids(self, tokens.long(), settings, use_cache=use_cache)
            codes: Any = self.tokenizer
            images = codes.decode(ids).unflatten(0, (len(tokens), num_images))
        return (images, ids.unflatten(0, (len(tokens), num_images))) if return_ids else images

    def image_ids(self, image: Tensor | None, text: Tensor) -> Tensor:
        """Ids of an image that may be given as pixels, or not at all."""
        require_tensor("text", text)
        if image is None:
            return text.new_zeros(len(text) if text.ndim else 0, 0, dtype=torch.int64)
        require_tensor("image", image)
        if image.is_floating_point() != (image.ndim == 4):
            hint = "; divide by 255" if image.dtype == torch.uint8 else ""
            raise TypeError(
                "image must be integer ids or pixels, floating point of 4 dimensions: got "
                f"{image.dtype} of {image.ndim}{hint}"
            )
        if image.ndim == 4:
            check_frozen(self.tokenizer)
            codes: Any = self.tokenizer
            image = codes.encode(image)
        check_ids("image", image, self.num_codes, self.num_image, shorter=True)
        return image.long()

    def embed(self, text: Tensor, ids: Tensor) -> Float[Tensor, "B R E"]:
        """<bos>, text and image tokens as vectors; the last of all image tokens is left out."""
        check_ids("text", text, self.vocab_size, self.text_length)
        if len(ids) != len(text):
            raise ValueError(f"image must have a row for each text: got {len(ids)} and {len(text)}")
        padding = torch.arange(self.vocab_size, self.num_text, device=text.device)
        told = F.pad(torch.where(text == 0, padding, text), (1, 0))  # id 0 is now free for <bos>
        words = self.text_embedding(told) + self.text_positions.weight
        ids = ids[:, : self.num_image - 1]
        return torch.cat([words, self.image_positions(self.image_embedding(ids))], 1)
