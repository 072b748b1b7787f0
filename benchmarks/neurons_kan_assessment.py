"""``KANLinear`` beside pykan's and efficient-kan's sequences of operations, and the bare product.

One thread, float32. Outputs and input gradients are compared before anything is timed. The bare
product is the matrix product of the same contraction with its functions evaluated beforehand, with
both products of its backward pass; a linear layer with GELU shows what the edges' functions cost.
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.testing import assert_close

from benchmarks.timing import Comparison, measure, record
from neurarium.neurons import KANLinear

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests"))
from reference.kan import efficient_arguments, efficient_layer, pykan_arguments, pykan_layer

Forward = Callable[[Tensor], Tensor]
SHAPES = ((256, 256, 256, 5, True), (512, 784, 64, 5, False), (256, 256, 256, 20, False))
BASES = ("rbf", "chebyshev", "fourier", "relu", "mexican_hat")


def contenders(layer: KANLinear, with_pykan: bool) -> dict[str, Forward]:
    """The same function, computed in several ways with the same parameters."""
    efficient = [
        a.detach().requires_grad_() if isinstance(a, Tensor) and i else a
        for i, a in enumerate(efficient_arguments(layer))
    ]
    found: dict[str, Forward] = {
        "ours": layer,
        "efficient-kan's operations": lambda x: efficient_layer(x, *efficient),
    }
    if with_pykan:
        pykan = [
            a.detach().requires_grad_() if isinstance(a, Tensor) and i else a
            for i, a in enumerate(pykan_arguments(layer))
        ]
        found["pykan's operations"] = lambda x: pykan_layer(x, *pykan)[0]
    return found


def same_results(forwards: dict[str, Forward], x: Tensor, gradient: Tensor) -> None:
    """Outputs and input gradients of all agree."""
    results = {}
    for name, forward in forwards.items():
        leaf = x.clone().requires_grad_()
        out = forward(leaf)
        out.backward(gradient)
        results[name] = (out.detach(), leaf.grad)
    for name, result in results.items():
        assert_close(
            result, results["ours"], rtol=1e-3, atol=1e-5, msg=lambda m, n=name: f"{n}: {m}"
        )


def floors(layer: KANLinear, x: Tensor) -> dict[str, Forward]:
    """What no way of computing it avoids, and the linear layer that it replaces."""
    functions = layer.basis.num_functions + 1
    values = torch.randn(len(x), functions * layer.in_features, requires_grad=True)
    weight = layer.edge_weight().detach().flatten(1).requires_grad_()
    linear = nn.Sequential(nn.Linear(layer.in_features, layer.out_features), nn.GELU())
    return {"the bare product": lambda x: F.linear(values, weight), "linear and GELU": linear}


def compare(batch: int, inner: int, outer: int, grid_size: int, with_pykan: bool, rounds: int):
    """Forward, and forward with backward, of one shape."""
    layer = KANLinear(inner, outer, grid_size=grid_size)
    x, gradient = torch.rand(batch, inner) * 2 - 1, torch.randn(batch, outer)
    forwards = contenders(layer, with_pykan)
    same_results(forwards, x, gradient)
    what = f"batch {batch}, {inner} to {outer}, G {grid_size}"
    return timings(what, forwards | floors(layer, x), x, gradient, rounds)


def timings(
    what: str, forwards: dict[str, Forward], x: Tensor, gradient: Tensor, rounds: int
) -> list[Comparison]:
    """Two rows: without and with the backward pass."""
    leaf = x.clone().requires_grad_()

    @torch.no_grad()
    def only_forward(forward: Forward) -> Tensor:
        return forward(x)

    def with_backward(forward: Forward) -> None:
        forward(leaf).backward(gradient)

    kinds = {"forward": only_forward, "forward + backward": with_backward}
    return [
        measure(
            f"{what}, {kind}",
            {name: partial(run, forward) for name, forward in forwards.items()},
            rounds=rounds,
        )
        for kind, run in kinds.items()
    ]


def other_bases(rounds: int) -> list[Comparison]:
    """Every family against B-splines, 256 to 256."""
    x, gradient = torch.rand(256, 256) * 2 - 1, torch.randn(256, 256)
    layers: dict[str, Forward] = {"ours": KANLinear(256, 256)}
    layers |= {name: KANLinear(256, 256, basis=name) for name in BASES}
    return timings("bases against B-splines, batch 256, 256 to 256", layers, x, gradient, rounds)


def looked_up(rounds: int) -> list[Comparison]:
    """Inference on fine grids, looking splines up against evaluating all."""
    rows, x = [], torch.rand(256, 256) * 2 - 1
    for grid_size in (16, 64):
        layer = KANLinear(256, 256, grid_size=grid_size, backend="gather").eval()
        all_splines = copy.deepcopy(layer)
        all_splines.backend = "gemm"
        layers = {"ours": layer, "evaluating all splines": all_splines}
        with torch.no_grad():
            assert_close(layer(x), all_splines(x), rtol=1e-3, atol=1e-5)
            calls = {name: partial(each, x) for name, each in layers.items()}
            what = f"inference, batch 256, 256 to 256, G {grid_size}"
            rows.append(measure(what, calls, rounds=rounds))
    return rows


def saved_bytes(layer: KANLinear, x: Tensor) -> dict[str, int]:
    """What the layer keeps for the backward pass, beside its input's own size."""
    kept: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        layer(x.clone().requires_grad_())
    own = {p.untyped_storage().data_ptr() for p in (*layer.parameters(), *layer.buffers())}
    bytes_kept = sum(size for place, size in kept.items() if place not in own)
    weight = 4 * layer.edge_weight().numel()
    return {"input": 4 * x.numel(), "kept without the folded weight": bytes_kept - weight}


def main(rounds: int = 7) -> None:
    """Measure, print and record."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    rows = [row for shape in SHAPES for row in compare(*shape, rounds)]
    rows += other_bases(rounds) + looked_up(rounds)
    kept = saved_bytes(KANLinear(256, 256), torch.rand(256, 256))
    print("bytes kept for the backward pass:", kept)
    record("neurons_kan_assessment", rows, saved_bytes=kept)


if __name__ == "__main__":
    main()
