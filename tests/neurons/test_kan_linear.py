"""``KANLinear`` and ``KAN``: the published sums, grids that move, costs, errors."""

import copy
import itertools
import math

import pytest
import torch
from torch.testing import assert_close

from neurarium.cost import count_macs, count_parameters
from neurarium.evaluation import match_width
from neurarium.neurons import (
    KAN,
    KAN_LAYERS,
    KANLinear,
    LinearSpline,
    draw_edges,
    edge_scores,
    grids,
    kan_linear,
    prune_kan,
)
from neurarium.neurons import bspline_kernel as kernel
from neurarium.neurons.flop_formulas import kan_flops, linear_flops, spline_mlp_flops
from reference.kan import (
    efficient_arguments,
    efficient_layer,
    pykan_arguments,
    pykan_layer,
)


def test_references_and_ours_compute_the_same():
    layer = KANLinear(7, 5, grid_size=6)
    x = (torch.randn(30, 7) * 0.8).requires_grad_()
    outputs = [
        layer(x),
        efficient_layer(x, *efficient_arguments(layer)),
        pykan_layer(x, *pykan_arguments(layer))[0],
    ]
    gradients = [torch.autograd.grad(y.square().sum(), x)[0] for y in outputs]
    for y, gradient in zip(outputs[1:], gradients[1:], strict=True):
        assert_close(y, outputs[0], rtol=1e-5, atol=3e-7)
        assert_close(gradient, gradients[0], rtol=1e-4, atol=1e-6)


def test_start_is_that_of_efficient_kan():
    """Splines run through the noise at the ends of the intervals; outputs are those of the base."""
    torch.manual_seed(0)
    layer = KANLinear(400, 50, scale_noise=0.1)
    t = torch.linspace(-1, 1, 6)
    heights = torch.einsum(
        "tk,oki->oit", layer.basis(t[:, None].expand(-1, 400))[:, 0], layer.coefficients
    )
    assert heights.abs().max() <= 0.05 / 5 + 1e-5
    assert_close(heights.std().item(), 0.1 / 5 / math.sqrt(12), rtol=0.02, atol=0)
    bound = 1 / math.sqrt(400)
    for weight in (layer.base_weight, layer.spline_scale):
        assert_close(weight.abs().max().item(), bound, rtol=0.01, atol=0)


def test_start_of_pykan():
    """Five times as much noise, base weights U(−1, 1)/√in and scales 1/√in."""
    torch.manual_seed(0)
    layer = KANLinear(400, 50, init="pykan", scale_base=2.0)
    t = torch.linspace(-1, 1, 6)
    heights = torch.einsum(
        "tk,oki->oit", layer.basis(t[:, None].expand(-1, 400))[:, 0], layer.coefficients
    )
    assert heights.abs().max() <= 0.25 / 5 + 1e-5
    assert_close(heights.std().item(), 0.5 / 5 / math.sqrt(12), rtol=0.02, atol=0)
    assert_close(layer.base_weight.abs().max().item(), 2 / 20, rtol=0.01, atol=0)
    assert_close(layer.base_weight.std().item(), 2 / 20 / math.sqrt(3), rtol=0.02, atol=0)
    assert (layer.spline_scale == 1 / 20).all()
    assert KANLinear(3, 2).scale_noise == 0.1
    assert KANLinear(3, 2, init="pykan", scale_noise=0.2).scale_noise == 0.2


@pytest.mark.parametrize("factor", [2, 3, 5])
def test_extension_to_a_multiple_keeps_the_function_everywhere(factor):
    model = KAN([3, 4, 2], grid_size=4, dtype=torch.float64)
    x = torch.rand(500, 3, dtype=torch.float64) * 2 - 1
    hidden_inside = model.layers[1]
    before = model(x)
    inside = model.layers[0](x)
    assert hidden_inside.share_outside(inside) < 0.2
    for layer in model.layers:
        assert layer.extend_grid(4 * factor) < 1e-10
    assert_close(model.layers[0](x), inside, rtol=0, atol=1e-10)
    rows = ((inside >= -1) & (inside <= 1)).all(1)
    assert_close(model(x)[rows], before[rows], rtol=0, atol=1e-10)
    assert model.layers[0].basis.grid_size == 4 * factor
    assert count_parameters(model) == (3 * 4 + 4 * 2) * (4 * factor + 3 + 2)


