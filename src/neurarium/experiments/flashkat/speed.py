"""Seconds of the group-rational activation beside the released form in plain PyTorch and GELU.

FlashKAT (arXiv 2505.13813) trains the Kolmogorov–Arnold transformer 86.5 times faster on a GPU, by
reading and writing memory once. The claim is carried over to a processor: the form of the released
plain code keeps a tensor of powers, ours keeps its input and recomputes.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional as F

from neurarium.evaluation import Cell, Claim, Context, Experiment, Records, Result, paired
from neurarium.neurons import group_rational

from . import figures

GROUPS = 8
Activation = Callable[[Tensor, Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Config:
    """What is timed.

    Args:
        num_seeds: repetitions in a process that has done other cells in between.
        shapes: of the inputs, ``"8x197x768"``; the last is the channels.
        threads: of torch.
        rounds: whose median is taken.
    """

    num_seeds: int = 5
    shapes: tuple[str, ...] = ("8x197x192", "8x197x768", "1024x1024")
    threads: tuple[int, ...] = (1, 2)
    rounds: int = 20

    def __post_init__(self) -> None:
        for shape in self.shapes:
            sizes = shape.split("x")
            if not all(size.isdigit() for size in sizes) or int(sizes[-1]) % GROUPS:
                raise ValueError(
                    f"shapes must be like '8x197x768' with a multiple of {GROUPS} last: got "
                    f"{shape!r}"
                )


PRESETS = {
    "smoke": Config(1, ("4x16x64",), (1,), 3),
    "quick": Config(2, ("8x197x192", "8x197x768"), (1,), 7),
    "full": Config(),
    "paper": Config(5, ("1024x197x768",), (2,), 20),
}


def naive(x: Tensor, numerator: Tensor, denominator: Tensor) -> Tensor:
    """A tensor of all powers and two batched products, as in the released plain code."""
    rows = x.numel() // x.shape[-1]
    grouped = x.reshape(rows, GROUPS, -1).transpose(0, 1).reshape(GROUPS, -1)
    terms = [torch.ones_like(grouped)]
    for _ in range(numerator.shape[1] - 1):
        terms.append(terms[-1] * grouped)
    powers = torch.stack(terms, -1)
    p = torch.bmm(powers, numerator.expand(GROUPS, -1)[:, :, None])[..., 0]
    sizes = powers[..., 1 : 1 + denominator.shape[1]].abs()
    q = 1 + torch.bmm(sizes, denominator.abs()[:, :, None])[..., 0]
    return (p / q).view(GROUPS, rows, -1).transpose(0, 1).reshape(x.shape)


def gelu(x: Tensor, numerator: Tensor, denominator: Tensor) -> Tensor:
    """The activation that is replaced."""
    return F.gelu(x)


METHODS: dict[str, Activation] = {
    "flashkat": partial(group_rational, backend="auto"),
    "flashkat_eager": partial(group_rational, backend="eager"),
    "naive": naive,
    "gelu": gelu,
}


def axes(config: Config) -> Mapping[str, Iterable[str | int]]:
    """Seeds outermost, so that methods take turns."""
    return {
        "seed": range(config.num_seeds),
        "shape": config.shapes,
        "threads": config.threads,
    }


def run_cell(cell: Cell, config: Config, context: Context) -> Result:
    """Medians of seconds of a forward pass and of both passes, after a warm-up; bytes kept."""
    before = torch.get_num_threads()
    torch.set_num_threads(int(cell.threads))
    try:
        return _measure(cell, config, context.method)
    finally:
        torch.set_num_threads(before)


def _measure(cell: Cell, config: Config, activation: Activation) -> Result:
    generator = torch.Generator().manual_seed(int(cell.seed))
    shape = [int(size) for size in str(cell.shape).split("x")]
    x = torch.randn(shape, generator=generator).requires_grad_()
    gradient = torch.randn(shape, generator=generator)
    a = torch.randn(1, 6, generator=generator).requires_grad_()
    b = torch.randn(GROUPS, 4, generator=generator).requires_grad_()

    def forward() -> None:
        with torch.no_grad():
            activation(x, a, b)

    def both() -> None:
        x.grad = a.grad = b.grad = None
        activation(x, a, b).backward(gradient)

    return Result(
        {
            "seconds_forward": _median(forward, config.rounds),
            "seconds_step": _median(both, config.rounds),
            "kept_bytes": float(_kept(lambda: activation(x, a, b))),
        }
    )


def _median(run: Callable[[], None], rounds: int) -> float:
    run()
    run()
    found = []
    for _ in range(rounds):
        start = time.perf_counter()
        run()
        found.append(time.perf_counter() - start)
    return statistics.median(found)


def _kept(run: Callable[[], Tensor]) -> int:
    """Bytes of all storages that the backward pass needs."""
    kept: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        run()
    return sum(kept.values())


def faster_than_naive(records: Records) -> list[float]:
    """Log of the released form's seconds over ours, both passes."""
    return paired(records, "seconds_step", "naive", "flashkat", log=True, unit="seed")


def slower_than_gelu(records: Records) -> list[float]:
    """Log of our seconds over GELU's, both passes."""
    return paired(records, "seconds_step", "flashkat", "gelu", log=True, unit="seed")


def faster_on_every_shape(records: Records) -> bool:
    """Whether no shape is slower than the released form."""
    ours, theirs = (
        records.where(method=name).values("seconds_step", "shape") for name in ("flashkat", "naive")
    )
    return all(ours[shape] < theirs[shape] for shape in ours)


SPEED = Experiment(
    slug="flashkat",
    part="speed",
    presets=PRESETS,
    axes=axes,
    methods=METHODS,
    run_cell=run_cell,
    claims=(
        Claim(
            "The same function is trained at least three times faster than in the released plain "
            "form",
            "abstract",
            faster_than_naive,
            side=(math.log(3), math.inf),
            holds=faster_on_every_shape,
            headline=True,
            timed=True,
            paper_value="86.5 times, on a GPU against KAT's kernels",
        ),
        Claim(
            "It costs at most three times as much as GELU",
            "Section 1",
            slower_than_gelu,
            side=(-math.inf, math.log(3)),
            timed=True,
        ),
    ),
    metric="seconds_step",
    higher_is_better=False,
    exclusive=True,
    figures={"speed": figures.speed},
)
