"""Learning from noisy examples, with a teacher and without, at equal data.

Agliari, Alessandrelli, Barra, Ricci-Tersenghi, "Parallel Learning by Multitasking Neural Networks"
(arXiv 2308.04106): by the theory of low load both rules are the same, and the quality r and number
M of examples count only through the entropy ρ = (1 − r²)/(r² M).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from neurarium.evaluation import (
    Cell,
    Claim,
    Context,
    Experiment,
    Records,
    Result,
    Stage,
    Table,
)
from neurarium.memory import MultitaskingHopfield, noisy_examples, random_patterns
from neurarium.memory.theory import dataset_entropy, multitasking_solve

from . import figures
from .simulation import STRAY, largest_difference, predicted_stray, settled_overlaps

TASKS = {"single": (1, 0.0), "hierarchical": (3, 0.3), "parallel": (3, 0.8)}
"""Name → number of patterns, dilution."""

TEMPERATURE = 0.02
ENOUGH = 20
"""Examples of each pattern from which the theory's normal noise is asked for."""

SOFT = 0.5
"""Rules are compared where the theory's softness is below: away from transitions."""

Teach = Callable[[MultitaskingHopfield, Tensor, Tensor, float], None]


@dataclass(frozen=True)
class Config:
    """One set of learning curves.

    Args:
        num_seeds: of patterns, examples and dynamics.
        tasks: of :data:`TASKS`.
        qualities: r.
        entropies: ρ; the number of examples is rounded.
        sizes: N.
        num_chains: of a simulation.
        num_sweeps: before, and again while overlaps are averaged.
    """

    num_seeds: int = 5
    tasks: tuple[str, ...] = ("single", "hierarchical", "parallel")
    qualities: tuple[float, ...] = (0.2, 0.3, 0.4, 0.6)
    entropies: tuple[float, ...] = (0.05, 0.1, 0.2, 0.4, 0.7, 1.0, 1.6)
    sizes: tuple[int, ...] = (2000, 20_000)
    num_chains: int = 2
    num_sweeps: int = 20

    def __post_init__(self) -> None:
        for task in self.tasks:
            if task not in TASKS:
                raise ValueError(f"tasks must be among {', '.join(TASKS)}: got {task!r}")


PRESETS = {
    "smoke": Config(
        1, qualities=(0.4, 0.6), entropies=(0.05, 1.0), sizes=(20_000,), num_chains=1, num_sweeps=8
    ),
    "quick": Config(1, qualities=(0.3, 0.4), entropies=(0.05, 0.1, 0.2, 0.4, 1.0)),
    "full": Config(),
    "paper": Config(num_seeds=10, sizes=(2000, 20_000, 100_000)),
}


def supervised(
    memory: MultitaskingHopfield, examples: Tensor, patterns: Tensor, quality: float
) -> None:
    """Examples of each pattern are averaged first."""
    memory.learn(examples, rule="supervised", quality=quality, patterns=patterns)


def unsupervised(
    memory: MultitaskingHopfield, examples: Tensor, patterns: Tensor, quality: float
) -> None:
    """All examples in one heap: which pattern they show is not told."""
    memory.learn(
        examples.flatten(0, 1),
        rule="unsupervised",
        quality=quality,
        num_patterns=len(patterns),
        patterns=patterns,
    )


METHODS: dict[str, Teach] = {"supervised": supervised, "unsupervised": unsupervised}


def examples_of(cell: Cell) -> int:
    """M, the whole number whose entropy is nearest to the cell's."""
    r = float(cell.quality)
    return max(1, round((1 - r**2) / (r**2 * float(cell.entropy))))


def theory(cell: Cell, config: Config, context: Context) -> Mapping[str, Any]:
    """The solution that the hierarchical state leads to, at the entropy of M examples."""
    num_patterns, dilution = TASKS[str(cell.task)]
    rho = dataset_entropy(float(cell.quality), examples_of(cell))
    state = multitasking_solve(num_patterns, dilution, 1 / TEMPERATURE, dataset_entropy=rho)
    return {
        "overlaps": state.overlaps.abs().tolist(),
        "softness": state.softness,
        "entropy": rho,
    }


def run_cell(cell: Cell, config: Config, context: Context) -> Result:
    """Overlaps with the patterns behind the examples, beside those of the theory."""
    num_patterns, dilution = TASKS[str(cell.task)]
    num_units, quality = int(cell.num_units), float(cell.quality)
    expected = context.stage("theory")
    patterns = random_patterns(num_patterns, num_units, dilution=dilution)
    examples = noisy_examples(patterns, examples_of(cell), quality)
    memory = MultitaskingHopfield(num_units)
    context.method(memory, examples, patterns, quality)
    found = settled_overlaps(memory, patterns, TEMPERATURE, config)
    softness = float(expected["softness"])
    return Result(
        {
            "overlap": float(np.mean(found)),
            "gap": largest_difference(found, expected["overlaps"]),
            "rho": float(expected["entropy"]),
            "num_examples": float(examples_of(cell)),
            "softness": softness,
            "stray": predicted_stray(softness, dilution, num_units),
        },
        {"overlaps": found, "theory": list(expected["overlaps"])},
    )


def _enough(records: Records) -> Records:
    return Records(r for r in records.ok if r.metrics["num_examples"] >= ENOUGH)


