"""Sequences of phase patterns, counted by gamma cycles within theta cycles.

The theta–gamma code is that of Lisman and Idiart, Science 267 (1995) 1512, and Lisman and Jensen,
Neuron 77 (2013) 1002; combining it with a phasor memory, and the phase tags, are a design of this
library. "A brain basis of dynamical intelligence for AI and computational neuroscience"
(arXiv 2105.07284) argues for nested oscillations and has no equations.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Complex, Float, Int
from torch import Tensor

from neurarium.memory.arguments import require_count
from neurarium.memory.phasor import PhasorMemory
from neurarium.memory.phasor_kuramoto import check_step, diffuse

SAME = 1e-5
"""Two stored items are one where their overlap differs from 1 by less."""

Sequences = Sequence[Complex[Tensor, "L N"]] | Complex[Tensor, "S L N"]


@dataclass(frozen=True)
class Replay:
    """What was read out at the end of every gamma slot.

    Args:
        items: index of the stored item with the largest overlap, (B, num_cycles, num_slots).
        phases: argument of that overlap in radians, the phase code.
        matches: its modulus.

    Example:
        >>> phases = torch.tensor([[[0.1, 1.5, -3.1, -1.6]]])
        >>> replay = Replay(torch.arange(4)[None, None], phases, torch.ones(1, 1, 4))
        >>> replay.positions(4)
        tensor([[[0, 1, 2, 3]]])
    """

    items: Int[Tensor, "B cycles slots"]
    phases: Float[Tensor, "B cycles slots"]
    matches: Float[Tensor, "B cycles slots"]

    def positions(self, num_slots: int) -> Int[Tensor, "B cycles slots"]:
        """The position within the theta cycle that the phase alone tells.

        Args:
            num_slots: of the memory.
        """
        return (self.phases * num_slots / (2 * math.pi)).round().long() % num_slots


class ThetaGammaMemory(PhasorMemory):
    r"""Stores sequences and replays one item in each gamma cycle of a theta cycle.

    Within a gamma slot the oscillators settle in the memory of all items; at its end the
    transitions carry them to the next item and turn the global phase by one slot, so that the
    argument of the overlap tells the position (arXiv 2105.07284 argues for such nesting; this is
    a design of this library, not a model of the paper's). At theta phase 0 the cue is given again.

    .. math:: z \leftarrow \frac{W_\text{seq} z}{|W_\text{seq} z|}, \qquad
              W_\text{seq} = \frac{A \odot \sum_k e^{2\pi i / n} Z^{k+1} Z^{k\dagger}}{cN}

    With ``phase_offsets`` sequence s runs at the phases
    :math:`\theta_{sk} = 2\pi (k + \text{offset}_s)/n`, and a transition is taken to the extent that
    the item is at its phase:

    .. math:: z \leftarrow W_\text{seq} z + V \bar z \propto \sum_{sk} e^{i\theta_{s,k+1}} Z^{k+1}
              \, \mathrm{Re}(e^{-i\theta_{sk}} o_k), \qquad V = \frac{A \odot \sum_{sk}
              e^{i(\theta_{s,k+1} + \theta_{sk})} Z^{k+1} Z^{k\top}}{cN}

    so that an item that two sequences share leads on in the one that it was reached in.

    Args:
        num_units: N.
        num_slots: n, gamma cycles per theta cycle: 56 Hz within 8 Hz make seven.
        density: as for :class:`PhasorMemory`.
        coupling: as for :class:`PhasorMemory`.
        mask: as for :class:`PhasorMemory`.
        allow_asymmetric: as for :class:`PhasorMemory`.
        backend: as for :class:`PhasorMemory`.
        generator: draws the mask.

    Shapes:
        - sequences: S tensors (L, N), complex of modulus 1, or (S, L, N); cue: (B, N)
        - items, phases, matches: (B, num_cycles, num_slots)

    Raises:
        ValueError: as :class:`PhasorMemory`, and for sequences longer than ``num_slots``.
        RuntimeError: if nothing was stored.

    Example:
        >>> generator = torch.Generator().manual_seed(0)
        >>> phases = 2 * math.pi * torch.rand(7, 400, generator=generator)
        >>> memory = ThetaGammaMemory(400, density=0.2, generator=generator)
        >>> memory.store([torch.polar(torch.ones(7, 400), phases)])
        >>> replay = memory.replay(memory.cue(0), num_cycles=2, noise=0.5, generator=generator)
        >>> replay.items[0].tolist()
        [[0, 1, 2, 3, 4, 5, 6], [0, 1, 2, 3, 4, 5, 6]]
        >>> replay.positions(7)[0, 1].tolist()
        [0, 1, 2, 3, 4, 5, 6]
    """

    transitions: Tensor
    conjugate_transitions: Tensor
    order: Tensor
    offsets: Tensor

    def __init__(
        self,
        num_units: int,
        *,
        num_slots: int = 7,
        density: float = 1.0,
        coupling: float = 8.0,
        mask: Tensor | None = None,
        allow_asymmetric: bool = False,
        backend: str = "auto",
        generator: torch.Generator | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(
            num_units,
            density=density,
            coupling=coupling,
            mask=mask,
            allow_asymmetric=allow_asymmetric,
            backend=backend,
            generator=generator,
            device=device,
            dtype=dtype,
        )
        require_count("num_slots", num_slots)
        self.num_slots = num_slots
        self.register_buffer("transitions", torch.zeros_like(self.weights))
        self.register_buffer("conjugate_transitions", self.weights.new_zeros(0, num_units))
        self.register_buffer("order", torch.empty(0, num_slots, dtype=torch.long, device=device))
        self.register_buffer("offsets", self.weights.new_zeros(0))

    @torch.no_grad()
    def store(  # type: ignore[override]
        self, sequences: Sequences, *, phase_offsets: Sequence[float] | None = None
    ) -> None:
        """Store sequences, and every item once, in place of those stored before.

        Args:
            sequences: of at most ``num_slots`` items each.
            phase_offsets: one a sequence, in slots; None leaves transitions blind to the phase.
        """
        for number, sequence in enumerate(sequences):
            self._require_state(f"sequence {number}", sequence, "L")
            if len(sequence) > self.num_slots:
                raise ValueError(
                    f"sequence {number} must have at most num_slots = {self.num_slots} items: "
                    f"got {len(sequence)}"
                )
        if not len(sequences):
            raise ValueError("sequences must hold at least one: got none")
        if phase_offsets is not None and len(phase_offsets) != len(sequences):
            raise ValueError(
                f"phase_offsets must have one number a sequence: got {len(phase_offsets)} "
                f"for {len(sequences)}"
            )
        offsets = [0.0] * len(sequences) if phase_offsets is None else list(phase_offsets)
        for offset in offsets:
            if not math.isfinite(offset):
                raise ValueError(f"phase_offsets must be finite: got {offset}")
        items, places = _distinct(torch.cat(list(sequences)))
        super().store(items)
        lengths = [len(sequence) for sequence in sequences]
        self.order = self.order.new_full((len(lengths), self.num_slots), -1)
        for row, indices in zip(self.order, places.split(lengths), strict=True):
            row[: len(indices)] = indices
        self.offsets = self.offsets.new_tensor(offsets)
        self._store_transitions(tagged=phase_offsets is not None)

    def _store_transitions(self, *, tagged: bool) -> None:
        patterns, angles = self.patterns, self._exact(self.angles)
        before, after = self.order[:, :-1], self.order[:, 1:]
        taken = after >= 0
        turn = torch.polar(torch.ones_like(angles), angles)
        start = patterns[before[taken]] * turn[:, :-1][taken, None]
        end = patterns[after[taken]] * turn[:, 1:][taken, None]
        self.transitions = self._couplings(end, start).to(self.weights)
        plain = self.weights.new_zeros(0, self.num_units)
        conjugate = self._couplings(end, start.conj()).to(self.weights) if tagged else plain
        self.conjugate_transitions = conjugate

    @property
    def angles(self) -> Float[Tensor, "S slots"]:
        """θ: the phase of every position of every sequence."""
        positions = torch.arange(self.num_slots, device=self.offsets.device)
        return 2 * math.pi / self.num_slots * (positions + self.offsets[:, None])

    def cue(self, sequence: int, position: int = 0) -> Complex[Tensor, "1 N"]:
        """The item at a position of a sequence, turned to its phase: what a replay starts from."""
        if not len(self.order):
            raise RuntimeError("sequences must be stored before a cue: call store(sequences)")
        if not 0 <= sequence < len(self.order):
            raise IndexError(f"sequence must lie in 0 … {len(self.order) - 1}: got {sequence}")
        length = int((self.order[sequence] >= 0).sum())
        if not 0 <= position < length:
            raise IndexError(f"position must lie in 0 … {length - 1}: got {position}")
        angle = self._exact(self.angles)[sequence, position]
        turn = torch.polar(torch.ones_like(angle), angle)
        return self.patterns[self.order[sequence, position]][None] * turn

    def advance(
        self, state: Complex[Tensor, "B N"], *, direction: int = 1
    ) -> Complex[Tensor, "B N"]:
        """Carry states over a slot boundary; a unit without drive keeps its phase.

        Args:
            state: before the boundary.
            direction: 1, or −1 for the adjoint transitions, which lead back.
        """
        _require_direction(direction)
        state = torch.complex(*self._parts(state))
        drive = self._product(self.transitions, state, direction)
        if len(self.conjugate_transitions):
            drive = drive + self._conjugate_drive(state, direction)
        size = drive.abs()
        return torch.where(size > 0, drive / size.clamp(min=torch.finfo(size.dtype).tiny), state)

    def _conjugate_drive(self, state: Tensor, direction: int) -> Tensor:
        """V z̄, or its real adjoint Vᵀ z̄."""
        if direction > 0:
            return self._product(self.conjugate_transitions, state.conj(), 1)
        return self._product(self.conjugate_transitions, state, -1).conj()

    def _product(self, stacked: Tensor, state: Tensor, direction: int) -> Tensor:
        """W z for every state, or W† z."""
        weights = torch.complex(*self._exact(stacked).chunk(2))
        return state @ (weights.T if direction > 0 else weights.conj())

    def replay(
        self,
        cue: Complex[Tensor, "B N"],
        *,
        num_cycles: int = 1,
        direction: int = 1,
        reset: bool = True,
        jitter: float = 0.6,
        num_steps: int = 50,
        dt: float = 0.02,
        noise: float = 0.0,
        generator: torch.Generator | None = None,
    ) -> Replay:
        """Run theta cycles and read an item at the end of every gamma slot.

        Args:
            cue: what each cycle starts from; :meth:`cue` makes one.
            num_cycles: theta cycles.
            direction: 1 forward, −1 backward.
            reset: give the cue anew at theta phase 0; False only in the first cycle.
            jitter: standard deviation of the cue's phases in radians.
            num_steps: Euler steps within a slot.
            dt: of a step.
            noise: σ.
            generator: draws jitter and noise.
        """
        if not len(self.order):
            raise RuntimeError("sequences must be stored before a replay: call store(sequences)")
        require_count("num_cycles", num_cycles)
        require_count("num_steps", num_steps)
        _require_direction(direction)
        check_step(self.coupling, dt, noise)
        if not (jitter >= 0 and math.isfinite(jitter)):
            raise ValueError(f"jitter must be at least 0: got {jitter}")
        cos, sin = self._parts(cue)
        given, weights = torch.atan2(sin, cos), self._operator()
        read = []
        for slot in range(num_cycles * self.num_slots):
            if slot == 0 or (reset and slot % self.num_slots == 0):
                phases = diffuse(given, 1.0, jitter, generator)
            else:
                state = torch.complex(phases.cos(), phases.sin())
                phases = self.advance(state, direction=direction).angle()
            phases, _ = self._flow(weights, phases, num_steps, dt, noise, generator=generator)
            read.append(self.overlaps(torch.complex(phases.cos(), phases.sin())))
        overlaps = torch.stack(read, 1).unflatten(1, (num_cycles, self.num_slots))
        items = overlaps.abs().argmax(-1)
        chosen = overlaps.gather(-1, items[..., None]).squeeze(-1)
        return Replay(items, chosen.angle(), chosen.abs())


def _distinct(items: Complex[Tensor, "M N"]) -> tuple[Tensor, Int[Tensor, " M"]]:
    """Every item once, in the order of first appearance, and where each one went."""
    same = (items @ items.mH / items.shape[1]).real > 1 - SAME
    first = same.long().argmax(1)
    kept = first.unique()
    return items[kept], torch.searchsorted(kept, first)


def _require_direction(direction: int) -> None:
    if direction not in (1, -1):
        raise ValueError(f"direction must be 1 or -1: got {direction!r}")
