r"""Cutting the edges and nodes of a Kolmogorov–Arnold network that contribute nothing.

Attribution as in KAN 2.0 (https://arxiv.org/abs/2408.10205): with E_oi the standard
deviation of edge (o, i) over samples and N_o that of node o, scores run backwards from the outputs,

.. math:: B_{oi} = A_o \frac{E_{oi}}{N_o}, \qquad A_i = \sum_o B_{oi}

An edge that goes is replaced by its mean, which a bias takes up.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from neurarium.neurons.kan import KAN, require_rows
from neurarium.neurons.kan_linear import KANLinear


@dataclass(frozen=True)
class KANPruning:
    """What :func:`prune_kan` did.

    Args:
        layer_sizes: widths of the new network.
        edges_before: number of functions.
        edges_after: of those that are left.
        change: root mean square change of the outputs at the samples, over their deviation.
        scores: of every edge of the old network, one tensor (out, in) a layer.
    """

    layer_sizes: list[int]
    edges_before: int
    edges_after: int
    change: float
    scores: list[Tensor]


@torch.no_grad()
def edge_scores(model: KAN, x: Float[Tensor, "N in"]) -> list[Tensor]:
    """How much every edge contributes to the outputs, one tensor (out, in) a layer.

    Batch norms use their running statistics, as after ``eval()``, and keep them.

    Args:
        model: layers of functions on edges.
        x: samples, at least two.

    Raises:
        TypeError: for another model, and samples that are no tensor of its precision.
        ValueError: for too few samples, other widths, NaN and infinity.

    Example:
        >>> model = KAN([2, 1])
        >>> _ = torch.nn.init.zeros_(model.layers[0].base_weight[:, 1])
        >>> _ = torch.nn.init.zeros_(model.layers[0].spline_scale[:, 1])
        >>> edge_scores(model, torch.rand(50, 2))[0].round(decimals=3)
        tensor([[1., 0.]])
    """
    _require_network(model)
    require_rows(x, cast(KANLinear, model.layers[0]))
    deviations, nodes = [], []
    with evaluated(model):
        for layer in cast(list[KANLinear], list(model.layers)):
            deviations.append(_moments(layer, x)[1])
            x = layer(x)
            nodes.append(x.std(0))
    score = torch.ones_like(nodes[-1])
    found: list[Tensor] = []
    for edges, total in zip(reversed(deviations), reversed(nodes), strict=True):
        scores = edges * (score / total.clamp_min(1e-12))[:, None]
        found.insert(0, scores)
        score = scores.sum(0)
    return found


@torch.no_grad()
def prune_kan(
    model: KAN, x: Float[Tensor, "N in"], *, threshold: float = 0.01
) -> tuple[KAN, KANPruning]:
    r"""A smaller network without the edges that contribute least, and without idle nodes.

    `KAN 2.0 <https://arxiv.org/abs/2408.10205>`_: an edge stays if its score
    (:func:`edge_scores`; those that lead to one output sum to about 1) reaches ``threshold``. Those
    that go leave their mean behind; a hidden node without edges on one side goes as a whole. All
    of it is measured as after ``eval()``, whatever the mode. Train a little afterwards.

    Args:
        model: layers of functions on edges; left as it is.
        x: samples of its inputs.
        threshold: least score of an edge that stays.

    Raises:
        TypeError: for another model, and samples that are no tensor of its precision.
        ValueError: for a threshold out of [0, 1), too few samples, NaN, or layer norms, which would
            see other inputs.

    Example:
        >>> model = KAN([2, 5, 1])
        >>> x = torch.rand(100, 2) * 2 - 1
        >>> smaller, report = prune_kan(model, x, threshold=0.05)
        >>> report.edges_after <= report.edges_before == 15
        True
        >>> smaller(x).shape
        torch.Size([100, 1])
    """
    _require_network(model)
    if isinstance(threshold, bool) or not isinstance(threshold, int | float):
        raise TypeError(f"threshold must be a number: got {threshold!r}")
    if not 0 <= threshold < 1:
        raise ValueError(f"threshold must lie in [0, 1): got {threshold}")
    scores = edge_scores(model, x)
    kept = _kept_edges(model, scores, threshold)
    pruned = copy.deepcopy(model)
    with evaluated(pruned):
        _replace_by_means(pruned, x, kept)
    for place, edges in enumerate(kept[:-1]):
        alive = edges.any(1).nonzero().flatten()
        if not len(alive):
            alive = scores[place].sum(1).argmax()[None]
        _keep_nodes(pruned, place, alive)
    sizes = pruned.layer_sizes
    config = getattr(model, "_hub_mixin_config", None) or {}
    pruned._hub_mixin_config = {**config, "layer_sizes": sizes, "bias": True}
    with evaluated(model), evaluated(pruned):
        before, after = model(x), pruned(x)
    change = float((after - before).square().mean().sqrt() / before.std().clamp_min(1e-12))
    total = sum(_count(layer) for layer in model.layers)
    left = sum(_count(layer) for layer in pruned.layers)
    return pruned, KANPruning(sizes, total, left, change, scores)


def _kept_edges(model: KAN, scores: list[Tensor], threshold: float) -> list[Tensor]:
    """Edges above the threshold that lead from an input to an output."""
    kept = [edges >= threshold for edges in scores]
    for edges, layer in zip(kept, cast(list[KANLinear], list(model.layers)), strict=True):
        edges &= torch.ones_like(edges) if layer.mask is None else layer.mask > 0
    for _ in kept:
        for lower, upper in itertools.pairwise(kept):
            lower &= upper.any(0)[:, None]  # nobody reads the node
            upper &= lower.any(1)[None]  # the node is constant
    return kept


def _replace_by_means(model: KAN, x: Tensor, kept: list[Tensor]) -> None:
    """Masks, and biases that make up for the mean of what is masked."""
    for layer, edges in zip(cast(list[KANLinear], list(model.layers)), kept, strict=True):
        lost = (_moments(layer, x)[0] * ~edges).sum(1)
        bias = lost if layer.bias is None else layer.bias + lost
        x = layer(x)
        layer.bias = nn.Parameter(bias)
        layer.mask = edges.to(layer.coefficients.dtype)


def _moments(layer: KANLinear, x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of what every edge contributes, (out, in) each."""
    count, mean, square = 0, torch.zeros(()), torch.zeros(())
    for rows in layer.row_chunks(layer.rows(x)):
        values = layer.edge_values(rows)
        new, here = len(rows), values.mean(-1)
        square_here = (values - here[..., None]).square().sum(-1)
        if not count:
            mean, square = here, square_here
        else:  # the moments of two parts together
            away = here - mean
            square = square + square_here + away.square() * (count * new / (count + new))
            mean = mean + away * (new / (count + new))
        count += new
    return mean, (square / (count - 1)).sqrt()


