"""The group rational function and its gradients in eager operations.

F(x) = P(x) / Q(x), P = Σ a_i x^i, Q = 1 + Σ |b_i| |x|^i (FlashKAT, https://arxiv.org/abs/2505.13813).
Inputs are (rows N, groups G, width W) with coefficients (G, m + 1) and (G, n). Rows are taken in
chunks that stay in the processor's cache, and every coefficient's gradient is one reduction a
chunk: of float32 terms, added up in float64, which Apple's GPUs lack.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

CHUNK = 1 << 16
"""Inputs that are worked on at a time."""


class Gradients(NamedTuple):
    """Of the inputs (N, G, W), of a (G, m + 1) and of b (G, n), the latter two as summed up."""

    x: Tensor
    numerator: Tensor
    denominator: Tensor


def sign_of(denominator: Tensor) -> Tensor:
    """±1, and +1 at zero, so that a coefficient that is zero can move."""
    return torch.where(denominator < 0, -1.0, 1.0).to(denominator.dtype)


def plain(x: Tensor, numerator: Tensor, denominator: Tensor) -> Tensor:
    """The function in operations that autograd, ``torch.func`` and ``torch.compile`` see through.

    Example:
        >>> x = torch.tensor([[[2.0]]])
        >>> plain(x, torch.tensor([[1.0, 1.0]]), torch.tensor([[-0.5]]))  # (1 + 2) / (1 + 1)
        tensor([[[1.5000]]])
    """
    a = numerator[:, :, None].unbind(1)
    b = (denominator * sign_of(denominator))[:, :, None].unbind(1)
    p, t = a[-1], x.abs()
    for coefficient in a[-2::-1]:
        p = p * x + coefficient
    q = b[-1]
    for coefficient in b[-2::-1]:
        q = q * t + coefficient
    return p / (q * t + 1)


def forward(x: Tensor, numerator: Tensor, denominator: Tensor) -> Tensor:
    """Values, in the inputs' precision; computed in the coefficients'."""
    a = numerator[:, :, None].unbind(1)
    one = torch.ones_like(denominator[:, :1])
    b = torch.cat([one, denominator.abs()], 1)[:, :, None].unbind(1)
    out = torch.empty_like(x)
    for rows in _chunks(x):
        part = x[rows].to(numerator.dtype)
        p = _horner(part, a)
        out[rows] = p.div_(_horner(part.abs(), b))
    return out


def backward(x: Tensor, numerator: Tensor, denominator: Tensor, gradient: Tensor) -> Gradients:
    """Gradients in closed form, P and Q computed again."""
    a = numerator[:, :, None].unbind(1)
    one = torch.ones_like(denominator[:, :1])
    b = torch.cat([one, denominator.abs()], 1)[:, :, None].unbind(1)
    by_x = torch.empty_like(x)
    sums = x.new_zeros(len(a) + len(b) - 1, x.shape[1], dtype=sums_of(x.device))
    for rows in _chunks(x):
        part, w = x[rows].to(numerator.dtype), gradient[rows].to(numerator.dtype)
        size = part.abs()
        p, p_slope = _horner_with_slope(part, a)
        q, q_slope = _horner_with_slope(size, b)
        w = w / q
        wf = p.div_(q).mul_(w)
        q_slope.mul_(part.sign()).mul_(wf)
        by_x[rows] = p_slope.mul_(w).sub_(q_slope)
        place = 0
        for place in range(len(a)):
            sums[place] += w.sum((0, 2))
            w.mul_(part)
        for place in range(len(a), len(sums)):
            sums[place] -= wf.mul_(size).sum((0, 2))
    by_a, by_b = sums.mT[:, : len(a)], sums.mT[:, len(a) :]
    return Gradients(by_x, by_a, by_b * sign_of(denominator))


def sums_of(device: torch.device) -> torch.dtype:
    """The precision in which chunks are added up: the highest that the device has.

    Example:
        >>> sums_of(torch.device("cpu")), sums_of(torch.device("mps"))
        (torch.float64, torch.float32)
    """
    return torch.float32 if device.type == "mps" else torch.float64


def _chunks(x: Tensor) -> Iterator[slice]:
    step = max(1, CHUNK // max(1, x.shape[1] * x.shape[2]))
    for start in range(0, len(x), step):
        yield slice(start, start + step)


def _horner(x: Tensor, coefficients: tuple[Tensor, ...]) -> Tensor:
    """Σ c_i x^i in one buffer."""
    value = torch.addcmul(coefficients[-2], x, coefficients[-1])
    for c in coefficients[-3::-1]:
        torch.addcmul(c, value, x, out=value)
    return value


def _horner_with_slope(x: Tensor, coefficients: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
    """Σ c_i x^i and Σ i c_i x^(i−1) in two buffers."""
    value = torch.addcmul(coefficients[-2], x, coefficients[-1])
    slope = coefficients[-1].expand_as(x).contiguous()
    for c in coefficients[-3::-1]:
        torch.addcmul(value, slope, x, out=slope)
        torch.addcmul(c, value, x, out=value)
    return value, slope
