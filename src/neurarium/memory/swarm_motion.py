"""Learning as motion: what a change of a weight moves, in pure functions.

NeuroSwarms (Monaco, Hwang, Schultz, Zhang, Biol. Cybern. 114 (2020) 269,
https://doi.org/10.1007/s00422-020-00823-z), Eqs. 13 to 19: a weight is a function of a distance, so
a learned weight is a distance that is wanted, and agents move towards it.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor


def oja_update(
    weights: Float[Tensor, "N M"],
    inputs: Float[Tensor, "N M"],
    activation: Float[Tensor, " N"],
    visible: Bool[Tensor, "N M"],
    *,
    rate: float,
) -> Float[Tensor, "N M"]:
    r"""Oja's rule on the connections that are visible, kept in [0, 1).

    .. math:: W \leftarrow W + \text{rate}\, V \odot p\, (q - p W)

    Args:
        weights: W, rows receive.
        inputs: q, the filtered presynaptic input of each connection.
        activation: p ≥ 0 of the receiving units, (N,).
        visible: V; the other weights stay.
        rate: learning rate times time step.

    Shapes:
        - output: (N, M)

    Example:
        >>> weights, seen = torch.tensor([[0.5, 0.5]]), torch.tensor([[True, False]])
        >>> oja_update(weights, torch.ones(1, 2), torch.ones(1), seen, rate=0.1)
        tensor([[0.5500, 0.5000]])
    """
    p = activation[:, None]
    change = torch.addcmul(inputs, p, weights, value=-1)
    learned = torch.addcmul(weights, p, change, value=rate)
    largest = 1 - torch.finfo(weights.dtype).eps
    return torch.where(visible, learned, weights).clamp(0, largest)


def gaussian_distance(weights: Tensor, width: float) -> Tensor:
    """The distance at which a Gaussian of this width has the given value; ∞ for 0."""
    present = weights > 0
    return torch.where(present, (-2 * width**2 * _log(weights, present)).sqrt(), math.inf)


def exponential_distance(weights: Tensor, length: float) -> Tensor:
    """The distance at which an exponential of this length has the given value; ∞ for 0."""
    present = weights > 0
    return torch.where(present, -length * _log(weights, present), math.inf)


def _log(weights: Tensor, present: Tensor) -> Tensor:
    """Logarithms, of ½ for what is absent: those of 0, and roots of ∞ and 0, are much slower."""
    return torch.where(present, weights, 0.5).log()


def somatic_motion(
    desired: Float[Tensor, "N N"],
    distances: Float[Tensor, "N N"],
    positions: Float[Tensor, "N 2"],
    visible: Bool[Tensor, "N N"],
) -> Float[Tensor, "N 2"]:
    r"""Half of the mean change of distance to the other agents that is wanted.

    .. math:: \Delta x_i = \tfrac{1}{2 n_i} \sum_j (D'_{ij} - D_{ij}) \frac{x_i - x_j}{|x_i - x_j|}

    over the :math:`n_i` visible agents with a finite :math:`D'_{ij}`; the other half is theirs.
    Two matrix products, no tensor of differences.

    Args:
        desired: D′; ∞ where there is no weight.
        distances: D, the present distances of ``positions``.
        positions: x.
        visible: who sees whom.

    Shapes:
        - output: (N, 2)

    Example:
        >>> positions = torch.tensor([[0.0, 0.0], [4.0, 3.0]])
        >>> distances = torch.cdist(positions, positions)
        >>> somatic_motion(distances / 2, distances, positions, distances > 0)
        tensor([[ 1.0000,  0.7500],
                [-1.0000, -0.7500]])
    """
    pull = _mean_change(desired, distances, distances, visible) / 2
    positions = positions.to(pull)
    centred = positions - positions.mean(0)  # differences matter: keep the numbers small
    return centred * pull.sum(1, keepdim=True) - pull @ centred


def reward_motion(
    desired: Float[Tensor, "N R"],
    distances: Float[Tensor, "N R"],
    positions: Float[Tensor, "N 2"],
    rewards: Float[Tensor, "R 2"],
    visible: Bool[Tensor, "N R"],
) -> Float[Tensor, "N 2"]:
    r"""The mean change of distance to the visible rewards that is wanted; rewards do not move.

    .. math:: \Delta x_i = \tfrac{1}{n_i} \sum_r (D'_{ir} - D_{ir}) \frac{x_i - r}{|x_i - r|}

    Args:
        desired: D′; ∞ where there is no weight.
        distances: D; they may be looked up on a grid, so they need not be those of ``positions``.
        positions: x.
        rewards: where they are.
        visible: who sees which.

    Shapes:
        - output: (N, 2)

    Example:
        >>> away = torch.tensor([[3.0]])
        >>> reward_motion(away, away + 1, torch.zeros(1, 2), torch.tensor([[0.0, 4.0]]), away > 0)
        tensor([[0., 1.]])
    """
    positions, rewards = positions.to(distances), rewards.to(distances)
    offsets = positions[:, None] - rewards
    change = _mean_change(desired, distances, torch.linalg.vector_norm(offsets, dim=-1), visible)
    return (change[..., None] * offsets).sum(1)


def _mean_change(
    desired: Tensor, distances: Tensor, lengths: Tensor, visible: Tensor
) -> Float[Tensor, "N M"]:
    """(D′ − D) / (n |offset|) where both ends take part, else 0."""
    taken = visible & (desired < math.inf)
    number = taken.sum(1, keepdim=True).clamp(min=1)
    change = (desired - distances) / (number * lengths)
    return torch.where(taken & (lengths > 0), change, 0.0)
