"""The Hopfield layer: what it equals, its masks, modes, β, and what it refuses."""

import copy
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.testing import assert_close

from neurarium.memory import Hopfield, hopfield_retrieve
from reference.hopfield import authors, textbook

EXACT = {"rtol": 1e-10, "atol": 1e-12}
NO_NORMS = {"norm_state": None, "norm_stored": None, "norm_values": None}
PLAIN = NO_NORMS | {
    "project_state": False,
    "project_stored": False,
    "project_values": False,
    "out_projection": False,
}


def draw(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def make(*args, seed=0, **kwargs):
    """A float64 layer with weights large enough that everything matters."""
    layer = Hopfield(*args, dtype=torch.float64, **kwargs)
    for index, parameter in enumerate(layer.parameters()):
        parameter.data = 0.5 * draw(*parameter.shape, seed=seed + index)
    return layer


def test_one_step_without_norms_is_multihead_attention():
    attention = nn.MultiheadAttention(12, 3, kdim=7, vdim=5, batch_first=True, dtype=torch.float64)
    nn.init.normal_(attention.in_proj_bias)
    layer = Hopfield(12, 3, kdim=7, vdim=5, dtype=torch.float64, **NO_NORMS)
    with torch.no_grad():
        parts = zip(("state", "stored", "values"), "qkv", strict=True)
        for (name, letter), bias in zip(parts, attention.in_proj_bias.chunk(3), strict=True):
            linear = getattr(layer.heads, name)
            linear.weight.copy_(getattr(attention, f"{letter}_proj_weight"))
            linear.bias.copy_(bias)
        layer.out.load_state_dict(attention.out_proj.state_dict())
    state, stored, values = draw(2, 4, 12), draw(2, 6, 7, seed=1), draw(2, 6, 5, seed=2)
    mask = torch.tensor([[True] * 6, [True] * 4 + [False] * 2])
    expected, weights = attention(
        state, stored, values, key_padding_mask=~mask, average_attn_weights=False
    )
    assert_close(layer(state, stored, values, mask=mask), expected, **EXACT)
    out, association = layer(state, stored, values, mask=mask, return_attention=True)
    assert_close(out, expected, **EXACT)
    assert_close(association, weights, **EXACT)


@pytest.mark.parametrize("num_steps", [1, 2, 4])
def test_fused_steps_equal_textbook_and_authors_with_gradients(num_steps):
    layer = make(12, 3, num_steps=num_steps, beta=0.4)
    state = draw(2, 5, 12).requires_grad_()
    weight = draw(2, 5, 12, seed=1)

    def results(forward):
        out = forward(state)
        return out, *torch.autograd.grad((out * weight).sum(), [state, *layer.parameters()])

    ours = results(layer)
    assert_close(results(lambda x: textbook(layer, x)), ours, **EXACT)
    assert_close(results(lambda x: authors(layer, x, eps=1e-300)), ours, **EXACT)


def test_early_stopping_equals_the_authors_sequence():
    layer = make(12, 3, num_steps=6, beta=0.05, tol=1e-3)
    state = draw(2, 5, 12)
    assert_close(layer(state), authors(layer, state, eps=1e-3), **EXACT)
    full = make(12, 3, num_steps=6, beta=0.05)
    assert not torch.allclose(layer(state), full(state), rtol=0, atol=1e-12)


@pytest.mark.parametrize("num_steps", [1, 3, None])
def test_without_projections_it_is_plain_retrieval_without_parameters(num_steps):
    layer = Hopfield(6, 2, num_steps=num_steps, **PLAIN)
    assert not list(layer.parameters())
    assert layer.beta() == 1.0
    state, stored, values = draw(2, 3, 6), draw(2, 5, 6, seed=1), draw(2, 5, 6, seed=2)
    alone = hopfield_retrieve(state[:, None], stored[:, None], values[:, None], num_steps=num_steps)
    assert_close(layer(state, stored, values), alone[:, 0].repeat(1, 1, 2), **EXACT)


@pytest.mark.parametrize("flag", ["project_state", "project_stored", "project_values"])
def test_an_unprojected_input_is_used_raw_by_every_head(flag):
    widths = {"project_state": (4, 6, 6), "project_stored": (6, 4, 6), "project_values": (6, 6, 4)}
    embed_dim, kdim, vdim = widths[flag]
    layer = make(embed_dim, 3, head_dim=4, kdim=kdim, vdim=vdim, **{flag: False})
    raw = [draw(2, n, w, seed=w) for n, w in ((3, embed_dim), (5, kdim), (5, vdim))]
    position = list(widths).index(flag)
    norm = (layer.heads.norm_state, layer.heads.norm_stored, layer.heads.norm_values)[position]
    for head in range(3):
        assert_close(layer.heads(*raw)[position][:, head], norm(raw[position]), **EXACT)


@pytest.mark.parametrize("beta", [[0.2, 3.0], "learn"])
@pytest.mark.parametrize("num_steps", [1, 3])
def test_each_head_uses_its_own_beta(beta, num_steps):
    layer = make(8, 2, beta=beta, num_steps=num_steps, out_projection=False)
    if beta == "learn":
        layer.beta.log_beta.data = torch.tensor([0.2, 3.0], dtype=torch.float64).log()
    state = draw(2, 5, 8)
    out = layer(state)
    for head, value in enumerate((0.2, 3.0)):
        single = Hopfield(
            8, 2, beta=value, num_steps=num_steps, out_projection=False, dtype=torch.float64
        )
        single.load_state_dict(layer.state_dict(), strict=False)
        columns = slice(4 * head, 4 * head + 4)
        assert_close(out[..., columns], single(state)[..., columns], **EXACT)


def test_learned_beta_starts_at_the_default_and_gets_a_gradient():
    layer = make(8, 2, beta="learn", num_steps=2)
    layer.reset_parameters()
    assert_close(layer.beta().flatten(), torch.full((2,), 0.5, dtype=torch.float64))
    layer(draw(2, 5, 8)).square().sum().backward()
    assert (layer.beta.log_beta.grad != 0).all()


def test_values_from_keys_is_the_papers_product():
    layer = make(6, 2, head_dim=4, values_from_keys=True)
    state, stored = draw(2, 3, 6), draw(2, 5, 6, seed=1)
    heads = layer.heads(state, stored, stored)
    values = layer.heads.values(layer.heads.stored(layer.heads.norm_values(stored)))
    assert_close(heads.values.transpose(1, 2).flatten(2), values, **EXACT)
    unprojected = make(6, 2, values_from_keys=True, project_values=False, **NO_NORMS)
    heads = unprojected.heads(state, stored, stored)
    assert_close(heads.values, heads.stored, **EXACT)


@pytest.mark.parametrize("value_dim", [2, 3, 5])
def test_extra_patterns_are_appended_and_never_masked(value_dim):
    options = {"value_dim": value_dim, "num_steps": 3, "out_projection": False}
    layer = make(6, 2, bias_pattern=True, zero_pattern=True, **options)
    state, stored = draw(2, 3, 6), draw(2, 5, 6, seed=1)
    mask = torch.tensor([[True] * 5, [False] * 5])
    out, weights = layer(state, stored, mask=mask, return_attention=True)
    assert weights.shape == (2, 2, 3, 7)
    assert (weights[1, ..., :5] == 0).all()
    assert (weights[1, ..., 5:] > 0).all()
    assert_close(layer(state, stored, mask=mask), out, **EXACT)
    heads = layer.heads(state, stored, stored)
    assert (heads.stored[:, :, 6] == 0).all()
    assert (heads.values[:, :, 6] == 0).all()
    assert_close(heads.stored[0, :, 5:6], layer.heads.bias_stored, **EXACT)
    assert_close(heads.values[0, :, 5:6], layer.heads.bias_values, **EXACT)
    assert heads.values.shape == (2, 2, 7, value_dim)
    for index, allowed in enumerate(mask):
        kept = torch.cat([allowed, torch.tensor([True, True])])
        alone = hopfield_retrieve(*(x[index] for x in heads), beta=3**-0.5, num_steps=3)
        if not allowed.all():
            q, k, v = heads.state[index], heads.stored[index, :, kept], heads.values[index, :, kept]
            alone = hopfield_retrieve(q, k, v, beta=3**-0.5, num_steps=3)
        assert_close(out[index], alone.transpose(0, 1).flatten(1), **EXACT)


@pytest.mark.parametrize("changed", ["state", "stored", "values"])
@pytest.mark.parametrize("kind", [None, "layer-no-affine"])
def test_the_three_norms_are_separate_and_each_has_its_switch(changed, kind):
    layer = make(6, 2, kdim=7, vdim=8, **{f"norm_{changed}": kind})
    inputs = {"state": draw(2, 3, 6), "stored": draw(2, 5, 7), "values": draw(2, 5, 8)}
    found = layer.heads(**inputs)._asdict()
    for name, x in inputs.items():
        if name == changed and kind is None:
            normed = x
        else:
            centred = x - x.mean(-1, keepdim=True)
            normed = centred / (centred.square().mean(-1, keepdim=True) + 1e-5).sqrt()
        if name != changed:
            norm = getattr(layer.heads, f"norm_{name}")
            normed = normed * norm.weight + norm.bias
        linear = getattr(layer.heads, name)
        expected = normed @ linear.weight.T + linear.bias
        assert_close(found[name].transpose(1, 2).flatten(2), expected, **EXACT)
    assert not [name for name, _ in layer.named_parameters() if f"norm_{changed}" in name]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, 3**-0.5),
        ({"head_dim": 5}, 5**-0.5),
        ({"project_state": False, "head_dim": 6}, 6**-0.5),
        (PLAIN, 1.0),
        (PLAIN | {"out_projection": True}, 6**-0.5),
        (PLAIN | {"norm_heads": "layer-no-affine"}, 6**-0.5),
        (PLAIN | {"project_values": True}, 6**-0.5),
    ],
)
def test_default_beta(options, expected):
    assert Hopfield(6, 2, **options).beta() == pytest.approx(expected, rel=1e-12)


