"""Quadratic layers beside the released sequence of operations, and beside the layer they replace.

One thread, float32. The released code applies three layers and multiplies and adds their outputs;
autograd then keeps x, x² and both factors. Outputs and gradients are compared before anything is
timed. ``three products`` are the bare maps of a quadratic layer without its elementwise part.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn
from torch.testing import assert_close

from benchmarks.timing import Comparison, measure, record
from neurarium.neurons import QuadraticConv2d, QuadraticLinear
from neurarium.neurons.quadratic import QuadraticUnits

Forward = Callable[[Tensor], Tensor]


def released(layer: QuadraticUnits) -> Forward:
    """The authors' expression with the same parameters."""
    apply = layer.geometry.apply
    w_g, b_g = layer.interaction_weight, layer.interaction_bias
    assert w_g is not None

    def forward(x: Tensor) -> Tensor:
        linear = apply(x, layer.linear_weight, layer.linear_bias)
        square = apply(torch.pow(x, 2), layer.square_weight, layer.square_bias)
        return linear * apply(x, w_g, b_g) + square

    return forward


def three_products(layer: QuadraticUnits) -> Forward:
    """The maps alone, of one input."""
    assert layer.interaction_weight is not None
    weight = torch.cat([layer.linear_weight, layer.interaction_weight, layer.square_weight])
    weight = weight.detach().requires_grad_()
    return lambda x: layer.geometry.apply(x, weight, None)


def cases() -> dict[str, tuple[QuadraticUnits, nn.Module, Tensor]]:
    """What is timed: the layer, the conventional one, an input."""
    return {
        "linear 512 to 512, batch 256": (
            QuadraticLinear(512, 512, init="random"), nn.Linear(512, 512), torch.randn(256, 512)
        ),
        "linear 64 to 64, batch 4096": (
            QuadraticLinear(64, 64, init="random"), nn.Linear(64, 64), torch.randn(4096, 64)
        ),
        "convolution 32 to 32, 3x3, 32x16x16": (
            QuadraticConv2d(32, 32, 3, padding=1, init="random"),
            nn.Conv2d(32, 32, 3, padding=1),
            torch.randn(32, 32, 16, 16),
        ),
    }  # fmt: skip


def same_results(layer: QuadraticUnits, reference: Forward, x: Tensor) -> None:
    """Outputs and all gradients agree."""
    found = []
    for forward in (layer, reference):
        leaf = x.clone().requires_grad_()
        out = forward(leaf)
        leaves = (leaf, *layer.parameters())
        found.append((out.detach(), *torch.autograd.grad(out.square().mean(), leaves)))
    assert_close(found[0], found[1], rtol=1e-3, atol=1e-5)


def compare(
    name: str, layer: QuadraticUnits, plain: nn.Module, x: Tensor, rounds: int
) -> list[Comparison]:
    """Forward, and forward with backward."""
    reference = released(layer)
    same_results(layer, reference, x)
    forwards: dict[str, Forward] = {"ours": layer, "released operations": reference}
    forwards |= {"three products": three_products(layer), "conventional layer": plain}
    leaf = x.clone().requires_grad_()
    gradient = torch.randn_like(layer(x).detach())
    wide = torch.cat([gradient] * 3, -1 if x.ndim == 2 else 1)

    @torch.no_grad()
    def only_forward(forward: Forward) -> Tensor:
        return forward(x)

    def with_backward(forward: Forward) -> None:
        out = forward(leaf)
        out.backward(gradient if out.shape == gradient.shape else wide)

    kinds = {"forward": only_forward, "forward + backward": with_backward}
    return [
        measure(f"{name}, {kind}", {k: partial(run, f) for k, f in forwards.items()}, rounds=rounds)
        for kind, run in kinds.items()
    ]


def saved_bytes(forward: Forward, layer: QuadraticUnits, x: Tensor) -> int:
    """What is kept for the backward pass beside parameters."""
    kept: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        out = forward(x.clone().requires_grad_())
    own = {p.untyped_storage().data_ptr() for p in layer.parameters()}
    del out
    return sum(size for place, size in kept.items() if place not in own)


def main(rounds: int = 11) -> None:
    """Measure, print and record."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    rows, kept = [], {}
    for name, (layer, plain, x) in cases().items():
        rows += compare(name, layer, plain, x, rounds)
        kept[name] = {
            "ours": saved_bytes(layer, layer, x),
            "released operations": saved_bytes(released(layer), layer, x),
        }
    print("bytes kept for the backward pass:", kept)
    record("neurons_quadratic", rows, saved_bytes=kept)


if __name__ == "__main__":
    main()
