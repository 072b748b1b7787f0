"""The residual network for small images: Deep Residual Learning (arXiv 1512.03385), Section 4.2."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F


class ResidualBlock(nn.Module):
    """Two 3 × 3 convolutions with batch norm, and a shortcut without parameters (option A).

    Where the stride or the width changes, the shortcut takes every other pixel and pads channels
    with zeros on both sides.

    Args:
        in_channels: of the input.
        out_channels: of the output.
        stride: of the first convolution.
        rezero: scale the residual branch by one number that starts at 0
            (https://arxiv.org/abs/2003.04887).
        bias: of the convolutions.

    Shapes:
        - x: (B, in_channels, H, W); output: (B, out_channels, H / stride, W / stride)

    Example:
        >>> ResidualBlock(4, 8, stride=2)(torch.randn(2, 4, 6, 6)).shape
        torch.Size([2, 8, 3, 3])
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        stride: int = 1,
        rezero: bool = False,
        bias: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        factory: dict[str, Any] = {"device": device, "dtype": dtype}
        shape: dict[str, Any] = {"padding": 1, "bias": bias, **factory}
        self.stride, self.padded = stride, out_channels // 4
        self.changes = stride != 1 or in_channels != out_channels
        if self.changes and in_channels + 2 * self.padded != out_channels:
            raise ValueError(
                "out_channels must be in_channels or twice as many, and even halves: got "
                f"{in_channels} and {out_channels}"
            )
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride=stride, **shape)
        self.norm1 = nn.BatchNorm2d(out_channels, **factory)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, **shape)
        self.norm2 = nn.BatchNorm2d(out_channels, **factory)
        self.scale = nn.Parameter(torch.zeros(1, **factory)) if rezero else None

    def reset_parameters(self) -> None:
        """Kaiming normal convolutions, ordinary norms, and a scale of 0."""
        for module in (self.conv1, self.conv2, self.norm1, self.norm2):
            module.reset_parameters()
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight)
        if self.scale is not None:
            nn.init.zeros_(self.scale)

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B out height width"]:
        """Residual branch plus shortcut, then ReLU."""
        branch = F.relu(self.norm1(self.conv1(x)))
        branch = self.norm2(self.conv2(branch))
        if self.scale is not None:
            branch = self.scale * branch
        if self.changes:
            every = x[:, :, :: self.stride, :: self.stride]
            x = F.pad(every, (0, 0, 0, 0, self.padded, self.padded))
        return F.relu(branch + x)


class ResNet(nn.Module):
    """Three stages of residual blocks at full, half and quarter resolution; then logits.

    Args:
        in_channels: of the images.
        num_classes: logits.
        num_layers: 6 n + 2, as in ResNet-20.
        width: channels of the first stage, a multiple of 2; then twice and four times as many.
        rezero: scale every residual branch by a number that starts at 0.
        bias: of the convolutions in blocks.

    Shapes:
        - images: (B, in_channels, H, W); output: (B, num_classes)

    Raises:
        ValueError: for a number of layers that is not 6 n + 2, and counts below 1.

    Example:
        >>> ResNet(3, 10, num_layers=8, width=8)(torch.rand(2, 3, 16, 16)).shape
        torch.Size([2, 10])
    """

    def __init__(
        self,
        in_channels: int,
        num_classes: int,
        *,
        num_layers: int = 20,
        width: int = 16,
        rezero: bool = False,
        bias: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        if min(in_channels, num_classes, width) < 1 or width % 2:
            raise ValueError(
                "in_channels, num_classes and width must be at least 1, and width even: got "
                f"{in_channels}, {num_classes} and {width}"
            )
        if num_layers < 8 or num_layers % 6 != 2:
            raise ValueError(f"num_layers must be 6 n + 2: got {num_layers}")
        factory: dict[str, Any] = {"device": device, "dtype": dtype}
        self.stem = nn.Conv2d(in_channels, width, 3, padding=1, bias=False, **factory)
        self.norm = nn.BatchNorm2d(width, **factory)
        blocks: list[nn.Module] = []
        before = width
        for stage, channels in enumerate((width, 2 * width, 4 * width)):
            for place in range((num_layers - 2) // 6):
                stride = 2 if stage and not place else 1
                block = ResidualBlock(
                    before, channels, stride=stride, rezero=rezero, bias=bias, **factory
                )
                blocks.append(block)
                before = channels
        self.blocks = nn.Sequential(*blocks)
        self.out = nn.Linear(before, num_classes, **factory)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Kaiming normal convolutions, ordinary norms and logits."""
        self.stem.reset_parameters()
        nn.init.kaiming_normal_(self.stem.weight)
        self.norm.reset_parameters()
        for block in self.blocks:
            assert isinstance(block, ResidualBlock)
            block.reset_parameters()
        self.out.reset_parameters()

    def forward(self, images: Float[Tensor, "B C H W"]) -> Float[Tensor, "B K"]:
        """Logits."""
        x = F.relu(self.norm(self.stem(images)))
        return self.out(self.blocks(x).mean((2, 3)))
