"""Sizes of the comparison."""

from __future__ import annotations

from dataclasses import dataclass

from ..flashkat.images import require_known
from .arms import METHODS


@dataclass(frozen=True)
class Config:
    """One comparison.

    Args:
        datasets: of ``flashkat.images.LOADERS``.
        methods: of ``arms.METHODS``.
        num_seeds: of subset, start and order.
        embed_dim: E.
        num_layers: blocks.
        num_heads: H.
        mlp_ratio: hidden width of the MLPs over E.
        num_patches: patches along a side; N is its square plus the class token.
        rank: r of an operator.
        train_size: images that are used, validation included.
        test_size: images of the test set.
        num_epochs: passes over them.
        batch_size: images a step.
        lr: of AdamW.
        weight_decay: of AdamW.
    """

    datasets: tuple[str, ...] = ("cifar10_small",)
    methods: tuple[str, ...] = tuple(METHODS)
    num_seeds: int = 5
    embed_dim: int = 48
    num_layers: int = 3
    num_heads: int = 3
    mlp_ratio: float = 2.0
    num_patches: int = 8
    rank: int = 12
    train_size: int = 8000
    test_size: int = 2000
    num_epochs: int = 8
    batch_size: int = 64
    lr: float = 1e-3
    weight_decay: float = 0.05

    def __post_init__(self) -> None:
        require_known(self)
        for name in self.methods:
            if name not in METHODS:
                raise ValueError(f"methods must be among {', '.join(METHODS)}: got {name!r}")


PRESETS = {
    "smoke": Config(
        ("digits",),
        num_seeds=1,
        embed_dim=12,
        num_layers=1,
        num_patches=4,
        rank=4,
        train_size=200,
        test_size=100,
        num_epochs=1,
    ),
    "quick": Config(
        methods=("softmax", "g3b", "linear_map"), num_seeds=1, train_size=2400, num_epochs=3
    ),
    "full": Config(),
    "paper": Config(
        num_seeds=3,
        embed_dim=192,
        num_layers=12,
        mlp_ratio=4.0,
        train_size=10_000,
        num_epochs=100,
    ),
}
