"""Training and judging one language model; tuned rates and equal times come from stages."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import torch

from neurarium.cost import count_macs, count_parameters
from neurarium.evaluation import Cell, Context, Result
from neurarium.memory.bdh import BDH

from .config import Config
from .corpus import Crops, bits_per_byte, corpus_of
from .interpretation import interpret
from .methods import adamw, generated_per_second, steps_in_time, train

COSTS = ("seconds_per_step", "generated_per_second", "macs_per_byte")


def axes(config: Config) -> Mapping[str, Iterable[int | str]]:
    """Seeds and budgets."""
    return {"seed": range(config.num_seeds), "budget": config.budgets}


def choose_lr(cell: Cell, config: Config, context: Context) -> dict[str, Any]:
    """The rate that is best on the end of the training part, after a short run on the rest."""
    corpus = corpus_of(context.data, config.block_size, config.max_windows)
    text, found = corpus.train[: corpus.tuning_start], []
    for index, lr in enumerate(config.lrs):
        torch.manual_seed(0)
        model = context.method(config).to(context.device)
        batches = Crops(text, config.block_size, config.batch_size, 0, context.device)
        train(model, batches, config.tune_steps, adamw(model, lr, config.weight_decay))
        found.append(bits_per_byte(model, corpus.tuning))
        context.progress((index + 1) / len(config.lrs), bpb=found[-1])
    best = int(np.argmin(np.nan_to_num(found, nan=math.inf)))
    return {"lr": config.lrs[best], "bpb": np.array(found)}


def measure_cost(cell: Cell, config: Config, context: Context) -> dict[str, Any]:
    """Steps in BDH's time, work per byte and speed of generation, alone on the machine."""
    steps, seconds = steps_in_time(context.method, config, context.device)
    model = context.method(config).to(context.device)
    tokens = torch.zeros(1, config.block_size, dtype=torch.int64, device=context.device)
    return {
        "steps_in_time": steps,
        "seconds_per_step": seconds,
        "generated_per_second": generated_per_second(model, config.num_generated),
        "macs_per_byte": count_macs(model.eval(), tokens).total / config.block_size,
    }


def run_cell(cell: Cell, config: Config, context: Context) -> Result:
    """Bits per byte of the held-out part, at the end and at best."""
    cost, lr = context.stage("cost"), float(context.stage("lr")["lr"])
    corpus = corpus_of(context.data, config.block_size, config.max_windows)
    num_steps = config.num_steps if cell.budget == "data" else int(cost["steps_in_time"])
    model = context.method(config)
    untrained = {name: value.clone() for name, value in model.state_dict().items()}
    model.to(context.device)
    batches = Crops(
        corpus.train, config.block_size, config.batch_size, int(cell.seed), context.device
    )
    optimizer = adamw(model, lr, config.weight_decay)
    losses: list[float] = []
    found: list[float] = []
    ends = np.unique(np.linspace(0, num_steps, config.num_validations + 1).round().astype(int))
    for end in ends[1:]:
        losses += train(model, batches, int(end) - len(losses), optimizer)
        found.append(bits_per_byte(model, corpus.test))
        context.progress(end / num_steps, bpb=found[-1])
    metrics = {
        "bpb": found[-1],
        "best_bpb": min(found),
        "unigram_entropy": corpus.unigram_entropy,
        "parameters": count_parameters(model),
        "steps": num_steps,
        "lr": lr,
        **{name: float(cost[name]) for name in COSTS},
    }
    arrays: dict[str, np.ndarray] = {}
    if isinstance(model, BDH):
        numbers, arrays = interpret(model.cpu(), untrained, corpus, int(cell.seed))
        metrics |= numbers
    curves = {
        "loss": [x / math.log(2) for x in _smoothed(losses)],
        "step": [float(x) for x in ends[1:]],
        "validation": found,
    }
    return Result(metrics, curves, arrays)


def _smoothed(losses: list[float], num_points: int = 50) -> list[float]:
    """Means of about 50 equal stretches."""
    return [float(part.mean()) for part in np.array_split(losses, min(num_points, len(losses)))]
