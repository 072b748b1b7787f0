"""Checkpoints of the authors' package: what their parameter names mean, and what does not fit."""

import pytest
import torch
from torch.testing import assert_close

from neurarium.memory import Hopfield, HopfieldLayer, HopfieldPooling, load_reference_state_dict

CORE = "association_core."
NO_NORMS = {"norm_state": None, "norm_stored": None, "norm_values": None}


def numbered(*shape):
    """Every entry differs."""
    return torch.arange(torch.Size(shape).numel(), dtype=torch.float32).view(shape)


def theirs(width, **more):
    tensors = {
        "in_proj_weight": numbered(3 * width, width),
        "in_proj_bias": numbered(3 * width),
        "out_proj.weight": numbered(width, width),
        "out_proj.bias": numbered(width),
    }
    return {CORE + name: tensor for name, tensor in (tensors | more).items()}


def test_stacked_projections_are_those_of_state_stored_and_values():
    layer = Hopfield(4, 2, **NO_NORMS)
    load_reference_state_dict(layer, theirs(4))
    for index, name in enumerate(("state", "stored", "values")):
        linear = getattr(layer.heads, name)
        assert_close(linear.weight.data, numbered(12, 4)[4 * index : 4 * index + 4])
        assert_close(linear.bias.data, numbered(12)[4 * index : 4 * index + 4])


@pytest.mark.parametrize(
    ("flag", "left"),
    [
        ("project_state", ("stored", "values")),
        ("project_stored", ("state", "values")),
        ("project_values", ("state", "stored")),
    ],
)
def test_stacks_are_shorter_without_a_projection_but_biases_end_with_that_of_the_values(flag, left):
    layer = Hopfield(4, **{flag: False}, **NO_NORMS)
    rows = 12 if flag == "project_values" else 8
    stacks = {"in_proj_weight": numbered(8, 4), "in_proj_bias": numbered(rows)}
    load_reference_state_dict(layer, theirs(4, **stacks))
    for index, name in enumerate(left):
        linear = getattr(layer.heads, name)
        assert_close(linear.weight.data, numbered(8, 4)[4 * index : 4 * index + 4])
        assert_close(linear.bias.data, numbered(8)[4 * index : 4 * index + 4])


def test_rows_of_a_bias_pattern_are_blocks_of_columns_or_left_out():
    rows = {"bias_k": numbered(1, 1, 4), "bias_v": 10 + numbered(1, 1, 4)}
    layer = Hopfield(4, 2, bias_pattern=True, **NO_NORMS)
    load_reference_state_dict(layer, theirs(4, **rows))
    assert_close(layer.heads.bias_stored.data[:, 0], torch.tensor([[0.0, 1.0], [2.0, 3.0]]))
    assert_close(layer.heads.bias_values.data[:, 0], torch.tensor([[10.0, 11.0], [12.0, 13.0]]))
    load_reference_state_dict(Hopfield(4, 2, **NO_NORMS), theirs(4, **rows))
    with pytest.raises(ValueError, match=r"state_dict must hold 'association_core\.bias_k'"):
        load_reference_state_dict(layer, theirs(4))


def test_the_norm_of_the_heads_goes_to_both_of_its_inputs():
    layer = Hopfield(4, 2, norm_heads="layer", **NO_NORMS)
    norm = {"p_norm_weight": numbered(2), "p_norm_bias": 5 + numbered(2)}
    load_reference_state_dict(layer, theirs(4, **norm))
    assert_close(layer.heads.norm_heads.weight.data, numbered(2))
    assert_close(layer.heads.norm_heads.bias.data, 5 + numbered(2))


@pytest.mark.parametrize("shape", [(1, 3, 4), (3, 1, 4)])
def test_owned_rows_load_in_both_layouts(shape):
    tensors = {f"hopfield.{name}": tensor for name, tensor in theirs(4).items()}
    pooling = HopfieldPooling(4, 3, **NO_NORMS)
    load_reference_state_dict(pooling, tensors | {"pooling_weights": numbered(*shape)})
    assert_close(pooling.queries.data, numbered(3, 4))
    lookup = HopfieldLayer(4, 3, learn_values=True, **NO_NORMS)
    rows = {"lookup_weights": numbered(*shape), "target_weights": 20 + numbered(*shape)}
    load_reference_state_dict(lookup, tensors | rows)
    assert_close(lookup.stored.data, numbered(3, 4))
    assert_close(lookup.values.data, 20 + numbered(3, 4))


@pytest.mark.parametrize(
    ("options", "more", "message"),
    [
        ({}, {}, "must hold a tensor for 'heads.norm_state.bias'"),
        (NO_NORMS, {"norm_state_pattern.weight": torch.ones(4)}, "come from a layer without"),
        (NO_NORMS, {CORE + "out_proj.weight": torch.ones(4, 3)}, r"must fit .* \[4, 3\] for out"),
        (NO_NORMS, {"unknown": torch.ones(1)}, "must hold nothing else: got 'unknown'"),
    ],
)
def test_what_does_not_fit_is_refused_and_changes_nothing(options, more, message):
    layer = Hopfield(4, **options)
    before = {name: tensor.clone() for name, tensor in layer.state_dict().items()}
    with pytest.raises(ValueError, match=message):
        load_reference_state_dict(layer, theirs(4) | more)
    assert all(torch.equal(tensor, before[name]) for name, tensor in layer.state_dict().items())
    with pytest.raises(TypeError, match="must have a released counterpart: got Linear"):
        load_reference_state_dict(torch.nn.Linear(2, 2), {})
