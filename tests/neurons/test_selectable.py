"""Selectable layers: what mixing is, what selection and pruning keep, what the stages do."""

import copy
import json
import math
import warnings

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.testing import assert_close

from neurarium.neurons import (
    BASES,
    KAN,
    KANConv2d,
    KANLinear,
    SelectableKANConv2d,
    SelectableKANLinear,
    SelectionSchedule,
    prune_selectable,
    selection_param_groups,
)
from neurarium.neurons.selected import SelectedKANConv2d, SelectedKANLinear
from neurarium.neurons.selection_schedule import drop_idle_nodes

POOL = ("bspline", "rbf", "chebyshev", "mexican_hat", "relu")
EVERY = ("bspline", "rbf", "rswaf", "chebyshev", "jacobi", "gram", "fourier", "relu", "morlet")


def points(*sizes, seed=0, reach=0.9):
    generator = torch.Generator().manual_seed(seed)
    return (torch.rand(sizes, dtype=torch.float64, generator=generator) * 2 - 1) * reach


def layer_of(kind=SelectableKANLinear, *sizes, seed=0, **arguments):
    """Coefficients of order 1 and logits that differ."""
    torch.manual_seed(seed)
    layer = kind(*sizes, dtype=torch.float64, **arguments)
    with torch.no_grad():
        for family in layer.families.values():
            family.coefficients.normal_()
        layer.logits.normal_()
    return layer


def single(layer, name):
    """The ordinary layer of one family of the pool."""
    family = layer.families[name]
    twin = KANLinear(
        layer.in_features,
        layer.out_features,
        basis=copy.deepcopy(family.basis),
        base_activation=None,
        spline_scale=False,
        dtype=torch.float64,
    )
    twin.coefficients.data.copy_(family.coefficients.data)
    return twin


def base(layer, x):
    return F.silu(x) @ layer.base_weight.mT


@pytest.mark.parametrize("granularity", ["node", "layer", "edge"])
def test_an_infinite_logit_is_that_family_and_equal_logits_are_the_mean(granularity):
    layer = layer_of(SelectableKANLinear, 4, 3, granularity=granularity)
    x = points(6, 4)
    families = {name: single(layer, name)(x) for name in POOL}
    for place, name in enumerate(POOL):
        with torch.no_grad():
            layer.logits.normal_()
            layer.logits[..., place] = torch.inf
        assert_close(layer(x), base(layer, x) + families[name], rtol=1e-12, atol=1e-12)
        assert torch.equal(layer.selection()[..., place].unique(), torch.ones(1).double())
    nn.init.constant_(layer.logits, 0.3)
    mean = torch.stack(list(families.values())).mean(0)
    assert_close(layer(x), base(layer, x) + mean)


def test_certainty_survives_a_hard_choice():
    layer = layer_of(SelectableKANLinear, 4, 3, temperature=0.1)
    with torch.no_grad():
        layer.logits[:, 2] = torch.inf
    assert torch.equal(layer.selection(), F.one_hot(torch.full((4,), 2), 5).double())


def test_mixing_is_the_published_sum_at_every_node():
    layer = layer_of(SelectableKANLinear, 4, 3, bases=EVERY, temperature=0.7)
    x = points(6, 4)
    p = (layer.logits / 0.7).softmax(-1)
    expected = base(layer, x)
    for place, family in enumerate(layer.families.values()):
        values = family.basis(x) * p[:, place, None]  # (N, in, functions)
        expected = expected + torch.einsum("nik,oki->no", values, family.coefficients)
    assert_close(layer(x), expected)
    assert_close(layer(x.view(2, 3, 4)), expected.view(2, 3, 3))


@pytest.mark.parametrize("name", EVERY)
def test_gradcheck_of_every_family_and_of_the_logits(name):
    other = "rbf" if name != "rbf" else "chebyshev"
    layer = layer_of(SelectableKANLinear, 2, 1, bases=(name, other))
    names = [n for n, _ in layer.named_parameters()]
    assert "logits" in names

    def forward(x, *parameters):
        state = dict(zip(names, parameters, strict=True))
        return torch.func.functional_call(layer, state, (x,))

    inputs = [points(3, 2, seed=5).requires_grad_(), *layer.parameters()]
    assert torch.autograd.gradcheck(forward, inputs, fast_mode=True)


