"""From sets of patterns to the spaces in which the heads of a Hopfield layer retrieve.

The first half of arXiv 2008.02217, Eq. 10: norms and projections of the states, the stored patterns
and the source of the values, plus the optional extra patterns.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from neurarium.memory.hopfield_widths import Widths

INIT_STD = 0.02


class Heads(NamedTuple):
    """What one retrieval combines, in the space of each head: (B, H, L or S, width)."""

    state: Tensor
    stored: Tensor
    values: Tensor


class HopfieldHeads(nn.Module):
    """Norms and projections of the three inputs; arguments as in :class:`Hopfield`.

    Example:
        >>> heads = HopfieldHeads(16, 4)
        >>> state, stored = torch.randn(2, 5, 16), torch.randn(2, 9, 16)
        >>> [tuple(x.shape) for x in heads(state, stored, stored)]
        [(2, 4, 5, 4), (2, 4, 9, 4), (2, 4, 9, 4)]
    """

    bias_stored: nn.Parameter | None
    bias_values: nn.Parameter | None

    def __init__(
        self,
        embed_dim: int,
        num_heads: int = 1,
        *,
        head_dim: int | None = None,
        value_dim: int | None = None,
        kdim: int | None = None,
        vdim: int | None = None,
        project_state: bool = True,
        project_stored: bool = True,
        project_values: bool = True,
        values_from_keys: bool = False,
        norm_state: str | None = "layer",
        norm_stored: str | None = "layer",
        norm_values: str | None = "layer",
        norm_heads: str | None = None,
        bias_pattern: bool = False,
        zero_pattern: bool = False,
        bias: bool = True,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        factory: dict[str, Any] = {"device": device, "dtype": dtype}
        self.widths = w = Widths.resolve(
            embed_dim,
            num_heads,
            head_dim,
            value_dim,
            kdim,
            vdim,
            project_state=project_state,
            project_stored=project_stored,
            project_values=project_values,
            values_from_keys=values_from_keys,
        )
        self.values_from_keys, self.zero_pattern = values_from_keys, zero_pattern
        self.norm_state = _norm("norm_state", norm_state, w.embed_dim, factory)
        self.norm_stored = _norm("norm_stored", norm_stored, w.kdim, factory)
        self.norm_values = _norm("norm_values", norm_values, w.vdim, factory)
        self.norm_heads = _norm("norm_heads", norm_heads, w.head_dim, factory)
        inner, outer = num_heads * w.head_dim, num_heads * w.value_dim
        source = inner if values_from_keys else w.vdim
        self.state = nn.Linear(w.embed_dim, inner, bias, **factory) if project_state else None
        self.stored = nn.Linear(w.kdim, inner, bias, **factory) if project_stored else None
        self.values = nn.Linear(source, outer, bias, **factory) if project_values else None
        for name, width in (("bias_stored", w.head_dim), ("bias_values", w.value_dim)):
            row = nn.Parameter(torch.empty(num_heads, 1, width, **factory))
            self.register_parameter(name, row if bias_pattern else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Weights and the learned extra pattern from N(0, 0.02²), biases 0, norms 1 and 0."""
        for norm in (self.norm_state, self.norm_stored, self.norm_values, self.norm_heads):
            if norm is not None:
                norm.reset_parameters()
        for linear in (self.state, self.stored, self.values):
            reset_linear(linear)
        for row in (self.bias_stored, self.bias_values):
            if row is not None:
                nn.init.normal_(row, std=INIT_STD)

    @property
    def num_extra(self) -> int:
        """Number of stored patterns that the layer itself adds."""
        return (self.bias_stored is not None) + self.zero_pattern

    @property
    def in_input_space(self) -> bool:
        """Whether retrieval happens among the inputs themselves, projected by nothing."""
        projections = (self.state, self.stored, self.values, self.norm_heads)
        return all(module is None for module in projections)

    def forward(
        self,
        state: Float[Tensor, "B L E"],
        stored: Float[Tensor, "S_B S K"],
        values: Float[Tensor, "S_B S V"],
    ) -> Heads:
        """Project each input once; one that is shared by the batch, (1, …), stays so."""
        q = self._split(_apply(self.norm_state, state), self.state)
        k = self._split(_apply(self.norm_stored, stored), self.stored)
        source = _apply(self.norm_values, values)
        if not self.values_from_keys:
            v = self._split(source, self.values)
        elif self.values is None:
            v = self._split(source, self.stored)
        else:
            v = self._split(_apply(self.stored, source), self.values)
        q, k = _apply(self.norm_heads, q), _apply(self.norm_heads, k)
        return Heads(q, *self._with_extra_patterns(k, v))

    def _split(self, x: Tensor, linear: nn.Linear | None) -> Tensor:
        """Into heads: contiguous blocks of columns, or the raw input for each of them."""
        if linear is None:
            return x.unsqueeze(1).expand(-1, self.widths.num_heads, -1, -1)
        return linear(x).unflatten(-1, (self.widths.num_heads, -1)).transpose(1, 2)

    def _with_extra_patterns(self, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        keys, values = [k], [v]
        if self.bias_stored is not None and self.bias_values is not None:
            keys.append(self.bias_stored.expand(len(k), -1, -1, -1))
            values.append(self.bias_values.expand(len(v), -1, -1, -1))
        if self.zero_pattern:
            keys.append(torch.zeros_like(k[:, :, :1]))
            values.append(torch.zeros_like(v[:, :, :1]))
        if len(keys) == 1:
            return k, v
        return torch.cat(keys, 2), torch.cat(values, 2)


def _norm(name: str, kind: str | None, width: int, factory: dict[str, Any]) -> nn.LayerNorm | None:
    if kind not in ("layer", "layer-no-affine", None):
        raise ValueError(f"{name} must be 'layer', 'layer-no-affine' or None: got {kind!r}")
    return (
        None if kind is None else nn.LayerNorm(width, elementwise_affine=kind == "layer", **factory)
    )


def _apply(module: nn.Module | None, x: Tensor) -> Tensor:
    return x if module is None else module(x)


def reset_linear(linear: nn.Linear | None) -> None:
    """Weights from N(0, 0.02²), biases 0: the initialisation of all projections here."""
    if linear is not None:
        nn.init.normal_(linear.weight, std=INIT_STD)
        if linear.bias is not None:
            nn.init.zeros_(linear.bias)
