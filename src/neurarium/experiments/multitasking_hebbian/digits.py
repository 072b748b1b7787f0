"""Three classes of real images in one state of a memory.

Archetypes, patterns and examples of Agliari et al. (arXiv 2308.04106) made of images: the archetype
of a class has the sign of its centred mean image where that is among the strongest share 1 − d of
all pixels, and is blank elsewhere; examples are images, brighter or darker than the mean, on the
same pixels.
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
from neurarium.evaluation import (
    Cell,
    Claim,
    Context,
    Experiment,
    Records,
    Result,
    Table,
    paired,
)
from neurarium.memory import HopfieldNetwork, MultitaskingHopfield

from . import figures

STRONG = 0.9
"""The dilution at which memories are compared."""

RULES = ("supervised", "unsupervised")


@dataclass(frozen=True)
class Config:
    """One comparison.

    Args:
        datasets: names of image sets.
        num_seeds: of classes, examples and cues.
        dilutions: d.
        num_patterns: K, the number of classes.
        num_examples: M, of each.
        num_cues: states that are recalled.
        num_sweeps: over all pixels, at most.
    """

    datasets: tuple[str, ...] = ("mnist", "fashion_mnist")
    num_seeds: int = 10
    dilutions: tuple[float, ...] = (0.0, 0.5, 0.7, 0.8, 0.9, 0.95)
    num_patterns: tuple[int, ...] = (3, 5)
    num_examples: int = 100
    num_cues: int = 50
    num_sweeps: int = 30


PRESETS = {
    "smoke": Config(
        ("mnist",), 1, dilutions=(STRONG,), num_patterns=(3,), num_examples=20, num_cues=5,
        num_sweeps=5,
    ),
    "quick": Config(("mnist",), 2, dilutions=(0.0, 0.7, STRONG), num_patterns=(3,), num_cues=10),
    "full": Config(),
    "paper": Config(num_seeds=20, num_examples=1000),
}  # fmt: skip


@dataclass(frozen=True)
class Problem:
    """What a method is given.

    Args:
        patterns: diluted archetypes (K, N) of −1, 0, 1.
        examples: (K, M, N), blank where the archetype is.
        undiluted: archetypes (K, N) of ±1, from the same examples.
        cues: (B, N) of ±1.
        num_sweeps: over all pixels, at most.
    """

    patterns: Tensor
    examples: Tensor
    undiluted: Tensor
    cues: Tensor
    num_sweeps: int


def multitasking(rule: str, problem: Problem) -> Tensor:
    """Learned from the examples by a rule of the paper."""
    memory = MultitaskingHopfield(problem.cues.shape[1])
    memory.learn(problem.examples, rule=rule, patterns=problem.patterns)
    return memory.recall(problem.cues, num_sweeps=problem.num_sweeps).state


def stored(problem: Problem) -> Tensor:
    """The diluted archetypes themselves."""
    memory = MultitaskingHopfield(problem.cues.shape[1])
    memory.store(problem.patterns)
    return memory.recall(problem.cues, num_sweeps=problem.num_sweeps).state


def undiluted(rule: str, problem: Problem) -> Tensor:
    """Hopfield's network of the undiluted archetypes of the same examples."""
    network = HopfieldNetwork(problem.cues.shape[1], rule=rule)
    network.store(problem.undiluted)
    return network.recall(problem.cues, num_sweeps=problem.num_sweeps).state


def cue(problem: Problem) -> Tensor:
    """No memory at all."""
    return problem.cues


METHODS: dict[str, Callable[[Problem], Tensor]] = {
    **{rule: partial(multitasking, rule) for rule in RULES},
    "stored": stored,
    "hebbian": partial(undiluted, "hebbian"),
    "pseudo-inverse": partial(undiluted, "pseudo-inverse"),
    "cue": cue,
}


def problem_of(
    images: Images, num_patterns: int, dilution: float, config: Config
) -> tuple[Problem, Tensor]:
    """Random classes with random examples and cues; and the classes."""
    labels = torch.from_numpy(images.train_labels)
    train, test = (torch.from_numpy(x).flatten(1) for x in (images.train, images.test))
    classes = torch.randperm(len(images.classes))[:num_patterns]
    shown = torch.stack([_draw(train[labels == c], config.num_examples) for c in classes])
    mean = train.float().mean(0)
    centred = shown.mean(1) - mean
    strongest = centred.abs().argsort(-1, descending=True)
    kept = strongest[:, : round((1 - dilution) * len(mean))]
    support = torch.zeros_like(centred).scatter_(1, kept, 1.0)
    archetypes = torch.where(centred > 0, 1.0, -1.0)  # as of the images
    held_out = torch.from_numpy(images.test_labels)
    votes = sum(_signs(_draw(test[held_out == c], config.num_cues), mean) for c in classes)
    assert isinstance(votes, Tensor)
    cues = torch.where(votes == 0, torch.randint(0, 2, votes.shape) * 2.0 - 1, votes.sign())
    problem = Problem(
        archetypes * support,
        _signs(shown, mean) * support[:, None],
        archetypes,
        cues,
        config.num_sweeps,
    )
    return problem, classes


