"""Quadratic layers: the linear start, closed forms, gradients, conversion."""

import copy

import pytest
import torch
from torch import nn
from torch.autograd import forward_ad, gradcheck, gradgradcheck
from torch.nn import functional as F
from torch.testing import assert_close
from torch.utils.checkpoint import checkpoint

from neurarium.baselines import ResNet
from neurarium.cost import count_parameters
from neurarium.neurons import (
    QuadraticConv1d,
    QuadraticConv2d,
    QuadraticLinear,
    to_quadratic,
)

pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")  # torch's
BOTH = pytest.mark.parametrize("mode", ["full", "compact"])
CONVOLUTIONS = {
    "plain": nn.Conv2d(3, 4, 3, dtype=torch.float64),
    "strided groups": nn.Conv2d(4, 6, 3, stride=2, padding=1, groups=2, dtype=torch.float64),
    "dilated": nn.Conv2d(2, 3, (3, 1), dilation=(2, 1), bias=False, dtype=torch.float64),
    "same": nn.Conv2d(2, 3, 3, padding="same", dtype=torch.float64),
    "uneven": nn.Conv2d(2, 3, (2, 4), padding="same", dilation=(1, 3), dtype=torch.float64),
    "circular": nn.Conv2d(2, 3, 3, 2, (1, 2), padding_mode="circular", dtype=torch.float64),
    "reflected": nn.Conv1d(2, 3, 4, padding="same", padding_mode="reflect", dtype=torch.float64),
    "replicated": nn.Conv2d(2, 3, 3, padding=2, padding_mode="replicate", dtype=torch.float64),
    "sequence": nn.Conv1d(3, 4, 5, padding=2, stride=2, dtype=torch.float64),
}


def moved(layer, scale=0.3):
    """Away from the linear point, so that every term matters."""
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.add_(scale * torch.randn_like(parameter))
    return layer


