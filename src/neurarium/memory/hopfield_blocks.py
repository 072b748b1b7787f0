"""Transformer blocks whose attention is a Hopfield association.

Ramsauer et al., "Hopfield Networks is All You Need", 2020 (arXiv 2008.02217). Norms come after the
residual sums, as in the original transformer: x = LN(x + Hopfield(x)), x = LN(x + W₂ φ(W₁ x)).
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import torch
from jaxtyping import Bool, Float, Shaped
from torch import Tensor, nn

from neurarium.memory.activation import Activation, resolve_activation
from neurarium.memory.hopfield import Hopfield


class _Block(nn.Module):
    """Residual association and feed-forward network, each followed by dropout, sum and norm."""

    def __init__(
        self,
        width: int,
        *,
        hidden_features: int,
        dropout: float,
        activation: Activation,
        device: torch.device | str | None,
        dtype: torch.dtype | None,
    ) -> None:
        super().__init__()
        if hidden_features < 1:
            raise ValueError(f"hidden_features must be at least 1: got {hidden_features}")
        if activation is None:
            raise ValueError("activation must be a name or a callable: got None")
        factory: dict[str, Any] = {"device": device, "dtype": dtype}
        self.activation: Any = resolve_activation(activation)
        self.dropout = nn.Dropout(dropout)
        self.hidden = nn.Linear(width, hidden_features, **factory)
        self.out = nn.Linear(hidden_features, width, **factory)
        self.norm_out = nn.LayerNorm(width, **factory)

    def _feed_forward(self, x: Tensor) -> Tensor:
        update = self.out(self.dropout(self.activation(self.hidden(x))))
        return self.norm_out(x + self.dropout(update))

    def reset_parameters(self) -> None:
        """Every association as in :class:`Hopfield`; linear maps and norms as in PyTorch."""
        for module in self.children():
            if isinstance(module, Hopfield | nn.Linear | nn.LayerNorm):
                module.reset_parameters()


class HopfieldEncoderLayer(_Block):
    """A transformer encoder layer: self-association, then a feed-forward network.

    `Hopfield Networks is All You Need <https://arxiv.org/abs/2008.02217>`_;
    ``x = LN(x + drop(Hopfield(x)))``, ``x = LN(x + drop(W₂ drop(φ(W₁ x))))``.

    Args:
        association: a :class:`Hopfield` whose output is as wide as its states; it is copied, and
            the copy initialised afresh.
        hidden_features: width of the feed-forward network.
        dropout: of both updates and of the hidden layer.
        activation: φ; a name in ``torch.nn.functional``, or a callable.

    Shapes:
        - state: (B, L, E); mask: (B, L); attn_mask: (L, L), (B, L, L) or (B, H, L, L)
        - output: (B, L, E)

    Raises:
        TypeError: if ``association`` is no :class:`Hopfield`.
        ValueError: if its output width differs from its ``embed_dim``.

    Example:
        >>> layer = HopfieldEncoderLayer(Hopfield(16, 4, num_steps=2), hidden_features=32)
        >>> layer(torch.randn(2, 5, 16)).shape
        torch.Size([2, 5, 16])
    """

    def __init__(
        self,
        association: Hopfield,
        *,
        hidden_features: int = 2048,
        dropout: float = 0.1,
        activation: Activation = "relu",
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        width = _residual_width("association", association)
        super().__init__(
            width,
            hidden_features=hidden_features,
            dropout=dropout,
            activation=activation,
            device=device,
            dtype=dtype,
        )
        self.association = deepcopy(association).to(device, dtype)
        self.norm_association = nn.LayerNorm(width, device=device, dtype=dtype)
        self.reset_parameters()

    def forward(
        self,
        state: Float[Tensor, "B L E"],
        *,
        mask: Bool[Tensor, "B L"] | None = None,
        attn_mask: Shaped[Tensor, " ..."] | None = None,
    ) -> Float[Tensor, "B L E"]:
        """Encode; ``mask`` is True for tokens and False for padding."""
        update = self.association(state, mask=mask, attn_mask=attn_mask)
        return self._feed_forward(self.norm_association(state + self.dropout(update)))


class HopfieldDecoderLayer(_Block):
    """A transformer decoder layer: self-association, association with a memory, feed-forward.

    `Hopfield Networks is All You Need <https://arxiv.org/abs/2008.02217>`_;
    ``x = LN(x + drop(Hopfield(x)))``, ``x = LN(x + drop(Hopfield(x, memory)))``,
    ``x = LN(x + drop(W₂ drop(φ(W₁ x))))``.

    Args:
        self_association: a :class:`Hopfield` among the states; copied and initialised afresh.
        cross_association: a :class:`Hopfield` from the states to the stored patterns; likewise.
        hidden_features: width of the feed-forward network.
        dropout: of all updates and of the hidden layer.
        activation: φ; a name in ``torch.nn.functional``, or a callable.

    Shapes:
        - state: (B, L, E); stored: (B, S, kdim of ``cross_association``)
        - output: (B, L, E)

    Raises:
        TypeError: if an association is no :class:`Hopfield`.
        ValueError: if an output width differs from the width of the states.

    Example:
        >>> layer = HopfieldDecoderLayer(Hopfield(16, 4), Hopfield(16, 4, kdim=8))
        >>> layer(torch.randn(2, 5, 16), torch.randn(2, 9, 8)).shape
        torch.Size([2, 5, 16])
    """

    def __init__(
        self,
        self_association: Hopfield,
        cross_association: Hopfield,
        *,
        hidden_features: int = 2048,
        dropout: float = 0.1,
        activation: Activation = "relu",
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        width = _residual_width("self_association", self_association)
        if _residual_width("cross_association", cross_association) != width:
            raise ValueError(
                f"cross_association must have embed_dim {width} as self_association has: got "
                f"{cross_association.out_features}"
            )
        super().__init__(
            width,
            hidden_features=hidden_features,
            dropout=dropout,
            activation=activation,
            device=device,
            dtype=dtype,
        )
        self.self_association = deepcopy(self_association).to(device, dtype)
        self.cross_association = deepcopy(cross_association).to(device, dtype)
        self.norm_self = nn.LayerNorm(width, device=device, dtype=dtype)
        self.norm_cross = nn.LayerNorm(width, device=device, dtype=dtype)
        self.reset_parameters()

    def forward(
        self,
        state: Float[Tensor, "B L E"],
        stored: Float[Tensor, "#B S K"],
        *,
        mask: Bool[Tensor, "B L"] | None = None,
        attn_mask: Shaped[Tensor, " ..."] | None = None,
        stored_mask: Bool[Tensor, "B S"] | None = None,
        stored_attn_mask: Shaped[Tensor, " ..."] | None = None,
    ) -> Float[Tensor, "B L E"]:
        """Decode; ``mask`` and ``attn_mask`` among the states, the others on the memory."""
        update = self.self_association(state, mask=mask, attn_mask=attn_mask)
        state = self.norm_self(state + self.dropout(update))
        update = self.cross_association(state, stored, mask=stored_mask, attn_mask=stored_attn_mask)
        return self._feed_forward(self.norm_cross(state + self.dropout(update)))


def _residual_width(name: str, association: Hopfield) -> int:
    if not isinstance(association, Hopfield):
        raise TypeError(f"{name} must be a Hopfield layer: got {type(association).__name__}")
    width = association.heads.widths.embed_dim
    if association.out_features != width:
        raise ValueError(
            f"{name} must return its embed_dim, {width}, for the residual sum: got out_features "
            f"{association.out_features}"
        )
    return width
