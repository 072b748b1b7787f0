"""A recurrent network that foretells the next element of a sequence."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn


class NextElementGRU(nn.Module):
    """A GRU and a linear map of its state after every element.

    Args:
        input_size: width of an element.
        hidden_size: units of the GRU.

    Shapes:
        - x: (B, L, input_size)
        - output: (B, L, input_size)

    Raises:
        ValueError: for sizes below 1.

    Example:
        >>> NextElementGRU(5, 4)(torch.randn(3, 7, 5)).shape
        torch.Size([3, 7, 5])
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        if min(input_size, hidden_size) < 1:
            raise ValueError(
                f"input_size and hidden_size must be at least 1: got {input_size} and {hidden_size}"
            )
        factory: dict[str, Any] = {"device": device, "dtype": dtype}
        self.gru = nn.GRU(input_size, hidden_size, batch_first=True, **factory)
        self.out = nn.Linear(hidden_size, input_size, **factory)

    def forward(self, x: Float[Tensor, "B L F"]) -> Float[Tensor, "B L F"]:
        """What is expected to follow each element."""
        states, _ = self.gru(x)
        return self.out(states)

    def step(
        self, x: Float[Tensor, "B F"], state: Float[Tensor, "1 B H"] | None = None
    ) -> tuple[Float[Tensor, "B F"], Float[Tensor, "1 B H"]]:
        """What is expected to follow one element, and the state after it."""
        found, state = self.gru(x[:, None], state)
        return self.out(found[:, 0]), state
