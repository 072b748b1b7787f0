"""``KANConv2d``: one evaluation of the map is the evaluation of every patch."""

import pytest
import torch
from torch.autograd import gradcheck, gradgradcheck
from torch.nn import functional as F
from torch.testing import assert_close

from neurarium.cost import count_macs, count_parameters
from neurarium.neurons import (
    BASES,
    KANConv2d,
    KANLinear,
    SelectableKANConv2d,
    SelectableKANLinear,
)


@pytest.mark.parametrize(
    "geometry",
    [
        {"kernel_size": 3},
        {"kernel_size": (2, 3), "stride": (2, 1), "padding": (0, 2)},
        {"kernel_size": 3, "padding": 2, "dilation": 2, "stride": 3},
    ],
)
@pytest.mark.parametrize("basis", ["bspline", "chebyshev", "rbf"])
def test_is_the_layer_on_every_patch(geometry, basis):
    """Padding comes before the functions: most are not 0 at 0."""
    conv = KANConv2d(2, 3, basis=basis, bias=True, dtype=torch.float64, **geometry)
    torch.nn.init.normal_(conv.bias)
    x = torch.randn(2, 2, 7, 6, dtype=torch.float64)
    height, width = conv.kernel_size
    taps = 2 * height * width
    layer = KANLinear(taps, 3, basis=basis, dtype=torch.float64)
    weight = conv.tap_weight().flatten(2)
    with torch.no_grad():
        layer.base_weight.copy_(weight[:, 0])
        layer.coefficients.copy_(weight[:, 1:])
        if layer.spline_scale is not None:
            layer.spline_scale.fill_(1)
    patches = F.unfold(x, conv.kernel_size, conv.dilation, conv.padding, conv.stride)
    wanted = layer(patches.mT).mT + conv.bias[:, None]
    assert_close(conv(x).flatten(2), wanted)


@pytest.mark.parametrize("basis", ["bspline", "gram", "mexican_hat"])
def test_gradients(basis):
    conv = KANConv2d(2, 2, 2, basis=basis, dtype=torch.float64)
    x = torch.rand(1, 2, 3, 3, dtype=torch.float64, requires_grad=True)
    assert gradcheck(lambda x, *_: conv(x), (x, *conv.parameters()), fast_mode=True)
    assert gradgradcheck(lambda x, *_: conv(x), (x, *conv.parameters()), atol=1e-4, fast_mode=True)


def test_one_by_one_is_the_layer_for_each_pixel():
    conv, layer = KANConv2d(3, 4, 1), KANLinear(3, 4)
    with torch.no_grad():
        layer.coefficients.copy_(conv.coefficients[..., 0, 0])
        layer.base_weight.copy_(conv.base_weight[..., 0, 0])
        layer.spline_scale.copy_(conv.spline_scale[..., 0, 0])
    x = torch.randn(2, 3, 5, 4)
    assert_close(conv(x).movedim(1, -1), layer(x.movedim(1, -1)))


def test_counts():
    conv = KANConv2d(3, 4, 3)
    assert count_parameters(conv) == 3 * 4 * 9 * (5 + 3 + 2)
    assert count_macs(conv, torch.rand(1, 3, 5, 5)).total == 9 * (3 * 4 * 9) * (5 + 3 + 1)


@pytest.mark.parametrize("basis", BASES)
def test_starts_with_outputs_of_unit_order(basis):
    torch.manual_seed(0)
    conv = KANConv2d(8, 8, 3, basis=basis, base_activation=None, spline_scale=False)
    y = conv(torch.randn(4, 8, 12, 12))
    assert 1e-4 < y.std() < 4


@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        (torch.zeros(2, 3, 5, 5, dtype=torch.uint8), TypeError, "x must be floating point"),
        (torch.zeros(2, 4, 5, 5), ValueError, "x must have 3 features in its second dimension"),
        (torch.zeros(2, 3, 5), ValueError, r"x must be images \(B, C, H, W\)"),
    ],
)
def test_bad_inputs(x, error, message):
    with pytest.raises(error, match=message):
        KANConv2d(3, 2, 3)(x)


@pytest.mark.parametrize(
    ("activation", "message"),
    [
        (torch.nn.PReLU(), "base_activation must have no parameters"),
        ("softmax", "base_activation must take every value on its own: got 'softmax'"),
    ],
)
@pytest.mark.parametrize(
    "make",
    [
        lambda a: KANConv2d(3, 2, 3, base_activation=a),
        lambda a: SelectableKANConv2d(3, 2, 3, base_activation=a),
        lambda a: SelectableKANLinear(3, 2, base_activation=a),
    ],
)
def test_base_functions_that_mix_or_are_not_trained_are_refused(make, activation, message):
    with pytest.raises(ValueError, match=message):
        make(activation)
