"""Two ways in which others compute a Kolmogorov–Arnold layer, to compare with and to time against.

``pykan_layer`` follows the operations of pykan's layer in their order: the recursion on all inputs
with a copy for each degree, every edge's value for every row, scaled, masked, copied and summed.
``efficient_layer`` follows efficient-kan: the recursion, then one product over inputs and splines.
Both take plain tensors; ``arguments_of`` reads them off a layer of ours. Features (N, F) come last,
coefficients are (F, out, K) for pykan and (out, F, K) for efficient-kan, knots (F, T).
"""

import torch
from torch.nn import functional as F


def recursion(x, knots, degree):
    """Cox–de Boor as both write it: (N, F) and (F, T) to (N, F, K)."""
    x = x.unsqueeze(-1)
    values = ((x >= knots[:, :-1]) & (x < knots[:, 1:])).to(x.dtype)
    for p in range(1, degree + 1):
        left = (x - knots[:, : -p - 1]) / (knots[:, p:-1] - knots[:, : -p - 1])
        right = (knots[:, p + 1 :] - x) / (knots[:, p + 1 :] - knots[:, 1:-p])
        values = left * values[:, :, :-1] + right * values[:, :, 1:]
    return values


def pykan_layer(x, knots, degree, coefficients, scale_base, scale_spline, mask):
    """Output, and every edge's spline before scaling, (N, out, F)."""
    batch, in_features = x.shape
    before = x[:, None, :].clone().expand(batch, coefficients.shape[1], in_features)
    base = F.silu(x)
    values = recursion(x, knots, degree).nan_to_num()
    splines = torch.einsum("ijk,jlk->ijl", values, coefficients)
    kept = splines.clone().permute(0, 2, 1)
    edges = scale_base[None] * base[:, :, None] + scale_spline[None] * splines
    edges = mask[None] * edges
    after = edges.clone().permute(0, 2, 1)
    assert before.shape == after.shape
    return edges.sum(1), kept


def efficient_layer(x, knots, degree, coefficients, base_weight, spline_scale):
    """Output of efficient-kan's layer."""
    base = F.linear(F.silu(x), base_weight)
    values = recursion(x, knots, degree).contiguous()
    scaled = coefficients * spline_scale.unsqueeze(-1)
    return base + F.linear(values.view(len(x), -1), scaled.view(len(scaled), -1))


def efficient_arguments(layer):
    """A layer of ours as the arguments of :func:`efficient_layer` after the input."""
    coefficients = layer.coefficients.transpose(1, 2).contiguous()
    basis = layer.basis
    return basis.knots, basis.degree, coefficients, layer.base_weight, layer.spline_scale


def pykan_arguments(layer):
    """A layer of ours as the arguments of :func:`pykan_layer` after the input."""
    coefficients = layer.coefficients.permute(2, 0, 1).contiguous()
    scales = layer.base_weight.mT.contiguous(), layer.spline_scale.mT.contiguous()
    basis = layer.basis
    return basis.knots, basis.degree, coefficients, *scales, torch.ones_like(scales[0])
