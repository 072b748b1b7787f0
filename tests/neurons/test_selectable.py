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

from neurarium.engine import fit as fit_engine
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


def recovered(teacher, basis_arguments, *, num_nodes, num_points, steps, is_standard=True):
    """How many nodes choose the one family that made the target."""
    torch.manual_seed(0)
    arguments = {
        "bases": tuple(basis_arguments),
        "basis_arguments": basis_arguments,
        "base_activation": None,
    }
    made = SelectableKANLinear(num_nodes, 1, **arguments)
    with torch.no_grad():
        made.logits[:, made.bases.index(teacher)] = torch.inf
        made.families[teacher].coefficients.normal_()
    x = points(num_points, num_nodes, reach=1.0).float()
    y = made(x).detach()
    if is_standard:
        y = (y - y.mean()) / y.std()
    model = KAN([num_nodes, 1], layer="selectable", **arguments)
    schedule, _, _ = fit(model, x, y, steps=steps, lr=0.05)
    return schedule.histogram().get(teacher, 0)


@pytest.mark.parametrize(("teacher", "degree", "waves"), [("chebyshev", 5, 1), ("fourier", 2, 4)])
def test_selection_recovers_the_family_that_made_the_target(teacher, degree, waves):
    pool = {"chebyshev": {"degree": degree, "squash": None}, "fourier": {"grid_size": waves}}
    sizes = {"num_nodes": 10, "num_points": 200, "steps": 100}
    # Waves of order 1, not standardised: the four families below are.
    assert recovered(teacher, pool, **sizes, is_standard=False) > 8


APART = {
    "bspline": {"grid_size": 4, "grid_range": (-1.0, -0.5)},
    "dog": {"grid_size": 4, "grid_range": (-0.35, -0.15)},
    "rbf": {"grid_size": 4, "grid_range": (0.1, 0.3)},
    "mexican_hat": {"grid_size": 4, "grid_range": (0.65, 0.9)},
}
"""Families that can be told apart: each varies where the others do not."""


@pytest.mark.filterwarnings("ignore:.*of the inputs lie beyond")
@pytest.mark.parametrize("teacher", APART)
def test_selection_recovers_the_family_among_four(teacher):
    """A pool whose spans hardly overlap.

    Where they do, no selection can name the maker: smooth bumps over one range (``rbf``,
    ``bspline``, ``relu``, ``mexican_hat``) fit each other's functions, and so do polynomials and
    waves of low frequency. The default pool is of that kind, so it is no test of this.
    """
    assert recovered(teacher, APART, num_nodes=6, num_points=300, steps=130) >= 5


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
            assert [layer.temperature.item() for layer in schedule.layers()] == pytest.approx(
                [0.1] * 2
            )
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
        ({"lr_factor": 0}, "lr_factor must be finite and above 0: got 0"),
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
    with pytest.warns(UserWarning, match=r"100% of the inputs lie beyond \[-1, 1\], where BSpl"):
        layer(x)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        layer(x)
        SelectableKANLinear(3, 2)(points(4, 3).float())
        SelectableKANLinear(3, 2, norm="layer")(x)
        SelectableKANLinear(3, 2, bases=("rbf", "mexican_hat"))(x)
        wide = {"grid_range": (0.0, 300.0)}
        SelectableKANLinear(
            3, 2, bases=("rbf", "bspline", "relu"), basis_arguments={"bspline": wide, "relu": wide}
        )(x)
    with pytest.warns(UserWarning, match="lie beyond"):
        SelectableKANConv2d(3, 2, 1)(x[..., None, None])


