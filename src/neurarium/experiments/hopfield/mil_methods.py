"""The compared poolings, each with settings of its own and equally many parameters."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from neurarium.baselines import AttentionMIL, BagClassifier, MaxPooling, MeanPooling
from neurarium.cost import count_parameters
from neurarium.evaluation.budget import match_width
from neurarium.memory import HopfieldPooling

from .padded_bags import PaddedBags, bag_scores, train_on_bags

if TYPE_CHECKING:
    from .mil import Config

HEADS, HEAD_DIM, HIDDEN = 8, 32, 64


@dataclass(frozen=True)
class Problem:
    """What a method gets.

    Args:
        train: training bags, standardised by themselves.
        setting: one of the method's settings.
        num_epochs: how long to train.
        config: the rest of the configuration.
    """

    train: PaddedBags
    setting: Mapping[str, Any]
    num_epochs: int
    config: Config


@dataclass(frozen=True)
class Fitted:
    """What a method returns.

    Args:
        scores: bags, standardised as the training bags were → one number each, larger for 1.
        parameters: how many were trained.
        losses: mean training loss of every epoch.
    """

    scores: Callable[[PaddedBags], np.ndarray]
    parameters: int = 0
    losses: tuple[float, ...] = ()


def hopfield(problem: Problem) -> Fitted:
    """Hopfield pooling with one learned state."""
    return _train(problem, _hopfield_pooling(problem.config.width, problem.setting["beta"]))


def gated_attention(problem: Problem) -> Fitted:
    """Attention with a gate (Ilse et al. 2018)."""
    return _train(problem, _attention(problem, gated=True))


def attention(problem: Problem) -> Fitted:
    """Attention without a gate."""
    return _train(problem, _attention(problem, gated=False))


def mean(problem: Problem) -> Fitted:
    """The mean of the embedded instances, then a hidden layer."""
    return _train(problem, MeanPooling(), _hidden_layer(problem))


def maximum(problem: Problem) -> Fitted:
    """The maximum of the embedded instances, then a hidden layer."""
    return _train(problem, MaxPooling(), _hidden_layer(problem))


def svm(problem: Problem) -> Fitted:
    """A support vector machine on statistics of the raw instances of a bag."""
    from sklearn.svm import SVC

    names = problem.setting["statistics"]
    model = SVC(C=problem.setting["C"], gamma=problem.setting["gamma"])
    model.fit(_statistics(problem.train, names), problem.train.labels.cpu().numpy())
    return Fitted(lambda bags: model.decision_function(_statistics(bags, names)))


METHODS = {
    "hopfield": hopfield,
    "gated_attention": gated_attention,
    "attention": attention,
    "mean": mean,
    "max": maximum,
    "svm": svm,
}

_SHAPES = ((1, 0.75), (2, 0.75), (1, 0.0), (2, 0.0), (3, 0.75), (3, 0.0))


def _neural(**own: tuple[float, ...]) -> list[dict[str, float]]:
    """Depth and bag dropout vary first, so that a few settings differ in these alone."""
    ((name, values),) = own.items()
    return [
        {name: value, "lr": lr, "num_layers": num_layers, "bag_dropout": dropout}
        for value in values
        for lr in (1e-3, 1e-5)
        for num_layers, dropout in _SHAPES
    ]


SETTINGS: dict[str, list[dict[str, Any]]] = {
    "hopfield": _neural(beta=(1.0, 0.1, 10.0)),
    **{name: _neural(size=(1.0, 0.5, 0.25)) for name in ("gated_attention", "attention")},
    **{name: _neural(size=(1.0, 0.5, 0.25)) for name in ("mean", "max")},
    "svm": [
        {"C": c, "statistics": statistics, "gamma": gamma}
        for gamma in ("scale", 1e-3)
        for c in (1.0, 10.0, 0.1, 100.0, 0.3, 3.0, 30.0, 300.0, 0.03)
        for statistics in (("mean", "min", "max"), ("mean",))
    ],
}
"""Method → settings to select from; as many for everyone, the first ones in smaller presets."""


def _train(problem: Problem, pooling: nn.Module, *after_pooling: nn.Module) -> Fitted:
    config, setting = problem.config, problem.setting
    widths = [problem.train.instances.shape[-1]] + [config.width] * int(setting["num_layers"])
    layers = [
        layer
        for inner, outer in itertools.pairwise(widths)
        for layer in (nn.Linear(inner, outer), nn.ReLU())
    ]
    head = nn.Sequential(
        *after_pooling,
        nn.ReLU(),
        nn.Linear(config.width, HIDDEN),
        nn.ReLU(),
        nn.Linear(HIDDEN, 1),
    )
    network = BagClassifier(nn.Sequential(*layers), pooling, head)
    network.to(problem.train.instances.device)
    losses = train_on_bags(
        network,
        problem.train,
        num_epochs=problem.num_epochs,
        batch_size=config.batch_size,
        lr=setting["lr"],
        decay=config.decay,
        bag_dropout=setting["bag_dropout"],
    )
    return Fitted(lambda bags: bag_scores(network, bags), count_parameters(network), tuple(losses))


def _hopfield_pooling(width: int, beta: float = 1.0) -> HopfieldPooling:
    return HopfieldPooling(width, num_heads=HEADS, head_dim=HEAD_DIM, beta=beta * HEAD_DIM**-0.5)


def _matched(problem: Problem, build: Callable[[int], nn.Module]) -> nn.Module:
    """The largest module with no more parameters than Hopfield pooling; or a share of its width."""
    width = match_width(build, count_parameters(_hopfield_pooling(problem.config.width)))
    return build(max(1, round(problem.setting["size"] * width)))


def _attention(problem: Problem, *, gated: bool) -> nn.Module:
    width = problem.config.width
    return _matched(problem, lambda n: AttentionMIL(width, hidden_features=n, gated=gated))


def _hidden_layer(problem: Problem) -> nn.Module:
    width = problem.config.width
    return _matched(
        problem, lambda n: nn.Sequential(nn.Linear(width, n), nn.ReLU(), nn.Linear(n, width))
    )


def _statistics(bags: PaddedBags, names: tuple[str, ...]) -> np.ndarray:
    x, mask = bags.instances, bags.mask
    rows = {
        "mean": MeanPooling()(x, mask=mask),
        "min": -MaxPooling()(-x, mask=mask),
        "max": MaxPooling()(x, mask=mask),
    }
    return torch.cat([rows[name] for name in names], -1).cpu().numpy()