def test_extension_of_an_uneven_grid_splits_its_intervals():
    layer = KANLinear(2, 3, dtype=torch.float64)
    samples = torch.randn(300, 2, dtype=torch.float64)
    layer.update_grid(samples)
    low, high = layer.basis.grid_range
    x = low + torch.rand(200, 2, dtype=torch.float64) * (high - low)
    before, old = layer(x), layer.basis.knots.clone()
    layer.extend_grid(10, samples)
    assert not layer.basis.uniform
    assert_close(layer.basis.knots[:, 3:-3:2], old[:, 3:-3])
    assert_close(layer(x), before, rtol=0, atol=1e-8)


def clamped_layer(**arguments):
    """Knots at quantiles of clamped data: two at the lower end, three at the upper one."""
    torch.manual_seed(0)
    layer = KANLinear(1, 2, base_activation=None, dtype=torch.float64, **arguments)
    torch.nn.init.normal_(layer.coefficients)
    x = torch.randn(500, 1, dtype=torch.float64).clamp(-0.4, 0.2)
    layer.update_grid(x, uniform_share=0.0)
    inner = layer.basis.knots[:, 3:-3]
    assert (inner[0].diff() == 0).tolist() == [True, False, False, True, True]
    return layer, x


def test_an_extension_where_end_knots_coincide_keeps_the_function():
    layer, x = clamped_layer()
    before = layer(x)
    assert layer.extend_grid(10, x) < 1e-8
    assert_close(layer(x), before, rtol=0, atol=1e-8)
    assert (layer.basis.knots[:, -3:].diff() > 0).all()
    assert (layer.basis.knots[:, :3].diff() > 0).all()


@pytest.mark.parametrize("backend", ["gemm", "gather"])
def test_a_repeated_last_knot_takes_the_limit_from_the_left(backend):
    layer = KANLinear(2, 3, degree=2, base_activation=None, backend=backend, dtype=torch.float64)
    ends = torch.tensor([[0.0, 0, 0, 1, 2, 2, 2], [-1, 0, 1, 2, 3, 4, 5]], dtype=torch.float64)
    layer.basis.set_knots(ends)
    layer = KANLinear(
        2, 3, basis=layer.basis, base_activation=None, backend=backend, dtype=torch.float64
    ).eval()
    torch.nn.init.normal_(layer.coefficients)
    end, before = (torch.full((1, 2), t, dtype=torch.float64) for t in (2.0, 2 - 1e-10))
    with torch.no_grad():
        assert_close(layer(end), layer(before), rtol=0, atol=1e-8)
        assert_close(layer.basis(end).sum(-1), torch.ones(1, 2, dtype=torch.float64))
        assert (layer.basis(end + 1e-10)[0, 0] == 0).all()
    x = end.clone().requires_grad_()
    layer(x).sum().backward()
    y = before.clone().requires_grad_()
    layer(y).sum().backward()
    assert_close(x.grad, y.grad, rtol=0, atol=1e-8)


def test_what_an_extension_changes_is_what_the_samples_see():
    """Beyond the grid splines fade over shorter intervals; within it nothing changes."""
    torch.manual_seed(0)
    layer = KANLinear(2, 3, dtype=torch.float64)
    torch.nn.init.normal_(layer.coefficients)
    x = torch.randn(300, 2, dtype=torch.float64)
    inside = ((x >= -1) & (x <= 1)).all(1)
    before = layer(x).detach()
    change = layer.extend_grid(10, x)
    moved = (layer(x).detach() - before).abs()
    assert change == float(moved.max())
    assert change > 0.01
    assert moved[inside].max() < 1e-10


