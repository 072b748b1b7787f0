"""Configurations of the Hopular experiments."""

from __future__ import annotations

from dataclasses import dataclass

from neurarium.evaluation.cells import require_known

SMALL = (
    "blood_transfusion",
    "breast_cancer",
    "congressional_voting",
    "conn_bench_sonar_mines_rocks",
    "credit_approval",
    "cylinder_bands",
    "ecoli",
    "energy_y2",
    "glass_identification",
    "haberman_survival",
    "heart_cleveland",
    "horse_colic_aligned",
    "led_display",
    "mammographic",
    "monks_2_aligned",
    "primary_tumor",
    "statlog_australian_credit",
    "statlog_german_credit",
    "statlog_heart",
    "vertebral_column2",
    "vertebral_column3",
)
"""The 21 sets of the paper's Table 1, two of them in their aligned repair."""

MEDIUM = ("blastchar", "colleges", "eye_movements", "gesture_phase", "shrutime", "sulfur")
"""The six sets of the paper's Table 2."""

LIBRARIES = ("svc", "random_forest", "logistic", "knn", "hist_gradient_boosting", "lightgbm")
PEERS = ("xgboost", "catboost", "tabm", "realmlp")
METHODS = ("hopular", "modern_nca", *LIBRARIES, *PEERS)

MISALIGNED = ("horse_colic", "monks_2")
"""The two as their source has them."""


def _check_datasets(names: tuple[str, ...]) -> None:
    for name in names:
        require_known("datasets", name, (*SMALL, *MISALIGNED, *MEDIUM))


@dataclass(frozen=True)
class Config:
    """One comparison.

    Args:
        datasets: names after ``hopular/``.
        methods: those compared, ``"hopular"`` among them; what is not installed is left out.
        num_seeds: seeds of every method; the data's split is always the first published one.
        seconds: time box of one fit, turned into counts beforehand; None takes the counts below.
        num_trials: configurations that a search tries, at most if there is a time box.
        num_epochs: of each Hopular model, at most if there is a time box.
        min_epochs: with a time box, the first of ``sizes`` is taken that gets as many epochs for
            each of ``factors``, else the last one with the factors that get them; without a time
            box, all sizes and factors are searched.
        sizes: Hopular's (embed_dim, num_layers).
        heads: its numbers of heads.
        factors: its scaling factors.

    Raises:
        ValueError: an unknown dataset or method, or no Hopular.
    """

    datasets: tuple[str, ...] = SMALL
    methods: tuple[str, ...] = METHODS
    num_seeds: int = 3
    seconds: float | None = 15.0
    num_trials: int = 100
    num_epochs: int = 600
    min_epochs: int = 200
    sizes: tuple[tuple[int, int], ...] = ((16, 4), (16, 2), (8, 2))
    heads: tuple[int, ...] = (8,)
    factors: tuple[float, ...] = (1.0, 100.0)

    def __post_init__(self) -> None:
        _check_datasets(self.datasets)
        for name in self.methods:
            require_known("methods", name, METHODS)
        if "hopular" not in self.methods:
            raise ValueError(
                "methods must include hopular, which every other is compared with: got "
                f"{', '.join(self.methods) or 'none'}"
            )


PRESETS = {
    "smoke": Config(
        datasets=("haberman_survival", "glass_identification"),
        methods=("hopular", "modern_nca", *LIBRARIES, "xgboost"),
        num_seeds=1,
        seconds=None,
        num_trials=1,
        num_epochs=20,
        sizes=((8, 2),),
        factors=(1.0,),
    ),
    "quick": Config(
        datasets=("glass_identification", "haberman_survival", "vertebral_column2"),
        methods=("hopular", "modern_nca", *LIBRARIES, "xgboost", "catboost"),
        num_seeds=1,
        seconds=None,
        num_trials=5,
        num_epochs=150,
        sizes=((16, 2),),
    ),
    "full": Config(),
    "paper": Config(
        datasets=SMALL + MEDIUM,
        seconds=None,
        num_trials=1000,
        num_epochs=10_000,
        sizes=((32, 4), (32, 8)),
        heads=(8, 16),
        factors=(1.0, 100.0, 1000.0),
    ),
}


@dataclass(frozen=True)
class AblationConfig:
    """Hopular with one part taken out, at equal epochs.

    Args:
        datasets: names after ``hopular/``.
        num_seeds: seeds of every arm.
        seconds: time box of one fit of the whole model, turned into epochs beforehand; None takes
            ``num_epochs``.
        num_epochs: of every arm, at most if there is a time box.
        embed_dim: of every arm, as are the following.
        num_layers: blocks.
        num_heads: heads.

    Raises:
        ValueError: an unknown dataset.
    """

    datasets: tuple[str, ...] = (
        "ecoli",
        "glass_identification",
        "monks_2_aligned",
        "statlog_heart",
        "vertebral_column3",
    )
    num_seeds: int = 3
    seconds: float | None = 15.0
    num_epochs: int = 600
    embed_dim: int = 16
    num_layers: int = 4
    num_heads: int = 8

    def __post_init__(self) -> None:
        _check_datasets(self.datasets)


ABLATION_PRESETS = {
    "smoke": AblationConfig(
        ("haberman_survival",), num_seeds=1, seconds=None, num_epochs=10, embed_dim=8, num_layers=2
    ),
    "quick": AblationConfig(
        ("glass_identification",), num_seeds=1, seconds=None, num_epochs=100, num_layers=2
    ),
    "full": AblationConfig(),
    "paper": AblationConfig(
        SMALL, seconds=None, num_epochs=10_000, embed_dim=32, num_layers=8, num_heads=16
    ),
}
