"""Pruning: what contributes stays, means are kept, nodes go physically."""

import math

import pytest
import torch
from torch.testing import assert_close

from neurarium.neurons import KAN, edge_scores, kan_linear, prune_kan


def network(seed=0, sizes=(3, 4, 2), **arguments):
    torch.manual_seed(seed)
    return KAN(sizes, dtype=torch.float64, **arguments)


def silence(layer, outputs=slice(None), inputs=slice(None)):
    """These edges become constants."""
    with torch.no_grad():
        for weight in (layer.base_weight, layer.spline_scale):
            weight[outputs, inputs] = 0


def samples(width=3, count=200):
    return torch.rand(count, width, dtype=torch.float64) * 2 - 1


def test_scores_by_hand():
    model, x = network(sizes=(2, 2, 1)), samples(2)
    lower, upper = model.layers
    hidden = lower(x)
    edges = upper.edge_values(hidden).std(-1)[0]
    nodes = hidden.std(0)
    first = lower.edge_values(x).std(-1)
    output = edges / upper(hidden).std(0)
    found = edge_scores(model, x)
    assert_close(found[1][0], output.detach())
    assert_close(found[0], (first * (output / nodes)[:, None]).detach())


def test_what_does_nothing_goes_and_nothing_changes():
    model, x = network(), samples()
    silence(model.layers[0], inputs=1)  # the second input is not read
    silence(model.layers[1], inputs=2)  # the third node is not read
    smaller, report = prune_kan(model, x, threshold=1e-9)
    assert report.layer_sizes == smaller.layer_sizes == [3, 3, 2]
    assert (report.edges_before, report.edges_after) == (20, 6 + 6)
    assert report.change < 1e-12
    assert_close(smaller(x), model(x))
    assert not smaller.layers[0].mask[:, 1].any()
    assert sum(p.numel() for p in smaller.parameters()) < sum(p.numel() for p in model.parameters())


def test_a_constant_node_leaves_its_constant():
    """Its outgoing edges go too; what they contributed is in the bias."""
    model, x = network(), samples()
    silence(model.layers[0], outputs=0)
    smaller, report = prune_kan(model, x, threshold=1e-9)
    assert report.layer_sizes == [3, 3, 2]
    assert_close(smaller(x), model(x))


def test_pruned_networks_prune_reload_and_train(tmp_path):
    model, x = network(), samples()
    smaller, report = prune_kan(model, x, threshold=0.15)
    assert 0 < report.edges_after < 20
    assert 0 < report.change < 1
    smaller.save_pretrained(tmp_path)
    twin = KAN.from_pretrained(tmp_path)
    assert torch.equal(twin(x), smaller(x))
    again, second = prune_kan(smaller, x, threshold=0)
    assert second.edges_after <= report.edges_after
    assert_close(again(x), smaller(x))
    smaller(x).square().sum().backward()
    cut = smaller.layers[0].mask == 0
    assert smaller.layers[0].base_weight.grad[cut].abs().sum() == 0
    before, _ = model(x), smaller.extend_grid(10)
    assert before.shape == smaller(x).shape


def test_batch_norms_are_pruned_along():
    model, x = network(norm="batch"), samples()
    model(x)
    model.eval()
    silence(model.layers[1], inputs=0)
    smaller, report = prune_kan(model, x, threshold=1e-9)
    assert report.layer_sizes == [3, 3, 2]
    assert_close(smaller(x), model(x))


def test_the_mode_does_not_matter():
    """Scores, constants and the change are those of what the network predicts."""
    model, x = network(norm="batch"), samples()
    model(x + 1)
    wanted = edge_scores(model.eval(), x)
    other, report = prune_kan(model, x, threshold=0.1)
    model.train()
    assert_close(edge_scores(model, x), wanted)
    smaller, again = prune_kan(model, x, threshold=0.1)
    assert smaller.training
    assert again.change == report.change
    assert torch.equal(smaller.eval()(x), other(x))


def test_chunks_of_samples_change_nothing(monkeypatch):
    model, x = network(), samples() + 100 * samples().mean()
    wanted, (whole, report) = edge_scores(model, x), prune_kan(model, x, threshold=0.1)
    monkeypatch.setattr(kan_linear, "CHUNK", 7 * 12)
    assert_close(edge_scores(model, x), wanted)
    smaller, again = prune_kan(model, x, threshold=0.1)
    assert again.layer_sizes == report.layer_sizes
    assert_close(smaller(x), whole(x))


def test_everything_below_the_threshold_leaves_a_network():
    model, x = network(), samples()
    silence(model.layers[1])
    smaller, report = prune_kan(model, x, threshold=0.5)
    assert report.edges_after == 0
    assert_close(smaller(x), model(x))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (
            (torch.nn.Linear(3, 2),),
            TypeError,
            "model must be a KAN of KANLinear layers: got Linear",
        ),
        ((KAN([3, 2], layer="spline_mlp"),), TypeError, "model must be a KAN of KANLinear layers"),
        ((KAN([3, 2], norm="layer"),), ValueError, "norm must be 'batch' or None to prune"),
    ],
)
def test_bad_models(arguments, error, message):
    with pytest.raises(error, match=message):
        prune_kan(*arguments, torch.rand(9, 3))


def test_bad_arguments():
    with pytest.raises(ValueError, match=r"threshold must lie in \[0, 1\): got 1"):
        prune_kan(network(), samples(), threshold=1)
    with pytest.raises(ValueError, match="x must be at least 2 samples"):
        prune_kan(network(), samples()[:1])
    with pytest.raises(TypeError, match="threshold must be a number: got 'a'"):
        prune_kan(network(), samples(), threshold="a")


@pytest.mark.parametrize("call", [edge_scores, prune_kan])
@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        (torch.full((9, 3), math.nan).double(), ValueError, "x must be finite: got NaN"),
        (samples()[:1], ValueError, r"x must be at least 2 samples \(N, in\): got shape \[1, 3\]"),
        (samples(4), ValueError, "x must have 3 features"),
        (samples().float(), TypeError, "x must be torch.float64 as the layer: got torch.float32"),
        (torch.ones(9, 3).long(), TypeError, "x must be floating point"),
        ([[1.0, 2.0, 3.0]] * 5, TypeError, "x must be a tensor: got list"),
    ],
)
def test_bad_samples(call, x, error, message):
    with pytest.raises(error, match=message):
        call(network(), x)
