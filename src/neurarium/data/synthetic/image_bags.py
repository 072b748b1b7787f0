"""Bags of images, positive where one of them shows a given class.

The MNIST bags of Ilse, Tomczak, Welling, "Attention-based Deep Multiple Instance Learning"
(arXiv 1802.04712).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

MEAN, STD = 0.1307, 0.3081
"""Of MNIST's training pixels."""


@dataclass(frozen=True, eq=False)
class ImageBags:
    """Padded bags of images.

    Args:
        bags: (B, S, 1, H, W), standardised; zeros where there is padding.
        mask: (B, S), True for images.
        labels: (B,), 1 where an image of the bag shows the class that was asked for.
        digits: (B, S), what each image shows; −1 where there is padding.
    """

    bags: Float[Tensor, "B S 1 H W"]
    mask: Bool[Tensor, "B S"]
    labels: Float[Tensor, " B"]
    digits: Int[Tensor, "B S"]


def mnist_bags(
    images: np.ndarray,
    digits: np.ndarray,
    num_bags: int,
    *,
    target: int = 9,
    mean_length: float = 10.0,
    std_length: float = 2.0,
    generator: torch.Generator | None = None,
) -> ImageBags:
    """Draw bags from labelled images, with replacement.

    Args:
        images: uint8 (n, H, W), e.g. ``load("mnist").train``.
        digits: (n,), what they show, e.g. ``load("mnist").train_labels``.
        num_bags: B.
        target: the class that makes a bag positive.
        mean_length: of the normal distribution of bag lengths, which are rounded, at least 1.
        std_length: its standard deviation.
        generator: draws lengths and images.

    Raises:
        TypeError: for images that are not uint8.
        ValueError: for ``num_bags`` < 1, and a target that no image shows.

    Example:
        >>> images = np.zeros((100, 28, 28), np.uint8)
        >>> data = mnist_bags(images, np.arange(100) % 10, 5, generator=torch.Generator())
        >>> torch.equal(data.labels, (data.digits == 9).any(1).float())
        True
    """
    if images.dtype != np.uint8:
        raise TypeError(f"images must be uint8: got {images.dtype}")
    if num_bags < 1 or target not in digits:
        raise ValueError(
            f"num_bags must be at least 1 and target among digits: got {num_bags} and {target}"
        )
    lengths = mean_length + std_length * torch.randn(num_bags, generator=generator)
    lengths = lengths.round().long().clamp(min=1)
    mask = torch.arange(int(lengths.max())) < lengths[:, None]
    drawn = torch.randint(len(images), mask.shape, generator=generator)
    pixels = (torch.from_numpy(images[drawn.numpy()]).float() / 255 - MEAN) / STD
    shown = torch.from_numpy(digits[drawn.numpy()]).long().masked_fill(~mask, -1)
    labels = (shown == target).any(1).float()
    return ImageBags((pixels * mask[..., None, None]).unsqueeze(2), mask, labels, shown)
