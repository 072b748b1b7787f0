"""The scenes of one seed: what is learned from, selected by and tested on shows other digits."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from neurarium.data.load import load
from neurarium.data.synthetic import DigitScenes, digit_scenes, stroke_terciles
from neurarium.engine import derived_generator

from .config import Config

TRAINING_DIGITS = 50_000
"""Of MNIST's training images; the other 10 000 validate. Its test images test."""


class SceneSets(NamedTuple):
    """All scenes of a seed.

    Args:
        train: pairs to learn from.
        validation: pairs that select.
        probe: scenes of one validation digit, which linear probes learn from.
        single: scenes of one test digit.
        retrieval: pairs of test digits.
        transfer: scenes of one digit of scikit-learn's ``load_digits``.
    """

    train: DigitScenes
    validation: DigitScenes
    probe: DigitScenes
    single: DigitScenes
    retrieval: DigitScenes
    transfer: DigitScenes


def scene_sets(seed: int, config: Config) -> SceneSets:
    """Scenes by counts of the configuration."""
    mnist = load("mnist")
    learned = mnist.train[:TRAINING_DIGITS], mnist.train_labels[:TRAINING_DIGITS]
    held_out = mnist.train[TRAINING_DIGITS:], mnist.train_labels[TRAINING_DIGITS:]
    test = mnist.test, mnist.test_labels
    validating, tested = 2 * config.num_validation, 2 * config.num_retrieval
    plan = (
        (learned, slice(None), config.num_pairs, 2),
        (held_out, slice(validating), config.num_validation, 2),
        (held_out, slice(validating, None), config.num_test, 1),
        (test, slice(tested, None), config.num_test, 1),
        (test, slice(tested), config.num_retrieval, 2),
        (other_digits(), slice(None), config.num_transfer, 1),
    )
    terciles, drawn = training_terciles(), derived_generator(seed)
    return SceneSets(
        *(
            digit_scenes(
                images[part],
                digits[part],
                num_scenes,
                num_digits=num_digits,
                terciles=terciles,
                generator=drawn,
            )
            for (images, digits), part, num_scenes, num_digits in plan
        )
    )


@cache
def training_terciles() -> Tensor:
    """Limits of the classes of thickness and slant."""
    return stroke_terciles(load("mnist").train[:TRAINING_DIGITS])


@cache
def other_digits() -> tuple[np.ndarray, np.ndarray]:
    """scikit-learn's 8 × 8 digits at MNIST's size: 20 × 20 within 28 × 28 pixels."""
    from sklearn.datasets import load_digits

    found = load_digits()
    grey = torch.from_numpy(found.images).float().unsqueeze(1) * (255 / 16)
    large = F.interpolate(grey, size=(20, 20), mode="bilinear", align_corners=False)
    padded = F.pad(large, (4, 4, 4, 4)).squeeze(1).clamp(0, 255).round()
    return padded.to(torch.uint8).numpy(), found.target.astype(np.int64)
