"""``KANLinear`` by looking up splines: the same numbers, and none of weights that have changed."""

import copy
import pickle

import pytest
import torch
from torch.fx.experimental.proxy_tensor import make_fx
from torch.testing import assert_close

from neurarium.cost import count_macs
from neurarium.neurons import KAN, BSpline, KANLinear
from neurarium.neurons import bspline_gather as gather

pytestmark = pytest.mark.filterwarnings("ignore:.*of the inputs lie beyond")


def double(*sizes, **arguments):
    torch.manual_seed(0)
    layer = KANLinear(*sizes, backend="gather", dtype=torch.float64, **arguments)
    torch.nn.init.normal_(layer.coefficients)
    return layer.eval()


def by_product(layer, x):
    plain = copy.deepcopy(layer)
    plain.backend = "gemm"
    return plain(x)


@torch.no_grad()
def agrees(layer, x, *, atol=1e-12):
    """Equal to all splines' product, and really looked up."""
    assert layer._gathers(layer.rows(x))
    assert_close(layer(x), by_product(layer, x), rtol=0, atol=atol, equal_nan=True)


def points(layer, count=40):
    """Inside, on knots, in the fading outer intervals, beyond the outermost knots."""
    knots = layer.basis.knots
    low, high = knots.amin(), knots.amax()
    width = high - low
    spread = torch.rand(count, layer.in_features, dtype=knots.dtype)
    wide = low - 0.2 * width + spread * 1.4 * width
    return torch.cat([wide, knots.mT, knots.mT.nextafter(low - 1), knots.mT.nextafter(high + 1)])


@pytest.mark.parametrize("degree", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("grid_size", [1, 2, 5, 16, 64])
def test_equals_the_product(degree, grid_size):
    layer = double(3, 4, degree=degree, grid_size=grid_size, grid_range=(-0.7, 1.9))
    agrees(layer, points(layer))
    layer.update_grid(torch.randn(300, 3, dtype=torch.float64))
    assert not layer.basis.uniform or grid_size == 1
    agrees(layer, points(layer))


@pytest.mark.parametrize("arguments", [{"bias": True}, {"norm": "layer"}, {"norm": "batch"}])
@pytest.mark.parametrize("base_activation", ["silu", None])
def test_other_parts_of_the_layer(arguments, base_activation):
    layer = double(5, 2, grid_size=16, base_activation=base_activation, **arguments)
    layer.mask = (torch.rand(2, 5) > 0.4).double()
    agrees(layer, points(layer).view(-1, 1, 5))
    assert layer(torch.zeros(0, 5, dtype=torch.float64)).shape == (0, 2)
    layer.spline_scale = None
    agrees(layer, points(layer))


@pytest.mark.parametrize("is_moved", [False, True])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), 1e30, -1e30])
def test_extreme_points(value, is_moved):
    layer = double(2, 3, grid_size=6, base_activation=None)
    if is_moved:
        layer.update_grid(torch.randn(100, 2, dtype=torch.float64))
    agrees(layer, torch.tensor([[0.1, value], [0.2, 0.3]], dtype=torch.float64))


def test_nothing_remains_outside():
    layer = double(3, 2, grid_size=8, base_activation=None)
    knots = layer.basis.knots
    with torch.no_grad():
        for x in (knots[:, 0], knots[:, -1], knots[:, 0] - 1, knots[:, -1] + 1):
            assert torch.equal(layer(x[None]), torch.zeros(1, 2, dtype=torch.float64))


def test_coinciding_knots():
    layer = double(1, 2, grid_size=5)
    layer.basis.set_knots(torch.tensor([[-1, -1, -1, -1, 0, 0, 0.5, 0.5, 1, 1, 1, 1.0]]))
    agrees(layer, points(layer))


def test_chunks(monkeypatch):
    layer, x = double(3, 2, grid_size=16), torch.rand(50, 3, dtype=torch.float64)
    with torch.no_grad():
        whole = layer(x)
        monkeypatch.setattr(gather, "CHUNK", 100)
        assert torch.equal(layer(x), whole)


def step(layer, x):
    with torch.enable_grad():
        layer(x).square().sum().backward()
    torch.optim.SGD(layer.parameters(), lr=0.1).step()


def assign_twice(layer, x):
    for _ in range(2):
        layer.coefficients.data = torch.randn_like(layer.coefficients)


def share_storage(layer, x):
    layer.coefficients = torch.nn.Parameter(layer.coefficients.data)
    while layer.coefficients._version < layer._table.held[0][0]._version:
        layer.coefficients.mul_(2)


def change_in_inference_mode(layer, x):
    with torch.inference_mode():
        layer.coefficients.mul_(2)


def other_degree(layer, x):
    layer.basis = BSpline(3, grid_size=17, degree=2).double()


def move_to_double(layer, x):
    layer.float()(x.float())
    layer.double()


CHANGES = {
    "step": step,
    "load": lambda layer, x: layer.load_state_dict(double(3, 4, grid_size=9).state_dict()),
    "extend": lambda layer, x: layer.extend_grid(32, x),
    "update": lambda layer, x: layer.update_grid(x),
    "reset": lambda layer, x: layer.reset_parameters(),
    "replace": lambda layer, x: setattr(
        layer, "coefficients", torch.nn.Parameter(torch.randn_like(layer.coefficients))
    ),
    "share": share_storage,
    "assign": assign_twice,
    "inference": change_in_inference_mode,
    "one": lambda layer, x: layer.coefficients[0, 0, 0].add_(1e-9),
    "scale": lambda layer, x: layer.spline_scale.neg_(),
    "no scale": lambda layer, x: setattr(layer, "spline_scale", None),
    "mask": lambda layer, x: setattr(layer, "mask", torch.eye(4, 3, dtype=torch.float64)),
    "move": move_to_double,
    "base": lambda layer, x: layer.base_weight.data.zero_(),
    "degree": other_degree,
}


