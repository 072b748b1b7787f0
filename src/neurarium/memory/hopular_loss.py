"""Losses of Hopular: reconstruct all attributes, then more and more the target.

Appendix A.1 of https://arxiv.org/abs/2206.00664.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F

from neurarium.memory.hopular_attributes import AttributeLayout


class HopularLoss(NamedTuple):
    """Weighted loss and its two parts."""

    total: Tensor
    feature: Tensor
    target: Tensor


class TargetScore(NamedTuple):
    """Loss of the targets, numeric ones in original units, and accuracy of the discrete ones."""

    loss: Tensor
    accuracy: Tensor


def feature_loss_weight(
    epoch: int, num_epochs: int, *, start: float = 1.0, end: float = 0.0
) -> float:
    """γ after ``epoch`` of ``num_epochs``: ``end + (start − end) (1 + cos(π epoch/num_epochs))/2``.

    Args:
        epoch: epochs done.
        num_epochs: length of the schedule.
        start: weight before the first epoch.
        end: weight after the last.

    Example:
        >>> [feature_loss_weight(epoch, 2) for epoch in (0, 1, 2)]
        [1.0, 0.5, 0.0]
    """
    return end + 0.5 * (start - end) * (1 + math.cos(math.pi * epoch / num_epochs))


def attribute_losses(
    prediction: Float[Tensor, "B V"], target: Float[Tensor, "B V"], layout: AttributeLayout
) -> Float[Tensor, "B F"]:
    """Squared error of numeric, cross-entropy of discrete attributes, per cell, in two passes."""
    device = prediction.device
    losses = prediction.new_zeros(len(prediction), layout.num_attributes)
    numeric = layout.numeric_values.to(device)
    squared = (prediction[:, numeric] - target[:, numeric]).square()
    losses[:, ~layout.is_discrete.to(device)] = squared
    if layout.discrete:
        category = _by_category(target, layout).argmax(-1, keepdim=True)
        log_probability = F.log_softmax(_by_category(prediction, layout), dim=-1)
        likelihood = log_probability.gather(-1, category).squeeze(-1)
        losses[:, layout.is_discrete.to(device)] = -likelihood
    return losses


def _by_category(values: Float[Tensor, "B V"], layout: AttributeLayout) -> Float[Tensor, "B D S"]:
    """Columns of each discrete attribute, filled up to the widest by −∞."""
    places, real = (index.to(values.device) for index in layout.discrete_places())
    return values[:, places].masked_fill(~real, -torch.inf)


def hopular_loss(
    prediction: Float[Tensor, "B V"],
    target: Float[Tensor, "B V"],
    selected: Bool[Tensor, "B F"],
    layout: AttributeLayout,
    *,
    feature_weight: float = 0.5,
) -> HopularLoss:
    """``γ L_features + (1 − γ) L_targets``, each a mean over attributes of means over rows.

    An attribute without a selected cell does not count; if all features (or targets) are without,
    the other term stands alone.

    Args:
        prediction: output of :class:`Hopular`.
        target: standardised numbers and one-hot codes, uncorrupted.
        selected: which cells count; missing ones must not.
        layout: the columns of the table.
        feature_weight: γ.

    Example:
        >>> layout = AttributeLayout([1, 2], targets=[1])
        >>> rows, every = torch.tensor([[2.0, 0.0, 1.0]]), torch.tensor([[True, True]])
        >>> hopular_loss(torch.zeros(1, 3), rows, every, layout, feature_weight=0.25).total
        tensor(1.5199)
    """
    losses = attribute_losses(prediction, target, layout)
    feature, any_feature = _mean_over_attributes(losses, selected, ~layout.is_target)
    wanted, any_target = _mean_over_attributes(losses, selected, layout.is_target)
    weight = losses.new_full((), feature_weight)
    weight = torch.where(any_target, torch.where(any_feature, weight, 0), 1)
    return HopularLoss(weight * feature + (1 - weight) * wanted, feature, wanted)


def _mean_over_attributes(
    losses: Tensor, selected: Tensor, of: Tensor
) -> tuple[Float[Tensor, ""], Bool[Tensor, ""]]:
    """Mean over the attributes ``of`` that have a selected cell, and whether one has."""
    counted = selected & of.to(losses.device)
    cells = counted.sum(0)
    # A cell that does not count must not spread its NaN or infinity.
    per_attribute = losses.where(counted, 0).sum(0) / cells.clamp(min=1)
    present = (cells > 0).sum()
    return per_attribute.sum() / present.clamp(min=1), present > 0


def score_targets(
    prediction: Float[Tensor, "B V"],
    target: Float[Tensor, "B V"],
    selected: Bool[Tensor, "B F"],
    layout: AttributeLayout,
    *,
    scale: Float[Tensor, " F"] | None = None,
) -> TargetScore:
    """What validation and test report: target loss, with numbers in original units, and accuracy.

    Args:
        prediction: output of :class:`Hopular`.
        target: as in :func:`hopular_loss`.
        selected: which cells count.
        layout: the columns of the table.
        scale: standard deviation of each numeric attribute; the mean cancels in an error.

    Returns:
        Loss averaged over all targets, accuracy over the discrete ones (NaN if there are none).

    Example:
        >>> layout = AttributeLayout([1], targets=[0])
        >>> zero, one = torch.zeros(1, 1), torch.ones(1, 1)
        >>> score_targets(zero, one, one.bool(), layout, scale=torch.tensor([10.0])).loss
        tensor(100.)
    """
    device = prediction.device
    losses = attribute_losses(prediction, target, layout)
    if scale is not None:
        losses = losses * torch.where(layout.is_discrete.to(device), 1, scale.square())
    loss, _ = _mean_over_attributes(losses, selected, layout.is_target)
    hits = losses.new_zeros(losses.shape)
    if layout.discrete:
        guess, truth = (_by_category(x, layout).argmax(-1) for x in (prediction, target))
        hits[:, layout.is_discrete.to(device)] = (guess == truth).to(hits)
    wanted = layout.is_target & layout.is_discrete
    accuracy, any_discrete = _mean_over_attributes(hits, selected, wanted)
    return TargetScore(loss, torch.where(any_discrete, accuracy, torch.nan))