def test_chunks_of_samples_change_nothing(monkeypatch):
    torch.manual_seed(0)
    x = torch.randn(500, 3, dtype=torch.float64)
    x[:, 2] = (x[:, 2] > 1).double()  # quantiles coincide
    first = KANLinear(3, 2, dtype=torch.float64)
    layers = [first, copy.deepcopy(first)]
    gradients = []
    for layer, chunk in zip(layers, (1 << 21, 1), strict=True):
        monkeypatch.setattr(grids, "CHUNK", chunk)
        monkeypatch.setattr(kan_linear, "CHUNK", chunk * 100)
        layer.update_grid(x)
        layer.extend_grid(9, x)
        penalty = layer.regularization(x)
        gradients.append(torch.autograd.grad(penalty, list(layer.parameters())))
        layer.penalty = penalty.detach()
    assert_close(layers[1](x), layers[0](x), rtol=0, atol=1e-10)
    assert_close(layers[1].coefficients, layers[0].coefficients, rtol=0, atol=1e-7)
    assert_close(layers[1].penalty, layers[0].penalty)
    assert_close(gradients[1], gradients[0], rtol=0, atol=1e-7)


def test_samples_are_never_held_with_all_functions(monkeypatch):
    """Neither a change of the grid nor the penalty sees more rows at once than fit."""
    monkeypatch.setattr(grids, "CHUNK", 1 << 12)
    monkeypatch.setattr(kan_linear, "CHUNK", 1 << 12)
    layer, seen = KANLinear(8, 8), []
    recursion, values = kernel.recursive_bspline, layer.edge_values

    def watched(x, knots):
        if x.dtype == torch.float64:  # of the least squares
            seen.append(x.shape[1])
        return recursion(x, knots)

    monkeypatch.setattr(kernel, "recursive_bspline", watched)
    monkeypatch.setattr(layer, "edge_values", lambda x: seen.append(len(x)) or values(x))
    x = torch.randn(2000, 8)
    layer.update_grid(x)
    layer.extend_grid(10, x)
    layer.regularization(x).backward()
    assert len(seen) > 90
    assert max(seen) <= 100


def test_extension_to_no_multiple_comes_near():
    layer = KANLinear(1, 1, dtype=torch.float64)
    torch.nn.init.normal_(layer.coefficients)
    scale = layer(torch.linspace(-1, 1, 50, dtype=torch.float64)[:, None]).std()
    assert 1e-6 < layer.extend_grid(7) < 0.5 * scale
    assert layer.extend_grid(28) < 1e-10


def test_an_update_follows_the_samples_and_keeps_what_it_can():
    torch.manual_seed(0)
    layer = KANLinear(2, 3, grid_size=12, dtype=torch.float64)
    design = torch.linspace(-1, 1, 200, dtype=torch.float64)[:, None].expand(-1, 2)
    fit = torch.linalg.lstsq(layer.basis(design)[:, 0], torch.sin(2 * design[:, :1])).solution
    with torch.no_grad():
        layer.coefficients.copy_(fit[None].expand_as(layer.coefficients))
        layer.spline_scale.fill_(1.7)
    samples = (torch.randn(1000, 2, dtype=torch.float64) * 0.3).clamp(-0.95, 0.95)
    before = layer(samples)
    change = layer.update_grid(samples)
    assert change < 0.01 * before.abs().max()
    assert_close(layer(samples), before, rtol=0, atol=change)
    inner = layer.basis.knots[:, 3:-3]
    assert (inner.diff(dim=1) > 0).all()
    assert inner[:, 6].abs().max() < 0.1  # the middle knot is near the median
    assert inner.diff(dim=1)[:, 6].max() < inner.diff(dim=1)[:, 0].min()  # dense where samples are
    assert layer.share_outside(samples) == 0


def test_coinciding_quantiles_and_constant_features_stay_finite():
    layer = KANLinear(3, 2)
    x = torch.rand(200, 3)
    x[:, 1] = (x[:, 1] > 0.9).float()  # most quantiles coincide
    x[:, 2] = 0.5
    before, knots = layer(x), layer.basis.knots[2].clone()
    layer.update_grid(x)
    assert torch.equal(layer.basis.knots[2], knots)
    assert layer(x).isfinite().all()
    assert_close(layer(x), before, rtol=0, atol=0.02)


