"""BDH against tensors of the authors' released code; holds for any fixture of this form."""

import json
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch.testing import assert_close

import neurarium.memory.bdh_reference  # noqa: F401, registers the authors' names
from neurarium.memory import BDH, load_reference_state_dict

FIXTURES = Path(os.environ.get("NEURARIUM_FIXTURES", Path(__file__).parents[1] / "fixtures"))
OUTPUT = {"rtol": 2e-4, "atol": 2e-4}
GRADIENT = {"rtol": 1e-3, "atol": 1e-5}
INSIDE = {"rtol": 1e-4, "atol": 1e-4}


@pytest.fixture(scope="module")
def config():
    return json.loads((FIXTURES / "bdh.json").read_text())["config"]


@pytest.fixture(scope="module")
def tensors():
    return load_file(FIXTURES / "bdh.safetensors")


@pytest.fixture
def model(config, tensors):
    model = BDH(
        config["vocab_size"],
        config["n_embd"],
        num_heads=config["n_head"],
        neuron_ratio=config["mlp_internal_dim_multiplier"],
        num_layers=config["n_layer"],
        dropout=config["dropout"],
    ).eval()
    load_reference_state_dict(model, within(tensors, "param."))
    return model


def within(tensors, prefix):
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


def test_frequencies(model, tensors):
    theirs = tensors["buffer.attn.freqs"].flatten()
    for ours in model.rotation.frequencies:
        assert_close(ours.repeat_interleave(2).float(), theirs, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("chunk_size", [None, 1, 3, 1000])
def test_logits_loss_and_every_gradient(model, tensors, chunk_size):
    model.chunk_size = chunk_size
    tokens, targets = tensors["in.idx"], tensors["in.targets"]
    assert_close(model(tokens), tensors["out.logits"], **OUTPUT)
    loss = model.loss(tokens, targets)
    assert_close(loss, tensors["out.loss"].squeeze(), **OUTPUT)
    loss.backward()
    gradients = within(tensors, "grad.")
    assert set(gradients) == {name for name, _ in model.named_parameters()}
    for name, parameter in model.named_parameters():
        assert_close(parameter.grad, gradients[name], **GRADIENT, msg=lambda m, n=name: f"{n}: {m}")


def test_code_values_and_read_outs(model, tensors):
    tokens = tensors["in.idx"]
    layers = list(model.layers(tokens))
    assert_close(layers[0].code, tensors["mid.attn0.Q_x_sparse"], **INSIDE)
    assert_close(layers[0].read, tensors["mid.attn0.out"], **INSIDE)
    assert_close(layers[-1].read, tensors["mid.attn_last.out"], **INSIDE)
    embedded = torch.nn.functional.layer_norm(model.embed(tokens), (model.embed_dim,))
    assert_close(embedded, tensors["mid.attn0.V"].squeeze(1), **INSIDE)


def test_state_of_the_first_layer(model, tensors):
    tokens, expected = tensors["in.idx"], tensors["mid.attn0.state_after_T"]
    batch, heads = expected.shape[:2]
    _, state = model(tokens, return_state=True)
    assert state.position == tokens.shape[1]
    assert_close(state.weights[0, :batch, :heads], expected, **INSIDE)
    stepped = model.init_state(len(tokens))
    for token in tokens.T:
        _, stepped = model.step(token, stepped)
    assert_close(stepped.weights[0, :batch, :heads], expected, **INSIDE)


@pytest.mark.parametrize("use_state", [True, False])
def test_greedy_tokens(model, tensors, use_state):
    (name,) = (key for key in tensors if key.startswith("out.greedy_from_idx0_first"))
    start = int(name.removeprefix("out.greedy_from_idx0_first"))
    expected = tensors[name]
    prompt = tensors["in.idx"][:1, :start]
    assert torch.equal(prompt, expected[:, :start])
    tokens = model.generate(
        prompt, max_new_tokens=expected.shape[1] - start, greedy=True, use_state=use_state
    )
    assert torch.equal(tokens, expected)


def test_the_authors_buffer_of_frequencies_is_taken(model, tensors):
    theirs = torch.rand(1, 1, 1, model.encoder.shape[-1] // 2).repeat_interleave(2, -1)
    load_reference_state_dict(model, {**within(tensors, "param."), "attn.freqs": theirs})
    for ours in model.rotation.frequencies:
        assert_close(ours.repeat_interleave(2).float(), theirs.flatten())


def test_every_tensor_of_a_checkpoint_is_used_or_refused(model, tensors):
    parameters = within(tensors, "param.")
    with pytest.raises(ValueError, match="nothing else: got 'surplus'"):
        load_reference_state_dict(model, {**parameters, "surplus": torch.zeros(1)})
    for name in parameters:
        with pytest.raises(ValueError, match="must hold"):
            load_reference_state_dict(model, {k: v for k, v in parameters.items() if k != name})
        with pytest.raises(ValueError, match=f"for {name}"):
            load_reference_state_dict(model, {**parameters, name: parameters[name][..., :-1]})
