"""What replays sequences: theta–gamma memories, an asymmetric Hopfield network, a GRU.

A method is ``fn(task) -> Readout``. All start each theta cycle from the first item with phase noise
of 0.6 rad and then run on their own. Noise of standard deviation σ a gamma slot acts on phases: in
the oscillators all along, in the GRU on each output that is fed back, in the binary network as
flips with the probability that such noise exceeds π/2.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Complex, Int
from torch import Tensor

from neurarium.baselines import NextElementGRU
from neurarium.engine import fit
from neurarium.evaluation import match_width
from neurarium.memory import ThetaGammaMemory

if TYPE_CHECKING:
    from .sequence import Config

JITTER = 0.6
LEARNING_RATES = (1e-3, 3e-3)
"""The GRU's, of which the one that replays best without noise is used."""


@dataclass(frozen=True)
class Task:
    """What a method is given.

    Args:
        sequences: (S, L, N), complex of modulus 1.
        noise: σ a gamma slot.
        num_cycles: theta cycles.
        config: the configuration.
        generator: for what is drawn.
        trained: asks for the trained weights of this task, for the GRU.
    """

    sequences: Complex[Tensor, "S L N"]
    noise: float
    num_cycles: int
    config: Config
    generator: torch.Generator
    trained: Callable[[], dict[str, Any]]


@dataclass(frozen=True)
class Readout:
    """What a method read out.

    Args:
        matches: overlap with every item of all sequences, (S, num_cycles, L, S · L).
        positions: within the theta cycle, told by the phase alone, (S, num_cycles, L); None where
            there is no phase.
    """

    matches: Tensor
    positions: Int[Tensor, "S cycles L"] | None = None


def theta_gamma(
    task: Task, *, density: float = 1.0, reset: bool = True, tagged: bool = False
) -> Readout:
    """The theta–gamma memory; ``tagged`` gives each sequence phases of its own."""
    count, length, num_units = task.sequences.shape
    memory = ThetaGammaMemory(
        num_units, num_slots=length, density=density, generator=task.generator
    )
    offsets = [2.0 * number for number in range(count)] if tagged else None
    memory.store(list(task.sequences), phase_offsets=offsets)
    replay = memory.replay(
        torch.cat([memory.cue(number) for number in range(count)]),
        num_cycles=task.num_cycles,
        reset=reset,
        jitter=JITTER,
        noise=task.noise,
        generator=task.generator,
    )
    matches = torch.zeros(count, task.num_cycles, length, len(memory.patterns))
    matches.scatter_(-1, replay.items[..., None], replay.matches[..., None].float())
    positions = replay.positions(length)
    if tagged:
        shift = torch.tensor(offsets).long()[:, None, None]
        positions = (positions - shift) % length
    return Readout(matches[..., memory.order.flatten()], positions)


def hopfield_sequence(task: Task) -> Readout:
    """Signs; Σ ξ^{k+1} ξ^k carries over a slot boundary, then five updates by Hopfield's rule."""
    _, length, num_units = task.sequences.shape
    signs = torch.where(task.sequences.real < 0, -1.0, 1.0)
    items = signs.flatten(0, 1)
    hebbian = (items.T @ items / num_units).fill_diagonal_(0)
    onward = signs[:, 1:].flatten(0, 1).T @ signs[:, :-1].flatten(0, 1) / num_units
    jitter_flips = (1 - math.exp(-(JITTER**2) / 2)) / 2
    noise_flips = math.erfc(math.pi / 2 / task.noise / math.sqrt(2)) if task.noise else 0.0

    def flip(state: Tensor, chance: float) -> Tensor:
        drawn = torch.rand(state.shape, generator=task.generator)
        return torch.where(drawn < chance, -state, state)

    def updated(state: Tensor, weights: Tensor) -> Tensor:
        field = state @ weights.T
        return torch.where(field == 0, state, field.sign())

    read = []
    for _ in range(task.num_cycles):
        state = flip(signs[:, 0], jitter_flips)
        for slot in range(length):
            state = flip(updated(state, onward) if slot else state, noise_flips)
            for _ in range(5):
                state = updated(state, hebbian)
            read.append(state @ items.T / num_units)
    return Readout(torch.stack(read, 1).unflatten(1, (task.num_cycles, length)))


def gru(task: Task) -> Readout:
    """A GRU with at most as many parameters as the dense memory has, trained on the sequences."""
    weights = task.trained()
    network = _network(task.sequences.shape[-1], task.config)
    network.load_state_dict({k: torch.as_tensor(v) for k, v in weights.items()})
    return Readout(_foretell(network, task.sequences, task.noise, task.num_cycles, task.generator))


def _network(num_units: int, config: Config) -> NextElementGRU:
    budget = 3 * num_units**2  # Hermitian associations and general transitions, as real numbers
    width = match_width(partial(NextElementGRU, 2 * num_units), budget)
    return NextElementGRU(2 * num_units, width)


def _parts(state: Complex[Tensor, "*batch N"]) -> Tensor:
    return torch.cat([state.real, state.imag], -1)


def _jittered(state: Tensor, size: float, generator: torch.Generator | None) -> Tensor:
    angle = size * torch.randn(state.shape, generator=generator)
    return state * torch.polar(torch.ones_like(angle), angle)


@torch.no_grad()
def _foretell(
    network: NextElementGRU,
    sequences: Tensor,
    noise: float,
    num_cycles: int,
    generator: torch.Generator,
) -> Tensor:
    """Overlaps while the network is fed with its own outputs."""
    _, length, num_units = sequences.shape
    items = sequences.flatten(0, 1)
    read = []
    for _ in range(num_cycles):
        shown, state = _jittered(sequences[:, 0], JITTER, generator), None
        for slot in range(length):
            shown = _jittered(shown, noise, generator)
            read.append((shown @ items.mH / num_units).abs())
            if slot < length - 1:
                found, state = network.step(_parts(shown), state)
                shown = torch.complex(*found.chunk(2, -1))
                shown = shown / shown.abs().clamp(min=1e-12)
    return torch.stack(read, 1).unflatten(1, (num_cycles, length))


def train_gru(sequences: Complex[Tensor, "S L N"], config: Config, seed: int) -> dict[str, Any]:
    """Weights of the better of two learning rates, by replay without noise."""
    best: tuple[float, dict[str, Any]] = (-1.0, {})
    for lr in LEARNING_RATES:
        torch.manual_seed(seed)
        network = _network(sequences.shape[-1], config)

        def loss(network: torch.nn.Module, noisy: Tensor) -> Tensor:
            found = network(_parts(noisy[:, :-1]))
            return (found - _parts(sequences[:, 1:])).square().sum(-1).mean() / found.shape[-1]

        def batches(epoch: int) -> list[Tensor]:
            return [_jittered(sequences, JITTER, None) for _ in range(config.gru_steps)]

        fit(
            network,
            loss,
            batches,
            optimizer=torch.optim.Adam(network.parameters(), lr),
            num_epochs=1,
            grad_clip=1.0,
        )
        drawn = torch.Generator().manual_seed(seed + 1)
        matches = _foretell(network, sequences, 0.0, 5, drawn)
        score = float((matches.argmax(-1) == wanted(sequences)[:, None]).double().mean())
        if score > best[0]:
            best = score, {k: v.numpy().copy() for k, v in network.state_dict().items()}
    return best[1]


def wanted(sequences: Complex[Tensor, "S L N"]) -> Int[Tensor, "S L"]:
    """The index of the item that is due in each slot."""
    count, length, _ = sequences.shape
    return torch.arange(count * length).view(count, length)
