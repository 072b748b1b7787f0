"""S-KAN's mixture as it is written: every family by its published operations, weighed, and summed.

Families are evaluated in the layout of their authors, (N, in, functions), weighed by p at each
node, and contracted one after another. The convolution unfolds its patches first. Functions follow
efficient-kan (splines), FastKAN (Gaussians), ChebyKAN (cos n arccos x) and ReLU-KAN; weights are
those of one of our layers.
"""

import math

import torch
from torch.nn import functional as F

from .kan import recursion


def spline(basis, x):
    return recursion(x, basis.knots, basis.degree)


def gaussian(basis, x):
    return torch.exp(-(((x[..., None] - basis.centres) / basis.spacing) ** 2))


def cosines(basis, x):
    x = torch.tanh(x)[..., None].expand(-1, -1, basis.degree + 1)
    return (x.clamp(-1 + 1e-6, 1 - 1e-6).acos() * torch.arange(basis.degree + 1)).cos()


def mexican_hat(basis, x):
    u = (x[..., None] - basis.translation) / basis.scale
    return 2 / (math.sqrt(3) * math.pi**0.25) * (1 - u**2) * torch.exp(-0.5 * u**2)


def relu_window(basis, x):
    r = 4 / ((basis.order + 1) * basis.step) ** 2
    return (r * F.relu(x[..., None] - basis.low) * F.relu(basis.high - x[..., None])) ** 2


FAMILIES = {
    "bspline": spline,
    "rbf": gaussian,
    "chebyshev": cosines,
    "mexican_hat": mexican_hat,
    "relu": relu_window,
}


def coefficients_of(layer):
    """Coefficients in the layout (out, in · functions), taps among the inputs, as leaves."""
    found = {}
    for name, family in layer.families.items():
        flat = family.coefficients.detach().flatten(2)  # (out, functions, in)
        found[name] = flat.mT.flatten(1).contiguous().requires_grad_()
    return found


def mixture(layer, coefficients, x, p, base_weight):
    """(N, in) to (N, out), with p (in, families)."""
    y = F.linear(F.silu(x), base_weight)
    for place, (name, family) in enumerate(layer.families.items()):
        values = FAMILIES[name](family.basis, x) * p[:, place, None]
        y = y + F.linear(values.flatten(1), coefficients[name])
    return y


def linear(layer, coefficients, x):
    """The layer."""
    return mixture(layer, coefficients, x, layer.logits.softmax(-1), layer.base_weight)


class _Unfolded:
    """A basis of C channels as one of C · k · k inputs."""

    def __init__(self, basis, taps):
        for name in ("degree", "centres", "spacing", "order", "step"):
            if hasattr(basis, name):
                setattr(self, name, getattr(basis, name))
        for name in ("knots", "translation", "scale", "low", "high"):
            if hasattr(basis, name):
                setattr(self, name, getattr(basis, name).repeat_interleave(taps, 0))


def convolution(layer, coefficients, x):
    """Patches, the layer on each, and back to an image."""
    geometry = {"stride": layer.stride, "padding": layer.padding, "dilation": layer.dilation}
    columns = F.unfold(x, layer.kernel_size, **geometry)  # (B, C · k · k, L)
    batch, width, places = columns.shape
    rows = columns.mT.reshape(-1, width)
    taps = width // layer.in_channels
    p = layer.logits.softmax(-1).repeat_interleave(taps, 0)
    y = F.linear(F.silu(rows), layer.base_weight.flatten(1))
    for place, (name, family) in enumerate(layer.families.items()):
        basis = _Unfolded(family.basis, taps)
        values = FAMILIES[name](basis, rows) * p[:, place, None]
        y = y + F.linear(values.flatten(1), coefficients[name])
    size = [
        (s + 2 * pad - d * (k - 1) - 1) // step + 1
        for s, pad, d, k, step in zip(
            x.shape[2:], layer.padding, layer.dilation, layer.kernel_size, layer.stride, strict=True
        )
    ]
    return y.view(batch, places, -1).mT.reshape(batch, -1, *size)
