"""Layers that own one of the two sets."""

import pytest
import torch
from torch.testing import assert_close

from neurarium.memory import HopfieldLayer, HopfieldPooling

EXACT = {"rtol": 1e-10, "atol": 1e-12}
PLAIN = {
    "norm_state": None,
    "norm_stored": None,
    "norm_values": None,
    "project_state": False,
    "project_stored": False,
    "project_values": False,
    "out_projection": False,
}


def draw(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def perturbed(layer):
    for index, parameter in enumerate(layer.parameters()):
        parameter.data = 0.5 * draw(*parameter.shape, seed=index)
    return layer


@pytest.mark.parametrize("num_steps", [1, 3])
def test_pooling_is_the_association_with_expanded_queries(num_steps):
    pooling = perturbed(
        HopfieldPooling(6, 3, 2, out_features=4, num_steps=num_steps, dtype=torch.float64)
    )
    bags = draw(5, 7, 6)
    mask = torch.arange(7) < torch.tensor([[7], [4], [1], [6], [2]])
    expected = pooling.hopfield(pooling.queries.expand(5, 3, 6), bags, mask=mask).flatten(1)
    assert_close(pooling(bags, mask=mask), expected, **EXACT)
    out, weights = pooling(bags, mask=mask, return_attention=True)
    assert_close(out, expected, **EXACT)
    assert weights.shape == (5, 2, 3, 7)
    one = pooling(bags[1:2, :4])
    assert_close(one, expected[1:2], **EXACT)


def test_pooling_ignores_order_and_an_empty_bag_gives_the_bias():
    pooling = perturbed(HopfieldPooling(6, dtype=torch.float64))
    bags = draw(2, 7, 6)
    assert_close(pooling(bags.flip(1)), pooling(bags), **EXACT)
    mask = torch.zeros(2, 7, dtype=torch.bool)
    assert_close(pooling(bags, mask=mask), pooling.hopfield.out.bias.expand(2, 6), **EXACT)


@pytest.mark.parametrize("learn_values", [False, True])
def test_lookup_projects_its_memory_once_for_all_samples(learn_values):
    layer = perturbed(
        HopfieldLayer(
            6,
            9,
            2,
            kdim=5,
            vdim=4 if learn_values else 5,
            learn_values=learn_values,
            num_steps=2,
            dtype=torch.float64,
        )
    )
    state = draw(3, 4, 6)
    values = layer.stored if layer.values is None else layer.values
    expected = layer.hopfield(state, layer.stored.expand(3, -1, -1), values.expand(3, -1, -1))
    assert_close(layer(state), expected, **EXACT)
    batches = []
    hook = layer.hopfield.heads.stored.register_forward_hook(
        lambda module, inputs, output: batches.append(len(output))
    )
    layer(state)
    hook.remove()
    assert batches == [1]


def test_a_given_memory_is_a_nearest_neighbour_classifier():
    rows = torch.nn.functional.normalize(draw(40, 5), dim=1)
    labels = torch.eye(3, dtype=torch.float64)[torch.arange(40) % 3]
    layer = HopfieldLayer(
        5,
        40,
        learn_values=True,
        vdim=3,
        trainable=False,
        values_trainable=False,
        beta=1e4,
        dtype=torch.float64,
        **PLAIN,
    )
    layer.store(rows, labels)
    queries = torch.nn.functional.normalize(draw(30, 5, seed=1), dim=1)
    nearest = torch.cdist(queries, rows).argmin(1)
    assert torch.equal(layer(queries[None])[0].argmax(-1), labels[nearest].argmax(-1))
    assert not any(parameter.requires_grad for parameter in layer.parameters())
    assert_close(layer.stored.data, rows)


@pytest.mark.parametrize("kind", ["queries", "stored"])
def test_frozen_rows_get_no_gradient(kind):
    options = {"trainable": False, "dtype": torch.float64}
    layer = (
        HopfieldPooling(6, 2, **options) if kind == "queries" else HopfieldLayer(6, 4, **options)
    )
    layer(draw(2, 5, 6)).sum().backward()
    assert getattr(layer, kind).grad is None
    assert layer.hopfield.out.weight.grad is not None


def test_pooling_takes_other_values_and_association_masks():
    pooling = perturbed(HopfieldPooling(6, 3, 2, kdim=5, vdim=4, num_steps=2, dtype=torch.float64))
    stored, values = draw(2, 7, 5), draw(2, 7, 4, seed=1)
    allowed = draw(3, 7, seed=2) > -0.5
    expected = pooling.hopfield(
        pooling.queries.expand(2, 3, 6), stored, values, attn_mask=allowed
    ).flatten(1)
    assert_close(pooling(stored, values, attn_mask=allowed), expected, **EXACT)
    assert not torch.allclose(pooling(stored, values), expected)


def test_lookup_leaves_out_what_is_masked():
    layer = perturbed(HopfieldLayer(6, 5, 2, learn_values=True, num_steps=3, dtype=torch.float64))
    state, mask = draw(2, 4, 6), torch.tensor([[True] * 5, [True, False, True, True, False]])
    allowed = draw(4, 5, seed=2) > -0.8
    allowed[:, 0] = True
    out, weights = layer(state, mask=mask, attn_mask=allowed, return_attention=True)
    assert_close(layer(state, mask=mask, attn_mask=allowed), out, **EXACT)
    left_out = ~(mask[:, None, None] & allowed).expand(2, 2, 4, 5)
    assert (weights[left_out] == 0).all()
    assert_close(weights.sum(-1), torch.ones_like(weights[..., 0]), **EXACT)
    layer.store(torch.where(mask[1, :, None], layer.stored.data, 1e3), layer.values.data)
    assert_close(layer(state, mask=mask, attn_mask=allowed)[1], out[1], **EXACT)


def test_values_can_be_frozen_while_the_patterns_learn():
    layer = HopfieldLayer(6, 5, learn_values=True, values_trainable=False)
    layer(torch.randn(2, 4, 6)).square().sum().backward()
    assert layer.values.grad is None
    assert (layer.stored.grad != 0).any()


def test_owned_rows_start_small():
    rows = [HopfieldPooling(64, 32).queries]
    layer = HopfieldLayer(64, 32, learn_values=True)
    for x in (*rows, layer.stored, layer.values):
        assert x.std().item() == pytest.approx(0.02, rel=0.1)
        assert abs(x.mean().item()) < 0.002


def test_bad_arguments():
    with pytest.raises(TypeError, match=r"num_queries must be a whole number: got 1.5"):
        HopfieldPooling(6, num_queries=1.5)
    with pytest.raises(ValueError, match="num_queries must be at least 1"):
        HopfieldPooling(6, 0)
    with pytest.raises(ValueError, match="num_patterns must be at least 1"):
        HopfieldLayer(6, 0)
    with pytest.raises(ValueError, match="vdim must equal kdim unless learn_values"):
        HopfieldLayer(6, 4, vdim=3)
    layer = HopfieldLayer(6, 4)
    with pytest.raises(ValueError, match=r"stored must have shape \[4, 6\]: got \[3, 6\]"):
        layer.store(torch.randn(3, 6))
    with pytest.raises(ValueError, match="values must be left out"):
        layer.store(torch.randn(4, 6), torch.randn(4, 6))
    with pytest.raises(ValueError, match=r"stored must have shape \(batch, set, 6\)"):
        HopfieldPooling(6)(torch.randn(5, 6))