@BOTH
def test_the_start_is_the_linear_layer_bit_for_bit(mode):
    """Property 1, with the gradients of W_r, b_r and x."""
    torch.manual_seed(0)
    linear = nn.Linear(7, 5)
    layer = QuadraticLinear.from_linear(linear, mode=mode)
    x = torch.randn(4, 3, 7)
    ours, theirs = x.clone().requires_grad_(), x.clone().requires_grad_()
    out, expected = layer(ours), linear(theirs)
    assert torch.equal(out, expected)
    gradient = torch.randn_like(out)
    out.backward(gradient)
    expected.backward(gradient)
    assert_close(ours.grad, theirs.grad, rtol=1e-6, atol=1e-6)
    assert_close(layer.linear_weight.grad, linear.weight.grad, rtol=1e-6, atol=1e-6)
    assert_close(layer.linear_bias.grad, linear.bias.grad, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", CONVOLUTIONS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@BOTH
def test_the_start_is_the_convolution(name, dtype, mode):
    """Property 1 for convolutions: output bit for bit, gradients of x, W_r and b_r."""
    torch.manual_seed(0)
    conv = copy.deepcopy(CONVOLUTIONS[name]).to(dtype)
    layer = to_quadratic(conv, mode=mode)
    size = (9,) if isinstance(conv, nn.Conv1d) else (6, 7)
    x = torch.randn(2, conv.in_channels, *size, dtype=dtype)
    ours, theirs = x.clone().requires_grad_(), x.clone().requires_grad_()
    out, expected = layer(ours), conv(theirs)
    assert torch.equal(out, expected)
    gradient = torch.randn_like(out)
    out.backward(gradient)
    expected.backward(gradient)
    within = {"rtol": 1e-5, "atol": 1e-5} if dtype == torch.float32 else {}
    assert_close(ours.grad, theirs.grad, **within)
    assert_close(layer.linear_weight.grad, conv.weight.grad, **within)
    if conv.bias is not None:
        assert_close(layer.linear_bias.grad, conv.bias.grad, **within)


@BOTH
def test_the_start_in_half_precision_is_the_linear_layer_up_to_rounding(mode):
    torch.manual_seed(0)
    linear = nn.Linear(64, 32).half()
    x = torch.randn(20, 64).half()
    assert_close(to_quadratic(linear, mode=mode)(x), linear(x), rtol=1e-2, atol=2e-3)


def test_the_start_has_a_gradient_for_the_interaction():
    """Property 3: (dq ⊙ R)^T x."""
    torch.manual_seed(0)
    layer = QuadraticLinear(4, 3, dtype=torch.float64)
    x, dq = torch.randn(6, 4, dtype=torch.float64), torch.randn(6, 3, dtype=torch.float64)
    layer(x).backward(dq)
    product = F.linear(x, layer.linear_weight, layer.linear_bias).detach()
    assert_close(layer.interaction_weight.grad, (dq * product).T @ x)
    assert_close(layer.square_weight.grad, dq.T @ x.square())
    assert layer.interaction_weight.grad.abs().min() > 0


def test_one_neuron_computes_xor():
    """Property 6."""
    layer = QuadraticLinear(2, 1)
    with torch.no_grad():
        layer.linear_weight.copy_(torch.tensor([[1.0, 0.0]]))
        layer.interaction_weight.copy_(torch.tensor([[0.0, 1.0]]))
        layer.linear_bias.zero_()
        layer.interaction_bias.zero_()
    x = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
    assert torch.equal(layer(x)[:, 0], x[:, 0] * x[:, 1])


@BOTH
def test_exactly_quadratic_along_every_line(mode):
    """Property 7: third differences vanish, second ones are 2 (w_r·d)(w_g·d) + 2 w_b·d²."""
    torch.manual_seed(0)
    layer = moved(QuadraticLinear(5, 4, mode=mode, dtype=torch.float64))
    start, direction = torch.randn(2, 5, dtype=torch.float64)
    with torch.no_grad():
        values = layer(start + torch.arange(6, dtype=torch.float64)[:, None] * direction)
    second = values.diff(n=2, dim=0)
    expected = 2 * layer.square_weight @ direction.square()
    if mode == "full":
        factors = layer.linear_weight @ direction, layer.interaction_weight @ direction
        expected = expected + 2 * factors[0] * factors[1]
    assert_close(second, expected.expand_as(second))
    assert values.diff(n=3, dim=0).abs().max() < 1e-9


@BOTH
@pytest.mark.parametrize("bias", [True, False])
def test_gradients_of_the_linear_layer(mode, bias):
    torch.manual_seed(0)
    layer = moved(QuadraticLinear(3, 2, bias, mode=mode, dtype=torch.float64))
    names, values = zip(*layer.named_parameters(), strict=True)

    def through(x, *parameters):
        return torch.func.functional_call(layer, dict(zip(names, parameters, strict=True)), (x,))

    for shape in ((2, 2, 3), (3,)):
        arguments = (torch.randn(shape, dtype=torch.float64, requires_grad=True), *values)
        assert gradcheck(through, arguments)
        assert gradgradcheck(through, arguments)


@pytest.mark.parametrize("name", CONVOLUTIONS)
@BOTH
def test_convolutions_against_three_convolutions(name, mode):
    """Outputs and gradients; and conversion leaves the output as it was (property 8)."""
    torch.manual_seed(0)
    conv = CONVOLUTIONS[name]
    kind = QuadraticConv1d if isinstance(conv, nn.Conv1d) else QuadraticConv2d
    layer = kind.from_conv(conv, mode=mode)
    size = (9,) if kind is QuadraticConv1d else (6, 7)
    x = torch.randn(2, conv.in_channels, *size, dtype=torch.float64, requires_grad=True)
    assert torch.equal(layer(x), conv(x))
    moved(layer)

    def branch(x, weight, bias):
        twin = copy.deepcopy(conv)
        named = {"weight": weight} if bias is None else {"weight": weight, "bias": bias}
        twin.bias = None if bias is None else nn.Parameter(bias.detach().clone())
        return torch.func.functional_call(twin, named, (x,))

    expected = branch(x, layer.linear_weight, layer.linear_bias)
    if mode == "full":
        expected = expected * branch(x, layer.interaction_weight, layer.interaction_bias)
    expected = expected + branch(x * x, layer.square_weight, layer.square_bias)
    out = layer(x)
    assert_close(out, expected)
    leaves, gradient = (x, *layer.parameters()), torch.randn_like(out)
    assert_close(
        torch.autograd.grad(out, leaves, gradient), torch.autograd.grad(expected, leaves, gradient)
    )


def test_only_wanted_gradients_are_computed_and_second_ones_are_right():
    torch.manual_seed(0)
    layer = moved(QuadraticConv2d(2, 2, 3, dtype=torch.float64))
    layer.linear_weight.requires_grad_(False)
    x = torch.randn(1, 2, 4, 4, dtype=torch.float64, requires_grad=True)
    assert gradcheck(layer, (x,))
    assert gradgradcheck(layer, (x,))
    layer(x).sum().backward()
    assert layer.linear_weight.grad is None
    assert layer.interaction_weight.grad is not None


@BOTH
@pytest.mark.parametrize("use_reentrant", [True, False])
def test_gradient_checkpointing(mode, use_reentrant):
    torch.manual_seed(0)
    layer = moved(QuadraticLinear(4, 3, mode=mode, dtype=torch.float64))
    x = torch.randn(5, 4, dtype=torch.float64, requires_grad=True)
    checkpoint(layer, x, use_reentrant=use_reentrant).square().sum().backward()
    found = [x.grad, *(p.grad for p in layer.parameters())]
    expected = torch.autograd.grad(layer(x).square().sum(), (x, *layer.parameters()))
    assert_close(found, list(expected))


@pytest.mark.filterwarnings(
    "ignore:.torch.jit.script. is deprecated:DeprecationWarning"
)  # torch's own
def test_dual_numbers_pass_through():
    """Forward mode of ``torch.autograd``, against the central difference of a quadratic."""
    torch.manual_seed(0)
    layer = moved(QuadraticLinear(4, 3, dtype=torch.float64))
    x, direction = torch.randn(2, 5, 4, dtype=torch.float64)
    with forward_ad.dual_level():
        tangent = forward_ad.unpack_dual(layer(forward_ad.make_dual(x, direction))).tangent
    assert_close(tangent, (layer(x + direction) - layer(x - direction)) / 2)


@pytest.mark.parametrize("padding", ["same", "valid"])
def test_padding_by_name_is_that_of_torch(padding):
    torch.manual_seed(0)
    for ours, theirs, size in (
        (QuadraticConv1d, nn.Conv1d, (9,)),
        (QuadraticConv2d, nn.Conv2d, (7, 8)),
    ):
        conv = theirs(2, 3, 3, padding=padding, dilation=2)
        layer = ours(2, 3, 3, padding=padding, dilation=2)
        x = torch.randn(1, 2, *size)
        assert layer(x).shape == conv(x).shape
        assert torch.equal(ours.from_conv(conv)(x), conv(x))


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_one_image_is_a_batch_of_one(name):
    torch.manual_seed(0)
    layer = moved(to_quadratic(copy.deepcopy(CONVOLUTIONS[name])))
    size = (9,) if isinstance(layer, QuadraticConv1d) else (8, 9)
    x = torch.randn(layer.in_channels, *size, dtype=torch.float64)
    assert torch.equal(layer(x), layer(x[None])[0])


@pytest.mark.parametrize("init", ["relinear", "random"])
def test_convolutions_start_kaiming_normal(init):
    torch.manual_seed(0)
    layer = QuadraticConv2d(64, 128, 3, padding=1, init=init)
    drawn = [layer.linear_weight]
    drawn += [layer.interaction_weight, layer.square_weight] * (init == "random")
    for weight in drawn:
        scaled = weight.detach().flatten() * (64 * 9 / 2) ** 0.5  # 2 / fan-in is the variance
        assert abs(scaled.mean()) < 0.02
        assert abs(scaled.std() - 1) < 0.02
        assert abs((scaled.abs() > 1.96).float().mean() - 0.05) < 0.005  # normal, not uniform
        assert not torch.equal(weight, layer.linear_weight) or weight is layer.linear_weight
    if init == "relinear":
        assert layer.interaction_weight.abs().max() == layer.square_weight.abs().max() == 0


def test_double_precision_stays_under_autocast():
    """As ``nn.Linear``, which autocast leaves alone in double precision."""
    layer = moved(QuadraticLinear(4, 3, dtype=torch.float64))
    x = torch.randn(5, 4, dtype=torch.float64)
    with torch.autocast("cpu", torch.bfloat16):
        found = layer(x)
    assert torch.equal(found, layer(x))


def test_layers_with_hooks_can_be_left_out():
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 2))
    model[0].register_forward_hook(lambda module, inputs, output: 2 * output)
    x = torch.randn(4, 3)
    with pytest.raises(ValueError, match="got some at 0; name it in skip"):
        to_quadratic(model)
    assert torch.equal(to_quadratic(model, skip=["0"])(x), model(x))