@pytest.mark.parametrize(
    ("squash", "message"),
    [
        ("tanh", r"beyond \[-3, 3\], where Chebyshev barely varies"),
        ("clamp", r"beyond \[-1, 1\], where Chebyshev does not vary"),
        (None, r"beyond \[-1, 1\], where Chebyshev grows without bound"),
    ],
)
def test_inputs_beyond_polynomials_are_announced(squash, message):
    layer = SelectableKANLinear(
        3, 2, bases=("rbf", "chebyshev"), basis_arguments={"chebyshev": {"squash": squash}}
    )
    with pytest.warns(UserWarning, match=message):
        layer(torch.full((4, 3), 20.0))


def test_inputs_that_go_astray_later_are_announced_too():
    layer = SelectableKANLinear(3, 2)
    near, far = torch.full((4, 3), 0.5), torch.full((4, 3), 20.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for x in (near, near, far):  # the third call is not looked at
            layer(x)
    with pytest.warns(UserWarning, match="lie beyond"):
        layer(far)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_memory_of_a_choice_for_every_edge_is_announced_before_it_is_taken(monkeypatch, dtype):
    monkeypatch.setattr("neurarium.neurons.selection.MANY_BYTES", 10)
    monkeypatch.setattr(nn.Parameter, "__new__", None)  # nothing is allocated by then
    size = 2**20 / dtype.itemsize
    bases = ("rbf", "chebyshev")  # 8 and 5 functions
    said = rf"{512 * 512 * 2 / size:.3g} MiB of logits beside {512 * 512 * 13 / size:.3g} MiB of"
    with (
        pytest.warns(UserWarning, match=rf"granularity='edge' takes {said} coefficients; 'node'"),
        pytest.raises(TypeError),
    ):
        SelectableKANLinear(512, 512, bases=bases, granularity="edge", dtype=dtype)


def test_without_an_optimizer_the_user_is_told_to_make_a_new_one():
    model = KAN([2, 1], layer="selectable")
    schedule = SelectionSchedule(model, 1, fractions=(0, 1, 0))
    nn.init.normal_(model.layers[0].logits)
    with pytest.warns(UserWarning, match="make a new optimizer"):
        assert schedule.step() == "pruned"


def resumable(seed=0, **schedule_arguments):
    """A model in training, in groups of its own kinds, and what it learns from."""
    torch.manual_seed(seed)
    model = KAN([2, 3, 1], layer="selectable", bases=("rbf", "chebyshev", "bspline"), norm="batch")
    optimizer = torch.optim.Adam(selection_param_groups(model, 0.01))
    schedule = SelectionSchedule(model, 20, optimizer=optimizer, **schedule_arguments)
    x = points(64, 2, seed=4).float()
    batches = list(zip(x.split(16), x.prod(1, keepdim=True).split(16), strict=True))
    return model, optimizer, schedule, batches


def squared_error(model, batch):
    return F.mse_loss(model(batch[0]), batch[1])


@pytest.mark.parametrize("node_threshold", [0.0, 0.9])
@pytest.mark.parametrize("stop", [4, 10, 18])
def test_training_that_stops_in_any_stage_goes_on_as_if_it_had_not(stop, node_threshold, tmp_path):
    found = []
    for name, stops in (("whole", (20,)), ("parts", (stop, 20))):
        for last in stops:
            samples = points(64, 2, seed=4).float()
            model, optimizer, schedule, batches = resumable(
                seed=last, node_threshold=node_threshold, samples=samples
            )
            if name == "parts" or last == 20:
                torch.manual_seed(5)
                for module in model.modules():  # the same start for both
                    if hasattr(module, "reset_parameters") and module is not model:
                        module.reset_parameters()
            fit_engine(
                model, squared_error, batches, optimizer=optimizer, num_steps=20,
                after_step=[schedule.step, lambda history, last=last: history.step == last],
                checkpoint_dir=tmp_path / name,
            )  # fmt: skip
        assert (schedule.stage, schedule.num_taken) == ("pruned", 20)
        found.append((model.state_dict(), optimizer.state_dict()))
    (ours, our_optimizer), (theirs, their_optimizer) = found
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    assert str(our_optimizer) == str(their_optimizer)


def test_states_are_loaded_by_hand_too_and_refused_in_the_wrong_order():
    model, optimizer, schedule, batches = resumable()
    for step in range(17):
        optimizer.zero_grad()
        squared_error(model, batches[step % 4]).backward()
        optimizer.step()
        schedule.step()
    states = [each.state_dict() for each in (model, optimizer, schedule)]
    fresh = resumable(seed=1)
    with pytest.raises(RuntimeError, match=r"state must follow the model's own state: got stage"):
        fresh[2].load_state_dict(states[2])
    fresh = resumable(seed=1)
    for each, state in zip(fresh, states, strict=False):
        each.load_state_dict(state)
    assert fresh[2].stage == "pruned"
    x = batches[0][0]
    assert torch.equal(fresh[0].eval()(x), model.eval()(x))
    held = {id(p) for group in fresh[1].param_groups for p in group["params"]}
    assert held == {id(p) for p in fresh[0].parameters()}
    fresh[2].step()
    with pytest.raises(ValueError, match="state must be of num_steps=20: got one of 3"):
        fresh[2].load_state_dict({"num_taken": 1, "num_steps": 3, "starts": [1.0]})
    astray = resumable(seed=1)
    astray[0].load_state_dict(states[0])
    with pytest.raises(RuntimeError, match="step must follow the schedule's own state"):
        astray[2].step()


def test_the_temperature_is_part_of_the_state():
    layer = layer_of(SelectableKANLinear, 4, 3, temperature=0.3)
    fresh = SelectableKANLinear(4, 3, dtype=torch.float64)
    fresh.load_state_dict(layer.state_dict())
    x = points(5, 4)
    assert torch.equal(fresh(x), layer(x))
    old = layer.state_dict()
    del old["temperature"]  # as states were before
    fresh.load_state_dict(old)
    assert fresh.temperature == 0.3


@pytest.mark.parametrize("granularity", ["node", "edge"])
def test_a_selectable_layer_becomes_the_pruned_one_whose_state_it_loads(granularity):
    layer = layer_of(SelectableKANLinear, 5, 3, granularity=granularity, norm="batch")
    layer(points(20, 5))
    layer.select()
    pruned = layer.prune().eval()
    other = layer_of(SelectableKANLinear, 5, 3, granularity=granularity, norm="batch", seed=1)
    other.select()
    calls = []
    for fresh in (other, other.prune()):  # also another pruned layer
        fresh.register_forward_hook(lambda *_: calls.append(1))
        drawn = torch.get_rng_state()
        fresh.eval().load_state_dict(pruned.state_dict())
        assert torch.equal(torch.get_rng_state(), drawn)
        assert type(fresh) is SelectedKANLinear
        assert (fresh.chosen, fresh.places) == (pruned.chosen, pruned.places)
        x = points(6, 5, seed=2)
        assert torch.equal(fresh(x), pruned(x))
    assert len(calls) == 2
    with pytest.raises(RuntimeError, match="state_dict must be of the pruned layer"):
        pruned.load_state_dict(layer.state_dict())
    stranger = SelectableKANLinear(5, 3, bases=("fourier", "gram"), dtype=torch.float64)
    with pytest.raises(RuntimeError, match=r"state_dict must be of families in \['fourier'"):
        stranger.load_state_dict(pruned.state_dict())


def test_a_selectable_convolution_becomes_the_pruned_one_whose_state_it_loads():
    for granularity in ("channel", "tap"):
        layer = layer_of(SelectableKANConv2d, 2, 3, (2, 3), granularity=granularity, stride=2)
        layer.select()
        pruned = layer.prune()
        fresh = SelectableKANConv2d(2, 3, (2, 3), stride=2, dtype=torch.float64)
        fresh.load_state_dict(pruned.state_dict())
        x = points(2, 2, 6, 7)
        assert torch.equal(fresh(x), pruned(x))


def test_new_parameters_are_in_the_groups_of_those_they_were_cut_from():
    model = nn.Sequential(nn.Linear(2, 2), SelectableKANLinear(2, 1))
    nn.init.normal_(model[1].logits)
    optimizer = torch.optim.AdamW(
        [
            {"params": model[0].parameters(), "lr": 1e-5, "weight_decay": 0.5},
            {"params": model[1].families.parameters()},
            {"params": [model[1].logits], "weight_decay": 0.0},
        ]
    )  # the base weight is held by no group, and stays so
    schedule = SelectionSchedule(model, 1, optimizer=optimizer)
    schedule.step()
    first, second, third = (group["params"] for group in optimizer.param_groups)
    assert {id(p) for p in first} == {id(p) for p in model[0].parameters()}
    assert {id(p) for p in second} == {id(p) for p in model[1].families.parameters()}
    assert not third


def test_a_layer_with_two_names_is_pruned_once_and_a_layer_itself_is_refused():
    layer = SelectableKANLinear(3, 3)
    nn.init.normal_(layer.logits)
    layer.select()
    model = nn.ModuleDict({"a": layer, "b": layer, "c": nn.Sequential(layer)})
    prune_selectable(model)
    assert isinstance(model["a"], SelectedKANLinear)
    assert model["a"] is model["b"] is model["c"][0]
    with pytest.raises(TypeError, match="model must be a module that holds selectable layers"):
        prune_selectable(layer)


def test_idle_nodes_are_looked_for_without_changing_statistics():
    model = KAN([3, 6, 2], layer="selectable", norm="batch")
    model.layers[1].eval()
    before = copy.deepcopy([layer.norm.state_dict() for layer in model.layers])
    drop_idle_nodes(model, torch.rand(40, 3), 0.0)
    assert [layer.training for layer in model.layers] == [True, False]
    for layer, state in zip(model.layers, before, strict=True):
        assert_close(layer.norm.state_dict(), state)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"node_threshold": 1.5}, r"node_threshold must lie in \[0, 1\]: got 1.5"),
        ({"node_threshold": math.nan}, r"node_threshold must lie in \[0, 1\]: got nan"),
        ({"node_threshold": 0.1, "samples": torch.rand(9, 5)}, r"samples must have shape \(N, 2\)"),
        ({"node_threshold": 0.1, "samples": torch.rand(0, 2)}, r"samples must have shape \(N, 2\)"),
        ({"node_threshold": 0.1, "samples": points(9, 2)}, r"samples must be torch\.float32"),
        (
            {"node_threshold": 0.1, "samples": torch.full((9, 2), math.nan)},
            "samples must be finite: got NaN or infinity",
        ),
        ({"fractions": 0.4}, "fractions must be three numbers: got 0.4"),
        ({"optimizer": 3}, r"optimizer must be a torch\.optim\.Optimizer or None: got int"),
        ({"threshold": "a"}, "threshold must be a number: got 'a'"),
        ({"final_temperature": math.inf}, "final_temperature must be finite and above 0: got inf"),
    ],
)
def test_the_last_stage_is_checked_before_the_first(arguments, message):
    with pytest.raises((TypeError, ValueError), match=message):
        SelectionSchedule(KAN([2, 3, 1], layer="selectable"), 10, **arguments)


