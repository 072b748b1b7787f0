"""Sines and cosines of whole multiples of the input, by the angle recurrence."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from neurarium.memory.arguments import require_count
from neurarium.neurons.basis import Basis, Linearized


class Fourier(Basis):
    r"""cos x … cos Gx, sin x … sin Gx.

    The basis of `Kolmogorov-Arnold Attention <https://arxiv.org/abs/2503.10632>`_ and of
    FourierKAN. One cosine and one sine are computed, multiples follow from
    :math:`\cos (m+1)x = 2 \cos x \cos mx - \cos (m-1)x` and likewise for the sine.

    Args:
        num_features: F.
        grid_size: G, the highest multiple.

    Shapes:
        - x: (…, F); output: (…, F, 2G), cosines first

    Raises:
        TypeError: for a grid that is no whole number.
        ValueError: for a grid below 1.

    Example:
        >>> Fourier(1, grid_size=2)(torch.zeros(1, 1))
        tensor([[[1., 1., 0., 0.]]])
    """

    def __init__(
        self,
        num_features: int,
        *,
        grid_size: int = 5,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        require_count("grid_size", grid_size)
        super().__init__(num_features, 2 * grid_size)
        self.grid_size = grid_size

    def expand(self, x: Tensor) -> Tensor:
        """(F, N) → (2G, F, N)."""
        cosines, sines = [torch.ones_like(x), x.cos()], [torch.zeros_like(x), x.sin()]
        for m in range(1, self.grid_size):
            cosines.append(2 * cosines[1] * cosines[m] - cosines[m - 1])
            sines.append(2 * cosines[1] * sines[m] - sines[m - 1])
        return torch.stack(cosines[1:] + sines[1:])

    def linearize(self, x: Tensor) -> Linearized:
        """(cos mx)' = −m sin mx and (sin mx)' = m cos mx."""
        values = self.expand(x)
        cosines, sines = values.chunk(2)

        def pullback(gradient: Tensor) -> tuple[Tensor, ...]:
            by_cosine, by_sine = gradient.chunk(2)
            multiples = torch.arange(1, self.grid_size + 1, device=x.device, dtype=x.dtype)
            slopes = by_sine * cosines - by_cosine * sines
            return ((slopes * multiples[:, None, None]).sum(0),)

        return Linearized(values, pullback)

    @torch.no_grad()
    def init_coefficients(self, coefficients: Tensor) -> None:
        """N(0, 1/(F G)): outputs of unit order."""
        nn.init.normal_(coefficients, std=(self.num_features * self.grid_size) ** -0.5)