def test_a_stale_optimizer_raises_after_an_extension():
    layer = KANLinear(2, 1)
    optimizer = torch.optim.Adam(layer.parameters())
    layer(torch.rand(9, 2)).sum().backward()
    optimizer.step()
    layer.extend_grid(10)
    layer(torch.rand(9, 2)).sum().backward()
    with pytest.raises(RuntimeError, match="size"):
        optimizer.step()


def test_an_extended_network_reloads(tmp_path):
    model = KAN([2, 3, 1])
    model.extend_grid(10)
    model.update_grid(torch.rand(50, 2))
    model.layers[0].mask = (torch.rand(3, 2) > 0.5).float()
    model.save_pretrained(tmp_path)
    twin = KAN.from_pretrained(tmp_path)
    x = torch.rand(20, 2)
    assert torch.equal(twin(x), model(x))
    fresh = KAN([2, 3, 1])
    fresh.load_state_dict(model.state_dict())
    assert torch.equal(fresh(x), model(x))


def test_penalty_by_hand():
    layer = KANLinear(2, 1, dtype=torch.float64)
    with torch.no_grad():
        layer.coefficients.fill_(0.0)
        layer.coefficients[0, :, 0] = 3.0
        layer.coefficients[0, :, 1] = -1.0
    entropy = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25))
    assert_close(float(layer.regularization().detach()), 4 + entropy)
    assert_close(float(layer.regularization(l1=0.5, entropy=2).detach()), 2 + 2 * entropy)
    x = torch.rand(40, 2, dtype=torch.float64)
    sizes = layer.edge_values(x).abs().mean(-1).detach().flatten()
    share = sizes / sizes.sum()
    wanted = sizes.sum() - (share * share.log()).sum()
    assert_close(layer.regularization(x).detach(), wanted)
    layer.mask = torch.tensor([[1.0, 0.0]], dtype=torch.float64)  # an edge that is exactly 0
    layer.regularization(x).backward()
    assert layer.coefficients.grad.isfinite().all()
    torch.nn.init.zeros_(layer.coefficients)
    layer.regularization().backward()
    assert layer.coefficients.grad.isfinite().all()


def test_edges_sum_to_the_output():
    layer = KANLinear(3, 2, norm="batch", bias=True, dtype=torch.float64).eval()
    x = torch.randn(10, 3, dtype=torch.float64)
    assert_close(layer.edge_values(layer.rows(x)).sum(1).mT + layer.bias, layer(x))
    t = torch.linspace(-1, 1, 7, dtype=torch.float64)
    curves = layer.edge_functions(t)
    one = torch.zeros(7, 3, dtype=torch.float64)
    one[:, 1] = t
    values = layer.edge_values(one)
    assert_close(curves[:, 1], values[:, 1].detach())


def test_large_grids_fit_targets_in_their_span():
    torch.manual_seed(0)
    layer = KANLinear(1, 1, grid_size=60, dtype=torch.float64, base_activation=None)
    x = torch.linspace(-1, 1, 400, dtype=torch.float64)[:, None]
    y = 2 * x**3 - x + 0.5
    solved = torch.linalg.lstsq(layer.basis(x)[:, 0], y).solution
    with torch.no_grad():
        layer.coefficients.copy_(solved[None])
        layer.spline_scale.fill_(1)
    assert (layer(x) - y).abs().max() < 1e-9


def test_learns_a_sum_of_squares():
    torch.manual_seed(0)
    model = KAN([3, 1], dtype=torch.float64)
    x = torch.rand(400, 3, dtype=torch.float64) * 2 - 1
    y = x.square().sum(1, keepdim=True)
    optimizer = torch.optim.LBFGS(
        model.parameters(), max_iter=200, tolerance_grad=1e-12, line_search_fn="strong_wolfe"
    )

    def closure():
        optimizer.zero_grad()
        loss = (model(x) - y).square().mean()
        loss.backward()
        return loss

    optimizer.step(closure)
    assert (model(x) - y).square().mean().sqrt() < 1e-4


