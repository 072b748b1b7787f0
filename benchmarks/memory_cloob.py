"""``CLOOBLoss`` beside the authors' sequence of operations, one thread, float32.

The loss and its gradients with respect to both embeddings; these are compared before anything is
timed. Nearly all of it is products of matrices, so the ratio of the multiply-accumulates is printed
beside that of the times: X Yᵀ, which two retrievals share, spares 1 of 10 products forwards and
2 of 20 backwards. Memory is that of a process of its own, over loss and gradients.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import normalize
from torch.testing import assert_close

from benchmarks.timing import Comparison, measure, record
from neurarium.memory import CLIPLoss, CLOOBLoss

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests"))
from reference.cloob import authors_cloob

Loss = Callable[[Tensor, Tensor], Tensor]
SIZES = ((256, 256), (512, 512), (1024, 512), (4096, 256))
BETA, INVERSE_TEMPERATURE = 8.0, 30.0
PRODUCTS = {"ours": 27, "authors": 30}
"""Products of N × N × d, forwards and backwards, where N is at most 2048."""


def losses() -> dict[str, Loss]:
    """Two ways to compute CLOOB's loss, and CLIP's as a measure of what it costs more."""
    ours = CLOOBLoss(beta=BETA, temperature=1 / INVERSE_TEMPERATURE)
    return {
        "ours": partial(ours, normalized=True),
        "authors": lambda x, y: authors_cloob(x, y, BETA, INVERSE_TEMPERATURE),
        "clip": partial(CLIPLoss(learn_temperature=False), normalized=True),
    }


def pairs(num_pairs: int, width: int) -> tuple[Tensor, Tensor]:
    """Rows of unit length that are alike within a pair."""
    shared = torch.randn(num_pairs, width)
    x, y = (
        normalize(shared + torch.randn(num_pairs, width), dim=1).requires_grad_() for _ in range(2)
    )
    return x, y


def gradients(loss: Loss, x: Tensor, y: Tensor) -> tuple[Tensor, ...]:
    """The loss and its two gradients."""
    value = loss(x, y)
    return value.detach(), *torch.autograd.grad(value, (x, y))


def compare(num_pairs: int, width: int, rounds: int) -> Comparison:
    """One size."""
    x, y = pairs(num_pairs, width)
    contenders = losses()
    theirs, mine = (gradients(contenders[name], x, y) for name in ("authors", "ours"))
    assert_close(mine, theirs, rtol=1e-4, atol=1e-6)
    return measure(
        f"{num_pairs} pairs, {width} wide, forward + backward",
        {name: partial(gradients, loss, x, y) for name, loss in contenders.items()},
        rounds=rounds,
    )


def peak_megabytes(name: str, num_pairs: int) -> float:
    """How far one loss with its gradients (256 wide) raises a process's memory."""
    code = f"from benchmarks.memory_cloob import growth; print(growth({name!r}, {num_pairs}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return float(done.stdout)


def growth(name: str, num_pairs: int) -> float:
    """Peak resident set during loss and gradients over that before it, in megabytes (Linux)."""
    torch.set_num_threads(1)
    loss = losses()[name]
    gradients(loss, *pairs(64, 256))  # loads the kernels
    x, y = pairs(num_pairs, 256)
    before = resident("VmRSS")
    gradients(loss, x, y)
    return round(resident("VmHWM") - before, 1)


def resident(field: str) -> float:
    """A field of /proc/self/status in megabytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith(field)) / 1024


def main(rounds: int = 7) -> None:
    """Measure, print and record."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    rows = [compare(*size, rounds) for size in SIZES]
    peak = {
        num_pairs: {name: peak_megabytes(name, num_pairs) for name in ("ours", "authors", "clip")}
        for num_pairs in (1024, 4096)
    }
    print("products of N × N × d up to 2048 pairs:", PRODUCTS)
    for num_pairs, megabytes in peak.items():
        print(f"peak memory of loss and gradients, {num_pairs} pairs, MB: {megabytes}")
    record("memory_cloob", rows, peak_megabytes=peak, products=PRODUCTS)


if __name__ == "__main__":
    main()
