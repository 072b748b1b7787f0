"""The theorems on retrieval, measured: error against its bound, energy, fixed points, capacity.

Sec. 2 and App. A of Ramsauer et al. (arXiv 2008.02217), and half-erased digits in comparison with
the memories that modern Hopfield networks generalise.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from neurarium.data.load import load
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
    paired,
)
from neurarium.memory import (
    DenseAssociativeMemory,
    HopfieldNetwork,
    hopfield_energy,
    hopfield_retrieve,
    metastable_size,
)
from neurarium.memory.associative import AssociativeMemory
from neurarium.memory.theory import (
    is_well_separated,
    operating_class,
    retrieval_error_bound,
)

from . import figures

CLAIMED = {"digit_beta": 64.0, "steps": 1}
"""How digits are retrieved where memories are compared."""


CLASSES = ("I", "II", "III", "IV")


@dataclass(frozen=True)
class Config:
    """One set of measurements.

    Args:
        num_seeds: of every measurement.
        dims: of the random patterns.
        counts: of the random patterns.
        betas: inverse temperatures for energy and fixed points.
        num_states: from which energy and fixed points start.
        digit_counts: stored digits.
        digit_betas: inverse temperatures for digits.
        digit_steps: softmaxes for digits.
        num_cues: half-erased digits that are asked for.
        num_sweeps: over all pixels, at most, of the binary memories.
    """

    num_seeds: int = 5
    dims: tuple[int, ...] = (8, 16, 32, 64)
    counts: tuple[int, ...] = (16, 64, 256, 1024, 4096)
    betas: tuple[float, ...] = (0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0, 4.0, 16.0, 64.0)
    num_states: int = 200
    digit_counts: tuple[int, ...] = (10, 50, 200, 1000, 2000)
    digit_betas: tuple[float, ...] = (0.1, 1.0, 4.0, 16.0, 64.0, 256.0)
    digit_steps: tuple[int, ...] = (1, 2, 5)
    num_cues: int = 50
    num_sweeps: int = 10


PRESETS = {
    "smoke": Config(
        num_seeds=1,
        dims=(16,),
        counts=(16, 256),
        betas=(0.05, 4.0),
        num_states=20,
        digit_counts=(10, 100),
        digit_betas=(64.0,),
        digit_steps=(1,),
        num_cues=10,
        num_sweeps=3,
    ),
    "quick": Config(num_seeds=2, counts=(16, 256, 1024), digit_counts=(10, 200, 1000)),
    "full": Config(),
    "paper": Config(num_seeds=10, dims=(8, 16, 32, 64, 128)),
}


def sphere(cell: Cell, config: Config) -> Result:
    """One update from a noisy pattern, for random patterns on a sphere of radius 2√(d − 1)."""
    dim, count, beta = int(cell.dim), int(cell.count), 1.0
    stored = torch.randn(count, dim, dtype=torch.float64)
    stored *= 2 * math.sqrt(dim - 1) / stored.norm(dim=-1, keepdim=True)
    fixed = hopfield_retrieve(stored, stored, beta=beta, num_steps=10)
    cue = stored + 0.05 * torch.randn_like(stored)
    distance = torch.maximum((cue - stored).norm(dim=-1), (fixed - stored).norm(dim=-1))
    bound = retrieval_error_bound(stored, distance, beta=beta)
    error = (hopfield_retrieve(cue, stored, beta=beta) - stored).norm(dim=-1)
    longest = 2 * math.sqrt(dim - 1)
    separated, retrieved = is_well_separated(stored, beta=beta), error < 0.01 * longest
    shown = torch.linspace(0, count - 1, min(count, 64)).long()
    return Result(
        {
            "violations": float((error > bound + 1e-12 * longest).sum()),
            "retrieved": float(retrieved.double().mean()),
            "well_separated": float(separated.double().mean()),
            "separated_but_missed": float((separated & ~retrieved).sum()),
            "median_error": float(error.median()),
        },
        arrays={
            "error": error[shown].numpy(),
            "bound": bound[shown].numpy(),
        },
    )


def dynamics(cell: Cell, config: Config) -> Result:
    """Energy along the steps, and what kind of fixed point noisy patterns end in.

    The patterns form 8 groups of 8 similar ones, so that single patterns, means of groups and the
    global mean are all to be seen as β varies.
    """
    beta, stored = float(cell.beta), grouped_patterns()
    state = stored[torch.randint(len(stored), (config.num_states,))]
    state = state + 0.5 * torch.randn_like(state)
    _, weights = hopfield_retrieve(
        state, stored, beta=beta, num_steps=None, tol=1e-8, return_attention=True
    )
    sizes = metastable_size(weights)
    energies = []
    for _ in range(12):
        energies.append(hopfield_energy(state, stored, beta=beta))
        state = hopfield_retrieve(state, stored, beta=beta)
    energy = torch.stack(energies)
    return Result(
        {
            "largest_increase": max(0.0, float(energy.diff(dim=0).max())),
            "lowest_energy": float(energy.min()),
            "median_size": float(sizes.double().median()),
            "class": CLASSES.index(operating_class(sizes, len(stored))) + 1.0,
        },
        {"energy": energy.mean(1).tolist()},
        {"sizes": sizes.numpy()},
    )


def grouped_patterns() -> Tensor:
    """Random patterns (64, 16) in 8 groups of 8 similar ones."""
    centres = torch.randn(8, 1, 16, dtype=torch.float64)
    return (centres + 0.5 * torch.randn(8, 8, 16, dtype=torch.float64)).flatten(0, 1)


def modern(cell: Cell, config: Config) -> Result:
    """Retrieval by β and steps; patterns have length 1, and the cue's lower half is 0."""
    stored, cues = digits(int(cell.digits), config)
    recalled = hopfield_retrieve(
        cues / 28, stored / 28, beta=float(cell.digit_beta), num_steps=int(cell.steps)
    )
    return _compared(recalled, stored)


