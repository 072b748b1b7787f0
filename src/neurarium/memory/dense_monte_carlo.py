"""Monte Carlo for dense associative memories at high load: compiled, exact, bounded by memory.

Krotov, Hopfield (arXiv 1606.01164) and Albanese et al., "Replica symmetry breaking in dense neural
networks" (arXiv 2111.12997). The same energies, dynamics and random numbers as
:class:`~neurarium.memory.DenseAssociativeMemory`, hence the same trajectories; patterns are kept as
bytes, energies are looked up in a table over the N + 1 possible overlaps.
"""

from __future__ import annotations

import math
import warnings
from fractions import Fraction
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from neurarium.memory.arguments import require_count, require_tensor
from neurarium.memory.associative import Recall
from neurarium.memory.dense import DenseAssociativeMemory, Energy, distinct_products

DRAWS = 1 << 24  # random numbers that are held at a time


class DenseTrace(NamedTuple):
    """What a simulation measured after each sweep.

    ``state`` (B, N) is the last one; ``overlap`` (B, T) that with each chain's target; ``energy``
    (B, T); ``changed`` (B, T) tells whether any unit flipped.
    """

    state: Tensor
    overlap: Tensor
    energy: Tensor
    changed: Tensor


class DenseMonteCarlo(DenseAssociativeMemory):
    r"""A dense associative memory for millions of patterns: K bytes read per proposal.

    `Replica symmetry breaking in dense neural networks <https://arxiv.org/abs/2111.12997>`_.
    Energies as in :class:`~neurarium.memory.DenseAssociativeMemory`; flipping unit i changes one by

    .. math:: \Delta E = \sum_\mu F(s_\mu) - F(s_\mu - 2 \xi^\mu_i \sigma_i)

    Runs on the CPU, one chain after the other, with patterns (N, K) as int8 and sums as int16
    (int32 beyond 32 767 units).

    Args:
        num_units: N.
        degree: P, at least 2. An odd one warns: state and negative then differ in energy.
        energy: ``"distinct"``, ``"power"``, or F as a callable on float64 sums s.

    Shapes:
        - patterns: (K, N) of ±1; state: (B, N) of ±1

    Raises:
        ValueError: for another degree or energy, an energy beyond the range of float64, other
            values than ±1, shapes that do not fit.
        RuntimeError: if nothing was stored.

    Example:
        >>> patterns = torch.randint(0, 2, (2000, 48)) * 2 - 1  # 42 per unit
        >>> memory = DenseMonteCarlo(48)
        >>> memory.store(patterns)
        >>> bool((memory.recall(patterns[:20]).overlaps[:, :20].diagonal() > 0.9).all())
        True
    """

    def __init__(self, num_units: int, *, degree: int = 4, energy: Energy = "distinct") -> None:
        require_count("num_units", num_units)
        require_count("degree", degree)
        super().__init__(num_units, degree=degree, energy=energy, dtype=torch.int8)
        if degree % 2 and not callable(energy):
            warnings.warn(
                f"degree {degree} is odd: a state and its negative have opposite energies, and the "
                "theory of retrieval does not cover it",
                stacklevel=2,
            )
        sums = torch.arange(-num_units, num_units + 1, 2, dtype=torch.float64)
        table = self._unscaled(sums)
        self._require_finite_table(table)
        self.table = table.double()  # no buffer: exact, whatever the module's type

    def _require_finite_table(self, table: Tensor) -> None:
        """Raise unless the table has a finite number for every sum, and a scale."""
        count, name = self.num_units + 1, f"{self.num_units} units"
        if not isinstance(table, Tensor) or table.shape != (count,):
            got = list(table.shape) if isinstance(table, Tensor) else type(table).__name__
            raise ValueError(f"energy must map {count} sums to as many numbers: got {got}")
        if not callable(self.interaction) and (
            self.scale < torch.finfo(torch.float64).tiny or not table.isfinite().all()
        ):
            raise ValueError(
                f"degree must be lower for {name}: got {self.degree}, beyond the range of float64"
            )
        if not table.isfinite().all():
            kind = str(table.dtype).removeprefix("torch.")
            raise ValueError(
                f"energy must be finite at all sums of {name} in {kind}: got "
                f"{table[[0, -1]].tolist()} at the ends; scale it"
            )

    def _unscaled(self, total: Tensor) -> Tensor:
        """F by s up to a factor; whole numbers where the energy has a name."""
        if callable(self.interaction):
            return self.interaction(total)
        if self.interaction == "power":
            return total**self.degree
        return distinct_products(total, self.degree, self.num_units).round()

    @property
    def scale(self) -> float:
        """What the table is multiplied by to be an energy."""
        if callable(self.interaction):
            return 1.0
        parts = math.factorial(self.degree) if self.interaction == "power" else 1
        return float(Fraction(1, self.num_units ** (self.degree - 1) * parts))

    def store(self, patterns: Float[Tensor, "K N"]) -> None:
        """Store patterns of ±1 in place of those stored before; kept unit by unit."""
        require_tensor("patterns", patterns)
        if patterns.ndim != 2 or patterns.shape[1] != self.num_units or not len(patterns):
            raise ValueError(
                f"patterns must have shape (K >= 1, {self.num_units}): got {list(patterns.shape)}"
            )
        self.patterns = self._signs("patterns", patterns).T.contiguous().T

    def _agreements(self, state: Tensor) -> Tensor:
        """How many units of each state agree with each pattern, (B, K)."""
        from neurarium.memory.dense_sweep import count_agreements

        rows = self.rows
        dtype = torch.int16 if self.num_units < 1 << 15 else torch.int32
        agree = torch.empty(len(state), rows.shape[1], dtype=dtype)
        count_agreements(state.contiguous().numpy(), rows.numpy(), agree.numpy())
        return agree

    def overlaps(self, state: Float[Tensor, "B N"]) -> Float[Tensor, "B K"]:
        """Overlap with each pattern, in [−1, 1]; of the state's type where that has fractions."""
        return self._overlaps(self._agreements(self._cues(state)), state.dtype)

    def _overlaps(self, agree: Tensor, dtype: torch.dtype) -> Tensor:
        kept = dtype if dtype.is_floating_point else torch.get_default_dtype()
        wide = agree.to(torch.promote_types(kept, torch.float32))
        return (wide * (2 / self.num_units) - 1).to(kept)

    def energy(self, state: Float[Tensor, "B N"]) -> Float[Tensor, " B"]:
        """The energy of each state, float64."""
        return self._energy(self._agreements(self._cues(state)))

    def _energy(self, agree: Tensor) -> Tensor:
        return torch.stack([-self.scale * self.table[row.int()].sum() for row in agree])

    def flip_energies(self, state: Float[Tensor, "B N"]) -> Float[Tensor, "B N"]:
        """By how much flipping each unit alone would change the energy, float64."""
        state = self._cues(state)
        half_slope, bend = self._tables()
        changes = []
        for chain, agree in zip(state, self._agreements(state), strict=True):
            field = half_slope[agree.int()]
            pull = torch.stack([row.double() @ field for row in self.rows])
            changes.append(bend[agree.int()].sum() + chain * pull)
        return self.scale * torch.stack(changes)

    def _tables(self) -> tuple[Tensor, Tensor]:
        """h and the terms of S by u; beyond the ends, where no flip leads, F goes on straight."""
        ends = 2 * self.table[[0, -1]] - self.table[[1, -2]]
        below = torch.cat((ends[:1], self.table[:-1]))
        above = torch.cat((self.table[1:], ends[1:]))
        return (above - below) / 2, self.table - (above + below) / 2

    def _cues(self, state: Tensor) -> Tensor:
        require_tensor("state", state)
        if not len(self.patterns):
            raise RuntimeError("patterns must be stored before a recall: call store(patterns)")
        if state.ndim != 2 or state.shape[1] != self.num_units:
            raise ValueError(f"state must be (B, {self.num_units}): got {list(state.shape)}")
        if state.device.type != "cpu" or self.patterns.device.type != "cpu":
            devices = f"{state.device} and {self.patterns.device}"
            raise ValueError(f"state and patterns must be on the CPU: got {devices}")
        return self._signs("state", state).clone()

    @torch.no_grad()
    def recall(
        self,
        state: Float[Tensor, "B N"],
        *,
        beta: float = math.inf,
        num_sweeps: int = 20,
        generator: torch.Generator | None = None,
    ) -> Recall:
        """Run the dynamics from each state; the same result as the memory that this one extends.

        Args:
            state: ±1; the cues.
            beta: inverse temperature; ∞ descends the energy.
            num_sweeps: sweeps over all units at most.
            generator: draws the order of the units and the heat bath.
        """
        chains = _Chains(self, state, None, beta, num_sweeps, generator)
        quiet = torch.zeros(len(chains.state), dtype=torch.bool)
        for _ in range(num_sweeps):
            quiet = ~chains.run(1)[-1][:, 0]
            if quiet.all():
                break
        overlaps = self._overlaps(chains.agree, state.dtype)
        return Recall(chains.state.to(state.dtype), overlaps, quiet)

    @torch.no_grad()
    def trace(
        self,
        state: Float[Tensor, "B N"],
        *,
        target: Float[Tensor, "B N"] | None = None,
        beta: float = math.inf,
        num_sweeps: int = 20,
        generator: torch.Generator | None = None,
    ) -> DenseTrace:
        """Run the dynamics and measure after every sweep.

        Args:
            state: ±1; where each chain begins.
            target: ±1; what each chain's overlap is measured with, by default its beginning.
            beta: inverse temperature; ∞ descends the energy.
            num_sweeps: sweeps over all units.
            generator: draws the order of the units and the heat bath.

        Raises:
            ValueError: for arguments out of range and shapes that do not fit.
            RuntimeError: if nothing was stored.
        """
        chains = _Chains(self, state, target, beta, num_sweeps, generator)
        at_a_time = max(1, DRAWS // chains.state.numel())
        parts = [
            chains.run(min(at_a_time, num_sweeps - done))
            for done in range(0, num_sweeps, at_a_time)
        ]
        overlap, energy, changed = (torch.cat(values, 1) for values in zip(*parts, strict=True))
        return DenseTrace(chains.state.to(state.dtype), overlap, energy, changed)


class _Chains:
    """States under simulation with their agreements."""

    def __init__(
        self,
        memory: DenseMonteCarlo,
        state: Tensor,
        target: Tensor | None,
        beta: float,
        num_sweeps: int,
        generator: torch.Generator | None,
    ) -> None:
        if not beta > 0:
            raise ValueError(f"beta must be positive: got {beta}")
        require_count("num_sweeps", num_sweeps)
        self.state = memory._cues(state).contiguous()
        self.target = self.state.clone() if target is None else memory._cues(target).contiguous()
        if self.target.shape != self.state.shape:
            raise ValueError(f"target must be {list(state.shape)}: got {list(self.target.shape)}")
        self.agree = memory._agreements(self.state)
        self.rows, self.scale = memory.rows, memory.scale
        self.tables = torch.stack((*memory._tables(), memory.table))
        self.beta, self.generator = beta * memory.scale, generator

    def run(self, num_sweeps: int) -> tuple[Tensor, Tensor, Tensor]:
        """Visit every unit once a sweep; overlaps, energies and which chains changed, (B, T)."""
        from neurarium.memory.dense_sweep import sweep

        num_chains, num_units = self.state.shape
        cold = self.beta == math.inf
        orders = torch.empty(num_sweeps, num_units, dtype=torch.int64)
        draws = torch.zeros(num_sweeps, num_units, 0 if cold else num_chains)
        for order, numbers in zip(orders, draws, strict=True):
            torch.randperm(num_units, generator=self.generator, out=order)
            if not cold:
                torch.rand(num_units, num_chains, generator=self.generator, out=numbers)
        overlap, energy = torch.empty(2, num_chains, num_sweeps, dtype=torch.float64)
        changed = torch.empty(num_chains, num_sweeps, dtype=torch.bool)
        chains = (self.state, self.agree, self.rows, self.tables, self.target, orders, draws)
        arrays = [tensor.numpy() for tensor in (*chains, changed, overlap, energy)]
        sweep(self.beta, *arrays)
        return overlap, energy * self.scale, changed
