"""Windows made of two ReLUs: the basis of ReLU-KAN."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from neurarium.memory.arguments import require_count
from neurarium.neurons.basis import Basis
from neurarium.neurons.bspline import require_range


class ReLUWindow(Basis):
    r"""Squared products of a rising and a falling ReLU, with learned ends.

    `ReLU-KAN <https://arxiv.org/abs/2406.02075>`_: window j of g + k is

    .. math:: \left[ r\, \mathrm{relu}(x - l_j)\, \mathrm{relu}(h_j - x) \right]^2, \quad
              l_j = lo + (j - k) s, \quad h_j = l_j + (k + 1) s, \quad r = \frac{4}{((k + 1) s)^2}

    with s = (hi − lo)/g: smooth, 0 outside of [l, h] and at the start 1 in the middle.

    Args:
        num_features: F; each has ends of its own.
        grid_size: g.
        order: k, how many steps a window reaches beyond one.
        grid_range: (lo, hi).
        trainable: whether the ends are learned.

    Shapes:
        - x: (…, F); output: (…, F, g + k)

    Raises:
        TypeError: for sizes that are no whole numbers.
        ValueError: for sizes or a range that do not fit.

    Example:
        >>> ReLUWindow(1, grid_size=2, order=1)(torch.full((1, 1), 0.5)).detach()
        tensor([[[0., 1., 0.]]])
    """

    def __init__(
        self,
        num_features: int,
        *,
        grid_size: int = 5,
        order: int = 3,
        grid_range: Sequence[float] = (0.0, 1.0),
        trainable: bool = True,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        require_count("grid_size", grid_size)
        require_count("order", order)
        low, high = require_range(grid_range)
        super().__init__(num_features, grid_size + order)
        self.order, self.low_end, self.step = order, low, (high - low) / grid_size
        ends = torch.empty(2, num_features, self.num_functions, device=device, dtype=dtype)
        self.low = nn.Parameter(ends[0].clone(), requires_grad=trainable)
        self.high = nn.Parameter(ends[1].clone(), requires_grad=trainable)
        self.reset_parameters()

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Even windows."""
        j = torch.arange(self.num_functions, device=self.low.device)
        self.low.copy_((self.low_end + (j - self.order) * self.step).expand_as(self.low))
        self.high.copy_(self.low + (self.order + 1) * self.step)

    def expand(self, x: Tensor) -> Tensor:
        """(F, N) → (g + k, F, N)."""
        scale = 4 / ((self.order + 1) * self.step) ** 2
        rising = torch.relu(x - self.low.mT[:, :, None])
        falling = torch.relu(self.high.mT[:, :, None] - x)
        return (scale * rising * falling).square()
