"""Scenes of one or two coloured digits with captions that leave things out.

The pairs of the comparison of CLIP with CLOOB, "CLOOB: Modern Hopfield Networks with InfoLOOB
Outperform CLIP" (arXiv 2110.11316), in small: a caption that names few attributes lets a model
explain a pair by these alone. Words are in :mod:`~neurarium.data.synthetic.scene_captions`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor
from torch.nn import functional as F

from .scene_captions import COLOURS, encode_captions, scene_captions

SIZE, DIGIT = 32, 14
"""Pixels of a scene and of a digit in it; a quarter of the scene leaves 2 pixels of play."""

PALETTE = (
    (230, 40, 40),
    (40, 190, 60),
    (60, 90, 240),
    (235, 215, 50),
    (225, 60, 215),
    (50, 215, 225),
)
"""Red, green, blue, yellow, magenta, cyan; each channel varies by ±20."""


@dataclass(frozen=True, eq=False)
class DigitScenes:
    """Scenes with captions.

    Args:
        images: uint8 (N, 3, 32, 32).
        tokens: (N, L) words of the captions and an end mark, padded by 0.
        captions: the captions as text.
        attributes: (N, digits, 5): digit, colour, position, thickness, slant, indices into
            ``scene_captions.WORDS``.
    """

    images: UInt8[Tensor, "N 3 32 32"]
    tokens: Int[Tensor, "N L"]
    captions: tuple[str, ...]
    attributes: Int[Tensor, "N digits 5"]

    def __len__(self) -> int:
        return len(self.images)


def measure_strokes(images: np.ndarray) -> Float[Tensor, "n 2"]:
    """Thickness, by the ink of a digit, and slant, by its moments.

    Slant is −μ₁₁ / μ₂₀ with rows as the first axis: how many columns to the right a stroke moves
    for each row upwards.

    Args:
        images: uint8 (n, H, W).

    Example:
        >>> falling = 255 * np.eye(5, dtype=np.uint8)
        >>> measure_strokes(np.stack([falling, falling[::-1]]))
        tensor([[ 5., -1.],
                [ 5.,  1.]])
    """
    ink = torch.from_numpy(images).float() / 255
    total = ink.sum((1, 2)).clamp(min=1e-6)
    rows, columns = (torch.arange(size, dtype=torch.float32) for size in ink.shape[1:])
    by_row, by_column = ink.sum(2), ink.sum(1)
    mean_row, mean_column = by_row @ rows / total, by_column @ columns / total
    spread = by_row @ rows.square() / total - mean_row.square()
    mixed = torch.einsum("nij,i,j->n", ink, rows, columns) / total - mean_row * mean_column
    return torch.stack([total, -mixed / spread.clamp(min=1e-6)], 1)


def stroke_terciles(images: np.ndarray) -> Float[Tensor, "2 2"]:
    """What divides thickness (column 0) and slant (column 1) into three equal classes.

    Args:
        images: uint8 (n, H, W), the digits to learn from.
    """
    return measure_strokes(images).quantile(torch.tensor([1 / 3, 2 / 3]), dim=0)


def digit_scenes(
    images: np.ndarray,
    digits: np.ndarray,
    num_scenes: int,
    *,
    num_digits: int = 2,
    terciles: Float[Tensor, "2 2"] | None = None,
    generator: torch.Generator | None = None,
) -> DigitScenes:
    """Compose scenes of real digits, each used once, in different quarters of the scene.

    Args:
        images: uint8 (n, 28, 28), e.g. ``load("mnist").train``.
        digits: (n,) what they show, 0 … 9.
        num_scenes: N; N · num_digits must not exceed n.
        num_digits: digits in a scene, 1 or 2.
        terciles: limits of the classes of thickness and slant, from :func:`stroke_terciles` of the
            training digits; by default those of ``images``.
        generator: draws digits, colours, places and words.

    Raises:
        TypeError: for images that are not uint8.
        ValueError: for other shapes, labels that are no digits, too few images and counts out of
            range.

    Example:
        >>> images = np.full((8, 28, 28), 255, np.uint8)
        >>> scenes = digit_scenes(images, np.arange(8), 4, generator=torch.Generator())
        >>> scenes.images.shape, scenes.attributes.shape
        (torch.Size([4, 3, 32, 32]), torch.Size([4, 2, 5]))
    """
    _check(images, digits, num_scenes, num_digits)
    drawn = torch.randperm(len(images), generator=generator)[: num_scenes * num_digits].numpy()
    shape = (num_scenes, num_digits)
    limits = stroke_terciles(images) if terciles is None else terciles
    strokes = (measure_strokes(images[drawn])[:, :, None] > limits.T).sum(2).unflatten(0, shape)
    colours = torch.randint(len(COLOURS), shape, generator=generator)
    places = torch.rand(num_scenes, 4, generator=generator).argsort(1)[:, :num_digits]
    shown = torch.from_numpy(digits[drawn]).long().unflatten(0, shape)
    attributes = torch.cat([torch.stack([shown, colours, places], -1), strokes], -1)
    captions = scene_captions(attributes, generator=generator)
    pictures = _compose(images[drawn], colours, places, generator)
    return DigitScenes(pictures, encode_captions(captions), captions, attributes)


def _check(images: np.ndarray, digits: np.ndarray, num_scenes: int, num_digits: int) -> None:
    if images.dtype != np.uint8:
        raise TypeError(f"images must be uint8: got {images.dtype}")
    if images.ndim != 3 or images.shape[1:] != (2 * DIGIT, 2 * DIGIT):
        raise ValueError(f"images must have shape (n, 28, 28): got {list(images.shape)}")
    if digits.shape != (len(images),) or digits.min() < 0 or digits.max() > 9:
        raise ValueError("digits must hold one number from 0 to 9 for each image")
    if num_digits not in (1, 2):
        raise ValueError(f"num_digits must be 1 or 2: got {num_digits}")
    if not 1 <= num_scenes * num_digits <= len(images):
        raise ValueError(
            f"num_scenes must be at least 1 and need at most {len(images)} digits: got "
            f"{num_scenes} scenes of {num_digits}"
        )


def _compose(
    digits: np.ndarray, colours: Tensor, places: Tensor, generator: torch.Generator | None
) -> UInt8[Tensor, "N 3 32 32"]:
    """Digits at half their size in their quarters, over a dark background."""
    num_scenes, num_digits = places.shape
    small = F.avg_pool2d(torch.from_numpy(digits).float().unsqueeze(1) / 255, 2).squeeze(1)
    small = small.unflatten(0, (num_scenes, num_digits))
    corner = torch.stack([places // 2, places % 2], -1) * (SIZE // 2)
    corner = corner + torch.randint(SIZE // 2 - DIGIT + 1, corner.shape, generator=generator)
    jitter = torch.randint(-20, 21, (num_scenes, num_digits, 3), generator=generator)
    paint = (torch.tensor(PALETTE)[colours] + jitter).clamp(0, 255).float()
    background = torch.randint(60, (num_scenes, 3, 1, 1), generator=generator).float()
    scenes = background.expand(-1, -1, SIZE, SIZE).clone()
    scene = torch.arange(num_scenes)[:, None, None]
    span = torch.arange(DIGIT)
    for index in range(num_digits):  # at most two
        ink = torch.zeros(num_scenes, SIZE, SIZE)
        rows, columns = (corner[:, index, axis, None] + span for axis in (0, 1))
        ink[scene, rows[:, :, None], columns[:, None, :]] = small[:, index]
        scenes += ink.unsqueeze(1) * (paint[:, index, :, None, None] - background)
    return scenes.round().to(torch.uint8)