def test_norm_of_the_heads_is_shared_and_comes_once():
    layer = make(8, 2, norm_heads="layer-no-affine", num_steps=3)
    heads = layer.heads(*[draw(2, 5, 8, seed=i) for i in range(3)])
    for x in (heads.state, heads.stored):
        assert_close(x.mean(-1), torch.zeros_like(x[..., 0]), rtol=0, atol=1e-12)
    assert heads.values.mean(-1).abs().min() > 1e-3
    state = draw(2, 5, 8)
    heads = layer.heads(state, state, state)
    expected = hopfield_retrieve(*heads, beta=0.5, num_steps=3)
    assert_close(layer(state), layer.out(expected.transpose(1, 2).flatten(2)), **EXACT)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), num_steps=st.integers(1, 4))
def test_padding_never_matters_and_order_never_matters(seed, num_steps):
    layer = make(6, 2, num_steps=num_steps, seed=seed)
    state, stored = draw(2, 3, 6, seed=seed), draw(2, 5, 6, seed=seed + 1)
    mask = torch.tensor([[True] * 5, [True, False, True, False, False]])
    out = layer(state, stored, mask=mask)
    other = torch.where(mask[..., None], stored, 100 * draw(2, 5, 6, seed=seed + 2))
    assert_close(layer(state, other, mask=mask), out, **EXACT)
    assert_close(layer(state[1:], stored[1:, [0, 2]]), out[1:], **EXACT)
    order = torch.randperm(5, generator=torch.Generator().manual_seed(seed))
    assert_close(layer(state, stored[:, order], mask=mask[:, order]), out, **EXACT)
    assert_close(layer(state.flip(1), stored, mask=mask), out.flip(1), **EXACT)


