"""What neurons do: densities, traces, concepts with a control, the graph against networkx."""

import networkx
import numpy as np
import pytest
import torch
from scipy.stats import mannwhitneyu
from torch.testing import assert_close

from memory.test_bdh import EXACT, build, ids
from neurarium.memory import (
    activation_density,
    concept_selectivity,
    modularity,
    neuron_graph,
    rewire,
    synapse_trace,
)
from neurarium.memory.neuron_analysis import auroc
from neurarium.memory.neuron_modularity import NeuronGraph


def test_density_counts_neurons_that_are_not_zero():
    model, tokens = build(), ids()
    density = activation_density(model, tokens)
    for index, layer in enumerate(model.layers(tokens)):
        active = layer.code[:, :, 1:] != 0
        assert density.code[index] == active.double().mean()
        gated = layer.gated[:, :, 1:] != 0
        assert density.gated[index] == gated.double().mean()
        assert 0 < density.gated[index] < density.code[index] < 1
    model.encoder_v.data.zero_()
    assert not activation_density(model, tokens).gated.any()
    with pytest.raises(ValueError, match="two columns at least"):
        activation_density(model, tokens[:, :1])


def test_a_trace_is_the_running_sum_of_products():
    model, tokens = build(), ids()
    layers = list(model.layers(tokens))
    sources, targets = [0, 17, 31], [5, 2, 30]
    for layer in (1, 2):
        trace = synapse_trace(model, tokens, sources, targets, layer=layer)
        y = layers[layer - 1].gated.transpose(1, 2).flatten(2)
        x = layers[layer].code.transpose(1, 2).flatten(2)
        for k, (i, j) in enumerate(zip(sources, targets, strict=True)):
            expected = torch.stack(
                [(y[:, : t + 1, i] * x[:, : t + 1, j]).sum(1) for t in range(12)]
            )
            assert_close(trace[..., k], expected.T.detach(), **EXACT)
    everything = synapse_trace(model, tokens, [*range(32)], [*range(32)], layer=1)
    assert (everything.diff(dim=1) >= 0).all()
    assert (everything[:, -1] > 0).any()
    with pytest.raises(ValueError, match="layer must be at least 1: got 0; the lowest layer"):
        synapse_trace(model, tokens, [0], [0], layer=0)
    with pytest.raises(ValueError, match="layer must be in 1 … 2: got 3"):
        synapse_trace(model, tokens, [0], [0], layer=3)
    with pytest.raises(TypeError, match=r"neurons must be whole numbers: got 0\.5"):
        synapse_trace(model, tokens, [0.5], [0], layer=1)
    several = synapse_trace(model, tokens, torch.tensor(sources), torch.tensor(targets), layer=2)
    assert torch.equal(several, trace)
    with pytest.raises(IndexError, match="neurons must lie in 0 … 31: got 32"):
        synapse_trace(model, tokens, [32], [0], layer=1)
    with pytest.raises(ValueError, match="as many neurons: got 2 and 1"):
        synapse_trace(model, tokens, [0, 1], [0], layer=1)


def test_area_under_the_curve_is_that_of_mann_and_whitney_with_ties():
    generator = np.random.default_rng(0)
    activity = np.maximum(generator.normal(size=(60, 5)).round(1), 0)  # most are ties at zero
    labels = generator.random(60) < 0.4
    expected = [
        mannwhitneyu(column[labels], column[~labels]).statistic / (labels.sum() * (~labels).sum())
        for column in activity.T
    ]
    assert_close(
        auroc(torch.from_numpy(activity), torch.from_numpy(labels)),
        torch.tensor(expected, dtype=torch.float64),
        **EXACT,
    )


def test_a_concept_is_found_on_one_half_and_confirmed_on_the_other():
    generator = torch.Generator().manual_seed(0)
    labels = torch.rand(400, generator=generator) < 0.2
    activity = torch.rand(400, 200, generator=generator)
    activity[:, 123] += labels
    found = concept_selectivity(activity, labels, generator=generator)
    assert found.unit == 123
    assert found.held_out_auroc > 0.95
    assert abs(found.control_auroc - 0.5) < 0.2


