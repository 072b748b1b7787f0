"""A recurrent network that answers after the last element of a sequence."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn


class LSTMClassifier(nn.Module):
    """An LSTM and a linear map of its last state.

    Args:
        input_size: width of an element.
        hidden_size: units of the LSTM.
        out_features: width of the output.

    Shapes:
        - x: (B, L, input_size)
        - output: (B, out_features)

    Raises:
        ValueError: for sizes below 1.

    Example:
        >>> LSTMClassifier(5, 4, 1)(torch.randn(3, 7, 5)).shape
        torch.Size([3, 1])
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        out_features: int,
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        if min(input_size, hidden_size, out_features) < 1:
            raise ValueError(
                "input_size, hidden_size and out_features must be at least 1: got "
                f"{input_size}, {hidden_size} and {out_features}"
            )
        factory: dict[str, Any] = {"device": device, "dtype": dtype}
        self.lstm = nn.LSTM(input_size, hidden_size, batch_first=True, **factory)
        self.out = nn.Linear(hidden_size, out_features, **factory)

    def forward(self, x: Float[Tensor, "B L F"]) -> Float[Tensor, "B out"]:
        """The answer after the last element."""
        _, (last, _) = self.lstm(x)
        return self.out(last[0])