def test_less_is_kept_than_by_autograd():
    """x and the two factors; autograd keeps x² too."""
    layer, x = QuadraticLinear(64, 64), torch.randn(512, 64, requires_grad=True)
    kept = {}

    def pack(tensor):
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        layer(x)
    own = {p.untyped_storage().data_ptr() for p in layer.parameters()}
    assert sum(v for k, v in kept.items() if k not in own) == 3 * 512 * 64 * 4


def test_half_precision_does_not_overflow_inside():
    """(200 · 200) · 1 · 2 − 40 000 = 40 000 fits float16, 80 000 on the way does not."""
    layer = QuadraticLinear(1, 1)
    with torch.no_grad():
        for parameter, value in zip(
            layer.parameters(), (1.0, 0.0, 2.0, 0.0, -1.0, 0.0), strict=True
        ):
            parameter.fill_(value)
    x = torch.tensor([[200.0]])
    assert layer.half()(x.half()).item() == 40_000
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert layer.float()(x).item() == 40_000


@BOTH
def test_squares_that_leave_half_precision_do_not_matter(mode):
    """300² is beyond float16; at the linear start its weight is 0, and it has a gradient."""
    layer, x = QuadraticLinear(1, 1, mode=mode), torch.tensor([[300.0]])
    expected = layer(x).item()
    half = copy.deepcopy(layer).half()
    assert half(x.half()).item() == pytest.approx(expected, rel=1e-2)
    with torch.autocast("cpu", dtype=torch.float16):
        out = layer(x)
    out.backward()
    assert layer.square_weight.grad.item() == 90_000
    if mode == "full":  # torch would have the backward pass outside
        for again in (False, True):
            with torch.autocast("cpu", dtype=torch.float16):
                (found,) = torch.autograd.grad(layer(x), layer.square_weight, create_graph=again)
            assert found.item() == 90_000


