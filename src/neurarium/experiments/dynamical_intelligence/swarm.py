"""Rewards that a swarm takes in two mazes, beside walks of the same speed and ablations."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from neurarium.data import load_maze
from neurarium.data.mazes import require_maze
from neurarium.evaluation import (
    Cell,
    Claim,
    Context,
    Experiment,
    Records,
    Result,
    Stage,
    Table,
    paired,
)
from neurarium.memory import Arena, NeuroSwarms, SwarmParameters, Trajectories, order_parameter

from . import figures
from .walks import walk

WALKS = ("random_walk", "persistent_walk")
CURVE_POINTS, NUM_PICTURES = 45, 4


@dataclass(frozen=True)
class Config:
    """One comparison.

    Args:
        mazes: of :func:`neurarium.data.load_maze`.
        num_seeds: of starting places, phases and preferred cues.
        num_agents: in a swarm, or virtual particles of a single body.
        seconds: simulated.
        sigma: the swarm's width, in units of the arena; the authors' example has 2.
        kappa: the rewards' length; the authors' example has 1.5.
        persistences: seconds for which the two walks keep their heading.
    """

    mazes: tuple[str, ...] = ("multi_reward_arena", "hairpin")
    num_seeds: int = 10
    num_agents: int = 128
    seconds: float = 22.0
    sigma: float = 2.0
    kappa: float = 1.5
    persistences: tuple[float, float] = (0.1, 2.0)

    @property
    def params(self) -> SwarmParameters:
        """Of the swarm."""
        return SwarmParameters(sigma=self.sigma, kappa=self.kappa)


PRESETS = {
    "smoke": Config(("multi_reward_arena",), 1, num_agents=12, seconds=0.3),
    "quick": Config(num_seeds=1, num_agents=32, seconds=3.0),
    "full": Config(),
    "paper": Config(num_seeds=20, num_agents=300),
}


@dataclass(frozen=True)
class Task:
    """What a method is given; it returns :class:`neurarium.memory.Trajectories`.

    Args:
        arena: where.
        config: the configuration.
        seed: of starting places and whatever else is drawn.
        speeds: asks for the mean speed of the swarm at each step, (T,).
    """

    arena: Arena
    config: Config
    seed: int
    speeds: Callable[[], Float[Tensor, " T"]]


def swarm(task: Task, *, mode: str = "swarm", **changes: Any) -> Trajectories:
    """NeuroSwarms, with other parameters for an ablation."""
    agents = NeuroSwarms(
        task.arena,
        task.config.num_agents,
        mode=mode,
        params=replace(task.config.params, **changes),
        generator=torch.Generator().manual_seed(task.seed),
    )
    return agents.run(task.config.seconds)


def walkers(task: Task, *, number: int) -> Trajectories:
    """Walkers from the swarm's starting places at the swarm's mean speed."""
    params = task.config.params
    return walk(
        task.arena,
        task.arena.sample_starts(
            task.config.num_agents, generator=torch.Generator().manual_seed(task.seed)
        ),
        task.speeds(),
        dt=params.dt,
        persistence=task.config.persistences[number],
        capture_radius=params.capture_radius,
        generator=torch.Generator().manual_seed(task.seed + 1),
    )


METHODS: dict[str, Callable[[Task], Trajectories]] = {
    "swarm": swarm,
    "no_phase_coupling": partial(swarm, phase_coupling=False),
    "no_recurrence": partial(swarm, swarm_gain=0.0, swarm_rate=0.0),
    "no_reward": partial(swarm, reward_gain=0.0, reward_rate=0.0),
    "random_walk": partial(walkers, number=0),
    "persistent_walk": partial(walkers, number=1),
    "single_entity": partial(swarm, mode="single"),
}


def datasets(config: Config) -> Mapping[str, Callable[[], Arena]]:
    """Name → builder of every maze's :class:`neurarium.memory.Arena`."""
    return {require_maze(name): partial(build_arena, name) for name in config.mazes}


@cache
def build_arena(name: str) -> Arena:
    """A maze with all of its maps, which no method changes."""
    maze = load_maze(name)
    return Arena(maze.walls, maze.cues, maze.rewards, spawns=maze.spawns, size=maze.size)


def axes(config: Config) -> Mapping[str, Iterable[int]]:
    """Seeds."""
    return {"seed": range(config.num_seeds)}


def build_speeds(cell: Cell, config: Config, context: Context) -> Mapping[str, Any]:
    """The mean speed of the swarm at each step, which the walks are given."""
    run = swarm(Task(context.data, config, int(cell.seed), _no_speeds))
    return {"speeds": speeds_of(run, config).mean(1).numpy()}


def _no_speeds() -> Tensor:
    raise RuntimeError("the swarm's own run has no speeds to follow")


def speeds_of(run: Trajectories, config: Config) -> Float[Tensor, "T B"]:
    """Of every body at every step; the first step has that of the second."""
    steps = run.positions.diff(dim=0).norm(dim=-1) / config.params.dt
    return torch.cat([steps[:1], steps])


