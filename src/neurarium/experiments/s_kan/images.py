"""Part ``images``: the selectable convolution in the authors' layout.

Convolution 5 × 5 to 10 channels, pooling, convolution to 20, pooling, two linear layers; no ReLU
behind a convolution of functions. All convolutions are of these widths; an MLP has as many
parameters as the network with convolutions of B-splines, which is about what selection ends with.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from neurarium.baselines import MLP
from neurarium.cost import count_parameters
from neurarium.data.cifar import load_cifar10_small
from neurarium.data.containers import Images
from neurarium.data.load import entry, load
from neurarium.evaluation import (
    Cell,
    Claim,
    Context,
    Experiment,
    Records,
    Result,
    Stage,
    Table,
    match_width,
    paired,
)
from neurarium.neurons import (
    KANConv2d,
    SelectableKANConv2d,
    SelectionSchedule,
    selection_param_groups,
)
from neurarium.neurons.selection import POOL_ARGUMENTS

from . import figures
from .methods import POOL, Fitted

CHANNELS = (10, 20)
KERNEL = 5
PHOTOGRAPHS = "cifar10_small"


@dataclass(frozen=True)
class Config:
    """One comparison.

    Args:
        datasets: ``mnist``, ``fashion_mnist``, ``cifar10_small``.
        num_seeds: of weights, batches and subsets.
        num_train: training images.
        num_validation: further training images that choose learning rates.
        num_test: test images.
        num_epochs: of training.
        num_tuning_epochs: for each learning rate.
        learning_rates: the choices.
        batch_size: images of a step.
    """

    datasets: tuple[str, ...] = ("mnist", PHOTOGRAPHS)
    num_seeds: int = 3
    num_train: int = 2000
    num_validation: int = 500
    num_test: int = 2000
    num_epochs: int = 4
    num_tuning_epochs: int = 1
    learning_rates: tuple[float, ...] = (1e-3, 3e-3)
    batch_size: int = 32


PRESETS = {
    "smoke": Config(
        ("mnist",), 1, num_train=24, num_validation=8, num_test=16, num_epochs=1,
        learning_rates=(3e-3,), batch_size=8,
    ),
    "quick": Config(
        ("mnist",), 1, num_train=256, num_validation=64, num_test=256, num_epochs=1,
        learning_rates=(3e-3,),
    ),
    "full": Config(),
    "paper": Config(
        ("mnist", "fashion_mnist", PHOTOGRAPHS), 5, num_train=50_000, num_validation=5000,
        num_test=10_000, num_epochs=100, num_tuning_epochs=3, batch_size=64,
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Problem:
    """What a method is given: images (N, C, H, W) in [−1, 1] and labels.

    Args:
        train: images and labels.
        validation: images and labels.
        test: images and labels.
        num_classes: of the labels.
        num_epochs: of training.
        lr: learning rate at the start.
        batch_size: images of a step.
    """

    train: tuple[Tensor, Tensor]
    validation: tuple[Tensor, Tensor]
    test: tuple[Tensor, Tensor]
    num_classes: int
    num_epochs: int
    lr: float
    batch_size: int


def network(problem: Problem, convolution: Callable[[int, int], nn.Module]) -> nn.Sequential:
    """The authors' layout around any convolution 5 × 5."""
    channels, height, width = problem.train[0].shape[1:]
    first, second = CHANNELS
    sides = [((side - KERNEL + 1) // 2 - KERNEL + 1) // 2 for side in (height, width)]
    return nn.Sequential(
        convolution(channels, first),
        nn.MaxPool2d(2),
        convolution(first, second),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(second * sides[0] * sides[1], 50),
        nn.ReLU(),
        nn.Linear(50, problem.num_classes),
    )


def train(model: nn.Module, problem: Problem, *, selects: bool = False) -> Fitted:
    """Adam along a cosine to a tenth, in three stages where the model selects."""
    x, y = problem.train
    steps = problem.num_epochs * math.ceil(len(x) / problem.batch_size)
    count, start = count_parameters(model), time.process_time()
    optimizer = torch.optim.Adam(selection_param_groups(model, problem.lr))
    for group in optimizer.param_groups:
        group["initial_lr"] = group["lr"]
    stages = SelectionSchedule(model, steps, optimizer=optimizer) if selects else None
    step = 0
    for _ in range(problem.num_epochs):
        for rows in torch.randperm(len(x)).split(problem.batch_size):
            share = 0.1 + 0.9 * (1 + math.cos(math.pi * step / steps)) / 2
            for group in optimizer.param_groups:
                group["lr"] = group["initial_lr"] * share
            optimizer.zero_grad()
            F.cross_entropy(model(x[rows]), y[rows]).backward()
            optimizer.step()
            if stages is not None:
                stages.step()
            step += 1
    choices = {} if stages is None else stages.histogram()
    return Fitted(model, count, time.process_time() - start, choices)


def s_kan(problem: Problem) -> Fitted:
    """Selectable convolutions, in three stages."""
    make = partial(SelectableKANConv2d, kernel_size=KERNEL, bases=POOL, norm="batch")
    return train(network(problem, make), problem, selects=True)


def of_one_family(basis: str, problem: Problem) -> nn.Sequential:
    """The layout with convolutions of one family."""
    arguments: dict[str, Any] = dict(POOL_ARGUMENTS.get(basis, {}))
    make = partial(
        KANConv2d, kernel_size=KERNEL, basis=basis, norm="batch", spline_scale=False, **arguments
    )
    return network(problem, make)


def single(basis: str, problem: Problem) -> Fitted:
    """Convolutions of one family."""
    return train(of_one_family(basis, problem), problem)


def convolution(problem: Problem) -> Fitted:
    """Ordinary convolutions with batch normalisation and ReLU."""

    def make(inner: int, outer: int) -> nn.Module:
        return nn.Sequential(nn.Conv2d(inner, outer, KERNEL), nn.BatchNorm2d(outer), nn.ReLU())

    return train(network(problem, make), problem)


def mlp(problem: Problem) -> Fitted:
    """One hidden layer on the pixels, with the parameters of a network of one family."""
    pixels = problem.train[0][0].numel()

    def build(width: int) -> nn.Module:
        return nn.Sequential(nn.Flatten(), MLP(pixels, problem.num_classes, width))

    state = torch.get_rng_state()
    width = match_width(build, count_parameters(of_one_family("bspline", problem)))
    torch.set_rng_state(state)
    return train(build(width), problem)


METHODS: dict[str, Callable[[Problem], Fitted]] = {
    "s_kan": s_kan,
    **{name: partial(single, name) for name in POOL},
    "convolution": convolution,
    "mlp": mlp,
}


def problem_of(images: Images, config: Config, lr: float, num_epochs: int) -> Problem:
    """A random subset of the training images in two parts, and the first test images."""
    order = torch.randperm(len(images.train))
    held = min(config.num_validation, len(order) // 5)
    rows = {"validation": order[:held], "train": order[held : held + config.num_train]}
    labels = torch.from_numpy(images.train_labels)
    return Problem(
        (_scaled(images.train, rows["train"]), labels[rows["train"]]),
        (_scaled(images.train, rows["validation"]), labels[rows["validation"]]),
        (
            _scaled(images.test, torch.arange(min(config.num_test, len(images.test)))),
            torch.from_numpy(images.test_labels)[: config.num_test],
        ),
        len(images.classes),
        num_epochs,
        lr,
        config.batch_size,
    )


def _scaled(pixels: Any, rows: Tensor) -> Tensor:
    chosen = torch.from_numpy(np.asarray(pixels)[rows.numpy()]).float()
    chosen = chosen[:, None] if chosen.ndim == 3 else chosen.movedim(-1, 1)
    return chosen.div_(127.5).sub_(1)


def tune(cell: Cell, config: Config, context: Context) -> Mapping[str, Any]:
    """The learning rate with the best validation accuracy after a short training."""
    found = {}
    for lr in config.learning_rates:
        torch.manual_seed(0)
        problem = problem_of(context.data, config, lr, config.num_tuning_epochs)
        found[lr] = accuracy(context.method(problem).model, *problem.validation)
    return {"lr": max(found, key=lambda lr: found[lr])}


def run_cell(cell: Cell, config: Config, context: Context) -> Result:
    """Test accuracy at the end of training."""
    lr = float(context.stage("tuned")["lr"])
    problem = problem_of(context.data, config, lr, config.num_epochs)
    fitted = context.method(problem)
    metrics = {
        "accuracy": accuracy(fitted.model, *problem.test),
        "validation": accuracy(fitted.model, *problem.validation),
        "parameters": count_parameters(fitted.model),
        "parameters_in_training": fitted.num_trained,
        "training_seconds": fitted.seconds,
        "lr": lr,
    }
    chosen = {f"chose_{name}": float(fitted.choices.get(name, 0)) for name in POOL}
    return Result(metrics | (chosen if fitted.choices else {}))


@torch.no_grad()
def accuracy(model: nn.Module, x: Tensor, y: Tensor) -> float:
    """Share of right predictions."""
    model.eval()
    found = torch.cat([model(rows).argmax(-1) for rows in x.split(100)])
    return float((found == y).float().mean())


def gained_over(rival: str, records: Records) -> list[float]:
    """S-ConvKAN's accuracy minus a rival's, by seed, mean over data sets."""
    return paired(records, "accuracy", "s_kan", rival, unit="seed")


def tables(records: Records) -> tuple[Table, ...]:
    """Accuracies, and what a method costs."""
    names = [str(name) for name in records.axis("dataset")]
    accuracies = records.values("accuracy", "method", "dataset")
    costs = ("parameters", "parameters_in_training", "training_seconds")
    by_method = [records.values(cost, "method") for cost in costs]
    return (
        Table(
            "Test accuracy, parameters, seconds of training: means over seeds, the last three over "
            "data sets too",
            ("method", *names, "parameters", "in training", "seconds"),
            tuple(
                (
                    str(method),
                    *(accuracies.get((method, name)) for name in names),
                    *(found[method] for found in by_method),
                )
                for method in records.axis("method")
            ),
        ),
    )


def axes(config: Config) -> Mapping[str, Iterable[int]]:
    """Seeds."""
    return {"seed": range(config.num_seeds)}


def datasets(config: Config) -> Mapping[str, Callable[[], Images]]:
    """Name → loader of :class:`neurarium.data.Images`."""
    return {name: _loader(name) for name in config.datasets}


def _loader(name: str) -> Callable[[], Images]:
    if name == PHOTOGRAPHS:
        return load_cifar10_small
    if name not in ("mnist", "fashion_mnist"):
        entry(name)  # raises for what does not exist, with the names that are near
        raise ValueError(f"datasets must be mnist, fashion_mnist or {PHOTOGRAPHS}: got {name!r}")
    return partial(_load, name)


def _load(name: str) -> Images:
    images: Any = load(name)
    assert isinstance(images, Images)
    return images


RIVALS = {
    "bspline": "one of B-splines of the same widths",
    "rbf": "one of Gaussians of the same widths",
    "chebyshev": "one of Chebyshev polynomials of the same widths",
    "mexican_hat": "one of wavelets of the same widths",
    "relu": "one of ReLU windows of the same widths",
    "convolution": "an ordinary one of the same widths",
    "mlp": "an MLP of about its final size",
}
IMAGES = Experiment(
    slug="s-kan",
    part="images",
    presets=PRESETS,
    axes=axes,
    datasets=datasets,
    methods=METHODS,
    stages=(Stage("tuned", ("method", "dataset"), tune),),
    run_cell=run_cell,
    claims=tuple(
        Claim(
            f"The selectable convolution classifies images better than {title}",
            "abstract: leads on 4 image classification sets",
            partial(gained_over, rival),
        )
        for rival, title in RIVALS.items()
    ),
    tables=tables,
    figures={"accuracy": figures.accuracy, "choices": figures.choices},
    metric="accuracy",
)
