"""Bit patterns and latch: small tasks that show what each layer does.

The examples to Ramsauer et al. (arXiv 2008.02217): find which bag holds one of 8 signal patterns,
and tell the first of 32 symbols. Every network ends in one linear map.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from neurarium.baselines import LSTMClassifier
from neurarium.cost import count_parameters
from neurarium.data.synthetic import bit_pattern_bags, latch_sequences
from neurarium.engine import fit
from neurarium.evaluation import Cell, Claim, Context, Experiment, Records, Result, paired
from neurarium.memory import Hopfield, HopfieldLayer, HopfieldPooling

from . import figures

ADAPTED = {"head_dim": 8, "num_heads": 8, "num_steps": 4, "beta": 0.25, "dropout": 0.5}
"""The examples' second configuration; the first one has the layers' defaults."""


@dataclass(frozen=True)
class Config:
    """One comparison of layers.

    Args:
        num_seeds: of data and weights.
        num_bags: of bit patterns; a quarter is held out.
        bit_epochs: on bit patterns.
        num_sequences: of the latch task; a quarter is held out.
        latch_epochs: on sequences.
        batch_size: of a step.
        lr: of AdamW; gradients are clipped at norm 1.
    """

    num_seeds: int = 5
    num_bags: int = 2048
    bit_epochs: int = 60
    num_sequences: int = 4096
    latch_epochs: int = 20
    batch_size: int = 32
    lr: float = 1e-3


PRESETS = {
    "smoke": Config(1, num_bags=64, bit_epochs=1, num_sequences=64, latch_epochs=1),
    "quick": Config(num_seeds=1, bit_epochs=8, num_sequences=2048, latch_epochs=5),
    "full": Config(),
    "paper": Config(num_seeds=10, bit_epochs=250),
}


def hopfield(sets: Tensor, settings: Mapping[str, Any]) -> nn.Module:
    """Self-association, all outputs side by side."""
    _, size, width = sets.shape
    return nn.Sequential(Hopfield(width, **settings), nn.Flatten(), nn.Linear(size * width, 1))


def pooling(sets: Tensor, settings: Mapping[str, Any]) -> nn.Module:
    """One learned state."""
    width = sets.shape[2]
    return nn.Sequential(HopfieldPooling(width, **settings), nn.Linear(width, 1))


def lookup(sets: Tensor) -> nn.Module:
    """A learned memory with as many patterns as there are different ones in the data."""
    return _lookup(HopfieldLayer(sets.shape[2], len(_different(sets))), sets)


def lookup_adapted(sets: Tensor) -> nn.Module:
    """The different patterns themselves as a memory, with values that are not trained."""
    patterns = _different(sets)
    layer = HopfieldLayer(sets.shape[2], len(patterns), learn_values=True, values_trainable=False)
    layer.store(patterns)
    return _lookup(layer, sets)


def _different(sets: Tensor) -> Tensor:
    return sets.flatten(0, 1).unique(dim=0)


def _lookup(layer: HopfieldLayer, sets: Tensor) -> nn.Module:
    _, size, width = sets.shape
    return nn.Sequential(layer, nn.Flatten(), nn.Linear(size * width, 1))


def lstm(sets: Tensor) -> nn.Module:
    """An LSTM with 4 units, the examples' baseline."""
    return LSTMClassifier(sets.shape[2], 4, 1)


METHODS: dict[str, Callable[[Tensor], nn.Module]] = {
    "hopfield": partial(hopfield, settings={}),
    "hopfield_adapted": partial(hopfield, settings=ADAPTED),
    "pooling": partial(pooling, settings={}),
    "pooling_adapted": partial(pooling, settings=ADAPTED),
    "lookup": lookup,
    "lookup_adapted": lookup_adapted,
    "lstm": lstm,
}


def axes(config: Config) -> Mapping[str, Iterable[int | str]]:
    """Tasks and seeds."""
    return {"seed": range(config.num_seeds), "task": ("bits", "latch")}


def task(name: str, config: Config) -> tuple[Tensor, Tensor, Tensor]:
    """Sets (B, S, F), labels (B,) and which are held out: the first and the last eighth."""
    if name == "bits":
        drawn = bit_pattern_bags(config.num_bags)
        sets, labels = drawn.bags, drawn.labels
    else:
        sequences = latch_sequences(config.num_sequences)
        sets, labels = sequences.sequences, sequences.labels
    place = torch.arange(len(labels)) / len(labels)
    return sets, labels, (place < 0.125) | (place >= 0.875)


def run_cell(cell: Cell, config: Config, context: Context) -> Result:
    """Accuracy on held-out sets along training."""
    sets, labels, held_out = (x.to(context.device) for x in task(str(cell.task), config))
    train, test = sets[~held_out], sets[held_out]
    network = context.method(train).to(context.device)
    wanted = labels[~held_out]
    num_epochs = config.bit_epochs if cell.task == "bits" else config.latch_epochs

    def batches(epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        for index in torch.randperm(len(train)).split(config.batch_size):
            yield train[index], wanted[index]

    def loss(network: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        return binary_cross_entropy_with_logits(network(batch[0]).squeeze(-1), batch[1])

    accuracy: list[float] = []

    def validate(network: nn.Module) -> float:
        right = (network(test).squeeze(-1) > 0) == (labels[held_out] > 0)
        accuracy.append(float(right.double().mean()))
        context.progress(len(accuracy) / num_epochs, accuracy=accuracy[-1])
        return len(accuracy)  # the last weights are kept

    optimizer = torch.optim.AdamW(network.parameters(), config.lr)
    fit(
        network,
        loss,
        batches,
        optimizer=optimizer,
        num_epochs=num_epochs,
        grad_clip=1.0,
        validate=validate,
    )
    metrics = {
        "accuracy": accuracy[-1],
        "mean_accuracy": sum(accuracy) / num_epochs,
        "parameters": count_parameters(network),
    }
    return Result(metrics, {"accuracy": accuracy})


def gained_on_latch(records: Records) -> list[float]:
    """Accuracy averaged over the epochs, pooling minus LSTM, one number a seed."""
    latch = records.where(task="latch")
    return paired(latch, "mean_accuracy", "pooling", "lstm", unit="seed")


def latch_is_solved(records: Records) -> bool:
    """Whether every Hopfield layer ends at 99 % or more on the latch task."""
    latch = records.where(task="latch").values("accuracy", "method")
    return all(found >= 0.99 for name, found in latch.items() if name != "lstm")


BITS = Experiment(
    slug="hopfield",
    part="bits",
    presets=PRESETS,
    axes=axes,
    methods=METHODS,
    run_cell=run_cell,
    claims=(
        Claim(
            "Hopfield pooling learns the latch task in fewer epochs than an LSTM of 4 units",
            "example latch_sequence of the authors' code",
            gained_on_latch,
            holds=latch_is_solved,
        ),
    ),
    figures={"accuracy": figures.accuracy},
)
