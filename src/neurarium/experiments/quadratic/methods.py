"""The networks compared, and how each is trained.

A method is ``fn(problem, settings) -> Prepared``: a network, groups for the optimizer, and what
follows every step. ``SPACES`` says what is searched for each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from neurarium.cost import count_parameters
from neurarium.engine import Batches, fit
from neurarium.evaluation.budget import match_width
from neurarium.neurons import ReLinearShrink, relinear_param_groups, to_quadratic

from .problem import Part, Problem

Settings = Mapping[str, Any]


@dataclass(frozen=True)
class Prepared:
    """A network that is about to be trained.

    Args:
        model: logits.
        groups: for the optimizer.
        after_step: called after each of its steps.
    """

    model: nn.Module
    groups: list[dict[str, Any]]
    after_step: tuple[Callable[[Any], Any], ...] = ()


def conventional(problem: Problem, settings: Settings) -> Prepared:
    """The network of the same structure."""
    return _plain(problem.plain(problem.width), settings)


def wide(problem: Problem, settings: Settings) -> Prepared:
    """The conventional network of the width whose parameters are nearest the quadratic one's."""
    budget = count_parameters(quadratic(problem))
    below = match_width(problem.plain, budget, step=problem.step)
    around = [problem.plain(width) for width in (below, below + problem.step)]
    nearest = min(around, key=lambda model: abs(count_parameters(model) - budget))
    return _plain(nearest, settings)


def random_start(problem: Problem, settings: Settings) -> Prepared:
    """Quadratic, every branch drawn like an ordinary layer, all trained alike."""
    return _restrained(quadratic(problem, init="random"), settings, 1.0)


def unrestrained(problem: Problem, settings: Settings) -> Prepared:
    """Quadratic from the linear point, the quadratic terms trained like the rest."""
    return _restrained(quadratic(problem), settings, 1.0)


def relinear(
    problem: Problem, settings: Settings, *, mode: str = "full", **arguments: Any
) -> Prepared:
    """Quadratic from the linear point with smaller steps for the quadratic terms (sg)."""
    model = quadratic(problem, mode=mode, **arguments)
    return _restrained(model, settings, settings.get("gamma", 1e-4))


def shrunk(kind: str, problem: Problem, settings: Settings) -> Prepared:
    """Quadratic from the linear point, pulled back to it after every step (sw)."""
    prepared = unrestrained(problem, settings)
    shrink = ReLinearShrink(prepared.model, kind=kind, strength=settings["strength"])
    return Prepared(prepared.model, prepared.groups, (shrink.step,))


def quadratic(
    problem: Problem, *, mode: str = "full", init: str = "relinear", **arguments: Any
) -> nn.Module:
    """The network of the same structure with quadratic neurons."""
    plain = problem.plain(problem.width, **arguments)
    return to_quadratic(plain, skip=problem.skip, mode=mode, init=init, inplace=True)


def _plain(model: nn.Module, settings: Settings) -> Prepared:
    decay = settings.get("weight_decay", 0.0)
    group = {"params": list(model.parameters()), "lr": settings["lr"], "weight_decay": decay}
    return Prepared(model, [group])


def _restrained(model: nn.Module, settings: Settings, gamma: float) -> Prepared:
    """With γ = 1 all terms learn alike; weight decay leaves b_g alone whatever γ is."""
    decay = settings.get("weight_decay", 0.0)
    shares = {"gamma_interaction": gamma, "gamma_square": gamma}
    groups = relinear_param_groups(model, settings["lr"], **shares, weight_decay=decay)
    return Prepared(model, groups)


METHODS: dict[str, Callable[[Problem, Settings], Prepared]] = {
    "conventional": conventional,
    "wide": wide,
    "longer": conventional,
    "random": random_start,
    "unrestrained": unrestrained,
    "relinear": relinear,
    "l2": partial(shrunk, "l2"),
    "l1": partial(shrunk, "l1"),
    "compact": partial(relinear, mode="compact"),
    "rezero": partial(relinear, rezero=True),
}
RATES = (0.001, 0.003, 0.01, 0.03, 0.1)
GAMMAS = (1e-4, 1e-3, 1e-2, 1e-1)
DEFAULTS: dict[str, Any] = {"lr": 0.01, "weight_decay": 1e-4}


def space_of(method: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """What is searched, and what is tried first."""
    space: dict[str, Any] = {"lr": RATES, "weight_decay": (0.0, 1e-4, 1e-3)}
    if method in ("relinear", "compact", "rezero"):
        return space | {"gamma": GAMMAS}, DEFAULTS | {"gamma": 1e-2}
    if method == "l2":
        return space | {"strength": (1e-4, 1e-3, 1e-2, 1e-1)}, DEFAULTS | {"strength": 1e-2}
    if method == "l1":
        return space | {"strength": (1e-6, 1e-5, 1e-4, 1e-3)}, DEFAULTS | {"strength": 1e-4}
    return space, DEFAULTS


def train(prepared: Prepared, problem: Problem, num_epochs: int, seed: int) -> tuple[bool, Any]:
    """SGD with momentum, a tenth of the rate in the last quarter; False where it diverged."""
    optimizer = torch.optim.SGD(prepared.groups, momentum=0.9)
    batches = Batches(problem.train, batch_size=problem.batch_size, seed=seed)
    late = [3 * num_epochs * len(batches) // 4]
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, late)
    losses: list[float] = []

    def step(model: nn.Module, batch: Part) -> Tensor:
        loss = F.cross_entropy(model(batch[0]), batch[1])
        losses.append(loss.item())
        return loss

    try:
        fit(
            prepared.model,
            step,
            batches,
            optimizer=optimizer,
            scheduler=schedule,
            num_epochs=num_epochs,
            after_step=prepared.after_step,
        )
    except FloatingPointError:
        return False, losses
    return True, losses


@torch.no_grad()
def accuracy(model: nn.Module, part: Part) -> float:
    """The share of images that are named right, in evaluation mode."""
    model.eval()
    found = torch.cat([model(x).argmax(1) for x in part[0].split(1000)])
    return float((found == part[1]).float().mean())
