"""Selectable layers beside the mixture as it is written, before and after pruning.

One thread, float32. Outputs and input gradients are compared before anything is timed. Peak memory
is that of a forward and backward pass. What one family costs, and what a selected layer costs, show
what a choice among five is paid with.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.testing import assert_close

from benchmarks.allocations import peak_megabytes
from benchmarks.floors import linear_products
from benchmarks.memory_hopular import operator_shares
from benchmarks.timing import Comparison, measure, record
from neurarium.neurons import KANConv2d, KANLinear, SelectableKANConv2d, SelectableKANLinear

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests"))
from reference import selectable as reference

Forward = Callable[[Tensor], Tensor]
LINEAR = ((256, 64, 64), (256, 256, 256))
CONVOLUTIONS = (((16, 1, 28, 28), 10, 5), ((16, 10, 12, 12), 20, 5))


def pruned(layer: SelectableKANLinear | SelectableKANConv2d) -> nn.Module:
    """The layer after the choice."""
    twin = type(layer)(**arguments_of(layer))
    nn.init.normal_(twin.logits)
    twin.select()
    return twin.prune()


def arguments_of(layer: SelectableKANLinear | SelectableKANConv2d) -> dict[str, int]:
    """Sizes of a layer."""
    if isinstance(layer, SelectableKANLinear):
        return {"in_features": layer.in_features, "out_features": layer.out_features}
    kernel = layer.kernel_size[0]
    sizes = {"in_channels": layer.in_channels, "out_channels": layer.out_channels}
    return {**sizes, "kernel_size": kernel}


def contenders(layer: SelectableKANLinear | SelectableKANConv2d) -> dict[str, Forward]:
    """The same function in two ways, the layer after pruning, and one family alone."""
    nn.init.normal_(layer.logits)
    is_linear = isinstance(layer, SelectableKANLinear)
    literal = reference.linear if is_linear else reference.convolution
    alone = KANLinear if is_linear else KANConv2d
    return {
        "ours": layer,
        "as written": partial(literal, layer, reference.coefficients_of(layer)),
        "ours, pruned": pruned(layer),
        "B-splines alone": alone(**arguments_of(layer)),
    }


def backward(forward: Forward, leaf: Tensor, gradient: Tensor) -> None:
    """Forward and backward."""
    forward(leaf).backward(gradient)


def same_results(forwards: dict[str, Forward], x: Tensor, gradient: Tensor) -> None:
    """Outputs and input gradients of both ways agree."""
    found = []
    for name in ("ours", "as written"):
        leaf = x.clone().requires_grad_()
        out = forwards[name](leaf)
        out.backward(gradient)
        found.append((out.detach(), leaf.grad))
    assert_close(found[0], found[1], rtol=1e-3, atol=1e-4)


def compare(
    layer: SelectableKANLinear | SelectableKANConv2d, shape: tuple[int, ...], rounds: int
) -> tuple[list[Comparison], dict[str, float]]:
    """Time without and with the backward pass, and peak memory."""
    forwards = contenders(layer)
    x = torch.rand(shape) * 1.8 - 0.9
    gradient = torch.randn_like(layer(x))
    same_results(forwards, x, gradient)
    leaf = x.clone().requires_grad_()
    sizes = ", ".join(f"{n} {v}" for n, v in arguments_of(layer).items())
    what = f"{type(layer).__name__}, {list(shape)}, {sizes}"
    with torch.no_grad():
        only = {n: partial(f, x) for n, f in forwards.items()}
        rows = [measure(f"{what}, forward", only, rounds=rounds)]
    both = {n: partial(backward, f, leaf, gradient) for n, f in forwards.items()}
    rows.append(measure(f"{what}, forward + backward", both, rounds=rounds))
    return rows, {name: peak_megabytes(run) for name, run in both.items()}


def profile(rounds: int) -> tuple[dict[str, dict[str, float]], list[Comparison]]:
    """Where a linear layer's time goes, by operation, and how near its floor it is."""
    shares, rows = {}, []
    for batch, inner, outer in LINEAR:
        layer = SelectableKANLinear(inner, outer)
        leaf = (torch.rand(batch, inner) * 1.8 - 0.9).requires_grad_()
        ours = partial(backward, layer, leaf, torch.randn(batch, outer))
        what = f"SelectableKANLinear, batch {batch}, {inner} to {outer}, forward + backward"
        shares[what] = operator_shares(ours)
        functions = 1 + sum(basis.num_functions for basis, _ in layer.weighted())
        products = linear_products(batch, functions * inner, outer)
        floor = {"ours": ours, "floor: the matrix products alone": products}
        rows.append(measure(f"{what}, floor", floor, rounds=rounds))
    return shares, rows


def main(rounds: int = 5) -> None:
    """Measure, print and record."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    cases: list[tuple[SelectableKANLinear | SelectableKANConv2d, tuple[int, ...]]] = [
        (SelectableKANLinear(inner, outer), (batch, inner)) for batch, inner, outer in LINEAR
    ]
    cases += [
        (SelectableKANConv2d(shape[1], outer, kernel), shape)
        for shape, outer, kernel in CONVOLUTIONS
    ]
    rows, peaks = [], {}
    for layer, shape in cases:
        found, peak = compare(layer, shape, rounds)
        rows += found
        peaks[found[0].name.removesuffix(", forward")] = peak
    for what, peak in peaks.items():
        print(f"peak memory of forward and backward, {what}, MB: {peak}")
    shares, floors = profile(rounds)
    record("neurons_s_kan", rows + floors, peak_megabytes=peaks, profile=shares)


if __name__ == "__main__":
    main()
