"""A Hopfield network of diluted patterns, which retrieves several of them in one state.

Agliari, Alessandrelli, Barra, Ricci-Tersenghi, "Parallel Learning by Multitasking Neural Networks"
(arXiv 2308.04106). Patterns have blank entries; where one is blank the units are free to align with
another. What is predicted of the overlaps is in :mod:`neurarium.memory.theory`.
"""

from __future__ import annotations

import math
import warnings
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from neurarium.memory.arguments import require_count, require_tensor
from neurarium.memory.associative import AssociativeMemory, Recall
from neurarium.memory.multitasking_blocks import sweep_in_blocks
from neurarium.memory.multitasking_rules import (
    Learned,
    estimate_quality,
    learned_traces,
    majority,
    pack_signs,
    require_examples,
    warn_of_other_noise,
)
from neurarium.memory.patterns import require_quality, require_ternary

LOW_LOAD = 0.05


class Losses(NamedTuple):
    """Half the mean squared distance of states to patterns, and to their negatives: (B, K) each."""

    to_pattern: Tensor
    to_negative: Tensor


class MultitaskingHopfield(AssociativeMemory):
    r"""Hopfield network whose patterns have blanks: one state retrieves all patterns at once.

    `Parallel Learning by Multitasking Neural Networks <https://arxiv.org/abs/2308.04106>`_. With
    overlaps :math:`m_\mu = \frac1N \sum_i \xi_i^\mu \sigma_i`, ξ of −1, 0 and 1,

    .. math:: H = -\tfrac N2 \sum_\mu m_\mu^2

    for patterns that are given (:meth:`store`). Learned from M noisy examples of each,
    :meth:`learn`, it is the same with the mean example in place of ξ (supervised) or with a sum
    over all examples (unsupervised), divided by r² (1 + ρ), ρ = (1 − r²)/(r² M), so that the scale
    stays that of the patterns. The largest overlap of a pattern with blanks is 1 − d: divide by
    ``1 - memory.dilution`` to compare patterns. A flip costs O(K), or O(KM) after unsupervised
    learning: couplings are never formed.

    Args:
        num_units: N.
        normalize: divide H by 1 − d, the mean share of entries that are not blank, so that the
            critical temperature is 1 instead of 1 − d.
        num_blocks: in each sweep the units are divided at random into so many blocks, and those of
            a block updated at once: one matrix product for all states, made for accelerators. For
            large N the overlaps end where they do unit by unit (None), which alone samples the
            Boltzmann distribution exactly.

    Shapes:
        - patterns: (K, N) of −1, 0, 1; examples: (K, M, N); state: (B, N) of ±1

    Raises:
        TypeError: for what is no tensor or no whole number.
        ValueError: for other values, all-blank patterns, and shapes that do not fit.
        RuntimeError: if nothing was stored.

    Example:
        >>> from neurarium.memory import random_patterns
        >>> draw = torch.Generator().manual_seed(0)
        >>> patterns = random_patterns(3, 1000, dilution=0.9, generator=draw)
        >>> memory = MultitaskingHopfield(1000)
        >>> memory.store(patterns)
        >>> recall = memory.recall(patterns.sum(0, keepdim=True).sign() + (patterns.sum(0) == 0))
        >>> bool((recall.overlaps / (1 - memory.dilution) > 0.75).all())  # of all three
        True
    """

    unit_traces: Tensor
    unit_signs: Tensor
    scale: Tensor
    own: Tensor

    def __init__(
        self,
        num_units: int,
        *,
        normalize: bool = False,
        num_blocks: int | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        require_count("num_units", num_units)
        super().__init__(num_units, device=device, dtype=dtype)
        if num_blocks is not None:
            require_count("num_blocks", num_blocks)
            if not 2 <= num_blocks <= num_units:
                raise ValueError(
                    f"num_blocks must lie in 2 … {num_units}: got {num_blocks}; all units at once "
                    "can oscillate"
                )
        self.normalize, self.num_blocks = normalize, num_blocks
        self.register_buffer("unit_traces", self.patterns.new_empty(num_units, 0))
        signs, scale = pack_signs(self.unit_traces)
        self.register_buffer("unit_signs", signs, persistent=False)
        self.register_buffer("scale", scale, persistent=False)
        self.register_buffer("own", self.patterns.new_zeros(num_units))

    def extra_repr(self) -> str:
        """The constructor's arguments."""
        return (
            f"num_units={self.num_units}, normalize={self.normalize}, num_blocks={self.num_blocks}"
        )

    def store(self, patterns: Float[Tensor, "K N"]) -> None:
        """Store patterns of −1, 0 and 1 in place of what was there before.

        Raises:
            TypeError: for what is no tensor.
            ValueError: for another shape or other entries, or a pattern that is blank everywhere.
        """
        kept = self._ternary("patterns", patterns)
        self._hold(kept, kept, len(kept))

    def learn(
        self,
        examples: Float[Tensor, "*K M N"],
        *,
        rule: str = "supervised",
        quality: float | None = None,
        num_patterns: int | None = None,
        patterns: Float[Tensor, "K N"] | None = None,
    ) -> Learned:
        """Learn from noisy examples in place of what was there before.

        Args:
            examples: (K, M, N), M of each pattern, blank where the pattern is; for the
                unsupervised rule also (KM, N) in any order.
            rule: ``"supervised"`` averages the examples of each pattern first, ``"unsupervised"``
                does not ask which pattern an example belongs to.
            quality: r; by default estimated from how far examples of a pattern agree.
            num_patterns: K, where examples are not sorted.
            patterns: what :meth:`overlaps` compares with, where the patterns are known; by default
                the majority of each pattern's examples, or all examples if they are not sorted.

        Returns:
            The quality r and the entropy ρ of the examples.

        Raises:
            TypeError: for what is no tensor.
            ValueError: for an unknown rule, shapes or entries that do not fit, unsorted examples
                with the supervised rule, a quality outside (0, 1] or one that cannot be estimated.

        Example:
            >>> from neurarium.memory import noisy_examples, random_patterns
            >>> draw = torch.Generator().manual_seed(0)
            >>> patterns = random_patterns(3, 2000, dilution=0.5, generator=draw)
            >>> examples = noisy_examples(patterns, 40, 0.4, generator=draw)
            >>> learned = MultitaskingHopfield(2000).learn(examples, rule="unsupervised")
            >>> round(learned.quality, 2), round(learned.dataset_entropy, 2)
            (0.4, 0.13)
        """
        require_examples(examples, rule, quality, num_patterns, self.num_units)
        examples = examples.to(self.patterns)
        sorted_, known = examples.ndim == 3, patterns is not None
        if patterns is None:
            patterns = majority(examples) if sorted_ else examples
        kept = self._ternary("patterns", patterns)
        count = num_patterns or len(examples)
        if (sorted_ or known) and len(kept) != count:
            raise ValueError(
                f"patterns must be one for each of {count} groups of examples: got {len(kept)}"
            )
        r = estimate_quality(examples) if quality is None else quality
        require_quality(r)
        if sorted_:
            warn_of_other_noise(examples, kept)
        traces, learned = learned_traces(examples, rule, r, count)
        self._hold(kept, traces, count)
        return learned

    @property
    def dilution(self) -> Float[Tensor, " K"]:
        """The share of blank entries of each pattern."""
        return 1 - self.patterns.square().mean(-1)

    @property
    def traces(self) -> Float[Tensor, "M N"]:
        """t: H is minus the sum of their squared products with the state, over 2N."""
        return self.unit_traces.T

    @property
    def rows(self) -> Float[Tensor, "N M"]:
        """The traces unit by unit: their products with the state are what is tracked."""
        return self.unit_traces

    def energy(self, state: Float[Tensor, "B N"]) -> Float[Tensor, " B"]:
        """H of each state.

        Raises:
            TypeError: for a state that is no tensor.
            ValueError: for another shape.
            RuntimeError: if nothing was stored.
        """
        self._require_fitting(state)
        products = state.to(self.unit_traces) @ self.unit_traces
        return -products.square().sum(-1) / (2 * self.num_units)

    def overlaps(self, state: Float[Tensor, "B N"]) -> Float[Tensor, "B K"]:
        """m of each state with each pattern, in [−(1 − d), 1 − d].

        Raises:
            TypeError: for a state that is no tensor.
            ValueError: for another shape.
            RuntimeError: if nothing was stored.
        """
        self._require_fitting(state)
        return super().overlaps(state)

    def flip_energy(
        self, state: Float[Tensor, "B N"], tracked: Float[Tensor, "B M"], unit: int
    ) -> Float[Tensor, " B"]:
        """(2/N) (σ_i t_i · s − |t_i|²) with the tracked s: O(M)."""
        field = tracked @ self.unit_traces[unit]
        return 2 * (state[:, unit] * field - self.own[unit]) / self.num_units

    def losses(self, state: Float[Tensor, "B N"]) -> Losses:
        r"""The quadratic losses whose product the energy of stored patterns lowers.

        :math:`L_\mu^\pm = \frac{1}{2N} |\xi^\mu \pm \sigma|^2 = (2 - d_\mu)/2 \pm m_\mu`, so
        :math:`m_\mu^2 = ((2 - d_\mu)/2)^2 - L_\mu^+ L_\mu^-`.
        """
        overlaps, middle = self.overlaps(state), (2 - self.dilution) / 2
        return Losses(middle - overlaps, middle + overlaps)

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

        Raises:
            TypeError: for a state that is no tensor.
            ValueError: for other values or another shape.
            RuntimeError: if nothing was stored.
        """
        self._require_fitting(state)
        require_count("num_sweeps", num_sweeps)
        return super().recall(state, beta=beta, num_sweeps=num_sweeps, generator=generator)

    def _sweep(
        self,
        state: Tensor,
        tracked: Tensor,
        rows: Tensor,
        beta: float,
        generator: torch.Generator | None,
    ) -> Tensor:
        """Visit every unit once, in place; which states changed.

        Compiled on the CPU, where it follows the general loop number by number.
        """
        if self.num_blocks is not None:
            return sweep_in_blocks(state, tracked, rows, self.own, beta, self.num_blocks, generator)
        if state.device.type != "cpu" or state.dtype not in (torch.float32, torch.float64):
            return super()._sweep(state, tracked, rows, beta, generator)
        from neurarium.memory.multitasking_kernel import sweep

        order = torch.randperm(self.num_units, generator=generator)
        uniforms = state.new_empty(0, 0)
        if beta != math.inf:  # drawn as the general loop draws them: all states at each visit
            drawn = torch.rand(self.num_units, len(state), generator=generator)
            uniforms = drawn.T.to(state).contiguous()
        changed = torch.zeros(len(state), dtype=torch.bool)
        sweep(
            state.numpy(),
            tracked.numpy(),
            (self.unit_signs if self.unit_signs.numel() else rows).numpy(),
            self.scale.numpy(),
            self.own.numpy(),
            order.numpy(),
            uniforms.numpy(),
            float(beta),
            changed.numpy(),
        )
        return changed

    def _hold(self, patterns: Tensor, traces: Tensor, num_patterns: int) -> None:
        """Take over checked patterns and the traces of the energy."""
        if num_patterns > LOW_LOAD * self.num_units:
            warnings.warn(
                f"patterns should be few, at most {LOW_LOAD:g} a unit: got {num_patterns} for "
                f"{self.num_units} units; all that is predicted holds for low load only",
                stacklevel=3,
            )
        if self.normalize:
            traces = traces / patterns.square().mean().sqrt()
        self.patterns = patterns.clone()
        self.unit_traces = traces.T.clone(memory_format=torch.contiguous_format)
        self.unit_signs, self.scale = pack_signs(self.unit_traces)
        self.own = traces.square().sum(0)

    def _require_fitting(self, state: Tensor) -> None:
        require_tensor("state", state)
        if not len(self.patterns):
            raise RuntimeError(
                "patterns must be stored first: call store(patterns) or learn(examples)"
            )
        if state.ndim != 2 or state.shape[1] != self.num_units:
            raise ValueError(f"state must be (B, {self.num_units}): got {list(state.shape)}")

    def _ternary(self, name: str, patterns: Tensor) -> Tensor:
        require_ternary(name, patterns)
        if patterns.ndim != 2 or patterns.shape[1] != self.num_units or not len(patterns):
            raise ValueError(
                f"{name} must have shape (K >= 1, {self.num_units}): got {list(patterns.shape)}"
            )
        blank = (patterns == 0).all(-1).nonzero().flatten()
        if len(blank):
            raise ValueError(f"{name} must not be blank everywhere: got pattern {blank[0].item()}")
        return patterns.to(self.patterns)

    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, *rest: Any, **named: Any
    ) -> None:
        """What was stored decides the sizes."""
        for name, units in (("patterns", -1), ("unit_traces", 0)):
            saved = state_dict.get(prefix + name)
            if (
                isinstance(saved, Tensor)
                and saved.ndim == 2
                and saved.shape[units] == self.num_units
            ):
                setattr(self, name, getattr(self, name).new_empty(saved.shape))
        super()._load_from_state_dict(state_dict, prefix, *rest, **named)
        self.unit_signs, self.scale = pack_signs(self.unit_traces)
