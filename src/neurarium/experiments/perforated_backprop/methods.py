"""The networks compared, all with the same number of passes over the data.

The number is what they may spend: a network whose dendrite is rejected stops, and leaves the rest.
A method is ``fn(problem, budget, lr, seed) -> (module, facts)``; facts are numbers to record.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from neurarium.baselines import MLP
from neurarium.cost import count_parameters
from neurarium.evaluation.budget import match_width
from neurarium.neurons import DendriteTrainer, to_dendritic
from neurarium.neurons.dendrite_recording import Train

from .problem import Part, Problem

Facts = Mapping[str, float]


@dataclass(frozen=True)
class Budget:
    """What every method may spend.

    Args:
        num_epochs: of neurons in a cycle.
        num_dendrites: cycles after the first.
        candidate_epochs: of candidates in a cycle.
        batch_size: rows in a step.
    """

    num_epochs: int
    num_dendrites: int
    candidate_epochs: int
    batch_size: int

    @property
    def total(self) -> int:
        """Epochs, a candidate's and the recorded one counted like those of the network."""
        candidates = self.num_dendrites * (1 + self.candidate_epochs)
        return self.num_epochs * (1 + self.num_dendrites) + candidates


def new_mlp(problem: Problem, hidden_features: int | None = None) -> nn.Module:
    """One hidden layer."""
    hidden = hidden_features or problem.hidden_features
    return MLP(problem.train[0].shape[1], problem.num_classes, hidden)


def plain(
    problem: Problem, budget: Budget, lr: float, seed: int, *, hidden_features: int | None = None
) -> tuple[nn.Module, Facts]:
    """Trained for the whole budget, in as many parts with a new optimizer as there are cycles."""
    model = new_mlp(problem, hidden_features)
    restarts = budget.num_dendrites + 1
    best, state = -float("inf"), model.state_dict()
    for part in range(restarts):
        optimizer = torch.optim.Adam(model.parameters(), lr)
        for _ in range(budget.total // restarts + (part < budget.total % restarts)):
            one_epoch(problem.train, budget.batch_size, model, optimizer)
            score = score_of(problem.validation, model)
            if score > best:
                best = score
                state = {name: value.clone() for name, value in model.state_dict().items()}
        model.load_state_dict(state)  # as the dendrites' cycle does
    return model, {"epochs": float(budget.total), "passes": float(budget.total)}


def wide(problem: Problem, budget: Budget, lr: float, seed: int) -> tuple[nn.Module, Facts]:
    """A wider hidden layer: as many parameters as with all dendrites."""
    grown: Any = to_dendritic(new_mlp(problem))
    grown(problem.train[0][:2])
    for layer in grown.layers:
        for _ in range(budget.num_dendrites):
            layer.add_dendrite()
    limit = sum(p.numel() for p in grown.parameters())
    width = match_width(partial(new_mlp, problem), limit)
    return plain(problem, budget, lr, seed, hidden_features=width)


class Cycles(DendriteTrainer):
    """Cycles of one length: where no candidate is trained, neurons get its epochs too."""

    def grow(self, train: Train) -> bool:
        """As it was; the neurons' phase that follows may be longer."""
        if self.objective != "correlation" and not self.num_dendrites:
            assert self.max_epochs is not None
            self.max_epochs += self.candidate_epochs
        return super().grow(train)


def dendrites(
    problem: Problem,
    budget: Budget,
    lr: float,
    seed: int,
    *,
    objective: Any = "correlation",
    perforate: bool = True,
) -> tuple[nn.Module, Facts]:
    """Grown by one of the objectives; it ends where a dendrite does not pay.

    The first phase is the same for all objectives; no phase ends before its epochs are spent.
    """
    model = to_dendritic(new_mlp(problem), perforate=perforate)
    trainer = Cycles(
        model,
        lambda parameters: torch.optim.Adam(parameters, lr),
        patience=budget.total,
        max_epochs=budget.num_epochs,
        max_dendrites=budget.num_dendrites,
        max_tries=1,
        objective=objective,
        candidate_epochs=budget.candidate_epochs,
        candidate_patience=budget.candidate_epochs,
        candidate_batch=budget.batch_size,
    )
    model, report = trainer.fit(
        partial(one_epoch, problem.train, budget.batch_size), partial(score_of, problem.validation)
    )
    recorded = len(report.phases) - 1
    passes = report.num_epochs + recorded + report.candidate_epochs / len(trainer.layers)
    return model, {
        "epochs": float(report.num_epochs),
        "passes": float(passes),
        "dendrites": float(report.num_dendrites),
        "first": report.phases[0][2],
        "last": report.best_score,
    }


METHODS: dict[str, Callable[..., tuple[nn.Module, Facts]]] = {
    "correlation": dendrites,
    "plain": plain,
    "wide": wide,
    "gradient": partial(dendrites, objective="gradient"),
    "random": partial(dendrites, objective="random"),
    "unperforated": partial(dendrites, perforate=False),
}


def one_epoch(
    train: Part, batch_size: int, model: nn.Module, optimizer: torch.optim.Optimizer
) -> None:
    """One pass in random order."""
    model.train()
    for rows in torch.randperm(len(train[0])).split(batch_size):
        optimizer.zero_grad()
        F.cross_entropy(model(train[0][rows]), train[1][rows]).backward()
        optimizer.step()


@torch.no_grad()
def score_of(part: Part, model: nn.Module) -> float:
    """Minus the cross-entropy."""
    return -float(F.cross_entropy(model.eval()(part[0]), part[1]))


@torch.no_grad()
def accuracy(part: Part, model: nn.Module) -> float:
    """The share of rows that are named right."""
    return float((model.eval()(part[0]).argmax(1) == part[1]).float().mean())


def num_parameters(model: nn.Module) -> int:
    """All values, frozen ones too."""
    return max(count_parameters(model), sum(p.numel() for p in model.parameters()))
