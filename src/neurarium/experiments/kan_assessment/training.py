"""Training, the same for every arm: Adam with a cosine, or L-BFGS, counted in gradients.

Weights are those that did best on validation rows among ten looks; the KAN, whose splines sit on
edges, moves its grids to the training rows first, at no cost in gradients. It alone does: splines
on neurons keep their range, since the linear maps before them learn to fill it, and a range of what
untrained maps give, the outputs' above all, would be too narrow (tried: it does not help them).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

import torch
from torch import Tensor, nn

from neurarium.neurons.bspline import BSpline, moved_knots
from neurarium.neurons.kan import KAN
from neurarium.neurons.kan_linear import KANLinear
from neurarium.neurons.row_norm import kept_statistics

from .problems import Part, Problem

NUM_LOOKS = 10
SHORT, LONG = 10, 30
"""Gradients of the two trainings that are timed, with all looks in both."""
MOST_FIXED = 50
"""A step takes a fiftieth of its share at least, so that a disturbed clock cannot make it free."""
FEWEST_STEPS = 10
GRID_ROWS = 2000
EVALUATION_ROWS = 2048
Settings = Mapping[str, Any]


class Network(nn.Module):
    """What a problem puts before an arm, and the arm."""

    def __init__(self, problem: Problem, arm: nn.Module) -> None:
        super().__init__()
        self.stem, self.arm = problem.stem(), arm

    def forward(self, x: Tensor) -> Tensor:
        """Apply both."""
        return cast(Tensor, self.arm(self.stem(x)))


@torch.no_grad()
def adapt_grids(network: Network, x: Tensor) -> None:
    """Even knots over the range of the rows that each layer sees: those have the closed form.

    There is nothing to keep yet, so that no coefficients are fitted: they start on the new grid as
    they would have on the old one.
    """
    arm = network.arm
    if not isinstance(arm, KAN):
        return
    if all(isinstance(layer, KANLinear) and layer.has_grid for layer in arm.layers):
        rows = network.stem(x[:GRID_ROWS])
        with kept_statistics(arm):
            for layer in cast(list[KANLinear], list(arm.layers)):
                basis, seen = cast(BSpline, layer.basis), layer.rows(rows)
                basis.set_knots(moved_knots(basis, seen, uniform_share=1.0, margin=0.1))
                rows = layer(rows)


@torch.no_grad()
def outputs(network: nn.Module, part: Part) -> Tensor:
    """For all rows, in pieces."""
    return torch.cat([network(rows) for rows in part.x.split(EVALUATION_ROWS)])


def train(
    network: Network, problem: Problem, settings: Settings, num_steps: int, batch_size: int
) -> float:
    """Train with so many gradients; the least validation loss, whose weights are kept.

    Args:
        network: changed in place.
        problem: its training and validation parts are used.
        settings: ``optimizer``, ``lr`` and ``weight_decay``.
        num_steps: gradient evaluations.
        batch_size: rows of a gradient of Adam where a problem is not learned in one batch.
    """
    adapt_grids(network, problem.train.x)
    run = _lbfgs if settings["optimizer"] == "lbfgs" else _adam
    best, weights = math.inf, {k: v.clone() for k, v in network.state_dict().items()}
    for _ in run(network, problem, settings, num_steps, batch_size):
        network.eval()
        output = outputs(network, problem.validation)
        loss = float(problem.loss(output, problem.validation.y))
        network.train()
        if loss < best:
            best, weights = loss, {k: v.clone() for k, v in network.state_dict().items()}
        if not math.isfinite(loss):
            break
    network.load_state_dict(weights)
    network.eval()
    return best


def _adam(
    network: Network, problem: Problem, settings: Settings, num_steps: int, batch_size: int
) -> Iterator[None]:
    """Yields after each tenth."""
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=settings["lr"], weight_decay=settings["weight_decay"]
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: 0.5 * (1 + math.cos(math.pi * min(step / num_steps, 1)))
    )
    looks = {round(num_steps * (look + 1) / NUM_LOOKS) for look in range(NUM_LOOKS)}
    batches = _batches(problem, batch_size)
    for step in range(1, num_steps + 1):
        x, y = next(batches)
        optimizer.zero_grad()
        problem.loss(network(x), y).backward()
        optimizer.step()
        schedule.step()
        if step in looks:
            yield


def _batches(problem: Problem, batch_size: int) -> Iterator[tuple[Tensor, Tensor]]:
    part, generator = problem.train, torch.Generator().manual_seed(problem.seed)
    while problem.full_batch or len(part) <= batch_size:
        yield part.x, part.y
    while True:
        order = torch.randperm(len(part), generator=generator)
        for rows in order[: len(part) // batch_size * batch_size].split(batch_size):
            yield part.x[rows], part.y[rows]


def _lbfgs(
    network: Network, problem: Problem, settings: Settings, num_steps: int, batch_size: int
) -> Iterator[None]:
    """Yields after each tenth; the history goes on from one to the next."""
    optimizer = torch.optim.LBFGS(
        network.parameters(), history_size=20, line_search_fn="strong_wolfe",
        tolerance_grad=1e-9, tolerance_change=1e-12,
    )  # fmt: skip
    spent = 0

    def closure() -> Tensor:
        nonlocal spent
        spent += 1
        optimizer.zero_grad()
        loss = problem.loss(network(problem.train.x), problem.train.y)
        loss.backward()
        return loss

    group = optimizer.param_groups[0]
    while spent < num_steps:
        before = spent
        chunk = min(math.ceil(num_steps / NUM_LOOKS), num_steps - spent)
        group["max_iter"], group["max_eval"] = chunk, chunk
        optimizer.step(closure)  # type: ignore[arg-type]
        yield
        if spent - before <= 1:  # converged: the first evaluation was the only one
            break


def steps_within(
    seconds: float,
    make: Callable[[], Network],
    problem: Problem,
    settings: Settings,
    batch_size: int,
) -> int:
    """How many gradients fit into so many seconds of :func:`train`; at least ten.

    Grids and looks at validation rows cost the same however long a training is: two trainings of
    different length, after a first one that is not timed, tell that part from a step's. The time is
    the processor's own, so that other cells and programs beside this one take nothing away.

    Args:
        seconds: of the processor.
        make: a new network.
        problem: what is learned.
        settings: of the optimiser.
        batch_size: rows of a step of Adam.
    """

    def taken(steps: int) -> float:
        network = make()
        start = time.process_time()
        train(network, problem, settings, steps, batch_size)
        return time.process_time() - start

    taken(2)
    short, long = taken(SHORT), taken(LONG)
    each = max((long - short) / (LONG - SHORT), long / LONG / MOST_FIXED)
    return int(max((seconds - (long - LONG * each)) / each, FEWEST_STEPS))
