"""CLOOB against CLIP with the same encoders and data (arXiv 2110.11316).

**Data.** Scenes of two real MNIST digits with a colour and a place of their own; their thickness
and slant are measured, in terciles of the training digits. Captions come from a grammar of twelve
sentences with synonyms; they tell of one digit or of both, and one to five attributes of each:
much can be explained by little. Training, validation and test scenes show different digits.

**Protocol.** Every loss trains the same two encoders (four convolutions; a causal transformer of
two blocks) with equally many steps, batches and settings: three learning rates times two values of
a constant of its own, the published one first, of which the recall of partners on validation pairs
chooses, in a stage with scenes of its own. Nothing is retrieved at test. Tested are, without any
label, five attributes of scenes of one digit by ensembles of prompts; the digit where it is of
another source (scikit-learn's 8 × 8 digits); recall among 1000 pairs; linear probes; effective
eigenvalues and uniformity of the validation embeddings, after every epoch.

**Your method.** ``methods={"mine": fn}`` with ``fn(setting) -> nn.Module``, called as
``loss(x, y, normalized=True)`` with embeddings (N, 128) of unit length; ``setting`` holds the
learning rate ``"lr"``. If it has ``clamp_()``, that is called after every step.

Example:
    >>> from torch import nn
    >>> from neurarium import evaluation
    >>> class Sigmoid(nn.Module):
    ...     def forward(self, x, y, *, normalized):
    ...         signs = 2 * torch.eye(len(x)) - 1
    ...         return -nn.functional.logsigmoid(signs * (10 * x @ y.T - 5)).mean()
    >>> mine = {"sigmoid": lambda setting: Sigmoid()}
    >>> evaluation.run(EXPERIMENTS[0], preset="quick", methods=mine)  # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import torch

from neurarium.cost import count_parameters
from neurarium.evaluation import Cell, Context, Experiment, Result, Stage
from neurarium.memory import TwoTower

from . import figures
from .claims import CLAIMS
from .config import PRESETS, Config
from .measures import geometry, image_embeddings, measure, recalls, text_embeddings
from .methods import LOSSES, settings_of
from .scenes import scene_sets
from .training import train_towers

TUNING_SEED = 1_000_003
"""Of the scenes on which settings are tried; no seed of a cell."""


def axes(config: Config) -> Mapping[str, Iterable[str | int]]:
    """Methods and seeds."""
    return {"method": config.methods, "seed": range(config.num_seeds)}


def select_setting(cell: Cell, config: Config, context: Context) -> dict[str, Any]:
    """The setting with the highest recall at 5 on validation pairs after a short fit."""
    settings = settings_of(str(cell.method))[: config.num_settings]
    found = np.zeros(len(settings))
    if len(settings) > 1:
        sets = scene_sets(TUNING_SEED, config)
        pairs = sets.validation
        for index, setting in enumerate(settings):
            torch.manual_seed(TUNING_SEED)
            towers, _ = train_towers(
                context.method(setting),
                sets.train,
                config,
                lr=setting["lr"],
                num_steps=config.tuning_steps,
                seed=TUNING_SEED,
                device=context.device,
            )
            x, y = image_embeddings(towers, pairs), text_embeddings(towers, pairs)
            kept = slice(config.num_retrieval)
            found[index] = recalls(x[kept], y[kept])["recall_5"]
            context.progress((index + 1) / len(settings), recall=found[index])
    return {"chosen": int(found.argmax()), "recall": found}


def run_cell(cell: Cell, config: Config, context: Context) -> Result:
    """Train with the chosen setting, measure on unseen digits."""
    setting = settings_of(str(cell.method))[context.stage("setting")["chosen"]]
    sets = scene_sets(int(cell.seed), config)
    curves: dict[str, list[float]] = {}

    def watch(towers: TwoTower) -> None:
        x, y = image_embeddings(towers, sets.validation), text_embeddings(towers, sets.validation)
        kept = slice(config.num_retrieval)
        found = geometry(x, y) | {"validation_recall": recalls(x[kept], y[kept])["recall_1"]}
        for name, value in found.items():
            curves.setdefault(name, []).append(value)
        done = len(curves["ajne"]) * (config.num_pairs // config.batch_size) / config.num_steps
        context.progress(min(1.0, done), recall=found["validation_recall"])

    loss = context.method(setting)
    towers, losses = train_towers(
        loss,
        sets.train,
        config,
        lr=setting["lr"],
        num_steps=config.num_steps,
        seed=int(cell.seed),
        device=context.device,
        watch=watch,
    )
    metrics, spectra = measure(towers, sets)
    metrics |= {"parameters": count_parameters(towers)} | setting
    if cell.method == "clip":
        metrics["temperature"] = float(loss.temperature().detach())
    return Result(metrics, {"loss": losses, **curves}, spectra)


COMPARISON = Experiment(
    slug="cloob",
    presets=PRESETS,
    axes=axes,
    methods=LOSSES,
    stages=(Stage("setting", ("method",), select_setting),),
    run_cell=run_cell,
    claims=CLAIMS,
    figures={
        "zero_shot": figures.zero_shot,
        "geometry": figures.geometry,
        "spectrum": figures.spectrum,
        "retrieval": figures.retrieval,
        "probes": figures.probes,
        "validation": figures.validation,
    },
    metric="transfer",
)
EXPERIMENTS = (COMPARISON,)
