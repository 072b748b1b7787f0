"""What may be a base function of edges: one value at a time, the same each time.

Φ(x)_o = Σ_i φ_oi(x_i) with φ_oi = w^b a + splines (https://arxiv.org/abs/2404.19756, Eq. 2.10) has
meaning only if a(x_i) depends on x_i alone; sums over edges are differentiated with respect to
inputs and weights, not to parameters inside of a.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from neurarium.memory.activation import resolve_activation

NAME = "base_activation"


def require_edge_activation(activation: Any) -> None:
    """Raise unless this can be the base function of edges; it is tried on a few numbers.

    Raises:
        TypeError: for what is no name, callable or None.
        ValueError: for functions with parameters, of several values together, that differ from call
            to call or work in place.

    Example:
        >>> require_edge_activation("softmax")
        Traceback (most recent call last):
        ValueError: base_activation must take every value on its own: got 'softmax'
    """
    if activation is None or activation == "silu":
        return
    if not isinstance(activation, str) and not callable(activation):
        raise TypeError(
            f"{NAME} must be a name in torch.nn.functional, a callable or None: got {activation!r}"
        )
    function = resolve_activation(activation)
    if isinstance(function, nn.Module) and any(True for _ in function.parameters()):
        raise ValueError(
            f"{NAME} must have no parameters, which would not be trained: got {activation!r}"
        )
    if not callable(function):
        raise ValueError(f"{NAME} must be a function of one tensor: got {activation!r}")
    try:
        with warnings.catch_warnings(), torch.no_grad(), torch.random.fork_rng(devices=[]):
            warnings.simplefilter("ignore")
            fault = _fault(function)
    except Exception as error:
        raise ValueError(f"{NAME} must be a function of one tensor: got {activation!r}") from error
    if fault:
        raise ValueError(f"{NAME} must {fault}: got {activation!r}")


def _fault(function: Callable[[Tensor], Any]) -> str | None:
    """What is wrong with it, or None."""
    device = torch.device("cpu")
    if isinstance(function, nn.Module):
        device = next((b.device for b in function.buffers()), device)
    points = torch.linspace(-2, 2, 64, dtype=torch.get_default_dtype(), device=device).view(8, 8)
    seen = points.clone()
    values = function(seen)
    if not torch.equal(seen, points):
        return "not work in place"
    if not isinstance(values, Tensor) or values.shape != points.shape:
        return "give a tensor of its input's shape"
    if not values.is_floating_point():
        return "give floating-point numbers"
    if not torch.equal(function(points.clone()).nan_to_num(), values.nan_to_num()):
        return "give the same each time"
    for part in ((slice(None), slice(0, 1)), (slice(0, 1), slice(None))):
        alone = function(points[part].clone())
        if not torch.allclose(alone, values[part], rtol=1e-4, atol=1e-5, equal_nan=True):
            return "take every value on its own"
    return None
