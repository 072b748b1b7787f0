"""The Kolmogorov–Arnold transformer: a vision transformer with group-rational MLPs.

KAT (https://arxiv.org/abs/2409.10594), at the speed of FlashKAT (https://arxiv.org/abs/2505.13813).
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from neurarium.baselines import VisionTransformer
from neurarium.baselines.transformer import Attention
from neurarium.neurons.grkan import GRKAN
from neurarium.neurons.strict_loading import StrictHubMixin

SIZES = {"tiny": (192, 12, 3), "small": (384, 12, 6), "base": (768, 12, 12)}
"""Name → width, blocks, heads."""

ATTENTION_STARTS = ("mimetic", None)
QUERY_KEY, VALUE_OUT = (0.7, 0.7), (0.4, -0.4)
"""Shares of noise and of the identity in a mimetic start."""


class KAT(VisionTransformer, StrictHubMixin):
    """A vision transformer whose MLPs are :class:`GRKAN`.

    `Kolmogorov-Arnold Transformer <https://arxiv.org/abs/2409.10594>`_, as computed by
    `FlashKAT <https://arxiv.org/abs/2505.13813>`_. ``neurarium show flashkat`` says what it gains
    over a plain one of the same width, and what an activation costs.

    Args:
        image_size: height and width of the images.
        patch_size: must divide ``image_size``.
        num_classes: width of the output.
        embed_dim: E, a multiple of ``num_groups``.
        num_layers: blocks.
        num_heads: H, must divide E.
        in_channels: of the images.
        mlp_ratio: hidden width of the MLPs over E.
        num_groups: G of the activations.
        init: what the two activations of an MLP start as.
        weight_init: ``"variance"``, or ``"trunc_normal"`` as in released code.
        attention_init: ``"mimetic"`` (https://arxiv.org/abs/2305.09828), or None for DeiT's.
        drop_path: probability of skipping a branch in the last block; it grows from 0.
        dropout: in the MLPs.
        backend: see :func:`group_rational`.

    Shapes:
        - images: (B, C, H, W); output: (B, num_classes)

    Raises:
        TypeError: for images that are not floating point.
        ValueError: for names, sizes and shapes that do not fit.

    Example:
        >>> model = KAT(8, 4, 10, embed_dim=16, num_layers=2, num_heads=2)
        >>> model(torch.rand(3, 3, 8, 8)).shape
        torch.Size([3, 10])
    """

    def __init__(
        self,
        image_size: int = 224,
        patch_size: int = 16,
        num_classes: int = 1000,
        *,
        embed_dim: int = 192,
        num_layers: int = 12,
        num_heads: int = 3,
        in_channels: int = 3,
        mlp_ratio: float = 4.0,
        num_groups: int = 8,
        init: tuple[str, str] = ("identity", "swish"),
        weight_init: str = "variance",
        attention_init: str | None = None,
        drop_path: float = 0.0,
        dropout: float = 0.0,
        backend: str = "auto",
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        if attention_init not in ATTENTION_STARTS:
            raise ValueError(f"attention_init must be 'mimetic' or None: got {attention_init!r}")
        self.attention_init = attention_init
        mlp = partial(
            GRKAN,
            num_groups=num_groups,
            init=init,
            weight_init=weight_init,
            dropout=dropout,
            backend=backend,
        )
        super().__init__(
            image_size,
            patch_size,
            num_classes,
            embed_dim=embed_dim,
            num_layers=num_layers,
            num_heads=num_heads,
            in_channels=in_channels,
            mlp_ratio=mlp_ratio,
            mlp=mlp,
            drop_path=drop_path,
            device=device,
            dtype=dtype,
        )

    def reset_parameters(self) -> None:
        """DeiT's start with the MLPs' own, and attention that resembles a trained one's."""
        super().reset_parameters()
        if self.attention_init == "mimetic":
            for module in self.modules():
                if isinstance(module, Attention):
                    mimic(module)


def kat_vit(size: str = "tiny", **overrides: Any) -> KAT:
    """A :class:`KAT` of a published size for images of 224 × 224 pixels in 1000 classes.

    `Kolmogorov-Arnold Transformer <https://arxiv.org/abs/2409.10594>`_, Table 1.

    Args:
        size: ``"tiny"``, ``"small"`` or ``"base"``.
        **overrides: arguments of :class:`KAT`.

    Raises:
        ValueError: for an unknown size.

    Example:
        >>> model = kat_vit("tiny", device="meta")
        >>> round(sum(p.numel() for p in model.parameters()) / 1e6, 2)
        5.72
    """
    if size not in SIZES:
        raise ValueError(f"size must be one of {', '.join(SIZES)}: got {size!r}")
    embed_dim, num_layers, num_heads = SIZES[size]
    sizes = {"embed_dim": embed_dim, "num_layers": num_layers, "num_heads": num_heads}
    return KAT(**sizes | overrides)


@torch.no_grad()
def mimic(attention: nn.Module) -> None:
    r"""Start attention as trained ones are: tokens attend to themselves, and values are taken off.

    `Mimetic Initialization <https://arxiv.org/abs/2305.09828>`_: for every head
    :math:`W_Q W_K^\top \approx 0.7 Z / \sqrt E + 0.7 I` and
    :math:`W_V W_O \approx 0.4 Z / \sqrt E - 0.4 I`, both by a singular value decomposition cut to
    the rank that the weights have.

    Args:
        attention: has ``qkv`` and ``out``, linear maps, and ``num_heads``.

    Example:
        >>> attention = Attention(8, 2)
        >>> mimic(attention)
    """
    module: Any = attention
    width, heads = module.out.in_features, module.num_heads
    rank = width // heads
    for head in range(heads):
        query, key = _halves(width, rank, *QUERY_KEY)
        for offset, part in ((0, query), (width, key)):
            rows = slice(offset + head * rank, offset + (head + 1) * rank)
            module.qkv.weight[rows].copy_(part.mT)
    value, out = _halves(width, width, *VALUE_OUT)
    module.qkv.weight[2 * width :].copy_(value.mT)
    module.out.weight.copy_(out)


def _halves(width: int, rank: int, noise: float, identity: float) -> tuple[Tensor, Tensor]:
    """L and R, both (width, rank), with L Rᵀ nearest to noise · Z / √width + identity · I."""
    target = noise * torch.randn(width, width) / width**0.5 + identity * torch.eye(width)
    left, sizes, right = torch.linalg.svd(target)
    root = sizes[:rank].sqrt()
    return left[:, :rank] * root, right[:rank].mT * root
