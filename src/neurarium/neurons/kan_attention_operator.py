r"""The learnable operator that takes the place of softmax in Kolmogorov–Arnold attention.

KArAt (https://arxiv.org/abs/2503.10632), its modular form: a row of N scores goes through
learnable functions to r numbers, and back to N by a plain matrix.
"""

from __future__ import annotations

import inspect
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from neurarium.memory.arguments import require_count
from neurarium.neurons.bases import BASES
from neurarium.neurons.basis import Basis
from neurarium.neurons.contraction import Activation, evaluate
from neurarium.neurons.fourier import Fourier
from neurarium.neurons.kan_attention_fourier import ScoreFourier
from neurarium.neurons.kan_attention_inputs import (
    require_bool,
    require_fitting_mask,
    require_heads,
    require_precision,
    require_scores,
    resolve_base,
)
from neurarium.neurons.kan_attention_rows import reduce_rows, scores_to_rows
from neurarium.neurons.make_basis import make_basis
from neurarium.neurons.wavelet import WAVELETS

STARTS = ("scaled", "paper")
NORMALISATIONS = ("l1", "softmax", None)
TINY = 1e-6
USUAL_GRID = {"fourier": 3, **dict.fromkeys(WAVELETS, 1)}


class AttentionOperator(nn.Module):
    r"""Learnable functions of a row of attention scores, in place of softmax.

    `Kolmogorov-Arnold Attention <https://arxiv.org/abs/2503.10632>`_: row a of the scores of a head
    becomes W h with

    .. math:: h_p = \sum_{q=1}^N \phi_{pq}(a_q), \qquad
              \phi_{pq}(t) = b(t) + \sum_j c_{pqj} B_j(t), \qquad p = 1 … r

    so that an activated map has rank r at most; its rows need be neither positive nor sum to one.
    Every head, key q and p has its own coefficients c; wavelets and rational units have one shape
    (τ and s, or the denominator) for each head and key. **The operator is tied to N tokens.** Given
    to several layers it is shared by them: the paper's universal mode.

    Args:
        num_heads: H, with an operator each.
        num_tokens: N, class token included.
        rank: r, at most N.
        basis: name in ``BASES``, or a :class:`Basis` of H · N features, which keeps what it has
            learned.
        grid_size: functions of a basis that has a grid: the highest multiple of ``"fourier"`` (3 by
            default), wavelets for each edge (1).
        base: b, a name in ``torch.nn.functional`` or ``torch``, ``"identity"``, a callable without
            parameters in which every score is on its own, or None.
        edge_scale: a learned factor for each unit.
        init: ``"scaled"``: coefficients whose h is of unit order; ``"paper"``: N(0, 1).
        normalize: of activated rows: ``"l1"``, ``"softmax"`` or None.
        **basis_arguments: further ones of the basis.

    Shapes:
        - scores: (B, H, L, N); output: the same

    Raises:
        TypeError: for scores of another precision than the weights outside of autocast, and counts
            that are no whole numbers.
        ValueError: for sizes, names and shapes that do not fit.

    Example:
        >>> operator = AttentionOperator(3, 65, grid_size=3)
        >>> maps = operator(torch.randn(2, 3, 65, 65))
        >>> maps.shape, int(torch.linalg.matrix_rank(maps[0, 0], rtol=1e-4))
        (torch.Size([2, 3, 65, 65]), 12)
        >>> sum(p.numel() for p in operator.parameters())  # 3 · (2 · 3 + 1) · 12 · 65
        16380
    """

    def __init__(
        self,
        num_heads: int,
        num_tokens: int,
        *,
        rank: int = 12,
        basis: str | Basis = "fourier",
        grid_size: int | None = None,
        base: str | Activation | None = None,
        edge_scale: bool = False,
        init: str = "scaled",
        normalize: str | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        **basis_arguments: Any,
    ) -> None:
        super().__init__()
        for name, count in (("num_heads", num_heads), ("num_tokens", num_tokens), ("rank", rank)):
            require_count(name, count)
        if rank > num_tokens:
            raise ValueError(f"rank must be at most num_tokens: got {rank} and {num_tokens}")
        for name, value, known in (
            ("init", init, STARTS),
            ("normalize", normalize, NORMALISATIONS),
        ):
            if value not in known:
                raise ValueError(
                    f"{name} must be one of {', '.join(map(repr, known))}: got {value!r}"
                )
        factory: dict[str, Any] = {"device": device, "dtype": dtype}
        self.num_heads, self.num_tokens, self.rank = num_heads, num_tokens, rank
        self.base, self.init, self.normalize = base, init, normalize
        self._base = resolve_base(base)
        self._has_given_basis = isinstance(basis, Basis)
        self.basis = _basis(basis, num_heads * num_tokens, grid_size, basis_arguments, **factory)
        shape = (num_heads, self.basis.num_functions, rank, num_tokens)
        self.coefficients = nn.Parameter(torch.empty(shape, **factory))
        self.back = nn.Parameter(torch.empty(num_heads, num_tokens, rank, **factory))
        self.scale: nn.Parameter | None = None
        if edge_scale:
            self.scale = nn.Parameter(torch.empty(num_heads, rank, num_tokens, **factory))
        self.reset_parameters()

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Coefficients from N(0, σ²), W from N(0, 1/r), scales of 1; a given basis stays."""
        if not self._has_given_basis:
            self.basis.reset_parameters()
        functions = self.basis.num_functions
        if isinstance(self.basis, Fourier):
            functions //= 2  # a cosine and its sine have one square together
        std = 1.0 if self.init == "paper" else (functions * self.num_tokens) ** -0.5
        nn.init.normal_(self.coefficients, std=std)
        nn.init.normal_(self.back, std=self.rank**-0.5)
        if self.scale is not None:
            nn.init.ones_(self.scale)

    def extra_repr(self) -> str:
        """Sizes."""
        return f"num_heads={self.num_heads}, num_tokens={self.num_tokens}, rank={self.rank}"

    def forward(
        self,
        scores: Float[Tensor, "B H L N"],
        *,
        attn_mask: Bool[Tensor, ...] | None = None,
    ) -> Float[Tensor, "B H L N"]:
        """Whole activated maps, which attention itself does without.

        Args:
            scores: of queries (L) and keys (N), scaled.
            attn_mask: True where a key may be attended to, of a shape that fits the scores': other
                scores' units contribute 0, and their place in the row is 0.
        """
        require_scores(scores, self.num_heads, self.num_tokens)
        require_precision(self.back.dtype, scores=scores)
        if attn_mask is not None:
            require_fitting_mask(attn_mask, tuple(scores.shape))
        rows = scores_to_rows(
            scores,
            self.unit_weight(),
            lambda points: evaluate(points, self.basis, activation=self._base),
            attn_mask,
        )
        return self.activate(rows, attn_mask)

    def activate(
        self,
        rows: Float[Tensor, "B H L r"],
        attn_mask: Bool[Tensor, ...] | None = None,
    ) -> Float[Tensor, "B H L N"]:
        """From r numbers back to the row, normalised."""
        maps = rows @ self.back.mT
        if self.normalize == "softmax":
            return _softmax(maps, attn_mask)
        if attn_mask is not None:
            maps = maps * attn_mask
        if self.normalize == "l1":
            maps = maps / maps.abs().sum(-1, keepdim=True).clamp_min(TINY)
        return maps

    def attend(
        self,
        query: Float[Tensor, "B H L d"],
        key: Float[Tensor, "B H N d"],
        value: Float[Tensor, "B H N v"],
        *,
        mask: Bool[Tensor, "B N"] | None = None,
    ) -> Float[Tensor, "B H L v"]:
        """Activated maps times values in the cheap order H (Wᵀ V): no N × N map is kept.

        Args:
            query: scaled.
            key: one for each token.
            value: one for each token.
            mask: True where a token takes part.
        """
        if self.normalize is not None:
            raise ValueError(
                f"normalize must be None to attend without maps: got {self.normalize!r}; use "
                "operator(query @ key.mT) @ value"
            )
        require_heads(query, key, value, self.num_heads, self.num_tokens)
        require_precision(self.back.dtype, query=query, key=key, value=value)
        hidden = None
        if mask is not None:
            require_bool("mask", mask, [(len(key), self.num_tokens)])
            value = value.masked_fill(~mask[:, None, :, None], 0.0)
            hidden = mask[:, None, None].expand(*query.shape[:3], -1)
        rows = reduce_rows(
            query, key, self.unit_weight(), self.basis, activation=self._base, mask=hidden
        )
        return rows @ (self.back.mT @ value)

    def unit_weight(self) -> Float[Tensor, "H K r N"]:
        """All factors of every unit's functions, those of b first."""
        weight: Tensor = self.coefficients
        if self.scale is not None:
            weight = weight * self.scale[:, None]
        if self._base is None:
            return weight
        first = torch.ones_like(weight[:, :1]) if self.scale is None else self.scale[:, None]
        return torch.cat([first, weight], 1)


