import copy
import warnings

import pytest
import torch

from neurarium.neurons import KANConv2d, KANLinear, ReLUKANLinear


def assert_silent(layer, x):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        layer(x)


def test_inputs_beyond_the_grid_are_counted_and_announced_once():
    layer, x = KANLinear(2, 3), torch.tensor([[0.5, 30.0], [20.0, 40.0]])
    with pytest.warns(UserWarning, match=r"75% .* \[-1, 1\], where BSpline .* update_grid\(x\)"):
        layer(x)
    assert layer.share_outside(x) == 0.75
    assert_silent(layer, x)


@pytest.mark.parametrize("norm", ["layer", "batch"])
def test_normalised_inputs_are_not_announced(norm):
    assert_silent(KANLinear(30, 2, norm=norm), 100 + 50 * torch.randn(40, 30))
    assert_silent(KANLinear(30, 2), torch.nn.functional.layer_norm(torch.randn(40, 30), (30,)))


def test_a_grid_that_was_moved_to_the_inputs_reaches_them():
    x = torch.linspace(10, 90, 50)[:, None].repeat(1, 2)
    layer = KANLinear(2, 3)
    layer.update_grid(x)
    with pytest.warns(UserWarning, match=r"100% .* \[10, 90\]"):
        copy.deepcopy(layer)(torch.zeros(4, 2))
    assert_silent(layer, x)
    assert_silent(layer, torch.zeros(4, 2))  # only a layer's first inputs are looked at


def test_an_empty_batch_is_not_the_first_one():
    layer = KANLinear(2, 1)
    assert_silent(layer, torch.zeros(0, 2))
    with pytest.warns(UserWarning, match="100%"):
        layer(torch.full((3, 2), 9.0))


def test_a_trained_layer_is_not_looked_at_before_it_trains_on():
    layer, x = KANLinear(2, 1).eval(), torch.full((3, 2), 9.0)
    assert_silent(layer, x)
    with pytest.warns(UserWarning, match="100%"):
        layer.train()(x)


def test_each_feature_is_held_to_its_own_grid():
    layer = KANLinear(2, 1)
    low = torch.tensor([[0.0, 100.0]])
    layer.update_grid(low + torch.linspace(0, 1, 20)[:, None])
    swapped = torch.tensor([[100.5, 0.5]])
    with pytest.warns(UserWarning, match="100%"):
        layer(swapped)
    images = KANConv2d(2, 1, 1)
    images.basis.set_knots(layer.basis.knots)
    assert_silent(
        copy.deepcopy(images), torch.tensor([0.5, 100.5]).reshape(1, 2, 1, 1).expand(1, 2, 3, 3)
    )
    with pytest.warns(UserWarning, match="100%"):
        images(swapped.reshape(1, 2, 1, 1).expand(1, 2, 3, 3))


def test_windows_reach_as_far_as_they_are_not_zero():
    layer = ReLUKANLinear(1, 1, grid_size=5, order=3)
    inside = torch.tensor([[-0.59], [1.59]])
    assert (layer.basis(inside) > 0).any(-1).all()
    assert_silent(layer, inside)
    with pytest.warns(UserWarning, match=r"beyond \[-0\.6, 1\.6\], where ReLUWindow is 0"):
        ReLUKANLinear(1, 1, grid_size=5, order=3)(torch.tensor([[-0.61], [1.61]]))


def test_families_without_an_end_are_never_announced():
    for basis in ("fourier", "rbf", "rational"):
        assert_silent(KANLinear(1, 1, basis=basis), torch.full((3, 1), 50.0))


def test_what_is_compiled_or_mapped_is_not_looked_at():
    layer, x = KANLinear(2, 1), torch.full((3, 2), 9.0)
    assert_silent(torch.func.vmap(layer), x)
    assert_silent(torch.compile(layer, backend="eager", fullgraph=True), x)
    with pytest.warns(UserWarning, match="100%"):
        layer(x)
