"""Small vision transformers with a Kolmogorov–Arnold MLP and with others, at equal width and steps.

The Kolmogorov–Arnold transformer (arXiv 2409.10594), which FlashKAT (arXiv 2505.13813) makes fast,
claims a better accuracy than a vision transformer of the same size.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from neurarium.baselines import VisionTransformer
from neurarium.evaluation import Cell, Claim, Context, Experiment, Records, Result, paired
from neurarium.neurons import GRKAN

from . import figures
from .images import Shape, datasets, parts_of, require_known, train_and_test

Build = Callable[[Shape, "Config"], nn.Module]


@dataclass(frozen=True)
class Config:
    """One comparison.

    Args:
        datasets: of ``images.LOADERS``.
        num_seeds: of subset, start and order.
        embed_dim: E.
        num_layers: blocks.
        num_heads: H.
        num_patches: patches along a side.
        train_size: images that are used, validation included.
        test_size: images of the test set.
        num_epochs: passes over them.
        batch_size: images a step.
        lr: of AdamW.
        weight_decay: of AdamW.
    """

    datasets: tuple[str, ...] = ("mnist", "fashion_mnist", "cifar10_small")
    num_seeds: int = 3
    embed_dim: int = 64
    num_layers: int = 4
    num_heads: int = 4
    num_patches: int = 4
    train_size: int = 10_000
    test_size: int = 2000
    num_epochs: int = 8
    batch_size: int = 128
    lr: float = 1e-3
    weight_decay: float = 0.05

    def __post_init__(self) -> None:
        require_known(self)


PRESETS = {
    "smoke": Config(
        ("digits",),
        1,
        embed_dim=16,
        num_layers=1,
        num_heads=2,
        train_size=400,
        num_epochs=1,
        batch_size=64,
    ),
    "quick": Config(("mnist",), 1, train_size=4000, num_epochs=2),
    "full": Config(),
    "paper": Config(
        ("cifar10_small",), 3, embed_dim=192, num_layers=12, num_heads=3, num_epochs=300
    ),
}


class LearnedSlope(nn.Module):
    """GELU plus a learned multiple of its input, one a channel: the least that is learnable."""

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.slope = nn.Parameter(torch.zeros(num_features))

    def forward(self, x: Tensor) -> Tensor:
        """Activate."""
        return F.gelu(x) + self.slope * x


def _vit(shape: Shape, config: Config, mlp: Any = None) -> nn.Module:
    patch_size = shape.image_size // config.num_patches
    return VisionTransformer(
        shape.image_size,
        patch_size,
        shape.num_classes,
        in_channels=shape.in_channels,
        embed_dim=config.embed_dim,
        num_layers=config.num_layers,
        num_heads=config.num_heads,
        mlp=mlp,
    )


def kat(shape: Shape, config: Config) -> nn.Module:
    """Both activations of every MLP are learned, from the identity and from swish."""
    return _vit(shape, config, GRKAN)


def kat_frozen(shape: Shape, config: Config) -> nn.Module:
    """The same start and weights, but the activations stay as they are."""
    model = kat(shape, config)
    for module in model.modules():
        if isinstance(module, GRKAN):
            module.expand.activation.requires_grad_(False)
            module.contract.activation.requires_grad_(False)
    return model


def gelu(shape: Shape, config: Config) -> nn.Module:
    """The plain vision transformer."""
    return _vit(shape, config)


def slope(shape: Shape, config: Config) -> nn.Module:
    """GELU with a learned slope."""

    def mlp(width: int, hidden: int, **factory: Any) -> nn.Module:
        layers = (nn.Linear(width, hidden), LearnedSlope(hidden), nn.Linear(hidden, width))
        for linear in (layers[0], layers[2]):
            assert isinstance(linear, nn.Linear)
            nn.init.trunc_normal_(linear.weight, std=0.02)
            nn.init.zeros_(linear.bias)
        return nn.Sequential(*layers)

    return _vit(shape, config, mlp)


METHODS: dict[str, Build] = {"kat": kat, "gelu": gelu, "slope": slope, "kat_frozen": kat_frozen}


def axes(config: Config) -> Mapping[str, Iterable[str | int]]:
    """Seeds."""
    return {"seed": range(config.num_seeds)}


def run_cell(cell: Cell, config: Config, context: Context) -> Result:
    """Train and test one network."""
    _, shape = parts_of(context.data, config, int(cell.seed))
    torch.manual_seed(int(cell.seed))
    model = context.method(shape, config)
    return train_and_test(model, context.data, config, int(cell.seed), context.progress)


def _gain(records: Records, rival: str) -> list[float]:
    return paired(records, "accuracy", "kat", rival)


TRAINING = Experiment(
    slug="flashkat",
    part="training",
    presets=PRESETS,
    axes=axes,
    datasets=datasets,
    methods=METHODS,
    run_cell=run_cell,
    claims=(
        Claim(
            "A Kolmogorov–Arnold transformer is more accurate than a vision transformer of the "
            "same width after the same steps",
            "KAT, Table 2",
            partial(_gain, rival="gelu"),
            side=(0.0, math.inf),
            paper_value="82.3 against 79.1 % on ImageNet, base size",
        ),
        Claim(
            "Learning the activations is worth it: the same network with frozen ones is worse",
            "KAT, Table 5",
            partial(_gain, rival="kat_frozen"),
            side=(0.0, math.inf),
        ),
    ),
    figures={"accuracy": figures.accuracy, "curves": figures.curves},
)