def teacher(records: Records) -> list[float]:
    """|supervised − unsupervised| of the worst pattern and point at the smaller size, by seed.

    Where the theory is far from soft: next to a transition samples stray, under either rule.
    """
    return _rules_apart(records.where(num_units=min(records.axis("num_units"))))


def teacher_of_many_units(records: Records) -> list[float]:
    """The same at the larger size."""
    return _rules_apart(records.where(num_units=max(records.axis("num_units"))))


def _rules_apart(records: Records) -> list[float]:
    chosen = Records(r for r in _enough(records) if r.metrics["softness"] < SOFT)
    keys = ("seed", "task", "quality", "entropy")
    rules = [chosen.where(method=name).curves("overlaps", *keys) for name in METHODS]
    gaps = {key: float(np.abs(rules[0][key] - rules[1][key]).max()) for key in rules[0]}
    return [
        max((gap for key, gap in gaps.items() if key[0] == seed), default=math.nan)
        for seed in chosen.axis("seed")
    ]


def largest_gap(records: Records) -> list[float]:
    """|Monte Carlo − theory| of the worst pattern and point at the larger size, a seed each."""
    chosen = _enough(records).where(num_units=max(records.axis("num_units")), method=[*METHODS])
    return [
        max(
            (r.metrics["gap"] for r in chosen.where(seed=seed) if r.metrics["stray"] < STRAY),
            default=math.nan,
        )
        for seed in chosen.axis("seed")
    ]


def collapse(records: Records) -> list[float]:
    """How far qualities lie apart at equal entropy, at the worst entropy and task, by seed.

    Of what is left after the theory at the entropy of the whole number of examples.
    """
    chosen = Records(r for r in _enough(records) if r.metrics["stray"] < STRAY)
    chosen = chosen.where(num_units=max(records.axis("num_units")), method=[*METHODS])
    effects = []
    for seed in chosen.axis("seed"):
        left: dict[Any, list[np.ndarray]] = {}
        for r in chosen.where(seed=seed):
            rest = np.subtract(r.curves["overlaps"], r.curves["theory"])
            left.setdefault((r.cell.method, r.cell.task, r.cell.entropy), []).append(rest)
        spreads = [np.ptp(rests, axis=0).max() for rests in left.values() if len(rests) > 1]
        effects.append(float(max(spreads, default=math.nan)))
    return effects


def enough_examples(records: Records) -> list[float]:
    """The single pattern's overlap at ρ = 1 minus erf(1/√2), by seed, where M is at least 5."""
    chosen = records.ok.where(task="single", entropy=1.0, method=[*METHODS])
    chosen = Records(r for r in chosen if r.metrics["num_examples"] >= 5)
    found = chosen.values("overlap", "seed")
    return [value - math.erf(2**-0.5) for value in found.values()]


def axes(config: Config) -> Mapping[str, Iterable[int | float | str]]:
    """Seeds, tasks, qualities, entropies, sizes."""
    return {
        "seed": range(config.num_seeds),
        "task": config.tasks,
        "quality": config.qualities,
        "entropy": config.entropies,
        "num_units": config.sizes,
    }


def tables(records: Records) -> tuple[Table, ...]:
    """Overlaps by task and entropy, averaged over patterns and qualities, which collapse."""
    chosen = records.where(num_units=max(records.axis("num_units")))
    found = chosen.values("overlap", "task", "entropy", "method")
    expected = chosen.curves("theory", "task", "entropy")
    methods = [str(name) for name in chosen.axis("method")]
    rows: list[tuple[str | float | int | None, ...]] = [
        (
            f"{task}, {entropy:g}",
            float(np.mean(overlaps)),
            *(found[task, entropy, name] for name in methods),
        )
        for (task, entropy), overlaps in expected.items()
    ]
    return (
        Table(
            f"Overlaps with the patterns behind the examples, T = {TEMPERATURE}",
            ("task, ρ", "theory", *methods),
            tuple(rows),
            note="means over patterns and qualities r; the figures show each",
        ),
    )


LEARNING = Experiment(
    slug="multitasking-hebbian",
    part="learning",
    presets=PRESETS,
    axes=axes,
    methods=METHODS,
    run_cell=run_cell,
    stages=(Stage("theory", ("task", "quality", "entropy"), theory),),
    claims=(
        Claim(
            "A teacher changes no overlap: the largest difference at 2000 units, from 20 examples, "
            "away from transitions",
            "abstract: neither performance nor thresholds",
            teacher,
            side=(-0.02, 0.02),
        ),
        Claim(
            "The same at 20 000 units, where theory holds (asked after the first recording)",
            "abstract: neither performance nor thresholds",
            teacher_of_many_units,
            side=(-0.02, 0.02),
        ),
        Claim(
            "Learned overlaps are those of theory: the largest difference at 20 000 units, from "
            "20 examples, away from transitions",
            "abstract: theory and Monte Carlo agree",
            largest_gap,
            side=(-0.03, 0.03),
        ),
        Claim(
            "Learning curves of all qualities collapse on the entropy of the examples: the largest "
            "distance at 20 000 units, from 20 examples, away from transitions",
            "dataset entropy ρ",
            collapse,
            side=(-0.02, 0.02),
        ),
        Claim(
            "About 1/r² examples are enough: at ρ = 1 one pattern is found to 0.683, from 5 "
            "examples",
            "learning threshold M = (1 − r²)/r²",
            enough_examples,
            side=(-0.03, 0.03),
        ),
    ),
    tables=tables,
    figures={"curves": figures.curves, "rules": figures.rules},
    metric="overlap",
)
