"""S-KAN's families against the candidate layers of its authors; for any fixture of this form."""

import json
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional as F
from torch.testing import assert_close

from neurarium.neurons import KANLinear, ReLUKANLinear
from neurarium.neurons.bases import Wavelet

FIXTURES = Path(os.environ.get("NEURARIUM_FIXTURES", Path(__file__).parents[1] / "fixtures"))
META = json.loads((FIXTURES / "s-kan.json").read_text())
TENSORS = load_file(FIXTURES / "s-kan.safetensors")
UPSIDE_DOWN = ("mexican_hat", "dog")


def parameters(case):
    """The authors' parameters of a case by their names."""
    prefix = f"{case}.param."
    return {k.removeprefix(prefix): v for k, v in TENSORS.items() if k.startswith(prefix)}


def filled(layer, **weights):
    """The layer with these weights, whose shapes must fit."""
    with torch.no_grad():
        for name, value in weights.items():
            own = layer.get_parameter(name)
            assert own.shape == value.shape, name
            own.copy_(value)
    return layer


def flat(weight, functions):
    """Theirs, (out, in · K), as ours, (out, K, in)."""
    return weight.unflatten(1, (-1, functions)).mT


def named(given, prefix):
    """Parameters of one of their parts."""
    return {k.removeprefix(prefix): v for k, v in given.items() if k.startswith(prefix)}


def affine(given, prefix):
    """Their linear layer of SiLU, 0 where they have none."""
    part = named(given, prefix)
    return (lambda x: F.linear(F.silu(x), part["weight"], part["bias"])) if part else lambda x: 0


def chebyshev(given, sizes, kwargs):
    coefficients = given["cheby_coeffs"].permute(1, 2, 0)
    layer = KANLinear(
        *sizes,
        basis="chebyshev",
        degree=coefficients.shape[1] - 1,
        squash="clamp",
        base_activation=None,
    )
    return filled(layer, coefficients=coefficients)


def gaussian(given, sizes, kwargs):
    """FastKAN; its base branch sees the raw input."""
    grid, base = given["rbf.grid"], affine(given, "base_linear.")
    ends = grid[0].item(), grid[-1].item()
    layer = KANLinear(
        *sizes,
        basis="rbf",
        base_activation=None,
        norm="layer",
        grid_size=len(grid),
        grid_range=ends,
    )
    layer.norm.load_state_dict(named(given, "layernorm."))
    filled(layer, coefficients=flat(given["spline_linear.weight"], len(grid)))
    return lambda x: layer(x) + base(x)


def plain_gaussian(given, sizes, kwargs):
    """The same without normalisation."""
    grid, base = given["rbf_linear.grid"], affine(given, "base_linear.")
    ends = grid[0].item(), grid[-1].item()
    layer = KANLinear(
        *sizes, basis="rbf", base_activation=None, grid_size=len(grid), grid_range=ends
    )
    filled(layer, coefficients=flat(given["rbf_linear.spline_weight"].mT, len(grid)))
    return lambda x: layer(x) + base(x)


class _Scaled(torch.autograd.Function):
    """The value as it is, the gradient times a factor."""

    @staticmethod
    def forward(ctx, x, factor):
        ctx.factor = factor
        return x.clone()

    @staticmethod
    def backward(ctx, gradient):
        return gradient * ctx.factor, None


def switch(given, sizes, kwargs):
    """Their forward pass forgets the denominator, their backward pass has it."""
    grid = given["rbf.grid"]
    layer = KANLinear(
        *sizes, basis="rswaf", base_activation=None, norm="layer", grid_size=len(grid)
    )
    layer.norm.load_state_dict(named(given, "layernorm."))
    filled(
        layer,
        coefficients=flat(given["spline_linear.weight"], len(grid)),
        **{"basis.centres": grid, "basis.inverse_denominator": torch.ones(())},
    )
    return lambda x: layer(_Scaled.apply(x, given["rbf.inv_denominator"]))


