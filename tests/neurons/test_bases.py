"""Every family by its closed form."""

import copy
import math

import pytest
import torch
from scipy import signal, special
from torch import nn
from torch.testing import assert_close

from neurarium.neurons import BASES, KANLinear, Rational
from neurarium.neurons.bases import Chebyshev, Fourier, Gram, Jacobi, ReLUWindow
from neurarium.neurons.wavelet import WAVELETS


def test_chebyshev_is_the_cosine_and_has_finite_slopes_at_the_ends():
    basis = Chebyshev(1, degree=7, squash=None)
    x = torch.linspace(-0.99, 0.99, 50, dtype=torch.float64)[:, None]
    wanted = torch.cos(torch.arange(8) * x.acos())
    assert_close(basis(x)[:, 0], wanted, rtol=0, atol=1e-12)
    ends = torch.tensor([[-1.0], [1.0]], dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(basis(ends)[:, 0, 7].sum(), ends)
    assert_close(slope, torch.full_like(slope, 49))  # T_n'(±1) = (±1)^{n−1} n²


@pytest.mark.parametrize(("alpha", "beta"), [(1.0, 1.0), (0.3, -0.4), (0.0, 0.0), (-0.5, -0.5)])
def test_jacobi_is_scipys(alpha, beta):
    x = torch.linspace(-1, 1, 21, dtype=torch.float64)[:, None]
    found = Jacobi(1, degree=6, alpha=alpha, beta=beta, squash=None)(x)[:, 0]
    wanted = [
        torch.from_numpy(special.eval_jacobi(n, alpha, beta, x[:, 0].numpy())) for n in range(7)
    ]
    assert_close(found, torch.stack(wanted, 1), rtol=1e-10, atol=1e-10)


def test_gram_without_recurrence_is_silu_of_powers():
    basis = Gram(1, degree=4, squash=None)
    nn.init.zeros_(basis.recurrence)
    x = torch.linspace(-1, 1, 9)[:, None]
    assert_close(basis(x)[:, 0], nn.functional.silu(x ** torch.arange(5)))
    nn.init.ones_(basis.recurrence)
    second = x[:, 0] ** 2 - 9 / 4  # β_1 = 1 · 3 · 3 / 4
    assert_close(basis(x)[:, 0, 2], nn.functional.silu(second))


def test_fourier_recurrence_is_direct_evaluation():
    x = torch.linspace(-30, 30, 500)[:, None]
    multiples = torch.arange(1, 9)
    wanted = torch.cat([torch.cos(multiples * x.double()), torch.sin(multiples * x.double())], 1)
    found = Fourier(1, grid_size=8)(x)[:, 0]
    assert (found - wanted).abs().max() < 1e-4
    exact = Fourier(1, grid_size=8)(x.double())[:, 0]
    assert_close(exact, wanted, rtol=0, atol=1e-11)


def test_relu_windows_are_smooth_bumps():
    basis = ReLUWindow(2, grid_size=3, order=3).double()
    assert_close(basis.low[0], torch.linspace(-1, 2 / 3, 6).double(), rtol=0, atol=1e-6)
    assert_close(basis.high - basis.low, torch.full((2, 6), 4 / 3).double(), rtol=0, atol=1e-6)
    middle = ((basis.low + basis.high) / 2).detach()[0]
    peaks = basis(middle[:, None].expand(-1, 2))[:, 0]
    assert_close(peaks.diagonal(), torch.ones(6).double(), rtol=0, atol=1e-5)
    edge = basis.high.detach()[0, 2]
    x = (edge + torch.tensor([-1e-6, 1e-6])).double()[:, None].requires_grad_()
    value = basis(x.expand(-1, 2))[:, 0, 2]
    (slope,) = torch.autograd.grad(value.sum(), x)
    assert value.abs().max() < 1e-9
    assert slope.abs().max() < 1e-4
    assert slope[1] == 0


def test_wavelets_by_their_formulas():
    u = torch.linspace(-3, 3, 61, dtype=torch.float64)
    assert_close(
        WAVELETS["mexican_hat"](u),
        2 / (math.sqrt(3) * math.pi**0.25) * (1 - u**2) * torch.exp(-(u**2) / 2),
    )
    for name in ("mexican_hat", "dog"):  # mean zero
        wide = torch.linspace(-12, 12, 4801, dtype=torch.float64)
        assert abs(torch.trapezoid(WAVELETS[name](wide), wide)) < 1e-9
    norm = torch.trapezoid(WAVELETS["mexican_hat"](wide) ** 2, wide)
    assert_close(norm, torch.ones_like(norm))
    v = torch.linspace(0, 0.5, 11, dtype=torch.float64)
    assert_close(WAVELETS["meyer"](v), torch.sin(math.pi * v))
    assert WAVELETS["meyer"](torch.tensor([1.0, -1.5])).abs().max() == 0
    assert WAVELETS["shannon"](torch.tensor([0.0])) == 1
    assert WAVELETS["shannon"](torch.tensor([7.0])) == 0


def test_meyers_fade_is_smooth_and_shares_one_with_its_mirror_image():
    """The squares of a fade and of its mirror image at 3/4 sum to 1."""
    v = torch.linspace(0.5, 0.999, 50, dtype=torch.float64, requires_grad=True)
    fade, mirrored = (WAVELETS["meyer"](u) / torch.sin(math.pi * u) for u in (v, 1.5 - v))
    (slope,) = torch.autograd.grad(fade.sum(), v)
    assert_close(fade**2 + mirrored**2, torch.ones_like(v))
    assert (fade.detach().diff() <= 0).all()
    assert slope[0].abs() < 1e-12
    assert slope[-1].abs() < 1e-3
    middle = torch.tensor([0.625], dtype=torch.float64)  # a quarter of the way: t = 1/4
    wanted = math.cos(math.pi / 2 * (35 / 4**4 - 84 / 4**5 + 70 / 4**6 - 20 / 4**7))
    assert_close(WAVELETS["meyer"](middle) / torch.sin(math.pi * middle), middle * 0 + wanted)


def test_shannons_window_is_hammings_over_four_zeros():
    u = torch.linspace(-2 * math.pi, 2 * math.pi, 41, dtype=torch.float64)[1:-1]
    wanted = torch.sinc(u / math.pi) * torch.from_numpy(signal.windows.hamming(41))[1:-1]
    assert_close(WAVELETS["shannon"](u), wanted)


def test_switches_are_one_less_squared_tanh_of_distance_times_inverse_width():
    basis = BASES["rswaf"](1)
    centres = basis.centres.detach()
    assert_close(centres, torch.linspace(-1.2, 0.2, 8))
    x = torch.linspace(-3, 3, 13)
    wanted = [[1 - math.tanh(0.5 * (float(t) - c)) ** 2 for c in centres.tolist()] for t in x]
    assert_close(basis(x[:, None])[:, 0].detach(), torch.tensor(wanted))


def test_rbf_and_rswaf_peak_at_their_centres():
    for name in ("rbf", "rswaf"):
        basis = BASES[name](1)
        centres = basis.centres.detach()
        values = basis(centres[:, None])[:, 0]
        assert_close(values.diagonal().detach(), torch.ones(8))
        assert (values.argmax(1) == torch.arange(8)).all()


@pytest.mark.parametrize("degrees", [(5, 4), (2, 4), (3, 3), (1, 2)])
def test_rational_units_are_their_formula_however_large_the_input(degrees):
    """Q(x) = 1 + Σ|b_i||x|^i leaves float16 at 20 and float32 at 1e10; the quotients do not."""
    torch.manual_seed(0)
    degree, below = degrees
    basis = Rational(1, degree=degree, denominator_degree=below, dtype=torch.float64)
    x = torch.cat([torch.linspace(-20, 20, 81), torch.tensor([1.0, -1.0])])[:, None].double()
    x.requires_grad_()
    b = basis.denominator.detach().abs()[0]
    q = 1 + (b * x.abs() ** torch.arange(1, below + 1)).sum(-1)
    wanted = x ** torch.arange(degree + 1) / q[:, None]
    found = basis(x)[:, 0]
    assert_close(found, wanted)
    gradient = torch.randn_like(found)
    for ours, theirs in zip(
        torch.autograd.grad(found, x, gradient), torch.autograd.grad(wanted, x, gradient),
        strict=True,
    ):  # fmt: skip
        assert_close(ours, theirs)
    half = Rational(1, degree=degree, denominator_degree=below, dtype=torch.float16)
    half.load_state_dict(basis.state_dict())
    assert_close(half(x.detach().half())[:, 0].double(), found.detach(), rtol=0.02, atol=1e-4)
    far, single = torch.tensor([[1e10]], dtype=torch.float64), copy.deepcopy(basis).float()
    assert_close(single(far.float()).double(), basis(far), rtol=1e-5, atol=1e-40)


@pytest.mark.parametrize("name", BASES)
def test_features_can_be_taken(name):
    basis = BASES[name](4)
    with torch.no_grad():
        for p in basis.parameters():
            p.add_(0.1 * torch.rand_like(p))
    x = torch.rand(6, 4)
    chosen = torch.tensor([3, 1])
    assert_close(basis.take(chosen)(x[:, chosen]), basis(x)[:, chosen])


def test_unknown_names_list_the_known_ones():
    with pytest.raises(ValueError, match=r"basis must be one of bspline, rbf, .*: got 'haar'"):
        KANLinear(2, 2, basis="haar")
    with pytest.raises(ValueError, match="degree must not be given for basis 'rbf': got 3"):
        KANLinear(2, 2, basis="rbf", degree=3)
    with pytest.raises(ValueError, match="basis must have 2 features: got one of 3"):
        KANLinear(2, 2, basis=Chebyshev(3))
    with pytest.raises(ValueError, match="degree must not be given beside a basis"):
        KANLinear(2, 2, basis=Chebyshev(2), degree=3)
