r"""Learnable functions of attention scores, summed over keys, without keeping a score.

Kolmogorov–Arnold attention (https://arxiv.org/abs/2503.10632): :math:`h_p = \sum_q \phi_{pq}(a_q)`
for each row a of scores, with units made of a basis. As many functions as the basis has are needed
of each of N² scores, so nothing of that size outlives a chunk of samples and queries: the backward
pass computes scores and functions again from queries and keys.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from neurarium.neurons.autocast import unmixed
from neurarium.neurons.basis import Basis
from neurarium.neurons.contraction import (
    Activation,
    differentiable,
    expanded,
    filled,
    is_unchanged,
    linearize,
    tensors_of,
)
from neurarium.neurons.tracing import is_traced

CHUNK = 1 << 19
"""Values of functions held at a time."""


def reduce_rows(
    query: Tensor,
    key: Tensor,
    weight: Tensor,
    basis: Basis,
    *,
    activation: Activation | None = None,
    mask: Tensor | None = None,
) -> Tensor:
    r"""Σ_q Σ_j w_pjq B_j(q·k) for every query, keeping queries, keys and weights only.

    `Kolmogorov-Arnold Attention <https://arxiv.org/abs/2503.10632>`_, the map from N scores to r.
    Computed in the higher precision of queries and weights, also under autocast.

    Args:
        query: (B, H, L, d), scaled.
        key: (B, H, N, d).
        weight: (H, K, r, N); (H, K + 1, r, N) with an ``activation``, whose weights come first.
        basis: K functions of H · N features, one feature a head and key.
        activation: a further function of every score.
        mask: (B, H, L, N), True where a score takes part.

    Shapes:
        - output: (B, H, L, r)

    Example:
        >>> from neurarium.neurons import Fourier
        >>> query, key = torch.zeros(1, 1, 2, 4), torch.zeros(1, 1, 3, 4)
        >>> weight = torch.ones(1, 2, 5, 3)  # cos 0 + sin 0, for each of 3 keys
        >>> reduce_rows(query, key, weight, Fourier(3, grid_size=1))[0, 0, 0]
        tensor([3., 3., 3., 3., 3.])
    """
    kept = torch.promote_types(query.dtype, weight.dtype)
    query, key, weight = query.to(kept), key.to(kept), weight.to(kept)
    if is_traced():
        return _plain(query, key, weight, basis.expand, activation, mask)
    named = tensors_of(basis)
    return _Rows.apply(query, key, weight, mask, basis, activation, tuple(named), *named.values())


def scores_to_rows(
    scores: Tensor,
    weight: Tensor,
    values_of: Any,
    mask: Tensor | None = None,
) -> Tensor:
    """The same from scores (B, H, L, N); ``values_of`` is applied to (H · N, B · L)."""
    batch, heads, rows, keys = scores.shape
    points = scores.permute(1, 3, 0, 2).reshape(heads * keys, batch * rows)
    values = values_of(points)
    if mask is not None:
        kept = mask.expand(scores.shape).permute(1, 3, 0, 2).reshape(points.shape)
        values = torch.where(kept, values, 0.0)
    values = values.view(len(values), heads, keys, batch * rows)
    found = torch.einsum("hkrn,khnm->hmr", weight, values)
    return found.reshape(heads, batch, rows, weight.shape[2]).transpose(0, 1)


class _Rows(torch.autograd.Function):
    """:func:`reduce_rows`; ``tensors`` are the basis's own, in the order of ``names``."""

    @staticmethod
    def forward(
        ctx: Any,
        query: Tensor,
        key: Tensor,
        weight: Tensor,
        mask: Tensor | None,
        basis: Basis,
        activation: Activation | None,
        names: tuple[str, ...],
        *tensors: Tensor,
    ) -> Tensor:
        ctx.save_for_backward(query, key, weight, mask, *tensors)
        ctx.basis, ctx.activation, ctx.names = basis, activation, names
        batch, heads, rows, _ = query.shape
        out = query.new_empty(heads, weight.shape[2], batch, rows)
        with unmixed(query.device.type):  # sums in place keep the precision they add to
            for part in _chunks(query, key, weight):
                points = _points(query, key, part)
                values = filled(points, basis, activation)
                _hide(values, mask, part)
                values = values.view(len(values), heads, key.shape[2], -1)
                found = torch.bmm(weight[:, 0], values[0])
                for place in range(1, len(values)):
                    found.baddbmm_(weight[:, place], values[place])
                out[:, :, part[0], part[1]] = found.view(out[:, :, part[0], part[1]].shape)
        return out.permute(2, 0, 3, 1)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        query, key, weight, mask, *tensors = ctx.saved_tensors
        needed = [*ctx.needs_input_grad[:3], *ctx.needs_input_grad[7:]]
        if not torch.is_grad_enabled() and is_unchanged(ctx, tensors):
            with unmixed(query.device.type):  # sums in place keep the precision they add to
                found = _recomputed(ctx, query, key, weight, mask, needed[3:], gradients[0])
        else:

            def plain(expand: Activation, query: Tensor, key: Tensor, weight: Tensor) -> Tensor:
                return _plain(query, key, weight, expand, ctx.activation, mask)

            found = differentiable(ctx, plain, [query, key, weight], tensors, needed, gradients[0])
        return (*found[:3], None, None, None, None, *found[3:])