def test_batches_of_gradients():
    layer = moved(QuadraticLinear(3, 2, dtype=torch.float64))
    x = torch.randn(4, 3, dtype=torch.float64)
    jacobian = torch.autograd.functional.jacobian
    assert_close(jacobian(layer, x, vectorize=True), jacobian(layer, x))


def test_layers_on_the_meta_device():
    with torch.device("meta"):
        layer, x = QuadraticConv2d(2, 3, 3), torch.empty(4, 2, 6, 6)
        assert layer(x).shape == (4, 3, 4, 4)


@pytest.mark.parametrize("make", [lambda: nn.Linear(9, 4000), lambda: nn.Conv1d(3, 4000, 3)])
def test_biases_start_as_torchs_and_a_random_start_draws_everything(make):
    torch.manual_seed(0)
    plain = make()
    layer = to_quadratic(plain, init="random")
    for bias in (layer.linear_bias, layer.interaction_bias, layer.square_bias):
        assert 0.99 / 3 < bias.abs().max() <= 1 / 3
        assert abs(bias.std() * 3**1.5 - 1) < 0.05  # uniform
    assert not torch.equal(layer.linear_weight, plain.weight)
    assert min(p.std() for p in layer.parameters()) > 0.1


def test_published_sizes():
    """QResNet-20, full and compact, without counting the classifier and the first layer thrice."""
    model = ResNet(3, 10, num_layers=20, bias=True)
    for mode, expected in (("full", 806_266), ("compact", 538_330)):
        assert count_parameters(to_quadratic(model, skip=("stem", "out"), mode=mode)) == expected


def test_conversion_keeps_sharing_flags_and_mode():
    shared = nn.Linear(4, 4)
    shared.bias.requires_grad_(False)
    model = nn.Sequential(shared, nn.ReLU(), shared, nn.Linear(4, 2)).eval()
    quadratic = to_quadratic(model, skip=["3"])
    assert quadratic[0] is quadratic[2]
    assert not quadratic[0].linear_bias.requires_grad
    assert not quadratic[0].training
    assert type(quadratic[3]) is nn.Linear
    assert type(model[0]) is nn.Linear
    assert to_quadratic(model, inplace=True) is model
    x = torch.randn(3, 4)
    assert torch.equal(quadratic(x), model(x))
    twin = to_quadratic(nn.Sequential(shared, nn.ReLU(), shared, nn.Linear(4, 2)), skip=["3"])
    twin.load_state_dict(moved(quadratic).state_dict())
    assert torch.equal(twin(x), quadratic(x))


class Tied(nn.Module):
    """An embedding whose weights the last layer uses too."""

    def __init__(self):
        super().__init__()
        self.embedding, self.inner = nn.Embedding(7, 4), nn.Linear(4, 4)
        self.head = nn.Linear(4, 7, bias=False)
        self.head.weight = self.embedding.weight


