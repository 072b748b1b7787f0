"""The language models compared, with as many parameters as BDH, and how all are trained."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from neurarium.baselines import GPT, LSTMLanguageModel
from neurarium.engine import fit
from neurarium.evaluation.budget import match_width
from neurarium.evaluation.cells import Method
from neurarium.memory.bdh import BDH

from .config import Config, MergeConfig
from .corpus import VOCABULARY

PROMPT = 256
LSTM_LAYERS = 2

Build = Callable[[Config], nn.Module]


def bdh(config: Config | MergeConfig) -> BDH:
    """BDH of a configuration."""
    return BDH(
        VOCABULARY,
        config.embed_dim,
        num_heads=config.num_heads,
        neuron_ratio=config.neuron_ratio,
        num_layers=config.num_layers,
        dropout=getattr(config, "dropout", 0.0),
    )


def num_parameters(config: Config) -> int:
    """3 n d + 2 V d."""
    neurons = config.neuron_ratio * config.embed_dim
    return (3 * neurons + 2 * VOCABULARY) * config.embed_dim


def transformer(config: Config, *, tie_layers: bool = False) -> GPT:
    """A transformer of as many parameters: as wide as they allow, the rest widens its MLP."""

    def build(width: int, hidden: int | None = None) -> GPT:
        return GPT(
            VOCABULARY,
            width,
            num_layers=config.num_layers,
            num_heads=config.num_heads,
            mlp_ratio=4.0 if hidden is None else hidden / width,
            tie_layers=tie_layers,
            dropout=config.dropout,
        )

    budget = num_parameters(config)
    width = match_width(build, budget, step=2 * config.num_heads)
    return build(width, match_width(partial(build, width), budget))


def lstm(config: Config) -> LSTMLanguageModel:
    """An LSTM as wide as BDH's parameters allow."""

    def build(width: int) -> LSTMLanguageModel:
        return LSTMLanguageModel(VOCABULARY, width, num_layers=LSTM_LAYERS, dropout=config.dropout)

    return build(match_width(build, num_parameters(config)))


METHODS: dict[str, Build | Method] = {
    "bdh": Method(bdh, {"budget": ("data",)}),  # its own time is the measure of the other budget
    "transformer": transformer,
    "tied_transformer": partial(transformer, tie_layers=True),
    "lstm": lstm,
}


def train(
    model: nn.Module,
    batches: Iterator[tuple[Tensor, Tensor]],
    num_steps: int,
    optimizer: torch.optim.Optimizer,
) -> list[float]:
    """Some more steps; the loss of each in nats."""
    model.train()
    history = fit(model, _loss, lambda epoch: batches, optimizer=optimizer, num_steps=num_steps)
    return history.metrics["loss"]


def _loss(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    inputs, targets = batch
    return cross_entropy(model(inputs).flatten(0, 1).float(), targets.flatten())


def adamw(model: nn.Module, lr: float, weight_decay: float) -> torch.optim.AdamW:
    """Decay on everything, as the released script has it."""
    return torch.optim.AdamW(model.parameters(), lr, weight_decay=weight_decay)


def steps_in_time(build: Build, config: Config, device: str = "cpu") -> tuple[int, float]:
    """How many steps take as long as BDH's, and the seconds of one; measured in turns."""
    models = [bdh(config).to(device), build(config).to(device)]
    optimizers = [adamw(model, 0.0, 0.0) for model in models]
    tokens = torch.randint(VOCABULARY, (2, config.batch_size, config.block_size), device=device)
    seconds: list[list[float]] = [[], []]
    for turn in range(config.timed_steps + 1):
        for model, optimizer, spent in zip(models, optimizers, seconds, strict=True):
            start = time.perf_counter()
            train(model, iter([(tokens[0], tokens[1])]), 1, optimizer)
            if turn:  # the first one allocates
                spent.append(time.perf_counter() - start)
    ours, theirs = (sorted(spent)[len(spent) // 2] for spent in seconds)
    return min(max(1, round(config.num_steps * ours / theirs)), config.max_steps), theirs


@torch.no_grad()
def generated_per_second(model: Any, num_generated: int) -> float:
    """Bytes a second after a prompt of 256, from the state; NaN for a model that has none."""
    model.eval()
    prompt = torch.randint(VOCABULARY, (1, PROMPT), device=next(model.parameters()).device)
    try:
        logits, state = model(prompt, return_state=True)
    except TypeError:
        return float("nan")
    start = time.perf_counter()
    for _ in range(num_generated):
        token = logits[:, -1].argmax(-1, keepdim=True)
        logits, state = model(token, state=state, return_state=True)
    return num_generated / (time.perf_counter() - start)
