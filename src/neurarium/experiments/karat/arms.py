"""The networks that are compared: one vision transformer, its attention exchanged."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from neurarium.baselines import VisionTransformer
from neurarium.evaluation import match_width
from neurarium.neurons import AttentionOperator, KArAt, KolmogorovArnoldAttention

from ..flashkat.images import Shape

if TYPE_CHECKING:
    from .config import Config

Build = Callable[[Shape, "Config"], nn.Module]


class SigmoidAttention(nn.Module):
    """Attention whose scores go through a fixed sigmoid: a map of free rank, without learning."""

    def __init__(self, embed_dim: int, num_heads: int, **factory: Any) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.qkv = nn.Linear(embed_dim, 3 * embed_dim, **factory)
        self.out = nn.Linear(embed_dim, embed_dim, **factory)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """As in DeiT."""
        for linear in (self.qkv, self.out):
            nn.init.trunc_normal_(linear.weight, std=0.02)
            nn.init.zeros_(linear.bias)

    def forward(self, x: Float[Tensor, "B N E"]) -> Float[Tensor, "B N E"]:
        """Rows sum to about one: 1/N of twice the sigmoid."""
        query, key, value = (
            part.unflatten(-1, (self.num_heads, -1)).transpose(1, 2)
            for part in self.qkv(x).chunk(3, -1)
        )
        scores = query @ key.mT * query.shape[-1] ** -0.5
        maps = torch.sigmoid(scores) * (2 / x.shape[1])
        return self.out((maps @ value).transpose(1, 2).flatten(2))


class LinearMap(AttentionOperator):
    """Rows through two matrices, N → r → N: units that are learned multiples of the score."""

    def __init__(self, num_heads: int, num_tokens: int, rank: int, **factory: Any) -> None:
        super().__init__(
            num_heads,
            num_tokens,
            rank=rank,
            grid_size=1,
            base="identity",
            edge_scale=True,
            **factory,
        )

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """No function but the identity; its factors from N(0, 1/N)."""
        super().reset_parameters()
        assert self.scale is not None
        nn.init.zeros_(self.coefficients)
        self.coefficients.requires_grad_(False)
        nn.init.normal_(self.scale, std=self.num_tokens**-0.5)


def _sizes(shape: Shape, config: Config) -> dict[str, Any]:
    return {
        "image_size": shape.image_size,
        "patch_size": shape.image_size // config.num_patches,
        "num_classes": shape.num_classes,
        "in_channels": shape.in_channels,
        "embed_dim": config.embed_dim,
        "num_layers": config.num_layers,
        "num_heads": config.num_heads,
        "mlp_ratio": config.mlp_ratio,
    }


def softmax(shape: Shape, config: Config) -> nn.Module:
    """The plain vision transformer."""
    return VisionTransformer(**_sizes(shape, config))


def softmax_wide(shape: Shape, config: Config) -> nn.Module:
    """The same with wider MLPs: as many parameters as ``g3b``."""
    budget = sum(p.numel() for p in karat(shape, config, grid_size=3).parameters())
    sizes = _sizes(shape, config)

    def build(width: int) -> nn.Module:
        ratio = {"mlp_ratio": width / config.embed_dim}
        return VisionTransformer(**{**sizes, **ratio})

    return build(match_width(build, budget))


def sigmoid(shape: Shape, config: Config) -> nn.Module:
    """A fixed function of the scores."""
    return VisionTransformer(**_sizes(shape, config), attention=SigmoidAttention)


def linear_map(shape: Shape, config: Config) -> nn.Module:
    """What remains of learnable attention without its univariate functions."""

    def attention(embed_dim: int, num_heads: int, **factory: Any) -> nn.Module:
        operator = LinearMap(num_heads, config.num_patches**2 + 1, config.rank, **factory)
        return KolmogorovArnoldAttention(embed_dim, num_heads, operator=operator, **factory)

    return VisionTransformer(**_sizes(shape, config), attention=attention)


def karat(shape: Shape, config: Config, **arguments: Any) -> nn.Module:
    """Learnable attention."""
    return KArAt(**_sizes(shape, config), rank=config.rank, **arguments)


METHODS: dict[str, Build] = {
    "softmax": softmax,
    "g3b": partial(karat, grid_size=3),
    "linear_map": linear_map,
    "softmax_wide": softmax_wide,
    "g3u": partial(karat, grid_size=3, mode="universal"),
    "g1b": partial(karat, grid_size=1),
    "g3b_paper": partial(karat, grid_size=3, init="paper"),
    "sigmoid": sigmoid,
    "rational": partial(karat, basis="rational"),
    "mexican_hat": partial(karat, basis="mexican_hat"),
}
