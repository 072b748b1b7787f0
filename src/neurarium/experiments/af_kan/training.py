"""Data and training of the AF-KAN experiment: the authors' recipe, with a validation split."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from neurarium.data.cifar import load_cifar10_small
from neurarium.data.containers import Images
from neurarium.data.load import entry, load

GREY = (0.299, 0.587, 0.114)
PHOTOGRAPHS = "cifar10_grey"


@dataclass(frozen=True)
class Config:
    """One comparison.

    Args:
        datasets: ``mnist``, ``fashion_mnist``, ``cifar10_grey``.
        num_seeds: of weights, batches and subsets.
        num_train: training images.
        num_validation: further training images that choose rates and epochs.
        num_test: test images.
        num_epochs: of training.
        num_tuning_epochs: for each learning rate.
        learning_rates: the choices.
        decay: of the learning rate an epoch.
        weight_decay: of AdamW.
        batch_size: rows of a step.
        long_factor: epochs of an arm that is granted AF-KAN's seconds, over the others'.
    """

    datasets: tuple[str, ...] = ("mnist", "fashion_mnist", PHOTOGRAPHS)
    num_seeds: int = 5
    num_train: int = 8000
    num_validation: int = 2000
    num_test: int = 10_000
    num_epochs: int = 8
    num_tuning_epochs: int = 2
    learning_rates: tuple[float, ...] = (1e-3, 3e-3)
    decay: float = 0.8
    weight_decay: float = 1e-4
    batch_size: int = 64
    long_factor: int = 6


PRESETS = {
    "smoke": Config(
        ("mnist",), 1, num_train=128, num_validation=64, num_test=64, num_epochs=1,
        num_tuning_epochs=1, learning_rates=(3e-3,), long_factor=2,
    ),
    "quick": Config(
        ("mnist",), 2, num_train=2000, num_validation=500, num_test=2000, num_epochs=2,
        num_tuning_epochs=1, learning_rates=(3e-3,),
    ),
    "full": Config(),
    "paper": Config(num_train=50_000, num_validation=10_000, num_epochs=25, num_tuning_epochs=5),
}  # fmt: skip


@dataclass(frozen=True)
class Split:
    """Images as vectors in [−1, 1], and labels."""

    train_x: Tensor
    train_y: Tensor
    validation_x: Tensor
    validation_y: Tensor
    test_x: Tensor
    test_y: Tensor
    num_classes: int


@dataclass(frozen=True)
class Learned:
    """Accuracies by epoch, and the seconds of training without evaluation."""

    validation: list[float]
    test: list[float]
    seconds: float

    @property
    def best(self) -> int:
        """The first epoch with the best validation accuracy."""
        return int(np.argmax(self.validation))


def dataset_loader(name: str) -> Callable[[], Images]:
    """A loader for the name, which is checked at once."""
    if name == PHOTOGRAPHS:
        return grey_photographs
    if name not in ("mnist", "fashion_mnist"):
        entry(name)  # raises for what does not exist, with the names that are near
        raise ValueError(f"datasets must be mnist, fashion_mnist or {PHOTOGRAPHS}: got {name!r}")
    return partial(_load, name)


def _load(name: str) -> Images:
    images: Any = load(name)
    assert isinstance(images, Images)
    return images


def grey_photographs() -> Images:
    """CIFAR-10's subset in shades of grey."""
    found = load_cifar10_small()
    train, test = (
        (x.astype(np.float32) @ np.array(GREY, np.float32)).round().astype(np.uint8)
        for x in (found.train, found.test)
    )
    return Images(PHOTOGRAPHS, train, found.train_labels, test, found.test_labels, found.classes)


def split_of(images: Images, config: Config) -> Split:
    """A random subset of the training images in two parts, and test images."""
    train, test = (torch.from_numpy(np.asarray(x)) for x in (images.train, images.test))
    order = torch.randperm(len(train))
    # A small set gives a fifth of its images to validation.
    held = min(config.num_validation, len(train) // 5)
    fit, held_out = order[held : held + config.num_train], order[:held]
    labels = torch.from_numpy(images.train_labels)
    test_labels = torch.from_numpy(images.test_labels)
    return Split(
        _scaled(train[fit]),
        labels[fit],
        _scaled(train[held_out]),
        labels[held_out],
        _scaled(test[: config.num_test]),
        test_labels[: config.num_test],
        len(images.classes),
    )


def _scaled(pixels: Tensor) -> Tensor:
    return pixels.flatten(1).float().div_(127.5).sub_(1)


def train(
    model: nn.Module,
    split: Split,
    lr: float,
    num_epochs: int,
    config: Config,
    progress: Callable[..., None] | None = None,
) -> Learned:
    """Cross-entropy by AdamW; longer training decays the learning rate as far, more slowly."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr, weight_decay=config.weight_decay)
    decay = config.decay ** (config.num_epochs / max(num_epochs, config.num_epochs))
    schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, decay)
    validation, test, seconds = [], [], 0.0
    for epoch in range(num_epochs):
        start = time.process_time()
        model.train()
        order = torch.randperm(len(split.train_x))
        for rows in order.split(config.batch_size):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(split.train_x[rows]), split.train_y[rows])
            loss.backward()
            optimizer.step()
        schedule.step()
        seconds += time.process_time() - start
        validation.append(accuracy(model, split.validation_x, split.validation_y, config))
        test.append(accuracy(model, split.test_x, split.test_y, config))
        if progress is not None:
            progress((epoch + 1) / num_epochs, accuracy=validation[-1])
    return Learned(validation, test, seconds)


@torch.no_grad()
def accuracy(model: nn.Module, x: Tensor, y: Tensor, config: Config) -> float:
    """Share of right predictions, in batches of the size of training."""
    model.eval()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "feature_norm='batch'")  # the published arm does so
        right = [
            (model(rows).argmax(-1) == labels).sum()
            for rows, labels in zip(
                x.split(config.batch_size), y.split(config.batch_size), strict=True
            )
        ]
    return float(torch.stack(right).sum()) / len(y)
