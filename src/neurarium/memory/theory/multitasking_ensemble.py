r"""Averages over diluted pattern entries and over the noise of examples.

An average example is ξ (1 + √ρ z) with a normal z for each pattern, so for given entries ξ the
field is normal too, with mean ξ·n and variance ρ Σ ξ² n²: one integral whatever K is. Where the
field's noise is narrow beside the temperature it is integrated on normal nodes; where it is wide,
tanh βh = ∫ du ½ sech² u sgn(h + u/β) leaves error functions to be integrated over u, smooth down
to zero temperature.
"""

from __future__ import annotations

import itertools
import math
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from neurarium.memory.arguments import require_count
from neurarium.memory.patterns import random_patterns, require_dilution

from .quadrature import gaussian_grid

MAX_ENUMERATED = 9
TIE = 1e-12  # of the largest field: sums that cancel leave rounding errors


class PatternEnsemble(NamedTuple):
    """Entries ξ (C, K) of the patterns at a unit, with their probabilities (C,).

    Of ξ and −ξ, which contribute alike to all averages here, one is kept with twice the weight.
    """

    entries: Tensor
    weights: Tensor

    def field(self, n: Float[Tensor, "*S K"], entropy: float) -> tuple[Tensor, Tensor]:
        """Mean and spread (S, C) of the field."""
        mean = n @ self.entries.T
        variance = entropy * n.square() @ self.entries.square().T
        positive = variance > 0  # the root has no gradient at 0
        return mean, torch.where(positive, variance, 1.0).sqrt() * positive

    def moment(self, values: Float[Tensor, "*S C"], power: int = 1) -> Float[Tensor, "*S K"]:
        """E ξ^power · value."""
        return (values * self.weights) @ self.entries**power


def pattern_ensemble(
    num_patterns: int,
    dilution: float,
    *,
    num_samples: int | None = None,
    generator: torch.Generator | None = None,
) -> PatternEnsemble:
    """All 3^K entries with their probabilities, or a sample of them.

    Args:
        num_patterns: K.
        dilution: d.
        num_samples: how many to draw; None lists them all.
        generator: draws them.

    Raises:
        TypeError: for counts that are not whole.
        ValueError: for values out of range, and for more than 9 patterns without sampling.

    Example:
        >>> entries, weights = pattern_ensemble(2, 0.5)
        >>> entries.int().tolist(), weights.tolist()
        ([[0, 0], [0, 1], [1, -1], [1, 0], [1, 1]], [0.25, 0.25, 0.125, 0.25, 0.125])
    """
    require_count("num_patterns", num_patterns)
    require_dilution(dilution)
    if num_samples is not None:
        require_count("num_samples", num_samples)
        drawn = random_patterns(num_samples, num_patterns, dilution=dilution, generator=generator)
        return PatternEnsemble(
            drawn.double(), torch.full((num_samples,), 1 / num_samples, dtype=torch.float64)
        )
    if num_patterns > MAX_ENUMERATED:
        raise ValueError(
            f"num_patterns must be at most {MAX_ENUMERATED} to list all 3^K entries: got "
            f"{num_patterns}; pass num_samples=100_000 to draw them"
        )
    listed = list(itertools.product((-1, 0, 1), repeat=num_patterns))
    entries = torch.tensor(listed[len(listed) // 2 :], dtype=torch.float64)
    filled = entries.abs().sum(-1)
    weights = ((1 - dilution) / 2) ** filled * dilution ** (num_patterns - filled)
    weights[1:] *= 2
    return PatternEnsemble(entries, weights)


class NoiseAverage(NamedTuple):
    """Averages over the field h: of tanh βh, of β (1 − tanh² βh), of log 2cosh(βh) / β."""

    tanh: Tensor
    slope: Tensor
    log_cosh: Tensor


def noise_average(
    mean: Float[Tensor, " ..."], spread: Float[Tensor, " ..."], beta: float
) -> NoiseAverage:
    """For h normal with these means and spreads; β may be infinite, with sgn 0 = 0.

    Where nothing is uncertain at infinite β the slope, a delta function, is given as 0.

    Example:
        >>> mean = torch.tensor([1.0, 0.0], dtype=torch.float64)
        >>> found = noise_average(mean, mean, math.inf)
        >>> [round(x, 4) for x in found.tanh.tolist()]  # erf(1/√2); a tie
        [0.6827, 0.0]
    """
    if not spread.any():
        return _sharp(mean, spread, beta)
    sharp = spread <= 0
    wide = (spread * beta >= 1) & ~sharp
    kinds = ((sharp, _sharp), (wide, _wide), (~sharp & ~wide, _narrow))
    parts = [(mask, rule(mean[mask], spread[mask], beta)) for mask, rule in kinds if mask.any()]
    if len(parts) == 1:
        return NoiseAverage(*(values.reshape(mean.shape) for values in parts[0][1]))
    total = NoiseAverage(*(torch.zeros_like(mean) for _ in range(3)))
    for mask, values in parts:
        total = NoiseAverage(
            *(x.masked_scatter(mask, y) for x, y in zip(total, values, strict=True))
        )
    return total


def log_two_cosh(x: Float[Tensor, " ..."]) -> Float[Tensor, " ..."]:
    """log(2 cosh x) without overflow."""
    return x.abs() + torch.log1p(torch.exp(-2 * x.abs()))


def _sharp(mean: Tensor, spread: Tensor, beta: float) -> NoiseAverage:
    if beta == math.inf:
        sign = torch.where(mean.abs() <= TIE * mean.abs().max(), 0.0, mean.sign())
        return NoiseAverage(sign, torch.zeros_like(mean), mean.abs())
    tanh = torch.tanh(beta * mean)
    return NoiseAverage(tanh, beta * (1 - tanh.square()), log_two_cosh(beta * mean) / beta)


def _narrow(mean: Tensor, spread: Tensor, beta: float) -> NoiseAverage:
    grid = gaussian_grid(81, reach=9.0)
    x = beta * (mean[:, None] + spread[:, None] * grid.nodes)
    tanh = torch.tanh(x)
    return NoiseAverage(
        grid.mean(tanh),
        beta * grid.mean(1 - tanh.square()),
        grid.mean(log_two_cosh(x)) / beta,
    )


def _wide(mean: Tensor, spread: Tensor, beta: float) -> NoiseAverage:
    nodes, weights = _logistic_grid(beta)
    s = spread[:, None]
    x = mean[:, None] + nodes / beta
    density = torch.exp(-(x / s).square() / 2) * math.sqrt(2 / math.pi)
    error = torch.erf(x / (s * math.sqrt(2)))
    return NoiseAverage(
        error @ weights, (density / s) @ weights, (s * density + x * error) @ weights
    )


def _logistic_grid(beta: float) -> tuple[Tensor, Tensor]:
    """Nodes u and weights of ∫ du ½ sech² u; nothing depends on u where β is infinite."""
    if beta == math.inf:
        return torch.zeros(1, dtype=torch.float64), torch.ones(1, dtype=torch.float64)
    step = 0.25
    nodes = torch.arange(-76, 77, dtype=torch.float64) * step
    return nodes, step / (2 * torch.cosh(nodes).square())


def require_entropy(dataset_entropy: float) -> None:
    """Raise a ValueError unless ρ is finite and not negative.

    Example:
        >>> require_entropy(-1.0)
        Traceback (most recent call last):
        ValueError: dataset_entropy must be finite and not negative: got -1.0
    """
    if not 0 <= dataset_entropy < math.inf:
        raise ValueError(f"dataset_entropy must be finite and not negative: got {dataset_entropy}")
