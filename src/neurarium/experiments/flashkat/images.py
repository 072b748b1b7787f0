"""Classes of small images: the same training for every network that is compared."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from neurarium.data import Images, load
from neurarium.data.cifar import load_cifar10_small
from neurarium.engine import Batches, fit
from neurarium.evaluation import Result

VALIDATION_SHARE = 6
"""One in six training images chooses the epoch."""


class Recipe(Protocol):
    """What a configuration says about training.

    Args:
        train_size: images that are used, validation included.
        test_size: images of the test set.
        num_epochs: passes over them.
        batch_size: images a step.
        lr: of AdamW, after a warm-up of 5 %, down a cosine.
        weight_decay: of AdamW.
    """

    @property
    def train_size(self) -> int:
        """Images that are used, validation included."""

    @property
    def test_size(self) -> int:
        """Images of the test set."""

    @property
    def num_epochs(self) -> int:
        """Passes over them."""

    @property
    def batch_size(self) -> int:
        """Images a step."""

    @property
    def lr(self) -> float:
        """Of AdamW, after a warm-up of 5 %, down a cosine."""

    @property
    def weight_decay(self) -> float:
        """Of AdamW."""


@dataclass(frozen=True)
class Shape:
    """What a network is built for.

    Args:
        image_size: height and width.
        in_channels: colours.
        num_classes: classes.
    """

    image_size: int
    in_channels: int
    num_classes: int


class Part(dict[str, tuple[Tensor, Tensor]]):
    """Images (n, C, H, W), standardised, and labels of each of train, validation, test."""


def _warm(model: nn.Module, parts: Part, batch_size: int) -> None:
    """What is compiled on the first pass is no part of the seconds of training."""
    images, labels = (tensor[:batch_size] for tensor in parts["train"])
    F.cross_entropy(model(images), labels).backward()
    model.zero_grad()


def digits() -> Images:
    """scikit-learn's 8 × 8 digits; the last third is the test set."""
    from sklearn.datasets import load_digits

    found = load_digits()
    grey = (found.images * (255 / 16)).round().astype(np.uint8)
    labels, cut = found.target.astype(np.int64), 2 * len(grey) // 3
    return Images("digits", grey[:cut], labels[:cut], grey[cut:], labels[cut:], tuple("0123456789"))


LOADERS: dict[str, Callable[[], Images]] = {
    "digits": digits,
    "mnist": partial(load, "mnist"),
    "fashion_mnist": partial(load, "fashion_mnist"),
    "cifar10_small": load_cifar10_small,
}


def datasets(config: Any) -> Mapping[str, Callable[[], Images]]:
    """The configuration's datasets."""
    return {name: LOADERS[name] for name in config.datasets}


def require_known(config: Any) -> None:
    """Raise at once for a dataset that is not known."""
    for name in config.datasets:
        if name not in LOADERS:
            raise ValueError(f"datasets must be among {', '.join(LOADERS)}: got {name!r}")


def parts_of(data: Images, config: Recipe, seed: int) -> tuple[Part, Shape]:
    """A subset drawn by the seed, standardised by its training images; the test set is fixed."""
    order = np.random.default_rng(seed).permutation(len(data.train))[: config.train_size]
    cut = len(order) // VALIDATION_SHARE
    train = _floats(data.train[order[cut:]])
    mean, std = train.mean((0, 2, 3), keepdim=True), train.std((0, 2, 3), keepdim=True)
    labels = torch.from_numpy(data.train_labels)
    test = slice(config.test_size)
    parts = Part(
        train=((train - mean) / std, labels[order[cut:]]),
        validation=((_floats(data.train[order[:cut]]) - mean) / std, labels[order[:cut]]),
        test=((_floats(data.test[test]) - mean) / std, torch.from_numpy(data.test_labels)[test]),
    )
    return parts, Shape(train.shape[-1], train.shape[1], len(data.classes))


def _floats(images: np.ndarray) -> Tensor:
    x = torch.from_numpy(images).float() / 255
    return x[:, None] if x.ndim == 3 else x.permute(0, 3, 1, 2).contiguous()


def train_and_test(
    model: nn.Module, data: Images, config: Recipe, seed: int, progress: Callable[..., None]
) -> Result:
    """Test accuracy with the weights of the best validated epoch; seconds of a step."""
    parts, _ = parts_of(data, config, seed)
    optimizer = torch.optim.AdamW(model.parameters(), config.lr, weight_decay=config.weight_decay)
    batches = Batches(tuple(parts["train"]), config.batch_size)
    total = config.num_epochs * math.ceil(len(parts["train"][0]) / config.batch_size)
    warm = max(1, total // 20)
    scheduler = torch.optim.lr_scheduler.LambdaLR(
        optimizer,
        lambda s: min(1, (s + 1) / warm) * 0.5 * (1 + math.cos(math.pi * min(1, s / total))),
    )
    colour = parts["train"][0].shape[1] == 3

    def step(model: nn.Module, batch: Any) -> Tensor:
        images, labels = batch
        if colour:  # a mirrored digit would be another one
            turned = torch.rand(len(images), 1, 1, 1) < 0.5
            images = torch.where(turned, images.flip(-1), images)
        return F.cross_entropy(model(images), labels)

    _warm(model, parts, config.batch_size)
    seconds, start = [0.0], time.process_time()  # validation is no part of them

    def validate(model: nn.Module) -> float:
        nonlocal start
        seconds.append(seconds[-1] + time.process_time() - start)
        accuracy = found(model, "validation")
        progress(len(seconds) / (config.num_epochs + 2), accuracy=accuracy)
        start = time.process_time()
        return accuracy

    def found(model: nn.Module, part: str) -> float:
        images, labels = parts[part]
        hits = [
            (model(x).argmax(-1) == y).float().sum()
            for x, y in zip(
                images.split(config.batch_size), labels.split(config.batch_size), strict=True
            )
        ]
        return float(torch.stack(hits).sum() / len(labels))

    history = fit(
        model,
        step,
        batches,
        optimizer=optimizer,
        scheduler=scheduler,
        num_epochs=config.num_epochs,
        validate=validate,
    )
    with torch.no_grad():
        accuracy = found(model.eval(), "test")
    metrics = {
        "accuracy": accuracy,
        "validation": history.best_value,
        "parameters": float(sum(p.numel() for p in model.parameters() if p.requires_grad)),
        "seconds_per_step": seconds[-1] / history.step,
    }
    losses = [
        float(part.mean()) for part in np.array_split(history.metrics["loss"], 40) if len(part)
    ]
    curves = {
        "loss": losses,
        "validation": [value for _, value in history.validation],
        "seconds_at_validation": seconds[1:],
    }
    return Result(metrics, curves)