def _softmax(maps: Tensor, attn_mask: Tensor | None) -> Tensor:
    """Over the keys that may be read; a row without any is 0, and what is NaN stays it."""
    if attn_mask is None:
        return maps.softmax(-1)
    closed = ~attn_mask
    without = closed.all(-1, keepdim=True)  # their softmax would be 0 / 0
    return maps.masked_fill(closed & ~without, -torch.inf).softmax(-1).masked_fill(closed, 0.0)


def _basis(
    basis: str | Basis,
    num_features: int,
    grid_size: int | None,
    arguments: dict[str, Any],
    **factory: Any,
) -> Basis:
    """With the usual grid; Fourier functions in the form that attention evaluates fast."""
    if isinstance(basis, Basis):
        given = arguments if grid_size is None else {"grid_size": grid_size, **arguments}
        return make_basis(basis, num_features, given)
    family = BASES.find(basis, "basis")
    if grid_size is None and "grid_size" in inspect.signature(family).parameters:
        grid_size = USUAL_GRID.get(basis)
    if grid_size is not None:
        arguments = {"grid_size": grid_size, **arguments}
    made = make_basis(basis, num_features, arguments, **factory)
    if isinstance(made, Fourier):
        return ScoreFourier(num_features, grid_size=made.grid_size, **factory)
    return made
