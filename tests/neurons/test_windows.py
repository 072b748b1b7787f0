"""Windows of AF-KAN and ReLU-KAN: closed forms, invariances, gradients, what must not leak."""

import copy
import warnings

import pytest
import torch
from torch import nn
from torch.autograd import forward_ad
from torch.nn import functional as F
from torch.testing import assert_close

from neurarium.neurons import KAN, KAN_LAYERS, AFKANLinear, ReLUKANLinear
from neurarium.neurons.window_functions import COMBINATIONS, WINDOW_ACTIVATIONS, Combination
from neurarium.neurons.window_sums import CHUNK, WindowKind, window_sums, window_values

FORMULAS = {
    "quad1": lambda u, v: (u * v) ** 2,
    "quad2": lambda u, v: u * v + u**2 + v**2,
    "sum": lambda u, v: u + v,
    "prod": lambda u, v: u * v,
    "sum_prod": lambda u, v: u + v + u * v,
    "cubic1": lambda u, v: (u + v) * (u**2 + v**2),
    "cubic2": lambda u, v: (u * v) ** 3,
}
ACTIVATIONS = (
    "softplus", "sigmoid", "silu", "relu", "leaky_relu", "elu", "gelu", "selu", "tanh"
)  # fmt: skip


def double(*sizes, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(sizes, dtype=torch.float64, generator=generator)


def literal(layer, x):
    """The published sequence of operations, min and max over whatever the layer takes them over."""
    phi = getattr(F, layer.activation)
    z = FORMULAS[layer.combine](phi(x[..., None] - layer.low), phi(layer.high - x[..., None]))
    axes = {"sample": (-2, -1), "batch": (0, 1, 2)}.get(layer.feature_norm)
    if axes:
        z = z / z.norm()
        z = (z - z.amin(axes, keepdim=True)) / (z.amax(axes, True) - z.amin(axes, True))
    if layer.reduction == "multistep":
        r = layer.scorer(z)[..., 0]
    elif layer.reduction == "global":
        r = (z * (layer.scorer(z) / layer.temperature.clamp(min=1)).softmax(-2)).sum(-1)
    else:
        scores = layer.scorer(z.mT).mT
        r = (z * (scores / layer.temperature.clamp(min=1)).softmax(-1)).sum(-1)
    r = r if layer.norm is None else layer.norm(r)
    return phi(r) @ layer.weight.mT


def gradients(layer, y, x, upstream):
    names = [n for n, p in layer.named_parameters() if p.requires_grad]
    found = torch.autograd.grad(y, [x, *layer.parameters()], upstream, retain_graph=True)
    return dict(zip(["x", *names], found, strict=True))


def perturbed(layer, seed=1):
    """Away from the start, where windows are alike."""
    with torch.no_grad():
        for place, parameter in enumerate(layer.parameters()):
            parameter += 0.1 * double(*parameter.shape, seed=seed + place)
    return layer


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("combine", FORMULAS)
def test_every_window_is_the_published_one_with_its_gradients(activation, combine):
    layer = perturbed(
        AFKANLinear(
            5, 3, activation=activation, combine=combine, feature_norm="batch", dtype=torch.float64
        )
    )
    x, upstream = double(4, 5).requires_grad_(), double(4, 3, seed=2)
    ours, theirs = layer(x), literal(layer, x)
    assert_close(ours, theirs, rtol=1e-10, atol=1e-12)
    assert_close(
        gradients(layer, ours, x, upstream),
        gradients(layer, theirs, x, upstream),
        rtol=1e-8,
        atol=1e-10,
    )


@pytest.mark.parametrize("reduction", ["global", "spatial", "multistep"])
@pytest.mark.parametrize("feature_norm", ["sample", "batch", None])
@pytest.mark.parametrize("norm", ["layer", None])
def test_every_reduction_and_norm(reduction, feature_norm, norm):
    layer = perturbed(
        AFKANLinear(
            6, 2, reduction=reduction, feature_norm=feature_norm, norm=norm, dtype=torch.float64
        )
    )
    x, upstream = double(3, 6).requires_grad_(), double(3, 2, seed=2)
    ours, theirs = layer(x), literal(layer, x)
    assert_close(ours, theirs, rtol=1e-10, atol=1e-12)
    assert_close(
        gradients(layer, ours, x, upstream),
        gradients(layer, theirs, x, upstream),
        rtol=1e-8,
        atol=1e-10,
    )


def test_sums_over_chunks_are_those_over_windows(monkeypatch):
    monkeypatch.setattr("neurarium.neurons.window_sums.CHUNK", 12)
    kind = WindowKind(WINDOW_ACTIVATIONS["silu"], COMBINATIONS["quad1"])
    low, high, weight = double(4), double(4, seed=1) + 1, double(4, seed=2)
    x = double(7, 5, seed=3)
    found = window_sums(x, low, high, weight, kind)
    values = window_values(x, low, high, kind)
    assert_close(found.total, values.sum(-1))
    assert_close(found.score, values @ weight)
    assert torch.equal(found.lowest[:, 0], values.amin(-1).argmin(-1))
    assert torch.equal(found.highest[:, 0], values.amax(-1).argmax(-1))
    assert CHUNK > 12


@pytest.mark.parametrize("activation", ["silu", "softplus", "tanh"])
@pytest.mark.parametrize("combine", FORMULAS)
def test_gradcheck_of_the_sums(activation, combine):
    kind = WindowKind(WINDOW_ACTIVATIONS[activation], COMBINATIONS[combine])
    inputs = (double(2, 3), double(3, seed=1), double(3, seed=2) + 1, double(3, seed=3))
    inputs = [tensor.requires_grad_() for tensor in inputs]

    def sums(*tensors):
        return window_sums(*tensors, kind)[:2]

    assert torch.autograd.gradcheck(sums, inputs)
    assert torch.autograd.gradgradcheck(sums, inputs)


def test_gradcheck_of_the_layer_through_its_extremes():
    layer = perturbed(AFKANLinear(4, 2, dtype=torch.float64))
    names = [name for name, _ in layer.named_parameters()]

    def forward(x, *parameters):
        state = dict(zip(names, parameters, strict=True))
        return torch.func.functional_call(layer, state, (x,))

    inputs = [double(3, 4).requires_grad_(), *layer.parameters()]
    assert torch.autograd.gradcheck(forward, inputs)


def test_windows_begin_where_published():
    layer = AFKANLinear(4, 2, grid_size=3, order=3)
    assert_close(layer.low.detach(), torch.tensor([-1, -2 / 3, -1 / 3, 0, 1 / 3, 2 / 3]))
    assert_close((layer.high - layer.low).detach(), torch.full((6,), 4 / 3))
    assert layer.temperature.item() == 2
    exact = AFKANLinear(4, 2, grid_size=3, order=3, dtype=torch.float64)
    places = torch.arange(6, dtype=torch.float64)
    assert_close(exact.low.detach(), (places - 3) / 3, rtol=0, atol=1e-15)
    assert_close(exact.high.detach(), (places + 1) / 3, rtol=0, atol=1e-15)
    torch.manual_seed(0)
    wide = AFKANLinear(400, 300)
    assert 0.99 / 20 < wide.weight.abs().max() <= 1 / 20  # uniform, as nn.Linear
    fixed = AFKANLinear(4, 2, trainable=False)
    assert not fixed.low.requires_grad
    assert not fixed.high.requires_grad


def test_relu_windows_are_relu_kans_bumps():
    layer = ReLUKANLinear(1, 1, grid_size=5, order=3, dtype=torch.float64)
    low, high = layer.basis.low.detach()[0], layer.basis.high.detach()[0]
    width = high - low
    assert_close(width, torch.full_like(width, 4 / 5))
    middle = ((low + high) / 2)[:, None]
    assert_close(layer.basis(middle).detach()[:, 0].diagonal(), torch.ones_like(low))  # peaks
    af = AFKANLinear(
        1, 1, grid_size=5, order=3, activation="relu", feature_norm=None, norm=None,
        dtype=torch.float64,
    )  # fmt: skip
    x = torch.linspace(-1, 2, 400, dtype=torch.float64)[:, None]
    scale = (4 * 5**2 / 4**2) ** 2  # r squared
    assert_close(scale * af.window_features(x), layer.basis(x))
    bump = layer.basis(x).detach()[:, 0]
    inside = (x > low) & (x < high)
    assert torch.equal(bump > 0, inside)
    for ends in (low, high):  # C^1: no slope where the bump begins and ends
        t = ends[:, None].clone().requires_grad_()
        (slope,) = torch.autograd.grad(layer.basis(t)[:, 0].diagonal().sum(), t)
        assert_close(slope, torch.zeros_like(slope))


def test_relu_kan_is_the_published_sum():
    layer = ReLUKANLinear(3, 2, grid_size=4, order=2, norm="layer", dtype=torch.float64)
    x = double(5, 3)
    t = F.layer_norm(x, (3,))[..., None]
    r = 4 * 4**2 / 3**2
    z = (r * F.relu(t - layer.basis.low) * F.relu(layer.basis.high - t)) ** 2
    assert_close(layer(x), layer.bias + torch.einsum("ndk,okd->no", z, layer.coefficients))


def test_attention_sums_to_one_over_inputs_or_windows():
    x = double(3, 6)
    over_inputs = AFKANLinear(6, 2, dtype=torch.float64).attention(x)
    assert over_inputs.shape == (3, 6)
    assert_close(over_inputs.sum(1), torch.ones(3, dtype=torch.float64))
    spatial = AFKANLinear(6, 2, reduction="spatial", dtype=torch.float64).attention(x)
    assert spatial.shape == (3, 6, 6)
    assert_close(spatial.sum(-1), torch.ones(3, 6, dtype=torch.float64))
    assert not torch.allclose(spatial.sum(1), torch.ones(3, 6, dtype=torch.float64))
    for reduction in ("global", "spatial"):  # what they weigh is what is reduced
        layer = AFKANLinear(6, 2, reduction=reduction, norm=None, dtype=torch.float64)
        weights = layer.attention(x)
        weights = weights[..., None] if reduction == "global" else weights
        reduced = (layer.window_features(x) * weights).sum(-1)
        assert_close(layer(x), F.linear(F.silu(reduced), layer.weight))
    with pytest.raises(ValueError, match="reduction must be 'global' or 'spatial'"):
        AFKANLinear(6, 2, reduction="multistep").attention(x.float())


@pytest.mark.parametrize("feature_norm", ["sample", "batch"])
def test_features_reach_both_ends(feature_norm):
    layer = AFKANLinear(6, 2, activation="sigmoid", combine="prod", feature_norm=feature_norm)
    features = layer.window_features(torch.randn(4, 6)).detach()
    per = features.flatten(1) if feature_norm == "sample" else features.flatten()[None]
    assert_close(per.amin(1), torch.zeros(len(per)))
    assert_close(per.amax(1), torch.ones(len(per)))


@pytest.mark.parametrize("reduction", ["global", "spatial", "multistep"])
@pytest.mark.parametrize("feature_norm", ["sample", "batch", None])
def test_a_combination_of_another_scale_changes_nothing_that_is_normalised(
    monkeypatch, feature_norm, reduction
):
    layer = AFKANLinear(6, 2, feature_norm=feature_norm, reduction=reduction, dtype=torch.float64)
    x, upstream = double(4, 6).requires_grad_(), double(4, 2, seed=1)
    found = []
    plain = COMBINATIONS["quad1"]
    for c in (1.0, 7.0):

        def value(u, v, c=c):
            return c * plain.value(u, v)

        def pullback(g, u, v, c=c):
            z, by_u, by_v = plain.pullback(g, u, v)
            return c * z, c * by_u, c * by_v

        monkeypatch.setitem(COMBINATIONS, "quad1", Combination(value, pullback))
        y = layer(x)
        found.append((layer.window_features(x), y, torch.autograd.grad(y, x, upstream)[0]))
    if feature_norm is not None:
        assert_close(found[0], found[1])
    else:
        assert not torch.allclose(found[0][0], found[1][0])


@pytest.mark.parametrize("reduction", ["global", "spatial", "multistep"])
def test_a_prediction_does_not_depend_on_its_neighbours(reduction):
    x = double(8, 6)

    def change(feature_norm):
        layer = AFKANLinear(
            6, 3, feature_norm=feature_norm, reduction=reduction, norm=None, dtype=torch.float64
        ).eval()
        return (layer(x)[:1] - layer(x[:1])).detach().abs().max().item()

    torch.manual_seed(0)
    assert change("sample") < 1e-13
    assert change("running") < 1e-13
    with pytest.warns(UserWarning, match="predictions depend on the other samples"):
        assert change("batch") > 1e-6


@pytest.mark.parametrize("call", ["forward", "window_features", "attention"])
def test_the_warning_of_batch_normalisation_comes_once_and_in_evaluation_only(call):
    layer = AFKANLinear(4, 2, feature_norm="batch")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        getattr(layer, call)(torch.randn(3, 4))
    layer.eval()
    with pytest.warns(UserWarning, match="predictions depend on the other samples"):
        getattr(layer, call)(torch.randn(3, 4))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        layer(torch.randn(3, 4))


def test_running_extremes_follow_the_batches_and_rule_in_evaluation():
    layer = AFKANLinear(4, 2, feature_norm="running", momentum=0.25, dtype=torch.float64)
    x = double(5, 4)
    batch = AFKANLinear(4, 2, feature_norm="batch", dtype=torch.float64)
    batch.load_state_dict(layer.state_dict(), strict=False)
    assert_close(layer(x), batch(x))
    z = window_values(x, layer.low, layer.high, layer._kind).detach()
    assert_close(layer.lowest, 0.25 * z.min())
    assert_close(layer.highest, 0.75 + 0.25 * z.max())
    layer.eval()
    wanted = (z - layer.lowest) / (layer.highest - layer.lowest)
    assert_close(layer.window_features(x), wanted)
    assert layer.state_dict().keys() - batch.state_dict().keys() == {"lowest", "highest"}
    kept = layer.lowest.clone(), layer.highest.clone()
    layer.train()
    layer.window_features(x)
    layer.attention(x)
    assert (layer.lowest, layer.highest) == kept  # looking moves nothing
    layer(torch.full((2, 4), torch.inf, dtype=torch.float64))
    assert (layer.lowest, layer.highest) == kept  # nor does a batch that overflows
    layer(x)
    assert layer.lowest != kept[0]


def test_counts_of_parameters():
    def count(model):
        return sum(p.numel() for p in model.parameters())

    for d, o, g, k in ((5, 3, 3, 3), (7, 2, 4, 1)):
        windows = g + k
        expected = 2 * windows + (windows + 1) + 1 + 2 * d + d * o
        assert count(AFKANLinear(d, o, grid_size=g, order=k)) == expected
        multistep = AFKANLinear(d, o, grid_size=g, order=k, reduction="multistep")
        assert count(multistep) == expected - 1
        spatial = AFKANLinear(d, o, grid_size=g, order=k, reduction="spatial")
        assert count(spatial) == expected - windows - 1 + 4 * windows
    assert count(KAN([784, 64, 10], layer="af")) == 52_552
    assert count(KAN([784, 64, 10], layer="bspline")) == 508_160


@pytest.mark.parametrize("reduction", ["global", "spatial"])
def test_temperature_below_one_counts_as_one_and_has_no_gradient(reduction):
    x = double(3, 4)
    found = {}
    for temperature in (0.2, 1.0, 1.5):
        torch.manual_seed(0)
        layer = AFKANLinear(4, 2, reduction=reduction, dtype=torch.float64)
        nn.init.constant_(layer.temperature, temperature)
        y = layer(x)
        y.square().sum().backward()
        found[temperature] = y.detach(), layer.temperature.grad.item()
    assert_close(found[0.2][0], found[1.0][0])
    assert not torch.allclose(found[1.5][0], found[1.0][0])
    assert found[0.2][1] == 0
    assert found[1.5][1] != 0


@pytest.mark.parametrize("reduction", ["global", "multistep", "spatial"])
def test_order_of_inputs_matters_to_the_convolution_only(reduction):
    layer = perturbed(AFKANLinear(6, 3, reduction=reduction, dtype=torch.float64))
    order = torch.tensor([3, 0, 5, 1, 4, 2])
    shuffled = copy.deepcopy(layer)
    with torch.no_grad():
        shuffled.weight.copy_(layer.weight[:, order])
        shuffled.norm.weight.copy_(layer.norm.weight[order])
        shuffled.norm.bias.copy_(layer.norm.bias[order])
    x = double(4, 6)
    same = torch.allclose(shuffled(x[:, order]), layer(x), rtol=1e-10, atol=1e-12)
    assert same == (reduction != "spatial")


def test_constant_windows_are_zero_instead_of_nan():
    layer = AFKANLinear(3, 2, activation="relu", reduction="global")
    far = torch.full((2, 3), 50.0, requires_grad=True)  # beyond all windows: all are 0
    assert torch.equal(layer.window_features(far), torch.zeros(2, 3, 6))
    layer(far).sum().backward()
    for tensor in (far, *layer.parameters()):
        assert tensor.grad.isfinite().all()


@pytest.mark.parametrize("reduction", ["global", "spatial", "multistep"])
@pytest.mark.parametrize("feature_norm", ["sample", "batch", "running", None])
def test_no_rows_give_no_rows(reduction, feature_norm):
    layer = AFKANLinear(3, 2, reduction=reduction, feature_norm=feature_norm)
    assert layer(torch.empty(0, 3)).shape == (0, 2)
    if feature_norm == "running":
        assert (layer.lowest, layer.highest) == (0, 1)


def test_only_arguments_are_kept_for_the_backward_pass():
    kind = WindowKind(WINDOW_ACTIVATIONS["silu"], COMBINATIONS["quad1"])
    x = torch.randn(10, 20, requires_grad=True)
    weight = torch.randn(6, requires_grad=True)
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t.numel()), lambda t: t):
        window_sums(x, torch.zeros(6), torch.ones(6), weight, kind)
    assert sorted(kept) == [6, 6, 6, 200]