@contextmanager
def evaluated(model: nn.Module) -> Iterator[None]:
    """The model as after ``eval()``; every part's mode comes back.

    Example:
        >>> model = KAN([2, 1])
        >>> with evaluated(model):
        ...     print(model.training)
        False
        >>> model.training
        True
    """
    modes = {part: part.training for part in model.modules()}
    model.eval()
    try:
        yield
    finally:
        for part, mode in modes.items():
            part.training = mode


def _keep_nodes(model: KAN, place: int, alive: Tensor) -> None:
    """Only these outputs of one layer, which are the inputs of the next."""
    model.layers[place] = model.layers[place].take(outputs=alive)  # type: ignore[operator]
    model.layers[place + 1] = model.layers[place + 1].take(inputs=alive)  # type: ignore[operator]


def _count(layer: Any) -> int:
    """Edges that are not cut."""
    cut = 0 if layer.mask is None else int((layer.mask == 0).sum())
    return layer.out_features * layer.in_features - cut


def _require_network(model: Any) -> None:
    if not isinstance(model, KAN) or not all(isinstance(m, KANLinear) for m in model.layers):
        raise TypeError(f"model must be a KAN of KANLinear layers: got {type(model).__name__}")
    for layer in model.layers:
        if isinstance(layer.norm, nn.LayerNorm):
            raise ValueError("norm must be 'batch' or None to prune: got 'layer'")
