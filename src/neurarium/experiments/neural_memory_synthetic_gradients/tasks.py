"""What is learned: sines, and images whose labels change from episode to episode."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from neurarium.data import Images
from neurarium.data.synthetic import Episodes, few_shot_episodes, presentations, sinusoid_episodes
from neurarium.memory.synthetic_gradients_trainer import mean_square_loss

from .config import Config

SHOTS = (5, 10)
"""After how many points a sine is judged."""

Draw = Callable[[int, torch.Generator], Episodes]


@dataclass(frozen=True)
class Sinusoids:
    """A family of sines.

    Args:
        frequency: of all of them.
    """

    frequency: float = 1.0


@dataclass(frozen=True)
class Task:
    """Episodes to learn from and to be judged on.

    Args:
        input_size: width of an input.
        out_features: width of an answer.
        loss: ``loss(output (B, T, out), targets) -> (B, T)``.
        error: ``error(output (…, out), targets) -> (…, out)``, shown to the feedback network.
        draw: ``draw(count, generator)`` → episodes to learn from.
        validation: episodes of the kind that is learned from, of other sines or images.
        test: episodes to be judged on: other sines, or images of classes never seen.
        judge: ``judge(output, targets)`` → metrics, of which ``"error"`` is the one compared.
    """

    input_size: int
    out_features: int
    loss: Callable[[Tensor, Tensor], Tensor]
    error: Callable[[Tensor, Tensor], Tensor]
    draw: Draw
    validation: Episodes
    test: Episodes
    judge: Callable[[Tensor, Tensor], dict[str, float]]


def digits() -> Images:
    """The small handwritten digits of scikit-learn, every other one for test."""
    from sklearn.datasets import load_digits

    found = load_digits()
    images, labels = (16 * found.images).clip(0, 255).astype(np.uint8), found.target.astype("int64")
    classes = tuple("0123456789")
    return Images("digits", images[::2], labels[::2], images[1::2], labels[1::2], classes)


def sinusoids() -> Sinusoids:
    """Sines of frequency 1."""
    return Sinusoids()


def task_of(data: Any, config: Config, *, rare: bool = False) -> Task:
    """The task of a dataset; with ``rare``, of one class that hardly occurs."""
    if isinstance(data, Sinusoids):
        return sinusoid_task(data, config)
    return rare_task(data, config) if rare else image_task(data, config)


def sinusoid_task(family: Sinusoids, config: Config) -> Task:
    """The next value of a sine from the points so far."""
    frequency = (family.frequency, family.frequency)

    def draw(count: int, generator: torch.Generator) -> Episodes:
        return sinusoid_episodes(count, config.length, frequency=frequency, generator=generator)

    def judge(output: Tensor, targets: Tensor) -> dict[str, float]:
        errors = (output - targets).square().mean((0, 2)).tolist()
        shots = {f"mse_{shot}": errors[min(shot, config.length - 1)] for shot in SHOTS}
        return {"error": sum(shots.values()) / len(shots), **shots}

    return Task(
        input_size=2,
        out_features=1,
        loss=mean_square_loss,
        error=torch.sub,
        draw=draw,
        validation=draw(config.num_test // 4, _generator(1)),
        test=draw(config.num_test, _generator(2)),
        judge=judge,
    )


def image_task(images: Images, config: Config) -> Task:
    """Which label an image has in this episode, told one step late; classes of the test are new."""
    train, held_out = split_features(images, config)
    known = [part.labels < config.num_train_classes for part in (train, held_out)]
    learned, validated = (
        Features(part.values[mask], part.labels[mask])
        for part, mask in zip((train, held_out), known, strict=True)
    )
    new = Features(held_out.values[~known[1]], held_out.labels[~known[1]])
    new_ways = min(config.ways, len(new.labels.unique()))
    return _classification(
        config,
        draw=learned.drawer(config, config.ways),
        validation=validated.drawer(config, config.ways)(config.num_test // 4, _generator(1)),
        test=new.drawer(config, new_ways)(config.num_test, _generator(2)),
        judge=_accuracies,
    )


def rare_task(images: Images, config: Config) -> Task:
    """Episodes of all but one class, which occurs in few: how well is it known afterwards?

    Judged on other images of the same classes, on episodes with the rare class and without it;
    validated on others again.
    """
    train, held_out = split_features(images, config)
    seen, tested = (
        Features(part.values[mask], part.labels[mask])
        for part, mask in (
            (part, part.labels < config.num_train_classes) for part in (train, held_out)
        )
    )
    rare = seen.labels.unique(sorted=True)[-1]
    usual = seen.drawer(config, config.ways, without=rare)
    with_rare = seen.drawer(config, config.ways, always=rare)

    def draw(count: int, generator: torch.Generator) -> Episodes:
        chosen = torch.rand(count, 1, generator=generator) < config.rare_share
        common, other = usual(count, generator), with_rare(count, generator)
        return Episodes(
            torch.where(chosen[..., None], other.inputs, common.inputs),
            torch.where(chosen, other.targets, common.targets),
        )

    validated, tested = (
        Features(tested.values[start::2], tested.labels[start::2]) for start in (0, 1)
    )
    common = tested.drawer(config, config.ways, without=rare)
    validation = validated.drawer(config, config.ways, without=rare)
    return _classification(
        config,
        draw=draw,
        validation=validation(config.num_test // 4, _generator(1)),
        test=_stacked(
            tested.drawer(config, config.ways, always=rare)(config.num_test // 2, _generator(2)),
            common(config.num_test // 2, _generator(3)),
        ),
        judge=_rare_accuracies,
    )


@dataclass(frozen=True)
class Features:
    """Images as vectors.

    Args:
        values: (N, d).
        labels: (N,) their classes.
    """

    values: Tensor
    labels: Tensor

    def drawer(
        self,
        config: Config,
        ways: int,
        *,
        without: Tensor | None = None,
        always: Tensor | None = None,
    ) -> Draw:
        """Draws episodes, without a class or always with it."""
        weights = torch.ones(len(self.labels.unique()))
        if without is not None:
            weights[self.labels.unique() == without] = 0.0
        if always is not None:
            weights[self.labels.unique() == always] = 1e9

        def draw(count: int, generator: torch.Generator) -> Episodes:
            return few_shot_episodes(
                self.values,
                self.labels,
                ways,
                config.shots,
                num_episodes=count,
                num_labels=config.ways,
                weights=weights,
                generator=generator,
            )

        return draw


def split_features(images: Images, config: Config) -> tuple[Features, Features]:
    """Training and test images as principal components of the images of classes to learn with."""
    train, test = (
        _first_of_each_class(values, labels, config.images_per_class)
        for values, labels in (
            (images.train, images.train_labels),
            (images.test, images.test_labels),
        )
    )
    learned = train.values[train.labels < config.num_train_classes]
    mean = learned.mean(0)
    axes = torch.linalg.eigh(torch.cov(learned.T))[1].flip(1)[:, : config.num_features]
    scale = ((learned - mean) @ axes).std()
    return tuple(Features((p.values - mean) @ axes / scale, p.labels) for p in (train, test))  # type: ignore[return-value]


def _first_of_each_class(images: np.ndarray, labels: np.ndarray, count: int) -> Features:
    rows = np.concatenate([np.flatnonzero(labels == c)[:count] for c in np.unique(labels)])
    values = torch.from_numpy(images[rows]).flatten(1).float() / 255
    return Features(values, torch.from_numpy(labels[rows]))


def _classification(
    config: Config,
    *,
    draw: Draw,
    validation: Episodes,
    test: Episodes,
    judge: Callable[[Tensor, Tensor], dict[str, float]],
) -> Task:
    def loss(output: Tensor, targets: Tensor) -> Tensor:
        return F.cross_entropy(output.transpose(1, 2), targets, reduction="none")

    def error(output: Tensor, targets: Tensor) -> Tensor:
        return output.softmax(-1) - F.one_hot(targets, config.ways).to(output.dtype)

    return Task(
        input_size=test.inputs.shape[-1],
        out_features=config.ways,
        loss=loss,
        error=error,
        draw=draw,
        validation=validation,
        test=test,
        judge=judge,
    )


def _accuracies(output: Tensor, targets: Tensor) -> dict[str, float]:
    """At each presentation; the error is that of all but the first, where one can but guess."""
    right, seen = output.argmax(-1) == targets, presentations(targets)
    found = {
        f"accuracy_{k}": right[seen == k].double().mean().item()
        for k in range(1, int(seen.max()) + 1)
    }
    return {"error": 1 - right[seen > 1].double().mean().item(), **found}


def _rare_accuracies(output: Tensor, targets: Tensor) -> dict[str, float]:
    """In episodes with the rare class, the first half, and in those without it."""
    half = len(targets) // 2
    rare, common = (
        _accuracies(output[part], targets[part])["error"]
        for part in (slice(half), slice(half, None))
    )
    return {"error": rare, "common_error": common}


def _stacked(first: Episodes, second: Episodes) -> Episodes:
    return Episodes(*(torch.cat(parts) for parts in zip(first, second, strict=True)))


def _generator(seed: int) -> torch.Generator:
    """Of episodes to be judged on, the same for every method and seed of training."""
    return torch.Generator().manual_seed(1_000_000 + seed)
