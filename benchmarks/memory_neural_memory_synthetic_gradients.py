"""A neural memory beside its equations step by step, and what synthetic gradients cost.

One thread. Answers and gradients are compared before anything is timed. The reference is the loop
that the equations read as, in vectorised torch; installed peers are an LSTM of as many parameters
(torch's own fused loop) and, where it is installed, the differentiable neural computer of ``dnc``.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.testing import assert_close

from benchmarks.timing import Comparison, measure, record
from neurarium.baselines import SequenceLSTM
from neurarium.evaluation import match_width
from neurarium.memory import (
    NeuralMemoryCell,
    NeuralMemoryNetwork,
    SyntheticGradient,
    SyntheticGradientTrainer,
)

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests"))
from reference.memory_network import answers

LENGTH, INPUTS = 20, 2
SIZES = ((32, 32, 16), (32, 64, 32), (256, 64, 32))
"""Batch, width and slots: the experiment's, and the defaults with few and many episodes."""


def network(memory_size: int, num_slots: int) -> NeuralMemoryNetwork:
    """A memory that answers one number a step."""
    cell = NeuralMemoryCell(INPUTS, memory_size, num_slots=num_slots)
    return NeuralMemoryNetwork(cell, nn.Linear(memory_size, 1))


def backward(forward: Callable[[Tensor], Tensor], x: Tensor, model: nn.Module) -> list[Tensor]:
    """Gradients of all parameters."""
    return list(torch.autograd.grad(forward(x).square().mean(), list(model.parameters())))


def unrolled(batch: int, memory_size: int, num_slots: int, rounds: int) -> list[Comparison]:
    """Whole episodes, forward and with backward."""
    model = network(memory_size, num_slots)
    x = torch.randn(batch, LENGTH, INPUTS)
    budget = sum(p.numel() for p in model.parameters())
    width = match_width(lambda width: SequenceLSTM(INPUTS, width, 1), budget)
    lstm = SequenceLSTM(INPUTS, width, 1)
    assert_close(model(x), answers(model, x), rtol=1e-4, atol=1e-5)
    ours, theirs = (backward(f, x, model) for f in (model, lambda x: answers(model, x)))
    assert_close(ours, theirs, rtol=1e-3, atol=1e-5)

    @torch.no_grad()
    def only(forward: Callable[[Tensor], Tensor]) -> Tensor:
        return forward(x)

    contenders: dict[str, tuple[Callable[[Tensor], Tensor], nn.Module]] = {
        "ours": (model, model),
        "step by step": (lambda x: answers(model, x), model),
        "lstm of as many parameters": (lstm, lstm),
    }
    if find_spec("dnc") is not None:
        peer = dnc(memory_size, num_slots)
        contenders["dnc"] = (peer, peer)
    what = f"batch {batch}, width {memory_size}, {num_slots} slots, {LENGTH} steps"
    return [
        measure(
            f"{what}, forward",
            {name: lambda f=forward: only(f) for name, (forward, _) in contenders.items()},
            rounds=rounds,
        ),
        measure(
            f"{what}, forward + backward",
            {name: lambda f=f, m=m: backward(f, x, m) for name, (f, m) in contenders.items()},
            rounds=rounds,
        ),
    ]


def dnc(memory_size: int, num_slots: int) -> nn.Module:
    """The peer of similar sizes; it must be installed."""
    from dnc import DNC

    class Answers(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.dnc = DNC(
                INPUTS,
                memory_size,
                num_layers=1,
                nr_cells=num_slots,
                cell_size=memory_size,
                read_heads=1,
                batch_first=True,
            )
            self.out = nn.Linear(INPUTS, 1)

        def forward(self, x: Tensor) -> Tensor:
            return self.out(self.dnc(x, (None, None, None), reset_experience=True)[0])

    return Answers()


def training(batch: int, memory_size: int, num_slots: int, rounds: int) -> Comparison:
    """One episode of training in chunks of five: with synthetic gradients, without, and whole."""
    data = torch.randn(batch, LENGTH, INPUTS), torch.randn(batch, LENGTH, 1)
    trainers = {}
    for name in ("ours", "truncated", "whole episode", "cut apart"):
        model = network(memory_size, num_slots)
        interface = "controller" if name == "cut apart" else "state"
        feedback = None
        if name in ("ours", "cut apart"):
            feedback = SyntheticGradient.for_cell(model.cell, interface=interface)
        trainers[name] = SyntheticGradientTrainer(
            model,
            feedback,
            chunk_size=LENGTH if name == "whole episode" else 5,
            interface=interface,
            warmup=0,
        )
    return measure(
        f"an update with synthetic gradients, batch {batch}, width {memory_size}",
        {name: lambda t=trainer: t.step(data) for name, trainer in trainers.items()},
        rounds=rounds,
    )


def feedback(batch: int, memory_size: int, num_slots: int, rounds: int) -> Comparison:
    """Gradients of all slots, beside a network that sees what all slots share once a slot."""
    cell = NeuralMemoryCell(INPUTS, memory_size, num_slots=num_slots)
    ours = SyntheticGradient.for_cell(cell)
    for parameter in ours.parameters():
        nn.init.normal_(parameter, std=0.1)
    k = memory_size
    read, write, memory = (torch.randn(batch, *s) for s in ((2 * k,), (2 * k,), (num_slots, k)))
    condition = torch.randn(batch, k)

    def plain() -> Tensor:
        mean = memory.mean(1, keepdim=True).expand_as(memory)
        shown = condition[:, None].expand(-1, num_slots, -1)
        slots = ours.networks["memory"](torch.cat([memory, mean, shown], 2))
        first, second = (
            ours.networks[name](torch.cat([part, condition], 1))
            for name, part in (("read", read), ("write", write))
        )
        return torch.cat([first, second, slots.flatten(1)], 1)

    def split() -> Tensor:
        first, second, slots = ours(read, write, memory, condition=condition)
        return torch.cat([first, second, slots.flatten(1)], 1)

    assert_close(split(), plain(), rtol=1e-3, atol=1e-4)
    weights = list(ours.parameters())
    contenders = {
        "ours": lambda: torch.autograd.grad(split().sum(), weights),
        "concatenated": lambda: torch.autograd.grad(plain().sum(), weights),
    }
    return measure(
        f"feedback network, batch {batch}, width {memory_size}, {num_slots} slots",
        contenders,
        rounds=rounds,
    )


def profile(batch: int, memory_size: int, num_slots: int) -> dict[str, float]:
    """Share of the time of an episode's forward and backward by operation, the largest eight."""
    model, x = network(memory_size, num_slots), torch.randn(batch, LENGTH, INPUTS)
    backward(model, x, model)
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as seen:
        for _ in range(10):
            backward(model, x, model)
    spent = {e.key: e.self_cpu_time_total for e in seen.key_averages()}
    total = sum(spent.values())
    return {k: round(v / total, 3) for k, v in sorted(spent.items(), key=lambda p: -p[1])[:8]}


def main(rounds: int = 7) -> None:
    """Measure, print and record."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    rows = [row for size in SIZES for row in unrolled(*size, rounds)]
    rows += [training(*size, rounds) for size in SIZES[:2]]
    rows += [feedback(*size, rounds) for size in SIZES[:2]]
    shares = profile(*SIZES[0])
    print("share of the time of an episode, forward and backward:", shares)
    record("memory_neural_memory_synthetic_gradients", rows, profile=shares)


if __name__ == "__main__":
    main()