def polynomials(given, sizes, kwargs):
    """Gram and Jacobi, with a LayerNorm and SiLU behind them."""
    is_gram = "grams_basis_weights" in given
    coefficients = given["grams_basis_weights" if is_gram else "jacobi_coeffs"].permute(1, 2, 0)
    degree = coefficients.shape[1] - 1
    if is_gram:
        layer = KANLinear(*sizes, basis="gram", degree=degree)
        filled(layer, **{"basis.recurrence": given["beta_weights"][1:degree]})
    else:
        exponents = {
            ours: kwargs.get(theirs, 1.0) for ours, theirs in (("alpha", "a"), ("beta", "b"))
        }
        layer = KANLinear(*sizes, basis="jacobi", degree=degree, **exponents)
    filled(layer, coefficients=coefficients, base_weight=given["base_weights"])
    norm = nn.LayerNorm(sizes[1])
    norm.load_state_dict(named(given, "norm."))
    return lambda x: F.silu(norm(layer(x)))


def wavelet(given, sizes, kwargs):
    """Theirs have a place and a width for every edge: ours with every edge as a feature."""
    kind = kwargs.get("wavelet_type", "mexican_hat")
    inner, outer = sizes
    place, width = given["translation"].reshape(-1, 1), given["scale"].reshape(-1, 1)
    basis = Wavelet(inner * outer, kind=kind, grid_size=1)
    filled(basis, translation=place, scale=width)
    norm = nn.BatchNorm1d(outer).eval()
    norm.load_state_dict(named(given, "bn."), strict=False)

    def forward(x):
        edges = x.repeat(1, outer)
        values = basis(edges)[..., 0]
        if kind == "shannon":  # their window is over the inputs' positions, ours over u
            ours = 0.54 + 0.46 * torch.cos((edges - place[:, 0]) / width[:, 0] / 2)
            values = values / ours * torch.hamming_window(inner, periodic=False).repeat(outer)
        sign = -1 if kind in UPSIDE_DOWN else 1
        total = (sign * values.unflatten(1, (outer, inner)) * given["wavelet_weights"]).sum(-1)
        return norm(total + F.silu(x) @ given["weight1"].mT)

    return forward


def spline(given, sizes, kwargs):
    """efficient-kan's layer."""
    weights = {"coefficients": given["spline_weight"].mT, "base_weight": given["base_weight"]}
    if "spline_scaler" in given:
        weights["spline_scale"] = given["spline_scaler"]
    layer = KANLinear(*sizes, spline_scale="spline_scaler" in given, **grid_of(kwargs))
    return filled(layer, **weights)


def normalised_spline(given, sizes, kwargs):
    """Splines beside GELU, with LayerNorm and PReLU behind them."""
    layer = KANLinear(*sizes, spline_scale=False, base_activation="gelu", **grid_of(kwargs))
    filled(layer, coefficients=given["spline_weight"].mT, base_weight=given["base_weight"])
    norm = nn.LayerNorm(sizes[1])
    norm.load_state_dict(named(given, "layer_norm."))
    return lambda x: F.prelu(norm(layer(x)), given["prelu.weight"])


def grid_of(kwargs):
    names = {"grid_size": "grid_size", "spline_order": "degree", "grid_range": "grid_range"}
    return {ours: kwargs[theirs] for theirs, ours in names.items() if theirs in kwargs}


def relu_window(given, sizes, kwargs):
    """ReLU-KAN; its kernel is laid over a reshaped, not a transposed, array of windows."""
    layer = ReLUKANLinear(*sizes, grid_size=kwargs["g"], order=kwargs["k"])
    return filled(
        layer,
        coefficients=flat(given["equal_size_conv.weight"].flatten(1), kwargs["g"] + kwargs["k"]),
        bias=given["equal_size_conv.bias"],
        **{"basis.low": given["phase_low"], "basis.high": given["phase_height"]},
    )


LAYERS = {
    "ChebyKANLayer": chebyshev,
    "FastKANLayer": gaussian,
    "FasterKANLayer": switch,
    "GRAMLayer": polynomials,
    "JacobiKANLayer": polynomials,
    "KANLayer": normalised_spline,
    "KANLinear": spline,
    "RBFKANLayer": plain_gaussian,
    "ReLUKANLayer": relu_window,
    "WavKANLayer": wavelet,
}


@pytest.mark.parametrize("case", META["cases"])
def test_parity(case):
    spec, config = META["cases"][case], META["config"]
    sizes = config["in_features"], config["out_features"]
    x = TENSORS["input"].clone().requires_grad_()
    output = LAYERS[spec["layer"]](parameters(case), sizes, spec["kwargs"])(x)
    assert_close(output, TENSORS[f"{case}.output"], **META["tolerance"])
    output.backward(TENSORS["grad_output"])
    assert_close(x.grad, TENSORS[f"{case}.grad_input"], **META["tolerance"])
