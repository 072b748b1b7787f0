"""Language baselines: causal, the same from a state, tied where they should be; rotations."""

import math

import pytest
import torch
from torch.testing import assert_close

from neurarium.baselines import (
    GPT,
    LSTMLanguageModel,
    apply_rotary,
    rotary_angles,
    rotary_frequencies,
    sincos_positions,
)

EXACT = {"rtol": 1e-10, "atol": 1e-10}


def models():
    torch.manual_seed(0)
    sizes = {"num_layers": 3, "dtype": torch.float64}
    return {
        "gpt": GPT(11, 16, num_heads=2, **sizes).eval(),
        "tied": GPT(11, 16, num_heads=2, tie_layers=True, **sizes).eval(),
        "lstm": LSTMLanguageModel(11, 8, num_layers=2, dtype=torch.float64).eval(),
    }


NAMES = pytest.mark.parametrize("name", ["gpt", "tied", "lstm"])


@NAMES
def test_no_token_sees_a_later_one(name):
    model, tokens = models()[name], torch.randint(11, (1, 9))
    before, changed = model(tokens), tokens.clone()
    changed[0, 5] = (changed[0, 5] + 1) % 11
    after = model(changed)
    assert_close(after[:, :5], before[:, :5], rtol=0, atol=1e-12)
    assert (after[:, 5:] != before[:, 5:]).all()


@NAMES
@pytest.mark.parametrize("split", [1, 4, 8])
def test_pieces_with_a_state_are_the_whole(name, split):
    model, tokens = models()[name], torch.randint(11, (3, 9))
    whole = model(tokens)
    first, state = model(tokens[:, :split], return_state=True)
    assert_close(first, whole[:, :split], **EXACT)
    assert_close(model(tokens[:, split:], state=state), whole[:, split:], **EXACT)
    for index in range(split, 9):
        logits, state = model(tokens[:, [index]], state=state, return_state=True)
        assert_close(logits[:, 0], whole[:, index], **EXACT)


def test_a_tied_transformer_is_one_whose_blocks_are_equal():
    found = models()
    tied, plain = found["tied"], found["gpt"]
    assert sum(p.numel() for p in plain.blocks.parameters()) == 3 * sum(
        p.numel() for p in tied.blocks.parameters()
    )
    for block in plain.blocks:
        block.load_state_dict(tied.blocks[0].state_dict())
    plain.embed.load_state_dict(tied.embed.state_dict())
    plain.norm.load_state_dict(tied.norm.state_dict())
    tokens = torch.randint(11, (2, 7))
    assert_close(plain(tokens), tied(tokens), **EXACT)


def test_the_transformer_is_the_textbook_one():
    model, tokens = models()["gpt"], torch.randint(11, (2, 6))
    x = model.embed(tokens)
    angles = rotary_angles(torch.arange(6), rotary_frequencies(8))
    for block in model.blocks:
        q, k, v = block.qkv(block.norm_attention(x)).chunk(3, -1)
        heads = []
        for h in (slice(0, 8), slice(8, 16)):
            scores = apply_rotary(q[..., h], angles) @ apply_rotary(k[..., h], angles).mT
            scores = scores / math.sqrt(8)
            scores = scores.masked_fill(torch.ones(6, 6).triu(1).bool(), -torch.inf)
            heads.append(scores.softmax(-1) @ v[..., h])
        x = x + block.out(torch.cat(heads, -1))
        x = x + block.contract(torch.nn.functional.gelu(block.expand(block.norm_mlp(x))))
    assert_close(model(tokens), model.norm(x) @ model.embed.weight.T, **EXACT)


def test_residual_branches_start_small():
    model = GPT(11, 64, num_layers=8, num_heads=4)
    assert model.blocks[3].qkv.weight.std().item() == pytest.approx(0.02, rel=0.05)
    assert model.blocks[3].out.weight.std().item() == pytest.approx(0.005, rel=0.1)
    assert not model.blocks[3].qkv.bias.any()


@pytest.mark.parametrize("build", ["gpt", "lstm"])
def test_dropout_acts_in_training_only(build):
    model = {
        "gpt": lambda: GPT(11, 16, num_layers=2, num_heads=2, dropout=0.5),
        "lstm": lambda: LSTMLanguageModel(11, 16, num_layers=2, dropout=0.5),
    }[build]()
    tokens = torch.randint(11, (2, 7))
    assert not torch.equal(model(tokens), model(tokens))
    assert torch.equal(model.eval()(tokens), model(tokens))


def test_rotations_keep_lengths_and_see_only_distances():
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(2, 1, 10, generator=generator, dtype=torch.float64)
    frequencies = rotary_frequencies(10, theta=65536.0)

    def at(vector, position):
        return apply_rotary(vector, rotary_angles(torch.tensor([position]), frequencies))

    for position in (0, 1, 77, 10_000_000):
        assert_close(at(x, position).norm(), x.norm(), **EXACT)
    assert_close(at(x, 0), x, **EXACT)
    products = [(at(x, s + 5) * at(y, s)).sum() for s in (0, 3, 1000)]
    assert_close(products[1:], [products[0]] * 2, **EXACT)
    assert (products[0] - (at(x, 6) * at(y, 0)).sum()).abs() > 1e-3
    assert_close(at(torch.tensor([[1.0, *[0.0] * 9]]).double(), 1)[0, :2], at_one_radian())


def at_one_radian():
    return torch.tensor([math.cos(1), math.sin(1)], dtype=torch.float64)


def test_frequencies_fall_by_powers_of_theta():
    turns = rotary_frequencies(8, theta=16.0)
    expected = torch.tensor([1.0, 0.5, 0.25, 0.125], dtype=torch.float64) / (2 * math.pi)
    assert_close(turns, expected, **EXACT)
    heads = turns.expand(3, -1)
    assert rotary_angles(torch.arange(5), heads).shape == (3, 5, 4)


def test_a_table_of_positions_has_sines_and_cosines_in_turn():
    table = sincos_positions(torch.tensor([0, 7]), 6)
    angles = 7 * torch.tensor([1.0, 10000 ** (-1 / 3), 10000 ** (-2 / 3)])
    expected = torch.stack((angles.sin(), angles.cos()), -1).flatten()
    assert_close(table[1], expected, rtol=1e-5, atol=1e-6)
    assert table[0].tolist() == [0, 1] * 3


def test_bad_sizes():
    with pytest.raises(ValueError, match=r"multiple of 2 \* num_heads: got 16 and 3"):
        GPT(11, 16, num_layers=1, num_heads=3)
    with pytest.raises(ValueError, match="must be >= 1"):
        GPT(11, 16, num_layers=0, num_heads=2)
    with pytest.raises(ValueError, match="must be >= 1"):
        LSTMLanguageModel(11, 0)
    with pytest.raises(ValueError, match="head_dim must be even"):
        rotary_frequencies(3)
    with pytest.raises(ValueError, match="theta must be positive: got -1"):
        rotary_frequencies(4, theta=-1)
    with pytest.raises(ValueError, match="one column for two of x: got 2 and 6"):
        apply_rotary(torch.zeros(3, 6), torch.zeros(3, 2))