@pytest.mark.parametrize("name", CHANGES)
def test_changes_are_seen(name):
    layer, x = double(3, 4, grid_size=16), torch.rand(60, 3, dtype=torch.float64) * 2 - 1
    with torch.no_grad():
        before = layer(x)
        CHANGES[name](layer, x)
        agrees(layer, x)
        if name not in ("extend", "update", "move"):
            assert not torch.equal(layer(x), before)


@pytest.mark.parametrize("announce", ["train", "eval"])
def test_changes_of_data_are_seen_after_train_or_eval(announce):
    model = KAN([3, 4], grid_size=16, backend="gather", base_activation=None).eval()
    x = torch.rand(6, 3)
    with torch.no_grad():
        before = model(x)
        model.layers[0].coefficients.data.mul_(2)
        getattr(model, announce)()
        assert torch.equal(model.eval()(x), 2 * before)


def test_the_table_is_kept_and_belongs_to_one_layer():
    layer, x = double(3, 4, grid_size=16), torch.rand(6, 3, dtype=torch.float64)
    names = list(layer.state_dict())
    with torch.no_grad():
        y = layer(x)
        kept = layer._table
        assert kept is not None
        assert torch.equal(layer(x), y)
        assert layer._table is kept
        assert list(layer.state_dict()) == names
        assert layer.take(inputs=torch.arange(2))._table is None
        for other in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
            assert other._table is None
            assert torch.equal(other(x), y)
            other.coefficients.zero_()
            assert not torch.equal(other(x), y)
            assert torch.equal(layer(x), y)
    for clear in (layer.double, layer.train, layer.eval):
        layer._table = kept
        assert clear()._table is None


def test_tables_of_inference_mode():
    layer, x = double(3, 4, grid_size=16), torch.rand(6, 3, dtype=torch.float64)
    with torch.inference_mode():
        y = layer(x)
    with torch.no_grad():
        assert torch.equal(layer(x), y)
    with torch.inference_mode():
        inner = double(3, 4, grid_size=16)
        assert not inner._gathers(x)  # changes of its weights are not counted
        before = inner(x)
        inner.coefficients.mul_(2)
        assert not torch.equal(inner(x), before)
        layer.mask = torch.zeros(4, 3, dtype=torch.float64)
        assert not layer(x).any()


def test_gradients_are_those_of_the_product():
    layer, x = double(3, 2, grid_size=16), torch.rand(9, 3, dtype=torch.float64)
    with torch.no_grad():
        layer(x)
    x.requires_grad_()
    plain = copy.deepcopy(layer)
    plain.backend = "gemm"
    for own, other in zip(
        torch.autograd.grad(layer(x).square().sum(), [x, *layer.parameters()]),
        torch.autograd.grad(plain(x).square().sum(), [x, *plain.parameters()]),
        strict=True,
    ):
        assert torch.equal(own, other)
    layer.requires_grad_(False)
    (own,) = torch.autograd.grad(layer(x).sum(), x)
    assert_close(own, torch.autograd.grad(plain(x).sum(), x)[0])


def test_who_gathers():
    layer, rows = KANLinear(8, 4, grid_size=64, backend="gather").eval(), torch.rand(16, 8)
    assert not layer._gathers(rows)
    with torch.no_grad():
        assert layer._gathers(rows)
        assert not layer.train()._gathers(rows)
        assert not KANLinear(8, 4, grid_size=64).eval()._gathers(rows)
        layer.eval()
        assert not layer._gathers(rows.to("meta"))
        by_row = torch.func.vmap(lambda row: layer(row[None])[0])(rows)
        assert_close(by_row, layer(rows), rtol=1e-5, atol=1e-5)
        assert "embedding_bag" not in make_fx(layer)(rows).code
    assert layer.requires_grad_(False)._gathers(rows)
    assert not layer._gathers(rows.clone().requires_grad_())
    layer.spline_scale.requires_grad_()
    assert not layer._gathers(rows)


def test_weights_computed_from_others_keep_their_gradient():
    layer = double(3, 2, grid_size=16, base_activation=None, spline_scale=False)
    torch.nn.utils.parametrize.register_parametrization(layer, "coefficients", torch.nn.Tanh())
    x = torch.rand(9, 3, dtype=torch.float64)
    assert layer(x).requires_grad
    agrees(layer, x)


def test_compiled():
    layer, x = double(3, 2, grid_size=16), torch.rand(9, 3).double()
    with torch.no_grad():
        compiled = torch.compile(layer, backend="eager", fullgraph=True)
        assert_close(compiled(x), layer(x))


def test_costs_do_not_depend_on_it():
    layers = [
        KANLinear(8, 8, grid_size=32, backend=backend).eval().requires_grad_(False)
        for backend in ("gemm", "gather")
    ]
    x = torch.rand(4, 8)
    assert count_macs(layers[0], x) == count_macs(layers[1], x)


def test_arguments():
    assert "backend" not in repr(KANLinear(2, 3))
    model = KAN([2, 3, 1], grid_size=4, backend="gather")
    assert repr(model).count("backend='gather'") == 2
    for wrong in ("scatter", None, 1):
        with pytest.raises(ValueError, match="backend must be one of 'gemm', 'gather'"):
            KANLinear(2, 3, backend=wrong)
    with pytest.raises(ValueError, match="backend must be 'gemm' for a basis Chebyshev"):
        KANLinear(2, 3, basis="chebyshev", backend="gather")
    assert isinstance(KANLinear(2, 3, basis=BSpline(2), backend="gather").basis, BSpline)