@pytest.mark.parametrize("granularity", ["node", "layer", "edge"])
@pytest.mark.parametrize("top_k", [1, 2])
def test_pruned_equals_masked_has_fewer_parameters_and_reloads(granularity, top_k):
    layer = layer_of(SelectableKANLinear, 5, 3, granularity=granularity, norm="batch")
    layer(points(20, 5))
    layer.eval()
    kept = layer.select(top_k)
    assert torch.equal(kept.sum(-1), torch.full(kept.shape[:-1], top_k))
    x = points(6, 5, seed=3)
    masked, pruned = layer(x), layer.prune()
    assert_close(pruned(x), masked, rtol=0, atol=1e-12)
    before, after = (sum(p.numel() for p in m.parameters()) for m in (layer, pruned))
    assert after < before
    arguments = json.loads(json.dumps(pruned.arguments()))
    again = SelectedKANLinear(**arguments, dtype=torch.float64).eval()
    again.load_state_dict(pruned.state_dict())
    assert torch.equal(again(x), pruned(x))


def test_parameters_in_the_end_are_those_of_one_kan():
    layer = layer_of(SelectableKANLinear, 6, 4, bases=("bspline", "rbf", "fourier"))
    layer.select()
    functions = {"bspline": 8, "rbf": 8, "fourier": BASES["fourier"](1).num_functions}
    expected = 6 * 4 + sum(4 * functions[n] * c for n, c in layer.counts().items())
    assert sum(p.numel() for p in layer.prune().parameters()) == expected
    edges = layer_of(SelectableKANLinear, 6, 4, bases=("bspline", "rbf"), granularity="edge")
    edges.select()
    assert sum(p.numel() for p in edges.prune().parameters()) == 6 * 4 * (1 + 8)


@pytest.mark.parametrize("granularity", ["node", "edge", "layer"])
def test_what_is_cut_has_weight_zero_and_learns_no_more(granularity):
    layer = layer_of(SelectableKANLinear, 5, 3, granularity=granularity)
    layer.select(2)
    p = layer.selection()
    assert_close(p.sum(-1), torch.ones_like(p[..., 0]))
    assert torch.equal(p == 0, ~layer.kept)
    layer(points(9, 5)).square().sum().backward()
    assert torch.equal(layer.logits.grad[~layer.kept].unique(), torch.zeros(1).double())
    assert layer.logits.grad[layer.kept].abs().min() > 0
    for place, family in enumerate(layer.families.values()):
        kept = layer.kept[..., place]
        kept = kept[:, None] if granularity == "edge" else kept
        kept = kept.expand_as(family.coefficients)
        if not kept.any():
            assert family.coefficients.grad is None  # not even evaluated
            continue
        assert not family.coefficients.grad[~kept].any()
        assert family.coefficients.grad[kept].abs().max() > 0


def test_a_threshold_keeps_what_carries_weight_and_always_the_largest():
    layer = layer_of(SelectableKANLinear, 2, 1, bases=("rbf", "chebyshev", "relu"))
    with torch.no_grad():
        layer.logits.copy_(torch.tensor([[0.5, 0.4, 0.1], [0.34, 0.33, 0.33]]).log())
    kept = layer.select(None, threshold=1 / 3)
    assert kept.tolist() == [[True, True, False], [True, False, False]]
    assert_close(layer.selection()[0], torch.tensor([5 / 9, 4 / 9, 0.0]).double())
    assert layer.select().tolist() == [[True, False, False]] * 2
    assert layer.counts() == {"rbf": 2, "chebyshev": 0, "relu": 0}


