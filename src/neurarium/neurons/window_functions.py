"""Activations and their combinations that the windows of AF-KAN are made of, with their slopes.

Ta & Tran (https://arxiv.org/abs/2503.06112): a window is C(φ(x − l), φ(h − x)).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

SELU_SCALE = 1.0507009873554804934193349852946
SELU_ALPHA = 1.6732632423543772848170429916717

aten = torch.ops.aten


class WindowActivation(NamedTuple):
    """φ, and the way back through it.

    Args:
        value: t → φ(t).
        pullback: gradient of φ(t), t and φ(t) → gradient of t.
    """

    value: Callable[[Tensor], Tensor]
    pullback: Callable[[Tensor, Tensor, Tensor], Tensor]


class Combination(NamedTuple):
    """C of a rising and a falling factor.

    Args:
        value: (u, v) → C(u, v).
        pullback: gradient of C, u and v → C and the gradients of u and v.
    """

    value: Callable[[Tensor, Tensor], Tensor]
    pullback: Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor, Tensor]]


WINDOW_ACTIVATIONS: dict[str, WindowActivation] = {
    "softplus": WindowActivation(F.softplus, lambda g, t, u: aten.softplus_backward(g, t, 1, 20)),
    "sigmoid": WindowActivation(torch.sigmoid, lambda g, t, u: aten.sigmoid_backward(g, u)),
    "silu": WindowActivation(F.silu, lambda g, t, u: aten.silu_backward(g, t)),
    "relu": WindowActivation(torch.relu, lambda g, t, u: aten.threshold_backward(g, t, 0)),
    "leaky_relu": WindowActivation(
        F.leaky_relu, lambda g, t, u: aten.leaky_relu_backward(g, t, 0.01, False)
    ),
    "elu": WindowActivation(F.elu, lambda g, t, u: aten.elu_backward(g, 1, 1, 1, True, u)),
    "gelu": WindowActivation(F.gelu, lambda g, t, u: aten.gelu_backward(g, t)),
    "selu": WindowActivation(
        F.selu, lambda g, t, u: aten.elu_backward(g, SELU_ALPHA, SELU_SCALE, 1, True, u)
    ),
    "tanh": WindowActivation(torch.tanh, lambda g, t, u: aten.tanh_backward(g, u)),
}
"""The nine published activations by name."""


def _quad1(g: Tensor, u: Tensor, v: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    product = u * v
    doubled = (product * g).mul_(2)
    return product.square_(), doubled * v, doubled.mul_(u)


def _quad2(g: Tensor, u: Tensor, v: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    total = u + v
    return total.square() - u * v, (total + u) * g, (total + v) * g


def _sum(g: Tensor, u: Tensor, v: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    return u + v, g, g


def _prod(g: Tensor, u: Tensor, v: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    return u * v, g * v, g * u


def _sum_prod(g: Tensor, u: Tensor, v: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    return u + v + u * v, torch.addcmul(g, g, v), torch.addcmul(g, g, u)


def _cubic1(g: Tensor, u: Tensor, v: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    total, squares = u + v, u * u + v * v
    return total * squares, (squares + 2 * u * total) * g, (squares + 2 * v * total) * g


def _cubic2(g: Tensor, u: Tensor, v: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    product = u * v
    scaled = 3 * product.square() * g
    return product.pow(3), scaled * v, scaled * u


COMBINATIONS: dict[str, Combination] = {
    "quad1": Combination(lambda u, v: (u * v).square(), _quad1),
    "quad2": Combination(lambda u, v: (u + v).square() - u * v, _quad2),
    "sum": Combination(lambda u, v: u + v, _sum),
    "prod": Combination(lambda u, v: u * v, _prod),
    "sum_prod": Combination(lambda u, v: u + v + u * v, _sum_prod),
    "cubic1": Combination(lambda u, v: (u + v) * (u * u + v * v), _cubic1),
    "cubic2": Combination(lambda u, v: (u * v).pow(3), _cubic2),
}
"""The seven published combinations by name."""
