r"""Finding c F(a t + b) + d for sampled curves, all of them at once.

Curves are resampled over their range, t = m + s z with z in [−1, 1], so one table F(a z + b) over a
grid of (a, b) serves every curve: its correlations with all of them are one matrix product, and
c and d follow in closed form. The best of every form is then refined by least squares in (a, b),
c and d eliminated. (KAN, https://arxiv.org/abs/2404.19756, Sec. 2.5.1, searches curve by curve.)
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from neurarium.neurons.symbolic_forms import FORMS, POLES, Form

SLOPES = np.concatenate([-np.geomspace(12, 0.1, 28), np.geomspace(0.1, 12, 28)])
OFFSETS = np.linspace(-12, 12, 97)


class EdgeFit(NamedTuple):
    """One curve read as a form: c F(a t + b) + d, and the share of variance it leaves unexplained.

    Args:
        form: name in the library.
        a: inner slope.
        b: inner offset.
        c: outer slope.
        d: outer offset.
        unexplained: 1 − r², 0 for a perfect fit.
    """

    form: str
    a: float
    b: float
    c: float
    d: float
    unexplained: float


def fit_curves(
    curves: Tensor, low: Tensor, high: Tensor, forms: list[str]
) -> list[dict[str, EdgeFit]]:
    """For every curve the best fit of every form.

    Args:
        curves: (E, Z), values at Z evenly spaced points.
        low: (E,), where a curve begins.
        high: (E,), where it ends.
        forms: names in the library.
    """
    z = torch.linspace(-1, 1, curves.shape[1], dtype=torch.float64)
    heights = curves.double().cpu()
    centred = heights - heights.mean(1, keepdim=True)
    norms = centred.norm(dim=1, keepdim=True)
    units = torch.where(norms > 1e-12, centred / norms.clamp_min(1e-300), torch.zeros_like(centred))
    starts = {name: _best_starts(FORMS[name], name, z, units) for name in forms}
    middle, half = ((low + high) / 2).double().cpu(), ((high - low) / 2).double().cpu()
    half = half.clamp_min(1e-12)
    found: list[dict[str, EdgeFit]] = []
    for place, height in enumerate(heights):
        m, s = float(middle[place]), float(half[place])
        fits = {}
        for name in forms:
            a, b = starts[name][place]
            fit = _refined(name, z.numpy(), height.numpy(), a, b)
            if fit is not None:
                fits[name] = fit._replace(a=fit.a / s, b=fit.b - fit.a * m / s)
        found.append(fits)
    return found


def choose(fits: dict[str, EdgeFit], *, tolerance: float, slack: float) -> EdgeFit:
    """The simplest form that leaves ``tolerance``, or ``slack`` times the least, unexplained."""
    least = min(fit.unexplained for fit in fits.values())
    good = [f for f in fits.values() if f.unexplained <= max(tolerance, slack * least)]
    return min(good, key=lambda fit: (FORMS[fit.form].complexity, fit.unexplained))


def _best_starts(form: Form, name: str, z: Tensor, units: Tensor) -> list[tuple[float, float]]:
    """The best (a, b) of the grid for every curve, by the square of the correlation."""
    if form.is_affine:
        return [(1.0, 0.0)] * len(units)
    slopes, offsets = (torch.from_numpy(v) for v in (SLOPES, OFFSETS))
    u = (slopes[:, None, None] * z + offsets[:, None]).flatten(0, 1)
    table = form.value(u)
    legal = table.isfinite().all(1)
    if name in POLES and name != "abs":
        legal &= (u > 0).all(1) | (u < 0).all(1)
    table = torch.where(legal[:, None], table, torch.zeros_like(table))
    table = table - table.mean(1, keepdim=True)
    size = table.norm(dim=1, keepdim=True)
    table = torch.where(size > 1e-9, table / size.clamp_min(1e-300), torch.zeros_like(table))
    best = (table @ units.mT).square().argmax(0)
    width = len(offsets)
    return [(float(slopes[k // width]), float(offsets[k % width])) for k in best.tolist()]


def _refined(name: str, z: np.ndarray, height: np.ndarray, a: float, b: float) -> EdgeFit | None:
    """Least squares in (a, b) from a start; None where the form is not defined."""
    from scipy.optimize import least_squares

    form = FORMS[name]

    def solved(ab: np.ndarray) -> tuple[float, float, np.ndarray]:
        with torch.no_grad():
            values = form.value(torch.from_numpy(ab[0] * z + ab[1])).numpy()
        if not np.isfinite(values).all():
            return 0.0, 0.0, np.full_like(height, 1e6)
        design = np.stack([values, np.ones_like(z)], 1)
        (c, d), *_ = np.linalg.lstsq(design, height, rcond=None)
        return float(c), float(d), design @ (c, d) - height

    ab = np.array([a, b])
    scale = max(float(np.std(height)), 1e-12)
    if not form.is_affine:
        ab = least_squares(lambda p: solved(p)[2] / scale, ab, max_nfev=60, x_scale=(1.0, 3.0)).x
    c, d, rest = solved(ab)
    if np.abs(rest).max() >= 1e6:
        return None
    unexplained = float(np.square(rest).mean() / scale**2) if scale > 1e-12 else 0.0
    return EdgeFit(name, float(ab[0]), float(ab[1]), c, d, unexplained)