@pytest.mark.parametrize("num_steps", [1, 3, None])
@pytest.mark.parametrize("attention", [False, True])
def test_masks_of_all_kinds_hold_at_every_step(num_steps, attention):
    layer = make(6, 2, num_steps=num_steps, beta=0.3, out_projection=False)
    state, stored = draw(2, 3, 6), draw(2, 5, 6, seed=1)
    mask = torch.tensor([[True] * 5, [True] * 3 + [False] * 2])
    allowed = draw(2, 2, 3, 5, seed=2) > -0.5
    allowed[0, 1, 2] = False
    both = allowed & mask[:, None, None]
    heads = layer.heads(state, stored, stored)
    expected = hopfield_retrieve(*heads, beta=0.3, num_steps=num_steps, attn_mask=both)
    expected = expected.transpose(1, 2).flatten(2)
    bias = torch.zeros(2, 2, 3, 5, dtype=torch.float64).masked_fill(~allowed, -math.inf)
    for attn_mask in (allowed, bias):
        out = layer(state, stored, mask=mask, attn_mask=attn_mask, return_attention=attention)
        out = out[0] if attention else out
        assert_close(out, expected, **EXACT)
        assert (out[0, 2, 3:] == 0).all()
    same = allowed[:1, :1].expand(2, 2, 3, 5)
    for attn_mask in (same[0, 0], same[:, 0]):
        assert_close(
            layer(state, stored, attn_mask=attn_mask), layer(state, stored, attn_mask=same), **EXACT
        )


def test_dropout_acts_in_training_on_the_last_association_alone():
    layer = make(8, 2, num_steps=3, dropout=0.5)
    state = draw(4, 5, 8)
    assert not torch.equal(layer(state), layer(state))
    _, weights = layer(state, return_attention=True)
    assert_close(weights.sum(-1), torch.ones_like(weights[..., 0]), **EXACT)
    layer.eval()
    undropped = make(8, 2, num_steps=3)
    assert torch.equal(layer(state), undropped(state))


