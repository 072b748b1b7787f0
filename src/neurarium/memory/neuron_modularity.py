"""The graph of BDH's neurons and its communities (arXiv 2509.26507).

Neuron i excites neuron j as far as row i of the decoder and column j of an encoder agree:
A = E D_x. The strongest entries are the edges. Communities: Newman & Girvan,
https://arxiv.org/abs/cond-mat/0308217; found by Louvain's method, Blondel et al.,
https://arxiv.org/abs/0803.0476.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from neurarium.memory.arguments import require_count
from neurarium.memory.bdh_growth import require_bdh

if TYPE_CHECKING:
    import numpy as np

    from neurarium.memory.bdh import BDH

_BLOCK = 1024
"""Rows of A at a time: the whole of it would be n² numbers."""

_SWAPS = 20
"""Swaps that every edge takes part in when a graph is rewired."""


@dataclass(frozen=True, eq=False)
class NeuronGraph:
    """An undirected graph without loops; every edge is listed once, smaller neuron first.

    Args:
        edges: (M, 2), int64, sorted.
        num_neurons: n.
        threshold: the smallest entry of A that became an edge; NaN where edges were not chosen so.
    """

    edges: Tensor
    num_neurons: int
    threshold: float = float("nan")

    @property
    def degrees(self) -> Tensor:
        """Number of neighbours of every neuron, (n,)."""
        return torch.bincount(self.edges.flatten(), minlength=self.num_neurons)

    def degree_tail(self) -> tuple[float, float]:
        """Largest over median degree of neurons with an edge, and the slope of the tail.

        The slope is that of log P(degree ≥ k) on log k above the median; a heavy tail is flat, an
        exponential one steep.
        """
        degrees = self.degrees[self.degrees > 0].double()
        median = degrees.median()
        values = degrees.unique()
        values = values[values >= median]
        if len(values) < 3:
            return float(degrees.max() / median), float("nan")
        share = torch.stack([(degrees >= value).double().mean() for value in values])
        x, y = values.log(), share.log()
        x = x - x.mean()
        return float(degrees.max() / median), float((x * (y - y.mean())).sum() / (x * x).sum())


@dataclass(frozen=True, eq=False)
class Communities:
    """A partition of the neurons.

    Args:
        modularity: Q of Newman: edges inside communities above what degrees alone would give.
        community: (n,), int64.
    """

    modularity: float
    community: Tensor


@torch.no_grad()
def neuron_graph(model: BDH, *, edges_per_neuron: int = 8, encoder: str = "encoder") -> NeuronGraph:
    """The strongest excitations among neurons as an undirected graph.

    `The Dragon Hatchling <https://arxiv.org/abs/2509.26507>`_: of A = E D (row = source, column =
    target) the ``edges_per_neuron * n`` largest positive entries are kept and made symmetric; a
    neuron's own entry does not count. A is made in blocks of rows, never as a whole.

    Args:
        model: its weights alone matter.
        edges_per_neuron: entries kept for each neuron, on average.
        encoder: ``"encoder"`` for D_x, ``"encoder_v"`` for D_y.

    Raises:
        TypeError: for anything but BDH.
        ValueError: for another encoder or a count below 1.

    Example:
        >>> from neurarium.memory import BDH
        >>> graph = neuron_graph(BDH(9, 8, num_heads=2, neuron_ratio=8, num_layers=3))
        >>> graph.num_neurons, bool((graph.edges[:, 0] < graph.edges[:, 1]).all())
        (64, True)
    """
    require_bdh("model", model)
    require_count("edges_per_neuron", edges_per_neuron)
    if encoder not in ("encoder", "encoder_v"):
        raise ValueError(f"encoder must be 'encoder' or 'encoder_v': got {encoder!r}")
    n = model.num_neurons
    columns = getattr(model, encoder).transpose(0, 1).flatten(1).float()  # (E, n), heads in order
    rows = model.decoder.float()
    wanted = min(edges_per_neuron * n, n * (n - 1))
    values, places = rows.new_empty(0), torch.empty(0, dtype=torch.int64, device=rows.device)
    for start in range(0, n, _BLOCK):
        block = rows[start : start + _BLOCK] @ columns
        block.diagonal(start).fill_(-torch.inf)
        block = block.flatten()
        kept = block.topk(min(wanted, len(block)))
        values = torch.cat((values, kept.values))
        places = torch.cat((places, kept.indices + start * n))
        values, order = values.topk(min(wanted, len(values)))
        places = places[order]
    places, values = places[values > 0], values[values > 0]
    ends = torch.stack((places // n, places % n), 1).sort(1).values
    threshold = float(values.min()) if len(values) else float("nan")
    return NeuronGraph(ends.unique(dim=0).cpu(), n, threshold)


def modularity(graph: NeuronGraph, *, generator: torch.Generator | None = None) -> Communities:
    r"""Communities by Louvain's method, and Newman's modularity of them.

    `Fast unfolding of communities <https://arxiv.org/abs/0803.0476>`_. With m edges, degrees d and
    communities c, :math:`Q = \sum_c \big(m_c / m - (d_c / 2m)^2\big)`. Random graphs have a Q
    well above 0 too: compare with :func:`rewire` and with the untrained model.

    Args:
        graph: at least one edge.
        generator: of the order in which neurons are visited.

    Raises:
        TypeError: for anything but a graph of :func:`neuron_graph`.
        ValueError: for a graph without edges.

    Example:
        >>> ring = torch.tensor([[0, 1], [0, 2], [1, 2], [3, 4], [3, 5], [4, 5], [0, 3]])
        >>> found = modularity(NeuronGraph(ring, 6))
        >>> round(found.modularity, 4), found.community.unique().numel()
        (0.3571, 2)
    """
    import numpy as np

    _require_graph(graph)
    if not len(graph.edges):
        raise ValueError("graph must have an edge: got none")
    ends = graph.edges.numpy()
    node = np.arange(graph.num_neurons)
    source, target = ends.T
    weight = np.ones(len(ends))
    loops = np.zeros(graph.num_neurons)
    while True:
        seed = int(torch.randint(2**31, (), generator=generator))
        labels = _move(source, target, weight, loops, seed)
        names, labels = np.unique(labels, return_inverse=True)
        node = labels[node]
        if len(names) == len(loops):
            break
        source, target, weight, loops = _join(source, target, weight, loops, labels)
    return Communities(_newman(ends, node), torch.from_numpy(node))


def rewire(graph: NeuronGraph, *, generator: torch.Generator | None = None) -> NeuronGraph:
    """A random graph in which every neuron keeps its degree: the control of modularity.

    Random pairs of edges swap ends, twenty times each; a swap that would make a loop or an edge
    twice is skipped. A control of what degrees alone give, for the claim of
    https://arxiv.org/abs/2509.26507 that the graph is modular.

    Args:
        graph: is left as it is.
        generator: of the swaps.

    Raises:
        TypeError: for anything but a graph of :func:`neuron_graph`.

    Example:
        >>> ring = torch.tensor([[0, 1], [1, 2], [2, 3], [3, 4], [4, 5], [0, 5]])
        >>> rewire(NeuronGraph(ring, 6)).degrees.tolist()
        [2, 2, 2, 2, 2, 2]
    """
    _require_graph(graph)
    ends, half = graph.edges.clone(), len(graph.edges) // 2
    for _ in range(_SWAPS):
        order = torch.randperm(len(ends), generator=generator)
        first, second = order[:half], order[half : 2 * half]
        crossed = torch.rand(half, generator=generator) < 0.5
        other = torch.where(crossed[:, None], ends[second].flip(1), ends[second])
        swapped = torch.stack(
            (
                torch.stack((ends[first, 0], other[:, 1]), 1),
                torch.stack((other[:, 0], ends[first, 1]), 1),
            )
        )
        allowed = _allowed(swapped, ends, graph.num_neurons)
        ends[first[allowed]], ends[second[allowed]] = swapped[0, allowed], swapped[1, allowed]
    return NeuronGraph(ends.sort(1).values.unique(dim=0), graph.num_neurons)


def _require_graph(graph: NeuronGraph) -> None:
    if not isinstance(graph, NeuronGraph):
        raise TypeError(
            f"graph must be a NeuronGraph: got {type(graph).__name__}; neuron_graph makes one"
        )


def _allowed(swapped: Tensor, ends: Tensor, size: int) -> Tensor:
    """Which swaps (2, K, 2) make neither a loop, nor an edge that exists or that another makes."""
    new, old = _keys(swapped, size), _keys(ends, size)
    _, which, counts = new.unique(return_inverse=True, return_counts=True)
    loop = swapped[..., 0] == swapped[..., 1]
    return ~(loop | torch.isin(new, old) | (counts[which] > 1)).any(0)


def _keys(ends: Tensor, size: int) -> Tensor:
    return ends.amin(-1) * size + ends.amax(-1)


def _newman(ends: np.ndarray, community: np.ndarray) -> float:
    import numpy as np

    inside = (community[ends[:, 0]] == community[ends[:, 1]]).mean()
    degrees = np.bincount(community[ends].ravel()) / (2 * len(ends))
    return float(inside - np.square(degrees).sum())


def _join(
    source: np.ndarray,
    target: np.ndarray,
    weight: np.ndarray,
    loops: np.ndarray,
    labels: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Communities become nodes; their inner edges become loops."""
    import numpy as np

    size = int(labels.max()) + 1
    loops = np.bincount(labels, loops, size)
    ends = np.sort(np.stack((labels[source], labels[target]), 1), 1)
    inner = ends[:, 0] == ends[:, 1]
    loops = loops + np.bincount(ends[inner, 0], weight[inner], size)
    keys, place = np.unique(ends[~inner, 0] * size + ends[~inner, 1], return_inverse=True)
    return keys // size, keys % size, np.bincount(place, weight[~inner], len(keys)), loops


