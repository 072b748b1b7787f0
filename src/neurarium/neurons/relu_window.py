"""Windows made of two ReLUs: the basis of ReLU-KAN."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from neurarium.memory.arguments import require_count
from neurarium.neurons.basis import Basis, Linearized
from neurarium.neurons.bspline import require_range


class ReLUWindow(Basis):
    r"""Squared products of a rising and a falling ReLU, with learned ends.

    `ReLU-KAN <https://arxiv.org/abs/2406.02075>`_: window j of g + k is

    .. math:: \left[ r\, \mathrm{relu}(x - l_j)\, \mathrm{relu}(h_j - x) \right]^2, \quad
              l_j = lo + (j - k) s, \quad h_j = l_j + (k + 1) s, \quad r = \frac{4}{((k + 1) s)^2}

    with s = (hi − lo)/g: smooth, 0 outside of [l, h] and at the start 1 in the middle.

    In float16 windows (k + 1) s of 32 and wider overflow: take bfloat16 or float32.

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
        rising, falling = self._factors(x)
        return (rising * falling).square().mul(self._scale() ** 2)

    def fill(self, x: Tensor, out: Tensor) -> None:
        """:meth:`expand` into ``out``."""
        torch.sub(x, self.low.mT[:, :, None], out=out)
        out.relu_().mul_((self.high.mT[:, :, None] - x).relu_().mul_(self._scale())).square_()

    def linearize(self, x: Tensor) -> Linearized:
        """B = r² u² v², so ∂B/∂u = 2 r² u v · v and ∂B/∂v = 2 r² u v · u, 0 where u or v is."""
        rising, falling = (factor.detach() for factor in self._factors(x))
        product = rising * falling
        values = product.square().mul_(self._scale() ** 2)

        def pullback(gradient: Tensor) -> tuple[Tensor, ...]:
            slope = product.mul(gradient).mul_(2 * self._scale() ** 2)
            by_low, by_high = slope * falling, slope.mul_(rising)
            found = [(by_low - by_high).sum(0)]
            if self.low.requires_grad:
                found.append(by_low.sum(-1).mT.neg())
            if self.high.requires_grad:
                found.append(by_high.sum(-1).mT)
            return tuple(found)

        return Linearized(values, pullback)

    def _factors(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """relu(x − l) and relu(h − x)."""
        return torch.relu(x - self.low.mT[:, :, None]), torch.relu(self.high.mT[:, :, None] - x)

    def _scale(self) -> float:
        return 4 / ((self.order + 1) * self.step) ** 2