def test_counts_equal_hand_values():
    layer = KANLinear(7, 5, grid_size=6)
    assert count_parameters(layer) == 7 * 5 * (6 + 3 + 2)
    assert count_macs(layer, torch.rand(10, 7)).total == 10 * 7 * 5 * (6 + 3 + 1)
    assert count_parameters(LinearSpline(7, 5)) == 5 * 8 + 5 * 8
    assert kan_flops(1, 1, grid_size=3, base_activation=None) == 202
    assert kan_flops(4, 3, grid_size=3, base_activation="relu") == 12 * 204 + 4
    assert linear_flops(4, 3, activation="silu") == 24 + 15
    assert spline_mlp_flops(4, 3, grid_size=3) == 24 + 3 * 200


@pytest.mark.parametrize("name", KAN_LAYERS)
def test_every_arm_makes_a_network_of_a_wanted_size(name):
    """Bisection over the width of the hidden layer: one unit more would cost too much."""
    target = 20_000

    def build(width):
        return KAN([16, width, 10], layer=name)

    width = match_width(build, target)
    model = build(width)
    assert count_parameters(model) <= target < count_parameters(build(width + 1))
    assert model.layer_sizes == [16, width, 10]
    x = torch.rand(12, 16, requires_grad=True)
    model(x).square().sum().backward()
    assert x.grad.abs().sum() > 0


@pytest.mark.parametrize("norm", ["layer", "batch"])
def test_norms_hold_inputs_in_the_grid(norm):
    layer = KANLinear(4, 2, norm=norm, grid_range=(-4, 4))
    x = 100 + 50 * torch.randn(200, 4)
    assert layer.share_outside(x) < 0.01
    assert KANLinear(4, 2).share_outside(x) > 0.9
    layer(x.unflatten(0, (10, 20)))
    assert layer.update_grid(x) < 0.1


def test_looking_at_samples_moves_no_running_statistics():
    model = KAN([4, 3, 2], norm="batch", grid_range=(-4, 4))
    x = 100 + 50 * torch.randn(200, 4)
    before = copy.deepcopy(model.state_dict())
    layer = model.layers[0]
    assert layer.share_outside(x) < 0.01
    for look in (layer.rows, layer.regularization, model.regularization):
        look(x)
    edge_scores(model, x)
    prune_kan(model, x)
    draw_edges(model, x)
    layer.update_grid(x)
    model.update_grid(x)
    model.extend_grid(8, x)
    for name, value in model.state_dict().items():
        if "running" in name or "num_batches" in name:
            assert torch.equal(value, before[name]), name
    assert all(part.training for part in model.modules())
    model(x)
    assert layer.norm.num_batches_tracked == 1
    assert layer.norm.running_mean.min() > 5


def test_autocast_keeps_splines_exact():
    layer = KANLinear(3, 4)
    x = torch.rand(5, 3)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y = layer(torch.nn.functional.linear(x, torch.eye(3)))
    assert y.dtype == torch.float32
    assert_close(y, layer(x), rtol=0, atol=2e-2)


