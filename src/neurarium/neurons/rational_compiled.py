"""The group rational function and its gradients as two loops that ``torch.compile`` writes.

FlashKAT (https://arxiv.org/abs/2505.13813) on a processor: one pass over x forwards, one over x and
the incoming gradient backwards. Every coefficient's gradient is summed along a row in registers;
the sums of rows are added up in float64. Written once for all sizes of a precision.
"""

from __future__ import annotations

import os
import shutil
import warnings
from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor

from neurarium.neurons.rational_eager import Gradients, plain, sign_of

NARROW = 8
"""Width of a group below which sums run down the rows, so that partial sums stay few."""

VARIANTS = 256
"""Kept of each function, one for each degree, precision and number of threads; usually 8 may be."""


@cache
def has_compiler() -> bool:
    """Whether there is a C++ compiler to work with."""
    names = (os.environ.get("CXX", ""), "g++", "clang++", "c++")
    return any(name and shutil.which(name) for name in names)


def forward(x: Tensor, numerator: Tensor, denominator: Tensor) -> Tensor:
    """Values, in the inputs' precision; computed in the coefficients'."""
    return _call(_forward, x, numerator, denominator)


def backward(x: Tensor, numerator: Tensor, denominator: Tensor, gradient: Tensor) -> Gradients:
    """Gradients, P and Q computed again."""
    wide = x.shape[2] >= NARROW
    by_x, *sums = _call(_by_row if wide else _by_channel, x, numerator, denominator, gradient)
    rest = 0 if wide else 1
    found = torch.stack(sums).sum(rest + 1, dtype=torch.float64).mT
    by_a, by_b = found[:, : numerator.shape[1]], found[:, numerator.shape[1] :]
    return Gradients(by_x, by_a, by_b * sign_of(denominator))


def _forward(x: Tensor, numerator: Tensor, denominator: Tensor) -> Tensor:
    return plain(x.to(numerator.dtype), numerator, denominator).to(x.dtype)


def _by_row(x: Tensor, a: Tensor, b: Tensor, gradient: Tensor) -> list[Tensor]:
    by_x, *terms = _terms(x, a, b, gradient)
    return [by_x, *(term.sum(2) for term in terms)]


def _by_channel(x: Tensor, a: Tensor, b: Tensor, gradient: Tensor) -> list[Tensor]:
    by_x, *terms = _terms(x, a, b, gradient)
    return [by_x, *(term.sum(0) for term in terms)]


def _terms(x: Tensor, numerator: Tensor, denominator: Tensor, gradient: Tensor) -> list[Tensor]:
    """The input's gradient, and what is to be summed for each coefficient, (N, G, W) each."""
    kept, x, gradient = x.dtype, x.to(numerator.dtype), gradient.to(numerator.dtype)
    a = numerator[:, :, None].unbind(1)
    b = denominator.abs()[:, :, None].unbind(1)
    size = x.abs()
    p, p_slope = a[-1], torch.zeros_like(x)
    for coefficient in a[-2::-1]:
        p, p_slope = p * x + coefficient, p_slope * x + p
    q, q_slope = b[-1], torch.zeros_like(x)
    for coefficient in b[-2::-1]:
        q, q_slope = q * size + coefficient, q_slope * size + q
    q, q_slope = q * size + 1, q_slope * size + q
    w = gradient / q
    wf = w * (p / q)
    by_x = w * p_slope - wf * q_slope * x.sign()
    terms = [w]
    for _ in a[1:]:
        terms.append(terms[-1] * x)
    powered = -wf
    for _ in b:
        powered = powered * size
        terms.append(powered)
    return [by_x.to(kept), *terms]


def _call(fn: Callable[..., Any], *tensors: Tensor) -> Any:
    """The compiled function; what the compiler itself warns of is no concern of the caller."""
    kind = (fn, torch.get_num_threads(), *map(_kind_of, tensors[:3]))
    detached = [tensor.detach() for tensor in tensors]
    if kind in _seen:
        try:
            return _compiled(fn)(*detached)
        except Exception as error:
            if not is_full(error):  # a new variant of the kind is one too many
                raise
    from torch._dynamo import config

    with warnings.catch_warnings(), config.patch(recompile_limit=VARIANTS):
        warnings.simplefilter("ignore")
        found = _compiled(fn)(*detached)
    _seen.add(kind)
    return found


def _kind_of(tensor: Tensor) -> tuple[Any, ...]:
    """What the compiler makes a variant for: precision, and sizes of 1."""
    return (tensor.dtype, *(size == 1 for size in tensor.shape[:2]), tensor.shape[-1] == 1)


def is_full(error: Exception) -> bool:
    """Whether the compiler refuses one more variant of a function.

    Example:
        >>> is_full(RuntimeError("no header files"))
        False
    """
    from torch._dynamo.exc import FailOnRecompileLimitHit

    return isinstance(error, FailOnRecompileLimitHit)


_seen: set[Any] = set()


@cache
def _compiled(fn: Callable[..., Any]) -> Callable[..., Any]:
    # in this process: a pool of compiling processes would outlive a killed run
    return torch.compile(fn, dynamic=True, fullgraph=True, options={"compile_threads": 1})
