"""The generators compared: networks of equal size, and two that bound them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from neurarium.data.synthetic.captioned_digits import WORDS
from neurarium.evaluation.budget import match_width
from neurarium.memory import TextToImageTransformer, Txt2ImgMHN

from .problem import Problem


def txt2img_mhn(problem: Problem) -> nn.Module:
    """The paper's model."""
    config = problem.config
    return Txt2ImgMHN(problem.tokenizer, num_prototypes=config.num_prototypes, **_sizes(problem))


def transformer(problem: Problem, **parts: Any) -> nn.Module:
    """A transformer of as many parameters: they settle the width of its hidden layer."""
    sizes = _sizes(problem)

    def build(hidden: int) -> nn.Module:
        return TextToImageTransformer(problem.tokenizer, hidden_features=hidden, **sizes, **parts)

    def trained(hidden: int) -> nn.Module:
        model = build(hidden)
        del model.tokenizer  # counted by no one
        return model

    return build(match_width(trained, num_parameters(txt2img_mhn(problem))))


def num_parameters(model: nn.Module) -> int:
    """Those that are trained."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def _sizes(problem: Problem) -> dict[str, Any]:
    config = problem.config
    return {
        "vocab_size": len(problem.words) + 1,
        "words": problem.words,
        "text_length": config.text_length,
        "embed_dim": config.embed_dim,
        "num_layers": config.num_layers,
        "num_heads": config.num_heads,
        "head_dim": config.head_dim,
        "dropout": config.dropout,
    }


class CaptionReader(nn.Module):
    """Reads the attributes of captions by the words that the grammar has for them.

    Args:
        words: the vocabulary.
    """

    def __init__(self, words: Sequence[str]) -> None:
        super().__init__()
        place = {word: index + 1 for index, word in enumerate(words)}
        self.told = []  # for each attribute which words tell which value
        for values in WORDS.values():
            told = torch.zeros(len(values), len(words) + 1)
            for row, synonyms in zip(told, values, strict=True):
                row[[place[word] for word in synonyms]] = 1
            self.told.append(told)

    def forward(self, text: Tensor) -> Tensor:
        """Attributes (N, 4)."""
        held = torch.zeros(len(text), self.told[0].shape[1]).scatter_(1, text, 1.0)
        return torch.stack([(held @ told.T).argmax(1) for told in self.told], 1)


class ClassConditional(nn.Module):
    """Every token by itself, given its place and the digit: no context.

    Args:
        problem: counts are taken from its training part.
    """

    def __init__(self, problem: Problem) -> None:
        super().__init__()
        self.reader = CaptionReader(problem.words)
        digits, size = problem.train.attributes[:, 0], problem.config.num_codes
        tokens = nn.functional.one_hot(problem.ids, size).float()  # (N, n, K)
        counts = torch.zeros(10, *tokens.shape[1:]).index_add_(0, digits, tokens)
        self.shares = (counts + 0.1) / (counts + 0.1).sum(-1, keepdim=True)

    def loss(self, text: Tensor, ids: Tensor, *, reduction: str = "mean") -> Tensor:
        """Cross-entropy of the tokens in nats."""
        chances = self.shares[self.reader(text)[:, 0]]
        found = -chances.gather(2, ids[..., None])[..., 0].log()
        return found.mean() if reduction == "mean" else found

    def draw(self, text: Tensor, num_images: int, generator: torch.Generator) -> Tensor:
        """Ids (B, N, n)."""
        chances = self.shares[self.reader(text)[:, 0]]
        drawn = torch.multinomial(
            chances.flatten(0, 1), num_images, replacement=True, generator=generator
        )
        return drawn.unflatten(0, chances.shape[:2]).transpose(1, 2)


class Reconstructions(ClassConditional):
    """The ceiling: tokens of real training images with the attributes of the caption.

    Where no training image has them all, of those that differ in the fewest. The likelihood is
    that of tokens by themselves.
    """

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self.ids, self.attributes = problem.ids, problem.train.attributes

    def draw(self, text: Tensor, num_images: int, generator: torch.Generator) -> Tensor:
        """Ids (B, N, n)."""
        wrong = self.reader(text)[:, None] != self.attributes
        misses = wrong.sum(-1) + 10 * wrong[..., 0]  # never another digit
        nearest = (misses == misses.amin(1, keepdim=True)).float()
        rows = torch.multinomial(nearest, num_images, replacement=True, generator=generator)
        return self.ids[rows]


METHODS: dict[str, Callable[[Problem], nn.Module]] = {
    "txt2img_mhn": txt2img_mhn,
    "dalle": transformer,
    "dalle_prototypes": partial(transformer, mixing="prototypes"),
    "without_prototypes": partial(transformer, association="hopfield"),
    "class_conditional": ClassConditional,
    "reconstructions": Reconstructions,
}
