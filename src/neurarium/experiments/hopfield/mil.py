"""Multiple-instance learning: which pooling of a bag's instances predicts its label best?

Table 1 of Ramsauer et al. (arXiv 2008.02217).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from neurarium.data.containers import Bags
from neurarium.data.load import entry, load
from neurarium.evaluation import Cell, Claim, Context, Experiment, Records, Result, Stage, paired

from . import figures
from .mil_methods import METHODS, SETTINGS, Fitted, Problem
from .padded_bags import PaddedBags, pad, standardise

ANIMALS = ("elephant", "fox", "tiger")


@dataclass(frozen=True)
class Config:
    """One comparison of poolings.

    Args:
        datasets: names after ``mil/``.
        num_seeds: seed r uses the r-th of the 5 published partitions into folds.
        num_folds: how many of its 10 folds are tested.
        num_epochs: of a final fit.
        num_settings: how many of a method's settings are tried; a single one needs no selection.
        selection_epochs: of a fit that selects among them.
        width: of the embedding.
        batch_size: bags of a step.
        decay: factor on the learning rate per epoch.
    """

    datasets: tuple[str, ...] = (*ANIMALS, "musk1")
    num_seeds: int = 3
    num_folds: int = 10
    num_epochs: int = 60
    num_settings: int = 4
    selection_epochs: int = 30
    width: int = 128
    batch_size: int = 16
    decay: float = 0.96


PRESETS = {
    "smoke": Config(("tiger",), 1, num_folds=1, num_epochs=2, num_settings=2, selection_epochs=1),
    "quick": Config(("tiger",), num_seeds=1, num_epochs=40, num_settings=1),
    "full": Config(),
    "paper": Config(num_seeds=5, num_epochs=160, num_settings=36, selection_epochs=160),
}


def datasets(config: Config) -> Mapping[str, Callable[[], Bags]]:
    """Name → loader of :class:`neurarium.data.Bags`."""
    return {name: partial(_load, entry(f"mil/{name}").name) for name in config.datasets}


def _load(name: str) -> Bags:
    return load(name)


def axes(config: Config) -> Mapping[str, Iterable[int]]:
    """Seeds; every method is run."""
    return {"seed": range(config.num_seeds)}


def folds(
    data: Bags, seed: int, config: Config, device: str
) -> Iterator[tuple[int, PaddedBags, np.ndarray]]:
    """Fold, all bags, and for each bag how many folds after this one it is tested (0: in this)."""
    bags = pad(data).to(device)
    assigned = data.test_fold[seed].astype(int)
    for fold in range(config.num_folds):
        yield fold, bags, (assigned - fold) % 10


def select_settings(cell: Cell, config: Config, context: Context) -> dict[str, Any]:
    """For each fold the setting that is best on three tenths of the bags, trained on six tenths.

    The bags of the fold itself take no part. Of equal settings the first is chosen.
    """
    settings = _settings(cell, config)
    found = np.zeros((config.num_folds, len(settings)))
    if len(settings) > 1:
        for fold, bags, later in folds(context.data, int(cell.seed), config, context.device):
            train, held_out = bags[later > 3], bags[(later >= 1) & (later <= 3)]
            for index, setting in enumerate(settings):
                problem = (train, held_out, setting, config.selection_epochs, config)
                found[fold, index] = _fit_and_score(context.method, *problem)[0]
                context.progress((fold + (index + 1) / len(settings)) / config.num_folds)
    return {"chosen": np.nan_to_num(found).argmax(1), "auc": found}


def run_cell(cell: Cell, config: Config, context: Context) -> Result:
    """Mean area under the ROC curve over the folds that have bags of both labels."""
    chosen = context.stage("setting")["chosen"]
    settings = _settings(cell, config)
    areas, losses, scores = [], [], np.full(len(context.data), np.nan)
    for fold, bags, later in folds(context.data, int(cell.seed), config, context.device):
        train, test = bags[later > 0], bags[later == 0]
        setting = settings[int(chosen[fold])]
        area, fitted, predicted = _fit_and_score(
            context.method, train, test, setting, config.num_epochs, config
        )
        areas.append(area)
        losses.append(fitted.losses)
        scores[later == 0] = predicted
        context.progress((fold + 1) / config.num_folds, auc=area)
    return Result(
        {"auc": float(np.nanmean(areas)), "parameters": fitted.parameters},
        {"loss": np.mean(losses, axis=0).tolist()},
        {"scores": scores, "fold_auc": np.array(areas)},
    )


def _settings(cell: Cell, config: Config) -> list[dict[str, Any]]:
    """A method of the user's has one setting, the empty one."""
    return SETTINGS.get(str(cell.method), [{}])[: config.num_settings]


def _fit_and_score(
    method: Callable[[Problem], Fitted],
    train: PaddedBags,
    test: PaddedBags,
    setting: Mapping[str, Any],
    num_epochs: int,
    config: Config,
) -> tuple[float, Fitted, np.ndarray]:
    train, test = standardise(train, test)
    fitted = method(Problem(train, setting, num_epochs, config))
    scores = fitted.scores(test)
    return _area(test.labels.cpu().numpy(), scores), fitted, scores


def _area(labels: np.ndarray, scores: np.ndarray) -> float:
    """Area under the ROC curve; NaN where a fold has bags of one label only."""
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(labels, scores)) if len(np.unique(labels)) == 2 else math.nan


def gained_over(rival: str, records: Records) -> list[float]:
    """AUC of Hopfield pooling minus that of a rival, one number a data set."""
    return paired(records, "auc", "hopfield", rival, unit="dataset")


def reaches_the_papers_level(records: Records) -> bool:
    """AUC of at least 0.935 on elephant and 0.90 on tiger."""
    auc = records.where(method="hopfield").values("auc", "dataset")
    return auc.get("elephant", 0.0) >= 0.935 and auc.get("tiger", 0.0) >= 0.90


def is_better_on_two_animals(rival: str, records: Records) -> bool:
    """Whether Hopfield pooling is above the rival on at least two of elephant, fox and tiger."""
    gained = paired(records.where(dataset=ANIMALS), "auc", "hopfield", rival, unit="dataset")
    return sum(gain > 0 for gain in gained) >= 2


CLAIMS = (
    Claim(
        "Hopfield pooling predicts the labels of bags better than gated attention",
        "Table 1",
        partial(gained_over, "gated_attention"),
        holds=reaches_the_papers_level,
        headline=True,
        paper_value="AUC: tiger 91.3, fox 64.05, elephant 94.9; best of all on 3 of 4 sets",
    ),
    *(
        Claim(
            f"Hopfield pooling predicts the labels of bags better than {name} pooling",
            "Table 1",
            partial(gained_over, name),
            holds=partial(is_better_on_two_animals, name),
        )
        for name in ("mean", "max")
    ),
    Claim(
        "Hopfield pooling is better than a support vector machine on statistics of bags",
        "Table 1",
        partial(gained_over, "svm"),
    ),
)

MIL = Experiment(
    slug="hopfield",
    part="mil",
    presets=PRESETS,
    axes=axes,
    datasets=datasets,
    methods=METHODS,
    stages=(Stage("setting", ("method", "dataset", "seed"), select_settings),),
    run_cell=run_cell,
    claims=CLAIMS,
    figures={"auc": figures.auc, "loss": figures.loss},
    metric="auc",
)
