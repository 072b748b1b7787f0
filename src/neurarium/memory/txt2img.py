"""Txt2Img-MHN: images from text by prototypes and associations.

Xu, Yu, Ghamisi, Kopp, Hochreiter: "Txt2Img-MHN: Remote Sensing Image Generation from Text Using
Modern Hopfield Networks", IEEE TIP 2023, https://arxiv.org/abs/2208.04441. Parts: :mod:`vqvae`
(images as ids), :mod:`txt2img_sequence` (the sequence, its loss, its mask),
:mod:`txt2img_prototypes`, :mod:`txt2img_association`, :mod:`txt2img_block`,
:mod:`txt2img_generation` (sampling), :mod:`txt2img_words` (captions of one's own).
"""

# No postponed annotations: the Hub mixin looks at the type of ``tokenizer`` to read it back.
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import PyTorchModelHubMixin
from jaxtyping import Float, Int, Shaped
from torch import Tensor, nn

from neurarium.memory.arguments import require_count
from neurarium.memory.grey_levels import GreyLevels
from neurarium.memory.txt2img_block import PrototypeBlock
from neurarium.memory.txt2img_prototypes import PrototypeHead
from neurarium.memory.txt2img_sequence import TextToImage
from neurarium.memory.vqvae import VQVAE

TOKENIZERS: dict[str, type[nn.Module]] = {"VQVAE": VQVAE, "GreyLevels": GreyLevels}


def _describe(tokenizer: Any) -> Any:
    """What a tokenizer is made with, as JSON values; one of another class cannot be saved."""
    name = type(tokenizer).__name__
    return {"class": name, **tokenizer.config} if TOKENIZERS.get(name) else tokenizer


def _build(config: dict[str, Any]) -> nn.Module:
    """The tokenizer that was described; its weights follow with the model's."""
    return TOKENIZERS[config["class"]](**{k: v for k, v in config.items() if k != "class"})


class Txt2ImgMHN(TextToImage, PyTorchModelHubMixin, coders={nn.Module: (_describe, _build)}):
    r"""Generates images from captions with prototypes one can look at.

    `Txt2Img-MHN <https://arxiv.org/abs/2208.04441>`_. On the sequence <bos>, text, image tokens

    .. math:: x \leftarrow x + s_1\, \mathrm{softmax}(\beta\, \mathrm{LN}(x) W_l^\top)\, W_c, \quad
              x \leftarrow x + s_2\, \mathrm{Assoc}(\mathrm{LN}(x))

    ``num_layers`` times, from coarse prototypes to fine ones; then the last prototypes, whose
    contents are logits of all tokens, and a layer norm over these. There is no feed-forward network
    and no value projection: what is stored is what is retrieved. Train it by :meth:`loss`, on
    images or on their ids; then :meth:`generate`.

    Args:
        tokenizer: makes ids of images and images of ids: a trained :class:`VQVAE`, or any module
            with ``num_codes``, ``grid_size``, ``encode`` and ``decode``. It is frozen here.
        vocab_size: ids of words, 0 for padding included; with ``words`` they may be left out.
        text_length: T, words of a caption with its padding.
        embed_dim: E.
        num_layers: blocks.
        num_heads: of the associations.
        head_dim: width of a head.
        num_prototypes: of every block and of the output.
        dropout: of the residual branches.
        text_dropout: share of the captions that :meth:`loss` replaces by padding in training;
            guidance needs some, the authors have none.
        words: the vocabulary, from :func:`collect_words`: ``generate`` then takes captions.

    Shapes:
        - text: (B, T); image: ids (B, ≤ n) or pixels (B, C, H, W)
        - output: (B, T + n, vocab_size + T + num_codes), fewer rows for fewer ids

    Raises:
        TypeError: for sizes that are no whole numbers, ids that are none, a tokenizer that is none.
        ValueError: for sizes, ids or pixels that do not fit.
        IndexError: for an id that does not exist.
        RuntimeError: for pixels where the tokenizer is no longer frozen.

    Example:
        >>> from neurarium.memory import collect_words
        >>> captions = ["a bright image", "a dark image"]
        >>> tokenizer = VQVAE(1, 16, 4, image_size=8, num_layers=1, hidden_channels=4)
        >>> model = Txt2ImgMHN(tokenizer, words=collect_words(captions), text_length=4,
        ...                    embed_dim=16, num_layers=2, num_heads=2, head_dim=8,
        ...                    num_prototypes=20)
        >>> images = torch.stack([torch.ones(1, 8, 8), torch.zeros(1, 8, 8)])
        >>> loss = model.loss(model.encode_text(captions), images)
        >>> model.eval().generate("a dark image", num_images=3).shape
        torch.Size([1, 3, 1, 8, 8])
    """

    def __init__(
        self,
        tokenizer: nn.Module,
        vocab_size: int | None = None,
        *,
        text_length: int = 40,
        embed_dim: int = 512,
        num_layers: int = 10,
        num_heads: int = 8,
        head_dim: int = 48,
        num_prototypes: int = 1000,
        dropout: float = 0.1,
        text_dropout: float = 0.0,
        words: Sequence[str] | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        factory: dict[str, Any] = {"device": device, "dtype": dtype}
        if vocab_size is None:
            if words is None:
                raise ValueError("vocab_size must be given unless words are: got None")
            vocab_size = len(words) + 1
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
        self.blocks = nn.ModuleList(
            PrototypeBlock(
                embed_dim,
                num_heads,
                head_dim=head_dim,
                num_prototypes=num_prototypes,
                depth=depth,
                dropout=dropout,
                **factory,
            )
            for depth in range(1, num_layers + 1)
        )
        self.head = PrototypeHead(embed_dim, num_prototypes, self.num_tokens, **factory)
        self.reset_parameters()

    def forward(
        self,
        text: Int[Tensor, "B T"],
        image: Shaped[Tensor, "B ..."] | None = None,
    ) -> Float[Tensor, "B R V"]:
        """Logits of the element after each element, text ids first, then image ids.

        Args:
            text: ids of words, 0 for padding.
            image: pixels (B, C, H, W), or ids (B, n), or the first of them; of all n the last one
                is not read, because nothing follows it.
        """
        return super().forward(text, image)

    @classmethod
    def _load_as_safetensor(  # type: ignore[override]
        cls, model: "Txt2ImgMHN", model_file: str | Path, map_location: str, strict: bool
    ) -> "Txt2ImgMHN":
        """Always strict; precision as in the file."""
        from safetensors.torch import load_file

        state = load_file(model_file, device=map_location)
        model.to(state["text_embedding.weight"].dtype).load_state_dict(state)
        return model

    def lookups(
        self, text: Int[Tensor, "B T"], image: Shaped[Tensor, "B ..."] | None = None
    ) -> Iterator[Float[Tensor, "B R P"]]:
        """How much every prototype takes part, block by block, at last in the output layer."""
        x = self.embed(text, self.image_ids(image, text))
        for block in self.blocks:
            branch: Any = block.prototypes
            yield branch.layer.association(branch.norm(x))
            x = block(x)
        head: Any = self.head
        yield head.prototypes.association(x)
