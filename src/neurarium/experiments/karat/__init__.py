"""Learnable attention against softmax in a small vision transformer (arXiv 2503.10632).

A subset of CIFAR-10 (10 000 + 2000 images), patches of 4 × 4 pixels, so N = 65 tokens. One recipe
for all: AdamW, cosine, mirrored images, equal steps; the best validated epoch is tested. The arms:
softmax; softmax with wider MLPs, at the parameters of ``g3b``; a fixed sigmoid; learnable attention
with Fourier functions (three or one multiples, a set for each block or one for all; ``g3b_paper``
from the paper's start), with rational units and with Mexican hats; and ``linear_map``, the same
N → r → N without univariate functions, which isolates what they add. Beside accuracy: seconds of a
step, megabytes kept for the backward pass, parameters, and the rank of trained maps.

**Your method**: ``methods={"mine": fn}`` with ``fn(shape, config) -> nn.Module`` from images to
logits. **Your data**: :class:`neurarium.data.Images` whose sides are a multiple of ``num_patches``.

Example:
    >>> import tempfile
    >>> from neurarium import evaluation
    >>> done = evaluation.run(
    ...     COMPARISON, preset="smoke", overrides={"methods": ("softmax", "g3b")},
    ...     progress=False, out=tempfile.mkdtemp(),
    ... )
    >>> done.num_failed, sorted(done.records.axis("method"))
    (0, ['g3b', 'softmax'])
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from neurarium.baselines import Attention
from neurarium.evaluation import (
    Cell,
    Claim,
    Context,
    Exact,
    Experiment,
    Records,
    Result,
    Table,
    default_tables,
    paired,
)
from neurarium.neurons import KolmogorovArnoldAttention

from ..flashkat.images import datasets, parts_of, train_and_test
from . import figures
from .arms import METHODS
from .config import PRESETS, Config

RANK_IMAGES = 16
SMALL = 1e-4
"""Of the largest singular value: what is below does not count towards a rank."""

COSTS = {
    "seconds_per_step": "seconds a step",
    "kept_megabytes": "megabytes kept",
    "parameters": "parameters",
    "rank": "rank of a map",
}
"""Metric → its column beside accuracy."""


def axes(config: Config) -> Mapping[str, Iterable[str | int]]:
    """Methods and seeds."""
    return {"seed": range(config.num_seeds), "method": config.methods}


def run_cell(cell: Cell, config: Config, context: Context) -> Result:
    """Train, test, and look at the maps."""
    seed = int(cell.seed)
    parts, shape = parts_of(context.data, config, seed)
    torch.manual_seed(seed)
    model = context.method(shape, config)
    kept = kept_bytes(model, parts["train"][0][: config.batch_size])
    done = train_and_test(model, context.data, config, seed, context.progress)
    metrics = {**done.metrics, "kept_megabytes": kept / 2**20}
    return replace(done, metrics=metrics | ranks(model, parts["test"][0][:RANK_IMAGES]))


def kept_bytes(model: nn.Module, images: Tensor) -> int:
    """Bytes of all storages that the backward pass of a batch needs, parameters left out."""
    own = {p.untyped_storage().data_ptr() for p in model.parameters()}
    kept: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        model(images)
    return sum(size for place, size in kept.items() if place not in own)


@torch.no_grad()
def ranks(model: nn.Module, images: Tensor) -> dict[str, float]:
    """Of the maps of the first block that has such a thing: mean, and the largest beyond r."""
    seen: list[Tensor] = []
    attention: Any = None
    for module in model.modules():
        if isinstance(module, Attention | KolmogorovArnoldAttention):
            handle = module.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
            model.eval()(images)
            handle.remove()
            attention = module
            break
    if attention is None:
        return {}
    query, key, _ = (
        part.unflatten(-1, (attention.num_heads, -1)).transpose(1, 2)
        for part in attention.qkv(seen[0]).chunk(3, -1)
    )
    scores = query @ key.mT * query.shape[-1] ** -0.5
    is_ours = isinstance(attention, KolmogorovArnoldAttention)
    maps = attention.operator(scores) if is_ours else scores.softmax(-1)
    sizes = torch.linalg.svdvals(maps.double())
    found = (sizes > SMALL * sizes[..., :1]).sum(-1).double()
    excess = {"rank_excess": float(found.max()) - attention.operator.rank} if is_ours else {}
    return {"rank": float(found.mean()), **excess}


def gain(records: Records) -> list[float]:
    """Accuracy of G3B minus softmax's."""
    return paired(records, "accuracy", "g3b", "softmax", unit="seed")


def beyond_linear(records: Records) -> list[float]:
    """Accuracy of G3B minus that of the map without functions."""
    return paired(records, "accuracy", "g3b", "linear_map", unit="seed")


def more_than_one_deviation(records: Records) -> bool:
    """Whether the mean gain exceeds the deviation of softmax over seeds."""
    found = gain(records)
    rival = [record.metrics["accuracy"] for record in records.where(method="softmax")]
    mean = sum(rival) / len(rival)
    deviation = math.sqrt(sum((v - mean) ** 2 for v in rival) / max(1, len(rival) - 1))
    return sum(found) / len(found) > deviation


def rank_beyond(records: Records) -> float:
    """By how much the largest rank of any learned map exceeds r; 0 where none does."""
    excess = [r.metrics["rank_excess"] for r in records.ok if "rank_excess" in r.metrics]
    return max(0.0, *excess) if excess else math.nan


def memory(records: Records) -> list[float]:
    """Log of what a step of G3B keeps over what softmax's does."""
    return paired(records, "kept_megabytes", "g3b", "softmax", log=True, unit="seed")


def tables(records: Records) -> tuple[Table, ...]:
    """Accuracy, and what it costs: a step, memory, parameters, the rank of a map."""
    recorded = {name for record in records.ok for name in record.metrics}
    named = {name: column for name, column in COSTS.items() if name in recorded}
    values = [records.ok.values(name, "method") for name in named]
    rows = tuple(
        (str(method), *(value.get(method) for value in values))
        for method in records.ok.axis("method")
    )
    costs = Table("Costs", ("", *named.values()), rows, note="Seconds of a processor, one thread.")
    return (*default_tables(records, COMPARISON), costs)


COMPARISON = Experiment(
    slug="karat",
    presets=PRESETS,
    axes=axes,
    datasets=datasets,
    methods=METHODS,
    run_cell=run_cell,
    claims=(
        Claim(
            "Learnable attention improves a tiny vision transformer on small images at equal "
            "epochs",
            "Table 1, CIFAR-10, ViT-Tiny + G3B",
            gain,
            side=(0.0, math.inf),
            holds=more_than_one_deviation,
            headline=True,
            paper_value="76.69 against 72.76 %",
        ),
        Claim(
            "It is the univariate functions that help: the same map without them is worse",
            "ablation",
            beyond_linear,
            side=(0.0, math.inf),
        ),
        Claim(
            "The whole network keeps less for the backward pass than the published 2.5 times as "
            "much as softmax's",
            "project page, memory of ViT-Tiny",
            memory,
            side=(-math.inf, math.log(2.5)),
            paper_value="7.48 against 2.94 GB; 2.5 to 3 times",
        ),
        Exact(
            "No trained map has a rank above r",
            "Section 4",
            rank_beyond,
            value=0.0,
            tolerance=0.0,
        ),
    ),
    tables=tables,
    figures={"accuracy": figures.accuracy, "curves": figures.curves, "ranks": figures.ranks},
)
EXPERIMENTS = (COMPARISON,)
