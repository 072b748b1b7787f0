"""An experiment of two parts that takes milliseconds, for the command line."""

import os
from dataclasses import dataclass

from neurarium.evaluation import Claim, Experiment, Result


@dataclass(frozen=True)
class Config:
    """What the tiny experiment varies.

    Args:
        num_seeds: paired repetitions.
        shift: by how much ours is better.
        broken: the method that raises, to see a failure.
        log: a file that gets one line a computed cell.
        methods: the methods compared.
    """

    num_seeds: int = 3
    shift: float = 0.5
    broken: str = ""
    log: str = ""
    methods: tuple[str, ...] = ("ours", "theirs")


def ours(seed, config):
    return seed / 10 + config.shift


def theirs(seed, config):
    return seed / 10


def run_cell(cell, config, context):
    if config.log:
        with open(config.log, "a") as file:
            file.write(f"{cell.identity} {os.getpid()}\n")
    if cell.method == config.broken:
        raise ArithmeticError("it broke\nin two lines")
    return Result({"accuracy": context.method(cell.seed, config)})


def advantage(records):
    mine = records.where(method="ours").values("accuracy", "seed")
    other = records.where(method="theirs").values("accuracy", "seed")
    return [mine[seed] - other[seed] + seed / 100 for seed in mine]


def experiment(part, num_seeds):
    return Experiment(
        slug="tiny",
        part=part,
        presets={"smoke": Config(1), "quick": Config(num_seeds), "full": Config(6)},
        axes=lambda config: {"method": config.methods, "seed": range(config.num_seeds)},
        run_cell=run_cell,
        methods={"ours": ours, "theirs": theirs},
        claims=(Claim("ours is better", "Table 1", advantage, headline=part == "main"),),
    )


EXPERIMENTS = (experiment("main", 3), experiment("other", 2))
