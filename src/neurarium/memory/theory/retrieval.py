"""What can be proved about retrieval from a modern Hopfield network.

Ramsauer et al., "Hopfield Networks is All You Need", 2020 (arXiv 2008.02217), Sec. 2 and App. A.
Stored patterns are the rows x_i of (N, d), M is the largest of their lengths, β > 0.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from neurarium.memory.arguments import require_tensor
from neurarium.memory.retrieval import hopfield_retrieve
from neurarium.memory.retrieval_checks import require_positive_beta


def pattern_separation(stored: Float[Tensor, "N d"]) -> Float[Tensor, " N"]:
    """Δ_i = x_iᵀx_i − max_{j≠i} x_iᵀx_j: how far each pattern stands out; ∞ for a single one.

    `Hopfield Networks is All You Need <https://arxiv.org/abs/2008.02217>`_, Definition 2.

    Args:
        stored: the patterns.

    Shapes:
        - stored: (N, d)
        - output: (N,)

    Raises:
        ValueError: if ``stored`` has another shape.

    Example:
        >>> pattern_separation(torch.tensor([[1.0, 0.0], [0.0, 2.0]]))
        tensor([1., 4.])
    """
    _check(stored)
    products = stored @ stored.mT
    own = products.diagonal()
    others = products.masked_fill(
        torch.eye(len(stored), dtype=torch.bool, device=stored.device), -math.inf
    )
    return own - others.amax(-1)


def is_well_separated(stored: Float[Tensor, "N d"], *, beta: float) -> Bool[Tensor, " N"]:
    """Δ_i ≥ 2/(βN) + log(2 (N−1) N β M²)/β: what the retrieval theorems assume.

    `Hopfield Networks is All You Need <https://arxiv.org/abs/2008.02217>`_, Sec. 2.

    Args:
        stored: the patterns.
        beta: inverse temperature.

    Shapes:
        - stored: (N, d)
        - output: (N,), bool

    Raises:
        ValueError: if ``stored`` has another shape, or for ``beta`` ≤ 0.

    Example:
        >>> is_well_separated(torch.eye(4), beta=20.0), is_well_separated(torch.eye(4), beta=1.0)
        (tensor([True, True, True, True]), tensor([False, False, False, False]))
    """
    require_positive_beta(beta)
    separation, count = pattern_separation(stored), len(stored)
    if count == 1:
        return torch.ones_like(separation, dtype=torch.bool)
    largest = float(stored.square().sum(-1).max())
    if largest == 0:  # equal patterns cannot be told apart
        return torch.zeros_like(separation, dtype=torch.bool)
    needed = 2 / count + math.log(2 * (count - 1) * count * beta * largest)
    return separation >= needed / beta


def retrieval_error_bound(
    stored: Float[Tensor, "N d"], distance: Float[Tensor, " N"], *, beta: float
) -> Float[Tensor, " N"]:
    r"""Bound on ‖f(ξ) − x_i‖ after one update, per pattern.

    `Hopfield Networks is All You Need <https://arxiv.org/abs/2008.02217>`_, Sec. 2:

    .. math:: 2 (N - 1) \exp(-\beta (\Delta_i - 2\, \mathrm{distance}_i\, M))\, M

    Args:
        stored: the patterns.
        distance: max(‖ξ − x_i‖, ‖x_i* − x_i‖), with x_i* the fixed point next to x_i.
        beta: inverse temperature.

    Shapes:
        - stored: (N, d); distance: (N,)
        - output: (N,)

    Raises:
        ValueError: if ``stored`` has another shape.

    Example:
        >>> retrieval_error_bound(torch.eye(3), torch.zeros(3), beta=8.0)
        tensor([0.0013, 0.0013, 0.0013])
    """
    longest = stored.norm(dim=-1).max()
    exponent = -beta * (pattern_separation(stored) - 2 * distance * longest)
    return 2 * (len(stored) - 1) * exponent.exp() * longest


def hopfield_jacobian(
    state: Float[Tensor, "... d"], stored: Float[Tensor, "N d"], *, beta: float
) -> Float[Tensor, "... d d"]:
    """J = β Xᵀ(diag p − p pᵀ)X = β Var_p[x], the Jacobian of one update; p at ``state``.

    `Hopfield Networks is All You Need <https://arxiv.org/abs/2008.02217>`_, App. A.

    Args:
        state: where the update is linearised.
        stored: the patterns.
        beta: inverse temperature.

    Shapes:
        - state: (…, L, d) or (d,); stored: (N, d)
        - output: the shape of ``state`` and a last axis d

    Raises:
        ValueError: for shapes that do not fit.

    Example:
        >>> hopfield_jacobian(torch.zeros(2), torch.tensor([[1.0, 0.0], [-1.0, 0.0]]), beta=0.5)
        tensor([[0.5000, 0.0000],
                [0.0000, 0.0000]])
    """
    mean, weights = hopfield_retrieve(state, stored, beta=beta, return_attention=True)
    centred = stored - mean.unsqueeze(-2)
    return beta * (weights.unsqueeze(-1) * centred).mT @ centred


def jacobian_norm_bound(stored: Float[Tensor, "N d"], *, beta: float) -> float:
    """β m_max² ≥ ‖J‖₂, m_max the largest distance to the mean; below 1 one fixed point is left.

    `Hopfield Networks is All You Need <https://arxiv.org/abs/2008.02217>`_, App. A.

    Args:
        stored: the patterns (N, d).
        beta: inverse temperature.

    Raises:
        ValueError: if ``stored`` has another shape.

    Example:
        >>> jacobian_norm_bound(torch.tensor([[1.0, 0.0], [-1.0, 0.0]]), beta=0.5)
        0.5
    """
    _check(stored)
    return beta * float((stored - stored.mean(0)).square().sum(-1).max())


def operating_class(sizes: Int[Tensor, " ..."], num_patterns: int) -> str:
    """What a head does, by the median number k of patterns that its states are made of.

    `Hopfield Networks is All You Need <https://arxiv.org/abs/2008.02217>`_, Sec. 3: class I
    averages over most patterns (k > N/2), II over many (N/8 < k ≤ N/2), III over some
    (N/32 < k ≤ N/8), IV picks few (k ≤ N/32).

    Args:
        sizes: of one head, from :func:`neurarium.memory.metastable_size`.
        num_patterns: N, how many patterns could be retrieved.

    Raises:
        ValueError: without sizes, or for ``num_patterns`` < 1.

    Example:
        >>> [operating_class(torch.tensor([k, k, 1]), 64) for k in (40, 20, 5, 2)]
        ['I', 'II', 'III', 'IV']
    """
    if not sizes.numel() or num_patterns < 1:
        raise ValueError(
            f"sizes must not be empty and num_patterns at least 1: got {list(sizes.shape)} and "
            f"{num_patterns}"
        )
    share = float(sizes.double().quantile(0.5)) / num_patterns
    limits = (("I", 1 / 2), ("II", 1 / 8), ("III", 1 / 32))
    return next((name for name, limit in limits if share > limit), "IV")


def sphere_capacity(dim: int, *, beta: float = 1.0, radius: float, failure: float) -> float:
    r"""How many random patterns on a sphere can be stored, at least: exponential in the dimension.

    `Hopfield Networks is All You Need <https://arxiv.org/abs/2008.02217>`_, Theorem 3. With
    patterns on the sphere of radius :math:`M = K \sqrt{d - 1}`,

    .. math:: N \ge \sqrt{p}\, c^{(d-1)/4}, \quad c = \frac{b}{W_0(\exp(a + \ln b))}, \quad
              a = \tfrac{2}{d-1} (1 + \ln(2 \beta K^2 p (d - 1))), \quad b = \tfrac{2 K^2 \beta}{5}

    Args:
        dim: d.
        beta: inverse temperature.
        radius: K, the sphere's radius over √(d − 1).
        failure: p, the probability that a random set is not stored.

    Raises:
        ValueError: for arguments out of range.

    Example:
        >>> round(sphere_capacity(20, radius=3.0, failure=0.001), 2)
        7.41
    """
    from scipy.special import lambertw

    if dim < 2 or not 0 < failure < 1 or radius <= 0 or beta <= 0:
        raise ValueError(
            "dim must be at least 2, failure in (0, 1), radius and beta positive: got "
            f"{dim}, {failure}, {radius}, {beta}"
        )
    a = 2 / (dim - 1) * (1 + math.log(2 * beta * radius**2 * failure * (dim - 1)))
    b = 2 * radius**2 * beta / 5
    base = b / float(lambertw(math.exp(a + math.log(b))).real)
    return math.sqrt(failure) * base ** ((dim - 1) / 4)


def _check(stored: Tensor) -> None:
    require_tensor("stored", stored)
    if stored.ndim != 2 or not len(stored):
        raise ValueError(f"stored must have shape (patterns >= 1, d): got {list(stored.shape)}")
