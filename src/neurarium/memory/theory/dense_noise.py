r"""The noise of a dense associative memory: how the interference of the other patterns correlates.

Albanese et al., "Replica symmetry breaking in dense neural networks" (arXiv 2111.12997). K = α
N^(P−1) patterns that are not recalled make a Gaussian energy with covariance N α f(q) between
states of overlap q, and a field of variance α f′(q) on each unit. With distinct indices this is the
P-spin glass; in a power of the overlap, indices repeat and couplings of P − 2, P − 4, … units come
with it:

.. math:: f_\text{distinct} = \frac{q^P}{P!}, \qquad
          f_\text{power} = \sum_{k = P, P-2, \dots \ge 2} \frac{q^k}{2^{P-k} ((P-k)/2)!^2\, k!}

which is x^P written in Hermite polynomials. Everything is stated in units of the signal: the noise
r = α f′(1) (P−1)!² is the ratio of the variances of noise and signal at full overlap.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from neurarium.memory.arguments import require_count

ENERGIES = ("distinct", "power")
LARGEST_DEGREE = 170  # beyond, (P − 1)! is no float64


@dataclass(frozen=True)
class NoiseCovariance:
    """The polynomial g(q) = f(q)/f′(1), so that the field's variance is r g′(q), and g′(1) = 1.

    Args:
        orders: the powers k of q that occur.
        weights: their coefficients in g.
    """

    orders: tuple[int, ...]
    weights: tuple[float, ...]

    def value(self, q: Tensor) -> Tensor:
        """g(q)."""
        return _polynomial(q, self.orders, self.weights)

    def slope(self, q: Tensor) -> Tensor:
        """g′(q): the variance of the field."""
        weights = (w * k for w, k in zip(self.weights, self.orders, strict=True))
        return _polynomial(q, (k - 1 for k in self.orders), weights)

    def curvature(self, q: Tensor) -> Tensor:
        """g″(q)."""
        weights = (w * k * (k - 1) for w, k in zip(self.weights, self.orders, strict=True))
        return _polynomial(q, (k - 2 for k in self.orders), weights)

    def reaction(self, q: Tensor) -> Tensor:
        """q g′(q) − g(q), which stands in the free energies."""
        return q * self.slope(q) - self.value(q)


def _polynomial(q: Tensor, orders: Iterable[int], weights: Iterable[float]) -> Tensor:
    total = torch.zeros_like(q)
    for order, weight in zip(orders, weights, strict=True):
        total = total + weight * q**order
    return total


@cache
def noise_covariance(degree: int, energy: str) -> NoiseCovariance:
    """g of an energy.

    Args:
        degree: P.
        energy: ``"distinct"`` or ``"power"``.

    Raises:
        ValueError: for another energy or a degree below 2.

    Example:
        >>> found = noise_covariance(4, "power")  # g = q⁴/10 + 3 q²/10, g′ = (2 q³ + 3 q)/5
        >>> found.orders, [round(weight, 12) for weight in found.weights]
        ((4, 2), [0.1, 0.3])
    """
    orders, weights = _field_variance(degree, energy)
    total = math.fsum(weights)
    scaled = tuple(w / total / k for k, w in zip(orders, weights, strict=True))
    return NoiseCovariance(orders, scaled)


def _field_variance(degree: int, energy: str) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """The powers k of f and the coefficients of q^(k−1) in f′."""
    require_energy(energy)
    require_count("degree", degree)
    if degree < 2:
        raise ValueError(f"degree must be at least 2: got {degree}")
    if degree > LARGEST_DEGREE:
        raise ValueError(f"degree must be at most {LARGEST_DEGREE}: got {degree}")
    if energy == "distinct":
        return (degree,), (1 / math.factorial(degree - 1),)
    orders = tuple(range(degree, 1, -2))
    return orders, tuple(
        1 / (2 ** (degree - k) * math.factorial((degree - k) // 2) ** 2 * math.factorial(k - 1))
        for k in orders
    )


def require_energy(energy: str) -> None:
    """Raise a ValueError unless the energy has a theory."""
    if energy not in ENERGIES:
        raise ValueError(f"energy must be 'distinct' or 'power': got {energy!r}")


def dense_noise(load: float, degree: int, *, energy: str = "distinct") -> float:
    r"""The noise r of a load α = K/N^(P−1).

    `Replica symmetry breaking in dense neural networks <https://arxiv.org/abs/2111.12997>`_:

    .. math:: r_\text{distinct} = \alpha (P-1)!, \qquad r_\text{power} = \alpha (2P-3)!!

    Papers differ in their α by factors of P; r does not depend on conventions.

    Args:
        load: α.
        degree: P; for the power energy even, since an odd power leaves a coupling to the mean.
        energy: ``"distinct"`` or ``"power"``.

    Raises:
        ValueError: for a negative load, another energy, a degree below 2.

    Example:
        >>> round(dense_noise(0.01, 4), 12), round(dense_noise(0.01, 4, energy="power"), 12)
        (0.06, 0.15)
    """
    if not load >= 0:
        raise ValueError(f"load must not be negative: got {load}")
    return load / dense_load(1.0, degree, energy=energy)


def dense_load(noise: float, degree: int, *, energy: str = "distinct") -> float:
    """The load α = K/N^(P−1) that makes a noise r: the inverse of :func:`dense_noise`.

    Args:
        noise: r.
        degree: P.
        energy: ``"distinct"`` or ``"power"``.

    Raises:
        ValueError: for a negative noise, another energy, a degree below 2.

    Example:
        >>> round(dense_load(0.19786012, 4), 9)
        0.032976687
    """
    if not noise >= 0:
        raise ValueError(f"noise must not be negative: got {noise}")
    variance = math.fsum(_field_variance(degree, energy)[1])
    factorial = math.factorial(degree - 1)
    return noise / (variance * factorial) / factorial