def test_bad_input_is_one_sentence():
    layer = AFKANLinear(4, 2)
    with pytest.raises(ValueError, match="x must have 4 features"):
        layer(torch.randn(3, 5))
    with pytest.raises(TypeError, match=r"x must be floating point: got torch\.int64"):
        layer(torch.ones(3, 4, dtype=torch.long))
    with pytest.raises(TypeError, match=r"x must be torch\.float32 as the layer"):
        layer(double(3, 4))
    with pytest.raises(ValueError, match=r"activation must be one of 'softplus', .*: got 'swish'"):
        AFKANLinear(4, 2, activation="swish")
    with pytest.raises(ValueError, match="x must have at least 2 rows in training"):
        AFKANLinear(4, 2, norm="batch")(torch.randn(1, 4))
    AFKANLinear(4, 2, norm="batch").eval()(torch.randn(1, 4))


def test_every_kind_is_a_network_and_takes_any_leading_dimensions():
    x = torch.randn(2, 3, 5)
    for name in ("af", "relu_kan"):
        assert name in KAN_LAYERS
        model = KAN([5, 4, 2], layer=name)
        assert_close(model(x), model(x.view(-1, 5)).view(2, 3, 2))


@pytest.mark.parametrize("reduction", ["global", "spatial", "multistep"])
def test_the_published_normalisation_is_captured_in_evaluation(reduction):
    layer = AFKANLinear(4, 2, feature_norm="batch", reduction=reduction).eval()
    x = torch.randn(5, 4)
    captured = torch.compile(layer, fullgraph=True, backend="aot_eager")(x)
    with pytest.warns(UserWarning, match="predictions depend on the other samples"):
        assert_close(captured, layer(x))


