"""Learnable attention: what its maps must satisfy, sharing, masks, chunks, every basis."""

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.autograd import gradcheck, gradgradcheck
from torch.testing import assert_close

from neurarium.baselines import Attention
from neurarium.neurons import (
    BASES,
    AttentionOperator,
    Fourier,
    KArAt,
    KolmogorovArnoldAttention,
    Rational,
    Wavelet,
    karat_vit,
)
from neurarium.neurons import kan_attention_rows as rows_module
from neurarium.neurons.kan_attention_fourier import ScoreFourier


def double(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def operator_of(*args, **kwargs):
    return AttentionOperator(*args, dtype=torch.float64, **kwargs)


def heads(batch=2, num_heads=2, tokens=5, width=3):
    return [double(batch, num_heads, tokens, width, seed=s).requires_grad_() for s in range(3)]


def test_linear_units_are_one_matrix():
    operator = operator_of(2, 6, rank=3, base="identity")
    torch.nn.init.zeros_(operator.coefficients)
    scores = double(3, 2, 4, 6)
    matrix = operator.back @ torch.ones(3, 6, dtype=torch.float64)  # W J
    assert_close(operator(scores), torch.einsum("hnq,bhlq->bhln", matrix, scores))


def test_the_unchanged_map_is_an_operator():
    operator = operator_of(2, 5, rank=5, base="identity", edge_scale=True)
    with torch.no_grad():
        operator.coefficients.zero_()
        operator.scale.copy_(torch.eye(5))
        operator.back.copy_(torch.eye(5))
    scores = double(3, 2, 5, 5)
    assert_close(operator(scores), scores)


@settings(deadline=None, max_examples=15)
@given(
    st.integers(1, 6), st.sampled_from(["fourier", "mexican_hat", "rational"]), st.integers(0, 9)
)
def test_rank(rank, basis, seed):
    torch.manual_seed(seed)
    operator = operator_of(2, 8, rank=rank, basis=basis)
    sizes = torch.linalg.svdvals(operator(double(2, 2, 8, 8, seed=seed)))
    assert (sizes[..., rank:] < 1e-10 * sizes[..., :1]).all()


def test_fourier_units_are_periodic_and_a_base_is_not():
    scores = double(2, 2, 4, 6)
    operator = operator_of(2, 6, rank=3)
    assert_close(operator(scores + 2 * torch.pi), operator(scores))
    operator = operator_of(2, 6, rank=3, base="silu")
    assert (operator(scores + 2 * torch.pi) - operator(scores)).abs().max() > 0.1


def test_rows_move_with_queries_and_keys_only_with_their_functions():
    operator = operator_of(1, 6, rank=3)
    scores = double(2, 1, 5, 6)
    out = operator(scores)
    queries, keys = torch.tensor([3, 1, 4, 0, 2]), torch.tensor([5, 2, 0, 1, 4, 3])
    assert_close(operator(scores[:, :, queries]), out[:, :, queries])
    assert (operator(scores[..., keys]) - out[..., keys]).abs().max() > 0.1
    moved = copy.deepcopy(operator)
    with torch.no_grad():
        moved.coefficients.copy_(operator.coefficients[..., keys])
        moved.back.copy_(operator.back[:, keys])
    assert_close(moved(scores[..., keys]), out[..., keys])


@pytest.mark.parametrize("basis", ["fourier", "rational", "morlet", "bspline"])
@pytest.mark.parametrize("base", [None, "silu"])
@pytest.mark.parametrize("masked", [False, True])
def test_gradients(basis, base, masked):
    torch.manual_seed(0)
    operator = operator_of(2, 3, rank=2, basis=basis, base=base)
    query, key, value = heads(tokens=3)
    mask = torch.tensor([[True, True, True], [True, False, True]]) if masked else None
    parameters = dict(operator.named_parameters())

    def call(query, key, value, *values):
        named = dict(zip(parameters, values, strict=True))
        return torch.func.functional_call(
            Face(operator), prefixed(named), (query, key, value, mask)
        )

    leaves = [
        query,
        key,
        value,
        *(p.detach().clone().requires_grad_() for p in parameters.values()),
    ]
    assert gradcheck(call, leaves, atol=1e-4, fast_mode=masked)
    assert gradgradcheck(call, leaves, atol=1e-4, fast_mode=True)


class Face(torch.nn.Module):
    """The cheap order as a forward."""

    def __init__(self, operator):
        super().__init__()
        self.operator = operator

    def forward(self, query, key, value, mask):
        return self.operator.attend(query, key, value, mask=mask)


def prefixed(named):
    return {f"operator.{name}": value for name, value in named.items()}


@pytest.mark.parametrize("basis", [*BASES])
def test_every_basis_in_the_cheap_order(basis):
    torch.manual_seed(0)
    operator = operator_of(2, 5, rank=2, basis=basis, base="silu", edge_scale=True)
    query, key, value = heads()
    found = []
    for out in (operator.attend(query, key, value), operator(query @ key.mT) @ value):
        leaves = [query, key, value, *operator.parameters()]
        found.append((out, *torch.autograd.grad(out.pow(2).sum(), leaves)))
    assert_close(*found)


@settings(deadline=None, max_examples=15)
@given(st.integers(1, 200))
def test_chunks_change_nothing(size):
    torch.manual_seed(1)
    operator = operator_of(2, 5, rank=2, base="silu")
    query, key, value = heads(batch=3)
    mask = torch.rand(3, 5) > 0.3
    leaves, found = [query, key, value, *operator.parameters()], []
    whole = rows_module.CHUNK
    for chunk in (whole, size):
        rows_module.CHUNK = chunk
        try:
            out = operator.attend(query, key, value, mask=mask)
            found.append((out, *torch.autograd.grad(out.pow(2).sum(), leaves)))
        finally:
            rows_module.CHUNK = whole
    assert_close(*found, rtol=1e-10, atol=1e-12)


def test_nothing_as_large_as_a_map_is_kept():
    layer = KolmogorovArnoldAttention(8, 2, num_tokens=50, rank=3)
    x = torch.randn(4, 50, 8, requires_grad=True)
    kept = {}

    def pack(tensor):
        kept[tensor.untyped_storage().data_ptr()] = tensor.numel()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
        layer(x)
    assert max(kept.values()) < 4 * 2 * 50 * 50 / 2


def test_masked_tokens_leave_no_trace():
    torch.manual_seed(0)
    layer = KolmogorovArnoldAttention(8, 2, num_tokens=5, rank=3, base="silu", dtype=torch.float64)
    x, mask = double(2, 5, 8), torch.tensor([[True] * 5, [True, False, True, True, False]])
    out = layer(x, mask=mask)
    changed = torch.where(mask[..., None], x, 9.0)
    assert_close(layer(changed, mask=mask)[mask], out[mask])
    assert_close(out[0], layer(x)[0])
    by_square = layer(x, attn_mask=mask[:, None, :].expand(2, 5, 5))
    assert_close(by_square, out)
    assert_close(layer(x, mask=torch.zeros_like(mask)), layer.out.bias.expand_as(x))
    unknown = torch.where(mask[..., None], x, torch.nan)
    assert_close(layer(unknown, mask=mask)[mask], out[mask])
    layer(unknown, mask=mask)[mask].sum().backward()
    assert all(p.grad.isfinite().all() for p in layer.parameters())
    assert_close(layer(unknown, mask=mask, return_attention=True)[0][mask], out[mask])


def test_both_masks_hide():
    torch.manual_seed(0)
    layer = KolmogorovArnoldAttention(8, 2, num_tokens=5, rank=3, dtype=torch.float64)
    x, mask = double(2, 5, 8), torch.tensor([[True] * 5, [True, False, True, True, False]])
    causal = torch.ones(5, 5).tril().bool()
    out, maps = layer(x, mask=mask, attn_mask=causal, return_attention=True)
    hidden = ~(causal & mask[:, None])[:, None].expand_as(maps)
    assert maps[hidden].count_nonzero() == 0
    assert (maps[~hidden] != 0).all()
    changed = x.clone()
    changed[1, 1] = 9.0
    assert_close(layer(changed, mask=mask, attn_mask=causal)[1, 2:], out[1, 2:])
    changed[0, 1] = 9.0
    assert (layer(changed, mask=mask, attn_mask=causal)[0, 2:] - out[0, 2:]).abs().min() > 1e-6


def test_dropout_of_maps_and_of_outputs():
    """In training only; a half of each, and twice the rest."""
    torch.manual_seed(0)
    layer = KolmogorovArnoldAttention(
        8, 2, num_tokens=64, rank=3, attn_dropout=0.5, dtype=torch.float64
    )
    x = double(1, 64, 8)
    with torch.no_grad():
        layer.qkv.weight[16:].zero_()
        layer.qkv.bias[16:].fill_(1.0)  # values of 1: outputs are sums of rows
        layer.out.weight.copy_(torch.eye(8))
        plain = layer.eval()(x)
        assert_close(plain, layer.eval()(x))
        maps = layer(x, return_attention=True)[1]
        drawn = torch.stack([layer.train()(x) for _ in range(200)])
    assert (drawn[0] - plain).abs().max() > 1e-3
    spread = maps.square().sum(-1).sqrt().transpose(1, 2).repeat_interleave(4, -1)  # of one draw
    away = (drawn.mean(0) - plain) / spread * 200**0.5
    assert away.abs().max() < 5
    assert abs(away.std() - 1) < 0.15
    layer = KolmogorovArnoldAttention(8, 2, num_tokens=64, rank=3, dropout=0.5, bias=False)
    assert layer.qkv.bias is None
    torch.nn.init.ones_(layer.out.bias)
    out, x = layer(x.float()), x.float()
    dropped = out == 0
    assert abs(dropped.float().mean() - 0.5) < 0.1
    assert_close(out[~dropped], 2 * layer.eval()(x)[~dropped])


def test_normalised_rows_are_plain_ones_normalised():
    scores, mask = double(2, 2, 4, 5), torch.rand(4, 5) > 0.4
    mask[:, 0] = True
    maps = {}
    for normalize in (None, "l1", "softmax"):
        torch.manual_seed(0)
        operator = operator_of(2, 5, rank=3, normalize=normalize)
        maps[normalize] = operator(scores, attn_mask=mask).detach()
        if normalize is not None:
            with pytest.raises(ValueError, match="normalize must be None to attend without maps"):
                operator.attend(*heads())
    plain = maps[None]
    assert_close(maps["l1"], plain / plain.abs().sum(-1, keepdim=True))
    weights = plain.exp() * mask
    assert_close(maps["softmax"], weights / weights.sum(-1, keepdim=True))


@pytest.mark.parametrize("normalize", [None, "l1", "softmax"])
@pytest.mark.parametrize("return_attention", [False, True])
def test_empty_batches(normalize, return_attention):
    layer = KolmogorovArnoldAttention(8, 2, num_tokens=5, rank=2, normalize=normalize)
    out = layer(torch.zeros(0, 5, 8), return_attention=return_attention)
    if return_attention:
        assert out[1].shape == (0, 2, 5, 5)
        out = out[0]
    assert out.shape == (0, 5, 8)
    out.sum().backward()
    assert layer.qkv.weight.grad.count_nonzero() == 0
    assert layer.operator(torch.zeros(2, 2, 0, 5)).shape == (2, 2, 0, 5)


def test_a_mask_that_changes_before_the_backward_pass_is_noticed():
    operator = operator_of(2, 5, rank=2)
    query, key, value = heads()
    mask = torch.ones(2, 5, dtype=torch.bool)
    out = operator.attend(query, key, value.detach(), mask=mask)
    mask[:, 2] = False
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        out.sum().backward()


def test_operators_of_blocks_do_not_load_into_a_shared_one():
    sizes = {"embed_dim": 16, "num_layers": 2, "num_heads": 2, "rank": 3}
    blocks, shared = (KArAt(8, 4, 3, mode=mode, **sizes) for mode in ("blockwise", "universal"))
    with pytest.raises(
        RuntimeError, match="state_dict must hold one operator for all blocks of mo"
    ):
        shared.load_state_dict(blocks.state_dict())
    holder = torch.nn.Sequential(shared)
    with pytest.raises(RuntimeError, match="got different values of coefficients"):
        holder.load_state_dict({f"0.{k}": v for k, v in blocks.state_dict().items()})
    x = torch.rand(2, 3, 8, 8)
    blocks.load_state_dict(shared.state_dict())  # every block begins with the shared one
    assert_close(blocks.eval()(x), shared.eval()(x))
    again = KArAt(8, 4, 3, mode="universal", **sizes).eval()
    again.load_state_dict(shared.state_dict())
    assert_close(again(x), shared(x))


@pytest.mark.parametrize("normalize", [None, "l1", "softmax"])
def test_causal(normalize):
    torch.manual_seed(0)
    layer = KolmogorovArnoldAttention(
        8, 2, num_tokens=5, rank=3, normalize=normalize, dtype=torch.float64
    )
    causal, x = torch.ones(5, 5).tril().bool(), double(2, 5, 8)
    out, maps = layer(x, attn_mask=causal, return_attention=True)
    assert maps.triu(1).count_nonzero() == 0
    x[:, 3:] = 7
    assert_close(layer(x, attn_mask=causal)[:, :3], out[:, :3])
    rows = maps.abs().sum(-1)
    if normalize:
        assert_close(rows, torch.ones_like(rows))
    if normalize == "softmax":
        nothing = layer(x, attn_mask=torch.zeros(5, 5, dtype=torch.bool), return_attention=True)[1]
        assert nothing.count_nonzero() == 0


def test_starts():
    torch.manual_seed(0)
    scores = double(4, 2, 50, 100) * 2
    for basis in ("fourier", "mexican_hat", "rational"):
        operator = operator_of(2, 100, rank=12, basis=basis)
        maps = operator(scores)
        assert 0.1 < maps.var() < 10, basis  # of unit order
    operator = operator_of(2, 100, rank=12, init="paper", grid_size=3)
    assert operator.coefficients.std().item() == pytest.approx(1, abs=0.03)
    assert operator(scores).var().item() == pytest.approx(300, rel=0.3)  # N G


def test_universal_is_one_set_whose_gradient_is_the_sum():
    sizes = {"embed_dim": 8, "num_layers": 3, "num_heads": 2, "rank": 3, "grid_size": 2}
    shared = KArAt(8, 4, 3, mode="universal", **sizes, dtype=torch.float64)
    own = KArAt(8, 4, 3, **sizes, dtype=torch.float64)
    own.load_state_dict(shared.state_dict())  # every block with a copy

    def of_operator(model):
        return sum(p.numel() for name, p in model.named_parameters() if ".operator." in name)

    assert of_operator(shared) == 2 * (2 * 2 + 1) * 3 * 5
    assert of_operator(own) == 3 * of_operator(shared)
    images = double(4, 3, 8, 8)
    for model in (shared, own):
        model(images).pow(2).sum().backward()
    operators = [block.attention.operator for block in own.blocks]
    (one,) = {id(b.attention.operator): b.attention.operator for b in shared.blocks}.values()
    for name, parameter in one.named_parameters():
        total = sum(operator.get_parameter(name).grad for operator in operators)
        assert_close(parameter.grad, total)


def test_published_parameter_counts():
    """Ours are (2G + 1) of the published (2G + 3) r N; with scales (2G + 2)."""

    def count(model):
        return sum(p.numel() for p in model.parameters())

    plain = count(karat_vit("tiny", device="meta", basis="fourier", rank=1, grid_size=1))
    plain -= 36 * 3 * 197
    assert plain / 1e6 == pytest.approx(5.53, abs=0.2)  # theirs counts 100 classes
    added = count(karat_vit("tiny", device="meta")) - plain
    assert added == 36 * 7 * 12 * 197
    assert added / 0.76e6 == pytest.approx(7 / 9, abs=0.01)
    scaled = count(karat_vit("tiny", device="meta", edge_scale=True)) - plain
    assert scaled - added == 36 * 12 * 197


def test_the_softmax_arm_is_torchs():
    layer, x = Attention(12, 3).double(), double(2, 5, 12)
    q, k, v = (p.unflatten(-1, (3, 4)).transpose(1, 2) for p in layer.qkv(x).chunk(3, -1))
    read = torch.nn.functional.scaled_dot_product_attention(q, k, v)
    assert_close(layer(x), layer.out(read.transpose(1, 2).flatten(2)))


def test_bases_and_their_sizes():
    assert isinstance(AttentionOperator(2, 5, rank=2).basis, ScoreFourier)
    assert AttentionOperator(2, 5, rank=2).coefficients.shape == (2, 6, 2, 5)
    assert AttentionOperator(2, 5, rank=2, basis="dog").coefficients.shape == (2, 1, 2, 5)
    operator = AttentionOperator(2, 5, rank=2, basis="rational", degree=3)
    assert isinstance(operator.basis, Rational)
    assert operator.coefficients.shape == (2, 4, 2, 5)
    given_basis = Wavelet(10, grid_size=4)
    assert AttentionOperator(2, 5, rank=2, basis=given_basis).basis is given_basis
    with pytest.raises(ValueError, match="basis must have 10 features: got one of 4"):
        AttentionOperator(2, 5, rank=2, basis=Fourier(4))
    with pytest.raises(ValueError, match="grid_size must not be given beside a basis: got 3"):
        AttentionOperator(2, 5, rank=2, basis=given_basis, grid_size=3)


def test_autocast():
    torch.manual_seed(0)
    layer = KolmogorovArnoldAttention(8, 2, num_tokens=5, rank=3, base="silu")
    x, wanted = torch.randn(2, 5, 8), []
    for enabled in (False, True):
        leaf = x.clone().requires_grad_()
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            out = layer(leaf)
            out.float().sum().backward()
        wanted.append((out.float(), leaf.grad))
    assert out.dtype == torch.bfloat16
    assert_close(wanted[1], wanted[0], rtol=0.05, atol=0.05)


def test_published_sizes_with_other_bases():
    for basis, functions in (("fourier", 6), ("rational", 6), ("mexican_hat", 1)):
        model = karat_vit("tiny", basis=basis, device="meta")
        assert model.blocks[0].attention.operator.coefficients.shape[1] == functions
    for size, grid_size in (("tiny", 3), ("small", 3), ("base", 1)):
        model = karat_vit(size, device="meta")
        assert model.blocks[0].attention.operator.basis.grid_size == grid_size


def test_what_was_learned_stays_in_a_given_operator_and_basis():
    operator, basis = AttentionOperator(2, 5, rank=3), Wavelet(10, grid_size=2)
    with torch.no_grad():
        for tensor in (*operator.parameters(), *basis.parameters()):
            tensor.fill_(7.0)
    layer = KolmogorovArnoldAttention(8, 2, operator=operator)
    KolmogorovArnoldAttention(8, 2, num_tokens=5, rank=2, basis=basis)
    layer.reset_parameters()
    assert all((tensor == 7).all() for tensor in (*operator.parameters(), *basis.parameters()))
    own = KolmogorovArnoldAttention(8, 2, num_tokens=5, rank=2, basis="morlet").operator
    with torch.no_grad():
        own.basis.translation.fill_(7.0)
    own.reset_parameters()
    assert not (own.basis.translation == 7).any()


@pytest.mark.parametrize("mode", ["blockwise", "universal"])
def test_a_network_starts_its_own_operators_anew(mode):
    model = KArAt(8, 4, 3, embed_dim=8, num_layers=2, num_heads=2, rank=2, mode=mode)
    for block in model.blocks:
        torch.nn.init.zeros_(block.attention.operator.coefficients)
    model.reset_parameters()
    assert all(block.attention.operator.coefficients.std() > 0.1 for block in model.blocks)


def test_softmax_hides_no_nan():
    operator = AttentionOperator(1, 4, rank=2, normalize="softmax")
    scores = torch.randn(1, 1, 4, 4, requires_grad=True)
    mask = torch.tensor([[True] * 4, [False] * 4, [True, False] * 2, [True] * 4])
    with torch.autograd.set_detect_anomaly(True):
        maps = operator(scores, attn_mask=mask)
        maps.square().sum().backward()
    assert maps[0, 0, 1].count_nonzero() == 0
    assert scores.grad.isfinite().all()
    with torch.no_grad():
        operator.back[0, 0] = torch.nan
    assert operator(scores)[0, 0].isnan().all()
    assert operator(scores, attn_mask=mask)[0, 0, 0].isnan().all()


def test_a_network_that_no_file_can_hold_is_not_saved(tmp_path):
    sizes = {"embed_dim": 8, "num_layers": 1, "num_heads": 2, "rank": 2}
    model = KArAt(8, 4, 3, **sizes, base=torch.sin)
    with pytest.raises(TypeError, match=r"base must be a JSON value to be saved.*: got <built-in"):
        model.save_pretrained(tmp_path / "sine")
    assert not (tmp_path / "sine").exists()
    KArAt(8, 4, 3, **sizes, base="sin", dtype=torch.float64).save_pretrained(tmp_path / "name")
    assert KArAt.from_pretrained(tmp_path / "name").blocks[0].attention.operator.base == "sin"


def test_public_operator_is_checked():
    operator = AttentionOperator(2, 5, rank=2)
    query, key, value = (torch.randn(1, 2, 5, 3) for _ in range(3))
    shape = (1, 2, 5, 5)
    good = torch.ones(1, 1, 5, 5, dtype=torch.bool)
    assert operator(torch.randn(shape), attn_mask=good).shape == shape
    cases = [
        (
            ValueError,
            r"query must be \(B, 2, L, d\): got shape \[1, 1,",
            (query[:, :1], key, value),
        ),
        (
            ValueError,
            r"key must be \(1, 2, 5, 3\): got shape \[1, 2, 4",
            (query, key[:, :, 1:], value),
        ),
        (
            ValueError,
            r"value must be \(1, 2, 5, v\): got shape \[1, 2, 4",
            (query, key, value[:, :, 1:]),
        ),
        (TypeError, "key must be floating point: got torch.int64", (query, key.long(), value)),
    ]
    doubles = (query.double(), key.double(), value)
    cases.append((TypeError, "query must be torch.float32 as the weights: got", doubles))
    cases.append((TypeError, "value must be torch.float32 as the we", (query, key, value.double())))
    for kind, message, heads_given in cases:
        with pytest.raises(kind, match=message):
            operator.attend(*heads_given)
    with pytest.raises(TypeError, match=r"mask must be a bool tensor.*got torch\.float32"):
        operator.attend(query, key, value, mask=torch.ones(1, 5))
    with pytest.raises(ValueError, match=r"mask must have shape \[1, 5\]: got \[2, 5\]"):
        operator.attend(query, key, value, mask=torch.ones(2, 5, dtype=torch.bool))
    with pytest.raises(TypeError, match=r"attn_mask must be a bool tensor.*got torch\.float32"):
        operator(torch.randn(shape), attn_mask=torch.ones(5, 5))
    with pytest.raises(
        TypeError, match=r"scores must be torch.float32 as the weights: got torch.f"
    ):
        operator(torch.randn(shape).double())
    with pytest.raises(TypeError, match=r"attn_mask must be a bool tensor.*got list"):
        operator(torch.randn(shape), attn_mask=[True])
    with pytest.raises(ValueError, match=r"attn_mask must fit scores of .*got shape \[3, 5\]"):
        operator(torch.randn(shape), attn_mask=torch.ones(3, 5, dtype=torch.bool))


@pytest.mark.parametrize("base", [3, "foo", "pi"])
def test_bases_that_are_no_function(base):
    with pytest.raises(ValueError, match=r"base must be a name in torch.nn.*got " + repr(base)):
        AttentionOperator(2, 5, rank=2, base=base)


@pytest.mark.parametrize(
    ("base", "message"),
    [
        ("softmax", "base must take every value on its own: got 'softmax'"),
        (lambda v: v - v.mean(), "base must take every value on its own: got <function"),
        ("dropout", "base must give the same each time: got 'dropout'"),
        ("linear", "base must be a function of one tensor: got 'linear'"),
    ],
)
def test_bases_that_mix_scores_are_refused(base, message):
    with pytest.raises(ValueError, match=message):
        AttentionOperator(2, 5, rank=2, base=base)


def test_a_base_with_parameters_is_refused():
    with pytest.raises(ValueError, match=r"base must have no parameters, .*: got PReLU"):
        AttentionOperator(2, 5, rank=2, base=torch.nn.PReLU())
    assert (
        AttentionOperator(2, 5, rank=2, base=torch.nn.GELU())(torch.randn(1, 2, 5, 5))
        .isfinite()
        .all()
    )


@pytest.mark.parametrize(
    "argument",
    [{"rank": 7}, {"basis": "dog"}, {"grid_size": 2}, {"init": "junk"}, {"normalize": "l7"}],
)
def test_an_operator_brings_its_own(argument):
    operator = AttentionOperator(2, 5, rank=2)
    (name,) = argument
    with pytest.raises(ValueError, match=f"{name} must not be given beside an operator: got"):
        KolmogorovArnoldAttention(8, 2, operator=operator, **argument)


def test_refused():
    with pytest.raises(ValueError, match="num_tokens must be given without an operator: got None"):
        KolmogorovArnoldAttention(8, 2)
    with pytest.raises(TypeError, match="basis must be a name, made for each block: got Fourier"):
        KArAt(8, 4, 3, embed_dim=16, num_layers=2, num_heads=2, rank=3, basis=Fourier(10))
    with pytest.raises(ValueError, match="rank must be at most num_tokens: got 12 and 5"):
        AttentionOperator(2, 5)
    with pytest.raises(ValueError, match="grid_size must be at least 1: got 0"):
        AttentionOperator(2, 5, rank=2, grid_size=0)
    layer = KolmogorovArnoldAttention(8, 2, num_tokens=5, rank=2)
    x = torch.randn(2, 5, 8)
    with pytest.raises(ValueError, match="x must have num_tokens=5 tokens: got 4; its functions"):
        layer(x[:, :4])
    for kind in (torch.float64, torch.float16):
        with pytest.raises(TypeError, match=f"x must be torch.float32 as the weights: got {kind}"):
            layer(x.to(kind))
    with pytest.raises(TypeError, match=r"attn_mask must be a bool tensor.*got torch\.float32"):
        layer(x, attn_mask=torch.zeros(5, 5))
    with pytest.raises(ValueError, match=r"mask must have shape \[2, 5\]: got \[5\]"):
        layer(x, mask=torch.ones(5, dtype=torch.bool))
    with pytest.raises(ValueError, match="operator must have num_heads=4: got one of 2"):
        KolmogorovArnoldAttention(8, 4, operator=layer.operator)
    with pytest.raises(ValueError, match="operator must have num_tokens=7: got one of 5"):
        KolmogorovArnoldAttention(8, 2, num_tokens=7, operator=layer.operator)
    with pytest.raises(ValueError, match=r"scores must be \(B, 2, L, 5\): got shape \[2, 3"):
        layer.operator(torch.randn(2, 3, 5, 5))
    with pytest.raises(ValueError, match="size must be one of tiny, small, base: got 'huge'"):
        karat_vit("huge")
