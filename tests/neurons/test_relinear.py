"""ReLinear: parameter groups and the three ways of restraining the quadratic terms."""

import copy
import runpy
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from neurarium.neurons import (
    QuadraticLinear,
    ReLinearShrink,
    check_relinear,
    relinear_param_groups,
    to_quadratic,
)


def network(mode="full"):
    torch.manual_seed(0)
    # names that end in the letters by which the released code tells branches apart
    model = nn.ModuleDict({"layer": nn.Linear(4, 6), "linear": nn.Linear(6, 3)}).double()
    return to_quadratic(model, skip=["linear"], mode=mode)


def loss_of(model, x):
    return model["linear"](torch.relu(model["layer"](x))).square().mean()


def steps(model, optimizer, count=1, shrink=None):
    x = torch.randn(count, 8, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    for batch in x:
        optimizer.zero_grad()
        loss_of(model, batch).backward()
        optimizer.step()
        if shrink is not None:
            shrink.step()


def quadratic_terms(model):
    return [p.detach().clone() for p, _ in model["layer"].linear_point()]


def test_every_parameter_is_in_one_group():
    for mode, names in (
        ("full", ["base", "interaction", "interaction_bias", "square"]),
        ("compact", ["base", "square"]),
    ):
        model = network(mode)
        groups = relinear_param_groups(model, 0.1, weight_decay=1e-3)
        assert [group["name"] for group in groups] == names
        held = [id(p) for group in groups for p in group["params"]]
        assert sorted(held) == sorted(id(p) for p in model.parameters())
        decay = {group["name"]: group["weight_decay"] for group in groups}
        assert decay.get("interaction_bias", 0.0) == 0.0
        assert decay["base"] == 1e-3


def test_gamma_zero_leaves_the_conventional_network():
    """Property 4, first half; and the linear branch learns as in the network it came from."""
    model = network()
    plain = nn.ModuleDict({"layer": nn.Linear(4, 6), "linear": nn.Linear(6, 3)}).double()
    with torch.no_grad():
        plain["layer"].weight.copy_(model["layer"].linear_weight)
        plain["layer"].bias.copy_(model["layer"].linear_bias)
        plain["linear"].load_state_dict(model["linear"].state_dict())
    before = quadratic_terms(model)
    groups = relinear_param_groups(
        model, 0.1, gamma_interaction=0.0, gamma_square=0.0, weight_decay=0.01
    )
    steps(model, torch.optim.SGD(groups, momentum=0.9), 10)
    steps(plain, torch.optim.SGD(plain.parameters(), 0.1, momentum=0.9, weight_decay=0.01), 10)
    assert all(map(torch.equal, before, quadratic_terms(model)))
    assert_close(model["layer"].linear_weight, plain["layer"].weight)


def test_one_step_by_hand():
    """Property 4, second half."""
    model = network()
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    groups = relinear_param_groups(model, 0.1, gamma_interaction=0.01, gamma_square=0.5)
    steps(model, torch.optim.SGD(groups))
    rates = {"layer.interaction_weight": 1e-3, "layer.interaction_bias": 1e-3}
    rates |= {"layer.square_weight": 0.05, "layer.square_bias": 0.05}
    for name, parameter in model.named_parameters():
        assert_close(parameter, before[name] - rates.get(name, 0.1) * parameter.grad)
        assert parameter.grad.abs().max() > 0


@pytest.mark.parametrize("optimizer", [torch.optim.SGD, torch.optim.AdamW])
def test_shrinking_updates_is_the_same_as_groups(optimizer):
    """The kind `gradient` against groups, also where gradients are normalised."""
    grouped, shrunk = network(), network()
    groups = relinear_param_groups(grouped, 0.05, gamma_interaction=0.1, gamma_square=0.1)
    steps(grouped, optimizer(groups), 5)
    shrink = ReLinearShrink(shrunk, kind="gradient", strength=0.1)
    steps(shrunk, optimizer(shrunk.parameters(), 0.05, weight_decay=0.0), 5, shrink)
    assert_close(dict(grouped.named_parameters()), dict(shrunk.named_parameters()))


@pytest.mark.parametrize(
    ("kind", "strength", "expected"),
    [
        ("l2", 0.25, [0.3, 1.15, -0.375, 0.0]),
        ("l1", 0.3, [0.1, 1.0, -0.2, 0.0]),
    ],
)
def test_weights_shrink_towards_the_linear_point(kind, strength, expected):
    layer = QuadraticLinear(1, 1, dtype=torch.float64)
    with torch.no_grad():
        for (p, _), value in zip(layer.linear_point(), (0.4, 1.2, -0.5, 0.0), strict=True):
            p.fill_(value)
    before = layer.linear_weight.clone()
    ReLinearShrink(layer, kind=kind, strength=strength).step()
    found = [p.item() for p, _ in layer.linear_point()]
    assert found == pytest.approx(expected, abs=1e-12)
    assert torch.equal(layer.linear_weight, before)


@pytest.mark.parametrize(
    ("kind", "strength"), [("l2", 0.3), ("l2", 1.0), ("l1", 0.2), ("gradient", 0.5)]
)
def test_the_linear_point_stays(kind, strength):
    """Property 5."""
    layer = QuadraticLinear(3, 2)
    before = [p.clone() for p, _ in layer.linear_point()]
    ReLinearShrink(layer, kind=kind, strength=strength).step()
    assert all(torch.equal(p, b) for (p, _), b in zip(layer.linear_point(), before, strict=True))


@pytest.mark.parametrize(("kind", "strength"), [("l2", 1.0), ("l1", 1e6), ("gradient", 0.0)])
def test_full_strength_is_the_conventional_network(kind, strength):
    """Property 5: α = 1, a large β and γ = 0 give exactly the linear layer after every step."""
    model = network()
    before = quadratic_terms(model)
    shrink = ReLinearShrink(model, kind=kind, strength=strength)
    steps(model, torch.optim.Adam(model.parameters(), 0.1), 3, shrink)
    assert all(map(torch.equal, before, quadratic_terms(model)))


def test_a_resumed_run_is_the_same():
    one = network()
    optimizer = torch.optim.SGD(one.parameters(), 0.1)
    shrink = ReLinearShrink(one, kind="gradient", strength=0.2)
    steps(one, optimizer, 2, shrink)
    two = network()
    fresh = ReLinearShrink(two, kind="gradient", strength=0.2)
    two.load_state_dict(copy.deepcopy(one.state_dict()))
    fresh.load_state_dict(shrink.state_dict())
    steps(one, optimizer, 2, shrink)
    steps(two, torch.optim.SGD(two.parameters(), 0.1), 2, fresh)
    assert_close(dict(one.named_parameters()), dict(two.named_parameters()), rtol=0, atol=0)


def test_an_optimizer_that_restrains_nothing_is_noticed():
    model = network()
    assert check_relinear(model, torch.optim.SGD(relinear_param_groups(model, 0.1)))
    with pytest.warns(UserWarning, match="as fast as the linear ones: build it from relinear"):
        assert not check_relinear(model, torch.optim.SGD(model.parameters(), 0.1))


def test_a_schedule_that_begins_at_zero_hides_nothing():
    model = network()
    for parameters, restrains in (
        (relinear_param_groups(model, 0.1), True), (model.parameters(), False),
    ):  # fmt: skip
        optimizer = torch.optim.SGD(parameters, 0.1)
        torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1.0, step / 10))
        assert optimizer.param_groups[0]["lr"] == 0
        if restrains:
            assert check_relinear(model, optimizer)
        else:
            warns(model, optimizer, "as fast as the linear ones")
        for group in optimizer.param_groups:
            group["lr"] = 0.1
        warns(model, optimizer, "as fast as the linear ones")


