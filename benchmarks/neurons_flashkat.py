"""The group-rational activation beside the released plain form and GELU, on one thread, float32.

Outputs and gradients are compared before anything is timed. Then what is kept for the backward
pass, and the rounding of coefficient gradients beside that of one running float32 sum.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.testing import assert_close

from benchmarks.timing import Comparison, measure, record
from neurarium.neurons import group_rational
from neurarium.neurons.rational_compiled import has_compiler

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests"))
from reference.rational import naive_rational

GROUPS = 8
SHAPES = ((8, 197, 768), (8, 197, 192), (1024, 1024))
Forward = Callable[[Tensor, Tensor, Tensor], Tensor]


def contenders() -> dict[str, Forward]:
    """Ours is compiled where there is a compiler; the first rival is what the scoreboard quotes."""
    backend = "compile" if has_compiler() else "eager"
    return {
        "ours": partial(group_rational, backend=backend),
        "naive": partial(naive_rational, num_groups=GROUPS),
        "ours, eager": partial(group_rational, backend="eager"),
        "GELU": lambda x, a, b: F.gelu(x),
    }


def inputs(shape: tuple[int, ...]) -> tuple[Tensor, Tensor, Tensor]:
    """x, numerator and denominator."""
    sizes = (shape, (1, 6), (GROUPS, 4))
    x, a, b = (torch.randn(size).requires_grad_() for size in sizes)
    return x, a, b


def same_results(forwards: dict[str, Forward], leaves: tuple[Tensor, ...], up: Tensor) -> None:
    """Outputs and all gradients of all but GELU agree."""
    found = {}
    for name, forward in forwards.items():
        if name != "GELU":
            out = forward(*leaves)
            found[name] = (out, *torch.autograd.grad(out, leaves, up))
    for name, results in found.items():
        for mine, theirs in zip(found["ours"], results, strict=True):
            error = (mine - theirs).norm() / theirs.norm()
            assert error < 1e-3, f"{name}: differs by {error:.1e}"


def compare(shape: tuple[int, ...], rounds: int) -> list[Comparison]:
    """Without and with the backward pass."""
    forwards, leaves, up = contenders(), inputs(shape), torch.randn(shape)
    same_results(forwards, leaves, up)

    @torch.no_grad()
    def only_forward(forward: Forward) -> Tensor:
        return forward(*leaves)

    def with_backward(forward: Forward) -> None:
        for leaf in leaves:
            leaf.grad = None
        forward(*leaves).backward(up)

    kinds = {"forward": only_forward, "forward + backward": with_backward}
    label = " x ".join(map(str, shape))
    return [
        measure(
            f"group rational, {label}, {kind}",
            {name: partial(run, forward) for name, forward in forwards.items()},
            rounds=rounds,
        )
        for kind, run in kinds.items()
    ]


def kept_bytes(forward: Forward, leaves: tuple[Tensor, ...]) -> int:
    """Of all storages that the backward pass needs."""
    kept: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        forward(*leaves)
    return sum(kept.values())


def rounding() -> dict[str, float]:
    """Relative errors of numerator gradients over 2²⁰ inputs of one group, against float64."""
    x, up = torch.randn(1 << 14, 64), torch.randn(1 << 14, 64)
    a, b = torch.randn(1, 6), torch.randn(1, 4)

    def gradient(forward: Forward, *tensors: Tensor) -> Tensor:
        leaf = tensors[1].clone().requires_grad_()
        out = forward(tensors[0], leaf, tensors[2])
        return torch.autograd.grad(out, leaf, tensors[3])[0].double()

    exact = gradient(contenders()["ours, eager"], x.double(), a.double(), b.double(), up.double())
    w = up / (1 + sum(b[0, i].abs() * x.abs() ** (i + 1) for i in range(4)))
    terms = torch.stack([(w * x**i).flatten() for i in range(6)]).numpy()
    running = torch.from_numpy(np.add.accumulate(terms, axis=1)[:, -1]).double()
    found = {"one running sum": running[None]}
    for name in ("ours", "ours, eager"):
        found[name] = gradient(contenders()[name], x, a, b, up)
    assert_close(found["ours"], exact, rtol=1e-3, atol=1e-2)
    return {name: float((v - exact).norm() / exact.norm()) for name, v in found.items()}


def main(rounds: int = 9) -> None:
    """Measure, print and record."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    rows = [row for shape in SHAPES for row in compare(shape, rounds)]
    leaves = inputs(SHAPES[0])
    kept = {name: kept_bytes(forward, leaves) for name, forward in contenders().items()}
    kept["input and coefficients"] = sum(4 * leaf.numel() for leaf in leaves)
    errors = rounding()
    print("bytes kept for the backward pass:", kept)
    print("relative errors of coefficient gradients:", errors)
    record("neurons_flashkat", rows, kept_bytes=kept, rounding=errors)


if __name__ == "__main__":
    main()
