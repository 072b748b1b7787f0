"""Sequences replayed in gamma slots within theta cycles: accuracy by noise and number.

An item is right where the largest overlap is with the one that is due; an item that several
sequences share counts as right under any of its names.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from jaxtyping import Complex
from torch import Tensor

from neurarium.evaluation import (
    Cell,
    Claim,
    Context,
    Exact,
    Experiment,
    Method,
    Records,
    Result,
    Stage,
    Table,
    paired,
)

from . import figures
from .sequence_methods import Readout, Task, gru, hopfield_sequence, theta_gamma, train_gru, wanted

NOISE = 0.5
"""σ of the claims."""

SHARED_POSITION = 3
"""Where sequences share an item, in the methods whose name says so."""


@dataclass(frozen=True)
class Config:
    """One set of measurements.

    Args:
        num_seeds: of patterns, masks and noise.
        num_units: N.
        noises: σ of the phases a gamma slot.
        counts: how many sequences are stored.
        length: items of a sequence, and gamma slots of a theta cycle.
        num_cycles: theta cycles that are replayed.
        gru_steps: training steps of each GRU.
    """

    num_seeds: int = 10
    num_units: int = 400
    noises: tuple[float, ...] = (0.0, 0.5, 1.5, 3.0)
    counts: tuple[int, ...] = (1, 2, 4, 7, 10)
    length: int = 7
    num_cycles: int = 3
    gru_steps: int = 150

    def __post_init__(self) -> None:
        if self.length <= SHARED_POSITION + 1:
            raise ValueError(f"length must be above {SHARED_POSITION + 1}: got {self.length}")


PRESETS = {
    "smoke": Config(1, 60, (0.5,), (1, 2), num_cycles=2, gru_steps=5),
    "quick": Config(1, 200, (0.0, 0.5, 1.5), (1, 2, 5), gru_steps=100),
    "full": Config(),
    "paper": Config(num_seeds=20, counts=tuple(range(1, 11)), num_units=1000),
}

TWO = {"count": (2,)}
METHODS: dict[str, Callable[[Task], Readout] | Method] = {
    "theta_gamma": theta_gamma,
    "theta_gamma_sparse": partial(theta_gamma, density=0.2),
    "theta_gamma_tagged": partial(theta_gamma, tagged=True),
    "no_reset": partial(theta_gamma, reset=False),
    "shared_item": Method(theta_gamma, TWO),
    "shared_item_tagged": Method(partial(theta_gamma, tagged=True), TWO),
    "hopfield_sequence": hopfield_sequence,
    "gru": gru,
}


def axes(config: Config) -> Mapping[str, Iterable[int | float]]:
    """Noise, number of sequences, seeds."""
    return {"seed": range(config.num_seeds), "count": config.counts, "noise": config.noises}


def draw(count: int, seed: int, config: Config, *, shared: bool) -> Complex[Tensor, "S L N"]:
    """Sequences of random phases; with ``shared`` all have one item in common."""
    generator = torch.Generator().manual_seed(seed)
    phases = torch.rand(count, config.length, config.num_units, generator=generator)
    if shared:
        phases[1:, SHARED_POSITION] = phases[0, SHARED_POSITION]
    return torch.polar(torch.ones_like(phases), 2 * math.pi * phases)


def build_gru(cell: Cell, config: Config, context: Context) -> Mapping[str, Any]:
    """The GRU's weights for these sequences."""
    sequences = draw(int(cell.count), int(cell.seed), config, shared=False)
    return train_gru(sequences, config, int(cell.seed))


def run_cell(cell: Cell, config: Config, context: Context) -> Result:
    """Share of slots with the right item, and with the right position told by the phase."""
    shared = str(cell.method).startswith("shared_item")
    sequences = draw(int(cell.count), int(cell.seed), config, shared=shared)
    task = Task(
        sequences,
        float(cell.noise),
        config.num_cycles,
        config,
        torch.Generator().manual_seed(1000 + int(cell.seed)),
        lambda: dict(context.stage("gru")),
    )
    readout = context.method(task)
    due = wanted(sequences)[:, None].expand(-1, config.num_cycles, -1)
    if shared:
        readout.matches[..., SHARED_POSITION :: config.length] = readout.matches[
            ..., SHARED_POSITION, None
        ]
        due = due.clone()
        due[..., SHARED_POSITION] = SHARED_POSITION  # the first of its names
    right = (readout.matches.argmax(-1) == due).double()
    metrics = {"slot_accuracy": float(right.mean())}
    metrics["after_shared"] = float(right[..., SHARED_POSITION + 1 :].mean())
    if readout.positions is not None:
        told = (readout.positions == torch.arange(config.length)).double()
        metrics["order_accuracy"] = float(told.mean())
    return Result(metrics, {"by_slot": right.mean(0).flatten().tolist()})


def alone(metric: str, records: Records) -> float:
    """Mean of a metric at the noise of the claims, with one sequence stored."""
    return records.where(method="theta_gamma", count=1, noise=NOISE).values(metric)[()]


def gained(ours: str, rival: str, metric: str, records: Records) -> list[float]:
    """Difference at the noise of the claims, averaged over numbers of sequences; one a seed."""
    return paired(records.where(noise=NOISE), metric, ours, rival, unit="seed")


CLAIMS = (
    Exact(
        "Nested oscillations index a stored sequence: share of slots with its item at σ = 0.5",
        "argument on nested oscillations; the measure is this library's",
        partial(alone, "slot_accuracy"),
        value=1.0,
        tolerance=0.05,
    ),
    Exact(
        "The phase alone tells the position: share of slots at σ = 0.5",
        "argument on phase codes; the measure is this library's",
        partial(alone, "order_accuracy"),
        value=1.0,
        tolerance=0.1,
    ),
    Claim(
        "The theta reset is needed: with it more slots are right than without",
        "argument on nested oscillations; the measure is this library's",
        partial(gained, "theta_gamma", "no_reset", "slot_accuracy"),
    ),
    Claim(
        "Phases of their own lead two sequences on after an item that they share",
        "argument on flexible sequences; the measure is this library's",
        partial(gained, "shared_item_tagged", "shared_item", "after_shared"),
    ),
    Claim(
        "Replay is no worse than a trained GRU's with as many parameters, to within 0.05",
        "argument on temporal dynamics; the measure is this library's",
        partial(gained, "theta_gamma", "gru", "slot_accuracy"),
        side=(-0.05, math.inf),
    ),
)


def tables(records: Records) -> tuple[Table, ...]:
    """Slot accuracy by number of sequences at each noise; order told by the phase."""
    return (
        _table(records, "slot_accuracy", "Share of slots with the right item"),
        _table(records, "order_accuracy", "Share of slots whose position the phase tells"),
    )


def _table(records: Records, metric: str, title: str) -> Table:
    chosen = Records(record for record in records.ok if metric in record.metrics)
    found = chosen.values(metric, "method", "noise", "count")
    counts = records.axis("count")
    rows = [
        (f"{method}, σ = {noise:g}", *(found.get((method, noise, count)) for count in counts))
        for method, noise in dict.fromkeys(key[:2] for key in found)
    ]
    return Table(title, ("method", *(f"{count} stored" for count in counts)), tuple(rows))


SEQUENCE = Experiment(
    slug="dynamical-intelligence",
    part="sequence",
    presets=PRESETS,
    axes=axes,
    methods=METHODS,
    stages=(Stage("gru", ("count", "seed"), build_gru),),
    run_cell=run_cell,
    claims=CLAIMS,
    tables=tables,
    figures={"accuracy": figures.accuracy, "cycles": figures.cycles},
    metric="slot_accuracy",
)
