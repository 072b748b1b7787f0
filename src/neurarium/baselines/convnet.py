"""A small convolutional network for small images, in the manner of VGG (arXiv 1409.1556)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn


class ConvNet(nn.Module):
    """3 × 3 convolutions, each with batch norm, ReLU and a maximum over 2 × 2; then logits.

    The last maps are averaged to a grid of fixed size, so that images of any size will do.

    Args:
        in_channels: of the images.
        num_classes: logits.
        channels: of each convolution; an image must have 2^len(channels) pixels a side at least.
        grid_size: rows and columns that the logits are read from.

    Shapes:
        - images: (B, in_channels, H, W); output: (B, num_classes)

    Raises:
        ValueError: for counts below 1.

    Example:
        >>> ConvNet(1, 10, (8, 16))(torch.rand(2, 1, 28, 28)).shape
        torch.Size([2, 10])
    """

    def __init__(
        self,
        in_channels: int,
        num_classes: int,
        channels: Sequence[int] = (16, 32, 64),
        *,
        grid_size: int = 2,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        if not channels or min(in_channels, num_classes, grid_size, *channels) < 1:
            raise ValueError(
                "in_channels, num_classes, channels and grid_size must be at least 1: got "
                f"{in_channels}, {num_classes}, {list(channels)} and {grid_size}"
            )
        factory: dict[str, Any] = {"device": device, "dtype": dtype}
        layers: list[nn.Module] = []
        for before, after in zip((in_channels, *channels), channels, strict=False):
            layers += [
                nn.Conv2d(before, after, 3, padding=1, bias=False, **factory),
                nn.BatchNorm2d(after, **factory),
                nn.ReLU(),
                nn.MaxPool2d(2),
            ]
        self.layers = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(grid_size))
        self.out = nn.Linear(channels[-1] * grid_size**2, num_classes, **factory)

    def features(self, images: Float[Tensor, "B C H W"]) -> Float[Tensor, "B F"]:
        """What the logits are read from."""
        return self.layers(images).flatten(1)

    def forward(self, images: Float[Tensor, "B C H W"]) -> Float[Tensor, "B K"]:
        """Logits."""
        return self.out(self.features(images))
