"""Rounding of coefficient gradients: sums in registers against one running sum.

FlashKAT (arXiv 2505.13813) finds that the kernels of KAT, which add to one place in memory once for
every input, also lose digits. A running sum in float32 stands for them here; the reference is the
same gradient in float64.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from neurarium.evaluation import Cell, Claim, Context, Experiment, Records, Result, paired
from neurarium.neurons import group_rational

from . import figures

WIDTH = 64
GROUPS = 8
Gradient = Callable[[Tensor, Tensor, Tensor, Tensor], tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Config:
    """Sizes.

    Args:
        num_seeds: of inputs, gradients and coefficients.
        num_inputs: elements that every gradient sums over.
    """

    num_seeds: int = 5
    num_inputs: tuple[int, ...] = (10_000, 100_000, 1_000_000)


PRESETS = {
    "smoke": Config(1, (10_000,)),
    "quick": Config(2, (10_000, 1_000_000)),
    "full": Config(),
    "paper": Config(10, (10_000, 1_000_000, 100_000_000)),
}


def _by(backend: str) -> Gradient:
    def gradient(x: Tensor, g: Tensor, a: Tensor, b: Tensor) -> tuple[np.ndarray, np.ndarray]:
        leaves = a.clone().requires_grad_(), b.clone().requires_grad_()
        group_rational(x, *leaves, backend=backend).backward(g)
        return tuple(leaf.grad.double().numpy() for leaf in leaves)  # type: ignore[return-value, union-attr]

    return gradient


def running_sum(x: Tensor, g: Tensor, a: Tensor, b: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Every term is added to one float32 number, in order."""
    groups, size = len(b), x.abs()
    z, t, up = (
        v.view(len(x), groups, -1).transpose(0, 1).reshape(groups, -1) for v in (x, size, g)
    )
    p = sum(a[:, i, None] * z**i for i in range(a.shape[1]))
    q = 1 + sum(b[:, i, None].abs() * t ** (i + 1) for i in range(b.shape[1]))
    w = up / q
    wf = w * p / q
    sign = torch.where(b < 0, -1.0, 1.0).numpy()
    by_a = [_add(w * z**i) for i in range(a.shape[1])]
    by_b = [-_add(wf * t ** (i + 1)) for i in range(b.shape[1])]
    return np.stack(by_a, 1), np.stack(by_b, 1) * sign


def _add(terms: Tensor) -> np.ndarray:
    added = np.add.accumulate(terms.numpy(), axis=1, dtype=np.float32)[:, -1]
    return np.asarray(added, np.float64)


METHODS: dict[str, Gradient] = {
    "flashkat": _by("auto"),
    "flashkat_eager": _by("eager"),
    "running_sum": running_sum,
}


def axes(config: Config) -> Mapping[str, Iterable[int]]:
    """Numbers of inputs and seeds."""
    return {"num_inputs": config.num_inputs, "seed": range(config.num_seeds)}


def run_cell(cell: Cell, config: Config, context: Context) -> Result:
    """Relative errors of the gradients of the coefficients of numerator and denominator."""
    generator = torch.Generator().manual_seed(int(cell.seed))
    rows = max(1, int(cell.num_inputs) * GROUPS // WIDTH)
    x, g = (torch.randn(rows, WIDTH, generator=generator) for _ in range(2))
    a = torch.randn(GROUPS, 6, generator=generator)
    b = torch.randn(GROUPS, 4, generator=generator)
    exact = _by("eager")(x.double(), g.double(), a.double(), b.double())
    found = context.method(x, g, a, b)
    errors = [
        float(np.linalg.norm(mine - true) / np.linalg.norm(true))
        for mine, true in zip(found, exact, strict=True)
    ]
    return Result(
        {
            "error": math.sqrt(errors[0] * errors[1]),
            "error_numerator": errors[0],
            "error_denominator": errors[1],
        }
    )


def digits_gained(records: Records) -> list[float]:
    """Log of a running sum's error over ours, at the largest number of inputs."""
    most = max(records.axis("num_inputs"))
    return paired(records.where(num_inputs=most), "error", "running_sum", "flashkat", log=True)


ROUNDING = Experiment(
    slug="flashkat",
    part="rounding",
    presets=PRESETS,
    axes=axes,
    methods=METHODS,
    run_cell=run_cell,
    claims=(
        Claim(
            "Gradients of coefficients are at least five times nearer to float64 than those of a "
            "running sum over a million inputs",
            "Section 5.3",
            digits_gained,
            side=(math.log(5), math.inf),
            paper_value="about one order of magnitude",
        ),
    ),
    metric="error",
    higher_is_better=False,
    figures={"rounding": figures.rounding},
)