@pytest.mark.parametrize("granularity", ["channel", "tap", "layer"])
@pytest.mark.parametrize(
    "geometry", [{}, {"padding": 2}, {"stride": 2, "padding": 1}, {"dilation": (2, 1)}]
)
def test_convolution_is_the_layer_on_unfolded_patches(granularity, geometry):
    layer = layer_of(SelectableKANConv2d, 2, 3, (2, 3), granularity=granularity, **geometry)
    x = points(2, 2, 6, 7)
    columns = F.unfold(x, (2, 3), **geometry)  # pads with zeros, which the functions see
    flat = SelectableKANLinear(12, 3, dtype=torch.float64)
    with torch.no_grad():
        flat.base_weight.copy_(layer.base_weight.flatten(1))
        choices = layer.logits
        if granularity == "channel":
            choices = choices[:, None, None].expand(2, 2, 3, 5)
        elif granularity == "layer":
            choices = choices.expand(2, 2, 3, 5)
        flat.logits.copy_(choices.reshape(12, 5))
        for mine, theirs in zip(layer.families.values(), flat.families.values(), strict=True):
            theirs.coefficients.copy_(mine.coefficients.flatten(2))
    expected = flat(columns.mT).mT
    found = layer(x)
    assert_close(found.flatten(2), expected)
    layer.select()
    flat.kept = None
    flat.select()
    assert_close(layer(x).flatten(2), flat(columns.mT).mT)
    pruned = layer.prune()
    assert_close(pruned(x), layer(x), rtol=0, atol=1e-12)
    again = SelectedKANConv2d(**json.loads(json.dumps(pruned.arguments())), dtype=torch.float64)
    again.load_state_dict(pruned.state_dict())
    assert torch.equal(again(x), pruned(x))
    assert sum(p.numel() for p in pruned.parameters()) < sum(p.numel() for p in layer.parameters())


def test_a_kernel_of_one_is_the_layer_at_every_pixel():
    conv = layer_of(SelectableKANConv2d, 3, 2, 1)
    flat = SelectableKANLinear(3, 2, dtype=torch.float64)
    state = {n: v.view(v.shape[: v.ndim - 2]) if v.ndim > 3 else v
             for n, v in conv.state_dict().items()}  # fmt: skip
    flat.load_state_dict(state)
    x = points(2, 3, 4, 5)
    assert_close(conv(x), flat(x.movedim(1, -1)).movedim(-1, 1))
    assert not torch.allclose(conv(x), torch.zeros_like(conv(x)))


def test_one_family_in_a_convolution_is_the_ordinary_one():
    layer = layer_of(SelectableKANConv2d, 2, 3, 3, padding=1)
    with torch.no_grad():
        layer.logits[:, 0] = torch.inf
    twin = KANConv2d(2, 3, 3, padding=1, spline_scale=False, dtype=torch.float64)
    twin.coefficients.data.copy_(layer.families["bspline"].coefficients.data)
    twin.base_weight.data.copy_(layer.base_weight.data)
    x = points(2, 2, 5, 5)
    assert_close(layer(x), twin(x))


def fit(model, x, y, steps=150, lr=0.03, **schedule_arguments):
    optimizer = torch.optim.Adam(selection_param_groups(model, lr))
    schedule = SelectionSchedule(model, steps, optimizer=optimizer, **schedule_arguments)
    stages = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = (model(x) - y).square().mean()
        loss.backward()
        optimizer.step()
        stages.append(schedule.step())
    return schedule, stages, (model(x) - y).square().mean().item()


@pytest.mark.parametrize(("teacher", "degree", "waves"), [("chebyshev", 5, 1), ("fourier", 2, 4)])
def test_selection_recovers_the_family_that_made_the_target(teacher, degree, waves):
    torch.manual_seed(0)
    arguments = {
        "bases": ("chebyshev", "fourier"),
        "basis_arguments": {
            "chebyshev": {"degree": degree, "squash": None},
            "fourier": {"grid_size": waves},
        },
        "base_activation": None,
    }
    made = SelectableKANLinear(10, 1, **arguments)
    with torch.no_grad():
        made.logits[:, made.bases.index(teacher)] = torch.inf
        made.families[teacher].coefficients.normal_()
    x = points(200, 10, reach=1.0).float()
    model = KAN([10, 1], layer="selectable", **arguments)
    schedule, _, _ = fit(model, x, made(x).detach(), steps=100, lr=0.05)
    assert schedule.histogram().get(teacher, 0) > 8


