"""The library of forms that edges are read as: y = c F(a t + b) + d.

What KAN (https://arxiv.org/abs/2404.19756, Sec. 2.5.1) calls symbolification. Every form has a
function of tensors, a sympy expression and a complexity, by which simpler forms win.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class Form:
    """A univariate function of the library.

    Args:
        value: of a tensor; NaN or infinite where it is not defined.
        expression: of a sympy expression.
        complexity: the smaller, the sooner it is taken.
        is_affine: whether a and b change nothing that c and d do not.
    """

    value: Callable[[Tensor], Tensor]
    expression: Callable[[Any], Any]
    complexity: int
    is_affine: bool = False


def _sympy(name: str) -> Callable[[Any], Any]:
    def expression(u: Any) -> Any:
        import sympy

        return getattr(sympy, name)(u)

    return expression


def _gaussian(u: Any) -> Any:
    import sympy

    return sympy.exp(-(u**2))


FORMS: dict[str, Form] = {
    "0": Form(torch.zeros_like, lambda u: 0 * u, 0, is_affine=True),
    "x": Form(lambda u: u, lambda u: u, 1, is_affine=True),
    "x^2": Form(torch.square, lambda u: u**2, 2),
    "x^3": Form(lambda u: u**3, lambda u: u**3, 3),
    "x^4": Form(lambda u: u**4, lambda u: u**4, 4),
    "1/x": Form(torch.reciprocal, lambda u: 1 / u, 3),
    "1/x^2": Form(lambda u: u**-2, lambda u: u**-2, 4),
    "sqrt": Form(torch.sqrt, _sympy("sqrt"), 3),
    "1/sqrt": Form(torch.rsqrt, lambda u: 1 / _sympy("sqrt")(u), 4),
    "exp": Form(torch.exp, _sympy("exp"), 3),
    "log": Form(torch.log, _sympy("log"), 3),
    "sin": Form(torch.sin, _sympy("sin"), 3),
    "tanh": Form(torch.tanh, _sympy("tanh"), 4),
    "abs": Form(torch.abs, _sympy("Abs"), 3),
    "gaussian": Form(lambda u: torch.exp(-u * u), _gaussian, 4),
    "arctan": Form(torch.atan, _sympy("atan"), 4),
    "arcsin": Form(torch.asin, _sympy("asin"), 4),
}
POLES = ("1/x", "1/x^2", "1/sqrt", "log", "sqrt", "abs")
"""Forms whose argument must not change its sign between two samples unseen."""
