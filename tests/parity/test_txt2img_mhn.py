"""Txt2Img-MHN against tensors of the authors' released code; holds for any fixture of this form."""

import json
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch.testing import assert_close

from neurarium.memory import VQVAE, Txt2ImgMHN, load_reference_state_dict
from neurarium.memory.txt2img_generation import filter_logits
from neurarium.memory.txt2img_reference import as_ours, authors_name

FIXTURES = Path(os.environ.get("NEURARIUM_FIXTURES", Path(__file__).parents[1] / "fixtures"))
TOLERANCE = {"rtol": 1e-9, "atol": 1e-10}


@pytest.fixture(scope="module")
def config():
    return json.loads((FIXTURES / "txt2img-mhn.json").read_text())["config"]


@pytest.fixture(scope="module")
def tensors():
    return load_file(FIXTURES / "txt2img-mhn.safetensors")


def within(tensors, prefix):
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


def tokenizer_of(config, tensors):
    return VQVAE(
        tensors["vq_image"].shape[1],
        config["vq_tokens"],
        config["vq_codebook_dim"],
        image_size=config["image_size"],
        num_layers=config["vq_layers"],
        num_blocks=config["vq_resnet_blocks"],
        hidden_channels=config["vq_hidden_dim"],
        dtype=torch.float64,
    )


@pytest.fixture
def model(config, tensors):
    model = Txt2ImgMHN(
        tokenizer_of(config, tensors),
        config["text_vocab"],
        text_length=config["text_seq_len"],
        embed_dim=config["dim"],
        num_layers=config["n_block"],
        num_heads=config["heads"],
        head_dim=config["dim_head"],
        num_prototypes=config["num_prototype"],
        dtype=torch.float64,
    )
    load_reference_state_dict(model, within(tensors, "param."))
    return model.eval()


def assert_same_logits(ours, theirs):
    """Masked logits only have to be hugely negative."""
    masked = theirs < -1e100
    assert torch.equal(masked, ours < -1e100)
    assert_close(ours[~masked], theirs[~masked], **TOLERANCE)


def test_logits_of_whole_and_partial_sequences(model, tensors):
    text, ids = tensors["text"], tensors["image_tokens"]
    before = text.clone()
    assert_same_logits(model(text, ids), tensors["logits"])
    assert_same_logits(model(text), tensors["logits_text_only"])
    for name, expected in tensors.items():
        if name.startswith("logits_prefix"):
            count = int(name.removeprefix("logits_prefix"))
            assert_same_logits(model(text, ids[:, :count]), expected)
    assert torch.equal(text, before)


def test_loss_and_every_gradient(model, tensors):
    loss = model.loss(tensors["text"], tensors["image_tokens"])
    assert_close(loss, tensors["loss"], **TOLERANCE)
    loss.backward()
    gradients = within(tensors, "grad.")
    ours = {name: p for name, p in model.named_parameters() if not name.startswith("tokenizer.")}
    assert set(gradients) == {authors_name(name) for name in ours}
    for name, parameter in ours.items():
        theirs = as_ours(name, gradients[authors_name(name)], parameter.shape, name)
        assert_close(parameter.grad, theirs, **TOLERANCE, msg=lambda m, n=name: f"{n}: {m}")


def test_pieces_of_the_first_block(model, tensors):
    block = model.blocks[0]
    assert_close(block.prototypes.layer(tensors["x"]), tensors["hopfield_layer_out"], **TOLERANCE)
    assert_close(block.association.layer(tensors["x"]), tensors["self_attention_out"], **TOLERANCE)


@pytest.mark.parametrize("use_cache", [True, False])
def test_greedy_tokens(model, tensors, use_cache):
    _, ids = model.generate(tensors["text"], greedy=True, return_ids=True, use_cache=use_cache)
    assert torch.equal(ids[:, 0], tensors["greedy_image_tokens"])


def test_filter_of_logits(tensors):
    for name, expected in within(tensors, "topk_").items():
        if name == "in":
            continue
        kept = filter_logits(tensors["topk_in"], float(name))
        removed = expected <= -1e29
        assert torch.equal(kept == -torch.inf, removed)
        assert torch.equal(kept[~removed], expected[~removed])


def test_image_tokenizer(config, model, tensors):
    alone = tokenizer_of(config, tensors)
    load_reference_state_dict(alone, within(tensors, "param.vae."))
    for tokenizer in (alone.eval(), model.tokenizer):
        image, ids = tensors["vq_image"], tensors["vq_indices"]
        assert_close(tokenizer.code_logits(image), tensors["vq_logits"], **TOLERANCE)
        assert torch.equal(tokenizer.encode(image), ids)
        codes = tokenizer.codebook(ids).transpose(1, 2).unflatten(2, tokenizer.grid_size)
        decoded = tensors["vq_decoded"]
        assert_close(tokenizer.decoder(codes), decoded, **TOLERANCE)
        assert_close(tokenizer.decode(ids), (0.5 * decoded + 0.5).clamp(0, 1), **TOLERANCE)
        assert_close(tokenizer(image), 0.5 * decoded + 0.5, **TOLERANCE)


def test_pixels_are_read_through_the_tokenizer(model, tensors):
    count = min(len(tensors["text"]), len(tensors["vq_image"]))
    text, image = tensors["text"][:count], tensors["vq_image"][:count]
    assert torch.equal(model(text, image), model(text, model.tokenizer.encode(image)))


def test_every_tensor_of_a_checkpoint_is_used_or_refused(model, tensors):
    parameters = within(tensors, "param.")
    with pytest.raises(ValueError, match="nothing else: got 'surplus'"):
        load_reference_state_dict(model, {**parameters, "surplus": torch.zeros(1)})
    for name in parameters:
        with pytest.raises(ValueError, match="must hold"):
            load_reference_state_dict(model, {k: v for k, v in parameters.items() if k != name})
        with pytest.raises(ValueError, match=f"for {name}"):
            load_reference_state_dict(model, {**parameters, name: parameters[name][..., :-1]})