def test_without_a_concept_only_the_selected_half_looks_selective():
    """The best of many columns beats chance where it was chosen, not where it is judged."""
    generator = torch.Generator().manual_seed(1)
    found = []
    for _ in range(20):
        labels = torch.rand(80, generator=generator) < 0.5
        activity = torch.rand(80, 300, generator=generator)
        found.append(concept_selectivity(activity, labels, generator=generator))
    assert np.mean([f.selection_auroc for f in found]) > 0.75
    assert abs(np.mean([f.held_out_auroc for f in found]) - 0.5) < 0.06
    assert abs(np.mean([f.control_auroc for f in found]) - 0.5) < 0.06


def test_a_unit_is_chosen_where_one_says_and_judged_on_the_rest():
    """Column 0 is selective in the first half only, column 1 a little everywhere."""
    labels = torch.arange(200) % 2 == 0
    activity = torch.rand(200, 2, generator=torch.Generator().manual_seed(0))
    first = torch.arange(200) < 100
    activity[:, 0] += labels & first
    activity[:, 1] += 0.3 * labels
    found = concept_selectivity(activity, labels, selection=first)
    assert found.unit == 0
    assert found.selection_auroc == 1
    assert abs(found.held_out_auroc - 0.5) < 0.15
    other = concept_selectivity(activity, labels, selection=~first)
    assert other.unit == 1
    assert_close(
        torch.tensor(other.held_out_auroc).double(), auroc(activity[first], labels[first])[1]
    )


def test_bad_labels_are_refused():
    labels = torch.arange(8) % 2 == 0
    with pytest.raises(ValueError, match=r"selection must have the shape of labels, \[8\]"):
        concept_selectivity(torch.rand(8, 2), labels, selection=labels[:5])
    with pytest.raises(ValueError, match="on both sides: got 4 and 0 with, 0 and 4 without"):
        concept_selectivity(torch.rand(8, 2), labels, selection=labels)
    with pytest.raises(ValueError, match="two samples with the concept"):
        concept_selectivity(torch.rand(5, 2), torch.tensor([1, 0, 0, 0, 0]))
    with pytest.raises(ValueError, match="activity must be"):
        concept_selectivity(torch.rand(5, 2), torch.zeros(4))
    with pytest.raises(TypeError, match="activity must be floating point"):
        concept_selectivity(torch.zeros(5, 2, dtype=torch.int64), torch.zeros(5))


def test_activity_is_finite_and_has_a_unit():
    labels = torch.arange(8) % 2 == 0
    with pytest.raises(ValueError, match="activity must be finite"):
        concept_selectivity(torch.full((8, 2), torch.nan), labels)
    with pytest.raises(ValueError, match=r"activity must be .*: got \[8, 0\]"):
        concept_selectivity(torch.rand(8, 0), labels)


def test_other_modules_and_graphs_are_refused():
    other, tokens = torch.nn.Linear(2, 2), ids()
    for call in (
        lambda: activation_density(other, tokens),
        lambda: synapse_trace(other, tokens, [0], [0], layer=1),
        lambda: neuron_graph(other),
    ):
        with pytest.raises(TypeError, match="model must be a BDH: got Linear"):
            call()
    for judge in (modularity, rewire):
        with pytest.raises(TypeError, match="graph must be a NeuronGraph: got Linear"):
            judge(other)


