"""Merging and growing: frequencies stay with their neurons, and what is equal stays equal."""

import pytest
import torch
from torch.testing import assert_close

from memory.test_bdh import EXACT, build, ids
from neurarium.baselines.positional import rotary_frequencies
from neurarium.memory import BDH, grow_neurons, merge_models

RESIDUALS = pytest.mark.parametrize("residual", ["stream", "neuron"])


@RESIDUALS
def test_growth_leaves_the_logits_only_because_frequencies_are_kept(residual):
    model, tokens = build(residual=residual), ids()
    expected = model(tokens)
    grown = grow_neurons(model, 12, generator=torch.Generator().manual_seed(0))
    assert grown.num_neurons == 44
    assert_close(grown(tokens), expected, **EXACT)
    assert torch.equal(grown.rotation.frequencies[:, :8], model.rotation.frequencies)
    grown.rotation.frequencies = rotary_frequencies(22, theta=65536.0).repeat(2, 1)
    assert (grown(tokens) - expected).abs().max() > 1e-3


def test_growth_with_a_small_code_can_learn_and_without_it_cannot_yet():
    model, tokens = build(), ids()
    for std in (0.0, 1e-3):
        grown = grow_neurons(model, 12, code_std=std, generator=torch.Generator().manual_seed(0))
        assert grown.encoder[..., 16:].std().item() == pytest.approx(std, rel=0.3)
        assert grown.decoder.unflatten(0, (2, -1))[:, 16:].std().item() == pytest.approx(0.02, 0.3)
        grown.loss(tokens, tokens).backward()
        assert bool(grown.encoder.grad[..., 16:].any()) == bool(std)
    assert_close(grown(tokens), model(tokens), rtol=1e-2, atol=1e-2)


def test_a_grown_model_is_saved_with_its_frequencies(tmp_path):
    grown, tokens = grow_neurons(build(), 12, code_std=0.3), ids()
    grown.save_pretrained(tmp_path)
    again = BDH.from_pretrained(tmp_path)
    assert again.num_neurons == 44
    assert torch.equal(again.eval()(tokens), grown(tokens))


@RESIDUALS
def test_merging_adds_up_what_both_read(residual):
    """Codes stand side by side, so the first read-out is the sum of both and state as well."""
    a, b = build(0, residual=residual), build(1, residual=residual, neuron_ratio=6)
    b.embed.weight.data.copy_(a.embed.weight)
    b.lm_head.data.copy_(a.lm_head)
    merged, tokens = merge_models(a, b), ids()
    assert merged.num_neurons == a.num_neurons + b.num_neurons
    first, of_a, of_b = (next(model.layers(tokens)) for model in (merged, a, b))
    assert_close(first.code, torch.cat((of_a.code, of_b.code), -1), **EXACT)
    assert_close(first.read, of_a.read + of_b.read, **EXACT)
    states = [model(tokens, return_state=True)[1].weights[0] for model in (merged, a, b)]
    assert_close(states[0], torch.cat(states[1:], -2), **EXACT)
    assert_close(merge_models(b, a)(tokens), merged(tokens), **EXACT)


def test_merging_with_silent_neurons_or_with_itself_changes_nothing():
    a, b, tokens = build(0, std=2.0), build(1, std=2.0), ids()
    b.embed.weight.data.copy_(a.embed.weight)
    b.lm_head.data.copy_(a.lm_head)
    twice = merge_models(a, a)(tokens)
    assert (twice - a(tokens)).abs().max() < 1e-6 * a(tokens).abs().max()
    b.encoder.data.zero_()
    assert_close(merge_models(a, b)(tokens), a(tokens), **EXACT)
    assert_close(merge_models(b, a)(tokens), a(tokens), **EXACT)


def test_what_cannot_be_merged_or_grown_is_refused():
    a, b = build(0), build(1)
    with pytest.raises(ValueError, match="model_b must have the embed of model_a"):
        merge_models(a, b)
    b.embed.weight.data.copy_(a.embed.weight)
    with pytest.raises(ValueError, match="model_b must have the lm_head of model_a"):
        merge_models(a, b)
    with pytest.raises(ValueError, match="the num_layers of model_a: got 2 and 3"):
        merge_models(a, build(num_layers=2))
    with pytest.raises(TypeError, match="model_b must be a BDH: got Linear"):
        merge_models(a, torch.nn.Linear(2, 2))
    with pytest.raises(ValueError, match="extra_neurons must be a multiple of 2"):
        grow_neurons(a, 6)
    with pytest.raises(ValueError, match="extra_neurons must be at least 1"):
        grow_neurons(a, 0)
    with pytest.raises(ValueError, match="code_std must not be negative"):
        grow_neurons(a, 4, code_std=-1.0)
