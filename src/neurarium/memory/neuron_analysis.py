"""What single neurons and synapses of BDH do (arXiv 2509.26507): density, traces, concepts, graph.

Kosowski et al., "The Dragon Hatchling", 2025, https://arxiv.org/abs/2509.26507. Neurons are counted
through all heads, head 0 first. The graph and its communities are in :mod:`neuron_modularity`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, SupportsIndex

import torch
from jaxtyping import Float, Int
from torch import Tensor

from neurarium.memory.arguments import require_count, require_tensor
from neurarium.memory.bdh import BDH
from neurarium.memory.bdh_growth import require_bdh


@dataclass(frozen=True)
class ActivationDensity:
    """Shares of entries that are not zero, one number a layer.

    Args:
        code: of x, (L,).
        gated: of y, (L,).
    """

    code: Tensor
    gated: Tensor


@torch.no_grad()
def activation_density(model: BDH, tokens: Int[Tensor, "B T"]) -> ActivationDensity:
    """How many neurons are active, layer by layer.

    `The Dragon Hatchling <https://arxiv.org/abs/2509.26507>`_ reports about 5 % for y after
    training at scale. The first token is left out: it reads an empty state, so its y is 0.

    Args:
        model: in evaluation mode or not; dropout plays no part.
        tokens: ids, at least two a row.

    Raises:
        TypeError: for anything but BDH.
        ValueError: for rows of one token.

    Example:
        >>> model = BDH(9, 8, num_heads=2, neuron_ratio=8, num_layers=3)
        >>> activation_density(model, torch.arange(9)[None]).gated.shape
        torch.Size([3])
    """
    require_bdh("model", model)
    if getattr(tokens, "ndim", 0) == 2 and tokens.shape[1] < 2:
        raise ValueError(f"tokens must have two columns at least: got {list(tokens.shape)}")
    active = [
        ((layer.code[:, :, 1:] > 0).double().mean(), (layer.gated[:, :, 1:] > 0).double().mean())
        for layer in model.layers(tokens)
    ]
    code, gated = (torch.stack(column) for column in zip(*active, strict=True))
    return ActivationDensity(code, gated)


@torch.no_grad()
def synapse_trace(
    model: BDH,
    tokens: Int[Tensor, "B T"],
    sources: Sequence[int],
    targets: Sequence[int],
    *,
    layer: int,
) -> Float[Tensor, "B T K"]:
    r"""How strong chosen synapses have become after each token.

    `The Dragon Hatchling <https://arxiv.org/abs/2509.26507>`_: with the gated neurons of the layer
    below, :math:`\sigma_{ij}(t) = \sum_{\tau \le t} y_{l-1,i}(\tau)\, x_{l,j}(\tau)`. The product
    is taken before the rotation, which turns pairs of neurons and would mix their synapses.

    Args:
        model: is run on the tokens.
        tokens: ids.
        sources: i, K neurons of layer − 1.
        targets: j, K neurons of the layer.
        layer: l, from 1 to num_layers − 1.

    Shapes:
        - tokens: (B, T); output: (B, T, K), never decreasing along T

    Raises:
        TypeError: for anything but BDH, and for what is no whole number.
        ValueError: for a layer that has none below, and for lists of unequal length.
        IndexError: for a neuron that does not exist.

    Example:
        >>> model = BDH(9, 8, num_heads=2, neuron_ratio=8, num_layers=3)
        >>> synapse_trace(model, torch.arange(9)[None], [0, 5], [3, 60], layer=1).shape
        torch.Size([1, 9, 2])
    """
    require_bdh("model", model)
    require_count("layer", layer, hint="; the lowest layer has none below it")
    if layer >= model.num_layers:
        raise ValueError(f"layer must be in 1 … {model.num_layers - 1}: got {layer}")
    sources, targets = (
        x.tolist() if isinstance(x, Tensor) else list(x) for x in (sources, targets)
    )
    if len(sources) != len(targets) or not sources:
        raise ValueError(
            f"sources and targets must name as many neurons: got {len(sources)} and {len(targets)}"
        )
    for neuron in (*sources, *targets):
        if isinstance(neuron, bool) or not isinstance(neuron, SupportsIndex):
            raise TypeError(f"neurons must be whole numbers: got {neuron!r}")
        if not 0 <= neuron < model.num_neurons:
            raise IndexError(f"neurons must lie in 0 … {model.num_neurons - 1}: got {neuron}")
    below, here = islice(model.layers(tokens), layer - 1, layer + 1)
    products = _chosen(below.gated, sources) * _chosen(here.code, targets)
    return products.cumsum(1)


def _chosen(activity: Tensor, neurons: Sequence[int]) -> Tensor:
    """(B, H, T, N) → (B, T, K)."""
    per_head = activity.shape[-1]
    index = torch.tensor(neurons, device=activity.device)
    return activity[:, index // per_head, :, index % per_head].permute(1, 2, 0)


@dataclass(frozen=True)
class ConceptSelectivity:
    """How well one neuron or synapse tells samples with a concept from those without.

    Args:
        unit: the column that was best on the first half of the samples.
        selection_auroc: there; the best of many, hence too high.
        held_out_auroc: of the same column on the other samples.
        control_auroc: held-out value of the same procedure after the labels were shuffled.
    """

    unit: int
    selection_auroc: float
    held_out_auroc: float
    control_auroc: float


def concept_selectivity(
    activity: Float[Tensor, "samples units"],
    labels: Tensor,
    *,
    selection: Tensor | None = None,
    generator: torch.Generator | None = None,
) -> ConceptSelectivity:
    """The most selective unit for a concept, found on one half and judged on the other.

    For the monosemantic synapses of `The Dragon Hatchling <https://arxiv.org/abs/2509.26507>`_: the
    score is the area under the ROC curve of the activity, samples with the concept against those
    without. Neighbouring tokens resemble each other, so of a text ``selection`` should be one
    stretch, as its first half is.

    Args:
        activity: of neurons or synapses, one row for each token or sentence.
        labels: (samples,), True where the concept is present.
        selection: (samples,), True where the unit is chosen; None draws random halves, among which
            the concept is shared out evenly.
        generator: of the halves and of the shuffled control.

    Raises:
        TypeError: for activity that is not floating point.
        ValueError: for shapes that do not fit, for activity that is not finite, for fewer than two
            samples of a kind, and for a selection that leaves a kind to one side alone.

    Example:
        >>> labels = torch.arange(40) % 2 == 0
        >>> activity = torch.rand(40, 6)
        >>> activity[:, 4] += 2 * labels
        >>> concept_selectivity(activity, labels).unit
        4
    """
    require_tensor("activity", activity)
    require_tensor("labels", labels)
    if not activity.is_floating_point():
        raise TypeError(f"activity must be floating point: got {activity.dtype}")
    if activity.ndim != 2 or not activity.shape[1] or labels.shape != activity.shape[:1]:
        raise ValueError(
            "activity must be (samples, units) and labels (samples,): got "
            f"{list(activity.shape)} and {list(labels.shape)}"
        )
    if not activity.isfinite().all():
        raise ValueError("activity must be finite: got NaN or infinity")
    labels = labels.bool()
    if min(int(labels.sum()), int((~labels).sum())) < 2:
        raise ValueError(
            "labels must have two samples with the concept and two without: got "
            f"{int(labels.sum())} of {len(labels)} with"
        )
    first = _halves(labels, generator) if selection is None else _checked(selection, labels)
    unit, chosen, held_out = _select_and_judge(activity, labels, first)
    shuffled = labels.clone()
    for side in (first, ~first):  # within a side, so that both keep their share
        order = torch.randperm(int(side.sum()), generator=generator)
        shuffled[side] = labels[side][order.to(labels.device)]
    control = _select_and_judge(activity, shuffled, first)[2]
    return ConceptSelectivity(unit, chosen, held_out, control)


def _halves(labels: Tensor, generator: torch.Generator | None) -> Tensor:
    first = torch.zeros_like(labels)
    for kind in (True, False):
        members = (labels == kind).nonzero().flatten()
        drawn = torch.randperm(len(members), generator=generator)[: len(members) // 2]
        first[members[drawn.to(members.device)]] = True
    return first


def _checked(selection: Tensor, labels: Tensor) -> Tensor:
    require_tensor("selection", selection)
    if selection.shape != labels.shape:
        raise ValueError(
            f"selection must have the shape of labels, {list(labels.shape)}: got "
            f"{list(selection.shape)}"
        )
    first = selection.bool()
    with_concept = [int(labels[side].sum()) for side in (first, ~first)]
    without = [int((~labels[side]).sum()) for side in (first, ~first)]
    if not min(with_concept + without):
        raise ValueError(
            "selection must leave samples with and without the concept on both sides: got "
            f"{with_concept[0]} and {with_concept[1]} with, {without[0]} and {without[1]} without"
        )
    return first


def _select_and_judge(activity: Tensor, labels: Tensor, first: Tensor) -> tuple[int, float, float]:
    scores = auroc(activity[first], labels[first])
    unit = int(scores.argmax())
    held_out = auroc(activity[~first][:, [unit]], labels[~first])
    return unit, float(scores[unit]), float(held_out[0])


def auroc(activity: Float[Tensor, "samples units"], labels: Any) -> Float[Tensor, " units"]:
    """Area under the ROC curve of every column; equal activities count one half.

    Args:
        activity: one row a sample.
        labels: (samples,), True for positives; both kinds must occur.

    Example:
        >>> auroc(torch.tensor([[0.0], [1.0], [1.0], [2.0]]), torch.tensor([0, 0, 1, 1])).item()
        0.875
    """
    columns = activity.T.contiguous().double()
    ordered = columns.sort(-1).values
    below = torch.searchsorted(ordered, columns, right=False)
    not_above = torch.searchsorted(ordered, columns, right=True)
    ranks = (below + not_above + 1).double() / 2  # ties share the mean of their places
    positive = labels.bool()
    count, others = int(positive.sum()), int((~positive).sum())
    return (ranks[:, positive].sum(-1) - count * (count + 1) / 2) / (count * others)