def test_arguments_of_windows_leave_them_where_the_splines_are():
    layer = SelectableKANLinear(2, 1, basis_arguments={"relu": {"grid_size": 8}})
    windows, splines = layer.families["relu"].basis, layer.families["bspline"].basis
    ends = windows.low_end, windows.low_end + 8 * windows.step
    assert ends == pytest.approx([float(end[0]) for end in splines.grid_range])
    wide = {"relu": {"grid_range": (0.0, 3.0)}}
    assert SelectableKANLinear(2, 1, basis_arguments=wide).basis_arguments["relu"] == wide["relu"]


def test_nodes_behind_a_layer_norm_are_not_taken_out():
    model = KAN([2, 3, 1], layer="selectable", norm="layer")
    with pytest.raises(ValueError, match="norm must be 'batch' or None to take out nodes"):
        SelectionSchedule(model, 10, node_threshold=0.1, samples=torch.rand(9, 2))
    with pytest.raises(TypeError, match="model must be a KAN of selectable layers"):
        drop_idle_nodes(KAN([2, 3, 1]), torch.rand(9, 2), 0.1)


@pytest.mark.parametrize(("fractions", "num_steps"), [((0, 0.5, 0.5), 10), ((0.4, 0.4, 0.2), 2)])
def test_a_first_stage_of_nothing_selects_at_the_first_step(fractions, num_steps):
    model = KAN([2, 1], layer="selectable")
    nn.init.normal_(model.layers[0].logits)
    optimizer = torch.optim.Adam(model.parameters())
    schedule = SelectionSchedule(model, num_steps, fractions=fractions, optimizer=optimizer)
    assert schedule.stage == "full"
    assert schedule.step() == "selective"
    assert model.layers[0].kept is not None
    assert model.layers[0].temperature.item() == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"temperature": "a"}, "temperature must be a number: got 'a'"),
        ({"temperature": math.inf}, "temperature must be finite and above 0: got inf"),
        ({"basis_arguments": {"rbf": 3}}, "basis_arguments must map bases to their arguments"),
        ({"basis_arguments": [1]}, "basis_arguments must map bases to their arguments"),
        ({"granularity": ["node"]}, r"granularity must be one of 'node', .*: got \['node'\]"),
        ({"norm": ["layer"]}, r"norm must be one of 'layer', 'batch', None: got \['layer'\]"),
    ],
)
def test_wrong_kinds_of_arguments_are_one_sentence(arguments, message):
    with pytest.raises((TypeError, ValueError), match=message):
        SelectableKANLinear(2, 1, **arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"chosen": {}}, "chosen must have at least one basis: got none"),
        ({"chosen": [0]}, r"chosen must map bases to positions: got \[0\]"),
        (
            {"chosen": {"rbf": [0, 0]}},
            r"chosen must be ascending positions below 3 .*: got \[0, 0\]",
        ),
        ({"chosen": {"rbf": [0]}, "places": {"relu": [0]}}, "places must be of bases in chosen"),
        ({"chosen": {"rbf": [0]}, "places": {"rbf": [7]}}, "places must be ascending positions"),
    ],
)
def test_choices_that_do_not_fit_are_one_sentence(arguments, message):
    with pytest.raises((TypeError, ValueError), match=message):
        SelectedKANLinear(3, 2, **arguments)


@pytest.mark.parametrize("kind", [SelectableKANConv2d, KANConv2d])
def test_convolutions_refuse_what_does_not_fit_alike(kind):
    layer = kind(2, 3, 3)
    with pytest.raises(ValueError, match=r"x must be images \(B, C, H, W\): got shape \[2, 5, 5\]"):
        layer(torch.rand(2, 5, 5))
    with pytest.raises(TypeError, match=r"x must be torch\.float32 as the layer"):
        layer(points(1, 2, 5, 5))
    assert layer(torch.rand(0, 2, 5, 5)).shape == (0, 3, 3, 3)
    for name in ("kernel_size", "stride", "padding", "dilation"):
        with pytest.raises(ValueError, match=f"{name} must be one number or two: got"):
            kind(2, 3, **{"kernel_size": 3, name: (1, 1, 1)})
    with pytest.raises(TypeError, match="padding must be whole numbers: got True"):
        kind(2, 3, 3, padding=True)
    with torch.autocast("cpu", torch.bfloat16):
        assert kind(2, 3, 3)(torch.rand(1, 2, 5, 5).bfloat16()).shape == (1, 3, 3, 3)
