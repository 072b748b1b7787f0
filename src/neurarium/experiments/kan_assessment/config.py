"""Configurations of the assessment: arms, datasets by domain, budgets, steps."""

from __future__ import annotations

from dataclasses import dataclass, replace

from neurarium.data.formulas import require_formula
from neurarium.evaluation.cells import require_known

from .arms import ARMS, CORE_ARMS

BUDGETS = ("parameters", "flops", "seconds", "structure", "adam")
"""What is equal: parameters; FLOPs by KANbeFair's formulas, enough for eight units of a KAN;
parameters and seconds; widths; and parameters once more, with Adam alone, which is how published
comparisons train."""

TABLES = ("breast_cancer", "wine", "diabetes", "digits")
"""Tables that scikit-learn ships."""

UCI = ("energy_y2", "statlog_german_credit", "vertebral_column3")
"""Of the tables under ``hopular/``."""

IMAGES = ("mnist", "fashion_mnist", "cifar10_small")
DOMAINS = {"symbolic": "formulas", "tabular": "tables", "vision": "images", "text": "sentences",
           "audio": "speech"}  # fmt: skip
"""Domain → what is in it."""

SPECIAL = ("ellipeinc", "lpmv0", "sph_harm01", "jv")
"""Half of the special functions on which KANbeFair found KANs ahead."""
QUICK_FORMULAS = (2, 4, 12)
FULL_FORMULAS = (2, 4, 8, 12, 16, 21, 22, 27, 40, 56, 70, 90)


def domain_of(dataset: str) -> str:
    """The domain of a dataset by its name; a user's own counts as a table.

    Example:
        >>> domain_of("feynman/2"), domain_of("mnist"), domain_of("mine")
        ('symbolic', 'vision', 'tabular')
    """
    if dataset.startswith(("feynman/", "special/")):
        return "symbolic"
    if dataset in IMAGES:
        return "vision"
    return {"movie-review-sentences": "text", "fsdd": "audio"}.get(dataset, "tabular")


@dataclass(frozen=True)
class Config:
    """The comparison of arms.

    Args:
        datasets: names; formulas as ``feynman/2`` and ``special/jv``, tables as ``table/wine``.
        arms: names in ``ARMS``.
        budgets: of ``BUDGETS``.
        parameters: trainable values of every arm under the budget of parameters; under that of
            FLOPs the MLP's, or more.
        wide_parameters: the same for images and speech, whose inputs are many.
        num_trials: configurations that every arm tries on every dataset under every budget.
        tuning_share: of the steps that a trial has.
        num_steps: gradient evaluations.
        seconds: of training under the budget of seconds.
        wide_seconds: the same for images and speech.
        batch_size: rows of a step of Adam, except on formulas, where it is all rows.
        num_points: samples of a formula: training, validation and test each.
        num_images: training images.
        num_seeds: repetitions.
    """

    datasets: tuple[str, ...] = (
        *(f"feynman/{index}" for index in FULL_FORMULAS),
        *(f"special/{name}" for name in SPECIAL),
        *(f"table/{name}" for name in TABLES),
        *(f"hopular/{name}" for name in UCI),
        *IMAGES,
        "movie-review-sentences",
        "fsdd",
    )
    arms: tuple[str, ...] = tuple(ARMS)
    budgets: tuple[str, ...] = ("parameters", "seconds")
    parameters: int = 5000
    wide_parameters: int = 100_000
    num_trials: int = 3
    tuning_share: float = 0.5
    num_steps: int = 200
    seconds: float = 0.6
    wide_seconds: float = 4.0
    batch_size: int = 128
    num_points: int = 1000
    num_images: int = 20_000
    num_seeds: int = 3

    def __post_init__(self) -> None:
        for name in self.datasets:
            require_dataset(name)
        for arm in self.arms:
            require_known("arms", arm, ARMS)
        for budget in self.budgets:
            require_known("budgets", budget, BUDGETS)