def test_empty_and_single_inputs():
    layer = KANLinear(3, 2)
    assert layer(torch.rand(0, 3)).shape == (0, 2)
    assert layer(torch.rand(3)).shape == (2,)
    layer(torch.rand(0, 3, requires_grad=True)).sum().backward()


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda m: m(torch.arange(3)), TypeError, "x must be floating point: got torch.int64"),
        (lambda m: m(torch.rand(2, 4)), ValueError, "x must have 3 features"),
        (lambda m: m(torch.rand(2, 3).double()), TypeError, "x must be torch.float32 as the layer"),
        (lambda m: m.update_grid(torch.rand(9, 3).double()), TypeError, "x must be torch.float32"),
        (lambda m: m.extend_grid(9, torch.rand(9, 3).double()), TypeError, "x must be torch.floa"),
        (lambda m: m.regularization(torch.rand(9, 3).double()), TypeError, "x must be torch.floa"),
        (lambda m: m.update_grid(torch.rand(7, 3)), ValueError, "x must have at least 8 samples"),
        (
            lambda m: m.update_grid(torch.full((9, 3), math.nan)),
            ValueError,
            "x must be finite: got NaN or infinity",
        ),
        (
            lambda m: m.update_grid(torch.rand(9, 3), margin=-1.0),
            ValueError,
            "margin must be finite and at least 0: got -1.0",
        ),
        (
            lambda m: m.update_grid(torch.rand(9, 3), margin=math.nan),
            ValueError,
            "margin must be finite and at least 0: got nan",
        ),
        (
            lambda m: m.update_grid(torch.rand(9, 3), uniform_share=1.5),
            ValueError,
            r"uniform_share must lie in \[0, 1\]: got 1.5",
        ),
        (lambda m: m.extend_grid(5), ValueError, "grid_size must exceed 5: got 5"),
        (lambda m: m.extend_grid(7.5), TypeError, "grid_size must be a whole number"),
        (lambda m: m.edge_functions(torch.rand(2, 3)), ValueError, "t must be points on a line"),
    ],
)
def test_bad_calls(call, error, message):
    with pytest.raises(error, match=message):
        call(KANLinear(3, 2))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"scale_base": math.nan}, ValueError, "scale_base must be a finite number: got nan"),
        ({"scale_noise": math.inf}, ValueError, "scale_noise must be a finite number: got inf"),
        ({"scale_noise": "much"}, TypeError, "scale_noise must be a finite number: got 'much'"),
        ({"base_activation": 3}, TypeError, "base_activation must be a name in .*: got 3"),
        (
            {"base_activation": torch.nn.PReLU()},
            ValueError,
            r"base_activation must have no parameters, .*: got PReLU",
        ),
        ({"base_activation": "softmax"}, ValueError, "must take every value on its own: got 'soft"),
        ({"base_activation": "normalize"}, ValueError, "must take every value on its own"),
        ({"base_activation": "dropout"}, ValueError, "must give the same each time: got 'dropout'"),
        ({"base_activation": "relu_"}, ValueError, "must not work in place: got 'relu_'"),
        ({"base_activation": "glu"}, ValueError, "must give a tensor of its input's shape"),
        ({"base_activation": "isnan"}, ValueError, "must give floating-point numbers"),
        ({"base_activation": "linear"}, ValueError, "must be a function of one tensor"),
        ({"base_activation": "pi"}, ValueError, "must be a function of one tensor: got 'pi'"),
    ],
)
def test_bad_arguments(arguments, error, message):
    state = torch.get_rng_state()
    with pytest.raises(error, match=message):
        KANLinear(3, 2, **arguments)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize(
    "activation",
    ["gelu", "relu", "tanh", "sigmoid", "sin", "log", torch.sin, torch.nn.ELU(), None],
)
def test_base_functions_of_single_values_are_taken(activation):
    assert KANLinear(3, 2, base_activation=activation)(torch.rand(4, 3)).shape == (4, 2)


def test_unknown_arguments_of_layers_are_one_sentence():
    for layer in ("spline_mlp", "spline_first_mlp"):
        with pytest.raises(ValueError, match="foo must not be given for splines of neurons: got 1"):
            KAN([2, 3], layer=layer, foo=1)
    with pytest.raises(ValueError, match="foo must not be given for layer 'af': got 1; it takes"):
        KAN([2, 3], layer="af", foo=1)
    with pytest.raises(ValueError, match="foo must not be given for basis 'bspline': got 1"):
        KAN([2, 3], foo=1)


