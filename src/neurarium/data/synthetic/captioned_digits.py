"""Images of single digits with captions that tell what can be measured of them.

For text-to-image models such as Txt2Img-MHN (arXiv 2208.04441): which digit, how thick, how slanted
and how large it is, in eight sentences with synonyms.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from .digit_scenes import measure_strokes
from .scene_captions import WORDS as SCENE_WORDS

WORDS: dict[str, tuple[tuple[str, ...], ...]] = {
    "digit": SCENE_WORDS["digit"],
    "thickness": SCENE_WORDS["thickness"],
    "slant": SCENE_WORDS["slant"],
    "size": (("small", "little"), ("middling", "average"), ("large", "big")),
}
"""Attribute → for each of its values the words that say it."""

SENTENCES = (
    "the {size} {thickness} {slant} {digit}",
    "a {thickness} {digit} of {size} size that is {slant}",
    "an image of the {slant} {size} {digit} in {thickness} strokes",
    "{digit} written {slant} and {size} with {thickness} ink",
    "the digit {digit} {size} {thickness} {slant}",
    "we see the {size} {digit} {thickness} and {slant}",
    "{thickness} {slant} {digit} of {size} size",
    "handwritten {digit} {slant} {thickness} and {size}",
)

INK = 64
"""Grey level from which a pixel counts as ink when the extent of a digit is measured."""


@dataclass(frozen=True, eq=False)
class CaptionedDigits:
    """Images, captions and what they tell.

    Args:
        images: uint8 (N, H, W).
        captions: one for each.
        attributes: (N, 4): digit, thickness, slant, size, indices into ``WORDS``.
    """

    images: UInt8[Tensor, "N H W"]
    captions: tuple[str, ...]
    attributes: Int[Tensor, "N 4"]

    def __len__(self) -> int:
        return len(self.images)


def measure_digits(images: np.ndarray) -> Float[Tensor, "n 3"]:
    """Thickness and slant as of scenes, and size: the area of the box around the ink.

    Args:
        images: uint8 (n, H, W).

    Example:
        >>> measure_digits(255 * np.eye(4, dtype=np.uint8)[None])
        tensor([[ 4., -1., 16.]])
    """
    ink = torch.from_numpy(images) >= INK
    sides = [ink.any(axis) for axis in (2, 1)]
    spans = [
        side.shape[1] - side.float().argmax(1) - side.flip(1).float().argmax(1) for side in sides
    ]
    area = (spans[0] * spans[1] * ink.flatten(1).any(1)).float()
    return torch.cat([measure_strokes(images), area[:, None]], 1)


def digit_terciles(images: np.ndarray) -> Float[Tensor, "2 3"]:
    """What divides thickness, slant and size into three equal classes.

    Args:
        images: uint8 (n, H, W), the digits to learn from.
    """
    return measure_digits(images).quantile(torch.tensor([1 / 3, 2 / 3]), dim=0)


def captioned_digits(
    images: np.ndarray,
    digits: np.ndarray,
    *,
    terciles: Float[Tensor, "2 3"] | None = None,
    generator: torch.Generator | None = None,
) -> CaptionedDigits:
    """Measure digits and tell of each in a sentence.

    Args:
        images: uint8 (n, H, W), e.g. ``load("mnist").train``.
        digits: (n,) what they show, 0 … 9.
        terciles: limits of the classes, from :func:`digit_terciles` of the training digits; by
            default those of ``images``.
        generator: draws sentences and synonyms.

    Raises:
        TypeError: for images that are not uint8.
        ValueError: for other shapes and labels that are no digits.

    Example:
        >>> images = 255 * np.eye(8, dtype=np.uint8)[None].repeat(3, 0)
        >>> drawn = torch.Generator().manual_seed(0)
        >>> captioned_digits(images, np.array([1, 2, 3]), generator=drawn).captions[2]
        'an image of the upright small three in thin strokes'
    """
    if images.dtype != np.uint8:
        raise TypeError(f"images must be uint8: got {images.dtype}")
    if images.ndim != 3 or not len(images):
        raise ValueError(f"images must have shape (n >= 1, H, W): got {list(images.shape)}")
    if digits.shape != (len(images),) or digits.min() < 0 or digits.max() > 9:
        raise ValueError("digits must hold one number from 0 to 9 for each image")
    limits = digit_terciles(images) if terciles is None else terciles
    classes = (measure_digits(images)[:, :, None] > limits.T).sum(2)
    attributes = torch.cat([torch.from_numpy(digits).long()[:, None], classes], 1)
    return CaptionedDigits(
        torch.from_numpy(images), digit_captions(attributes, generator=generator), attributes
    )


def digit_captions(
    attributes: Int[Tensor, "N 4"], *, generator: torch.Generator | None = None
) -> tuple[str, ...]:
    """A sentence for each row of attributes.

    Args:
        attributes: digit, thickness, slant, size.
        generator: draws sentences and synonyms.
    """
    drawn = torch.rand(len(attributes), 1 + len(WORDS), generator=generator).tolist()
    return tuple(
        _pick(SENTENCES, uniform).format(
            **{
                name: _pick(values[value], choice)
                for (name, values), value, choice in zip(WORDS.items(), row, choices, strict=True)
            }
        )
        for row, (uniform, *choices) in zip(attributes.tolist(), drawn, strict=True)
    )


def _pick(options: tuple[str, ...], uniform: float) -> str:
    return options[int(uniform * len(options))]