def run_cell(cell: Cell, config: Config, context: Context) -> Result:
    """Rewards taken, and when."""
    arena = context.data
    task = Task(
        arena,
        config,
        int(cell.seed),
        lambda: torch.from_numpy(np.asarray(context.stage("speeds")["speeds"])),
    )
    run = context.method(task)
    found = run.capture_times.amin(0)
    pairs = run.capture_times.flatten()
    clock = torch.linspace(0, config.seconds, CURVE_POINTS)
    inside = arena.interior[arena.point_of(run.positions[-1])]
    metrics = {
        "share_captured": run.share_captured,
        "rewards_found": float(found.isfinite().double().mean()),
        "first_capture": min(run.first_capture, config.seconds),
        "mean_speed": float(speeds_of(run, config).mean()),
        "inside": float(inside.double().mean()),
    }
    if run.activations.any():  # walkers have no phases
        metrics["synchrony"] = float(order_parameter(run.phases[-1]).abs())
    curve = (pairs[None] <= clock[:, None]).double().mean(1).tolist()
    arrays = pictures(arena, run) if cell.method == "swarm" and cell.seed == 0 else {}
    return Result(metrics, {"share_captured": curve}, arrays)


def pictures(arena: Arena, run: Trajectories) -> dict[str, np.ndarray]:
    """Bodies and phases at a few moments, with the drawing of the arena."""
    steps = torch.linspace(0, len(run.times) - 1, NUM_PICTURES).long()
    return {
        "times": run.times[steps].numpy(),
        "positions": run.positions[steps].float().numpy(),
        "phases": run.phases[steps].float().numpy(),
        "taken": (run.capture_times.amin(0) <= run.times[steps, None]).numpy(),
        "walls": arena.walls.numpy(),
        "cues": arena.cues.numpy(),
        "rewards": arena.rewards.numpy(),
        "size": np.array(arena.size),
    }


def gained_over_walks(records: Records) -> list[float]:
    """Share captured minus that of the better walk of the seed, averaged over mazes."""
    chosen = records.values("share_captured", "method", "seed", "dataset")
    seeds = dict.fromkeys(key[1:] for key in chosen if key[0] == "swarm")
    gains: dict[Any, list[float]] = {}
    for seed, maze in seeds:
        best = max(chosen[name, seed, maze] for name in WALKS)
        gains.setdefault(seed, []).append(chosen["swarm", seed, maze] - best)
    return [math.fsum(values) / len(values) for values in gains.values()]


def beats_walks_on_every_seed(records: Records) -> bool:
    """The further rule of the headline."""
    return min(gained_over_walks(records)) > 0


def gained_over(rival: str, records: Records) -> list[float]:
    """Share captured minus a rival's, averaged over mazes; one number a seed."""
    return paired(records, "share_captured", "swarm", rival, unit="seed")


def exceeds_seed_spread(rival: str, records: Records) -> bool:
    """Whether the mean difference is larger than the swarm's deviation over seeds."""
    own = list(records.where(method="swarm").values("share_captured", "seed").values())
    gains = gained_over(rival, records)
    return len(own) > 1 and abs(float(np.mean(gains))) > float(np.std(own, ddof=1))


def tables(records: Records) -> tuple[Table, ...]:
    """One table a maze: a row a method."""
    names = ("share_captured", "rewards_found", "first_capture", "mean_speed", "synchrony")
    made = []
    for maze in records.axis("dataset"):
        chosen = records.where(dataset=maze)
        found = {name: chosen.values(name, "method") for name in names}
        rows = [
            (method, *(found[name].get(method) for name in names)) for method in found["mean_speed"]
        ]
        heads = (
            "method",
            "share of agent-reward pairs",
            "share of rewards by anyone",
            "first capture, s",
            "speed",
            "synchrony at the end",
        )
        made.append(Table(f"Rewards taken in {maze}", heads, tuple(rows)))
    return tuple(made)


SWARM = Experiment(
    slug="dynamical-intelligence",
    part="swarm",
    presets=PRESETS,
    axes=axes,
    datasets=datasets,
    methods=METHODS,
    stages=(Stage("speeds", ("dataset", "seed"), build_speeds),),
    run_cell=run_cell,
    claims=(
        Claim(
            "Phase-coupled agents that learn by moving take more rewards than the better of two "
            "walks of the same speed, on every seed",
            "argument on closed loops; NeuroSwarms (2020) shows single runs",
            gained_over_walks,
            holds=beats_walks_on_every_seed,
            headline=True,
        ),
        Claim(
            "Phase coupling raises the share of rewards taken by more than the seeds' spread",
            "argument on synchrony; the measure is this library's",
            partial(gained_over, "no_phase_coupling"),
            holds=partial(exceeds_seed_spread, "no_phase_coupling"),
        ),
        Claim(
            "Recurrence raises the share of rewards taken",
            "argument on recurrence; the measure is this library's",
            partial(gained_over, "no_recurrence"),
        ),
        Claim(
            "Agents that feel rewards take more of them than agents that do not",
            "NeuroSwarms (2020), reward approach",
            partial(gained_over, "no_reward"),
        ),
    ),
    tables=tables,
    figures={"captured": figures.captured, "swarm": figures.swarm},
    metric="share_captured",
)
