"""Wavelets with learned places and widths: the bases of Wav-KAN and of learnable attention."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from neurarium.memory.arguments import require_count
from neurarium.neurons.basis import Basis, Linearized
from neurarium.neurons.bspline import require_range

SHANNON_REACH = 2 * math.pi
MORLET_FREQUENCY = 5.0


def mexican_hat(u: Tensor) -> Tensor:
    """Second derivative of a Gaussian, upright and of unit norm."""
    squared = u * u
    return 2 / (math.sqrt(3) * math.pi**0.25) * (1 - squared) * torch.exp(squared * -0.5)


def morlet(u: Tensor) -> Tensor:
    """A cosine of frequency 5 under a Gaussian."""
    return torch.cos(MORLET_FREQUENCY * u) * torch.exp(-u * u / 2)


def derivative_of_gaussian(u: Tensor) -> Tensor:
    """u e^(−u²/2)."""
    return u * torch.exp(-u * u / 2)


def meyer(u: Tensor) -> Tensor:
    """sin π|u| up to |u| = 1/2, faded out to 0 at 1."""
    v = u.abs()
    t = (2 * v - 1).clamp(0, 1)
    fade = torch.cos(math.pi / 2 * t**4 * (35 - 84 * t + 70 * t**2 - 20 * t**3))
    return torch.sin(math.pi * v) * torch.where(v < 1, fade, torch.zeros_like(fade))


def shannon(u: Tensor) -> Tensor:
    """sin u / u in a Hamming window that ends at its second zero."""
    window = 0.54 + 0.46 * torch.cos(u * (math.pi / SHANNON_REACH))
    return torch.sinc(u / math.pi) * torch.where(
        u.abs() < SHANNON_REACH, window, torch.zeros_like(window)
    )


WAVELETS: dict[str, Callable[[Tensor], Tensor]] = {
    "mexican_hat": mexican_hat,
    "morlet": morlet,
    "dog": derivative_of_gaussian,
    "meyer": meyer,
    "shannon": shannon,
}

GAUSSIAN_SLOPES: dict[str, Callable[[Tensor], Tensor]] = {
    "mexican_hat": lambda u: 2 / (math.sqrt(3) * math.pi**0.25) * (u * u - 3) * u,
    "morlet": lambda u: (
        -MORLET_FREQUENCY * torch.sin(MORLET_FREQUENCY * u) - u * torch.cos(MORLET_FREQUENCY * u)
    ),
    "dog": lambda u: 1 - u * u,
}
"""ψ'(u) e^(u²/2) of the wavelets under a Gaussian."""


class Wavelet(Basis):
    r"""ψ((x − τ)/s) with learned τ and s for each feature.

    `Wav-KAN <https://arxiv.org/abs/2405.12832>`_, where every *edge* has a τ and an s; here every
    feature has, so that the sum over features is one matrix product, and as
    many wavelets as wanted.

    ===============  ============================================================
    kind             ψ(u)
    ===============  ============================================================
    ``mexican_hat``  2/(√3 π^¼) (1 − u²) e^(−u²/2)
    ``morlet``       cos 5u e^(−u²/2)
    ``dog``          u e^(−u²/2)
    ``meyer``        sin π\|u\| m(\|u\|), m = 1 up to 1/2 and 0 from 1 on
    ``shannon``      sin u / u in a Hamming window over \|u\| < 2π
    ===============  ============================================================

    Args:
        num_features: F.
        kind: one of the names above.
        grid_size: wavelets for each feature. One starts with τ = 0 and s = 1, several evenly over
            ``grid_range``, their distance wide.
        grid_range: first and last τ.

    Shapes:
        - x: (…, F); output: (…, F, grid_size)

    Raises:
        TypeError: for sizes that are no whole numbers.
        ValueError: for an unknown kind, and sizes or a range that do not fit.

    Example:
        >>> Wavelet(1, kind="dog", grid_size=1)(torch.ones(1, 1)).detach()
        tensor([[[0.6065]]])
    """

    def __init__(
        self,
        num_features: int,
        *,
        kind: str = "mexican_hat",
        grid_size: int = 8,
        grid_range: Sequence[float] = (-2.0, 2.0),
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        if kind not in WAVELETS:
            raise ValueError(f"kind must be one of {', '.join(WAVELETS)}: got {kind!r}")
        require_count("grid_size", grid_size)
        ends = require_range(grid_range)
        super().__init__(num_features, grid_size)
        self.kind, self._range = kind, ends
        places = torch.empty(num_features, grid_size, device=device, dtype=dtype)
        self.translation = nn.Parameter(places)
        self.scale = nn.Parameter(places.clone())
        self.reset_parameters()

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Even places."""
        low, high = self._range
        if self.num_functions == 1:
            self.translation.zero_()
            self.scale.fill_(1)
            return
        even = torch.linspace(low, high, self.num_functions, device=self.scale.device)
        self.translation.copy_(even.expand_as(self.translation))
        self.scale.fill_((high - low) / (self.num_functions - 1))

    def expand(self, x: Tensor) -> Tensor:
        """(F, N) → (K, F, N)."""
        u = (x - self.translation.mT[:, :, None]) / self.scale.mT[:, :, None]
        return WAVELETS[self.kind](u)

    def linearize(self, x: Tensor) -> Linearized:
        """Through u = (x − τ)/s in closed form, for wavelets under a Gaussian."""
        if self.kind not in GAUSSIAN_SLOPES:
            return super().linearize(x)
        scale = self.scale.detach().mT[:, :, None]
        u = (x - self.translation.detach().mT[:, :, None]).div_(scale)

        def pullback(gradient: Tensor) -> tuple[Tensor, ...]:
            slope = GAUSSIAN_SLOPES[self.kind](u).mul_(torch.exp(u.square().mul_(-0.5)))
            by_place = slope.mul_(gradient).div_(scale)
            found = [by_place.sum(0)]
            if self.translation.requires_grad:
                found.append(by_place.sum(-1).mT.neg())
            if self.scale.requires_grad:
                found.append(torch.linalg.vecdot(by_place, u).mT.neg())
            return tuple(found)

        return Linearized(WAVELETS[self.kind](u), pullback)
