"""``AFKANLinear`` beside the authors' sequence of operations, ReLU-KAN, and a linear layer.

One thread, float32. Outputs and input gradients are compared before anything is timed. Peak memory
is that of a forward and backward pass.
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
from neurarium.neurons import AFKANLinear, ReLUKANLinear

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests"))
from reference.af_kan import af_kan

Forward = Callable[[Tensor], Tensor]
SHAPES = ((64, 784, 64), (256, 784, 64), (512, 256, 256))


def contenders(inner: int, outer: int, feature_norm: str) -> dict[str, Forward]:
    """The same layer in two ways, and what else could stand in its place."""
    layer = AFKANLinear(inner, outer, feature_norm=feature_norm)
    linear = nn.Sequential(nn.LayerNorm(inner), nn.SiLU(), nn.Linear(inner, outer))
    return {
        "ours": layer,
        "the authors' operations": lambda x: af_kan(layer, x),
        "ReLU-KAN": ReLUKANLinear(inner, outer, grid_size=3, order=3),
        "norm, SiLU and linear": linear,
    }


def backward(forward: Forward, leaf: Tensor, gradient: Tensor) -> None:
    """Forward and backward."""
    forward(leaf).backward(gradient)


def same_results(forwards: dict[str, Forward], x: Tensor, gradient: Tensor) -> None:
    """Ours and the authors' outputs and input gradients agree."""
    found = []
    for name in ("ours", "the authors' operations"):
        leaf = x.clone().requires_grad_()
        out = forwards[name](leaf)
        out.backward(gradient)
        found.append((out.detach(), leaf.grad))
    assert_close(found[0], found[1], rtol=1e-3, atol=1e-5)


def compare(
    shape: tuple[int, int, int], feature_norm: str, rounds: int
) -> tuple[list[Comparison], dict[str, float]]:
    """Time without and with the backward pass, and peak memory, of one shape."""
    batch, inner, outer = shape
    forwards = contenders(inner, outer, feature_norm)
    x, gradient = torch.rand(batch, inner) * 2 - 1, torch.randn(batch, outer)
    same_results(forwards, x, gradient)
    leaf = x.clone().requires_grad_()
    what = f"batch {batch}, {inner} to {outer}, norm by {feature_norm}"
    with torch.no_grad():
        rows = [
            measure(
                f"{what}, forward", {n: partial(f, x) for n, f in forwards.items()}, rounds=rounds
            )
        ]
    both = {n: partial(backward, f, leaf, gradient) for n, f in forwards.items()}
    rows.append(measure(f"{what}, forward + backward", both, rounds=rounds))
    return rows, {name: peak_megabytes(run) for name, run in both.items()}


def profile(rounds: int) -> tuple[dict[str, dict[str, float]], list[Comparison]]:
    """Where the layer's time goes, by operation, and how near its floor it is."""
    shares, rows = {}, []
    for shape in SHAPES:
        batch, inner, outer = shape
        leaf = (torch.rand(batch, inner) * 2 - 1).requires_grad_()
        ours = partial(backward, AFKANLinear(inner, outer), leaf, torch.randn(batch, outer))
        what = f"batch {batch}, {inner} to {outer}, norm by sample, forward + backward"
        shares[what] = operator_shares(ours)
        floor = {"ours": ours, "floor: the matrix products alone": linear_products(*shape)}
        rows.append(measure(f"{what}, floor", floor, rounds=rounds))
    return shares, rows


def main(rounds: int = 9) -> None:
    """Measure, print and record."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    rows, peaks = [], {}
    for shape in SHAPES:
        for feature_norm in ("sample", "batch"):
            found, peak = compare(shape, feature_norm, rounds)
            rows += found
            peaks[f"{shape}, {feature_norm}"] = peak
    for what, peak in peaks.items():
        print(f"peak memory of forward and backward, {what}, MB: {peak}")
    shares, floors = profile(rounds)
    record("neurons_af_kan", rows + floors, peak_megabytes=peaks, profile=shares)


if __name__ == "__main__":
    main()
