"""The vision transformer, with halves of its blocks that can be exchanged.

An Image is Worth 16×16 Words (https://arxiv.org/abs/2010.11929), started as in DeiT
(https://arxiv.org/abs/2012.12877).
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from neurarium.baselines.transformer import Factory, TransformerBlock

START_STD = 0.02


class VisionTransformer(nn.Module):
    """Patches of an image and a class token through transformer blocks.

    `An Image is Worth 16x16 Words <https://arxiv.org/abs/2010.11929>`_, pre-norm, with learned
    positions. Linear maps start from a normal distribution of deviation 0.02, cut off at two
    deviations; what ``attention`` and ``mlp`` make starts as it was made.

    Args:
        image_size: height and width of the images.
        patch_size: must divide ``image_size``.
        num_classes: width of the output.
        embed_dim: E.
        num_layers: blocks.
        num_heads: H, must divide E.
        in_channels: of the images.
        mlp_ratio: hidden width of the MLPs over E.
        attention: makes the attention of a block; see :class:`TransformerBlock`.
        mlp: makes the MLP of a block.
        drop_path: probability of skipping a branch in the last block; it grows from 0.
        dropout: of the embedded patches.

    Shapes:
        - images: (B, C, H, W); output: (B, num_classes)

    Raises:
        TypeError: for images that are not floating point.
        ValueError: for sizes and shapes that do not fit.

    Example:
        >>> model = VisionTransformer(8, 4, 10, embed_dim=16, num_layers=2, num_heads=2)
        >>> model(torch.rand(3, 3, 8, 8)).shape, model.num_tokens
        (torch.Size([3, 10]), 5)
    """

    def __init__(
        self,
        image_size: int,
        patch_size: int,
        num_classes: int,
        *,
        embed_dim: int,
        num_layers: int,
        num_heads: int = 3,
        in_channels: int = 3,
        mlp_ratio: float = 4.0,
        attention: Factory | None = None,
        mlp: Factory | None = None,
        drop_path: float = 0.0,
        dropout: float = 0.0,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        sizes = (image_size, patch_size, num_classes, embed_dim, num_layers, in_channels)
        if min(sizes) < 1:
            raise ValueError(
                "image_size, patch_size, num_classes, embed_dim, num_layers, in_channels must be "
                f">= 1: got {', '.join(map(str, sizes))}"
            )
        if image_size % patch_size:
            raise ValueError(
                f"patch_size must divide image_size: got {patch_size} and {image_size}"
            )
        factory: dict[str, Any] = {"device": device, "dtype": dtype}
        self.image_size, self.in_channels = image_size, in_channels
        self.num_tokens = (image_size // patch_size) ** 2 + 1
        self.patches = nn.Conv2d(in_channels, embed_dim, patch_size, patch_size, **factory)
        self.class_token = nn.Parameter(torch.empty(1, 1, embed_dim, **factory))
        self.positions = nn.Parameter(torch.empty(1, self.num_tokens, embed_dim, **factory))
        self.dropout = nn.Dropout(dropout)
        self._given = tuple(
            half for half, made in (("attention", attention), ("mlp", mlp)) if made is not None
        )
        self.blocks = nn.ModuleList(
            TransformerBlock(
                embed_dim,
                num_heads,
                mlp_ratio=mlp_ratio,
                attention=attention,
                mlp=mlp,
                drop_path=drop_path * index / max(1, num_layers - 1),
                **factory,
            )
            for index in range(num_layers)
        )
        self.norm = nn.LayerNorm(embed_dim, **factory)
        self.head = nn.Linear(embed_dim, num_classes, **factory)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """DeiT's start; halves that were given are asked to start anew."""
        nn.init.trunc_normal_(self.class_token, std=START_STD)
        nn.init.trunc_normal_(self.positions, std=START_STD)
        given: set[nn.Module] = set()
        for block in self.blocks:
            for half in self._given:
                module: Any = getattr(block, half)
                if hasattr(module, "reset_parameters"):
                    module.reset_parameters()
                given.update(module.modules())
        for module in self.modules():
            if module in given:
                continue
            if isinstance(module, nn.Linear | nn.Conv2d):
                nn.init.trunc_normal_(module.weight, std=START_STD)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
            elif isinstance(module, nn.LayerNorm):
                module.reset_parameters()

    def forward(self, images: Float[Tensor, "B C H W"]) -> Float[Tensor, "B classes"]:
        """Logits of the class token."""
        if not images.is_floating_point():
            raise TypeError(f"images must be floating point: got {images.dtype}; divide by 255")
        wanted = (self.in_channels, self.image_size, self.image_size)
        if images.ndim != 4 or tuple(images.shape[1:]) != wanted:
            raise ValueError(
                f"images must be (B, {', '.join(map(str, wanted))}): got shape {list(images.shape)}"
            )
        patches = self.patches(images).flatten(2).mT
        x = torch.cat([self.class_token.expand(len(images), -1, -1), patches], 1)
        x = self.dropout(x + self.positions)
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x)[:, 0])
