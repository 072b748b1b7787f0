"""Every family: the authors' layers and closed forms; holds for any fixture of this form."""

import json
import math
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from scipy import special
from torch import nn
from torch.testing import assert_close

from neurarium.neurons import BASES, KANLinear
from neurarium.neurons.bases import Chebyshev, Fourier, Gram, Jacobi, ReLUWindow, Wavelet
from neurarium.neurons.wavelet import WAVELETS

FIXTURES = Path(os.environ.get("NEURARIUM_FIXTURES", Path(__file__).parents[1] / "fixtures"))
META = json.loads((FIXTURES / "s-kan.json").read_text())
TENSORS = load_file(FIXTURES / "s-kan.safetensors")


def parameter(case, name):
    return TENSORS[f"{case}.param.{name}"]


def shaped(coefficients):
    """Theirs, (in, out, K), as ours, (out, K, in)."""
    return coefficients.permute(1, 2, 0)


def flat(weight, functions):
    """Theirs, (out, in · K), as ours."""
    return weight.unflatten(1, (-1, functions)).mT


def layer_of(case, spec):
    """Our layer and what their layer does around it."""
    kind, kwargs = spec["layer"], spec["kwargs"]
    sizes = META["config"]["in_features"], META["config"]["out_features"]
    after = nn.Identity()
    if kind == "ChebyKANLayer":
        layer = KANLinear(*sizes, basis="chebyshev", squash="clamp", base_activation=None, **kwargs)
        weights = {"coefficients": shaped(parameter(case, "cheby_coeffs"))}
    elif kind in ("FastKANLayer", "FasterKANLayer"):
        basis, base = ("rbf", "silu") if kind == "FastKANLayer" else ("rswaf", None)
        count = len(parameter(case, "rbf.grid"))
        layer = KANLinear(
            *sizes, basis=basis, base_activation=None, norm="layer", grid_size=count, **kwargs
        )
        weights = {"coefficients": flat(parameter(case, "spline_linear.weight"), count)}
        layer.norm.load_state_dict(
            {k: parameter(case, f"layernorm.{k}") for k in ("weight", "bias")}
        )
        with torch.no_grad():
            layer.basis.centres.copy_(parameter(case, "rbf.grid"))
            if base is None:  # their forward pass forgets the denominator
                layer.basis.inverse_denominator.fill_(1)
    elif kind in ("GRAMLayer", "JacobiKANLayer"):
        name, coefficients = ("gram", "grams_basis_weights")
        if kind == "JacobiKANLayer":
            name, coefficients = ("jacobi", "jacobi_coeffs")
        degree = parameter(case, coefficients).shape[-1] - 1
        layer = KANLinear(*sizes, basis=name, degree=degree)
        weights = {
            "coefficients": shaped(parameter(case, coefficients)),
            "base_weight": parameter(case, "base_weights"),
        }
        if name == "gram":
            layer.basis.recurrence.data = parameter(case, "beta_weights")[1:degree]
        norm = nn.LayerNorm(sizes[1])
        norm.load_state_dict({k: parameter(case, f"norm.{k}") for k in ("weight", "bias")})
        after = nn.Sequential(norm, nn.SiLU())
    else:
        layer = KANLinear(*sizes)
        weights = {
            "coefficients": parameter(case, "spline_weight").mT,
            "base_weight": parameter(case, "base_weight"),
            "spline_scale": parameter(case, "spline_scaler"),
        }
    with torch.no_grad():
        for name, value in weights.items():
            getattr(layer, name).copy_(value)
    return layer, after


@pytest.mark.parametrize(
    "case", [case for case, spec in META["cases"].items() if spec["layer"] != "WavKANLayer"]
)
def test_parity(case):
    spec = META["cases"][case]
    layer, after = layer_of(case, spec)
    x = TENSORS["input"].clone().requires_grad_()
    inner = layer(x)
    if spec["layer"] == "FastKANLayer":  # their base branch is a linear layer of the raw input
        weight, bias = (parameter(case, f"base_linear.{k}") for k in ("weight", "bias"))
        inner = inner + nn.functional.linear(nn.functional.silu(x), weight, bias)
    output = after(inner)
    assert_close(output, TENSORS[f"{case}.output"], **META["tolerance"])
    output.backward(TENSORS["grad_output"])
    if spec["layer"] == "FasterKANLayer":  # while their backward pass has it
        x.grad *= parameter(case, "rbf.inv_denominator")
    assert_close(x.grad, TENSORS[f"{case}.grad_input"], **META["tolerance"])


@pytest.mark.parametrize("kind", ["mexican_hat", "morlet", "dog"])
def test_parity_of_wavelets_edge_by_edge(kind):
    """Theirs have a place and a width for every edge; one edge is a layer of one input."""
    case = {"mexican_hat": "wav_mexican", "morlet": "wav_morlet", "dog": "wav_dog"}[kind]
    if case not in META["cases"]:
        pytest.skip("not in this fixture")
    x = TENSORS["input"]
    sign = -1 if kind in ("mexican_hat", "dog") else 1  # theirs is upside down
    total = nn.functional.silu(x) @ parameter(case, "weight1").mT
    for o in range(total.shape[1]):
        for i in range(x.shape[1]):
            basis = Wavelet(1, kind=kind, grid_size=1)
            basis.translation.data.fill_(parameter(case, "translation")[o, i])
            basis.scale.data.fill_(parameter(case, "scale")[o, i])
            weight = parameter(case, "wavelet_weights")[o, i]
            total[:, o] += sign * weight * basis(x[:, i : i + 1])[:, 0, 0].detach()
    norm = nn.BatchNorm1d(total.shape[1]).eval()
    norm.load_state_dict({k: parameter(case, f"bn.{k}") for k in ("weight", "bias")}, strict=False)
    assert_close(norm(total).detach(), TENSORS[f"{case}.output"], **META["tolerance"])


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


def test_rbf_and_rswaf_peak_at_their_centres():
    for name in ("rbf", "rswaf"):
        basis = BASES[name](1)
        centres = basis.centres.detach()
        values = basis(centres[:, None])[:, 0]
        assert_close(values.diagonal().detach(), torch.ones(8))
        assert (values.argmax(1) == torch.arange(8)).all()


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
