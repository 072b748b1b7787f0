"""Dense associative memories: energies of higher degree in the overlaps, far larger capacity.

Krotov, Hopfield, "Dense associative memory for pattern recognition" (arXiv 1606.01164) for powers
of the overlap; Albanese et al., "Replica symmetry breaking in dense neural networks"
(arXiv 2111.12997) for interactions of distinct units.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from neurarium.memory.arguments import require_count
from neurarium.memory.associative import AssociativeMemory

Energy = str | Callable[[Tensor], Tensor]


def distinct_products(total: Float[Tensor, " ..."], degree: int, num_units: int) -> Tensor:
    r"""Σ over i₁ < … < i_P of x_{i₁} ⋯ x_{i_P} for x of ±1, from their sum s alone.

    The coefficient of t^P in (1+t)^((N+s)/2) (1−t)^((N−s)/2), a Krawtchouk polynomial, by the
    recurrence (p+1) e_{p+1} = s e_p − (N−p+1) e_{p−1}.

    Example:
        >>> distinct_products(torch.tensor([4.0, 2.0, 0.0]), 2, 4)
        tensor([ 6.,  0., -2.])
    """
    previous, current = torch.zeros_like(total), torch.ones_like(total)
    for p in range(degree):
        following = (total * current - (num_units - p + 1) * previous) / (p + 1)
        previous, current = current, following
    return current


class DenseAssociativeMemory(AssociativeMemory):
    r"""Stores binary patterns with P-body interactions: of the order of N^(P−1) of them.

    `Replica symmetry breaking in dense neural networks <https://arxiv.org/abs/2111.12997>`_. With
    :math:`s_\mu = \xi^\mu \cdot \sigma`,

    .. math:: E_\text{distinct} = -N^{1-P} \sum_\mu \sum_{i_1 < \dots < i_P} \prod_k
              \xi^\mu_{i_k} \sigma_{i_k}, \qquad E_\text{power} = -\tfrac{N}{P!} \sum_\mu
              (s_\mu / N)^P, \qquad E = -\sum_\mu F(s_\mu)

    Args:
        num_units: N.
        degree: P, at least 2; not used by a callable energy.
        energy: ``"distinct"``, ``"power"``, or F as a callable on the sums s.

    Shapes:
        - patterns: (K, N) of ±1; state: (B, N) of ±1

    Raises:
        ValueError: for another degree or energy, other values than ±1, shapes that do not fit.
        RuntimeError: if nothing was stored.

    Example:
        >>> patterns = torch.randint(0, 2, (300, 64)).float() * 2 - 1  # 4.7 per unit
        >>> cue = patterns[:8].clone()
        >>> cue[:, :6] *= -1
        >>> memory = DenseAssociativeMemory(64, degree=4)
        >>> memory.store(patterns)
        >>> bool((memory.recall(cue).overlaps[:, :8].diagonal() > 0.9).all())
        True
    """

    least_change = 0.0  # high degrees have energies far below 1; rounding is taken out of changes

    def __init__(
        self,
        num_units: int,
        *,
        degree: int = 4,
        energy: Energy = "distinct",
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(num_units, device=device, dtype=dtype)
        require_count("degree", degree)
        if not 2 <= degree <= num_units:
            raise ValueError(f"degree must lie in 2 … {num_units}: got {degree}")
        if not callable(energy) and energy not in ("distinct", "power"):
            raise ValueError(f"energy must be 'distinct', 'power' or a callable: got {energy!r}")
        self.degree, self.interaction = degree, energy

    def store(self, patterns: Float[Tensor, "K N"]) -> None:
        """Store patterns of ±1 in place of those stored before.

        Raises:
            TypeError: for what is no tensor.
            ValueError: for other values or another shape, and where F is not finite at ±N: exp
                of more than 88 units in float32, or 709 in float64; or where a degree is so high
                that it vanishes there.
        """
        ends = self.patterns.new_tensor([-self.num_units, self.num_units])
        found = self._per_pattern(ends)
        self._require_in_range(ends, found, "use dtype=torch.float64, or scale it")
        super().store(patterns)

    def _require_in_range(self, total: Tensor, found: Tensor, fix: str) -> None:
        """Raise unless F is one number for every sum; ``total`` begins and ends with ∓N."""
        if not isinstance(found, Tensor) or found.shape != total.shape:
            got = list(found.shape) if isinstance(found, Tensor) else type(found).__name__
            raise ValueError(f"energy must map sums {list(total.shape)} to as many: got {got}")
        kind = str(found.dtype).removeprefix("torch.")
        ends = found[[0, -1]]
        if not found.isfinite().all():
            raise ValueError(
                f"energy must be finite at sums of ±{self.num_units} in {kind}: got "
                f"{ends.tolist()}; {fix}"
            )
        if not callable(self.interaction) and ends.abs().min() < torch.finfo(ends.dtype).tiny:
            raise ValueError(
                f"degree must be lower for {self.num_units} units in {kind}: got {self.degree}, "
                f"and energies of {ends.tolist()}; {fix}"
            )

    def _per_pattern(self, total: Tensor) -> Tensor:
        """F: minus the energy of one pattern."""
        n, p = self.num_units, self.degree
        if callable(self.interaction):
            return self.interaction(total)
        if self.interaction == "power":
            return n / math.factorial(p) * (total / n) ** p
        products = distinct_products(total, p, n)
        if n ** (1 - p) >= torch.finfo(torch.result_type(products, 1.0)).tiny:
            return n ** (1 - p) * products
        root = n ** ((1 - p) / 2)  # too small a factor for the type, not so what is multiplied
        return products * root * root

    @property
    def rows(self) -> Float[Tensor, "N K"]:
        """The patterns unit by unit: the sums s are what is tracked."""
        return self.patterns.T.contiguous()

    def energy(self, state: Float[Tensor, "B N"]) -> Float[Tensor, " B"]:
        """The energy of each state."""
        self._require_fitting(state)
        return -self._per_pattern(state.to(self.patterns) @ self.patterns.T).sum(-1)

    def flip_energy(
        self, state: Float[Tensor, "B N"], tracked: Float[Tensor, "B K"], unit: int
    ) -> Float[Tensor, " B"]:
        """Σ_μ F(s_μ) − F(s_μ − 2 ξ_i σ_i)."""
        after = torch.addr(tracked, state[:, unit], self.patterns[:, unit], alpha=-2)
        now, then = self._per_pattern(tracked), self._per_pattern(after)
        change = (now - then).sum(-1)
        rounding = torch.finfo(change.dtype).eps * (now.abs() + then.abs()).sum(-1)
        return torch.where(change.abs() <= rounding, 0.0, change)
