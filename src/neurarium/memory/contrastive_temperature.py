"""The temperature of a contrastive loss: a constant, or the logarithm of its inverse is learned."""

from __future__ import annotations

import math
from numbers import Real

import torch
from torch import Tensor, nn

from neurarium.memory.contrastive_checks import checked_temperature


class ContrastiveTemperature(nn.Module):
    """τ as a number, or as exp(−s) with a learned s that stays in [0, −log min_temperature].

    Args:
        temperature: the constant, or where learning starts.
        learn: whether it is a parameter.
        min_temperature: the smallest one that :meth:`clamp_` lets pass; the largest is 1.

    Raises:
        TypeError: for what is no number.
        ValueError: for a temperature that is not positive, and for a start of learning outside of
            [min_temperature, 1].

    Example:
        >>> ContrastiveTemperature(0.05, learn=False)()
        0.05
    """

    log_inverse: Tensor | None
    start: float
    min_temperature: float

    def __init__(
        self,
        temperature: float,
        *,
        learn: bool,
        min_temperature: float = 0.01,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        if isinstance(temperature, Tensor):
            raise TypeError("temperature must be a number: got Tensor; learn=True makes one")
        checked_temperature(temperature)
        if not isinstance(min_temperature, Real) or not 0 < min_temperature <= 1:
            raise ValueError(f"min_temperature must lie in (0, 1]: got {min_temperature}")
        if learn and not min_temperature <= temperature <= 1:
            raise ValueError(
                f"temperature must lie in [{min_temperature:g}, 1] where it is learned: got "
                f"{temperature}"
            )
        self.start, self.min_temperature = float(temperature), float(min_temperature)
        self.register_parameter("log_inverse", None)
        if learn:
            self.log_inverse = nn.Parameter(torch.empty((), device=device, dtype=dtype))
            self.reset_parameters()

    def reset_parameters(self) -> None:
        """A learned temperature goes back to its start."""
        if self.log_inverse is not None:
            nn.init.constant_(self.log_inverse, -math.log(self.start))

    def extra_repr(self) -> str:
        """The constant, or the start of learning."""
        return f"{self.start:.4g}" + (", learned" if self.log_inverse is not None else "")

    def forward(self) -> float | Tensor:
        """τ."""
        if self.log_inverse is None:
            return self.start
        kind = torch.promote_types(self.log_inverse.dtype, torch.float32)
        return (-self.log_inverse.to(kind)).exp()

    @torch.no_grad()
    def clamp_(self) -> None:
        """Back into its range; a constant stays what it is."""
        if self.log_inverse is not None:
            self.log_inverse.clamp_(0.0, -math.log(self.min_temperature))
