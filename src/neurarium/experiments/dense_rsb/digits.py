"""Real images in memories of several energies: how many are recalled exactly from damaged cues?

Energies of Albanese et al. (arXiv 2111.12997) for P = 2, 4, 6 and more and, as the limit of ever
higher degrees, an exponential one. Every pixel is binarised at its mean over the training images;
most pixels are background, so that two digits agree in four pixels of five.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from neurarium.data.containers import Images
from neurarium.data.load import entry, load
from neurarium.evaluation import Cell, Claim, Context, Experiment, Records, Result, Table, paired
from neurarium.memory import DenseMonteCarlo, HopfieldNetwork

from . import figures


@dataclass(frozen=True)
class Config:
    """One comparison.

    Args:
        datasets: names of image sets.
        num_seeds: of images and damages.
        counts: images stored.
        num_cues: images recalled.
        flipped: share of each cue's pixels that is wrong.
        num_sweeps: over all pixels, at most.
    """

    datasets: tuple[str, ...] = ("mnist",)
    num_seeds: int = 10
    counts: tuple[int, ...] = (5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)
    num_cues: int = 50
    flipped: float = 0.2
    num_sweeps: int = 20


PRESETS = {
    "smoke": Config(num_seeds=1, counts=(50,), num_cues=5, num_sweeps=5),
    "quick": Config(num_seeds=2, counts=(5, 10, 50, 200), num_cues=20),
    "full": Config(),
    "paper": Config(num_seeds=20, num_cues=200),
}


@dataclass(frozen=True)
class Problem:
    """What a method is given.

    Args:
        patterns: ±1 (K, N), float32.
        cues: damaged copies of the first of them (B, N).
        num_sweeps: over all pixels, at most.
    """

    patterns: Tensor
    cues: Tensor
    num_sweeps: int


def dense(degree: int, problem: Problem) -> Tensor:
    """Interactions of P distinct units."""
    return _recalled(DenseMonteCarlo(problem.cues.shape[1], degree=degree), problem)


def power(degree: int, problem: Problem) -> Tensor:
    """A power of the overlap."""
    memory = DenseMonteCarlo(problem.cues.shape[1], degree=degree, energy="power")
    return _recalled(memory, problem)


def exponential(problem: Problem) -> Tensor:
    """F = exp(s), scaled by exp(−N) so that it stays a number."""
    num_units = problem.cues.shape[1]
    memory = DenseMonteCarlo(num_units, energy=lambda s: torch.exp(s - num_units))
    return _recalled(memory, problem)


def pseudo_inverse(problem: Problem) -> Tensor:
    """Hopfield's network with the projection rule for correlated patterns."""
    network = HopfieldNetwork(problem.cues.shape[1], rule="pseudo-inverse")
    network.store(problem.patterns)
    return network.recall(problem.cues, num_sweeps=problem.num_sweeps).state


def nearest(problem: Problem) -> Tensor:
    """Looking through all patterns for the nearest: the best that can be done."""
    return problem.patterns[(problem.cues @ problem.patterns.T).argmax(-1)]


def _recalled(memory: DenseMonteCarlo, problem: Problem) -> Tensor:
    memory.store(problem.patterns)
    return memory.recall(problem.cues, num_sweeps=problem.num_sweeps).state


METHODS: dict[str, Callable[[Problem], Tensor]] = {
    "hopfield": partial(dense, 2),
    "pseudo-inverse": pseudo_inverse,
    "dense_4": partial(dense, 4),
    "dense_6": partial(dense, 6),
    "dense_10": partial(dense, 10),
    "dense_20": partial(dense, 20),
    "power_4": partial(power, 4),
    "exponential": exponential,
    "nearest": nearest,
}


def problem_of(images: Images, count: int, config: Config) -> Problem:
    """Random images, binarised, and damaged copies of the first of them."""
    train = torch.from_numpy(images.train).flatten(1)
    chosen = train[torch.randperm(len(train))[:count]].float()
    patterns = torch.where(chosen > train.float().mean(0), 1.0, -1.0)
    cues = patterns[: config.num_cues].clone()
    wrong = torch.rand(cues.shape).argsort(-1) < round(config.flipped * cues.shape[1])
    return Problem(patterns, torch.where(wrong, -cues, cues), config.num_sweeps)


def run_cell(cell: Cell, config: Config, context: Context) -> Result:
    """Share of cues that are recalled exactly, and of pixels that are wrong."""
    problem = problem_of(context.data, int(cell.count), config)
    state: Tensor = context.method(problem)
    wanted = problem.patterns[: len(problem.cues)]
    wrong = (state != wanted).double().mean(-1)
    return Result(
        {"exact": float((wrong == 0).double().mean()), "bit_error": float(wrong.mean())},
        arrays={
            "wanted": wanted[:4].to(torch.int8).numpy(),
            "cue": problem.cues[:4].to(torch.int8).numpy(),
            "state": state[:4].to(torch.int8).numpy(),
        },
    )


def gained(ours: str, rival: str, records: Records) -> list[float]:
    """Share recalled exactly, averaged over numbers stored, minus a rival's; by seed."""
    return paired(records, "exact", ours, rival, unit="seed")


def datasets(config: Config) -> Mapping[str, Callable[[], Images]]:
    """Name → loader of :class:`neurarium.data.Images`."""
    return {name: partial(_load, entry(name).name) for name in config.datasets}


def _load(name: str) -> Images:
    images: Any = load(name)
    if not isinstance(images, Images):
        raise ValueError(f"datasets must be image sets: got {name!r}")
    return images


def axes(config: Config) -> Mapping[str, Iterable[int]]:
    """Seeds and numbers stored."""
    return {"seed": range(config.num_seeds), "count": config.counts}


def tables(records: Records) -> tuple[Table, ...]:
    """Exact recall and wrong pixels by number stored."""
    methods = [str(name) for name in records.axis("method")]
    titles = {"exact": "Share of images recalled exactly", "bit_error": "Share of wrong pixels"}
    found = {name: records.ok.values(name, "count", "method") for name in titles}
    return tuple(
        Table(
            title,
            ("stored", *methods),
            tuple(
                (count, *(found[name][count, method] for method in methods))
                for count in records.axis("count")
            ),
        )
        for name, title in titles.items()
    )


DIGITS = Experiment(
    slug="dense-rsb",
    part="digits",
    presets=PRESETS,
    axes=axes,
    datasets=datasets,
    methods=METHODS,
    run_cell=run_cell,
    claims=tuple(
        Claim(
            f"Real digits: {ours} recalls more of them exactly than {theirs}, averaged over 5 to "
            "5000 stored",
            "capacity grows with the degree",
            partial(gained, name, rival),
        )
        for name, ours, rival, theirs in (
            ("dense_4", "degree 4", "hopfield", "Hopfield's network"),
            ("dense_6", "degree 6", "dense_4", "degree 4"),
            ("dense_20", "degree 20", "dense_6", "degree 6"),
            ("exponential", "the exponential energy", "dense_6", "degree 6"),
            ("dense_6", "degree 6", "pseudo-inverse", "the pseudo-inverse rule"),
        )
    ),
    tables=tables,
    figures={"recall": figures.recall, "states": figures.states},
    metric="exact",
)
