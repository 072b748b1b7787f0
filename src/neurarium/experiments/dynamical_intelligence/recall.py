"""Recall from sparse networks with the same number of synapses.

A network of density c has N units with c N² fixed, and stores M = load · c N patterns, so that
every density stores as many patterns a synapse. Cues are stored patterns with phase noise of 1 rad,
overlap 0.61; the binary network gets cues of the same overlap.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial

import torch
from jaxtyping import Complex
from torch import Tensor

from neurarium.evaluation import Cell, Claim, Context, Experiment, Records, Result, Table, paired
from neurarium.memory import HopfieldNetwork, PhasorMemory
from neurarium.memory.phasor import random_mask

from . import figures

LOAD, SPARSE = 0.05, 0.1
"""Patterns a synapse and density at which claims compare."""


@dataclass(frozen=True)
class Config:
    """One set of measurements.

    Args:
        num_seeds: of masks, patterns and cues.
        side: the dense network has side² units; digits are drawn side pixels wide.
        densities: c.
        loads: patterns a synapse, M / (c N).
        patterns: ``"random"`` phases, or ``"digits"`` whose grey values are phases from 0 to π.
        num_cues: patterns that are asked for, at most.
        jitter: standard deviation of the cue's phases.
        num_steps: Euler steps of 0.02.
        num_sweeps: of the binary network, at most.
    """

    num_seeds: int = 10
    side: int = 20
    densities: tuple[float, ...] = (1.0, 0.3, 0.1, 0.05)
    loads: tuple[float, ...] = (0.0125, 0.025, 0.05, 0.1, 0.2)
    patterns: tuple[str, ...] = ("random", "digits")
    num_cues: int = 12
    jitter: float = 1.0
    num_steps: int = 400
    num_sweeps: int = 20

    def __post_init__(self) -> None:
        unknown = set(self.patterns) - set(PATTERNS)
        if unknown:
            raise ValueError(f"patterns must be among {', '.join(PATTERNS)}: got {sorted(unknown)}")


@dataclass(frozen=True)
class Problem:
    """What a method is given; it returns the overlap of what it recalls from each cue, in [0, 1].

    Args:
        patterns: (M, N), of modulus 1.
        cues: (Q, N), of the first Q patterns.
        density: share of the connections that may be used.
        config: the configuration.
        generator: for what else is drawn.
    """

    patterns: Complex[Tensor, "M N"]
    cues: Complex[Tensor, "Q N"]
    density: float
    config: Config
    generator: torch.Generator


def units(density: float, config: Config) -> tuple[int, float]:
    """Side of the square of units, and the density that gives exactly as many synapses."""
    side = round(config.side / density**0.25)
    return side, (config.side / side) ** 4


def random_phases(count: int, side: int, generator: torch.Generator) -> Complex[Tensor, "M N"]:
    """Independent phases on the whole circle."""
    return on_circle(2 * math.pi * torch.rand(count, side**2, generator=generator))


def digit_phases(count: int, side: int, generator: torch.Generator) -> Complex[Tensor, "M N"]:
    """Different handwritten digits of scikit-learn, enlarged, from phase 0 (white) to π (black)."""
    from sklearn.datasets import load_digits

    images = torch.from_numpy(load_digits().images).float() / 16 * math.pi
    if count > len(images):
        raise ValueError(f"load must ask for at most {len(images)} digits: got {count}")
    chosen = images[torch.randperm(len(images), generator=generator)[:count], None]
    large = torch.nn.functional.interpolate(chosen, (side, side), mode="bilinear")
    return on_circle(large.flatten(1))


PATTERNS: dict[str, Callable[[int, int, torch.Generator], Tensor]] = {
    "random": random_phases,
    "digits": digit_phases,
}


def on_circle(phases: Tensor) -> Tensor:
    """Complex numbers of modulus 1."""
    return torch.polar(torch.ones_like(phases), phases)


def phasor(problem: Problem) -> Tensor:
    """The oscillators' dynamics."""
    memory = _memory(problem)
    overlaps = memory.recall(problem.cues, num_steps=problem.config.num_steps).overlaps
    return overlaps.abs().diagonal()


def one_shot(problem: Problem) -> Tensor:
    """The same synapses once, without dynamics: the phases of W z."""
    memory = _memory(problem)
    weights = torch.complex(*memory.weights.chunk(2))
    return memory.overlaps(problem.cues @ weights.T).abs().diagonal()


def _memory(problem: Problem) -> PhasorMemory:
    memory = PhasorMemory(
        problem.patterns.shape[1], density=problem.density, generator=problem.generator
    )
    memory.store(problem.patterns)
    return memory