def classical(cell: Cell, config: Config) -> Result:
    """Hopfield's network of 1982; the lower half of the cue is background."""
    return _binary(HopfieldNetwork(784), cell, config)


def dense(degree: int, cell: Cell, config: Config) -> Result:
    """A dense associative memory with the energy −Σ sⁿ; cue as for the classical network."""
    return _binary(DenseAssociativeMemory(784, degree=degree, energy="power"), cell, config)


def digits(count: int, config: Config) -> tuple[Tensor, Tensor]:
    """Random digits of ±1 (count, 784), and the first of them with the lower half set to 0."""
    images = load("mnist").train
    chosen = images[torch.randperm(len(images))[:count].numpy()]
    stored = torch.from_numpy(np.where(chosen > 127, 1.0, -1.0)).float().flatten(1)
    cues = stored[: config.num_cues].clone()
    cues[:, 392:] = 0
    return stored, cues


def _binary(memory: AssociativeMemory, cell: Cell, config: Config) -> Result:
    stored, cues = digits(int(cell.digits), config)
    memory.store(stored)
    cues[:, 392:] = -1
    return _compared(memory.recall(cues, num_sweeps=config.num_sweeps).state, stored)


def _compared(recalled: Tensor, stored: Tensor) -> Result:
    """A digit is retrieved where the sign of at most 1 % of its pixels is wrong."""
    wanted = stored[: len(recalled)]
    right = (recalled.sign() == wanted).double().mean(-1)
    return Result(
        {"retrieved": float((right >= 0.99).double().mean()), "pixels": float(right.mean())},
        arrays={"wanted": wanted[:5].numpy(), "recalled": recalled[:5].numpy()},
    )


def run_cell(cell: Cell, config: Config, context: Context) -> Result:
    """One measurement."""
    return context.method(cell, config)


def axes(config: Config) -> Mapping[str, Iterable[int | float]]:
    """All axes; each method keeps some of them."""
    return {
        "seed": range(config.num_seeds),
        "dim": config.dims,
        "count": config.counts,
        "beta": config.betas,
        "digits": config.digit_counts,
        "digit_beta": config.digit_betas,
        "steps": config.digit_steps,
    }


def _only(fn: Callable[[Cell, Config], Result], *kept: str) -> Method:
    dropped = {"dim", "count", "beta", "digits", "digit_beta", "steps"} - set(kept)
    return Method(fn, dict.fromkeys(sorted(dropped), ()))


def total(metric: str, method: str, records: Records) -> float:
    """A metric added up over all cells of a method."""
    return math.fsum(r.metrics[metric] for r in records.ok.where(method=method))


def largest_increase(records: Records) -> float:
    """The largest increase of the energy by any update."""
    return max(r.metrics["largest_increase"] for r in records.ok.where(method="dynamics"))


