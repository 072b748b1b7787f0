"""What no way of writing a layer can undercut."""

from __future__ import annotations

from collections.abc import Callable

import torch


def linear_products(rows: int, inner: int, outer: int) -> Callable[[], None]:
    """The bare matrix products of a linear layer, forward and backward.

    Args:
        rows: of the input.
        inner: numbers that a row holds.
        outer: numbers that come out.
    """
    values, weight = torch.randn(rows, inner), torch.randn(outer, inner)
    gradient = torch.randn(rows, outer)

    def run() -> None:
        torch.mm(values, weight.mT)
        torch.mm(gradient, weight)
        torch.mm(gradient.mT, values)

    return run