def test_the_schedule_goes_through_the_stages_and_tells_the_optimizer():
    torch.manual_seed(0)
    model = KAN([2, 4, 1], layer="selectable", dtype=torch.float64)
    x = points(60, 2)
    y = x.prod(1, keepdim=True)
    before = sum(p.numel() for p in model.parameters())
    optimizer = torch.optim.Adam(selection_param_groups(model, 0.01))
    schedule = SelectionSchedule(model, 20, optimizer=optimizer, final_temperature=0.1)
    assert schedule.stage == "full"
    stages = []
    for _ in range(20):
        optimizer.zero_grad()
        (model(x) - y).square().mean().backward()
        optimizer.step()
        stages.append(schedule.step())
        if stages[-1] == "selective" and stages[-2] == "full":
            assert all(layer.kept is not None for layer in schedule.layers())
            assert [layer.temperature for layer in schedule.layers()] == pytest.approx([0.1] * 2)
    assert stages == ["full"] * 7 + ["selective"] * 8 + ["pruned"] * 5
    assert not schedule.layers()
    assert all(isinstance(layer, SelectedKANLinear) for layer in model.layers)
    assert sum(p.numel() for p in model.parameters()) < before / 3
    assert sum(schedule.histogram().values()) == 2 + 4
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    assert held == {id(p) for p in model.parameters()}
    assert {id(p) for p in optimizer.state} == held
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.003)
    with pytest.raises(RuntimeError, match="step must be called num_steps=20 times at most"):
        schedule.step()


def test_pruning_does_not_change_what_the_schedule_had_selected():
    torch.manual_seed(0)
    model = KAN([2, 3, 1], layer="selectable", dtype=torch.float64)
    for layer in model.layers:
        nn.init.normal_(layer.logits)
        layer.select()
    x = points(9, 2)
    expected = model(x)
    parameters = prune_selectable(model)
    assert_close(model(x), expected, rtol=0, atol=1e-12)
    assert [id(p) for p in parameters] == [id(p) for p in model.parameters()]


def test_idle_nodes_go_and_nothing_changes():
    torch.manual_seed(0)
    model = KAN([2, 4, 3, 1], layer="selectable", dtype=torch.float64)
    with torch.no_grad():
        for place, dead in ((1, 2), (2, 0)):
            layer = model.layers[place]
            layer.base_weight[:, dead] = 0
            for family in layer.families.values():
                family.coefficients[:, :, dead] = 0
    x = points(30, 2)
    expected = model(x)
    norms = model.layers[1].node_norms(model.layers[0](x))
    assert norms.argmin() == 2
    assert norms[2] == 0
    assert drop_idle_nodes(model, x, 1e-3) == [2, 3, 2, 1]
    assert_close(model(x), expected)


def test_the_schedule_drops_idle_nodes_of_a_kan():
    torch.manual_seed(0)
    model = KAN([2, 6, 1], layer="selectable", bases=("rbf", "chebyshev"), dtype=torch.float64)
    x = points(60, 2)
    schedule, _, _ = fit(
        model, x, x.prod(1, keepdim=True), steps=10, node_threshold=0.99, samples=x
    )
    assert schedule.stage == "pruned"
    assert model.layer_sizes[1] < 6
    assert model(x).shape == (60, 1)


def test_it_learns_and_keeps_what_it_learned():
    torch.manual_seed(0)
    model = KAN([1, 1], layer="selectable", dtype=torch.float64)
    x = points(200, 1, reach=1.0)
    y = (3 * x).sin()
    _, stages, loss = fit(model, x, y, steps=300)
    assert stages[-1] == "pruned"
    assert loss < 1e-2 * y.var().item()


def test_state_of_a_selected_layer_reloads():
    layer = layer_of(SelectableKANLinear, 5, 3)
    layer.select()
    fresh = SelectableKANLinear(5, 3, dtype=torch.float64)
    fresh.load_state_dict(layer.state_dict())
    x = points(4, 5)
    assert torch.equal(fresh(x), layer(x))
    assert torch.equal(fresh.kept, layer.kept)
    fresh.reset_parameters()
    assert fresh.kept is None
    assert_close(fresh.selection(), torch.full((5, 5), 0.2).double())


