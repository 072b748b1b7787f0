"""Tuned networks on images: the same structure, equal parameters, equal time."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch

from neurarium.cost import count_parameters
from neurarium.evaluation import (
    Cell,
    Claim,
    Context,
    Experiment,
    Method,
    Records,
    Result,
    Stage,
    Table,
    paired,
    random_search,
)

from . import figures
from .methods import METHODS, accuracy, space_of, train
from .problem import NETWORKS, Problem, datasets, mlp, parts_of, resnet

TUNING_SEED = 1_000_003
"""Of the images on which settings are tried; no seed of a cell."""
ARMS = tuple(name for name in METHODS if name != "unrestrained")
TIMED_STEPS = 15


@dataclass(frozen=True)
class Config:
    """One comparison.

    Args:
        datasets: names of image sets.
        networks: ``"mlp"``: three layers on vectors; ``"resnet"``: eight layers on small maps.
        methods: names.
        num_seeds: of images and weights.
        width: of the MLP's hidden layers.
        channels: of the residual network's first stage.
        num_train: images.
        num_validation: images that choose settings.
        num_test: images.
        num_epochs: of the final training.
        tuning_epochs: of a trial.
        num_trials: settings tried by each method.
        batch_size: images in a step.
    """

    datasets: tuple[str, ...] = ("fashion_mnist",)
    networks: tuple[str, ...] = NETWORKS
    methods: tuple[str, ...] = ARMS
    num_seeds: int = 5
    width: int = 64
    channels: int = 8
    num_train: int = 5000
    num_validation: int = 2000
    num_test: int = 5000
    num_epochs: int = 8
    tuning_epochs: int = 3
    num_trials: int = 6
    batch_size: int = 64

    def __post_init__(self) -> None:
        for name in self.networks:
            if name not in NETWORKS:
                raise ValueError(f"networks must be among {', '.join(NETWORKS)}: got {name!r}")


PRESETS = {
    "smoke": Config(
        methods=("conventional", "wide", "longer", "random", "relinear"), num_seeds=1, width=16,
        channels=2, num_train=256, num_validation=100, num_test=100, num_epochs=1,
        tuning_epochs=1, num_trials=1,
    ),
    "quick": Config(
        num_seeds=1, width=32, channels=4, num_train=1000, num_test=1000, num_epochs=3,
        tuning_epochs=1, num_trials=2,
    ),
    "full": Config(),
    "paper": Config(
        datasets=("mnist", "fashion_mnist"), width=128, channels=16, num_train=50_000,
        num_validation=10_000, num_test=10_000, num_epochs=200, tuning_epochs=20, num_trials=10,
        batch_size=128,
    ),
}  # fmt: skip


def axes(config: Config) -> Mapping[str, Iterable[int | str]]:
    """Methods, networks, seeds."""
    return {
        "method": config.methods,
        "network": config.networks,
        "seed": range(config.num_seeds),
    }


def problem_of(images: Any, network: str, config: Config, seed: int) -> Problem:
    """The images of one seed with the conventional network."""
    sizes = config.num_train, config.num_validation, config.num_test
    parts = parts_of(images, *sizes, maps=network == "resnet", seed=seed)
    inputs, num_classes = parts[0][0].shape[1], len(images.classes)
    ends = config.num_epochs, config.batch_size
    if network == "mlp":
        return Problem(partial(mlp, inputs, num_classes, 3), config.width, 1, (), *parts, *ends)
    plain = partial(resnet, inputs, num_classes)
    return Problem(plain, config.channels, 2, ("stem", "out"), *parts, *ends)


def choose_settings(cell: Cell, config: Config, context: Context) -> dict[str, Any]:
    """As many trials for every method, on images of their own; the defaults are the first."""
    problem = problem_of(context.data, str(cell.network), config, TUNING_SEED)

    def evaluate(settings: dict[str, Any]) -> float:
        torch.manual_seed(0)
        prepared = context.method(problem, settings)
        finite, _ = train(prepared, problem, config.tuning_epochs, 0)
        return accuracy(prepared.model, problem.validation) if finite else 0.0

    space, defaults = space_of(str(cell.method))
    found = random_search(space, evaluate, config.num_trials, seed=0, defaults=defaults)
    return {"settings": dict(found.params), "score": found.score}


def measure_pace(cell: Cell, config: Config, context: Context) -> dict[str, Any]:
    """Seconds of a step of ReLinear over those of the conventional network, in turns."""
    problem = problem_of(context.data, str(cell.network), config, TUNING_SEED)
    settings = {"lr": 1e-6, "gamma": 1e-2}
    pair = [METHODS[name](problem, settings) for name in ("conventional", "relinear")]
    x, y = (part[: config.batch_size] for part in problem.train)
    spent: list[list[float]] = [[], []]
    for turn in range(TIMED_STEPS + 2):
        for prepared, seconds in zip(pair, spent, strict=True):
            start = time.perf_counter()
            torch.nn.functional.cross_entropy(prepared.model(x), y).backward()
            if turn > 1:
                seconds.append(time.perf_counter() - start)
    plain, ours = (sorted(seconds)[len(seconds) // 2] for seconds in spent)
    return {"pace": ours / plain}


def run_cell(cell: Cell, config: Config, context: Context) -> Result:
    """Test accuracy with the chosen settings; a network that diverged guesses."""
    seed = int(cell.seed)
    problem = problem_of(context.data, str(cell.network), config, seed)
    prepared = context.method(problem, context.stage("settings")["settings"])
    num_epochs = config.num_epochs
    if cell.method == "longer":
        num_epochs = max(1, round(num_epochs * context.stage("pace")["pace"]))
    finite, losses = train(prepared, problem, num_epochs, seed)
    chance = 1 / len(context.data.classes)
    metrics = {
        "accuracy": accuracy(prepared.model, problem.test) if finite else chance,
        "failed": float(not finite),
        "parameters": count_parameters(prepared.model),
        "epochs": num_epochs,
    }
    return Result(metrics, {"loss": losses[:: max(1, len(losses) // 100)]})


def gained_over(rival: str, network: str, records: Records) -> list[float]:
    """Test accuracy of ReLinear minus a rival's, by seed."""
    return paired(records.where(network=network), "accuracy", "relinear", rival, unit="seed")


