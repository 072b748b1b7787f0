"""The plain transformer block and the vision transformer, against torch's own parts."""

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from neurarium.baselines import Attention, FeedForward, TransformerBlock, VisionTransformer


def test_attention_is_torchs():
    ours, theirs = Attention(12, 3), nn.MultiheadAttention(12, 3, batch_first=True)
    theirs.load_state_dict(
        {
            "in_proj_weight": ours.qkv.weight,
            "in_proj_bias": ours.qkv.bias,
            "out_proj.weight": ours.out.weight,
            "out_proj.bias": ours.out.bias,
        }
    )
    x = torch.randn(2, 5, 12)
    assert_close(ours(x), theirs(x, x, x, need_weights=False)[0])


@pytest.mark.parametrize("norm_first", [True, False])
def test_block_is_torchs(norm_first):
    ours = TransformerBlock(12, 3, mlp_ratio=2, norm_first=norm_first).eval()
    theirs = nn.TransformerEncoderLayer(
        12, 3, 24, activation="gelu", batch_first=True, norm_first=norm_first
    ).eval()
    names = {
        "attention.qkv.": "self_attn.in_proj_",
        "attention.out.": "self_attn.out_proj.",
        "norm_attention": "norm1",
        "norm_mlp": "norm2",
        "mlp.0": "linear1",
        "mlp.3": "linear2",
    }
    state = {}
    for key, value in ours.state_dict().items():
        (old,) = (name for name in names if key.startswith(name))
        state[key.replace(old, names[old])] = value
    theirs.load_state_dict(state)
    x = torch.randn(2, 5, 12, requires_grad=True)
    assert_close(ours(x), theirs(x), rtol=1e-5, atol=1e-5)


def test_patches_are_read_row_by_row():
    model = VisionTransformer(4, 2, 3, embed_dim=4, num_layers=1, num_heads=2, in_channels=1)
    with torch.no_grad():
        model.patches.weight.zero_()
        model.patches.weight[:, 0, 0, 0] = 1
        model.patches.bias.zero_()
        model.positions.zero_()
        model.class_token.zero_()
    seen = []
    model.blocks[0].register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    model(torch.arange(16.0).view(1, 1, 4, 4))
    assert seen[0][0, :, 0].tolist() == [0, 0, 2, 8, 10]


def test_dropped_paths():
    torch.manual_seed(0)
    block = TransformerBlock(8, 2, drop_path=0.5)
    x = torch.randn(400, 3, 8)
    unchanged = (block(x) == x).all((1, 2)).float().mean().item()
    assert unchanged == pytest.approx(0.25, abs=0.07)  # both halves skipped
    assert not (block.eval()(x) == x).all((1, 2)).any()
    model = VisionTransformer(8, 4, 2, embed_dim=8, num_layers=3, num_heads=2, drop_path=0.3)
    assert [b.drop_path for b in model.blocks] == pytest.approx([0, 0.15, 0.3])


def test_refused():
    with pytest.raises(ValueError, match="num_heads must divide embed_dim: got 3 and 8"):
        Attention(8, 3)
    with pytest.raises(ValueError, match="patch_size must divide image_size: got 3 and 8"):
        VisionTransformer(8, 3, 2, embed_dim=8, num_layers=1)
    with pytest.raises(ValueError, match="embed_dim, hidden_features must be >= 1: got 8, 0"):
        FeedForward(8, 0)
