"""KAN layers against tensors of efficient-kan and pykan; holds for any fixture of this form.

Layers are built from the fixture's configuration; both packages' parameters are laid out as ours.
"""

import json
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch.testing import assert_close

from neurarium.neurons import KANLinear, bspline_basis
from neurarium.neurons.contraction import contract

FIXTURES = Path(os.environ.get("NEURARIUM_FIXTURES", Path(__file__).parents[1] / "fixtures"))
META = json.loads((FIXTURES / "kan-assessment.json").read_text())
CONFIG, TOLERANCE = META["config"], META["tolerance"]
TENSORS = load_file(FIXTURES / "kan-assessment.safetensors")
DTYPE = getattr(torch, CONFIG["dtype"])
SCALER = "effkan.param.spline_scaler"


def built(**arguments):
    return KANLinear(
        CONFIG["in_features"],
        CONFIG["out_features"],
        grid_size=CONFIG["grid_size"],
        degree=CONFIG["spline_order"],
        grid_range=CONFIG["grid_range"],
        base_activation=CONFIG["base_activation"],
        dtype=DTYPE,
        **arguments,
    )


def efficient():
    """The layer with efficient-kan's parameters."""
    layer = built(spline_scale=SCALER in TENSORS)
    assert_close(layer.basis.knots, TENSORS["effkan.grid"], **TOLERANCE)
    with torch.no_grad():
        layer.base_weight.copy_(TENSORS["effkan.param.base_weight"])
        layer.coefficients.copy_(TENSORS["effkan.param.spline_weight"].mT)
        if layer.spline_scale is not None:  # enable_standalone_scale_spline
            layer.spline_scale.copy_(TENSORS[SCALER])
    return layer


def test_knots_and_bases():
    layer = efficient()
    x, knots = TENSORS["input"], TENSORS["effkan.grid"]
    assert_close(layer.basis(x), TENSORS["effkan.bases"], **TOLERANCE)
    assert_close(bspline_basis(x, knots, layer.basis.degree), TENSORS["effkan.bases"], **TOLERANCE)


@pytest.mark.parametrize("uniform", [True, False], ids=["closed form", "recursion"])
def test_output_and_gradients_of_efficient_kan(uniform):
    layer = efficient()
    layer.basis._prepare(uniform=uniform)
    x = TENSORS["input"].clone().requires_grad_()
    output = layer(x)
    assert_close(output, TENSORS["effkan.output"], **TOLERANCE)
    output.backward(TENSORS["grad_output"])
    assert_close(x.grad, TENSORS["effkan.grad_input"], **TOLERANCE)
    assert_close(layer.base_weight.grad, TENSORS["effkan.grad.base_weight"], **TOLERANCE)
    assert_close(layer.coefficients.grad.mT, TENSORS["effkan.grad.spline_weight"], **TOLERANCE)
    if layer.spline_scale is not None:
        assert_close(layer.spline_scale.grad, TENSORS["effkan.grad.spline_scaler"], **TOLERANCE)


def test_knots_after_a_grid_update_and_the_function_that_stays():
    """Theirs jumps, because the scaled curve is refitted and scaled again; ours does not."""
    layer, samples = efficient(), TENSORS["effkan.update_grid_samples"]
    unscaled, before_splines = (
        contract(samples, layer.coefficients, layer.basis),
        layer.basis(samples),
    )
    before = layer(samples).detach()
    change = layer.update_grid(
        samples, uniform_share=CONFIG.get("grid_eps", 0.02), margin=CONFIG.get("margin", 0.01)
    )
    assert_close(layer.basis.knots, TENSORS["effkan.grid_after_update"], **TOLERANCE)
    assert change == float((layer(samples).detach() - before).abs().max())
    after = contract(samples, layer.coefficients, layer.basis)
    assert (after - unscaled).norm() < 0.2 * unscaled.norm()  # as near as these knots come
    splines = layer.basis(samples)
    for i in range(layer.in_features):  # least squares: the rest is orthogonal to the new splines
        old = before_splines[:, i]
        wanted = old @ TENSORS["effkan.param.spline_weight"][:, i].mT
        rest = wanted - splines[:, i] @ layer.coefficients[:, :, i].mT
        assert (splines[:, i].mT @ rest).abs().max() < 1e-4 * wanted.abs().max()


def pykan():
    """The layer with pykan's parameters; its mask is theirs."""
    layer = built()
    layer.basis.set_knots(TENSORS["pykan.param.grid"])
    with torch.no_grad():
        layer.base_weight.copy_(TENSORS["pykan.param.scale_base"].mT)
        layer.coefficients.copy_(TENSORS["pykan.param.coef"].permute(1, 2, 0))
        layer.spline_scale.copy_(TENSORS["pykan.param.scale_sp"].mT)
        layer.mask = TENSORS["pykan.param.mask"].mT.contiguous()
    return layer


def test_output_and_edges_of_pykan():
    layer, x = pykan(), TENSORS["input"]
    assert_close(layer(x), TENSORS["pykan.output"], **TOLERANCE)
    edges = torch.einsum("nik,oki->noi", layer.basis(x), layer.coefficients)
    assert_close(edges, TENSORS["pykan.postspline"], **TOLERANCE)
    assert_close(layer.edge_values(x).sum(1).mT, TENSORS["pykan.output"], **TOLERANCE)
