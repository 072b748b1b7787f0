"""Kolmogorov–Arnold attention against its formulas, written out; no code was released."""

import pytest
import torch
from torch.testing import assert_close

from neurarium.neurons import AttentionOperator, Fourier, KolmogorovArnoldAttention
from reference.karat import direct_head, direct_map

TOLERANCE = {"rtol": 1e-10, "atol": 1e-10}


def double(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def of_fourier(operator):
    """Coefficients (H, r, N, G) of cosines and of sines."""
    return (part.permute(0, 2, 3, 1) for part in operator.coefficients.chunk(2, 1))


@pytest.mark.parametrize("base", [None, "silu", "identity"])
@pytest.mark.parametrize("edge_scale", [False, True])
@pytest.mark.parametrize("grid_size", [1, 3])
def test_maps_are_the_sums_over_units(base, edge_scale, grid_size):
    operator = AttentionOperator(
        2, 7, rank=3, grid_size=grid_size, base=base, edge_scale=edge_scale, dtype=torch.float64
    )
    if edge_scale:
        torch.nn.init.normal_(operator.scale)
    scores = double(3, 2, 5, 7) * 3
    functions = {None: None, "silu": torch.nn.functional.silu, "identity": lambda t: t}
    wanted = direct_map(
        scores, *of_fourier(operator), operator.back, functions[base], operator.scale
    )
    assert_close(operator(scores), wanted, **TOLERANCE)


def test_the_cheap_order_is_the_direct_one_with_all_gradients():
    operator = AttentionOperator(2, 7, rank=3, grid_size=4, dtype=torch.float64)
    query, key, value = (double(3, 2, 7, 4, seed=s).requires_grad_() for s in range(3))
    gradient = double(3, 2, 7, 4, seed=4)
    leaves = [query, key, value, operator.coefficients, operator.back]
    found = []
    for out in (
        operator.attend(query, key, value),
        direct_head(query, key, value, *of_fourier(operator), operator.back),
    ):
        found.append((out, *torch.autograd.grad(out, leaves, gradient)))
    assert_close(*found, **TOLERANCE)


def test_recurrence_in_single_precision():
    """cos mt and sin mt for m ≤ 8 and |t| ≤ 30."""
    t = torch.linspace(-30, 30, 20_001)[None]
    out = torch.empty(16, *t.shape)
    operator = AttentionOperator(1, 1, rank=1, grid_size=8)
    operator.basis.fill(t, out)
    exact = torch.arange(1, 9)[:, None, None] * t.double()
    wanted = torch.cat([exact.cos(), exact.sin()])
    assert (out - wanted).abs().max() < 1e-5
    assert_close(out, Fourier(1, grid_size=8).expand(t), rtol=0, atol=1e-5)


def test_attention_is_the_formula_around_it():
    layer = KolmogorovArnoldAttention(12, 3, num_tokens=6, rank=4, dtype=torch.float64)
    x = double(2, 6, 12)
    query, key, value = (
        part.view(2, 6, 3, 4).transpose(1, 2) for part in layer.qkv(x).split(12, -1)
    )
    maps = direct_map(query @ key.mT / 2, *of_fourier(layer.operator), layer.operator.back)
    wanted = layer.out((maps @ value).transpose(1, 2).reshape(2, 6, 12))
    assert_close(layer(x), wanted, **TOLERANCE)
    out, found = layer(x, return_attention=True)
    assert_close(found, maps, **TOLERANCE)
    assert_close(out, wanted, **TOLERANCE)