def tables(records: Records) -> tuple[Table, ...]:
    """Accuracy, parameters and epochs of every network."""
    names = ("accuracy", "parameters", "epochs")
    found = []
    for network in records.axis("network"):
        chosen = records.ok.where(network=network)
        values = [chosen.values(name, "method") for name in names]
        rows = tuple(
            (str(method), *(value.get(method) for value in values))
            for method in chosen.axis("method")
        )
        columns = (str(network), "test accuracy", "parameters", "epochs")
        found.append(Table(f"{PLACES[str(network)]} on images", columns, rows))
    return tuple(found)


RIVALS = {
    "conventional": "the conventional network of the same structure",
    "wide": "the conventional network of equal parameters",
    "longer": "the conventional network trained for equal time",
    "random": "the quadratic network from a random start",
}
PLACES = {"mlp": "A three-layer perceptron", "resnet": "A small residual network"}
ACCURACY = Experiment(
    slug="quadratic",
    part="accuracy",
    presets=PRESETS,
    axes=axes,
    datasets=lambda config: datasets(config.datasets),
    methods={
        **{name: METHODS[name] for name in ARMS},
        "rezero": Method(METHODS["rezero"], axes={"network": ("resnet",)}),
    },
    stages=(
        Stage("settings", ("method", "dataset", "network"), choose_settings),
        Stage("pace", ("dataset", "network"), measure_pace, exclusive=True),
    ),
    run_cell=run_cell,
    claims=tuple(
        Claim(
            f"{place} with ReLinear names more test images right than {rival}",
            "the repository's figure: same structure" if name == "conventional" else "our question",
            partial(gained_over, name, network),
        )
        for network, place in PLACES.items()
        for name, rival in RIVALS.items()
    ),
    tables=tables,
    figures={"accuracies": figures.accuracies, "losses": figures.losses},
    metric="accuracy",
)