def warns(model, optimizer, message):
    with pytest.warns(UserWarning, match=message):
        assert not check_relinear(model, optimizer)


def test_an_optimizer_of_other_parameters_is_noticed():
    """Built before the conversion, it holds what the model no longer has."""
    model = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    to_quadratic(model, inplace=True)
    warns(model, optimizer, "does not hold the linear weights .* built before to_quadratic")
    for layer in (model[0], model[2]):
        layer.linear_weight.requires_grad_(False)
    groups = [{"params": [p for p, _ in model[0].linear_point()]}]
    assert check_relinear(model, torch.optim.SGD(groups, 0.1))


def test_an_optimizer_that_decays_the_interaction_bias_is_noticed():
    layer = QuadraticLinear(2, 2)
    groups = relinear_param_groups(layer, 0.1, weight_decay=0.5)
    assert check_relinear(layer, torch.optim.AdamW(groups))
    slow = {"params": [p for p, _ in layer.linear_point()], "lr": 1e-3, "weight_decay": 0.5}
    base = {"params": [layer.linear_weight, layer.linear_bias]}
    optimizer = torch.optim.SGD([base, slow], 0.1)
    warns(layer, optimizer, "decays the interaction biases towards 0, away from .* point 1")
    slow["weight_decay"] = 0.0
    assert check_relinear(layer, torch.optim.SGD([base, slow], 0.1))