def test_bad_input_is_one_sentence():
    with pytest.raises(ValueError, match=r"bases must be one of bspline, rbf, .*: got 'haar'"):
        SelectableKANLinear(2, 1, bases=("rbf", "haar"))
    with pytest.warns(UserWarning, match="bases has one family, 'rbf': nothing is selected"):
        SelectableKANLinear(2, 1, bases=("rbf",))
    layer = SelectableKANLinear(4, 2)
    with pytest.raises(RuntimeError, match="select must come after training"):
        layer.select()
    with pytest.raises(RuntimeError, match="prune must come after select"):
        layer.prune()
    with pytest.raises(ValueError, match="x must have 4 features"):
        layer(torch.randn(3, 5))
    with pytest.raises(TypeError, match="x must be floating point"):
        layer(torch.ones(3, 4, dtype=torch.long))
    with pytest.raises(TypeError, match=r"x must be torch\.float32 as the layer"):
        layer(points(3, 4))
    with pytest.raises(TypeError, match="model must be a module that holds selectable layers"):
        SelectionSchedule(layer, 10)
    with pytest.raises(ValueError, match="model must hold selectable layers: got KAN"):
        SelectionSchedule(KAN([2, 1]), 10)
    model = KAN([2, 1], layer="selectable")
    with pytest.raises(ValueError, match="fractions must be three that sum to 1"):
        SelectionSchedule(model, 10, fractions=(0.5, 0.6, 0.1))
    with pytest.raises(ValueError, match="node_threshold must be 0 without samples of a KAN"):
        SelectionSchedule(model, 10, node_threshold=0.1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"threshold": 3}, r"threshold must lie in \[0, 1\]: got 3"),
        ({"lr_factor": 0}, "lr_factor must be above 0: got 0"),
        ({"fractions": (math.nan, 0.5, 0.5)}, "fractions must be three that sum to 1"),
    ],
)
def test_stages_are_refused_before_the_first_step(arguments, message):
    with pytest.raises(ValueError, match=message):
        SelectionSchedule(KAN([2, 1], layer="selectable"), 10, **arguments)


def test_an_optimizer_of_something_else_is_refused():
    other = torch.optim.Adam(nn.Linear(1, 1).parameters())
    with pytest.raises(ValueError, match="optimizer must hold the parameters of the model's"):
        SelectionSchedule(KAN([2, 1], layer="selectable"), 10, optimizer=other)


@pytest.mark.parametrize("kind", [SelectableKANLinear, SelectableKANConv2d])
def test_other_dtypes_are_refused_and_cast_under_autocast_before_and_after_pruning(kind):
    is_linear = kind is SelectableKANLinear
    layer = kind(3, 2) if is_linear else kind(3, 2, 3)
    x = points(4, 3) if is_linear else points(4, 3, 5, 5)
    nn.init.normal_(layer.logits)
    layer.select()
    for each in (layer, layer.prune()):
        with pytest.raises(TypeError, match=r"x must be torch\.float32 as the layer"):
            each(x)
        with torch.autocast("cpu", torch.bfloat16):
            found = each(x.bfloat16()).float()
        assert_close(found, each(x.bfloat16().float()), rtol=0.05, atol=0.05)
        assert each(x[:0].float()).shape == (0, *found.shape[1:])


def test_inputs_beyond_all_that_families_see_are_announced_once():
    x = 255 * points(4, 3).float().abs() + 2
    layer = SelectableKANLinear(3, 2)
    with pytest.warns(UserWarning, match=r"100% of the inputs lie beyond \[-1, 1\], where 'bspl"):
        layer(x)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        layer(x)
        SelectableKANLinear(3, 2)(points(4, 3).float())
        SelectableKANLinear(3, 2, norm="layer")(x)
        SelectableKANLinear(3, 2, bases=("rbf", "chebyshev"))(x)
        wide = {"grid_range": (0.0, 300.0)}
        SelectableKANLinear(3, 2, basis_arguments={"bspline": wide, "relu": wide})(x)
    with pytest.warns(UserWarning, match="lie beyond"):
        SelectableKANConv2d(3, 2, 1)(x[..., None, None])


def test_many_logits_are_announced(monkeypatch):
    monkeypatch.setattr("neurarium.neurons.selection.MANY_LOGITS", 10)
    with pytest.warns(UserWarning, match=r"granularity='edge' keeps 0 MiB of logits"):
        SelectableKANLinear(3, 2, granularity="edge")


def test_without_an_optimizer_the_user_is_told_to_make_a_new_one():
    model = KAN([2, 1], layer="selectable")
    schedule = SelectionSchedule(model, 1, fractions=(0, 1, 0))
    nn.init.normal_(model.layers[0].logits)
    with pytest.warns(UserWarning, match="make a new optimizer"):
        assert schedule.step() == "pruned"
