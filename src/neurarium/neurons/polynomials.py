"""Orthogonal polynomials by their recurrences: Chebyshev, Jacobi, Gram.

Bases of Kolmogorov–Arnold layers that the candidate pool of https://arxiv.org/abs/2408.08338 names.
They live on [−1, 1], so inputs are squashed first.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from neurarium.memory.arguments import require_count
from neurarium.neurons.basis import Basis

SQUASHES = ("tanh", "clamp", None)


class Polynomials(Basis):
    """P_0 … P_d of the squashed input.

    Args:
        num_features: F.
        degree: d, of the highest polynomial.
        squash: ``"tanh"``, ``"clamp"`` (both into [−1, 1]) or None.
    """

    def __init__(self, num_features: int, *, degree: int, squash: str | None) -> None:
        require_count("degree", degree)
        if squash not in SQUASHES:
            raise ValueError(
                f"squash must be one of {', '.join(map(repr, SQUASHES))}: got {squash!r}"
            )
        super().__init__(num_features, degree + 1)
        self.degree, self.squash = degree, squash

    def first(self, x: Tensor) -> Tensor:
        """P_1."""
        return x

    def next(self, n: int, x: Tensor, last: Tensor, before: Tensor) -> Tensor:
        """P_{n+1} from P_n and P_{n−1}."""
        raise NotImplementedError

    def expand(self, x: Tensor) -> Tensor:
        """(F, N) → (d + 1, F, N)."""
        if self.squash is not None:
            x = x.tanh() if self.squash == "tanh" else x.clamp(-1, 1)
        found = [torch.ones_like(x), self.first(x)]
        for n in range(1, self.degree):
            found.append(self.next(n, x, found[n], found[n - 1]))
        return torch.stack(found)

    @torch.no_grad()
    def init_coefficients(self, coefficients: Tensor) -> None:
        """The published start, N(0, 1/(F (d + 1))²)."""
        nn.init.normal_(coefficients, std=1 / (self.num_features * self.num_functions))


class Chebyshev(Polynomials):
    r"""Chebyshev polynomials of the first kind.

    ChebyKAN, a candidate of `S-KAN <https://arxiv.org/abs/2408.08338>`_:
    :math:`T_{n+1} = 2 x T_n - T_{n-1}`, which is cos(n arccos x) with a finite slope at ±1.

    Args:
        num_features: F.
        degree: d, of the highest polynomial.
        squash: ``"tanh"``, ``"clamp"`` (both into [−1, 1]) or None.

    Shapes:
        - x: (…, F); output: (…, F, d + 1)

    Raises:
        TypeError: for a degree that is no whole number.
        ValueError: for a degree below 1 and an unknown squash.

    Example:
        >>> Chebyshev(1, degree=3, squash=None)(torch.tensor([[0.5]]))
        tensor([[[ 1.0000,  0.5000, -0.5000, -1.0000]]])
    """

    def __init__(
        self,
        num_features: int,
        *,
        degree: int = 4,
        squash: str | None = "tanh",
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(num_features, degree=degree, squash=squash)

    def next(self, n: int, x: Tensor, last: Tensor, before: Tensor) -> Tensor:
        """T_{n+1}."""
        return 2 * x * last - before


class Jacobi(Polynomials):
    r"""Jacobi polynomials P_n^{(α, β)}.

    JacobiKAN, a candidate of `S-KAN <https://arxiv.org/abs/2408.08338>`_. With s = α + β, the
    recurrence :math:`P_n = (a_n x + b_n) P_{n-1} - c_n P_{n-2}`. α = β = −1/2 are multiples of
    Chebyshev's, α = β = 0 Legendre's polynomials.

    Args:
        num_features: F.
        degree: d, of the highest polynomial.
        alpha: above −1.
        beta: above −1.
        squash: ``"tanh"``, ``"clamp"`` (both into [−1, 1]) or None.

    Shapes:
        - x: (…, F); output: (…, F, d + 1)

    Raises:
        TypeError: for a degree that is no whole number.
        ValueError: for a degree below 1, α or β not above −1 and an unknown squash.

    Example:
        >>> Jacobi(1, degree=2, alpha=0, beta=0, squash=None)(torch.tensor([[0.5]]))  # Legendre
        tensor([[[ 1.0000,  0.5000, -0.1250]]])
    """

    def __init__(
        self,
        num_features: int,
        *,
        degree: int = 4,
        alpha: float = 1.0,
        beta: float = 1.0,
        squash: str | None = "tanh",
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(num_features, degree=degree, squash=squash)
        for name, value in (("alpha", alpha), ("beta", beta)):
            if not value > -1:
                raise ValueError(f"{name} must be above -1: got {value}")
        self.alpha, self.beta = float(alpha), float(beta)

    def first(self, x: Tensor) -> Tensor:
        """P_1."""
        return (self.alpha - self.beta + (self.alpha + self.beta + 2) * x) / 2

    def next(self, n: int, x: Tensor, last: Tensor, before: Tensor) -> Tensor:
        """P_{n+1}."""
        a, b, i = self.alpha, self.beta, n + 1
        total = 2 * i + a + b
        scale = 2 * i * (i + a + b) * (total - 2)
        slope = total * (total - 1) * (total - 2) / scale
        offset = (total - 1) * (a * a - b * b) / scale
        lower = 2 * (i + a - 1) * (i + b - 1) * total / scale
        return (slope * x + offset) * last - lower * before


class Gram(Polynomials):
    r"""Gram polynomials with learned recurrence and SiLU on top.

    GRAM-KAN, a candidate of `S-KAN <https://arxiv.org/abs/2408.08338>`_:
    :math:`P_{n+1} = x P_n - \beta_n P_{n-1}` with
    :math:`\beta_n = w_n\, n^2 (2n + 1)(4n^2 - 1)/(n + 1)^2`, w learned, and SiLU(P_n) as functions.

    Args:
        num_features: F.
        degree: d, of the highest polynomial.
        squash: ``"tanh"``, ``"clamp"`` (both into [−1, 1]) or None.

    Shapes:
        - x: (…, F); output: (…, F, d + 1)

    Raises:
        TypeError: for a degree that is no whole number.
        ValueError: for a degree below 2, where nothing would be learned, and an unknown squash.

    Example:
        >>> Gram(4, degree=3)(torch.zeros(1, 4)).shape
        torch.Size([1, 4, 4])
    """

    def __init__(
        self,
        num_features: int,
        *,
        degree: int = 3,
        squash: str | None = "tanh",
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(num_features, degree=degree, squash=squash)
        if degree < 2:
            raise ValueError(f"degree must be at least 2: got {degree}; Chebyshev has lower ones")
        self.recurrence = nn.Parameter(torch.empty(degree - 1, device=device, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """w from N(0, 1/(F (d + 1))²)."""
        nn.init.normal_(self.recurrence, std=1 / (self.num_features * self.num_functions))

    def next(self, n: int, x: Tensor, last: Tensor, before: Tensor) -> Tensor:
        """P_{n+1}."""
        factor = n * n * (2 * n + 1) * (4 * n * n - 1) / (n + 1) ** 2
        return x * last - factor * self.recurrence[n - 1] * before

    def expand(self, x: Tensor) -> Tensor:
        """(F, N) → (d + 1, F, N)."""
        return nn.functional.silu(super().expand(x))