def _recomputed(
    ctx: Any,
    query: Tensor,
    key: Tensor,
    weight: Tensor,
    mask: Tensor | None,
    needed: list[bool],
    gradient: Tensor,
) -> list[Tensor | None]:
    """Gradients of query, key, weight and the basis's tensors, chunk by chunk."""
    by_query, by_key = torch.empty_like(query), torch.zeros_like(key)
    by_weight = weight.new_zeros(weight.shape[1], len(weight), *weight.shape[2:])
    trainable = [place for place, is_needed in enumerate(needed) if is_needed]
    by_own: list[Tensor | None] = [None] * len(needed)
    incoming = gradient.permute(1, 3, 0, 2)  # (H, r, B, L)
    transposed = weight.transpose(2, 3).contiguous()
    for part in _chunks(query, key, weight):
        points = _points(query, key, part)
        values, pullback = linearize(points, ctx.basis, ctx.activation)
        shape = (len(values), len(weight), key.shape[2], points.shape[1])
        upstream = incoming[:, :, part[0], part[1]].reshape(len(weight), -1, points.shape[1])
        by_values = torch.empty_like(values)
        stacked, stacked_by = values.view(shape), by_values.view(shape)
        for place in range(len(values)):
            torch.bmm(transposed[:, place], upstream, out=stacked_by[place])
        _hide(by_values, mask, part)
        if mask is not None:
            values = values.clone()
            stacked = values.view(shape)
            _hide(values, mask, part)
        for place in range(len(values)):
            by_weight[place].baddbmm_(upstream, stacked[place].mT)
        by_points, *own = pullback(by_values)
        _to_query_and_key(by_points, query, key, by_query, by_key, part)
        for place, found in zip(trainable, own, strict=True):
            so_far = by_own[place]
            by_own[place] = found if so_far is None else so_far + found
    return [by_query, by_key, by_weight.transpose(0, 1), *by_own]


Part = tuple[slice, slice]


def _chunks(query: Tensor, key: Tensor, weight: Tensor) -> Iterator[Part]:
    """Samples and queries whose functions fit :data:`CHUNK`."""
    batch, heads, rows, _ = query.shape
    room = max(1, CHUNK // max(1, weight.shape[1] * heads * key.shape[2]))
    samples, queries = max(1, room // max(1, rows)), min(rows, room)
    for first in range(0, batch, samples):
        for row in range(0, rows, max(1, queries)):
            yield slice(first, first + samples), slice(row, row + queries)


def _points(query: Tensor, key: Tensor, part: Part) -> Tensor:
    """Scores of a part, (H · N, samples · queries)."""
    scores = key[part[0]] @ query[part[0], :, part[1]].mT  # (b, H, N, l)
    batch, heads, keys, rows = scores.shape
    return scores.permute(1, 2, 0, 3).reshape(heads * keys, batch * rows)


def _hide(values: Tensor, mask: Tensor | None, part: Part) -> None:
    """Zero where the mask is False, in place."""
    if mask is not None:
        kept = mask[part[0], :, part[1]].permute(1, 3, 0, 2).reshape(values.shape[1:])
        values.masked_fill_(~kept, 0.0)


def _to_query_and_key(
    by_points: Tensor, query: Tensor, key: Tensor, by_query: Tensor, by_key: Tensor, part: Part
) -> None:
    """From the gradient of a part's scores to those of its queries and keys."""
    rows = query[part[0], :, part[1]]
    by_scores = by_points.view(query.shape[1], key.shape[2], len(rows), rows.shape[2])
    by_scores = by_scores.permute(2, 0, 1, 3)
    by_query[part[0], :, part[1]] = by_scores.mT @ key[part[0]]
    by_key[part[0]] += by_scores @ rows


def _plain(
    query: Tensor,
    key: Tensor,
    weight: Tensor,
    expand: Activation,
    activation: Activation | None,
    mask: Tensor | None,
) -> Tensor:
    scores = query @ key.mT

    def values_of(points: Tensor) -> Tensor:
        return expanded(points, expand, activation)

    return scores_to_rows(scores, weight, values_of, mask)
