"""A head of learnable attention beside its formula written out, and softmax; one thread, float32.

The direct form evaluates all sines and cosines of all scores, sums them in two products, forms the
map and multiplies it with the values; autograd keeps all of it. Outputs and gradients are compared
before anything is timed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from benchmarks.neurons_flashkat import kept_bytes
from benchmarks.timing import Comparison, measure, record
from neurarium.neurons import AttentionOperator

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests"))
from reference.karat import direct_head

SHAPES = ((2, 3, 197, 64, 3), (32, 3, 65, 32, 3), (2, 12, 197, 64, 1))
"""Batch, heads, tokens, width of a head, multiples."""


def compare(
    batch: int, heads: int, tokens: int, width: int, grid: int, rounds: int
) -> tuple[list[Comparison], dict[str, int]]:
    """Without and with the backward pass, and bytes kept."""
    operator = AttentionOperator(heads, tokens, grid_size=grid)
    query, key, value, up = (torch.randn(batch, heads, tokens, width) for _ in range(4))
    leaves = tuple(t.requires_grad_() for t in (query / width**0.5, key, value))
    parameters = (operator.coefficients, operator.back)

    def direct(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        parts = (part.permute(0, 2, 3, 1) for part in operator.coefficients.chunk(2, 1))
        return direct_head(query, key, value, *parts, operator.back)

    forwards: dict[str, Callable[..., Tensor]] = {
        "ours": operator.attend,
        "direct": direct,
        "softmax": partial(F.scaled_dot_product_attention, scale=1.0),
    }
    found = {}
    for name in ("ours", "direct"):
        out = forwards[name](*leaves)
        found[name] = (out, *torch.autograd.grad(out, (*leaves, *parameters), up))
    for mine, theirs in zip(*found.values(), strict=True):
        assert (mine - theirs).norm() < 1e-4 * theirs.norm()

    @torch.no_grad()
    def only_forward(forward: Callable[..., Tensor]) -> Tensor:
        return forward(*leaves)

    def with_backward(forward: Callable[..., Tensor]) -> None:
        for leaf in (*leaves, *parameters):
            leaf.grad = None
        forward(*leaves).backward(up)

    label = f"head: batch {batch}, {heads} heads, N {tokens}, d {width}, G {grid}"
    kinds = {"forward": only_forward, "forward + backward": with_backward}
    rows = [
        measure(
            f"{label}, {kind}",
            {name: partial(run, forward) for name, forward in forwards.items()},
            rounds=rounds,
        )
        for kind, run in kinds.items()
    ]
    return rows, {name: kept_bytes(forward, leaves) for name, forward in forwards.items()}


def main(rounds: int = 9) -> None:
    """Measure, print and record."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    rows, kept = [], {}
    for shape in SHAPES:
        found, kept[str(shape)] = compare(*shape, rounds)
        rows += found
    print("bytes kept for the backward pass:", kept)
    record("neurons_karat", rows, kept_bytes=kept)


if __name__ == "__main__":
    main()
