"""Memories of binary patterns: the protocol they share, and Hopfield's network of 1982.

States and patterns are ±1. A recall updates unit after unit, in an order drawn anew each sweep:
at zero temperature (β = ∞) a unit flips where that lowers the energy, otherwise by the heat bath,
p(flip) = 1/(1 + exp(β ΔE)).
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from neurarium.memory.arguments import require_count, require_tensor


class Recall(NamedTuple):
    """What a recall ended in; ``converged`` where a whole sweep flipped nothing."""

    state: Tensor
    overlaps: Tensor
    converged: Tensor


class AssociativeMemory(nn.Module):
    """Base of the binary memories: a subclass says how the energy depends on a tracked quantity.

    What is tracked is ``state @ rows``, (B, M), so that flipping unit i adds one row. Subclasses
    give ``rows`` (N, M), :meth:`energy` and :meth:`flip_energy`.

    Args:
        num_units: N.
    """

    patterns: Tensor
    least_change = 1e-9  # an energy that falls by less stays where it is

    def __init__(
        self,
        num_units: int,
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        require_count("num_units", num_units)
        self.num_units = num_units
        self.register_buffer("patterns", torch.empty(0, num_units, device=device, dtype=dtype))

    def store(self, patterns: Float[Tensor, "K N"]) -> None:
        """Store patterns of ±1 in place of those stored before."""
        require_tensor("patterns", patterns)
        if patterns.ndim != 2 or patterns.shape[1] != self.num_units or not len(patterns):
            raise ValueError(
                f"patterns must have shape (K >= 1, {self.num_units}): got {list(patterns.shape)}"
            )
        self.patterns = self._signs("patterns", patterns).clone()

    def overlaps(self, state: Float[Tensor, "B N"]) -> Float[Tensor, "B K"]:
        """Overlap with each pattern, in [−1, 1]; 1 is perfect recall."""
        self._require_fitting(state)
        return state.to(self.patterns) @ self.patterns.T / self.num_units

    @property
    def rows(self) -> Float[Tensor, "N M"]:
        """What the tracked quantity gains when unit i is turned up by 1."""
        raise NotImplementedError

    def energy(self, state: Float[Tensor, "B N"]) -> Float[Tensor, " B"]:
        """The energy of each state."""
        raise NotImplementedError

    def flip_energy(
        self, state: Float[Tensor, "B N"], tracked: Float[Tensor, "B M"], unit: int
    ) -> Float[Tensor, " B"]:
        """By how much flipping one unit changes the energy."""
        raise NotImplementedError

    @torch.no_grad()
    def recall(
        self,
        state: Float[Tensor, "B N"],
        *,
        beta: float = math.inf,
        num_sweeps: int = 20,
        generator: torch.Generator | None = None,
    ) -> Recall:
        """Run the dynamics from each state.

        Args:
            state: ±1; the cues.
            beta: inverse temperature; ∞ descends the energy.
            num_sweeps: sweeps over all units at most.
            generator: draws the order of the units and the heat bath.
        """
        self._require_fitting(state)
        if not beta > 0 or num_sweeps < 1:
            raise ValueError(f"beta and num_sweeps must be positive: got {beta} and {num_sweeps}")
        state = self._signs("state", state).clone()
        rows = self.rows
        tracked = state @ rows
        quiet = torch.zeros(len(state), dtype=torch.bool, device=state.device)
        for _ in range(num_sweeps):
            quiet = ~self._sweep(state, tracked, rows, beta, generator)
            if quiet.all():
                break
        return Recall(state, self.overlaps(state), quiet)

    def _sweep(
        self,
        state: Tensor,
        tracked: Tensor,
        rows: Tensor,
        beta: float,
        generator: torch.Generator | None,
    ) -> Tensor:
        """Visit every unit once, in place; which states changed."""
        where = "cpu" if generator is None else generator.device
        order: Int[Tensor, " N"] = torch.randperm(self.num_units, generator=generator, device=where)
        changed = torch.zeros(len(state), dtype=torch.bool, device=state.device)
        for unit in order.tolist():
            change = self.flip_energy(state, tracked, unit)
            if beta == math.inf:
                flips = change < -self.least_change
            else:
                chance = torch.sigmoid(-beta * change)
                drawn = torch.rand(len(state), generator=generator, device=where)
                flips = drawn.to(chance) < chance
            if flips.any():
                tracked.addr_(torch.where(flips, -2 * state[:, unit], 0.0), rows[unit])
                state[:, unit] = torch.where(flips, -state[:, unit], state[:, unit])
                changed |= flips
        return changed

    def _require_fitting(self, state: Tensor) -> None:
        require_tensor("state", state)
        if not len(self.patterns):
            raise RuntimeError("patterns must be stored first: call store(patterns)")
        if state.ndim != 2 or state.shape[1] != self.num_units:
            raise ValueError(f"state must be (B, {self.num_units}): got {list(state.shape)}")

    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, *rest: Any, **named: Any
    ) -> None:
        """What was stored decides how many patterns there are."""
        saved = state_dict.get(prefix + "patterns")
        if isinstance(saved, Tensor) and saved.ndim == 2 and saved.shape[1] == self.num_units:
            self.patterns = self.patterns.new_empty(saved.shape)
        super()._load_from_state_dict(state_dict, prefix, *rest, **named)

    def _signs(self, name: str, values: Tensor) -> Tensor:
        if values.dtype == torch.bool:
            raise TypeError(f"{name} must be -1 or 1: got torch.bool, which has no sign")
        wrong = values[values.abs() != 1]
        if len(wrong):
            raise ValueError(f"{name} must be -1 or 1: got {wrong[0].item()}")
        return values.to(self.patterns)


class HopfieldNetwork(AssociativeMemory):
    r"""Hopfield's network: pairwise couplings, capacity about 0.138 N random patterns.

    `Hopfield, PNAS 79 (1982) 2554 <https://doi.org/10.1073/pnas.79.8.2554>`_; the pseudo-inverse
    rule of Personnaz, Guyon, Dreyfus (1985) stores up to N independent patterns, also correlated
    ones.

    .. math:: E = -\tfrac12 \sigma^\top W \sigma, \qquad W = \tfrac1N X^\top X
              \;\text{or}\; X^+ X, \quad W_{ii} = 0

    Args:
        num_units: N.
        rule: ``"hebbian"`` or ``"pseudo-inverse"``.

    Shapes:
        - patterns: (K, N) of ±1; state: (B, N) of ±1

    Raises:
        ValueError: for an unknown rule, other values than ±1, and shapes that do not fit.
        RuntimeError: if nothing was stored.

    Example:
        >>> patterns = torch.randint(0, 2, (5, 200)).float() * 2 - 1
        >>> cue = patterns.clone()
        >>> cue[:, :20] *= -1  # a tenth is wrong
        >>> network = HopfieldNetwork(200)
        >>> network.store(patterns)
        >>> bool((network.recall(cue).overlaps.diagonal() > 0.95).all())
        True
    """

    weights: Tensor

    def __init__(
        self,
        num_units: int,
        *,
        rule: str = "hebbian",
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(num_units, device=device, dtype=dtype)
        if rule not in ("hebbian", "pseudo-inverse"):
            raise ValueError(f"rule must be 'hebbian' or 'pseudo-inverse': got {rule!r}")
        self.rule = rule
        self.register_buffer("weights", self.patterns.new_zeros(num_units, num_units))

    def store(self, patterns: Float[Tensor, "K N"]) -> None:
        """Store patterns of ±1 in place of those stored before."""
        super().store(patterns)
        x = self.patterns
        weights = x.T @ x / self.num_units if self.rule == "hebbian" else torch.linalg.pinv(x) @ x
        self.weights = weights.fill_diagonal_(0)

    @property
    def rows(self) -> Float[Tensor, "N N"]:
        """The couplings: the local fields are what is tracked."""
        return self.weights

    def energy(self, state: Float[Tensor, "B N"]) -> Float[Tensor, " B"]:
        """−½ σᵀWσ of each state."""
        self._require_fitting(state)
        state = state.to(self.weights)
        return -((state @ self.weights) * state).sum(-1) / 2

    def flip_energy(
        self, state: Float[Tensor, "B N"], tracked: Float[Tensor, "B N"], unit: int
    ) -> Float[Tensor, " B"]:
        """2 σ_i h_i with the local field h."""
        return 2 * state[:, unit] * tracked[:, unit]