def hopfield(problem: Problem) -> Tensor:
    """A binary network with a mask of the same density; patterns are the signs of the real part."""
    signs = torch.where(problem.patterns.real < 0, -1.0, 1.0)
    num_units = signs.shape[1]
    network = HopfieldNetwork(num_units)
    network.store(signs)
    network.weights *= random_mask(num_units, problem.density, generator=problem.generator)
    wrong = (1 - math.exp(-(problem.config.jitter**2) / 2)) / 2
    flipped = torch.rand(len(problem.cues), num_units, generator=problem.generator) < wrong
    cues = torch.where(flipped, -1.0, 1.0) * signs[: len(problem.cues)]
    recall = network.recall(cues, num_sweeps=problem.config.num_sweeps, generator=problem.generator)
    return recall.overlaps.abs().diagonal()


METHODS: dict[str, Callable[[Problem], Tensor]] = {
    "phasor": phasor,
    "one_shot": one_shot,
    "hopfield": hopfield,
}

PRESETS = {
    "smoke": Config(1, 8, (1.0, 0.1), (0.05,), num_cues=3, num_steps=50, num_sweeps=3),
    "quick": Config(1, 14, (1.0, 0.3, 0.1), (0.025, 0.05, 0.1), num_cues=8),
    "full": Config(),
    "paper": Config(num_seeds=20, side=32),
}


def axes(config: Config) -> Mapping[str, Iterable[int | float | str]]:
    """Patterns, densities, loads, seeds."""
    return {
        "seed": range(config.num_seeds),
        "patterns": config.patterns,
        "density": config.densities,
        "load": config.loads,
    }


def run_cell(cell: Cell, config: Config, context: Context) -> Result:
    """Mean overlap of what is recalled; patterns, masks and cues are those of the other methods."""
    side, density = units(float(cell.density), config)
    count = max(1, round(float(cell.load) * density * side**2))
    generator = torch.Generator().manual_seed(int(cell.seed))
    patterns = PATTERNS[str(cell.patterns)](count, side, generator)
    asked = patterns[: config.num_cues]
    jitter = config.jitter * torch.randn(asked.shape, generator=generator)
    problem = Problem(patterns, asked * on_circle(jitter), density, config, generator)
    overlap = context.method(problem)
    return Result(
        {
            "overlap": float(overlap.mean()),
            "recalled": float((overlap > 0.9).double().mean()),
            "num_patterns": count,
            "num_units": side**2,
            "synapses": density * side**4,
        }
    )


def sparse_over_dense(records: Records) -> list[float]:
    """Overlap at density 0.1 minus that of the dense network, at equal load; one number a seed."""
    chosen = records.where(method="phasor", patterns="random", load=LOAD)
    sparse = chosen.where(density=SPARSE).values("overlap", "seed")
    dense = chosen.where(density=1.0).values("overlap", "seed")
    return [sparse[seed] - dense[seed] for seed in dense]


def gained_over(rival: str, records: Records) -> list[float]:
    """Overlap of the dynamics minus a rival's at the load of the claims; one number a seed."""
    chosen = records.where(patterns="random", load=LOAD)
    return paired(chosen, "overlap", "phasor", rival, unit="seed")


def tables(records: Records) -> tuple[Table, ...]:
    """Overlap by load: a row a method and density, a table a kind of pattern."""
    loads = records.axis("load")
    found = records.values("overlap", "patterns", "method", "density", "load")
    made = []
    for kind in records.axis("patterns"):
        keys = dict.fromkeys(key[1:3] for key in found if key[0] == kind)
        rows = [
            (f"{method}, c = {density:g}", *(found.get((kind, method, density, x)) for x in loads))
            for method, density in keys
        ]
        columns = ("network", *(f"load {load:g}" for load in loads))
        made.append(Table(f"Overlap of what is recalled, {kind} patterns", columns, tuple(rows)))
    return tuple(made)


RECALL = Experiment(
    slug="dynamical-intelligence",
    part="recall",
    presets=PRESETS,
    axes=axes,
    methods=METHODS,
    run_cell=run_cell,
    claims=(
        Claim(
            "With as many synapses and as many patterns a synapse, a sparse network (c = 0.1) "
            "recalls no worse than a dense one, to within 0.05 of overlap",
            "argument on sparsity; the measure is this library's",
            sparse_over_dense,
            side=(-0.05, math.inf),
        ),
        Claim(
            "Dynamics recall more than one application of the same synapses",
            "argument on temporal dynamics; the measure is this library's",
            partial(gained_over, "one_shot"),
        ),
        Claim(
            "Phases recall more than signs from cues of the same overlap",
            "argument on synchrony; the measure is this library's",
            partial(gained_over, "hopfield"),
        ),
    ),
    tables=tables,
    figures={"overlap": figures.overlap},
    metric="overlap",
)
