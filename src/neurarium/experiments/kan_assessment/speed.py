"""Seconds of a training step, each arm in turns with the MLP, at equal parameters.

Beside this library's layer stands ``kan_recursion``: the same network whose splines are evaluated
by the Cox–de Boor recursion with automatic differentiation, as implementations commonly do.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from neurarium.cost import count_macs, count_parameters
from neurarium.evaluation import Cell, Claim, Context, Experiment, Result, Table
from neurarium.evaluation.records import Records
from neurarium.neurons.bspline import bspline_basis
from neurarium.neurons.kan import KAN
from neurarium.neurons.kan_linear import KANLinear

from . import figures
from .arms import ARMS
from .config import SPEED_PRESETS, SpeedConfig
from .widths import sizes_for

PUBLISHED = (1.36, 100.0)
"""Times that KANs are slower, as the assessment collects them."""


class RecursiveKAN(nn.Module):
    """A KAN whose splines come from the recursion, every intermediate kept for the backward pass.

    Args:
        kan: whose parameters and function it has.
    """

    def __init__(self, kan: KAN) -> None:
        super().__init__()
        self.layers = kan.layers

    def forward(self, x: Tensor) -> Tensor:
        """Apply all layers."""
        for layer in self.layers:
            assert isinstance(layer, KANLinear)
            basis: Any = layer.basis
            splines = bspline_basis(x, basis.knots, basis.degree)
            weight = layer.edge_weight()
            spline_weight = weight[:, 1:].permute(0, 2, 1).flatten(1)
            x = F.linear(F.silu(x), weight[:, 0]) + F.linear(splines.flatten(1), spline_weight)
        return x


def build(name: str, config: SpeedConfig, parameters: int) -> nn.Module:
    """An arm with its default settings."""
    arm = "kan" if name == "kan_recursion" else name
    sizes = sizes_for(arm, "parameters", parameters, config.in_features, config.out_features)
    made = ARMS[arm].build(sizes, **ARMS[arm].defaults())
    return RecursiveKAN(made) if name == "kan_recursion" and isinstance(made, KAN) else made


def run_cell(cell: Cell, config: SpeedConfig, context: Context) -> Result:
    """Median over rounds of the time of a step, and of its ratio to the MLP's next to it."""
    parameters, rows = int(cell.parameters), int(cell.batch_size)
    torch.manual_seed(int(cell.seed))
    arm, mlp = context.method(config, parameters), build("mlp", config, parameters)
    x, y = torch.randn(rows, config.in_features), torch.randn(rows, config.out_features)
    steps = [_step(model, x, y) for model in (arm, mlp)]
    for step in steps:
        step()
    seconds: list[list[float]] = [[], []]
    for _ in range(config.num_rounds):
        for step, taken in zip(steps, seconds, strict=True):
            start = time.perf_counter()
            step()
            taken.append(time.perf_counter() - start)
    ratios = [ours / theirs for ours, theirs in zip(*seconds, strict=True)]
    return Result(
        {
            "step_seconds": statistics.median(seconds[0]),
            "times_mlp": statistics.median(ratios),
            "parameters": float(count_parameters(arm)),
            "macs": float(count_macs(arm.eval(), x[:1]).total),
        }
    )


def _step(model: nn.Module, x: Tensor, y: Tensor) -> Callable[[], None]:
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)

    def step() -> None:
        optimizer.zero_grad()
        F.mse_loss(model(x), y).backward()
        optimizer.step()

    return step


def slowdown(name: str, records: Records) -> list[float]:
    """Log of how many times an arm's step takes the MLP's, one number a seed."""
    found = records.ok.where(method=name)
    if not found:
        return []
    seeds = found.axis("seed")
    return [
        statistics.fmean(math.log(r.metrics["times_mlp"]) for r in found if r.cell.seed == seed)
        for seed in seeds
    ]


def tables(records: Records) -> tuple[Table, ...]:
    """Times slower than the MLP, by parameters and batch."""
    found = records.values("times_mlp", "method", "parameters", "batch_size")
    points = list(dict.fromkeys(key[1:] for key in found))
    columns = ("arm", *(f"{p:,} parameters, batch {b}" for p, b in points))
    rows = [(str(m), *(found.get((m, *point)) for point in points)) for m in records.axis("method")]
    low, high = PUBLISHED
    return (
        Table(
            "Seconds of a training step over the MLP's, equal parameters",
            columns,
            tuple(rows),
            note=f"The assessment collects {low:g} to {high:g} for KANs.",
        ),
    )


def axes(config: SpeedConfig) -> Mapping[str, Iterable[int]]:
    """Sizes, batches, seeds."""
    return {
        "parameters": config.parameters,
        "batch_size": config.batch_sizes,
        "seed": range(config.num_seeds),
    }


METHODS = {name: partial(build, name) for name in (*ARMS, "kan_recursion")}
SPEED = Experiment(
    slug="kan-assessment",
    part="speed",
    presets=SPEED_PRESETS,
    axes=axes,
    methods=METHODS,
    run_cell=run_cell,
    claims=(
        Claim(
            "A KAN's training step takes 1.36 to 100 times the MLP's at equal parameters "
            "(log of the ratio, this library's layer)",
            "Sec. 4",
            partial(slowdown, "kan"),
            side=(math.log(PUBLISHED[0]), math.log(PUBLISHED[1])),
            paper_value="1.36 to 100 times",
            timed=True,
        ),
        Claim(
            "The same with the recursion and automatic differentiation",
            "Sec. 4",
            partial(slowdown, "kan_recursion"),
            side=(math.log(PUBLISHED[0]), math.log(PUBLISHED[1])),
            paper_value="1.36 to 100 times",
            timed=True,
        ),
    ),
    tables=tables,
    figures={"speed": figures.speed},
    metric="times_mlp",
    higher_is_better=False,
    exclusive=True,
)
