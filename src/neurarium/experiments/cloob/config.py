"""Configurations of the comparison."""

from __future__ import annotations

from dataclasses import dataclass

from neurarium.evaluation.cells import require_known

METHODS = ("clip", "clip_fixed", "info_loob", "hopfield_nce", "cloob")


@dataclass(frozen=True)
class Config:
    """One comparison of losses.

    Args:
        methods: those compared, ``"clip"`` and ``"cloob"`` among them.
        num_seeds: of scenes, captions and weights.
        num_pairs: scenes of two digits with captions to learn from.
        num_validation: such scenes of other digits; the first ``num_retrieval`` select settings.
        num_test: scenes of one unseen digit for the zero-shot classifiers; as many of validation
            digits teach the linear probes.
        num_retrieval: pairs of unseen digits among which partners are looked for.
        num_transfer: scenes of digits of another source.
        num_steps: optimizer steps of a fit.
        batch_size: pairs of a step.
        num_settings: how many settings of each method are tried, 6 are all; one needs no selection.
        tuning_steps: optimizer steps of a trial.
        weight_decay: of AdamW on matrices and filters; never on norms, biases and temperatures.
        warmup: share of the steps in which the learning rate rises.
        num_cycles: of the cosine that it then falls by.

    Raises:
        ValueError: for an unknown method, without clip and cloob, for counts that MNIST's digits
            do not suffice for, and for other counts below 1.
    """

    methods: tuple[str, ...] = METHODS
    num_seeds: int = 3
    num_pairs: int = 20_000
    num_validation: int = 2_000
    num_test: int = 2_000
    num_retrieval: int = 1_000
    num_transfer: int = 1_797
    num_steps: int = 2_000
    batch_size: int = 256
    num_settings: int = 6
    tuning_steps: int = 400
    weight_decay: float = 0.1
    warmup: float = 0.1
    num_cycles: int = 1

    def __post_init__(self) -> None:
        for name in self.methods:
            require_known("methods", name, METHODS)
        if not {"clip", "cloob"} <= set(self.methods):
            raise ValueError(f"methods must include clip and cloob: got {', '.join(self.methods)}")
        limits = {
            "num_pairs": (self.batch_size, 25_000),
            "num_validation": (self.num_retrieval, 3_500),
            "num_test": (10, 3_000),
            "num_retrieval": (10, 3_500),
            "num_transfer": (10, 1_797),
        }
        for name in ("num_seeds", "num_steps", "num_settings", "tuning_steps", "num_cycles"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1: got {getattr(self, name)}")
        if self.batch_size < 2:
            raise ValueError(f"batch_size must be at least 2: got {self.batch_size}")
        for name, (least, most) in limits.items():
            if not least <= getattr(self, name) <= most:
                raise ValueError(f"{name} must lie in {least} … {most}: got {getattr(self, name)}")


PRESETS = {
    "smoke": Config(
        num_seeds=1,
        num_pairs=128,
        num_validation=100,
        num_test=60,
        num_retrieval=50,
        num_transfer=60,
        num_steps=4,
        batch_size=32,
        num_settings=2,
        tuning_steps=2,
    ),
    "quick": Config(
        methods=("clip", "cloob"), num_seeds=2, num_pairs=6_000, num_steps=300, num_settings=1
    ),
    "full": Config(),
    "paper": Config(num_seeds=5, num_steps=3_000, tuning_steps=500),
}
