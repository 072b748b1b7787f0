"""What is compared with S-KAN on functions: ``fn(problem) -> Fitted``."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from neurarium.baselines import MLP
from neurarium.cost import count_parameters
from neurarium.evaluation import match_width
from neurarium.neurons import KAN, SelectionSchedule, prune_selectable, selection_param_groups
from neurarium.neurons.selection import DEFAULT_POOL, POOL_ARGUMENTS, Selection

from .targets import Target

POOL = DEFAULT_POOL


@dataclass(frozen=True)
class Problem:
    """What a method is given.

    Args:
        target: points of the function; the test points are for the measure only.
        hidden: width of the hidden layer.
        num_steps: of the optimizer.
        lr: its learning rate at the start.
        final_parameters: what S-KAN has in the end on this function, mean over seeds; 0 while that
            is measured.
    """

    target: Target
    hidden: int
    num_steps: int
    lr: float
    final_parameters: float = 0.0

    @property
    def sizes(self) -> list[int]:
        """Widths of the network."""
        return [self.target.num_inputs, self.hidden, 1]


@dataclass
class Fitted:
    """A trained network, and what it took.

    Args:
        model: the network.
        num_trained: parameters during training.
        seconds: of training.
        choices: how many nodes each family won.
    """

    model: nn.Module
    num_trained: int
    seconds: float
    choices: dict[str, int] = field(default_factory=dict)


def train(
    model: nn.Module,
    problem: Problem,
    *,
    num_steps: int | None = None,
    schedule: Callable[[torch.optim.Optimizer], SelectionSchedule] | None = None,
) -> Fitted:
    """Adam on all points at once, its rate along a cosine to a tenth, in a schedule's stages."""
    steps = problem.num_steps if num_steps is None else num_steps
    count, start = count_parameters(model), time.process_time()
    optimizer = torch.optim.Adam(selection_param_groups(model, problem.lr))
    for group in optimizer.param_groups:
        group["initial_lr"] = group["lr"]
    stages = None if schedule is None else schedule(optimizer)
    x, y = problem.target.x[0], problem.target.y[0]
    for step in range(steps):
        share = 0.1 + 0.9 * (1 + math.cos(math.pi * step / steps)) / 2
        for group in optimizer.param_groups:
            group["lr"] = group["initial_lr"] * share
        optimizer.zero_grad()
        (model(x) - y).square().mean().backward()
        optimizer.step()
        if stages is not None:
            stages.step()
    choices = {} if stages is None else stages.histogram()
    return Fitted(model, count, time.process_time() - start, choices)


def pool(problem: Problem) -> KAN:
    """The network with all families at every node."""
    return KAN(problem.sizes, layer="selectable", bases=POOL)


def s_kan(problem: Problem) -> Fitted:
    """All three stages."""
    model = pool(problem)

    def schedule(optimizer: torch.optim.Optimizer) -> SelectionSchedule:
        return SelectionSchedule(model, problem.num_steps, optimizer=optimizer)

    return train(model, problem, schedule=schedule)


def first_stage_only(problem: Problem) -> Fitted:
    """All families to the end: nothing is cut."""
    return train(pool(problem), problem)


def uniform_mixture(problem: Problem) -> Fitted:
    """All families to the end, with equal weights."""
    model = pool(problem)
    for layer in selectable(model):
        layer.logits.requires_grad_(False)
    return train(model, problem)


def random_selection(problem: Problem) -> Fitted:
    """Families drawn by lot for each node before training."""
    model = pool(problem)
    for layer in selectable(model):
        nn.init.normal_(layer.logits)
        layer.select()
    histogram: dict[str, int] = {}
    for layer in selectable(model):
        for name, count in layer.counts().items():
            histogram[name] = histogram.get(name, 0) + count
    prune_selectable(model)
    fitted = train(model, problem)
    fitted.choices = histogram
    return fitted


def single(basis: str, problem: Problem) -> Fitted:
    """One family everywhere, as it stands in the pool."""
    arguments: dict[str, Any] = dict(POOL_ARGUMENTS.get(basis, {}))
    return train(KAN(problem.sizes, layer=basis, spline_scale=False, **arguments), problem)


def mlp(problem: Problem, *, compute: int) -> Fitted:
    """Two hidden layers with as many parameters as S-KAN has in the end.

    Args:
        problem: the function.
        compute: steps, over the others': S-KAN's first stage evaluates as many families.
    """
    width = width_of_mlp(problem)
    return train(mlp_of(problem, width), problem, num_steps=compute * problem.num_steps)


def mlp_of(problem: Problem, width: int) -> MLP:
    """Two hidden layers."""
    return MLP(problem.target.num_inputs, 1, (width, width), activation="silu")


def width_of_mlp(problem: Problem) -> int:
    """The width whose number of parameters is closest to S-KAN's final one."""
    state = torch.get_rng_state()
    below = match_width(partial(mlp_of, problem), problem.final_parameters)
    sizes = {w: count_parameters(mlp_of(problem, w)) for w in (below, below + 1)}
    torch.set_rng_state(state)
    return min(sizes, key=lambda w: abs(sizes[w] - problem.final_parameters))


def selectable(model: nn.Module) -> list[Selection]:
    """The selectable layers of a model."""
    return [module for module in model.modules() if isinstance(module, Selection)]


@torch.no_grad()
def error(model: nn.Module, x: Tensor, y: Tensor) -> float:
    """Root mean square error."""
    model.eval()
    return float((model(x) - y).square().mean().sqrt())


METHODS: dict[str, Callable[[Problem], Fitted]] = {
    "s_kan": s_kan,
    "first_stage": first_stage_only,
    "uniform": uniform_mixture,
    "random": random_selection,
    **{name: partial(single, name) for name in POOL},
    "mlp": partial(mlp, compute=1),
    "mlp_compute": partial(mlp, compute=5),
}