def require_dataset(name: str) -> str:
    """The name, if it is one of a dataset of the assessment."""
    if name.startswith(("feynman/", "special/")):
        return require_formula(name)
    known = [*(f"table/{t}" for t in TABLES), *IMAGES, "movie-review-sentences", "fsdd"]
    if name.startswith("hopular/"):
        from neurarium.data.load import dataset_names

        known = [entry for entry in dataset_names() if entry.startswith("hopular/")]
    return require_known("datasets", name, known)


@dataclass(frozen=True)
class RecoveryConfig:
    """Reading networks as formulas.

    Args:
        datasets: formulas.
        hidden: widths of the hidden layers that are tried, from small to large.
        grid_size: of the splines.
        penalties: of the sparsity penalty.
        thresholds: of pruning.
        tolerances: share of an edge's variance that a form may leave unexplained.
        num_starts: start values of each network that are tried.
        num_steps: gradient evaluations of the penalised loss.
        num_points: samples of a formula: training, validation and test each.
        num_seeds: repetitions.
    """

    datasets: tuple[str, ...] = tuple(f"feynman/{index}" for index in FULL_FORMULAS)
    hidden: tuple[tuple[int, ...], ...] = ((1,), (2,), (2, 1), (4,), (4, 2))
    grid_size: int = 5
    penalties: tuple[float, ...] = (3e-4,)
    thresholds: tuple[float, ...] = (0.02,)
    tolerances: tuple[float, ...] = (1e-3, 0.03, 0.1)
    num_starts: int = 2
    num_steps: int = 200
    num_points: int = 1000
    num_seeds: int = 2

    def __post_init__(self) -> None:
        for name in self.datasets:
            require_formula(name)


@dataclass(frozen=True)
class SpeedConfig:
    """Seconds of a training step.

    Args:
        parameters: of every arm.
        in_features: width of the input.
        out_features: width of the output.
        batch_sizes: rows of a step.
        num_rounds: steps that are timed in turns with the MLP's.
        num_seeds: repetitions.
    """

    parameters: tuple[int, ...] = (5000, 50_000)
    in_features: int = 16
    out_features: int = 4
    batch_sizes: tuple[int, ...] = (128, 1024)
    num_rounds: int = 15
    num_seeds: int = 5


@dataclass(frozen=True)
class DimensionConfig:
    """Error against the number of inputs at the same number of parameters.

    Args:
        dimensions: numbers of inputs.
        arms: names in ``ARMS``.
        parameters: of every arm.
        num_points: training, validation and test points each.
        num_steps: gradient evaluations.
        lrs: learning rates of Adam; 0 stands for L-BFGS.
        num_seeds: repetitions.
    """

    dimensions: tuple[int, ...] = (2, 4, 6, 8)
    arms: tuple[str, ...] = CORE_ARMS
    parameters: int = 2000
    num_points: int = 1000
    num_steps: int = 200
    lrs: tuple[float, ...] = (0.0, 1e-2)
    num_seeds: int = 5


@dataclass(frozen=True)
class ContinualConfig:
    """Five Gaussian peaks on a line, shown one after the other.

    Args:
        arms: names in ``ARMS``.
        parameters: of every arm, whatever its depth.
        num_peaks: one a phase.
        points_per_peak: samples of each.
        num_steps: gradient steps of a phase.
        lrs: learning rates of Adam; the one with the least error at the end counts.
        num_seeds: repetitions.
    """

    arms: tuple[str, ...] = CORE_ARMS
    parameters: int = 200
    num_peaks: int = 5
    points_per_peak: int = 100
    num_steps: int = 200
    lrs: tuple[float, ...] = (1e-3, 1e-2, 3e-2)
    num_seeds: int = 5


