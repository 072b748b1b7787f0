"""Encoder and decoder layers against the sums and norms they are made of."""

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.testing import assert_close

from neurarium.memory import Hopfield, HopfieldDecoderLayer, HopfieldEncoderLayer

EXACT = {"rtol": 1e-10, "atol": 1e-12}


def draw(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def perturbed(layer):
    for index, parameter in enumerate(layer.parameters()):
        parameter.data = 0.5 * draw(*parameter.shape, seed=index)
    return layer.eval()


def test_encoder_without_norms_inside_is_torchs_encoder_layer():
    theirs = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, dtype=torch.float64)
    perturbed(theirs)
    norms = {"norm_state": None, "norm_stored": None, "norm_values": None}
    ours = HopfieldEncoderLayer(
        Hopfield(8, 2, dtype=torch.float64, **norms), hidden_features=16, dtype=torch.float64
    ).eval()
    attention, heads = theirs.self_attn, ours.association.heads
    with torch.no_grad():
        chunks = zip(
            attention.in_proj_weight.chunk(3), attention.in_proj_bias.chunk(3), strict=True
        )
        for linear, (weight, bias) in zip(
            (heads.state, heads.stored, heads.values), chunks, strict=True
        ):
            linear.weight.copy_(weight)
            linear.bias.copy_(bias)
    ours.association.out.load_state_dict(attention.out_proj.state_dict())
    ours.hidden.load_state_dict(theirs.linear1.state_dict())
    ours.out.load_state_dict(theirs.linear2.state_dict())
    ours.norm_association.load_state_dict(theirs.norm1.state_dict())
    ours.norm_out.load_state_dict(theirs.norm2.state_dict())
    state = draw(3, 5, 8).requires_grad_()
    mask = torch.arange(5) < torch.tensor([[5], [3], [4]])
    expected = theirs(state, src_key_padding_mask=~mask)
    assert_close(ours(state, mask=mask)[mask], expected[mask], **EXACT)


def test_decoder_by_its_equations():
    layer = perturbed(
        HopfieldDecoderLayer(
            Hopfield(8, 2, num_steps=2, dtype=torch.float64),
            Hopfield(8, 4, kdim=6, dtype=torch.float64),
            hidden_features=16,
            activation="gelu",
            dtype=torch.float64,
        )
    )
    state, stored = draw(2, 5, 8), draw(2, 7, 6, seed=1)
    mask = torch.arange(5) < torch.tensor([[5], [3]])
    stored_mask = torch.arange(7) < torch.tensor([[6], [7]])
    x = layer.norm_self(state + layer.self_association(state, mask=mask))
    x = layer.norm_cross(x + layer.cross_association(x, stored, mask=stored_mask))
    x = layer.norm_out(x + layer.out(F.gelu(layer.hidden(x))))
    assert_close(layer(state, stored, mask=mask, stored_mask=stored_mask), x, **EXACT)


@pytest.mark.parametrize("num_steps", [1, 3])
def test_no_information_passes_a_mask(num_steps):
    association = Hopfield(8, 2, num_steps=num_steps, dtype=torch.float64)
    options = {"hidden_features": 16, "dtype": torch.float64}
    encoder = perturbed(HopfieldEncoderLayer(association, **options))
    decoder = perturbed(HopfieldDecoderLayer(association, association, **options))
    causal = torch.ones(5, 5, dtype=torch.bool).tril()
    state, stored = draw(2, 5, 8), draw(2, 7, 8, seed=1)
    window = (torch.arange(7) - torch.arange(5)[:, None]).abs() <= 1

    def reached(run, x, place):
        """Which outputs change with one place of an input."""
        other = x.clone()
        other[:, place] = draw(2, 8, seed=5)
        return ((run(x) - run(other)).abs() > 1e-9).any(-1)[0].tolist()

    masks = {"attn_mask": causal, "stored_attn_mask": window}
    runs = (
        lambda x: encoder(x, attn_mask=causal),
        lambda x: decoder(x, stored, **masks),
    )
    for run in runs:
        assert reached(run, state, 2) == [False, False, True, True, True]
    for place, expected in ((5, [False] * 4 + [True]), (6, [False] * 5)):
        assert reached(lambda x: decoder(state, x, **masks), stored, place) == expected


def test_defaults_are_those_of_the_transformer():
    association = Hopfield(8, 2)
    for layer in (
        HopfieldEncoderLayer(association),
        HopfieldDecoderLayer(association, association),
    ):
        assert layer.hidden.out_features == 2048
        assert layer.dropout.p == 0.1
        assert layer.activation is F.relu


def test_the_association_is_copied_and_initialised_afresh():
    association = Hopfield(8, 2)
    before = copy.deepcopy(association.state_dict())
    layer = HopfieldEncoderLayer(association, hidden_features=16)
    for name, parameter in layer.association.named_parameters():
        if name.endswith("weight") and "norm" not in name:
            assert not torch.equal(parameter, association.state_dict()[name])
    layer(torch.randn(2, 5, 8)).sum().backward()
    assert all(parameter.grad is None for parameter in association.parameters())
    assert all(torch.equal(association.state_dict()[name], before[name]) for name in before)


def test_dropout_in_training_only():
    layer = HopfieldEncoderLayer(Hopfield(8, 2), hidden_features=16, dropout=0.5)
    state = torch.randn(2, 5, 8)
    assert not torch.equal(layer(state), layer(state))
    layer.eval()
    assert torch.equal(layer(state), layer(state))


def test_bad_arguments():
    with pytest.raises(TypeError, match="association must be a Hopfield layer: got Linear"):
        HopfieldEncoderLayer(nn.Linear(4, 4))
    with pytest.raises(ValueError, match="association must return its embed_dim, 8"):
        HopfieldEncoderLayer(Hopfield(8, 2, out_features=6))
    with pytest.raises(ValueError, match="cross_association must have embed_dim 8"):
        HopfieldDecoderLayer(Hopfield(8, 2), Hopfield(6, 2))
    with pytest.raises(ValueError, match="hidden_features must be at least 1"):
        HopfieldEncoderLayer(Hopfield(8, 2), hidden_features=0)
    with pytest.raises(ValueError, match="activation must be a name or a callable"):
        HopfieldEncoderLayer(Hopfield(8, 2), activation=None)
