"""Learnable attention against softmax in a small vision transformer (arXiv 2503.10632).

A subset of CIFAR-10 (10 000 + 2000 images), patches of 4 × 4 pixels, so N = 65 tokens. One recipe
for all: AdamW, cosine, mirrored images, equal steps; the best validated epoch is tested. The arms:
softmax; softmax with wider MLPs, at the parameters of ``g3b``; a fixed sigmoid; learnable attention
with Fourier functions (three or one multiples, a set for each block or one for all), with rational
units and with Mexican hats; and ``linear_map``, the same N → r → N without univariate functions,
which isolates what they add. Beside accuracy: milliseconds of a step, bytes kept for the backward
pass, parameters, and the rank of trained maps.

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
from neurarium.evaluation import Cell, Claim, Context, Experiment, Records, Result, paired
from neurarium.neurons import KolmogorovArnoldAttention

from ..flashkat.images import datasets, parts_of, train_and_test
from . import figures
from .arms import METHODS
from .config import PRESETS, Config

RANK_IMAGES = 16
SMALL = 1e-4
"""Of the largest singular value: what is below does not count towards a rank."""


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
    rank = mean_rank(model, parts["test"][0][:RANK_IMAGES])
    return replace(done, metrics=metrics | ({} if rank is None else {"rank": rank}))


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
def mean_rank(model: nn.Module, images: Tensor) -> float | None:
    """Mean rank of the maps of the first block that has such a thing; None without."""
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
        return None
    query, key, _ = (
        part.unflatten(-1, (attention.num_heads, -1)).transpose(1, 2)
        for part in attention.qkv(seen[0]).chunk(3, -1)
    )
    scores = query @ key.mT * query.shape[-1] ** -0.5
    is_ours = isinstance(attention, KolmogorovArnoldAttention)
    maps = attention.operator(scores) if is_ours else scores.softmax(-1)
    sizes = torch.linalg.svdvals(maps.double())
    return float((sizes > SMALL * sizes[..., :1]).sum(-1).double().mean())


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
    ),
    figures={"accuracy": figures.accuracy, "curves": figures.curves, "ranks": figures.ranks},
)
EXPERIMENTS = (COMPARISON,)