def classes_passed(records: Records) -> float:
    """Operating class (1 to 4) at the largest β minus that at the smallest."""
    found = records.where(method="dynamics").values("class", "beta")
    return found[max(found)] - found[min(found)]


def gained_over(rival: str, records: Records) -> list[float]:
    """Share of digits retrieved minus that of a rival, at the largest number stored."""
    most = max(records.where(method=rival).axis("digits"))
    ours = records.where(method="modern", digits=most, **CLAIMED)
    both = Records([*ours, *records.where(method=rival, digits=most)])
    return paired(both, "retrieved", "modern", rival, unit="seed")


CLAIMS: tuple[Claim | Exact, ...] = (
    Exact(
        "The error after one update is below its bound: patterns that exceed it",
        "Sec. 2",
        partial(total, "violations", "sphere"),
        value=0.0,
        tolerance=0.0,
    ),
    Exact(
        "Well separated patterns are retrieved in one update: those that are not",
        "Sec. 2",
        partial(total, "separated_but_missed", "sphere"),
        value=0.0,
        tolerance=0.0,
    ),
    Exact(
        "No update increases the energy: the largest increase",
        "Theorem 1",
        largest_increase,
        value=0.0,
        tolerance=1e-9,
    ),
    Exact(
        "From small to large β a network passes from averaging everything (class I) to single "
        "patterns (class IV): classes passed",
        "Sec. 3",
        classes_passed,
        value=3.0,
        tolerance=0.1,
    ),
    *(
        Claim(
            f"Softmax retrieval completes more half-erased digits than {name}",
            "Sec. 2",
            partial(gained_over, rival),
        )
        for rival, name in (
            ("classical", "Hopfield's network of 1982"),
            ("dense_3", "a dense memory of degree 3"),
        )
    ),
)


def tables(records: Records) -> tuple[Table, ...]:
    """Digits by memory, random patterns by size, fixed points by β."""
    return (_digits_table(records), _sphere_table(records), _dynamics_table(records))


def _digits_table(records: Records) -> Table:
    counts = records.where(method="classical").axis("digits")
    rows: list[tuple[str | float, ...]] = []
    found = records.where(method="modern").values("retrieved", "digit_beta", "steps", "digits")
    for beta, steps in dict.fromkeys((beta, steps) for beta, steps, _ in found):
        name = f"softmax, β = {beta:g}, {steps} steps"
        rows.append((name, *(found[beta, steps, count] for count in counts)))
    for method in ("classical", "dense_2", "dense_3"):
        shares = records.where(method=method).values("retrieved", "digits")
        rows.append((method, *(shares[count] for count in counts)))
    return Table(
        "Share of digits completed from their upper half (99 % of pixels right)",
        ("memory", *(f"{count} stored" for count in counts)),
        tuple(rows),
    )


def _sphere_table(records: Records) -> Table:
    names = ("well_separated", "retrieved", "median_error", "violations")
    found = {name: records.where(method="sphere").values(name, "dim", "count") for name in names}
    return Table(
        "Random patterns on a sphere, one update at β = 1",
        ("d, N", *(name.replace("_", " ") for name in names)),
        tuple(
            (f"{dim}, {count}", *(found[name][dim, count] for name in names))
            for dim, count in found["retrieved"]
        ),
    )


def _dynamics_table(records: Records) -> Table:
    names = ("median_size", "class", "largest_increase")
    found = {name: records.where(method="dynamics").values(name, "beta") for name in names}
    return Table(
        "64 patterns in 8 groups: what noisy patterns end in",
        ("β", "median size", "class (1 to 4)", "largest increase of the energy"),
        tuple((f"{beta:g}", *(found[name][beta] for name in names)) for beta in found["class"]),
    )


THEORY = Experiment(
    slug="hopfield",
    part="theory",
    presets=PRESETS,
    axes=axes,
    methods={
        "sphere": _only(sphere, "dim", "count"),
        "dynamics": _only(dynamics, "beta"),
        "modern": _only(modern, "digits", "digit_beta", "steps"),
        "classical": _only(classical, "digits"),
        "dense_2": _only(partial(dense, 2), "digits"),
        "dense_3": _only(partial(dense, 3), "digits"),
    },
    run_cell=run_cell,
    claims=CLAIMS,
    tables=tables,
    figures={
        "bound": figures.bound,
        "energy": figures.energy,
        "digits": figures.digits,
        "completed": figures.completed,
    },
    metric="retrieved",
)
