"""``Hopfield`` beside a textbook version and beside the authors' sequence of operations.

Self-association, 64 wide, 8 heads, no dropout, one thread. Outputs and gradients are compared
before anything is timed; memory is that of a process of its own, in one forward pass.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from torch import Tensor
from torch.testing import assert_close

from benchmarks.timing import Comparison, measure, record
from neurarium.memory import Hopfield

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests"))
from reference.hopfield import authors, textbook

Forward = Callable[[Tensor], Tensor]
SHAPES = ((4, 1024), (32, 128))
EMBED_DIM, NUM_HEADS = 64, 8


def forwards(num_steps: int) -> dict[str, Forward]:
    """Three ways to compute one layer, with the same weights."""
    layer = Hopfield(EMBED_DIM, NUM_HEADS, num_steps=num_steps)
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return {
        "ours": layer,
        "textbook": lambda x: textbook(layer, x),
        "authors": lambda x: authors(layer, x),
    }


def same_results(contenders: dict[str, Forward], state: Tensor, gradient: Tensor) -> None:
    """Outputs and input gradients of all agree."""
    results = {}
    for name, forward in contenders.items():
        x = state.clone().requires_grad_()
        out = forward(x)
        out.backward(gradient)
        results[name] = (out.detach(), x.grad)
    for name, result in results.items():
        assert_close(
            result, results["ours"], rtol=1e-3, atol=1e-4, msg=lambda m, n=name: f"{n}: {m}"
        )


def compare(batch: int, size: int, num_steps: int, rounds: int) -> list[Comparison]:
    """Forward, and forward with backward, of one shape."""
    contenders = forwards(num_steps)
    state, gradient = torch.randn(2, batch, size, EMBED_DIM)
    same_results(contenders, state, gradient)
    what = f"batch {batch}, {size} stored, {num_steps} step{'s' * (num_steps > 1)}"
    x = state.clone().requires_grad_()

    @torch.no_grad()
    def only_forward(forward: Forward) -> Tensor:
        return forward(state)

    def with_backward(forward: Forward) -> None:
        forward(x).backward(gradient)

    kinds = {"forward": only_forward, "forward + backward": with_backward}
    return [
        measure(
            f"{what}, {kind}",
            {name: partial(run, forward) for name, forward in contenders.items()},
            rounds=rounds,
        )
        for kind, run in kinds.items()
    ]


def peak_megabytes(name: str) -> float:
    """How far one forward pass (batch 4, 1024 stored, 4 steps) raises a process's memory."""
    code = f"from benchmarks.memory_hopfield import growth; print(growth({name!r}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return float(done.stdout)


def growth(name: str) -> float:
    """Peak resident set during one forward pass over that before it, in megabytes (Linux)."""
    forward = forwards(4)[name]
    with torch.no_grad():
        forward(torch.randn(1, 64, EMBED_DIM))  # loads the kernels
        before = resident("VmRSS")
        forward(torch.randn(4, 1024, EMBED_DIM))
    return round(resident("VmHWM") - before, 1)


def resident(field: str) -> float:
    """A field of /proc/self/status in megabytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith(field)) / 1024


def main(rounds: int = 5) -> None:
    """Measure, print and record."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    rows = [
        row
        for batch, size in SHAPES
        for num_steps in (1, 4)
        for row in compare(batch, size, num_steps, rounds)
    ]
    peak = {name: peak_megabytes(name) for name in ("ours", "textbook", "authors")}
    print("peak memory of a forward pass, 4 steps, MB:", peak)
    record("memory_hopfield", rows, peak_megabytes=peak)


if __name__ == "__main__":
    main()
