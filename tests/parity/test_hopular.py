"""Hopular against tensors of the authors' package; holds for any fixture of this form."""

import json
import os
import re
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch.testing import assert_close

from neurarium.memory import (
    Hopular,
    feature_loss_weight,
    hopular_loss,
    load_reference_state_dict,
    score_targets,
)

FIXTURES = Path(os.environ.get("NEURARIUM_FIXTURES", Path(__file__).parents[1] / "fixtures"))
TOLERANCE = {"rtol": 1e-8, "atol": 1e-9}


@pytest.fixture(scope="module")
def fixture():
    return json.loads((FIXTURES / "hopular.json").read_text())


@pytest.fixture(scope="module")
def config(fixture):
    return fixture["config"]


@pytest.fixture(scope="module")
def tensors():
    return load_file(FIXTURES / "hopular.safetensors")


def build(config):
    return Hopular(
        config["attribute_sizes"],
        targets=config["target_discrete"] + config["target_numeric"],
        discrete=config["discrete_attributes"],
        embed_dim=config["feature_size"],
        num_layers=config["num_blocks"],
        num_heads=config["num_heads"],
        scaling_factor=config["scaling_factor"],
        input_dropout=0.0,
        lookup_dropout=0.0,
        output_dropout=0.0,
        dtype=torch.float64,
    )


@pytest.fixture
def model(config, tensors):
    model = build(config)
    parameters = {k.removeprefix("param."): v for k, v in tensors.items() if k.startswith("param.")}
    load_reference_state_dict(model, parameters)
    model.set_memory(tensors["memory"])
    return model


@pytest.fixture
def ids(config):
    """The batch is the first rows of the memory."""
    return torch.arange(config["batch"])


def test_encoding_with_given_mean_and_std(config, tensors, model):
    raw, layout = tensors["raw"], model.layout
    discrete = layout.is_discrete[layout.value_attribute]
    mean = tensors["mean"][layout.value_attribute]
    std = tensors["std"][layout.value_attribute]
    values = torch.where(discrete, raw, (raw - mean) / torch.where(std == 0, 1, std))
    values[tensors["missing"][:, layout.value_attribute]] = 0
    assert_close(layout.encode(values), tensors["memory"], **TOLERANCE)


def test_embedding(tensors, model):
    for name, rows in (("memory", "memory"), ("batch", "batch_masked")):
        assert_close(model.embedding(tensors[rows]), tensors[f"embedding.{name}"], **TOLERANCE)


def test_each_half_of_each_block(config, tensors, model, ids):
    origin, memory = tensors["embedding.batch"], tensors["embedding.memory"]
    attn_mask = ids[:, None] != torch.arange(config["n_memory"])
    state = origin
    for index, block in enumerate(model.blocks):
        stored = block.sample_lookup.store(memory)
        after_sample = block.sample_lookup(state, stored, attn_mask=attn_mask)
        assert_close(after_sample, tensors[f"block{index}.after_sample"], **TOLERANCE)
        expected = tensors[f"block{index}.out"]
        assert_close(block.refine_features(after_sample, origin), expected, **TOLERANCE)
        state = block(state, memory, origin, attn_mask=attn_mask)
        assert_close(state, expected, **TOLERANCE)


def test_output_in_training_excludes_a_rows_own_memory(tensors, model, ids):
    out = model.train()(tensors["batch_masked"], ids)
    assert_close(out, tensors["out.train_masked"], **TOLERANCE)


def test_output_in_evaluation_with_and_without_cache(tensors, model):
    expected = tensors["out.eval_no_memory_mask"]
    assert_close(model.eval()(tensors["eval_masked"]), expected, **TOLERANCE)
    with torch.no_grad():
        for _ in range(2):
            assert_close(model(tensors["eval_masked"]), expected, **TOLERANCE)


def losses(tensors, model, ids):
    return hopular_loss(
        model.train()(tensors["batch_masked"], ids),
        tensors["batch_unmasked"],
        tensors["batch_selected"] & ~tensors["batch_missing"],
        model.layout,
        feature_weight=0.75,
    )


def test_losses(tensors, model, ids):
    loss = losses(tensors, model, ids)
    assert_close(loss.feature, tensors["loss_feature"].squeeze(), **TOLERANCE)
    assert_close(loss.target, tensors["loss_target"].squeeze(), **TOLERANCE)
    assert_close(loss.total, tensors["loss_gamma_0.75"].squeeze(), **TOLERANCE)


def test_gradients(config, tensors, model, ids):
    losses(tensors, model, ids).total.backward()
    carrier = build(config)  # so that the gradients go through the same mapping of names
    gradients = {k.removeprefix("grad."): v for k, v in tensors.items() if k.startswith("grad.")}
    load_reference_state_dict(carrier, gradients)
    expected = dict(carrier.named_parameters())
    for name, parameter in model.named_parameters():
        assert_close(parameter.grad, expected[name].detach(), **TOLERANCE, msg=name)


def test_evaluation_metrics(tensors, model):
    layout = model.layout
    selected = layout.is_target & ~tensors["batch_missing"]
    prediction = tensors["out.eval_no_memory_mask"]
    score = score_targets(
        prediction, tensors["batch_unmasked"], selected, layout, scale=tensors["std"]
    )
    expected = tensors["eval.loss_target_original_units"].squeeze()
    assert_close(score.loss, expected, **TOLERANCE)
    # The authors divide the summed accuracies by all targets with a value, numeric ones too.
    with_value = layout.is_target & selected.any(0)
    share = (with_value & layout.is_discrete).sum() / with_value.sum().clamp(min=1)
    accuracy = score.accuracy.nan_to_num() * share
    assert_close(accuracy, tensors["eval.accuracy_target"].squeeze(), rtol=1e-6, atol=1e-7)


def test_annealing_of_the_feature_loss(fixture, tensors):
    """At the epochs that the fixture's own sentence on this tensor names."""
    sentence = fixture["tensors"]["optim.gamma_schedule"]
    listed, length = re.search(r"k = ([\d,]+) for a (\d+)-epoch", sentence).groups()
    weights = [feature_loss_weight(int(epoch), int(length)) for epoch in listed.split(",")]
    expected = tensors["optim.gamma_schedule"]
    assert_close(torch.tensor(weights, dtype=torch.float64), expected, **TOLERANCE)
