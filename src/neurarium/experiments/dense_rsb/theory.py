"""What the theory says: capacities, ground states, and where in temperature symmetry breaks.

Albanese et al., "Replica symmetry breaking in dense neural networks" (arXiv 2111.12997).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from neurarium.evaluation import (
    Cell,
    Claim,
    Context,
    Exact,
    Experiment,
    Method,
    Records,
    Result,
    Table,
)
from neurarium.memory.theory import (
    dense_at_line,
    dense_capacity,
    dense_ground_state,
    dense_onset,
    dense_rs,
    dense_spinodal,
    dense_transition,
    replicon,
)

from . import figures

KNOWN = {  # degree → largest noise without breaking, noise at which the glass lies lower
    4: (0.19786012, 0.190287),
    6: (0.15767954, 0.121272),
    8: (0.13970033, 0.090330),
}


@dataclass(frozen=True)
class Config:
    """One set of solutions.

    Args:
        degrees: P.
        num_noises: points along the ground-state curves.
        num_betas: points along the lines in temperature.
    """

    degrees: tuple[int, ...] = (4, 6, 8, 10, 12)
    num_noises: int = 30
    num_betas: int = 30


PRESETS = {
    "smoke": Config((4,), num_noises=2, num_betas=2),
    "quick": Config((4, 6, 8), num_noises=10, num_betas=12),
    "full": Config(),
    "paper": Config(num_noises=60, num_betas=60),
}


def capacities(cell: Cell, config: Config, context: Context) -> Result:
    """Where retrieval ends, where it is no longer lowest, where it begins in temperature."""
    degree = int(cell.degree)
    symmetric = dense_capacity(degree)
    broken = dense_capacity(degree, level="1rsb")
    return Result(
        {
            "symmetric": symmetric.noise,
            "broken": broken.noise,
            "symmetric_load": symmetric.load,
            "power_load": dense_capacity(degree, energy="power").load,
            "symmetric_overlap": symmetric.m,
            "broken_overlap": broken.m,
            "transition": dense_transition(degree, level="rs"),
            "onset": dense_onset(degree).signal_beta,
            "residual": max(symmetric.residual, broken.residual),
        }
    )


def ground_states(cell: Cell, config: Config, context: Context) -> Result:
    """Overlap and energy by noise: both theories of retrieval, and the glass."""
    degree = int(cell.degree)
    end = dense_capacity(degree, level="1rsb").noise
    noises = end * np.linspace(0.3, 0.99, config.num_noises)
    curves: dict[str, list[float]] = {"noise": noises.tolist()}
    states = {"rs": ("rs", "retrieval"), "1rsb": ("1rsb", "retrieval"), "glass": ("1rsb", "glass")}
    for index, (name, (level, phase)) in enumerate(states.items()):
        found = [_ground_state(float(noise), degree, level, phase) for noise in noises]
        curves[f"{name} overlap"] = [m for m, _ in found]
        curves[f"{name} energy"] = [energy for _, energy in found]
        context.progress((index + 1) / len(states))
    lower = np.nanmax(np.subtract(curves["1rsb energy"], curves["rs energy"]))
    return Result({"largest_change": float(lower)}, curves)


def _ground_state(noise: float, degree: int, level: str, phase: str) -> tuple[float, float]:
    """Overlap and energy; not a number where there is no such state."""
    found = dense_ground_state(noise, degree, level=level, phase=phase, tol=1e-10)
    if not found.converged or (phase == "retrieval" and found.m < 0.5):
        return math.nan, math.nan
    return found.m, found.energy


def lines(cell: Cell, config: Config, context: Context) -> Result:
    """By temperature: the noise at which retrieval ends, and that at which symmetry breaks."""
    degree = int(cell.degree)
    onset = dense_onset(degree).signal_beta
    betas = 1 / np.linspace(0.98 / onset, 0.02, config.num_betas)
    spinodal = [dense_spinodal(float(b), degree).noise for b in betas]
    stability = []
    for b, end in zip(betas, spinodal, strict=True):
        state = dense_rs(float(b), 0.999 * end, degree)
        stability.append(
            replicon(state.m, state.q, signal_beta=float(b), noise=0.999 * end, degree=degree)
        )
    noises = dense_capacity(degree).noise * np.linspace(0.5, 1.1, config.num_betas)
    at_line = [dense_at_line(float(noise), degree).signal_beta for noise in noises]
    return Result(
        {"coldest_spinodal": spinodal[-1]},
        {
            "temperature": (1 / betas).tolist(),
            "spinodal": spinodal,
            "replicon": stability,
            "at_noise": noises.tolist(),
            "at_temperature": [1 / b for b in at_line],
        },
    )


METHODS = {
    "capacities": Method(capacities),
    "ground_states": Method(ground_states),
    "lines": Method(lines),
}


def axes(config: Config) -> Mapping[str, Iterable[int]]:
    """Degrees."""
    return {"degree": config.degrees}


def run_cell(cell: Cell, config: Config, context: Context) -> Result:
    """One set of solutions."""
    found: Result = context.method(cell, config, context)
    return found


def raised(records: Records) -> list[float]:
    """Logarithm of the capacity with one step of breaking over that without; by degree."""
    chosen = records.ok.where(method="capacities")
    return [math.log(r.metrics["broken"] / r.metrics["symmetric"]) for r in chosen]


def of_degree(name: str, degree: int, records: Records) -> float:
    """A number of one degree."""
    found = records.ok.where(method="capacities").values(name, "degree")
    return found.get(degree, math.nan)


def in_all_degrees(records: Records) -> bool:
    """Whether every degree's capacity is raised."""
    return min(raised(records)) > 0


def _exact(degree: int) -> tuple[Exact, ...]:
    symmetric, transition = KNOWN[degree]
    return (
        Exact(
            f"Largest noise with retrieval without breaking, P = {degree}",
            "ground state, T → 0",
            partial(of_degree, "symmetric", degree),
            value=symmetric,
            tolerance=1e-5,
        ),
        Exact(
            f"Noise above which the glass lies below retrieval, P = {degree}",
            "ground state, T → 0",
            partial(of_degree, "transition", degree),
            value=transition,
            tolerance=1e-5,
        ),
    )


CLAIMS: tuple[Claim | Exact, ...] = (
    Claim(
        "One step of replica symmetry breaking raises the capacity, for every degree: log ratio",
        "abstract: maximal storage from the ground state",
        raised,
        holds=in_all_degrees,
    ),
    *(claim for degree in KNOWN for claim in _exact(degree)),
)


def tables(records: Records) -> tuple[Table, ...]:
    """Capacities in all units."""
    chosen = records.ok.where(method="capacities")
    names = {
        "symmetric": "r_c RS",
        "symmetric_overlap": "m there",
        "broken": "r_c 1RSB",
        "broken_overlap": "m there ",
        "transition": "r, glass lower",
        "symmetric_load": "α_c distinct",
        "power_load": "α_c power",
        "onset": "smallest b",
    }
    found: dict[str, Any] = {name: chosen.values(name, "degree") for name in names}
    return (
        Table(
            "Where retrieval ends",
            ("P", *names.values()),
            tuple((p, *(found[name][p] for name in names)) for p in found["symmetric"]),
        ),
    )


FIGURES: dict[str, Callable[[Records], Any]] = {
    "ground_states": figures.ground_states,
    "lines": figures.lines,
}

THEORY = Experiment(
    slug="dense-rsb",
    part="theory",
    presets=PRESETS,
    axes=axes,
    methods=METHODS,
    run_cell=run_cell,
    claims=CLAIMS,
    tables=tables,
    figures=FIGURES,
    metric="symmetric",
)
