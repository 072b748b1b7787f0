"""Start values of group rational functions, checked in the form with absolute denominators.

KAT (https://arxiv.org/abs/2409.10594) and FlashKAT (https://arxiv.org/abs/2505.13813) publish
tables, which were fitted for several denominators. Those that are right in the kernels' form stay
as they are; the others were fitted anew on [−3, 3].
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F


class Start(NamedTuple):
    """Coefficients of one function, and its largest error on [−3, 3].

    Args:
        numerator: a_0 … a_5.
        denominator: |b_1| … |b_4|.
        max_error: against the function of that name.
    """

    numerator: tuple[float, ...]
    denominator: tuple[float, ...]
    max_error: float


STARTS = {
    "identity": Start((0.0, 1.0, 0.0, 0.0, 0.0, 0.0), (0.0, 0.0, 0.0, 0.0), 0.0),
    "swish": Start(
        (
            3.054879741161051e-07,
            0.5000007853744493,
            0.24999783422824703,
            0.05326628273219478,
            0.005803034571292244,
            0.0002751961022402342,
        ),
        (
            4.111554955950634e-06,
            0.10652899335007572,
            1.2690007399796238e-06,
            0.0005502331264140556,
        ),
        1.3e-6,
    ),
    "gelu": Start(
        (-0.0012934022, 0.50512244, 0.41332116, 0.12339185, 0.019756029, 0.0020527277),
        (0.045100863, 0.19051404, 0.026306794, 8.2072142e-09),
        3.6e-3,
    ),
    "gelu_old": Start(
        (
            -0.0012423594497499122,
            0.5080497063245629,
            0.41586363182937475,
            0.13022718688035761,
            0.024355900098993424,
            0.00290283948155535,
        ),
        (
            0.06675015696494944,
            0.17927646217001553,
            0.03746682605496631,
            1.6561610853276082e-10,
        ),
        4.2e-3,
    ),
    "tanh": Start(
        (0.0, 1.0000108, 0.0, 0.10742418, 0.0, 0.00086088037),
        (5.9025478e-05, 0.44068108, 2.7907411e-10, 0.014490338),
        3.2e-6,
    ),
    "sigmoid": Start(
        (0.5, 0.24999999, 0.055442586, 0.0068879765, 0.0004848677, 1.5644748e-05),
        (3.3e-09, 0.11088517, 1.7e-09, 0.00096973514),
        3e-8,
    ),
    "relu": Start(
        (0.029974179, 0.61691049, 2.3743555, 3.0632902, 1.5226193, 0.25234399),
        (1.191126, 4.4040725, 0.90985253, 0.34820167),
        3.05e-2,
    ),
    "leaky_relu": Start(
        (0.029803271, 0.61838521, 2.3223281, 3.0492294, 1.4833984, 0.25056257),
        (1.1415403, 4.3891758, 0.8703318, 0.34654913),
        3.05e-2,
    ),
}
"""Name → start of degrees (5, 4)."""

FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "identity": lambda x: x,
    "swish": F.silu,
    "gelu": F.gelu,
    "gelu_old": F.gelu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "relu": F.relu,
    "leaky_relu": F.leaky_relu,
}
"""Name → what its start stands for."""

FOREIGN_GELU = (-0.00153969, 0.51692871, 0.44075827, 0.0972553, -0.00884418, -0.00378675)
"""Numerator of the released default "gelu", which needs the denominator 1 + |Σ b x^i|."""


def find_function(
    function: str | Callable[[Tensor], Tensor], argument: str = "init"
) -> Callable[[Tensor], Tensor]:
    """A function by its name; one that is given passes through.

    Example:
        >>> find_function("swich")
        Traceback (most recent call last):
        ValueError: init must be one of identity, swish, gelu, gelu_old, tanh, sigmoid, relu, \
leaky_relu, or a function: got 'swich'
    """
    if callable(function):
        return function
    if not isinstance(function, str) or function not in FUNCTIONS:
        raise ValueError(
            f"{argument} must be one of {', '.join(FUNCTIONS)}, or a function: got {function!r}"
        )
    return FUNCTIONS[function]
