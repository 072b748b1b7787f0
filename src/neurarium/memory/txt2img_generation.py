"""Sampling of image tokens (arXiv 2208.04441), one after the other, from what the blocks remember.

The released code runs the whole growing sequence through all blocks for every token and computes
logits of all its rows. Here every block keeps what it stored of earlier elements, so that a token
costs one row; texts are read once for all their images.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

if TYPE_CHECKING:
    from neurarium.memory.txt2img_sequence import TextToImage


class Sampling(NamedTuple):
    """How tokens are chosen; see :meth:`Txt2ImgMHN.generate`."""

    num_images: int
    top_k_filter: float
    temperature: float
    guidance: float
    greedy: bool
    generator: torch.Generator | None


def filter_logits(
    logits: Float[Tensor, "... K"], share: float, num_logits: int | None = None
) -> Float[Tensor, "... K"]:
    """Rule all but the highest logits out: max(⌊(1 − share) · V⌋, 1) are kept.

    Args:
        logits: of the tokens that are possible.
        share: of the logits that are ruled out.
        num_logits: V, where there are others that are not possible but count.

    Example:
        >>> filter_logits(torch.tensor([[3.0, 1.0, 2.0, 0.0]]), 0.5)
        tensor([[3., -inf, 2., -inf]])
    """
    size = logits.shape[-1]
    total = size if num_logits is None else num_logits
    kept = min(max(int((1 - share) * total), 1), size)
    values, places = logits.topk(kept)
    return torch.full_like(logits, -torch.inf).scatter(-1, places, values)


def choose(logits: Float[Tensor, "B K"], settings: Sampling, num_logits: int) -> Int[Tensor, "B 1"]:
    """One image token a row: the largest logit after Gumbel noise, which is a sample."""
    if settings.guidance != 1:
        given, without = logits.chunk(2)
        logits = without + (given - without) * settings.guidance
    if settings.greedy:
        return logits.argmax(-1, keepdim=True)
    logits = filter_logits(logits, settings.top_k_filter, num_logits) / settings.temperature
    noise = torch.empty_like(logits).exponential_(generator=settings.generator).log()
    return (logits - noise).argmax(-1, keepdim=True)


def sample_ids(
    model: TextToImage, text: Int[Tensor, "B T"], settings: Sampling, *, use_cache: bool
) -> Int[Tensor, "M n"]:
    """Ids of ``num_images`` images of each text, one image a row."""
    twice = settings.guidance != 1
    with torch.inference_mode():
        if twice:
            text = torch.cat([text, torch.zeros_like(text)])
        rows = SequenceMemory(model, text, settings.num_images) if use_cache else None
        repeated = text.repeat_interleave(settings.num_images, 0)
        ids = text.new_empty(len(repeated) // (1 + twice), 0)
        while ids.shape[1] < model.num_image:
            both = torch.cat([ids, ids]) if twice else ids
            logits = _from_scratch(model, repeated, both) if rows is None else rows.logits(both)
            ids = torch.cat([ids, choose(logits, settings, model.num_tokens)], 1)
    return ids.clone()  # outside, so that it may be learned from


def _from_scratch(model: TextToImage, text: Tensor, ids: Tensor) -> Float[Tensor, "M K"]:
    """Logits of the next image token from the whole sequence so far."""
    return model(text, ids)[:, -1, model.num_text :]


class SequenceMemory:
    """Logits of the next image token from what the blocks remember.

    Args:
        model: whose blocks these are.
        text: read at once.
        num_images: of each text.
    """

    def __init__(self, model: TextToImage, text: Tensor, num_images: int) -> None:
        self.model, self.length = model, text.shape[1] + 1
        rows, room = len(text) * num_images, self.length + model.num_image - 1
        self.memories: list[Tensor] = []
        x = model.embed(text, text.new_empty(len(text), 0))
        for block in self._blocks:
            read = block.init_memory(len(text), self.length)
            x = block.remember(x, read, 0)
            memory = block.init_memory(rows, room)
            memory[:, :, : self.length] = read.repeat_interleave(num_images, 0)
            self.memories.append(memory)
        self.last = x[:, -1:].repeat_interleave(num_images, 0)
        self.places = model.image_positions.table()
        head: Any = model.head
        self.head = head.columns(model.num_text)

    @property
    def _blocks(self) -> list[Any]:
        return list(self.model.blocks)

    def logits(self, ids: Int[Tensor, "M t"]) -> Float[Tensor, "M K"]:
        """Of the token after these, the last of which is new."""
        if ids.shape[1]:
            position = ids.shape[1] - 1
            x = self.model.image_embedding(ids[:, -1:]) + self.places[position]
            for block, memory in zip(self._blocks, self.memories, strict=True):
                x = block.remember(x, memory, self.length + position)
            self.last = x
        return self.head(self.last[:, 0])
