"""Levenberg–Marquardt for small networks: all parameters at once, from every sample's slope.

Sums of squares of smooth functions cancel, so that first-order methods and L-BFGS stop long before
the least error; with a few hundred parameters the full Jacobian costs less than their many steps.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap


def levenberg_marquardt(
    model: nn.Module, x: Tensor, y: Tensor, *, max_steps: int, decay: float = 0.0
) -> None:
    """Least squares of standardised residuals; where that ends worse, nothing is changed.

    Args:
        model: one output; changed in place.
        x: inputs (n, variables).
        y: targets (n, 1).
        max_steps: evaluations of the residuals.
        decay: weight of every parameter as a residual of its own: needed where some do nothing.
    """
    from scipy.optimize import least_squares

    trained = {name: p for name, p in model.named_parameters() if p.numel()}
    shapes = {name: p.shape for name, p in trained.items()}
    sizes, scale = [shape.numel() for shape in shapes.values()], y.std()
    if len(x) + (sum(sizes) if decay else 0) < sum(sizes):
        raise ValueError(f"x must have {sum(sizes)} rows, one for each parameter: got {len(x)}")

    def values(flat: Tensor) -> dict[str, Tensor]:
        parts = zip(shapes.items(), flat.split(sizes), strict=True)
        return {name: part.view(shape) for (name, shape), part in parts}

    def output(flat: Tensor, row: Tensor) -> Tensor:
        found: Tensor = functional_call(model, values(flat), (row[None],))
        return found[0, 0] / scale

    @torch.no_grad()
    def residuals(flat: np.ndarray) -> np.ndarray:
        found = functional_call(model, values(torch.from_numpy(flat)), (x,))
        errors = np.nan_to_num(((found - y) / scale)[:, 0].numpy(), nan=1e3)
        return np.concatenate([errors, decay * flat]) if decay else errors

    each = vmap(grad(output), in_dims=(None, 0))

    def jacobian(flat: np.ndarray) -> np.ndarray:
        slopes = np.nan_to_num(each(torch.from_numpy(flat), x).detach().numpy())
        return np.concatenate([slopes, decay * np.eye(len(flat))]) if decay else slopes

    start = torch.cat([p.detach().flatten() for p in trained.values()]).numpy()
    found = least_squares(
        residuals, start, jacobian, method="lm", x_scale=1.0 if decay else "jac",
        max_nfev=max_steps, ftol=1e-15, xtol=1e-15, gtol=1e-15,
    )  # fmt: skip
    if np.isfinite(found.x).all() and found.cost <= np.square(residuals(start)).sum() / 2:
        for name, value in values(torch.from_numpy(found.x)).items():
            trained[name].data = value.clone()