def test_the_copy_follows_the_model():
    """Moved to another dtype after construction, steps stay what they are."""
    layer = QuadraticLinear(2, 2)
    shrink = ReLinearShrink(layer, kind="gradient", strength=0.5)
    layer.double()
    for _ in range(2):
        with torch.no_grad():
            layer.interaction_weight += 1
        shrink.step()
    assert_close(layer.interaction_weight.data, torch.ones(2, 2, dtype=torch.float64))


def test_state_of_another_shrink_is_refused_and_changes_nothing():
    layer = QuadraticLinear(2, 2)
    shrink = ReLinearShrink(layer, kind="gradient", strength=0.5)
    before = shrink.state_dict()
    other = ReLinearShrink(QuadraticLinear(1, 2), kind="gradient", strength=0.5)
    for state, message in (
        ({}, r"state must hold 'before': got \[\]"),
        (ReLinearShrink(layer, kind="l2", strength=0.5).state_dict(), r"'gradient': got \[\]"),
        (other.state_dict(), r"shapes \[\[2, 2\], .* got \[\[2, 1\], \[2\]"),
    ):
        with pytest.raises(ValueError, match=message):
            shrink.load_state_dict(state)
    assert_close(shrink.state_dict(), before, rtol=0, atol=0)


def test_example():
    """Quadratic neurons help where products of inputs matter."""
    main = runpy.run_path(str(Path(__file__).parents[2] / "examples" / "upgrade_model.py"))["main"]
    quadratic, plain = main()
    assert quadratic < plain


@pytest.mark.parametrize("value", [float("inf"), float("nan"), "a", True])
def test_what_is_no_finite_number_is_refused(value):
    calls = {
        "lr": lambda: relinear_param_groups(network(), value),
        "gamma_square": lambda: relinear_param_groups(network(), 0.1, gamma_square=value),
        "weight_decay": lambda: relinear_param_groups(network(), 0.1, weight_decay=value),
        "strength": lambda: ReLinearShrink(network(), kind="l1", strength=value),
    }
    for name, call in calls.items():
        with pytest.raises((TypeError, ValueError)) as caught:
            call()
        assert str(caught.value) == f"{name} must be a finite number: got {value!r}"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: relinear_param_groups(network(), 0.1, gamma_square=1.5),
            r"gamma_square must lie in \[0, 1\]: got 1.5",
        ),
        (
            lambda: relinear_param_groups(network(), 0.1, gamma_interaction=-1),
            r"gamma_interaction must lie in \[0, 1\]: got -1",
        ),
        (
            lambda: relinear_param_groups(nn.Sequential(nn.Linear(2, 2), nn.ReLU()), 0.1),
            r"must have quadratic layers: got 1 Linear, 1 ReLU; call to_quadratic\(model\)",
        ),
        (
            lambda: ReLinearShrink(network(), kind="ridge", strength=0.1),
            "kind must be one of gradient, l2, l1: got 'ridge'",
        ),
        (
            lambda: ReLinearShrink(network(), kind="l2", strength=2),
            r"strength must lie in \[0, 1\]: got 2",
        ),
        (
            lambda: ReLinearShrink(network(), kind="l1", strength=-1),
            "strength must be at least 0: got -1",
        ),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()