@pytest.mark.parametrize("reduction", ["global", "spatial", "multistep"])
@pytest.mark.parametrize("dtype", [torch.float16, torch.float32])
def test_windows_that_hardly_differ_do_not_overflow(dtype, reduction):
    """1/spread is beyond the largest number, the windows over it are not."""
    layer = AFKANLinear(8, 3, activation="relu", combine="cubic2", reduction=reduction, dtype=dtype)
    x = torch.full((2, 8), -0.99 if dtype == torch.float16 else -1 + 2e-13, dtype=dtype)
    if dtype == torch.float32:
        nn.init.constant_(layer.low, -1)
        nn.init.constant_(layer.high, -1 + 1e-6)
    x[0, 0] = -0.985
    assert layer(x).isfinite().all()
    assert layer.window_features(x).isfinite().all()


def test_half_precision_is_no_worse_than_the_published_operations():
    torch.manual_seed(0)
    layer = AFKANLinear(64, 16)
    x = torch.rand(32, 64) * 2 + 2
    exact = copy.deepcopy(layer).double()(x.double())
    half, x = layer.to(torch.bfloat16), x.bfloat16()
    phi = F.silu
    z = (phi(x[..., None] - half.low) * phi(half.high - x[..., None])) ** 2
    z = z - z.amin((-2, -1), keepdim=True)
    z = z / z.amax((-2, -1), keepdim=True)
    r = (z * (half.scorer(z) / half.temperature.clamp(min=1)).softmax(-2)).sum(-1)
    literal = phi(half.norm(r)) @ half.weight.mT
    ours, theirs = ((y.double() - exact).norm().item() for y in (half(x), literal))
    assert ours < 1.1 * theirs


