"""Monte Carlo against theory: overlap by noise, temperature, size and energy, P = 4.

Albanese et al., "Replica symmetry breaking in dense neural networks" (arXiv 2111.12997). The noise
r is given in units of the capacity at zero temperature, replica symmetric; b = ∞ is T = 0. A sample
of N units has K = r N³/6 patterns and β = 6 b, as in the limit; ``matched`` counts the (N−1 over 3)
triples that there are, so that noise and temperature in units of the signal are exactly r and 1/b.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from neurarium.evaluation import Cell, Claim, Context, Experiment, Records, Result, Stage, Table
from neurarium.memory import DenseMonteCarlo, random_patterns
from neurarium.memory.theory import (
    dense_capacity,
    dense_ground_state,
    dense_load,
    dense_one_rsb,
    dense_rs,
)

from . import figures

DEGREE = 4
BELOW = 0.8
"""Up to this share of the capacity samples are compared with theory."""

COLD = "inf"


@dataclass(frozen=True)
class Config:
    """One set of measurements.

    Args:
        num_seeds: of patterns and dynamics.
        sizes: N.
        betas: b; ``"inf"`` is zero temperature.
        shares: of the noise r at which retrieval ends in theory.
        num_cues: patterns that are recalled, of each sample.
        flipped: share of each cue that is wrong in the second start.
        num_sweeps: at finite temperature; the later half is averaged. At most, at T = 0.
    """

    num_seeds: int = 5
    sizes: tuple[int, ...] = (48, 64, 96, 128)
    betas: tuple[str, ...] = ("3", "5", COLD)
    shares: tuple[float, ...] = (0.2, 0.4, 0.6, 0.8, 0.9, 1.0, 1.1, 1.3, 1.6)
    num_cues: int = 20
    flipped: float = 0.2
    num_sweeps: int = 40


PRESETS = {
    "smoke": Config(
        1, sizes=(24, 32), betas=("5", COLD), shares=(0.4, 0.8, 1.3), num_cues=5, num_sweeps=10
    ),
    "quick": Config(1, sizes=(32, 48), num_sweeps=30),
    "full": Config(),
    "paper": Config(10, sizes=(64, 96, 128, 192, 256), num_cues=50, num_sweeps=200),
}


def theory(cell: Cell, config: Config, context: Context) -> Mapping[str, Any]:
    """The noise; for both energies the overlaps expected there, and whether retrieval is stable."""
    beta, share = float(cell.beta), float(cell.share)
    cold = beta == math.inf
    noise = share * dense_capacity(DEGREE).noise
    found: dict[str, Any] = {"noise": noise}
    for energy in ("distinct", "power"):
        solve = _at_zero if cold else partial(_at_temperature, beta)
        m, broken, stable = solve(noise, energy)
        found[energy] = {"expected": m, "broken": broken, "stable": float(stable and m > 0.5)}
    return found


def _at_zero(noise: float, energy: str) -> tuple[float, float, bool]:
    symmetric, broken, glass = (
        dense_ground_state(noise, DEGREE, level=level, phase=phase, energy=energy, tol=1e-9)
        for level, phase in (("rs", "retrieval"), ("1rsb", "retrieval"), ("1rsb", "glass"))
    )
    m = broken.m if broken.converged else 0.0
    return symmetric.m, m, symmetric.energy < glass.energy


def _at_temperature(beta: float, noise: float, energy: str) -> tuple[float, float, bool]:
    retrieval = dense_rs(beta, noise, DEGREE, energy=energy)
    glass = dense_one_rsb(beta, noise, DEGREE, phase="glass", energy=energy)
    return retrieval.m, math.nan, retrieval.pressure > glass.pressure


def matched(cell: Cell, config: Config, context: Context) -> Result:
    """Distinct units, with the noise and the temperature of a sample of this size."""
    num_units = int(cell.num_units)
    triples = math.comb(num_units - 1, DEGREE - 1) * math.factorial(DEGREE - 1)
    return monte_carlo("distinct", cell, config, context, triples / num_units ** (DEGREE - 1))


def monte_carlo(
    energy: str, cell: Cell, config: Config, context: Context, signal: float = 1.0
) -> Result:
    """Overlaps of a sample, started at its patterns and at cues with errors."""
    num_units, beta = int(cell.num_units), float(cell.beta)
    solved = context.stage("theory")
    noise, expected = float(solved["noise"]), solved[energy]
    load = signal * dense_load(noise, DEGREE, energy=energy)
    count = max(config.num_cues, round(load * num_units ** (DEGREE - 1)))
    memory = DenseMonteCarlo(num_units, degree=DEGREE, energy=energy)
    memory.store(random_patterns(count, num_units, dtype=torch.int8))
    targets = memory.patterns[: config.num_cues].contiguous()
    wrong = torch.rand(targets.shape).argsort(-1) < round(config.flipped * num_units)
    cues = torch.where(wrong, -targets, targets)
    recalled, from_cues = (
        settled_overlaps(memory, start, targets, beta / signal, config) for start in (targets, cues)
    )
    return Result(
        {
            "overlap": float(recalled.mean()),
            "from_cues": float(from_cues.mean()),
            "gap": float(recalled.mean()) - float(expected["expected"]),
            "noise": noise,
            **expected,
            "num_patterns": float(count),
        },
        {"overlaps": recalled.tolist(), "cued": from_cues.tolist()},
    )


def settled_overlaps(
    memory: DenseMonteCarlo, start: Tensor, targets: Tensor, beta: float, config: Config
) -> Tensor:
    """Overlap of each chain with its target: where descent ends, or averaged over late sweeps."""
    if beta == math.inf:
        ended = memory.recall(start, num_sweeps=config.num_sweeps)
        return (ended.state * targets).double().mean(-1)
    # b is in units of the signal: β = b (P − 1)!
    trace = memory.trace(
        start,
        target=targets,
        beta=beta * math.factorial(DEGREE - 1),
        num_sweeps=config.num_sweeps,
    )
    return trace.overlap[:, config.num_sweeps // 2 :].mean(-1)


COLUMNS = {
    ("distinct", "overlap"): "distinct",
    ("distinct", "from_cues"): "distinct, cued",
    ("power", "overlap"): "power",
    ("power", "from_cues"): "power, cued",
    ("matched", "overlap"): "matched",
}
METHODS: dict[str, Callable[..., Result]] = {
    "distinct": partial(monte_carlo, "distinct"),
    "power": partial(monte_carlo, "power"),
    "matched": matched,
}


def axes(config: Config) -> Mapping[str, Iterable[int | float | str]]:
    """Seeds, sizes, temperatures, noise."""
    return {
        "seed": range(config.num_seeds),
        "num_units": config.sizes,
        "beta": config.betas,
        "share": config.shares,
    }


def run_cell(cell: Cell, config: Config, context: Context) -> Result:
    """One sample."""
    found: Result = context.method(cell, config, context)
    return found


def _by_seed(records: Records) -> list[Records]:
    return [records.where(seed=seed) for seed in records.axis("seed")]


def _at_largest(records: Records) -> Records:
    largest = max(records.axis("num_units"))
    chosen = records.ok.where(num_units=largest)
    return Records([r for r in chosen if float(r.cell.share) <= BELOW])


def largest_gap(method: str, least_stable: float, records: Records) -> list[float]:
    """|Monte Carlo − theory| at the worst point below capacity, of the largest size; by seed."""
    chosen = _at_largest(records).where(method=method)
    chosen = Records([r for r in chosen if r.metrics["stable"] >= least_stable])
    return [max(abs(r.metrics["gap"]) for r in of_seed) for of_seed in _by_seed(chosen)]


def between_energies(records: Records) -> list[float]:
    """The largest difference between the overlaps of both energies at equal noise, by seed."""
    effects = []
    for of_seed in _by_seed(_at_largest(records).where(beta=COLD)):
        found = of_seed.values("overlap", "beta", "share", "method")
        points = {key[:2] for key in found}
        effects.append(max(abs(found[(*p, "distinct")] - found[(*p, "power")]) for p in points))
    return effects


def closing_in(records: Records) -> list[float]:
    """Mean |Monte Carlo − theory| where stable: smallest size minus largest; by seed."""
    chosen = records.ok.where(method="distinct")
    chosen = Records([r for r in chosen if r.metrics["stable"]])
    sizes = chosen.axis("num_units")
    effects = []
    for of_seed in _by_seed(chosen):
        small, large = (
            np.mean([abs(r.metrics["gap"]) for r in of_seed.where(num_units=n)])
            for n in (min(sizes), max(sizes))
        )
        effects.append(float(small - large))
    return effects


CLAIMS = (
    Claim(
        "Up to 80 % of the capacity, where retrieval is the stable state, a sample's overlap with "
        "a recalled pattern is that of the replica-symmetric theory: the largest difference over "
        "temperatures and loads",
        "abstract: the theory of retrieval at high storage",
        partial(largest_gap, "distinct", 1.0),
        side=(-0.02, 0.02),
        headline=True,
    ),
    Claim(
        "The same with noise and temperature matched to the size of the sample",
        "the definitions of noise and temperature at finite N",
        partial(largest_gap, "matched", 1.0),
        side=(-0.02, 0.02),
    ),
    Claim(
        "The same where retrieval is stable or metastable",
        "the equations: solutions exist up to the spinodal",
        partial(largest_gap, "distinct", 0.0),
        side=(-0.02, 0.02),
    ),
    Claim(
        "At T = 0 and equal noise, distinct units and powers of the overlap recall alike up to "
        "80 % of the capacity: the largest difference",
        "the equations: at q = 1 only the noise matters",
        between_energies,
        side=(-0.03, 0.03),
    ),
    Claim(
        "Where retrieval is stable, larger samples are closer to the theory than smaller ones",
        "the theory is that of infinitely many units",
        closing_in,
    ),
)


def tables(records: Records) -> tuple[Table, ...]:
    """Overlap by temperature and noise at the largest size, beside both theories."""
    largest = max(records.axis("num_units"))
    chosen = records.ok.where(num_units=largest)
    keys = ("beta", "share")
    names = ("noise", "expected", "broken", "stable")
    noise, expected, broken, stable = (
        chosen.where(method="distinct").values(name, *keys) for name in names
    )
    found = [chosen.where(method=method).values(name, *keys) for method, name in COLUMNS]
    rows = tuple(
        (
            f"{key[0]}, {key[1]:g}",
            noise[key],
            expected[key],
            broken[key],
            "stable" if stable[key] else "",
            *(values[key] for values in found),
        )
        for key in expected
    )
    return (
        Table(
            f"Overlap with a stored pattern, {largest} units",
            ("b, r/r_c", "r", "RS", "1RSB", "retrieval", *COLUMNS.values()),
            rows,
            note=(
                "cued: started with 20 % of the units wrong; stable: retrieval has the lowest free "
                "energy"
            ),
        ),
    )


SIMULATION = Experiment(
    slug="dense-rsb",
    part="simulation",
    presets=PRESETS,
    axes=axes,
    methods=METHODS,
    run_cell=run_cell,
    stages=(Stage("theory", ("beta", "share"), theory),),
    claims=CLAIMS,
    tables=tables,
    figures={
        "overlap": figures.overlap,
        "finite_size": figures.finite_size,
        "energies": figures.energies,
    },
    metric="overlap",
)
