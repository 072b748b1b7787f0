"""Powers over one learned denominator: the rational basis of learnable attention."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from neurarium.memory.arguments import require_count
from neurarium.neurons.basis import Basis
from neurarium.neurons.rational_eager import sign_of


class Rational(Basis):
    r"""1/Q(x), x/Q(x) … x^m/Q(x) with a learned denominator Q for each feature.

    The rational units of `Kolmogorov-Arnold Attention <https://arxiv.org/abs/2503.10632>`_, with
    the denominator :math:`Q(x) = 1 + \sum_i |b_i| |x|^i` of
    `FlashKAT <https://arxiv.org/abs/2505.13813>`_, which is never 0. Edges from one feature share
    it, so that the sum over features is one matrix product.

    Args:
        num_features: F.
        degree: m, the highest power above.
        denominator_degree: the highest power below.

    Shapes:
        - x: (…, F); output: (…, F, m + 1)

    Raises:
        TypeError: for degrees that are no whole numbers.
        ValueError: for degrees below 1.

    Example:
        >>> basis = Rational(1, degree=2, denominator_degree=2)
        >>> with torch.no_grad():
        ...     _ = basis.denominator.copy_(torch.tensor([[0.0, -1.0]]))
        >>> basis(torch.tensor([[2.0]])).detach()  # over 1 + 2²
        tensor([[[0.2000, 0.4000, 0.8000]]])
    """

    def __init__(
        self,
        num_features: int,
        *,
        degree: int = 5,
        denominator_degree: int = 4,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        require_count("degree", degree)
        require_count("denominator_degree", denominator_degree)
        super().__init__(num_features, degree + 1)
        self.denominator = nn.Parameter(
            torch.empty(num_features, denominator_degree, device=device, dtype=dtype)
        )
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Denominators from N(0, 1)."""
        nn.init.normal_(self.denominator)

    def expand(self, x: Tensor) -> Tensor:
        """(F, N) → (m + 1, F, N)."""
        b = self.denominator * sign_of(self.denominator)
        count = b.shape[1]
        # With s = max(1, |x|), x^j/Q = (x/s)^j s^(j−n) / (Q/s^n), of which no part overflows.
        inverse = 1 / x.detach().abs().clamp_min(1)
        unit = x * inverse
        size, shrunk, q = unit.abs(), [torch.ones_like(inverse)], b[:, -1:]
        for place in range(count - 2, -1, -1):
            shrunk.append(shrunk[-1] * inverse)
            q = q * size + b[:, place : place + 1] * shrunk[-1]
        shrunk.append(shrunk[-1] * inverse)
        value, values = 1 / (q * size + shrunk[-1]), []
        for power in range(self.num_functions):
            values.append(value * shrunk[count - power] if power < count else value)
            value = value * (unit if power < count else x)
        return torch.stack(values)