@pytest.mark.parametrize("reduction", ["global", "spatial", "multistep"])
@pytest.mark.parametrize("combine", ["quad2", "cubic1", "cubic2"])
def test_powers_that_leave_half_precision_stay_finite(reduction, combine):
    layer = AFKANLinear(8, 3, combine=combine, reduction=reduction, dtype=torch.float16)
    x = (double(3, 8) * 30).half()
    exact = copy.deepcopy(layer).double()
    assert_close(layer(x).double(), exact(x.double()), rtol=0.02, atol=0.02)
    features = exact.window_features(x.double())
    assert_close(layer.window_features(x).double(), features, rtol=0.02, atol=0.02)
    if reduction != "multistep":
        assert_close(layer.attention(x).sum(-1).double(), exact.attention(x.double()).sum(-1),
                     rtol=0.02, atol=0.02)  # fmt: skip


@pytest.mark.parametrize("reduction", ["global", "spatial", "multistep"])
def test_autocast_loses_no_more_when_captured(reduction):
    """What is left of a score that a large shift is taken off is lost in bfloat16."""
    torch.manual_seed(0)
    layer = AFKANLinear(64, 8, reduction=reduction, combine="sum").eval()
    x = torch.rand(16, 64) * 0.3 + 3
    exact = layer(x)
    with torch.autocast("cpu", torch.bfloat16):
        found = (
            torch.compile(layer, backend="aot_eager")(x), torch.vmap(layer)(x[:, None])[:, 0],
        )  # fmt: skip
    for each in found:
        assert (each.float() - exact).norm() < 0.02 * exact.norm()


