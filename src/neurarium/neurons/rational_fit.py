"""Fits of a rational function to any other, and how much a function shrinks its input.

Starts of KAT's activations (https://arxiv.org/abs/2409.10594) in FlashKAT's form
(https://arxiv.org/abs/2505.13813).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from neurarium.memory.arguments import require_count
from neurarium.neurons.rational_tables import find_function

POINTS = 1001
BEGINNINGS = ((0.0, 0.1), (1.0, 1.0), (0.0, 0.4), (1.0, 4.0))
"""|b| of odd and of even powers from which the fit of a denominator sets out."""


class RationalFit(NamedTuple):
    """Coefficients, and the largest error on the interval.

    Args:
        numerator: a_0 … a_m.
        denominator: |b_1| … |b_n|.
        max_error: over the points of the fit.
    """

    numerator: Tensor
    denominator: Tensor
    max_error: float


def fit_rational(
    function: str | Callable[[Tensor], Tensor],
    *,
    lo: float = -3.0,
    hi: float = 3.0,
    degrees: tuple[int, int] = (5, 4),
) -> RationalFit:
    r"""The rational function nearest to a given one, in the least squares.

    In the form of `FlashKAT <https://arxiv.org/abs/2505.13813>`_,
    :math:`P(x) / (1 + \sum_i |b_i| |x|^i)`. For given b the best a is linear; b is searched within
    b ≥ 0, from several beginnings.

    Args:
        function: a function of a tensor, or a name such as ``"gelu"``.
        lo: lower end of the interval.
        hi: upper end.
        degrees: of numerator and denominator.

    Raises:
        TypeError: for degrees that are no whole numbers.
        ValueError: for an empty interval, degrees below 1, an unknown name, and functions that are
            not elementwise or not finite there.

    Example:
        >>> fit = fit_rational(lambda x: 1 / (1 + x**2), degrees=(1, 2))
        >>> fit.denominator.round(decimals=4).abs()
        tensor([0., 1.], dtype=torch.float64)
    """
    from scipy.optimize import least_squares

    require_degrees(degrees)
    if not (math.isfinite(lo) and math.isfinite(hi) and lo < hi):
        raise ValueError(f"lo must be a number below hi: got {lo} and {hi}")
    x = torch.linspace(lo, hi, POINTS, dtype=torch.float64)
    y = _values(function, x)
    if not y.isfinite().all():
        count = int((~y.isfinite()).sum())
        raise ValueError(
            f"function must be finite on [{lo}, {hi}]: got {count} values of {POINTS} that are not"
        )
    powers = x[:, None] ** torch.arange(degrees[0] + 1)
    sizes = x.abs()[:, None] ** torch.arange(1, degrees[1] + 1)

    def best(b: Tensor) -> tuple[Tensor, Tensor]:
        design = powers / (1 + sizes @ b)[:, None]
        a = torch.linalg.lstsq(design, y[:, None], driver="gelsd").solution[:, 0]
        return a, design @ a - y

    found = []
    for odd, even in BEGINNINGS:
        start = torch.tensor([(odd, even)[i % 2] for i in range(degrees[1])], dtype=torch.float64)
        scale = torch.tensor([math.factorial(i + 1) for i in range(degrees[1])]).double()
        solved = least_squares(
            lambda b: best(torch.from_numpy(b))[1].numpy(),
            (start / scale).clamp_min(1e-3).numpy(),
            bounds=(0.0, math.inf),
            xtol=1e-14,
            ftol=1e-14,
            gtol=1e-14,
            max_nfev=200,
        )
        found.append((float(solved.cost), torch.from_numpy(solved.x)))
    b = min(found, key=lambda pair: pair[0])[1]
    a, error = best(b)
    return RationalFit(a, b, float(error.abs().max()))


def activation_gain(function: str | Callable[[Tensor], Tensor]) -> float:
    r"""α = 1 / E[F(z)²] for z ~ N(0, 1): the variance times fan-in of weights after F.

    The variance-preserving start of `KAT <https://arxiv.org/abs/2409.10594>`_, Section 4.4, with
    the expectation by numerical integration; the paper's Monte Carlo gives 2.8178 for swish.

    Args:
        function: a function of a tensor, or a name such as ``"swish"``.

    Raises:
        ValueError: for an unknown name, a function that is not elementwise, and one whose second
            moment is 0 or not finite.

    Example:
        >>> round(activation_gain("swish"), 4), round(activation_gain("gelu"), 4)
        (2.8108, 2.3517)
    """
    z = torch.linspace(-12, 12, 48_001, dtype=torch.float64)  # the kink of ReLU is a point
    density = torch.exp(-z * z / 2) / math.sqrt(2 * math.pi)
    moment = float(torch.trapezoid(_values(function, z) ** 2 * density, z))
    if not (math.isfinite(moment) and moment > 0):
        raise ValueError(f"function must have a positive second moment: got {moment}")
    return 1 / moment


@torch.no_grad()
def _values(function: str | Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """At the points x; a module is evaluated in the precision and place of its own tensors."""
    found = find_function(function, "function")
    own: Tensor | None = None
    if isinstance(found, nn.Module):
        held = (*found.parameters(), *found.buffers())
        own = next((t for t in held if t.is_floating_point()), None)
    y: Any = found(x if own is None else x.to(own))
    if not isinstance(y, Tensor) or y.shape != x.shape:
        kind = f"shape {list(y.shape)}" if isinstance(y, Tensor) else type(y).__name__
        raise ValueError(
            f"function must be elementwise, a tensor of shape {list(x.shape)} from one: got {kind}"
        )
    return y.to(x)


def require_degrees(degrees: tuple[int, int]) -> None:
    """Raise unless there are two degrees of at least 1.

    Example:
        >>> require_degrees((5,))
        Traceback (most recent call last):
        ValueError: degrees must be two, of numerator and denominator: got (5,)
    """
    if not isinstance(degrees, tuple | list) or len(degrees) != 2:
        raise ValueError(f"degrees must be two, of numerator and denominator: got {degrees!r}")
    for degree in degrees:
        require_count("degrees", degree)
