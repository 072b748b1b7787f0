"""β of a Hopfield layer: fixed, one per head, or learned."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn


class InverseTemperature(nn.Module):
    """A number, one number per head, or a learned positive one per head (through its logarithm).

    Args:
        beta: finite and at least 0; ``"learn"`` starts every head at ``default``.
        num_heads: H.
        default: used for ``None`` and as the start of learning.

    Example:
        >>> InverseTemperature([0.5, 2.0], 2, default=1.0)().flatten()
        tensor([0.5000, 2.0000])
    """

    per_head: Tensor | None
    log_beta: Tensor | None

    def __init__(
        self,
        beta: float | Sequence[float] | Tensor | str | None,
        num_heads: int,
        *,
        default: float,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.default, self.shared = default, 0.0
        self.register_buffer("per_head", None)
        self.register_parameter("log_beta", None)
        if isinstance(beta, str):
            if beta != "learn":
                raise ValueError(f"beta must be a number, one per head, or 'learn': got {beta!r}")
            self.log_beta = nn.Parameter(torch.empty(num_heads, device=device, dtype=dtype))
            self.reset_parameters()
            return
        values = torch.as_tensor(default if beta is None else beta, dtype=torch.float64)
        if values.shape not in ((), (num_heads,)):
            raise ValueError(
                f"beta must be a number or one per head, shape [{num_heads}]: got "
                f"{list(values.shape)}"
            )
        if not bool(((values >= 0) & values.isfinite()).all()):
            raise ValueError(f"beta must be finite and at least 0: got {values.tolist()}")
        if values.ndim:
            self.per_head = values.to(device=device, dtype=dtype or torch.get_default_dtype())
        else:
            self.shared = values.item()

    def reset_parameters(self) -> None:
        """A learned β starts at the default."""
        if self.log_beta is not None:
            nn.init.constant_(self.log_beta, math.log(self.default))

    def extra_repr(self) -> str:
        """β, or that it is learned."""
        if self.log_beta is not None:
            return "learn"
        return f"{self.shared:.4g}" if self.per_head is None else str(self.per_head.tolist())

    def forward(self) -> float | Tensor:
        """β as a float, or as (H, 1, 1)."""
        if self.log_beta is not None:
            return self.log_beta.exp()[:, None, None]
        return self.shared if self.per_head is None else self.per_head[:, None, None]
