"""Configurations of the experiments with synthetic gradients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from neurarium.evaluation.cells import require_known

BUDGETS = ("episodes", "time")
DATASETS = ("sinusoid", "digits", "mnist")


@dataclass(frozen=True)
class Config:
    """One comparison of ways to train.

    Args:
        datasets: ``"sinusoid"`` or names of images.
        num_seeds: of every method.
        memory_size: width of a slot and of the controllers; the LSTMs get as many parameters.
        num_slots: of the memory.
        hidden_features: of the feedback network.
        chunk_size: steps of a chunk.
        length: points of a sine.
        shots: images of a class in an episode.
        ways: classes of an episode in training.
        num_train_classes: classes to learn with; the others are those to be tested with.
        images_per_class: at most; they are drawn from in every episode.
        num_features: principal components of an image.
        batch_size: episodes of an update.
        num_updates: of the method with synthetic gradients, and of everyone at equal episodes.
        max_updates: of anyone at equal time.
        num_test: episodes to be judged on.
        num_validations: along training; the last one comes at its end.
        lrs: of which every method takes the best.
        tune_updates: of a run that chooses among them.
        feedback_lr: of the feedback network.
        warmup: updates of the feedback network before it is used.
        timed_updates: over which an update's seconds are measured.
        rare_share: share of the training episodes in which the rare class occurs.
    """

    datasets: tuple[str, ...] = ("sinusoid", "mnist")
    num_seeds: int = 5
    memory_size: int = 32
    num_slots: int = 16
    hidden_features: int = 128
    chunk_size: int = 5
    length: int = 20
    shots: int = 5
    ways: int = 3
    num_train_classes: int = 6
    images_per_class: int = 500
    num_features: int = 64
    batch_size: int = 32
    num_updates: int = 800
    max_updates: int = 20_000
    num_test: int = 2000
    num_validations: int = 4
    lrs: tuple[float, ...] = (3e-3, 1e-2, 3e-2)
    tune_updates: int = 150
    feedback_lr: float = 1e-3
    warmup: int = 200
    timed_updates: int = 10
    rare_share: float = 0.02

    def __post_init__(self) -> None:
        for name in self.datasets:
            require_known("datasets", name, DATASETS)
        if not 0 < self.rare_share < 1:
            raise ValueError(f"rare_share must lie between 0 and 1: got {self.rare_share}")


TINY: dict[str, Any] = {
    "datasets": ("sinusoid", "digits"),
    "num_seeds": 1,
    "memory_size": 8,
    "num_slots": 4,
    "hidden_features": 8,
    "length": 12,
    "chunk_size": 4,
    "shots": 2,
    "batch_size": 4,
    "num_updates": 3,
    "max_updates": 4,
    "num_test": 20,
    "num_validations": 2,
    "images_per_class": 40,
    "num_features": 16,
    "lrs": (1e-2, 3e-2),
    "tune_updates": 1,
    "warmup": 2,
    "timed_updates": 1,
}
QUICK: dict[str, Any] = {
    "num_seeds": 1,
    "num_updates": 150,
    "tune_updates": 20,
    "num_test": 500,
    "num_validations": 2,
    "timed_updates": 5,
    "warmup": 50,
}
PAPER: dict[str, Any] = {
    "num_seeds": 10,
    "memory_size": 64,
    "num_slots": 32,
    "num_updates": 60_000,
    "max_updates": 1_000_000,
    "ways": 5,
    "images_per_class": 5000,
    "tune_updates": 2000,
    "num_validations": 20,
}
PRESETS = {
    "smoke": Config(**TINY),
    "quick": Config(**{**QUICK, "datasets": ("sinusoid",)}),
    "full": Config(),
    "paper": Config(**PAPER),
}
RARE_PRESETS = {
    "smoke": Config(**{**TINY, "datasets": ("digits",)}),
    "quick": Config(**{**QUICK, "datasets": ("mnist",), "num_updates": 60}),
    "full": Config(datasets=("mnist",), num_updates=500, num_test=1000, num_validations=2),
    "paper": Config(**{**PAPER, "datasets": ("mnist",)}),
}


@dataclass(frozen=True)
class SharingConfig(Config):
    """Two networks on two families of sines, with one feedback network or one each.

    Args:
        frequency: of the second family; the first has 1.
    """

    datasets: tuple[str, ...] = ("sinusoid",)
    num_updates: int = 500
    num_test: int = 1000
    num_validations: int = 2
    frequency: float = 1.5


SHARING_PRESETS = {
    "smoke": SharingConfig(**{**TINY, "datasets": ("sinusoid",)}),
    "quick": SharingConfig(**{**QUICK, "num_updates": 60}),
    "full": SharingConfig(),
    "paper": SharingConfig(**PAPER),
}