FULL = Config()
PRESETS = {
    "smoke": Config(
        ("feynman/2", "table/wine"), ("mlp", "kan"), ("parameters",), 1000, 1000, 1, 1.0, 12,
        0.05, 0.05, 64, 120, 200, 1,
    ),
    "quick": replace(
        FULL,
        datasets=(
            *(f"feynman/{index}" for index in QUICK_FORMULAS), "table/breast_cancer", "mnist",
        ),
        arms=("mlp", "kan", "spline_mlp"),
        budgets=("parameters",),
        num_trials=2,
        num_images=5000,
        num_seeds=1,
    ),
    "full": FULL,
    "paper": replace(
        FULL,
        datasets=(
            *(f"feynman/{index}" for index in range(1, 121)),
            *(f"special/{name}" for name in (
                "ellipkinc", "ellipeinc", "jv", "iv", "lpmv0", "lpmv1", "sph_harm01", "sph_harm02",
            )),
            *FULL.datasets[len(FULL_FORMULAS) + len(SPECIAL) :],
        ),
        budgets=BUDGETS,
        parameters=20_000,
        wide_parameters=200_000,
        num_trials=16,
        tuning_share=1.0,
        num_steps=2000,
        seconds=20.0,
        wide_seconds=120.0,
        num_images=50_000,
        num_seeds=5,
    ),
}  # fmt: skip
BUDGET_PRESETS = {
    "smoke": replace(
        PRESETS["smoke"], datasets=("feynman/2",), budgets=("flops", "structure", "adam")
    ),
    "quick": replace(
        PRESETS["quick"],
        datasets=("feynman/2", "feynman/4", "table/wine"),
        budgets=("flops", "structure", "adam"),
    ),
    "full": replace(
        FULL,
        datasets=(
            *(f"feynman/{index}" for index in FULL_FORMULAS),
            *(f"special/{name}" for name in SPECIAL),
            *(f"table/{name}" for name in TABLES),
        ),
        arms=("mlp", "kan", "spline_mlp"),
        budgets=("flops", "structure", "adam"),
    ),
    "paper": replace(PRESETS["paper"], arms=CORE_ARMS, budgets=("flops", "structure", "adam")),
}
RECOVERY_PRESETS = {
    "smoke": RecoveryConfig(
        ("feynman/8",), ((2,),), tolerances=(0.1,), num_steps=30,
        num_points=200, num_seeds=1,
    ),
    "quick": RecoveryConfig(
        tuple(f"feynman/{index}" for index in (2, 8, 16, 40)), num_seeds=1
    ),
    "full": RecoveryConfig(),
    "paper": RecoveryConfig(
        tuple(f"feynman/{index}" for index in range(1, 121)),
        hidden=((), (1,), (2,), (3,), (5,), (2, 1), (3, 1), (3, 2), (3, 2, 1)),
        penalties=(1e-4, 1e-3, 1e-2),
        thresholds=(0.01, 0.03, 0.1),
        tolerances=(1e-3, 1e-2, 0.1),
        num_steps=500,
        num_seeds=5,
    ),
}  # fmt: skip
SPEED_PRESETS = {
    "smoke": SpeedConfig((1350,), batch_sizes=(64,), num_rounds=2, num_seeds=1),
    "quick": SpeedConfig(num_rounds=5, num_seeds=1),
    "full": SpeedConfig(),
    "paper": SpeedConfig((5000, 50_000, 500_000), batch_sizes=(128, 1024), num_rounds=50),
}
DIMENSION_PRESETS = {
    "smoke": DimensionConfig((2, 4), ("mlp", "kan"), 400, 100, 12, (0.0,), num_seeds=1),
    "quick": DimensionConfig((2, 8), num_steps=100, num_seeds=1),
    "full": DimensionConfig(),
    "paper": DimensionConfig((2, 3, 4, 5, 6, 7, 8, 10, 12), tuple(ARMS), 20_000, 10_000, 2000),
}
CONTINUAL_PRESETS = {
    "smoke": ContinualConfig(("mlp", "kan"), num_steps=5, lrs=(1e-2,), num_seeds=1),
    "quick": ContinualConfig(lrs=(1e-2,), num_seeds=1),
    "full": ContinualConfig(),
    "paper": ContinualConfig(tuple(ARMS), num_steps=2000, num_seeds=10),
}
