"""Whether a neuron or a synapse of a trained BDH stands for a concept: chosen here, judged there.

The concept is the other language in sentence pairs, and the name of who speaks in plays. Neurons
and synapses are chosen on the first half of the windows and judged on the second.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from neurarium.memory.bdh import BDH
from neurarium.memory.neuron_analysis import (
    ConceptSelectivity,
    auroc,
    concept_selectivity,
    synapse_trace,
)

CANDIDATES = 16
"""Neurons on either side of the synapses that are looked at."""


@torch.no_grad()
def selectivity(
    model: BDH, tokens: Tensor, generator: torch.Generator
) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    """AUROC of the best neuron of the last layer and of the best synapse that leads to it.

    A synapse between two neurons grows by the product of their activities, so that product is what
    is judged; candidates join the neurons that are best on the first half, in both layers.
    """
    concept = concept_of(tokens)
    first = torch.zeros_like(concept)
    first[: len(tokens) // 2] = True
    labels, selection = concept.flatten(), first.flatten()
    sides = [(labels & side).any() and (~labels & side).any() for side in (selection, ~selection)]
    if not all(sides):
        return {}, {}
    *_, below, last = model.layers(tokens)
    neuron = concept_selectivity(
        _rows(last.gated), labels, selection=selection, generator=generator
    )
    sources, targets = (
        auroc(activity[selection], labels[selection]).topk(CANDIDATES).indices
        for activity in (_rows(below.gated), _rows(last.code))
    )
    grown = _rows(below.gated)[:, sources, None] * _rows(last.code)[:, None, targets]
    synapse = concept_selectivity(
        grown.flatten(1), labels, selection=selection, generator=generator
    )
    numbers = {**_numbers("neuron", neuron), **_numbers("synapse", synapse)}
    window = len(tokens) // 2 + int(concept[len(tokens) // 2 :].sum(1).argmax())
    pair = [int(sources[synapse.unit // CANDIDATES])], [int(targets[synapse.unit % CANDIDATES])]
    trace = synapse_trace(model, tokens[[window]], *pair, layer=model.num_layers - 1)
    arrays = {"trace": trace[0, :, 0], "trace_concept": concept[window]}
    return numbers, {name: array.numpy() for name, array in arrays.items()}


def _rows(activity: Tensor) -> Tensor:
    """(B, H, T, N) → (B T, n)."""
    return activity.permute(0, 2, 1, 3).flatten(2).flatten(0, 1)


def _numbers(what: str, found: ConceptSelectivity) -> dict[str, float]:
    return {
        f"{what}_selection_auroc": found.selection_auroc,
        f"{what}_auroc": found.held_out_auroc,
        f"{what}_control_auroc": found.control_auroc,
    }


def concept_of(tokens: Tensor) -> Tensor:
    """Which bytes (B, T) belong to it: those between a tab and the end of its line.

    Without tabs, lines that name a speaker: such a line ends with a colon and follows an empty one;
    colons end verses too. Rows are pieces of one text, one after the other.
    """
    flat = tokens.flatten()
    place = torch.arange(len(flat))
    tab, end = (torch.where(flat == ord(byte), place, -1).cummax(0).values for byte in ("\t", "\n"))
    if (tab >= 0).any():
        return ((tab > end) & (tab < place)).view_as(tokens)
    lines = bytes(tokens.flatten().tolist()).split(b"\n")
    marked = [
        not before and line.endswith(b":")
        for before, line in zip([b"no name here", *lines], lines, strict=False)
    ]
    lengths = torch.tensor([len(line) + 1 for line in lines])
    labels = torch.tensor(marked).repeat_interleave(lengths)
    return labels[: tokens.numel()].view_as(tokens)