def _draw(images: Tensor, count: int) -> Tensor:
    return images[torch.randint(len(images), (count,))].float()


def _signs(images: Tensor, mean: Tensor) -> Tensor:
    return torch.where(images > mean, 1.0, -1.0)


def run_cell(cell: Cell, config: Config, context: Context) -> Result:
    """How well the recalled states agree with all archetypes at once, up to their signs.

    The energy is the same for an archetype and its negative, so an archetype counts as retrieved
    with either sign: agreement is |m|/(1 − d), 1 where all pixels of the archetype are right.
    """
    problem, classes = problem_of(
        context.data, int(cell.num_patterns), float(cell.dilution), config
    )
    state = context.method(problem)
    size = problem.patterns.square().sum(-1)
    agreement = (state @ problem.patterns.T / size).abs()
    weakest = agreement.min(-1).values
    return Result(
        {
            "weakest": float(weakest.mean()),
            "mean": float(agreement.mean()),
            "best": float(agreement.max(-1).values.mean()),
        },
        arrays={
            "patterns": problem.patterns.to(torch.int8).numpy(),
            "cue": problem.cues[0].to(torch.int8).numpy(),
            "state": state[0].to(torch.int8).numpy(),
            "classes": classes.numpy(),
        },
    )


def gained_over(rival: str, records: Records) -> list[float]:
    """Agreement with the worst retrieved archetype, ours minus a rival's, by seed."""
    chosen = records.where(dilution=STRONG)
    return paired(chosen, "weakest", "unsupervised", rival, unit="seed")


def teacher(records: Records) -> list[float]:
    """Mean agreement with a teacher minus that without, by seed."""
    chosen = records.where(dilution=STRONG)
    return paired(chosen, "mean", "supervised", "unsupervised", unit="seed")


def datasets(config: Config) -> Mapping[str, Callable[[], Images]]:
    """Name → loader of :class:`neurarium.data.Images`."""
    return {name: partial(_load, entry(name).name) for name in config.datasets}


def _load(name: str) -> Images:
    images: Any = load(name)
    if not isinstance(images, Images):
        raise ValueError(f"datasets must be image sets: got {name!r}")
    return images


def axes(config: Config) -> Mapping[str, Iterable[int | float]]:
    """Seeds, numbers of classes, dilutions."""
    return {
        "seed": range(config.num_seeds),
        "num_patterns": config.num_patterns,
        "dilution": config.dilutions,
    }


def tables(records: Records) -> tuple[Table, ...]:
    """Agreement with the worst retrieved archetype, and with all, by dilution."""
    methods = [str(name) for name in records.axis("method")]
    titles = {"weakest": "the worst retrieved archetype", "mean": "an archetype, on average"}
    found = {name: records.values(name, "num_patterns", "dilution", "method") for name in titles}
    return tuple(
        Table(
            f"Agreement with {title}; 1 is perfect",
            ("K, d", *methods),
            tuple(
                (f"{k}, {d:g}", *(found[name][k, d, method] for method in methods))
                for k, d in dict.fromkeys(key[:2] for key in found[name])
            ),
        )
        for name, title in titles.items()
    )


DIGITS = Experiment(
    slug="multitasking-hebbian",
    part="digits",
    presets=PRESETS,
    axes=axes,
    datasets=datasets,
    methods=METHODS,
    run_cell=run_cell,
    claims=(
        *(
            Claim(
                "On MNIST and Fashion-MNIST, of several classes in one strongly diluted state "
                f"(d = 0.9) the worst is retrieved better than by {name}",
                "real images in place of random patterns",
                partial(gained_over, rival),
            )
            for rival, name in (
                ("hebbian", "Hopfield's network without dilution"),
                ("pseudo-inverse", "the pseudo-inverse rule"),
                ("cue", "the cue"),
            )
        ),
        Claim(
            "On these images, too, a teacher changes little (d = 0.9): mean agreement within 0.05",
            "abstract: neither performance nor thresholds",
            teacher,
            side=(-0.05, 0.05),
        ),
    ),
    tables=tables,
    figures={"agreement": figures.agreement, "states": figures.states},
    metric="weakest",
)