@pytest.mark.filterwarnings(
    "ignore:.torch.jit.script. is deprecated:DeprecationWarning"
)  # torch's own
@pytest.mark.parametrize("reduction", ["global", "spatial", "multistep"])
def test_dual_numbers_pass_through(reduction):
    layer = perturbed(AFKANLinear(6, 3, reduction=reduction, dtype=torch.float64))
    x, direction = double(4, 6), double(4, 6, seed=1)
    with forward_ad.dual_level():
        tangent = forward_ad.unpack_dual(layer(forward_ad.make_dual(x, direction))).tangent
    step = 1e-6
    difference = (layer(x + step * direction) - layer(x - step * direction)) / (2 * step)
    assert_close(tangent, difference, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("feature_norm", ["sample", "batch", "running", None])
def test_export_with_any_number_of_rows(feature_norm):
    layer = AFKANLinear(4, 2, feature_norm=feature_norm).eval()
    rows = {"x": {0: torch.export.Dim("rows", min=2)}}
    exported = torch.export.export(layer, (torch.randn(3, 4),), dynamic_shapes=rows).module()
    x = torch.randn(7, 4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert_close(exported(x), layer(x))


def test_a_layer_norm_of_one_input_is_announced():
    layer = AFKANLinear(1, 2)
    with pytest.warns(UserWarning, match="norm='layer' makes a single input 0"):
        assert (layer(torch.randn(5, 1)) == 0).all()
    layer(torch.randn(5, 1))  # once
    assert AFKANLinear(1, 2, norm=None)(torch.randn(5, 1)).std(0).min() > 0


def test_momentum_is_a_number():
    with pytest.raises(TypeError, match="momentum must be a number: got 'a'"):
        AFKANLinear(4, 2, momentum="a")
