"""MNIST bags: does one of about ten digits show a 9?

Ilse et al. (arXiv 1802.04712) with the settings of the examples to Ramsauer et al.
(arXiv 2008.02217).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial

from torch import nn

from neurarium.baselines import (
    AttentionMIL,
    BagClassifier,
    MaxPooling,
    MeanPooling,
    lenet_embedding,
)
from neurarium.cost import count_parameters
from neurarium.data.load import load
from neurarium.data.synthetic import mnist_bags
from neurarium.evaluation import Cell, Claim, Context, Experiment, Records, Result, paired
from neurarium.memory import HopfieldPooling

from . import figures
from .padded_bags import PaddedBags, bag_scores, train_on_bags

WIDTH = 500


@dataclass(frozen=True)
class Config:
    """One comparison of poolings.

    Args:
        num_seeds: of bags and weights.
        num_train: bags to learn from.
        num_test: bags to predict.
        target: the digit that is looked for.
        mean_length: images in a bag.
        std_length: its standard deviation.
        num_epochs: passes over the bags.
        batch_size: bags of a step.
        lr: of AdamW.
    """

    num_seeds: int = 5
    num_train: int = 200
    num_test: int = 200
    target: int = 9
    mean_length: float = 10.0
    std_length: float = 2.0
    num_epochs: int = 20
    batch_size: int = 4
    lr: float = 5e-4


PRESETS = {
    "smoke": Config(1, num_train=4, num_test=20, num_epochs=1),
    "quick": Config(num_seeds=1, num_train=80, num_test=100, num_epochs=5),
    "full": Config(),
    "paper": Config(num_seeds=10, num_test=50, batch_size=1),
}


def hopfield() -> nn.Module:
    """Hopfield pooling with one learned state in a space of 32."""
    return HopfieldPooling(WIDTH, head_dim=32)


METHODS: dict[str, Callable[[], nn.Module]] = {
    "hopfield": hopfield,
    "gated_attention": partial(AttentionMIL, WIDTH, gated=True),
    "attention": partial(AttentionMIL, WIDTH, gated=False),
    "mean": MeanPooling,
    "max": MaxPooling,
}


def axes(config: Config) -> Mapping[str, Iterable[int]]:
    """Seeds."""
    return {"seed": range(config.num_seeds)}


def bags_of(num_bags: int, part: str, config: Config) -> PaddedBags:
    """Random bags of training or of test images."""
    images = load("mnist")
    drawn = mnist_bags(
        getattr(images, part),
        getattr(images, f"{part}_labels"),
        num_bags,
        target=config.target,
        mean_length=config.mean_length,
        std_length=config.std_length,
    )
    return PaddedBags(drawn.bags, drawn.mask, drawn.labels)


def run_cell(cell: Cell, config: Config, context: Context) -> Result:
    """Area under the ROC curve and accuracy on bags of test images."""
    from sklearn.metrics import roc_auc_score

    train = bags_of(config.num_train, "train", config).to(context.device)
    test = bags_of(config.num_test, "test", config).to(context.device)
    head = nn.Sequential(nn.Dropout(0.1), nn.Linear(WIDTH, 1))
    network = BagClassifier(lenet_embedding(WIDTH), context.method(), head).to(context.device)
    losses = train_on_bags(
        network,
        train,
        num_epochs=config.num_epochs,
        batch_size=config.batch_size,
        lr=config.lr,
        weight_decay=1e-4,
        grad_clip=1.0,
    )
    scores, labels = bag_scores(network, test), test.labels.cpu().numpy()
    metrics = {
        "auc": float(roc_auc_score(labels, scores)),
        "accuracy": float(((scores > 0) == (labels > 0)).mean()),
        "parameters": count_parameters(network),
    }
    return Result(metrics, {"loss": losses})


def gained_over(rival: str, records: Records) -> list[float]:
    """AUC of Hopfield pooling minus that of a rival, one number a seed."""
    return paired(records, "auc", "hopfield", rival, unit="seed")


BAGS = Experiment(
    slug="hopfield",
    part="bags",
    presets=PRESETS,
    axes=axes,
    methods=METHODS,
    run_cell=run_cell,
    claims=(
        Claim(
            "Hopfield pooling finds the digit in a bag no worse than gated attention",
            "example mnist_bags of the authors' code",
            partial(gained_over, "gated_attention"),
            side=(-0.02, float("inf")),
        ),
        Claim(
            "Hopfield pooling finds the digit in a bag better than mean pooling",
            "example mnist_bags of the authors' code",
            partial(gained_over, "mean"),
        ),
    ),
    figures={"loss": figures.loss},
    metric="auc",
)
