"""Configurations of the BDH experiments."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Config:
    """One comparison of language models.

    Args:
        datasets: names of texts, or of pairs of sentences.
        num_seeds: of every method.
        budgets: ``"data"``: as many steps for everyone; ``"time"``: as many steps as take the
            seconds that BDH's take.
        embed_dim: of BDH, as are the following four; the others get as many parameters.
        num_heads: also of the transformers.
        neuron_ratio: neurons over ``embed_dim``.
        num_layers: also of the transformers.
        dropout: of everyone.
        block_size: bytes of a window.
        batch_size: windows of a step.
        num_steps: of BDH, and of everyone at equal data.
        max_steps: of anyone at equal time.
        num_validations: along training; the last one comes at its end.
        max_windows: of a validation; None for all.
        lrs: of which every method takes the best.
        tune_steps: of a run that chooses among them.
        weight_decay: of AdamW on all parameters.
        timed_steps: over which a step's seconds are measured.
        num_generated: bytes over which the speed of generation is measured, after 256 others.
    """

    datasets: tuple[str, ...] = ("tinyshakespeare",)
    num_seeds: int = 5
    budgets: tuple[str, ...] = ("data", "time")
    embed_dim: int = 64
    num_heads: int = 4
    neuron_ratio: int = 32
    num_layers: int = 4
    dropout: float = 0.0
    block_size: int = 128
    batch_size: int = 8
    num_steps: int = 250
    max_steps: int = 20_000
    num_validations: int = 2
    max_windows: int | None = None
    lrs: tuple[float, ...] = (3e-4, 1e-3, 3e-3)
    tune_steps: int = 60
    weight_decay: float = 0.1
    timed_steps: int = 5
    num_generated: int = 64

    def __post_init__(self) -> None:
        for budget in self.budgets:
            if budget not in ("data", "time"):
                raise ValueError(f"budgets must be 'data' or 'time': got {budget!r}")
        if "data" not in self.budgets:
            raise ValueError("budgets must include 'data', which BDH is run with: got 'time' alone")


TINY = {
    "num_seeds": 1,
    "embed_dim": 16,
    "num_heads": 2,
    "neuron_ratio": 8,
    "num_layers": 2,
    "block_size": 32,
    "batch_size": 4,
    "num_steps": 6,
    "max_steps": 12,
    "max_windows": 16,
    "lrs": (1e-3, 3e-3),
    "tune_steps": 2,
    "timed_steps": 1,
    "num_generated": 2,
}
SMALL = {
    "num_seeds": 1,
    "budgets": ("data",),
    "embed_dim": 64,
    "neuron_ratio": 16,
    "block_size": 64,
    "batch_size": 16,
    "tune_steps": 20,
    "num_validations": 1,
}
QUICK = {**SMALL, "max_windows": 400}
PUBLISHED = {
    "embed_dim": 256,
    "neuron_ratio": 128,
    "num_layers": 6,
    "dropout": 0.1,
    "block_size": 512,
    "batch_size": 32,
    "num_steps": 3000,
    "num_validations": 10,
    "tune_steps": 500,
}

PRESETS = {
    "smoke": Config(**TINY),  # type: ignore[arg-type]
    "quick": Config(**{**QUICK, "num_steps": 150}),  # type: ignore[arg-type]
    "full": Config(),
    "paper": Config(**PUBLISHED),  # type: ignore[arg-type]
}

PAIRS = {"datasets": ("tatoeba-eng-fra",), "budgets": ("data",)}
TRANSLATION_PRESETS = {
    "smoke": Config(**{**TINY, **PAIRS}),  # type: ignore[arg-type]
    "quick": Config(**{**QUICK, **PAIRS, "num_steps": 60}),  # type: ignore[arg-type]
    "full": Config(**{**SMALL, **PAIRS, "num_seeds": 5, "num_steps": 250}),  # type: ignore[arg-type]
    "paper": Config(**{**PUBLISHED, **PAIRS}),  # type: ignore[arg-type]
}


@dataclass(frozen=True)
class MergeConfig:
    """Two models of one language each, merged into one.

    Args:
        datasets: names of pairs of sentences.
        num_seeds: of everything.
        embed_dim: of BDH, as are the following three.
        num_heads: heads.
        neuron_ratio: neurons over ``embed_dim``; the merged model has twice as many.
        num_layers: layers.
        block_size: bytes of a window.
        batch_size: windows of a step.
        base_steps: on both languages, together.
        expert_steps: on one language, with the embedding and the output map frozen.
        lr: of AdamW.
        weight_decay: of AdamW on all parameters.
        max_windows: of an evaluation; None for all.
    """

    datasets: tuple[str, ...] = ("tatoeba-eng-fra",)
    num_seeds: int = 5
    embed_dim: int = 64
    num_heads: int = 4
    neuron_ratio: int = 8
    num_layers: int = 4
    block_size: int = 64
    batch_size: int = 16
    base_steps: int = 150
    expert_steps: int = 150
    lr: float = 3e-3
    weight_decay: float = 0.1
    max_windows: int | None = None


MERGE_PRESETS = {
    "smoke": MergeConfig(
        num_seeds=1,
        embed_dim=16,
        num_heads=2,
        num_layers=2,
        block_size=32,
        batch_size=4,
        base_steps=4,
        expert_steps=3,
        max_windows=16,
    ),
    "quick": MergeConfig(num_seeds=1, base_steps=60, expert_steps=60),
    "full": MergeConfig(),
    "paper": MergeConfig(
        embed_dim=256, neuron_ratio=64, num_layers=6, base_steps=3000, expert_steps=3000, lr=1e-3
    ),
}
