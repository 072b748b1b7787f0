"""Dilution × temperature: theory, Monte Carlo, and the thresholds between regimes.

Agliari, Alessandrelli, Barra, Ricci-Tersenghi, "Parallel Learning by Multitasking Neural Networks"
(arXiv 2308.04106). Temperatures are given in units of the critical one, 1 − d.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch

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
)
from neurarium.memory import MultitaskingHopfield, random_patterns
from neurarium.memory.theory import hierarchical_overlaps, multitasking_solve

from . import figures
from .simulation import (
    STRAY,
    largest_difference,
    predicted_jump,
    predicted_stray,
    settled_overlaps,
)

PHASES_OF = ("paramagnet", "pure", "hierarchical", "parallel")
CLOSED = (0.8, 0.95)
"""Between these dilutions the overlaps of the coldest state are compared."""

RELATIVE_STRAY = 0.015
"""Predicted straying, in units of 1 − d, up to which relative overlaps are compared."""


@dataclass(frozen=True)
class Config:
    """One set of measurements.

    Args:
        num_seeds: of patterns and dynamics.
        num_patterns: K.
        dilutions: d.
        temperatures: in units of 1 − d.
        num_units: N.
        num_chains: of a simulation.
        num_sweeps: before, and again while overlaps are averaged.
        sizes: N at which the finite-size gap is measured.
        num_map: points of the solver's map along each axis.
    """

    num_seeds: int = 5
    num_patterns: tuple[int, ...] = (3, 5)
    dilutions: tuple[float, ...] = (0.0, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
    temperatures: tuple[float, ...] = (0.02, 0.1, 0.2, 0.4, 0.6, 0.8, 1.2)
    num_units: int = 300_000
    num_chains: int = 1
    num_sweeps: int = 30
    sizes: tuple[int, ...] = (500, 2000, 8000, 32_000, 128_000)
    num_map: int = 25


PRESETS = {
    "smoke": Config(
        1,
        num_patterns=(3,),
        dilutions=(0.4, 0.8, 0.95),
        temperatures=(0.02, 0.6),
        num_units=20_000,
        num_sweeps=10,
        sizes=(500, 4000),
        num_map=2,
    ),
    "quick": Config(
        1,
        num_patterns=(3,),
        dilutions=(0.2, 0.4, 0.5, 0.7, 0.8, 0.95),
        temperatures=(0.02, 0.4, 0.6),
        num_units=50_000,
        sizes=(500, 2000, 8000),
        num_map=10,
    ),
    "full": Config(),
    "paper": Config(num_seeds=10, num_units=1_000_000),
}


def theory(cell: Cell, config: Config, context: Context) -> Mapping[str, Any]:
    """The solution that the hierarchical state leads to."""
    d, k = float(cell.dilution), int(cell.num_patterns)
    beta = 1 / (float(cell.temperature) * (1 - d))
    state = multitasking_solve(k, d, beta)
    return {
        "overlaps": state.overlaps.abs().tolist(),
        "softness": state.softness,
        "jump": predicted_jump(state, beta, config.num_units),
        "phase": state.phase,
    }


def monte_carlo(cell: Cell, config: Config, context: Context) -> Result:
    """Overlaps of a sample beside those of the theory."""
    return _compared(cell, config.num_units, config, context)


def finite_size(cell: Cell, config: Config, context: Context) -> Result:
    """The same for samples of several sizes."""
    return _compared(cell, int(cell.num_units), config, context)


def _compared(cell: Cell, num_units: int, config: Config, context: Context) -> Result:
    d, expected = float(cell.dilution), context.stage("theory")
    patterns = random_patterns(int(cell.num_patterns), num_units, dilution=d)
    memory = MultitaskingHopfield(num_units)
    memory.store(patterns)
    found = settled_overlaps(memory, patterns, float(cell.temperature) * (1 - d), config)
    gap = largest_difference(found, expected["overlaps"])
    stray = predicted_stray(float(expected["softness"]), d, num_units)
    stray = max(stray, float(expected["jump"]))
    return Result(
        {
            "gap": gap,
            "relative_gap": gap / (1 - d),
            "away": float(stray < STRAY),
            "far_away": float(stray < RELATIVE_STRAY * (1 - d)),
            "phase": float(PHASES_OF.index(expected["phase"])),
        },
        {"overlaps": found, "theory": list(expected["overlaps"])},
    )


def losses(cell: Cell, config: Config, context: Context) -> Result:
    """The energy against the product of the quadratic losses, for random states, per unit."""
    patterns = random_patterns(5, 1000, dilution=0.6, dtype=torch.float64)
    memory = MultitaskingHopfield(1000, dtype=torch.float64)
    memory.store(patterns)
    states = torch.randint(0, 2, (200, 1000)).double() * 2 - 1
    to_pattern, to_negative = memory.losses(states)
    middle = ((2 - memory.dilution) / 2).square()
    from_losses = -(middle - to_pattern * to_negative).sum(-1) / 2
    gap = (memory.energy(states) / 1000 - from_losses).abs().max()
    return Result({"identity": float(gap)})


def thresholds(cell: Cell, config: Config, context: Context) -> Result:
    """Where the solver's hierarchical state breaks, stops being lowest, and where near T_c all
    patterns condense in place of one.
    """
    k = int(cell.num_patterns)

    def broken(d: float) -> bool:
        state = multitasking_solve(k, d, math.inf)
        gap = (state.overlaps - hierarchical_overlaps(k, d)).abs().max()
        return float(gap) > 1e-12

    def surpassed(d: float) -> bool:
        lowest = multitasking_solve(k, d, math.inf, init="lowest").free_energy
        return lowest < multitasking_solve(k, d, math.inf).free_energy - 1e-12 or broken(d)

    near, nearer = _switch(k, 0.96), _switch(k, 0.98)
    return Result(
        {
            "local": _bisect(broken, 0.3, 0.9),
            "lowest": _bisect(surpassed, 0.3, 0.9),
            "switch": 2 * nearer - near,  # the limit T → T_c of a straight line
        }
    )


def _switch(k: int, factor: float) -> float:
    """The dilution at which one pattern and all of them have equal free energies at factor · T_c.

    Multiplied by (1 − factor)^-2, as which they vanish at T_c.
    """
    from scipy.optimize import brentq

    def advantage(dilution: float) -> float:
        beta = 1 / (factor * (1 - dilution))
        pure, alike = (
            multitasking_solve(k, dilution, beta, init=init, tol=1e-8).free_energy
            for init in ("pure", "parallel")
        )
        return (pure - alike) / (1 - factor) ** 2

    return float(brentq(advantage, 0.6, 0.75, xtol=1e-4))


def _bisect(above: Callable[[float], bool], low: float, high: float) -> float:
    while high - low > 1e-7:
        middle = (low + high) / 2
        low, high = (low, middle) if above(middle) else (middle, high)
    return (low + high) / 2


def phase_map(cell: Cell, config: Config, context: Context) -> Result:
    """The phase of lowest free energy over dilution × absolute temperature."""
    places = (np.arange(config.num_map) + 0.5) / config.num_map
    found = np.zeros((config.num_map, config.num_map), dtype=np.int8)
    for row, temperature in enumerate(places):
        for column, d in enumerate(places):
            if 1 - d - temperature > 1e-9:  # nothing grows on the critical line itself
                state = multitasking_solve(
                    int(cell.num_patterns),
                    float(d),
                    1 / float(temperature),
                    init="lowest",
                    tol=1e-7,
                    max_iter=2000,
                )
                found[row, column] = PHASES_OF.index(state.phase)
        context.progress((row + 1) / config.num_map)
    shares = {name: float((found == i).mean()) for i, name in enumerate(PHASES_OF)}
    return Result(shares, arrays={"phases": found})


AXES = ("num_patterns", "dilution", "temperature", "num_units")


def _only(fn: Callable[..., Result], *kept: str, **own: tuple[Any, ...]) -> Method:
    dropped = dict.fromkeys({*AXES, "seed"} - {*kept, *own}, ())
    return Method(fn, {**dropped, **own})


METHODS = {
    "monte_carlo": _only(monte_carlo, "seed", "num_patterns", "dilution", "temperature"),
    "finite_size": _only(
        finite_size,
        "seed",
        "num_units",
        num_patterns=(3,),
        dilution=(0.4, 0.9),
        temperature=(0.1,),
    ),
    "losses": _only(losses, "seed"),
    "thresholds": _only(thresholds, num_patterns=(3, 5)),
    "phase_map": _only(phase_map, "num_patterns"),
}


def axes(config: Config) -> Mapping[str, Iterable[int | float]]:
    """All axes; each method keeps some of them."""
    return {
        "seed": range(config.num_seeds),
        "num_patterns": config.num_patterns,
        "dilution": config.dilutions,
        "temperature": config.temperatures,
        "num_units": config.sizes,
    }


def run_cell(cell: Cell, config: Config, context: Context) -> Result:
    """One measurement."""
    return context.method(cell, config, context)


def largest(metric: str, where: str, records: Records) -> list[float]:
    """|Monte Carlo − theory| of the worst pattern and point away from transitions, a seed each."""
    return [
        max((r.metrics[metric] for r in of_seed if r.metrics[where]), default=math.nan)
        for of_seed in _by_seed(records.ok.where(method="monte_carlo"))
    ]


def both_regimes_are_seen(records: Records) -> bool:
    """Whether theory and samples have points in both regimes, with all patterns retrieved: unequal,
    and equal to within a tenth of the largest possible overlap.
    """
    seen = {"hierarchical": False, "parallel": False}
    for record in records.ok.where(method="monte_carlo"):
        phase = PHASES_OF[int(record.metrics["phase"])]
        found = np.array(record.curves["overlaps"]) / (1 - float(record.cell.dilution))
        if record.metrics["away"] and found.min() > 0.03:
            equal = bool(np.ptp(found) < 0.1)
            seen[phase] |= equal == (phase == "parallel")
    return all(seen.values())


def power_law(records: Records) -> list[float]:
    """Ratio of the first two overlaps minus d, averaged over mild dilutions where it is cold."""
    chosen = records.ok.where(method="monte_carlo")
    coldest = min(chosen.axis("temperature"))
    effects = []
    for of_seed in _by_seed(chosen.where(temperature=coldest)):
        cells = [(float(r.cell.dilution), r.curves["overlaps"]) for r in of_seed]
        effects.append(float(np.mean([m[1] / m[0] - d for d, m in cells if 0 < d <= 0.5])))
    return effects


def closing_up(records: Records) -> list[float]:
    """How much further apart relative overlaps are at d = 0.8 than at 0.95, where it is cold."""
    chosen = records.ok.where(method="monte_carlo")
    coldest = min(chosen.axis("temperature"))
    effects = []
    for of_seed in _by_seed(chosen.where(temperature=coldest)):
        spread: dict[float, list[float]] = {d: [] for d in CLOSED}
        for record in of_seed:
            d = float(record.cell.dilution)
            if d in spread:
                spread[d].append(float(np.ptp(record.curves["overlaps"])) / (1 - d))
        effects.append(float(np.mean(spread[CLOSED[0]]) - np.mean(spread[CLOSED[1]])))
    return effects


def _by_seed(records: Records) -> list[Records]:
    return [records.where(seed=seed) for seed in records.axis("seed")]


def threshold(name: str, num_patterns: int, records: Records) -> float:
    """A dilution that the solver finds."""
    return records.where(method="thresholds").values(name, "num_patterns")[num_patterns]


def identity_gap(records: Records) -> float:
    """The largest difference between energy and losses, a unit."""
    return max(r.metrics["identity"] for r in records.ok.where(method="losses"))


CLAIMS: tuple[Claim | Exact, ...] = (
    Claim(
        "Away from transitions a sample's overlaps with all its patterns are, up to their order, "
        "those of theory: the largest difference",
        "abstract: theory and Monte Carlo agree",
        partial(largest, "gap", "away"),
        side=(-0.03, 0.03),
        holds=both_regimes_are_seen,
        headline=True,
    ),
    Claim(
        "The same in units of the largest possible overlap, 1 − d",
        "abstract: theory and Monte Carlo agree",
        partial(largest, "relative_gap", "far_away"),
        side=(-0.05, 0.05),
    ),
    Claim(
        "Under mild dilution the overlaps fall as powers of d",
        "abstract: power laws",
        power_law,
        side=(-0.02, 0.02),
    ),
    Claim(
        "Under strong dilution all patterns are retrieved with the same strength: the relative "
        "overlaps close up from d = 0.8 to 0.95",
        "abstract: all signals raised with the same strength",
        closing_up,
    ),
    *(
        Exact(
            f"The hierarchical state of {k} patterns is a fixed point up to this dilution",
            "1 − 2d + d^K = 0",
            partial(threshold, "local", k),
            value=value,
            tolerance=1e-6,
        )
        for k, value in ((3, (math.sqrt(5) - 1) / 2), (5, 0.5187901))
    ),
    Exact(
        "The hierarchical state of 3 patterns is the state of lowest energy up to this dilution",
        "closed form of the mixture that succeeds it",
        partial(threshold, "lowest", 3),
        value=(1 + 2 * math.sqrt(2)) / 7,
        tolerance=1e-6,
    ),
    Exact(
        "Just below the critical temperature all patterns condense in place of one from this "
        "dilution on",
        "fourth-order expansion: 2/3",
        partial(threshold, "switch", 3),
        value=2 / 3,
        tolerance=1e-3,
    ),
    Exact(
        "The energy is minus the product of two quadratic losses: the largest difference",
        "cost and loss functions",
        identity_gap,
        value=0.0,
        tolerance=1e-12,
    ),
)


def tables(records: Records) -> tuple[Table, ...]:
    """Overlaps where it is cold, and the thresholds."""
    return (_overlaps_table(records), _thresholds_table(records))


def _overlaps_table(records: Records) -> Table:
    chosen = records.ok.where(method="monte_carlo")
    rows: list[tuple[str | float, ...]] = []
    keys = ("num_patterns", "dilution", "temperature")
    gaps = chosen.values("gap", *keys)
    away = chosen.values("away", *keys)
    found, expected = (chosen.curves(name, *keys) for name in ("overlaps", "theory"))
    for k, d, temperature in gaps:
        key = (k, d, temperature)
        shares = [
            ", ".join(f"{m / (1 - d):.3f}" for m in overlaps[key]) for overlaps in (found, expected)
        ]
        near = "" if away[key] else "near a transition"
        rows.append((f"{k}, {d:g}, {temperature:g}", *shares, gaps[key], near))
    return Table(
        "Relative overlaps m/(1 − d) with all patterns",
        ("K, d, T/T_c", "Monte Carlo", "theory", "largest difference in m", ""),
        tuple(rows),
        note=(
            f"{sum(away.values()):g} of {len(away)} points are compared; near a transition: theory "
            f"predicts that samples of this size stray by {STRAY:g} or more"
        ),
    )


def _thresholds_table(records: Records) -> Table:
    names = {"local": "fixed point up to", "lowest": "lowest up to", "switch": "all near T_c from"}
    chosen = records.where(method="thresholds")
    found = {name: chosen.values(name, "num_patterns") for name in names}
    return Table(
        "Dilutions at which the hierarchical state ends, and at which all patterns condense",
        ("K", *names.values()),
        tuple((k, *(found[name][k] for name in names)) for k in found["local"]),
    )


PHASES = Experiment(
    slug="multitasking-hebbian",
    part="phases",
    presets=PRESETS,
    axes=axes,
    methods=METHODS,
    run_cell=run_cell,
    stages=(Stage("theory", ("num_patterns", "dilution", "temperature"), theory),),
    claims=CLAIMS,
    tables=tables,
    figures={
        "phase_map": figures.phase_map,
        "overlaps": figures.overlaps,
        "finite_size": figures.finite_size,
    },
    metric="gap",
    higher_is_better=False,
)
