"""Episodes of few-shot learning in context: the answer to one step is part of the next input.

Sinusoids: Finn, Abbeel, Levine (arXiv 1703.03400). Classes with labels that change from episode to
episode and come one step late: Santoro et al. (arXiv 1605.06065).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F


class Episodes(NamedTuple):
    """Sequences with what is to be answered at every step.

    Attributes:
        inputs: (B, T, d); what was to be answered one step earlier stands last.
        targets: (B, T, 1) numbers, or (B, T) labels.
    """

    inputs: Tensor
    targets: Tensor


def sinusoid_episodes(
    num_episodes: int,
    length: int = 20,
    *,
    amplitude: tuple[float, float] = (0.1, 5.0),
    phase: tuple[float, float] = (0.0, math.pi),
    frequency: tuple[float, float] = (1.0, 1.0),
    generator: torch.Generator | None = None,
) -> Episodes:
    """Points of a sine, y = amplitude · sin(frequency · x - phase), one sine an episode.

    x is uniform in [-5, 5]; the input is (x_t, y_{t-1}).

    Args:
        num_episodes: B.
        length: T.
        amplitude: its range.
        phase: its range.
        frequency: its range.
        generator: draws everything.

    Raises:
        ValueError: for counts below 1.

    Example:
        >>> episodes = sinusoid_episodes(4, 6, generator=torch.Generator().manual_seed(0))
        >>> torch.equal(episodes.inputs[:, 1:, 1], episodes.targets[:, :-1, 0])
        True
    """
    if num_episodes < 1 or length < 1:
        raise ValueError(
            f"num_episodes and length must be at least 1: got {num_episodes} and {length}"
        )
    drawn = torch.rand(3, num_episodes, 1, generator=generator)
    a, p, f = (
        low + (high - low) * share
        for (low, high), share in zip((amplitude, phase, frequency), drawn, strict=True)
    )
    x = 10 * torch.rand(num_episodes, length, generator=generator) - 5
    y = a * torch.sin(f * x - p)
    return Episodes(torch.stack([x, _late(y)], 2), y[..., None])


def few_shot_episodes(
    images: Float[Tensor, "N d"],
    labels: Int[Tensor, " N"],
    ways: int,
    shots: int,
    *,
    num_episodes: int = 1,
    num_labels: int | None = None,
    weights: Float[Tensor, "*B C"] | None = None,
    generator: torch.Generator | None = None,
) -> Episodes:
    """Images of some classes in random order, each class under a label drawn anew.

    The input is (image_t, one-hot label of the image before). Every class of an episode is shown
    ``shots`` times, in different images.

    Args:
        images: features of all images.
        labels: their classes.
        ways: classes of an episode.
        shots: images of a class in an episode.
        num_episodes: B.
        num_labels: labels to choose from, at least ``ways``, which is the default.
        weights: how likely a class is drawn into an episode, in the order of class numbers, (C,) or
            one row an episode, (B, C); equal by default.
        generator: draws everything.

    Raises:
        ValueError: for too few classes or images, or too few labels.

    Example:
        >>> images, labels = torch.randn(60, 3), torch.arange(60) % 6
        >>> episodes = few_shot_episodes(images, labels, 5, 2, num_episodes=4)
        >>> episodes.inputs.shape, episodes.targets[0].bincount()
        (torch.Size([4, 10, 8]), tensor([2, 2, 2, 2, 2]))
    """
    classes, counts = labels.unique(return_counts=True)
    num_labels = ways if num_labels is None else num_labels
    if min(ways, shots, num_episodes) < 1 or ways > min(len(classes), num_labels):
        raise ValueError(
            f"ways must be in 1 … {min(len(classes), num_labels)}, shots and num_episodes at least "
            f"1: got {ways}, {shots} and {num_episodes}"
        )
    if shots > counts.min():
        raise ValueError(f"shots must be at most {counts.min()}, images of a class: got {shots}")
    chances = torch.ones(len(classes)) if weights is None else weights
    chances = chances.expand(num_episodes, len(classes))
    chosen = torch.multinomial(chances, ways, generator=generator)  # (B, ways)
    named = torch.rand(num_episodes, num_labels, generator=generator).argsort(1)[:, :ways]
    rows = torch.nn.utils.rnn.pad_sequence(
        [(labels == c).nonzero()[:, 0] for c in classes], batch_first=True, padding_value=-1
    )
    pools = rows[chosen]  # (B, ways, images of a class)
    chance = torch.rand(pools.shape, generator=generator).masked_fill(pools < 0, -1.0)
    shown = pools.gather(2, chance.topk(shots, dim=2).indices).flatten(1)
    order = torch.rand(shown.shape, generator=generator).argsort(1)
    targets = named.repeat_interleave(shots, 1).gather(1, order)
    before = _late(F.one_hot(targets, num_labels).to(images.dtype))
    return Episodes(torch.cat([images[shown.gather(1, order)], before], 2), targets)


def presentations(targets: Int[Tensor, "B T"]) -> Int[Tensor, "B T"]:
    """How often the label of each step has been shown up to and with it, from 1.

    Args:
        targets: labels.

    Example:
        >>> presentations(torch.tensor([[0, 1, 0, 0]]))
        tensor([[1, 1, 2, 3]])
    """
    seen = F.one_hot(targets).cumsum(1)
    return seen.gather(2, targets[..., None])[..., 0]


def _late(values: Tensor) -> Tensor:
    """One step later, zeros first."""
    return torch.cat([torch.zeros_like(values[:, :1]), values[:, :-1]], 1)
