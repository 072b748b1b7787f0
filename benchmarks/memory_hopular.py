"""``Hopular`` beside the authors' sequence of layers: a training step, and prediction.

One thread, float32, the paper's width and depth (embedding 32, 8 heads, 4 blocks). The reference
has one small layer per attribute and embeds, normalises and projects the memory in every forward,
as the released code does; ours does so in training only. Outputs and gradients are compared before
anything is timed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.profiler import ProfilerActivity, profile
from torch.testing import assert_close

from benchmarks.timing import Comparison, measure, record
from neurarium.memory import (
    AttributeLayout,
    Hopular,
    corrupt_attributes,
    hopular_loss,
    load_reference_state_dict,
    mask_targets,
)

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests"))
from reference.hopular import ReferenceHopular, reference_loss

GLASS = [1] * 9 + [6]  # attribute widths of the UCI table glass identification, target last
MIXED = [1] * 5 + [4] * 5
HEART = [1] * 6 + [2, 2, 2, 2, 3, 3, 4, 2]
TRAINING = {"glass": (GLASS, 131), "mixed": (MIXED, 131), "heart": (HEART, 164)}
PREDICTION = ([1] * 10 + [4], 6400)
DROPOUT = {"input_dropout": 0.1, "lookup_dropout": 0.1, "output_dropout": 0.01}
NO_DROPOUT = dict.fromkeys(DROPOUT, 0.0)


def random_values(sizes: list[int], num_rows: int) -> Tensor:
    """Standard normal numbers and uniform one-hot codes."""
    columns = [
        torch.randn(num_rows, 1)
        if size == 1
        else F.one_hot(torch.randint(size, (num_rows,)), size).float()
        for size in sizes
    ]
    return torch.cat(columns, 1)


def pair(
    sizes: list[int], memory: Tensor, dropout: dict[str, float], *, checkpointing: bool = False
) -> tuple[Hopular, ReferenceHopular]:
    """Both models with the same weights and memory."""
    layout = AttributeLayout(sizes, [len(sizes) - 1])
    reference = ReferenceHopular(
        sizes, layout.discrete, memory, **dropout, checkpointing=checkpointing
    )
    ours = Hopular(sizes, layout.targets, **dropout)
    load_reference_state_dict(ours, reference.state_dict())
    return ours, reference


def training_steps(
    sizes: list[int], num_rows: int, dropout: dict[str, float]
) -> dict[str, Callable[[], Tensor]]:
    """Forward, loss and backward on all rows; each returns its loss."""
    values = random_values(sizes, num_rows)
    layout = AttributeLayout(sizes, [len(sizes) - 1])
    memory, ids = layout.encode(values), torch.arange(num_rows)
    encoded, selected = corrupt_attributes(memory, layout)
    torch.manual_seed(1)
    ours, reference = pair(sizes, memory, dropout)
    shipped = pair(sizes, memory, dropout, checkpointing=True)[1]
    shipped.load_state_dict(reference.state_dict())

    def our_step() -> Tensor:
        ours.zero_grad()
        prediction = ours(encoded, ids)
        loss = hopular_loss(prediction, values, selected, layout, feature_weight=0.7).total
        loss.backward()
        return loss

    def their_step(model: ReferenceHopular) -> Tensor:
        model.zero_grad()
        loss = reference_loss(
            model(encoded, ids), values, selected, sizes, layout.discrete, layout.targets, 0.7
        )
        loss.backward()
        return loss

    if not any(dropout.values()):
        assert_close(our_step(), their_step(reference).squeeze(), rtol=1e-4, atol=1e-5)
        mine, theirs = ours.summarization.linear, reference.summarizations.feature_summarizations[3]
        assert_close(mine.weight.grad, theirs.weight.grad, rtol=1e-3, atol=1e-5)
        deep = reference.hopular_blocks[0].sample_norm.weight.grad
        assert_close(ours.blocks[0].sample_lookup.norm.weight.grad, deep, rtol=1e-2, atol=1e-5)
    return {
        "ours": our_step,
        "authors": lambda: their_step(reference),
        "authors, checkpointing as shipped": lambda: their_step(shipped),
    }


def prediction(rounds: int) -> tuple[list[Comparison], dict[str, dict[str, float]]]:
    """Batches against a memory of 6400 rows, and where our time goes."""
    sizes, num_rows = PREDICTION
    layout = AttributeLayout(sizes, [len(sizes) - 1])
    memory = layout.encode(random_values(sizes, num_rows))
    ours, reference = (model.eval() for model in pair(sizes, memory, NO_DROPOUT))
    rows, profiles = [], {}
    with torch.no_grad():
        for batch in (1, 32, 256):
            queries = mask_targets(memory[:batch], layout)
            contenders = {
                "ours": lambda x=queries: ours(x),
                "memory embedded again": lambda x=queries: reference(x),
            }
            assert_close(ours(queries), reference(queries), rtol=1e-4, atol=1e-5)
            name = f"predict: memory {num_rows}, 11 attributes, batch {batch}"
            rows.append(measure(name, contenders, rounds=rounds))
            profiles[name] = operator_shares(contenders["ours"])
    return rows, profiles


def operator_shares(fn: Callable[[], object], top: int = 8) -> dict[str, float]:
    """Operator → share of the CPU time of one call."""
    fn()
    with profile(activities=[ProfilerActivity.CPU]) as run:
        fn()
    events = sorted(run.key_averages(), key=lambda event: -event.self_cpu_time_total)
    total = sum(event.self_cpu_time_total for event in events)
    return {event.key: round(event.self_cpu_time_total / total, 3) for event in events[:top]}


def main(rounds: int = 15) -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    rows, profiles = [], {}
    for name, (sizes, num_rows) in TRAINING.items():
        for kind, dropout in (("no dropout", NO_DROPOUT), ("dropout 0.1", DROPOUT)):
            steps = training_steps(sizes, num_rows, dropout)
            label = f"train: {name}, {num_rows} rows, {len(sizes)} attributes, {kind}"
            rows.append(measure(label, steps, rounds=rounds))
            profiles[label] = operator_shares(steps["ours"])
    predicted, predicted_profiles = prediction(rounds)
    print(record("memory_hopular", rows + predicted, profiles=profiles | predicted_profiles))


if __name__ == "__main__":
    main()
