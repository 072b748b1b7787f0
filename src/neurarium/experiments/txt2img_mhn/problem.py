"""Captioned digits of one seed, as pixels and as ids of words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from neurarium.data.containers import Images
from neurarium.data.load import entry, load
from neurarium.data.synthetic import captioned_digits, digit_terciles
from neurarium.engine import derived_generator
from neurarium.memory.txt2img_words import encode_words, split_words

from .config import Config

MULTIPLE = 8
"""Images are padded by zeros to the next multiple of so many pixels a side."""


@dataclass(frozen=True, eq=False)
class Part:
    """Captioned images.

    Args:
        images: (N, 1, S, S) in [0, 1].
        text: (N, T) ids of words.
        attributes: (N, 4): digit, thickness, slant, size.
        unseen: (N,), True where training never shows the combination of attributes.
    """

    images: Tensor
    text: Tensor
    attributes: Tensor
    unseen: Tensor

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, rows: Any) -> Part:
        return Part(self.images[rows], self.text[rows], self.attributes[rows], self.unseen[rows])


@dataclass(frozen=True, eq=False)
class Problem:
    """What a method is given.

    Args:
        config: sizes.
        tokenizer: of the images, trained and frozen.
        words: the vocabulary; ids begin at 1.
        train: to learn from.
        ids: image tokens of ``train``, (N, n).
        seed: of the cell.
    """

    config: Config
    tokenizer: nn.Module
    words: tuple[str, ...]
    train: Part
    ids: Tensor
    seed: int


def datasets(config: Config) -> Mapping[str, Callable[[], Images]]:
    """Name → loader of images of ten classes."""
    return {
        name: _small_digits if name == "digits" else partial(load, entry(name).name)
        for name in config.datasets
    }


def _small_digits() -> Images:
    """scikit-learn's 8 × 8 digits; the last third is the test set."""
    from sklearn.datasets import load_digits

    found = load_digits()
    grey = (found.images * (255 / 16)).round().astype(np.uint8)
    labels = found.target.astype(np.int64)
    cut = 2 * len(grey) // 3
    names = tuple("0123456789")
    return Images("digits", grey[:cut], labels[:cut], grey[cut:], labels[cut:], names)


def vocabulary() -> tuple[str, ...]:
    """All words that captions of digits may hold."""
    from neurarium.data.synthetic.captioned_digits import SENTENCES, WORDS

    told = [word for values in WORDS.values() for synonyms in values for word in synonyms]
    plain = [s.format(**dict.fromkeys(WORDS, "")) for s in SENTENCES]
    return tuple(sorted({word for text in (*told, *plain) for word in split_words(text)}))


def parts_of(data: Images, config: Config, seed: int) -> dict[str, Part]:
    """Training, validation and test images with captions drawn for this seed.

    Combinations that are left out are taken from training and validation, never from the test.
    """
    order = np.random.default_rng(0).permutation(len(data.train))
    validation, train = order[: config.num_validation], order[config.num_validation :]
    train = train[: config.num_train]
    terciles = digit_terciles(data.train[train])
    generator = derived_generator(seed)
    chosen = {
        "train": (data.train[train], data.train_labels[train]),
        "validation": (data.train[validation], data.train_labels[validation]),
        "test": (data.test[: config.num_test], data.test_labels[: config.num_test]),
    }
    words, parts = vocabulary(), {}
    for name, (images, labels) in chosen.items():
        found = captioned_digits(images, labels, terciles=terciles, generator=generator)
        text = encode_words(found.captions, words, config.text_length)
        unseen = torch.isin(combination(found.attributes), _left_out(config))
        part = Part(_padded(found.images), text, found.attributes, unseen)
        parts[name] = part if name == "test" else part[~unseen]
    return parts


def combination(attributes: Tensor) -> Tensor:
    """One number for digit, thickness, slant and size, below 270."""
    return attributes @ torch.tensor([27, 9, 3, 1])


def _left_out(config: Config) -> Tensor:
    drawn = torch.randperm(270, generator=derived_generator(270))
    return drawn[: config.num_unseen]


def _padded(images: Tensor) -> Tensor:
    missing = -images.shape[-1] % MULTIPLE
    low, high = missing // 2, missing - missing // 2
    return F.pad(images.float().unsqueeze(1) / 255, (low, high, low, high))
