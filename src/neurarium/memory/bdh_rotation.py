"""The clock of BDH's neurons: every pair turns at a frequency of its own (arXiv 2509.26507)."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from neurarium.baselines.positional import rotary_angles, rotary_frequencies


class Turn(NamedTuple):
    """Cosines and sines of every pair's angle, (H, 1, T, N / 2); all layers share them."""

    cos: Tensor
    sin: Tensor


class NeuronRotation(nn.Module):
    """Frequencies of all pairs of neurons, in float64 whatever the model's dtype.

    They are stored with the weights: a model that has grown or was merged could not compute them
    from its number of neurons.

    Args:
        num_heads: H.
        neurons_per_head: N, even.
        theta: the slowest pair is about θ times slower than the fastest.

    Shapes:
        - frequencies: (H, N / 2), in turns per token
    """

    frequencies: Tensor

    def __init__(
        self,
        num_heads: int,
        neurons_per_head: int,
        *,
        theta: float = 65536.0,
        device: torch.device | str | None = None,
    ) -> None:
        super().__init__()
        self.theta = theta
        frequencies = rotary_frequencies(neurons_per_head, theta=theta, device=device)
        self.register_buffer("frequencies", frequencies.repeat(num_heads, 1))

    def reset_parameters(self) -> None:
        """Frequencies of a full range in every head, as θ gives them."""
        heads, pairs = self.frequencies.shape
        frequencies = rotary_frequencies(
            2 * pairs, theta=self.theta, device=self.frequencies.device
        )
        self.frequencies.copy_(frequencies.expand(heads, -1))

    def forward(self, start: int, length: int, dtype: torch.dtype) -> Turn:
        """Cosines and sines at the positions start, …, start + length − 1."""
        positions = torch.arange(start, start + length, device=self.frequencies.device)
        angles = rotary_angles(positions, self.frequencies).unsqueeze(1)
        return Turn(angles.cos().to(dtype), angles.sin().to(dtype))

    def _apply(self, fn: Any, recurse: bool = True) -> NeuronRotation:
        """Follows the model to its device, not to its dtype."""
        exact = self.frequencies
        super()._apply(fn, recurse)
        if self.frequencies.dtype != torch.float64:
            self.frequencies = exact.to(self.frequencies.device)
        return self