def _move(
    source: np.ndarray, target: np.ndarray, weight: np.ndarray, loops: np.ndarray, seed: int
) -> np.ndarray:
    """Move nodes to the neighbouring community that gains most, until none moves."""
    import numpy as np

    size = len(loops)
    tails, heads = np.concatenate((source, target)), np.concatenate((target, source))
    order = np.argsort(tails, kind="stable")
    offsets = np.concatenate(([0], np.cumsum(np.bincount(tails, minlength=size))))
    weights = np.concatenate((weight, weight))[order]
    degrees = np.bincount(tails, np.concatenate((weight, weight)), size) + 2 * loops
    visits = np.random.default_rng(seed).permutation(size)
    return _compiled_move()(offsets, heads[order], weights, degrees, visits)


@cache
def _compiled_move() -> Any:
    """The scalar loop of Louvain's method."""
    import numba
    import numpy as np

    @numba.njit(cache=False)
    def move(offsets, heads, weights, degrees, visits):  # type: ignore[no-untyped-def]
        size = len(degrees)
        community, total = np.arange(size), degrees.copy()
        twice_m = degrees.sum()
        links = np.zeros(size)
        moved = True
        while moved:
            moved = False
            for node in visits:
                home = community[node]
                total[home] -= degrees[node]
                for e in range(offsets[node], offsets[node + 1]):
                    links[community[heads[e]]] += weights[e]
                best = home
                most = links[home] - total[home] * degrees[node] / twice_m
                for e in range(offsets[node], offsets[node + 1]):
                    other = community[heads[e]]
                    gain = links[other] - total[other] * degrees[node] / twice_m
                    if gain > most + 1e-12:
                        best, most = other, gain
                for e in range(offsets[node], offsets[node + 1]):
                    links[community[heads[e]]] = 0.0
                total[best] += degrees[node]
                community[node] = best
                moved = moved or best != home
        return community

    return move
