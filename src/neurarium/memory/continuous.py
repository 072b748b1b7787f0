r"""Memories of continuous patterns under the face of the binary ones: exponential and sparse.

Ramsauer et al., "Hopfield Networks is All You Need" (arXiv 2008.02217) with the softmax; Hu et al.,
"On Sparse Modern Hopfield Model" (arXiv 2309.12673) with the sparsemax; Santos et al., "Sparse and
Structured Hopfield Networks" (arXiv 2402.13725) for any entropy H_α of
:mod:`~neurarium.memory.entmax`. Patterns are the rows x_i of X, M the largest of their lengths:

.. math:: E(\xi) = -\tfrac1\beta \max_{p \in \Delta} [\beta p^\top X \xi + H_\alpha(p)]
          + \tfrac12 \xi^\top \xi + \tfrac1\beta H_\alpha(\tfrac1K, \dots) + \tfrac12 M^2, \qquad
          \xi \leftarrow X^\top \operatorname{entmax}_\alpha(\beta X \xi)

E is never negative, its gradient is ξ minus the update, and no update increases it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from neurarium.memory.arguments import require_count, require_tensor
from neurarium.memory.associative import Recall
from neurarium.memory.entmax import entmax15, sparsemax
from neurarium.memory.retrieval import hopfield_energy, hopfield_retrieve
from neurarium.memory.retrieval_checks import require_positive_beta


class Normalizer(NamedTuple):
    """An entmax: its α, and the function; a score that leads by ``margin`` takes all."""

    alpha: float
    function: Callable[[Tensor], Tensor]

    @property
    def margin(self) -> float:
        """1/(α − 1); infinite for the softmax, which gives every pattern a share."""
        return float("inf") if self.alpha == 1 else 1 / (self.alpha - 1)

    def entropy(self, p: Tensor) -> Tensor:
        """H_α along the last axis, for α > 1."""
        return (p - p**self.alpha).sum(-1) / (self.alpha * (self.alpha - 1))


NORMALIZERS = {
    "softmax": Normalizer(1.0, lambda scores: scores.softmax(-1)),
    "entmax15": Normalizer(1.5, entmax15),
    "sparsemax": Normalizer(2.0, sparsemax),
}


class ModernMemory(nn.Module):
    r"""Stores continuous patterns and recalls them by softmax, 1.5-entmax or sparsemax.

    `Hopfield Networks is All You Need <https://arxiv.org/abs/2008.02217>`_ and `Sparse and
    Structured Hopfield Networks <https://arxiv.org/abs/2402.13725>`_:

    .. math:: \xi \leftarrow X^\top \operatorname{entmax}_\alpha(\beta X \xi)

    The same face as :class:`~neurarium.memory.HopfieldNetwork`, for patterns of any real values.
    The sparse kinds recall a pattern *exactly*, in one step, wherever its product with the cue
    leads all others by 1/((α − 1) β): 1/β for the sparsemax, 2/β for the 1.5-entmax.

    Args:
        num_units: N, the width of a pattern.
        beta: inverse temperature; large finds the best match, small blends similar patterns.
        normalizer: ``"softmax"``, ``"entmax15"`` or ``"sparsemax"``.

    Shapes:
        - patterns: (K, N); state: (B, N)

    Raises:
        TypeError: for what is no tensor, or no whole number.
        ValueError: for an unknown normalizer, a β that is not positive, shapes that do not fit,
            patterns or cues that are not finite.
        RuntimeError: if nothing was stored.

    Example:
        >>> patterns = torch.randn(1000, 64)  # 16 per unit
        >>> cue = patterns + 0.5 * torch.randn(1000, 64)
        >>> memory = ModernMemory(64, beta=1.0, normalizer="sparsemax")
        >>> memory.store(patterns)
        >>> exact = (memory.recall(cue).state == patterns).all(1)
        >>> bool(exact.float().mean() > 0.98)
        True
    """

    patterns: Tensor

    def __init__(
        self,
        num_units: int,
        *,
        beta: float,
        normalizer: str = "softmax",
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        require_count("num_units", num_units)
        require_positive_beta(beta)
        if normalizer not in NORMALIZERS:
            known = ", ".join(map(repr, NORMALIZERS))
            raise ValueError(f"normalizer must be one of {known}: got {normalizer!r}")
        self.num_units, self.beta, self.normalizer = num_units, float(beta), normalizer
        self.register_buffer("patterns", torch.empty(0, num_units, device=device, dtype=dtype))

    def extra_repr(self) -> str:
        """Size, β and normalizer."""
        return f"{self.num_units}, beta={self.beta:.4g}, normalizer={self.normalizer!r}"

    def store(self, patterns: Float[Tensor, "K N"]) -> None:
        """Store patterns in place of those stored before."""
        require_tensor("patterns", patterns)
        if patterns.ndim != 2 or patterns.shape[1] != self.num_units or not len(patterns):
            raise ValueError(
                f"patterns must have shape (K >= 1, {self.num_units}): got {list(patterns.shape)}"
            )
        wrong = patterns[~patterns.isfinite()]
        if len(wrong):
            raise ValueError(f"patterns must be finite: got {wrong[0].item()}")
        self.patterns = patterns.to(self.patterns, copy=True)

    def association(self, state: Float[Tensor, "B N"]) -> Float[Tensor, "B K"]:
        """The share of each pattern in the next state; sparse kinds give exact zeros."""
        state = self._checked(state)
        return NORMALIZERS[self.normalizer].function(self.beta * state @ self.patterns.T)

    def energy(self, state: Float[Tensor, "B N"]) -> Float[Tensor, " B"]:
        """The energy of each state, which no step increases."""
        state = self._checked(state)
        if self.normalizer == "softmax":
            return hopfield_energy(state, self.patterns, beta=self.beta)
        kind = NORMALIZERS[self.normalizer]
        scores = self.beta * state @ self.patterns.T
        share = kind.function(scores)
        even = torch.full_like(self.patterns[:, 0], 1 / len(self.patterns))
        best = (share * scores).sum(-1) + kind.entropy(share)
        length = self.patterns.square().sum(-1).amax()
        return (kind.entropy(even) - best) / self.beta + (state.square().sum(-1) + length) / 2

    def overlaps(self, state: Float[Tensor, "B N"]) -> Float[Tensor, "B K"]:
        """Cosine of each state with each pattern: for ±1 the overlap of the binary memories."""
        state = self._checked(state)
        directions = nn.functional.normalize(self.patterns, dim=-1)
        return nn.functional.normalize(state, dim=-1) @ directions.T

    def recall(
        self, state: Float[Tensor, "B N"], *, num_steps: int = 20, tol: float = 1e-6
    ) -> Recall:
        """Update each state until it rests.

        Args:
            state: the cues.
            num_steps: updates at most.
            tol: a state rests once a step moves it by at most ``tol`` times the length of the
                longest pattern.
        """
        require_count("num_steps", num_steps)
        if not tol >= 0:
            raise ValueError(f"tol must not be negative: got {tol}")
        state = self._checked(state)
        wrong = state[~state.isfinite()]
        if len(wrong):
            raise ValueError(f"state must be finite: got {wrong[0].item()}")
        accepted = tol * self.patterns.norm(dim=-1).amax()
        quiet = torch.zeros(len(state), dtype=torch.bool, device=state.device)
        for _ in range(num_steps):
            following = self._step(state)
            quiet = (following - state).norm(dim=-1) <= accepted
            state = following
            if quiet.all():
                break
        return Recall(state, self.overlaps(state), quiet)

    def _step(self, state: Tensor) -> Tensor:
        if self.normalizer == "softmax":
            return hopfield_retrieve(state, self.patterns, beta=self.beta)
        return self.association(state) @ self.patterns

    def _checked(self, state: Tensor) -> Tensor:
        require_tensor("state", state)
        if not len(self.patterns):
            raise RuntimeError("patterns must be stored before a recall: call store(patterns)")
        if state.ndim != 2 or state.shape[1] != self.num_units:
            raise ValueError(f"state must be (B, {self.num_units}): got {list(state.shape)}")
        return state.to(self.patterns)

    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, *rest: Any, **named: Any
    ) -> None:
        """What was stored decides how many patterns there are."""
        saved = state_dict.get(prefix + "patterns")
        if isinstance(saved, Tensor) and saved.ndim == 2 and saved.shape[1] == self.num_units:
            self.patterns = self.patterns.new_empty(saved.shape)
        super()._load_from_state_dict(state_dict, prefix, *rest, **named)
