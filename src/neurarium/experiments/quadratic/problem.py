"""Images as vectors or small maps, in training, validation and test parts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from neurarium.baselines import MLP, ResNet
from neurarium.data.containers import Images
from neurarium.data.load import entry, load

NETWORKS = ("mlp", "resnet")
Part = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Problem:
    """What a method is given.

    Args:
        plain: ``plain(width, **arguments)`` → the conventional network.
        width: of the network that all are compared with.
        step: widths are multiples of it.
        skip: names of the layers that stay conventional, for ``to_quadratic``.
        train: inputs and labels.
        validation: inputs and labels.
        test: inputs and labels.
        num_epochs: passes over the training part.
        batch_size: images in a step.
    """

    plain: Callable[..., nn.Module]
    width: int
    step: int
    skip: tuple[str, ...]
    train: Part
    validation: Part
    test: Part
    num_epochs: int
    batch_size: int


def datasets(names: tuple[str, ...]) -> Mapping[str, Callable[[], Images]]:
    """Name → loader of :class:`neurarium.data.Images`."""
    return {name: partial(_load, entry(name).name) for name in names}


def _load(name: str) -> Images:
    images: Any = load(name)
    if not isinstance(images, Images):
        raise ValueError(f"datasets must be image sets: got {name!r}")
    return images


def parts_of(
    images: Images, num_train: int, num_validation: int, num_test: int, *, maps: bool, seed: int
) -> tuple[Part, Part, Part]:
    """Disjoint random images of the official training set, and random ones of its test set.

    Pixels are standardised by the training images. Maps have a quarter of the pixels: the network
    for them is small.
    """
    if len(images.train) < num_train + num_validation:
        raise ValueError(
            f"images must have {num_train + num_validation} to train and validate on: got "
            f"{len(images.train)}; lower num_train"
        )
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(images.train), generator=generator)
    chosen = order[:num_train], order[num_train : num_train + num_validation]
    tested = torch.randperm(len(images.test), generator=generator)[:num_test]
    raw = [torch.from_numpy(images.train)[rows] for rows in chosen]
    raw.append(torch.from_numpy(images.test)[tested])
    labels = [torch.from_numpy(images.train_labels)[rows] for rows in chosen]
    labels.append(torch.from_numpy(images.test_labels)[tested])
    values = [_channels_first(x) for x in raw]
    mean, std = values[0].mean(), values[0].std()
    values = [(x - mean) / std for x in values]
    values = [F.avg_pool2d(x, 2) if maps else x.flatten(1) for x in values]
    train, validation, test = zip(values, labels, strict=True)
    return train, validation, test


def _channels_first(images: Tensor) -> Tensor:
    images = images.float() / 255
    return images[:, None] if images.ndim == 3 else images.movedim(-1, 1)


def mlp(in_features: int, num_classes: int, depth: int, width: int) -> nn.Module:
    """A stack of ``depth`` layers, logits included."""
    return MLP(in_features, num_classes, (width,) * (depth - 1))


def resnet(in_channels: int, num_classes: int, width: int, **arguments: Any) -> nn.Module:
    """The smallest residual network: one block a stage."""
    return ResNet(in_channels, num_classes, num_layers=8, width=width, **arguments)
