"""What the neurons of a trained BDH do: how many are active, communities against two controls."""

from __future__ import annotations

import copy
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from neurarium.memory.bdh import BDH
from neurarium.memory.neuron_analysis import activation_density
from neurarium.memory.neuron_modularity import modularity, neuron_graph, rewire

from .concepts import selectivity
from .corpus import Corpus

LOOKED_AT = 8192
"""Bytes whose activations are looked at."""


def interpret(
    model: BDH, untrained: Mapping[str, Tensor], corpus: Corpus, seed: int
) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    """Numbers and arrays for the record."""
    model.eval()
    tokens = corpus.running[: max(2, LOOKED_AT // corpus.running.shape[1])]
    density = activation_density(model, tokens)
    generator = torch.Generator().manual_seed(seed)
    concept, trace = selectivity(model, tokens, generator)
    numbers = {
        "code_density": float(density.code.mean()),
        "gated_density": float(density.gated.mean()),
        "recurrent_gap": recurrent_gap(model, tokens[:2]),
        **communities(model, untrained, generator),
        **concept,
    }
    densities = {"code_density": density.code.numpy(), "gated_density": density.gated.numpy()}
    return numbers, {**densities, **trace}


@torch.no_grad()
def recurrent_gap(model: BDH, tokens: Tensor) -> float:
    """The largest difference between logits of whole sequences and of single steps."""
    whole, state = model(tokens), model.init_state(len(tokens))
    gap = 0.0
    for index in range(tokens.shape[1]):
        logits, state = model.step(tokens[:, index], state)
        gap = max(gap, float((logits - whole[:, index]).abs().max()))
    return gap


def communities(
    model: BDH, untrained: Mapping[str, Tensor], generator: torch.Generator
) -> dict[str, float]:
    """Modularity of the trained graph, of its rewiring, and of the graph before training."""
    before = copy.deepcopy(model)
    before.load_state_dict(dict(untrained))
    graph = neuron_graph(model)
    ratio, slope = graph.degree_tail()
    graphs = {
        "trained": graph,
        "rewired": rewire(graph, generator=generator),
        "untrained": neuron_graph(before),
    }
    found = {
        f"modularity_{name}": modularity(g, generator=generator).modularity
        for name, g in graphs.items()
    }
    return {**found, "degree_max_over_median": ratio, "degree_slope": slope}
