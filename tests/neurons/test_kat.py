"""Group-rational layers and transformers: their start, their parts, their published size."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.testing import assert_close

from neurarium.baselines import VisionTransformer
from neurarium.neurons import GRKAN, KAT, GRKANLinear, activation_gain, kat_vit
from neurarium.neurons.kat import mimic

TINY = {"embed_dim": 16, "num_layers": 2, "num_heads": 2}


def test_the_mlp_at_its_start_is_two_linear_maps_around_swish():
    mlp = GRKAN(16, 24, 8, dtype=torch.float64).eval()
    x = torch.randn(5, 16, dtype=torch.float64).clamp(-3, 3) * 0.5
    hidden = mlp.expand.linear(x)
    assert hidden.abs().max() < 3
    assert_close(mlp(x), mlp.contract.linear(F.silu(hidden)), rtol=0, atol=1e-5)


def test_variance_is_kept():
    torch.manual_seed(0)
    mlp = GRKAN(256, 1024, backend="eager")
    x = torch.randn(2000, 256)
    hidden, out = mlp.expand(x), mlp(x)
    assert hidden.var().item() == pytest.approx(1, abs=0.05)
    assert out.var().item() == pytest.approx(1, abs=0.1)
    assert mlp.contract.linear.weight.var().item() == pytest.approx(
        activation_gain("swish") / 1024, rel=0.02
    )
    assert mlp.contract.linear.bias.count_nonzero() == 0
    released = GRKAN(256, 1024, weight_init="trunc_normal")
    assert released.contract.linear.weight.std().item() == pytest.approx(0.02, rel=0.02)


def test_dropout_follows_the_activation():
    layer = GRKANLinear(8, 4, dropout=0.5, bias=False)
    seen = []
    layer.linear.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    x = torch.ones(100, 8)
    layer(x)
    assert 0.3 < (seen[0] == 0).float().mean() < 0.7
    layer.eval()(x)
    assert_close(seen[1], layer.activation(x))


def test_largest_divisor_is_the_default_of_groups():
    assert GRKANLinear(12, 3).activation.num_groups == 6
    assert GRKANLinear(7, 3).activation.num_groups == 7
    assert GRKANLinear(64, 3).activation.num_groups == 8


def test_a_transformer_of_linear_mlps_is_the_plain_one_without_gelu():
    model = KAT(8, 4, 3, **TINY, init=("identity", "identity")).eval()
    plain = VisionTransformer(
        8, 4, 3, **TINY, mlp=lambda e, h, **f: nn.Sequential(nn.Linear(e, h), nn.Linear(h, e))
    ).eval()
    state = {
        k.replace("mlp.expand.linear", "mlp.0").replace("mlp.contract.linear", "mlp.1"): v
        for k, v in model.state_dict().items()
        if "activation" not in k
    }
    plain.load_state_dict(state)
    images = torch.rand(2, 3, 8, 8)
    assert_close(model(images), plain(images))


def test_published_sizes():
    """The released tiny checkpoint states its number of parameters."""

    def count(model):
        return sum(p.numel() for p in model.parameters())

    assert count(kat_vit("tiny", device="meta")) == 5_718_328
    assert 22.0e6 < count(kat_vit("small", device="meta")) < 22.2e6
    assert 86.5e6 < count(kat_vit("base", device="meta")) < 86.8e6
    for size, heads in (("tiny", 3), ("small", 6), ("base", 12)):  # 64 wide each, as in DeiT
        block = kat_vit(size, device="meta").blocks[0]
        assert block.attention.num_heads == heads
    model = KAT(8, 4, 3, **TINY, dropout=0.25)
    for block in model.blocks:
        assert [m.p for m in block.modules() if isinstance(m, nn.Dropout)] == [0.25, 0.25]
    with pytest.raises(ValueError, match="size must be one of tiny, small, base: got 'huge'"):
        kat_vit("huge")


def test_reset_keeps_the_start_of_the_mlps():
    torch.manual_seed(0)
    model = KAT(8, 4, 3, embed_dim=64, num_layers=1, num_heads=2)
    before = model.blocks[0].mlp.contract.linear.weight.std()
    assert before.item() == pytest.approx((activation_gain("swish") / 256) ** 0.5, rel=0.05)
    assert model.blocks[0].attention.qkv.weight.std().item() < 0.021


def test_mimetic_attention_attends_to_itself_and_takes_values_off():
    torch.manual_seed(0)
    model = KAT(8, 4, 3, embed_dim=64, num_layers=1, num_heads=2, attention_init="mimetic")
    attention = model.blocks[0].attention
    query, key, value = attention.qkv.weight.detach().clone().chunk(3)
    for head in (slice(0, 32), slice(32, 64)):
        product = query[head].mT @ key[head]
        assert product.diagonal().mean() > 0.3
        assert product.diagonal().mean() > 5 * product.mean().abs()
    composed = value.mT @ attention.out.weight.detach().mT
    noise = composed + 0.4 * torch.eye(64)
    assert noise.std().item() == pytest.approx(0.4 / 8, rel=0.1)
    mimic(attention)
    assert not torch.equal(attention.qkv.weight.detach().chunk(3)[0], query)


def test_images_and_names_that_are_refused():
    model = KAT(8, 4, 3, **TINY)
    with pytest.raises(TypeError, match=r"images must be floating point: got torch\.uint8"):
        model(torch.zeros(1, 3, 8, 8, dtype=torch.uint8))
    with pytest.raises(
        ValueError, match=r"images must be \(B, 3, 8, 8\): got shape \[1, 1, 8, 8\]"
    ):
        model(torch.zeros(1, 1, 8, 8))
    with pytest.raises(ValueError, match="attention_init must be 'mimetic' or None: got 'other'"):
        KAT(8, 4, 3, **TINY, attention_init="other")
    for init in (("swish",), "swish", ("swish", "swish", "relu")):
        with pytest.raises(ValueError, match="init must be two, one for each activation: got"):
            KAT(8, 4, 3, **TINY, init=init)


def test_functions_are_not_saved_as_something_else(tmp_path):
    model = KAT(8, 4, 3, **TINY, init=(torch.sin, torch.sin))
    with pytest.raises(TypeError, match=r"init must be a JSON value to be saved, such as a name:"):
        model.save_pretrained(tmp_path)
    KAT(8, 4, 3, **TINY, init=("gelu", "gelu")).save_pretrained(tmp_path)
    assert KAT.from_pretrained(tmp_path).blocks[0].mlp.expand.activation.init == "gelu"
