"""Recurrent networks that answer after every element of a sequence: plain, and with a memory."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F


class SequenceLSTM(nn.Module):
    """An LSTM and a linear map of its state after every element.

    Args:
        input_size: width of an element.
        hidden_size: units of the LSTM.
        out_features: width of an answer.

    Shapes:
        - x: (B, L, input_size)
        - output: (B, L, out_features)

    Raises:
        ValueError: for sizes below 1.

    Example:
        >>> SequenceLSTM(5, 4, 2)(torch.randn(3, 7, 5)).shape
        torch.Size([3, 7, 2])
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
        _check(input_size, hidden_size, out_features)
        factory: dict[str, Any] = {"device": device, "dtype": dtype}
        self.lstm = nn.LSTM(input_size, hidden_size, batch_first=True, **factory)
        self.out = nn.Linear(hidden_size, out_features, **factory)

    def forward(self, x: Float[Tensor, "B L F"]) -> Float[Tensor, "B L out"]:
        """An answer after every element."""
        return self.out(self.lstm(x)[0])


class ReadingLSTM(nn.Module):
    """An LSTM that reads by content from a memory of all its earlier states, which it only adds to.

    Like a memory-augmented network (Santoro et al., https://arxiv.org/abs/1605.06065) without
    learned erasing: one controller, its state after every element is a new slot, and what is read
    goes into the answer. So all elements are computed at once.

    Args:
        input_size: width of an element.
        hidden_size: units of the LSTM, width of a slot.
        out_features: width of an answer.

    Shapes:
        - x: (B, L, input_size)
        - output: (B, L, out_features)

    Raises:
        ValueError: for sizes below 1.

    Example:
        >>> ReadingLSTM(5, 4, 2)(torch.randn(3, 7, 5)).shape
        torch.Size([3, 7, 2])
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
        _check(input_size, hidden_size, out_features)
        factory: dict[str, Any] = {"device": device, "dtype": dtype}
        self.lstm = nn.LSTM(input_size, hidden_size, batch_first=True, **factory)
        self.key = nn.Linear(hidden_size, hidden_size, bias=False, **factory)
        self.hidden = nn.Linear(2 * hidden_size, hidden_size, **factory)
        self.out = nn.Linear(hidden_size, out_features, **factory)

    def forward(self, x: Float[Tensor, "B L F"]) -> Float[Tensor, "B L out"]:
        """An answer after every element, from its state and what that reads from earlier ones."""
        states, _ = self.lstm(x)
        empty = torch.zeros_like(states[:, :1])  # for the first element to read
        slots = torch.cat([empty, states[:, :-1]], 1)
        read = F.scaled_dot_product_attention(self.key(states), slots, slots, is_causal=True)
        return self.out(torch.tanh(self.hidden(torch.cat([states, read], 2))))


def _check(input_size: int, hidden_size: int, out_features: int) -> None:
    if min(input_size, hidden_size, out_features) < 1:
        raise ValueError(
            "input_size, hidden_size and out_features must be at least 1: got "
            f"{input_size}, {hidden_size} and {out_features}"
        )