def test_tied_parameters_are_not_untied():
    for skip in ((), ("inner",)):
        with pytest.raises(ValueError, match=r"tied embedding.weight and head.weight; name their"):
            to_quadratic(Tied(), skip=skip)
    kept = to_quadratic(Tied(), skip=["head"])
    assert kept.head.weight is kept.embedding.weight
    assert type(kept.inner) is QuadraticLinear
    first, second = nn.Linear(4, 4), nn.Linear(4, 4)
    second.weight = first.weight
    model = nn.Sequential(first, second)
    with pytest.raises(ValueError, match=r"got the tied 0.weight and 1.weight"):
        to_quadratic(model, skip=["0"], inplace=True)
    assert model[0] is first
    assert model[1] is second
    with pytest.raises(ValueError, match=r"got the tied 0.weight and 2.weight"):
        to_quadratic(nn.Sequential(first, nn.ReLU(), first), skip=["2"])


def test_layers_that_do_something_else_are_left_alone():
    attention = nn.MultiheadAttention(4, 2)
    with pytest.raises(ValueError, match="got 1 NonDynamicallyQuantizableLinear"):
        to_quadratic(attention)


def test_random_start_draws_every_branch():
    torch.manual_seed(0)
    layer = to_quadratic(nn.Linear(100, 50), init="random")
    assert 0.05 < layer.interaction_weight.std() < 0.07
    assert 0.05 < layer.square_weight.std() < 0.07
    assert layer.interaction_bias.abs().max() < 0.1


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: QuadraticLinear(3, 2)(torch.ones(2, 4)), ValueError, "must have 3 features in"),
        (lambda: QuadraticLinear(3, 2)(torch.ones(3).int()), TypeError, "use .float()"),
        (
            lambda: QuadraticConv2d.from_conv(nn.ConvTranspose2d(2, 2, 3)),
            TypeError,
            "got ConvTranspose2d; transposed convolutions have no quadratic form",
        ),
        (
            lambda: QuadraticConv2d(2, 2, 3, padding_mode="mirror"),
            ValueError,
            "padding_mode must be one of 'zeros', 'reflect', 'replicate', 'circular': got 'mirror'",
        ),
        (
            lambda: QuadraticConv2d(2, 2, 3, padding="full"),
            ValueError,
            "padding must be 'same', 'valid' or whole numbers: got 'full'",
        ),
        (
            lambda: QuadraticConv1d(2, 2, 3, padding="same", stride=2),
            ValueError,
            "stride must be 1 where padding is 'same': got [2]",
        ),
        (lambda: QuadraticLinear.from_linear(nn.ReLU()), TypeError, "must be an nn.Linear"),
        (lambda: QuadraticConv2d(2, 2, 3)(torch.ones(5, 2)), ValueError, "images (B, C, H, W) or"),
        (
            lambda: QuadraticConv2d(2, 2, 3)(torch.ones(4, 5, 5)),
            ValueError,
            "x must have 2 features in its first dimension: got shape [4, 5, 5]",
        ),
        (
            lambda: to_quadratic(nn.Sequential(torch.nn.utils.spectral_norm(nn.Linear(2, 2)))),
            ValueError,
            "layers to convert must have no hooks, such as those of spectral_norm, and no forward "
            "of their own: got some at 0;",
        ),
        (lambda: to_quadratic(nn.ReLU()), ValueError, "to convert: got 1 ReLU"),
        (lambda: to_quadratic(nn.Linear(2, 2), skip=["x"]), ValueError, "skip must name modules"),
        (
            lambda: to_quadratic(nn.Linear(2, 2), init="rand"),
            ValueError,
            "init must be 'relinear' or 'random': got 'rand'",
        ),
        (
            lambda: to_quadratic(nn.Sequential(nn.Linear(2, 2)), skip=(n for n in ["0"])),
            TypeError,
            "skip must be a collection of names: got <generator object",
        ),
        (lambda: to_quadratic(nn.Linear(2, 2), skip=[""]), ValueError, "model must have layers of"),
        (
            lambda: to_quadratic(nn.Sequential(nn.Linear(2, 2)), skip="0"),
            TypeError,
            "skip must be a collection of names: got '0'; write ['0']",
        ),
        (
            lambda: to_quadratic(nn.Linear(2, 2), types=nn.Linear),
            TypeError,
            "types must be a tuple: got Linear; write (nn.Linear,)",
        ),
        (
            lambda: to_quadratic(nn.ReLU(), types=(nn.ConvTranspose2d,)),
            TypeError,
            "got ConvTranspose2d",
        ),
    ],
)
def test_bad_input(call, error, message):
    with pytest.raises(error) as caught:
        call()
    assert message in str(caught.value)
