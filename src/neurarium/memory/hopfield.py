"""The Hopfield layer: retrieval between two projected sets (arXiv 2008.02217, Eq. 10).

Ramsauer et al., "Hopfield Networks is All You Need", 2020. Order of operations: norms, projections
into the space of each head, optional norm there (:mod:`neurarium.memory.hopfield_heads`),
``num_steps`` softmaxes (:mod:`neurarium.memory.retrieval`), dropout of the last association, output
projection, activation. Layers that own one of the sets are in
:mod:`neurarium.memory.hopfield_memory`, transformer blocks in
:mod:`neurarium.memory.hopfield_blocks`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Bool, Float, Shaped
from torch import Tensor, nn

from neurarium.memory.activation import Activation, resolve_activation
from neurarium.memory.arguments import require_count, require_tensor
from neurarium.memory.hopfield_heads import HopfieldHeads, reset_linear
from neurarium.memory.hopfield_masks import combine_masks
from neurarium.memory.inverse_temperature import InverseTemperature
from neurarium.memory.retrieval import Steps, associate


class Hopfield(nn.Module):
    r"""Associates two sets by retrieval in learned spaces: attention with steps and temperature.

    `Hopfield Networks is All You Need <https://arxiv.org/abs/2008.02217>`_, Eq. 10. Per head, with
    :math:`Q = \mathrm{LN}(R) W_Q,\ K = \mathrm{LN}(Y) W_K,\ V = \mathrm{LN}(P) W_V`,

    .. math:: Q \leftarrow \mathrm{softmax}(\beta Q K^\top) K \quad (\text{num\_steps} - 1
              \text{ times}), \qquad Z = \mathrm{softmax}(\beta Q K^\top) V W_O

    One step without norms is ``nn.MultiheadAttention``. Without projections and norms the layer has
    no parameter: plain retrieval, which :func:`hopfield_retrieve` gives in one call. The patterns
    of single heads are what ``layer.heads(state, stored, values)`` returns.

    Args:
        embed_dim: width of the states R.
        num_heads: independent associations; each has a contiguous block of columns.
        head_dim: width of the space of a head; ``embed_dim // num_heads``, or that of an input that
            is not projected.
        value_dim: width of the values of a head; ``head_dim``, or ``vdim`` if not projected.
        kdim: width of the stored patterns Y; ``embed_dim``.
        vdim: width of the source P of the values; ``kdim``.
        out_features: width of the output; ``embed_dim``.
        beta: inverse temperature: a number, one per head, or ``"learn"`` for a positive parameter
            per head. None: 1/√head_dim, but 1 where nothing is projected at all.
        num_steps: number of softmaxes; None: until ``tol``, as in :func:`hopfield_retrieve`.
        tol: a head stops as soon as its association changes by no more than this.
        implicit: differentiate at the fixed point (needs ``num_steps=None``).
        project_state: False: every head uses the raw states.
        project_stored: False: every head uses the raw stored patterns.
        project_values: False: every head uses the raw source of the values.
        values_from_keys: V = (P W_K) W_V, as the paper writes; by default, as in the authors' code,
            W_V projects P itself.
        out_projection: False: the output is the heads side by side.
        norm_state: ``"layer"``, ``"layer-no-affine"`` or None, before the projection.
        norm_stored: the same for the stored patterns.
        norm_values: the same for the source of the values.
        norm_heads: the same in the space of the heads, on states and stored patterns, one norm
            shared by all heads.
        bias_pattern: a learned stored pattern with a learned value, one per head.
        zero_pattern: a stored pattern of zeros whose value is zero: a way to retrieve nothing.
        activation: of the output; a name in ``torch.nn.functional`` or ``torch``, or a callable.
        dropout: of single entries of the last association.
        bias: of all projections.

    Shapes:
        - state: (B, L, embed_dim); stored: (B, S, kdim); values: (B, S, vdim)
        - mask: (B, S); attn_mask: (L, S), (B, L, S) or (B, H, L, S)
        - output: (B, L, out_features)

    Raises:
        TypeError: for integer inputs, for masks of another kind, for what is no tensor, and for
            widths, heads or steps that are no whole numbers.
        ValueError: for widths, heads, beta, steps or shapes that do not fit.

    Example:
        >>> layer = Hopfield(16, 4, beta="learn", num_steps=3)
        >>> layer(torch.randn(2, 5, 16), torch.randn(2, 9, 16)).shape
        torch.Size([2, 5, 16])
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int = 1,
        *,
        head_dim: int | None = None,
        value_dim: int | None = None,
        kdim: int | None = None,
        vdim: int | None = None,
        out_features: int | None = None,
        beta: float | Sequence[float] | Tensor | str | None = None,
        num_steps: int | None = 1,
        tol: float | None = None,
        implicit: bool = False,
        project_state: bool = True,
        project_stored: bool = True,
        project_values: bool = True,
        values_from_keys: bool = False,
        out_projection: bool = True,
        norm_state: str | None = "layer",
        norm_stored: str | None = "layer",
        norm_values: str | None = "layer",
        norm_heads: str | None = None,
        bias_pattern: bool = False,
        zero_pattern: bool = False,
        activation: Activation = None,
        dropout: float = 0.0,
        bias: bool = True,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        factory: dict[str, Any] = {"device": device, "dtype": dtype}
        self.heads = HopfieldHeads(
            embed_dim,
            num_heads,
            head_dim=head_dim,
            value_dim=value_dim,
            kdim=kdim,
            vdim=vdim,
            project_state=project_state,
            project_stored=project_stored,
            project_values=project_values,
            values_from_keys=values_from_keys,
            norm_state=norm_state,
            norm_stored=norm_stored,
            norm_values=norm_values,
            norm_heads=norm_heads,
            bias_pattern=bias_pattern,
            zero_pattern=zero_pattern,
            bias=bias,
            **factory,
        )
        self.steps = Steps.checked(num_steps, tol, implicit)
        self.activation = resolve_activation(activation)
        if out_features is not None:
            require_count("out_features", out_features)
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout must lie in [0, 1): got {dropout}")
        self.dropout = dropout
        width = num_heads * self.heads.widths.value_dim
        self.out = None
        if out_projection:
            self.out_features = embed_dim if out_features is None else out_features
            self.out = nn.Linear(width, self.out_features, bias, **factory)
        elif out_features not in (None, width):
            raise ValueError(
                f"out_features must be num_heads * value_dim = {width} without an output "
                f"projection: got {out_features}"
            )
        else:
            self.out_features = width
        plain = self.out is None and self.heads.in_input_space
        default = 1.0 if plain else self.heads.widths.head_dim**-0.5
        self.beta = InverseTemperature(beta, num_heads, default=default, **factory)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Weights from N(0, 0.02²), biases 0, norms 1 and 0, a learned β at its default."""
        self.heads.reset_parameters()
        self.beta.reset_parameters()
        reset_linear(self.out)

    def extra_repr(self) -> str:
        """Widths and steps."""
        widths = ", ".join(f"{name}={width}" for name, width in vars(self.heads.widths).items())
        return f"{widths}, num_steps={self.steps.limit}, tol={self.steps.tol}"

    def forward(
        self,
        state: Float[Tensor, "#B L E"],
        stored: Float[Tensor, "#B S K"] | None = None,
        values: Float[Tensor, "#B S V"] | None = None,
        *,
        mask: Bool[Tensor, "#B S"] | None = None,
        attn_mask: Shaped[Tensor, " ..."] | None = None,
        return_attention: bool = False,
    ) -> Tensor | tuple[Tensor, Tensor]:
        """Associate.

        Args:
            state: what looks things up.
            stored: what is looked up; the states themselves by default.
            values: what is returned, one per stored pattern; the stored patterns by default.
            mask: True where a stored pattern takes part, False where it is padding. Masks hold at
                every step; a state that may retrieve nothing gives zeros before the projection.
            attn_mask: True where a state may retrieve a stored pattern; a float mask is added.
            return_attention: also return the last association before dropout, (B, H, L, S), with a
                column for each extra pattern at the end.
        """
        stored = state if stored is None else stored
        values = stored if values is None else values
        self._check(state, stored, values)
        batch = max(len(state), len(stored), len(values))
        shape = (batch, self.heads.widths.num_heads, state.shape[1], stored.shape[1])
        retrieved, weights = associate(
            *(x.expand(batch, -1, -1, -1) for x in self.heads(state, stored, values)),
            beta=self.beta(),
            steps=self.steps,
            mask=combine_masks(
                mask, attn_mask, shape, num_extra=self.heads.num_extra, dtype=state.dtype
            ),
            dropout=self.dropout if self.training else 0.0,
            need_weights=return_attention,
        )
        out = retrieved.transpose(1, 2).flatten(2)
        out = out if self.out is None else self.out(out)
        out = out if self.activation is None else self.activation(out)
        return (out, weights) if return_attention and weights is not None else out

    def _check(self, state: Tensor, stored: Tensor, values: Tensor) -> None:
        w = self.heads.widths
        for name, x, width in (
            ("state", state, w.embed_dim),
            ("stored", stored, w.kdim),
            ("values", values, w.vdim),
        ):
            require_tensor(name, x, hint="; the order is layer(state, stored, values)")
            if not x.is_floating_point():
                raise TypeError(f"{name} must be floating point: got {x.dtype}; use .float()")
            if x.dtype != state.dtype:
                raise TypeError(f"{name} must have the dtype of state: got {x.dtype}")
            if x.ndim != 3 or x.shape[-1] != width:
                raise ValueError(
                    f"{name} must have shape (batch, set, {width}): got {list(x.shape)}; the order "
                    "is state, stored, values"
                )
            if len(x) not in (1, len(state)) and len(state) != 1:
                raise ValueError(
                    f"{name} must have the batch size of state, {len(state)}, or 1: got {len(x)}"
                )
        if not stored.shape[1]:
            raise ValueError("stored must hold at least one pattern: got none; pad and mask")
        if values.shape[1] != stored.shape[1] or len(values) != len(stored):
            raise ValueError(
                f"values must have one row per stored pattern, {list(stored.shape[:2])}: got "
                f"{list(values.shape[:2])}"
            )