@pytest.mark.parametrize("attention", [False, True])
@pytest.mark.parametrize(
    "steps", [{"num_steps": 4}, {"num_steps": 4, "tol": 1e-300}, {"num_steps": None}]
)
def test_dropped_associations_are_those_of_the_undropped_steps(steps, attention):
    """Unit vectors as values show the association; dropout in an earlier step would change it."""
    raw = {"project_values": False, "norm_values": None, "vdim": 5, "value_dim": 5}
    layer = make(6, 2, dropout=0.4, beta=0.3, out_projection=False, **raw, **steps)
    state, stored = draw(3, 4, 6), draw(3, 5, 6, seed=1)
    values = torch.eye(5, dtype=torch.float64).expand(3, 5, 5)
    weights = layer.eval()(state, stored, values, return_attention=True)[1]
    layer.train()
    out = layer(state, stored, values, return_attention=attention)
    shown = (out[0] if attention else out).unflatten(-1, (2, 5)).transpose(1, 2)
    kept = shown != 0
    assert 0.4 < kept.double().mean() < 0.8
    assert_close(shown, torch.where(kept, weights / 0.6, 0.0), **EXACT)


def test_implicit_gradient_of_a_layer():
    options = {"beta": 0.05, "tol": 1e-14}
    implicit = make(6, 2, num_steps=None, implicit=True, **options)
    unrolled = make(6, 2, num_steps=None, **options)
    state = draw(2, 4, 6)
    for layer in (implicit, unrolled):
        layer(state).square().sum().backward()
    for name, parameter in unrolled.named_parameters():
        if "heads.state" in name or "norm_state" in name:
            continue  # the fixed point does not move with the state that led to it
        gradient = dict(implicit.named_parameters())[name].grad
        assert_close(gradient, parameter.grad, rtol=1e-6, atol=1e-8)


def test_captured_as_one_graph_with_several_steps_and_masks():
    layer = make(8, 2, num_steps=3, beta="learn", zero_pattern=True)
    state, mask = draw(2, 5, 8), torch.arange(5) < torch.tensor([[5], [3]])
    compiled = torch.compile(layer, fullgraph=True, backend="aot_eager")
    assert_close(compiled(state, mask=mask), layer(state, mask=mask), **EXACT)


def test_round_trips():
    layer = make(8, 2, beta=[0.5, 1.5], bias_pattern=True)
    state = draw(2, 5, 8)
    expected = layer(state)
    assert torch.equal(copy.deepcopy(layer)(state), expected)
    fresh = Hopfield(8, 2, beta=[0.1, 0.1], bias_pattern=True, dtype=torch.float64)
    fresh.load_state_dict(layer.state_dict())
    assert torch.equal(fresh(state), expected)


def test_initialisation():
    layer = Hopfield(64, 4, bias_pattern=True, norm_heads="layer", bias=True)
    for name, parameter in layer.named_parameters():
        if "norm" in name:
            assert torch.equal(parameter, torch.full_like(parameter, float("weight" in name)))
        elif name.endswith(".bias"):
            assert (parameter == 0).all()
        else:
            assert parameter.std().item() == pytest.approx(0.02, rel=0.35)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_heads": 5}, "num_heads must divide embed_dim: got 5 and 6"),
        ({"head_dim": 0}, "head_dim must be at least 1"),
        ({"num_steps": 0}, "num_steps must be at least 1"),
        ({"num_steps": -1}, "num_steps must be at least 1"),
        ({"tol": 0.0}, "tol must be positive"),
        ({"beta": [1.0, 2.0, 3.0], "num_heads": 2}, r"one per head, shape \[2\]: got \[3\]"),
        ({"beta": -1.0}, "beta must be finite and at least 0"),
        ({"beta": "warm"}, "beta must be a number, one per head, or 'learn'"),
        ({"project_state": False, "head_dim": 4}, "embed_dim must equal head_dim where project_s"),
        ({"project_stored": False, "head_dim": 4}, "kdim must equal head_dim where project_stored"),
        ({"project_values": False, "value_dim": 4}, "vdim must equal value_dim where project_val"),
        ({"values_from_keys": True, "vdim": 4}, "vdim must equal kdim with values_from_keys"),
        ({"values_from_keys": True, "value_dim": 4}, "value_dim must equal head_dim with values"),
        ({"values_from_keys": True, "project_stored": False}, "project_stored must be True"),
        ({"out_projection": False, "out_features": 3}, "out_features must be num_heads"),
        ({"out_features": 0}, "out_features must be at least 1: got 0"),
        ({"norm_state": "batch"}, "norm_state must be 'layer', 'layer-no-affine' or None"),
        ({"activation": "no_such"}, "activation must be a name in torch.nn.functional"),
        ({"dropout": 1.0}, r"dropout must lie in \[0, 1\)"),
        ({"implicit": True}, "num_steps must be None where implicit is set"),
    ],
)
def test_bad_constructor_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        Hopfield(6, **arguments)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("num_heads", True),
        ("num_heads", 2.0),
        ("head_dim", 2.5),
        ("value_dim", "3"),
        ("kdim", 6.0),
        ("out_features", 3.0),
        ("num_steps", 1.5),
        ("num_steps", True),
    ],
)
def test_what_counts_must_be_a_whole_number(name, value):
    with pytest.raises(TypeError, match=f"{name} must be a whole number: got {value!r}"):
        Hopfield(6, **{name: value})