def test_edges_are_the_strongest_entries_of_decoder_times_encoder(monkeypatch):
    monkeypatch.setattr("neurarium.memory.neuron_modularity._BLOCK", 7)
    model = build()
    flat = torch.cat(list(model.encoder), 1)  # heads in order
    excitation = model.decoder @ flat
    excitation.fill_diagonal_(-torch.inf)
    threshold = excitation.flatten().sort(descending=True).values[2 * 32 - 1]
    chosen = (excitation >= threshold).nonzero().tolist()
    graph = neuron_graph(model, edges_per_neuron=2)
    assert {tuple(edge) for edge in graph.edges.tolist()} == {tuple(sorted(e)) for e in chosen}
    assert graph.threshold == pytest.approx(threshold.item(), rel=1e-6)
    assert graph.degrees.sum() == 2 * len(graph.edges)
    with pytest.raises(ValueError, match="encoder must be"):
        neuron_graph(model, encoder="decoder")


def random_graph(num_neurons=120, seed=0):
    """Six groups with more edges inside."""
    found = networkx.stochastic_block_model(
        [num_neurons // 6] * 6, 0.02 + 0.3 * np.eye(6), seed=seed
    )
    edges = torch.tensor(sorted(tuple(sorted(e)) for e in found.edges))
    return NeuronGraph(edges, num_neurons)


def communities_of(found):
    return [set(np.flatnonzero(found.community.numpy() == c)) for c in found.community.unique()]


@pytest.mark.parametrize("seed", range(3))
def test_modularity_is_newmans_and_as_good_as_networkx(seed):
    graph = random_graph(seed=seed)
    peer = networkx.Graph(graph.edges.tolist())
    peer.add_nodes_from(range(graph.num_neurons))
    found = modularity(graph, generator=torch.Generator().manual_seed(seed))
    expected = networkx.community.modularity(peer, communities_of(found))
    assert found.modularity == pytest.approx(expected, abs=1e-12)
    theirs = networkx.community.louvain_communities(peer, seed=seed)
    assert found.modularity > networkx.community.modularity(peer, theirs) - 0.02
    planted = np.arange(graph.num_neurons) // (graph.num_neurons // 6)
    pairs = planted[:, None] == planted
    same = found.community.numpy()[:, None] == found.community.numpy()
    assert (pairs == same).mean() > 0.95


def test_cliques_joined_by_one_edge_are_the_communities():
    edges = [(a + k, b + k) for k in (0, 5, 10) for a in range(5) for b in range(a + 1, 5)]
    edges += [(0, 5), (5, 10)]
    found = modularity(NeuronGraph(torch.tensor(sorted(edges)), 15))
    assert sorted(map(sorted, communities_of(found))) == [[*range(k, k + 5)] for k in (0, 5, 10)]
    with pytest.raises(ValueError, match="graph must have an edge"):
        modularity(NeuronGraph(torch.empty(0, 2, dtype=torch.int64), 3))


def test_rewiring_keeps_every_degree_and_destroys_communities():
    graph = random_graph()
    generator = torch.Generator().manual_seed(0)
    control = rewire(graph, generator=generator)
    assert torch.equal(control.degrees, graph.degrees)
    assert len(control.edges) == len(graph.edges)
    assert (control.edges[:, 0] < control.edges[:, 1]).all()
    before, after = (modularity(g, generator=generator).modularity for g in (graph, control))
    assert after < before - 0.2
    kept = {tuple(e) for e in graph.edges.tolist()} & {tuple(e) for e in control.edges.tolist()}
    assert len(kept) < 0.3 * len(graph.edges)


def test_the_tail_of_a_power_law_is_flat_and_of_a_ring_undefined():
    star = torch.tensor([[0, k] for k in range(1, 20)] + [[1, 2]])
    assert NeuronGraph(star, 20).degree_tail()[0] == 19
    ring = torch.tensor([[k, k + 1] for k in range(9)] + [[0, 9]])
    ratio, slope = NeuronGraph(ring, 10).degree_tail()
    assert ratio == 1
    assert np.isnan(slope)
    heavy = networkx.barabasi_albert_graph(3000, 3, seed=0)
    edges = torch.tensor(sorted(tuple(sorted(e)) for e in heavy.edges))
    ratio, slope = NeuronGraph(edges, 3000).degree_tail()
    assert ratio > 10
    assert -3 < slope < -1.3  # P(degree >= k) falls as k^-2
