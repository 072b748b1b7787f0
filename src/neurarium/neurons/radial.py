"""Bumps on a grid: Gaussians (FastKAN) and reflectional switches (FasterKAN).

Both are bases of Kolmogorov–Arnold layers (https://arxiv.org/abs/2407.11075 compares them): Li,
"Kolmogorov-Arnold Networks are Radial Basis Function Networks" (https://arxiv.org/abs/2405.06721),
and the reflectional switches of FasterKAN, 1 − tanh².
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from neurarium.memory.arguments import require_count
from neurarium.neurons.basis import Basis, Linearized
from neurarium.neurons.bspline import require_range


class GaussianRBF(Basis):
    r"""Gaussians on an even grid, one spacing wide.

    `Kolmogorov-Arnold Networks are Radial Basis Function Networks
    <https://arxiv.org/abs/2405.06721>`_ (FastKAN): :math:`e^{-((x - c_j)/h)^2}` with h the distance
    of neighbouring centres. As published, inputs are normalised first (``norm="layer"``).

    Args:
        num_features: F.
        grid_size: number of centres, at least 2.
        grid_range: first and last centre.

    Shapes:
        - x: (…, F); output: (…, F, grid_size)

    Raises:
        TypeError: for sizes that are no whole numbers.
        ValueError: for sizes or a range that do not fit.

    Example:
        >>> GaussianRBF(1, grid_size=3, grid_range=(-1, 1))(torch.zeros(1, 1))
        tensor([[[0.3679, 1.0000, 0.3679]]])
    """

    centres: Tensor

    def __init__(
        self,
        num_features: int,
        *,
        grid_size: int = 8,
        grid_range: Sequence[float] = (-2.0, 2.0),
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        low, high = _require_grid(grid_size, grid_range)
        super().__init__(num_features, grid_size)
        self.spacing = (high - low) / (grid_size - 1)
        centres = torch.linspace(low, high, grid_size, device=device, dtype=dtype)
        self.register_buffer("centres", centres)

    def expand(self, x: Tensor) -> Tensor:
        """(F, N) → (K, F, N)."""
        return torch.exp(-self._distances(x).square())

    def fill(self, x: Tensor, out: Tensor) -> None:
        """:meth:`expand` into ``out``."""
        torch.sub(x, self.centres[:, None, None], out=out)
        out.mul_(1 / self.spacing).square_().neg_().exp_()

    def linearize(self, x: Tensor) -> Linearized:
        """B' = −2 u B / h."""
        u = self._distances(x)
        values = torch.exp(-u.square())

        def pullback(gradient: Tensor) -> tuple[Tensor, ...]:
            return (u.mul_(values).mul_(gradient).sum(0).mul_(-2 / self.spacing),)

        return Linearized(values, pullback)

    @torch.no_grad()
    def init_coefficients(self, coefficients: Tensor) -> None:
        """FastKAN's start: normal, std 0.1, cut off at two units."""
        nn.init.trunc_normal_(coefficients, std=0.1)

    def _distances(self, x: Tensor) -> Tensor:
        return (x - self.centres[:, None, None]) * (1 / self.spacing)


class RSWAF(Basis):
    r"""Reflectional switches on an even grid.

    FasterKAN, one of the layers that `the assessment <https://arxiv.org/abs/2407.11075>`_ compares:
    :math:`1 - \tanh^2((x - c_j) / \delta)`. As published, inputs are normalised first
    (``norm="layer"``).

    Args:
        num_features: F.
        grid_size: number of centres, at least 2.
        grid_range: first and last centre.
        inverse_denominator: 1/δ at the start.
        trainable: whether centres and 1/δ are learned.

    Shapes:
        - x: (…, F); output: (…, F, grid_size)

    Raises:
        TypeError: for sizes that are no whole numbers.
        ValueError: for sizes or a range that do not fit.

    Example:
        >>> basis = RSWAF(1, grid_size=2, grid_range=(0, 2), inverse_denominator=1.0)
        >>> basis(torch.zeros(1, 1)).detach()
        tensor([[[1.0000, 0.0707]]])
    """

    def __init__(
        self,
        num_features: int,
        *,
        grid_size: int = 8,
        grid_range: Sequence[float] = (-1.2, 0.2),
        inverse_denominator: float = 0.5,
        trainable: bool = True,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        ends = _require_grid(grid_size, grid_range)
        super().__init__(num_features, grid_size)
        self._range, self._inverse = ends, float(inverse_denominator)
        centres = torch.empty(grid_size, device=device, dtype=dtype)
        self.centres = nn.Parameter(centres, requires_grad=trainable)
        self.inverse_denominator = nn.Parameter(centres.new_empty(()), requires_grad=trainable)
        self.reset_parameters()

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Even centres, and 1/δ as constructed."""
        low, high = self._range
        ends = torch.linspace(low, high, self.num_functions, device=self.centres.device)
        self.centres.copy_(ends)
        self.inverse_denominator.fill_(self._inverse)

    def expand(self, x: Tensor) -> Tensor:
        """(F, N) → (K, F, N)."""
        u = (x - self.centres[:, None, None]) * self.inverse_denominator
        return 1 - u.tanh().square()

    @torch.no_grad()
    def init_coefficients(self, coefficients: Tensor) -> None:
        """FasterKAN's start: Xavier, uniform."""
        nn.init.xavier_uniform_(coefficients.flatten(1))


def _require_grid(grid_size: int, grid_range: Sequence[float]) -> tuple[float, float]:
    require_count("grid_size", grid_size)
    if grid_size < 2:
        raise ValueError(f"grid_size must be at least 2, one for each end: got {grid_size}")
    return require_range(grid_range)