def test_what_cannot_reload_is_not_saved(tmp_path):
    with pytest.raises(TypeError, match="base_activation must be a JSON value to be saved"):
        KAN([2, 3], base_activation=torch.sin).save_pretrained(tmp_path)
    model = KAN([2, 3, 2], layer="selectable", bases=["rbf", "chebyshev"])
    for place, layer in enumerate(model.layers):
        torch.nn.init.normal_(layer.logits)
        layer.select()
        model.layers[place] = layer.prune()
    with pytest.raises(TypeError, match="layers must be SelectableKANLinear, as they were made"):
        model.save_pretrained(tmp_path)
    model = KAN([2, 3, 2])
    model.layers[1] = KANLinear(3, 1)
    with pytest.raises(ValueError, match=r"layer_sizes must be \[2, 3, 2\], as they were made"):
        model.save_pretrained(tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("spline_first", [True, False])
def test_splines_of_neurons_want_the_layers_precision(spline_first):
    layer = LinearSpline(3, 2, spline_first=spline_first)
    with pytest.raises(TypeError, match=r"x must be torch.float32 as the layer: got torch.float64"):
        layer(torch.rand(4, 3).double())
    with pytest.raises(TypeError, match=r"x must be torch.float32 as the layer: got torch.float64"):
        layer.update_grid(torch.rand(9, 3).double())
    with pytest.raises(TypeError, match=r"x must be torch.float32 as the layer: got torch.float64"):
        layer.activation(torch.rand(4, layer.activation.basis.num_features).double())


def test_only_splines_have_grids():
    with pytest.raises(ValueError, match="basis must be B-splines for update_grid: got Chebyshev"):
        KANLinear(3, 2, basis="chebyshev").update_grid(torch.rand(20, 3))
    model = KAN([3, 2], layer="spline_mlp")
    with pytest.raises(
        ValueError, match="layer must have functions on its edges: got LinearSpline"
    ):
        model.extend_grid(10)
    with pytest.raises(ValueError, match="layer must have B-splines for update_grid: got AFKAN"):
        KAN([3, 2], layer="af").update_grid(torch.rand(20, 3))


@pytest.mark.parametrize("layer", ["spline_mlp", "spline_first_mlp"])
def test_splines_of_neurons_follow_their_inputs(layer):
    torch.manual_seed(0)
    model = KAN([3, 4, 2], layer=layer, dtype=torch.float64)
    x = torch.randn(300, 3, dtype=torch.float64)
    for part in model.layers:
        torch.nn.init.normal_(part.activation.coefficients)
    before = model.layers[0](x)
    seen = x if layer == "spline_first_mlp" else model.layers[0].linear(x)
    assert model.layers[0].update_grid(x, uniform_share=1.0, margin=0.0) < 3
    low, high = model.layers[0].activation.basis.grid_range
    assert_close(low, seen.amin(0))
    assert_close(high, seen.amax(0))
    again = model.layers[0](x)
    assert model.update_grid(x, uniform_share=1.0, margin=0.0) < 3
    assert_close(model.layers[0](x), again, rtol=0, atol=1e-9)  # equal knots, equal functions
    assert not torch.equal(before, again)
    assert all(p.is_contiguous() for p in model.parameters())
    with pytest.raises(ValueError, match="x must have at least 8 samples"):
        model.update_grid(x[:5])


def test_coefficients_stay_contiguous():
    layer = KANLinear(3, 4)
    layer.update_grid(torch.rand(50, 3))
    layer.extend_grid(10)
    assert layer.coefficients.is_contiguous()


def test_the_penalty_leaves_cut_edges_out():
    layer = KANLinear(2, 2)
    layer.mask = torch.tensor([[1.0, 0.0], [1.0, 1.0]])
    layer.regularization().backward()
    assert (layer.coefficients.grad[0, :, 1] == 0).all()
    with torch.no_grad():
        before = layer.regularization()
        layer.coefficients[0, :, 1] = 100.0
        assert_close(layer.regularization(), before)


def test_network_is_its_layers_in_order():
    model = KAN([3, 4, 2], grid_size=3, norm="layer")
    x = torch.rand(6, 3)
    h = x
    for layer, (inner, outer) in zip(model.layers, itertools.pairwise([3, 4, 2]), strict=True):
        assert (layer.in_features, layer.out_features) == (inner, outer)
        h = layer(h)
    assert torch.equal(model(x), h)