def test_numpy_counts_are_whole_numbers():
    layer = Hopfield(np.int64(6), np.int32(2), num_steps=np.int64(2))
    assert layer(torch.ones(1, 3, 6)).shape == (1, 3, 6)


def test_inputs_of_another_package_are_refused_by_name_and_order():
    layer, x = Hopfield(6), torch.ones(1, 3, 6)
    order = r"the order is layer\(state, stored, values\)"
    with pytest.raises(TypeError, match=f"state must be a tensor: got tuple; {order}"):
        layer((x, x, x))
    with pytest.raises(TypeError, match=f"stored must be a tensor: got ndarray; {order}"):
        layer(x, x.numpy())
    with pytest.raises(TypeError, match="attn_mask must be a tensor: got list"):
        layer(x, attn_mask=[[True] * 3] * 3)
    with pytest.raises(TypeError, match="mask must be a tensor: got list"):
        layer(x, mask=[[True] * 3])


@pytest.mark.parametrize("num_steps", [1, 3])
def test_a_mask_with_nan_shows(num_steps):
    layer, x = Hopfield(6, num_steps=num_steps), torch.ones(1, 2, 6)
    out = layer(x, attn_mask=torch.tensor([[float("nan")] * 2, [0.0, 0.0]]))
    assert out[0, 0].isnan().all()
    assert out[0, 1].isfinite().all()


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        (((5, 6),), r"state must have shape \(batch, set, 6\): got \[5, 6\]"),
        (((2, 5, 7), (2, 3, 6)), r"state must have shape .* the order is state, stored, values"),
        (((2, 3, 6), (2, 5, 6)), r"stored must have shape \(batch, set, 7\)"),
        (((2, 3, 6), (2, 5, 7), (2, 5, 7)), r"values must have shape \(batch, set, 8\)"),
        (((2, 3, 6), (2, 5, 7), (2, 4, 8)), "values must have one row per stored pattern"),
        (((2, 3, 6), (3, 5, 7), (3, 5, 8)), "stored must have the batch size of state, 2"),
        (((2, 3, 6), (2, 0, 7), (2, 0, 8)), "stored must hold at least one pattern"),
    ],
)
def test_bad_inputs(shapes, message):
    layer = Hopfield(6, kdim=7, vdim=8, dtype=torch.float64)
    with pytest.raises(ValueError, match=message):
        layer(*(draw(*shape) for shape in shapes))


def test_bad_kinds_and_masks():
    layer = Hopfield(6, 2)
    bits = torch.randint(0, 2, (2, 5, 6))
    with pytest.raises(TypeError, match=r"state must be floating point: got torch.int64"):
        layer(bits)
    with pytest.raises(TypeError, match="stored must have the dtype of state"):
        layer(bits.float(), bits.double())
    state = bits.float()
    with pytest.raises(TypeError, match="True where a stored pattern takes part and False where"):
        layer(state, mask=torch.ones(2, 5))
    with pytest.raises(ValueError, match=r"mask must be bool with shape \[2, 5\]"):
        layer(state, mask=torch.ones(2, 4, dtype=torch.bool))
    with pytest.raises(TypeError, match="attn_mask must be bool, True = may be retrieved"):
        layer(state, attn_mask=torch.ones(5, 5, dtype=torch.uint8))
    with pytest.raises(ValueError, match=r"attn_mask must have shape \[5, 5\]"):
        layer(state, attn_mask=torch.ones(2, 2, 5, dtype=torch.bool))
