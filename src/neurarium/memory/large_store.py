r"""Exact retrieval from memories too large to hold scores for, or to hold in memory at all.

Ramsauer et al., "Hopfield Networks is All You Need" (arXiv 2008.02217), Eq. 3, with the softmax
taken in chunks of patterns (Milakov, Gimelshein, "Online normalizer calculation for softmax",
arXiv 1805.02867). With scores s = β X ξ of one chunk after the other, kept are the maximum μ, and

.. math:: Z = \sum_i e^{s_i - \mu}, \qquad A = \sum_i e^{s_i - \mu} x_i

which a larger maximum μ′ turns into e^{μ−μ′} Z and e^{μ−μ′} A. In the end ξ ← A/Z. Nothing is
approximated: every pattern takes part, whatever the size of a chunk.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from neurarium.memory.arguments import require_count, require_tensor
from neurarium.memory.large_store_file import opened_store
from neurarium.memory.retrieval_checks import require_positive_beta

Progress = Callable[[float], object]
NUM_SCORES = 1 << 19  # scores held at a time: they stay in the cache between their passes
MAX_CUES = 1024


class TopPatterns(NamedTuple):
    """The best matches of each cue, best first: their products with it, and their places."""

    scores: Tensor
    indices: Tensor


class LargeMemory:
    r"""Patterns in a file, a NumPy array or a tensor, retrieved from in chunks.

    `Hopfield Networks is All You Need <https://arxiv.org/abs/2008.02217>`_, Eq. 3, exactly as
    :func:`~neurarium.memory.hopfield_retrieve` computes it. A file is mapped, not read: its pages
    come and go as the system likes, and beside them a retrieval holds a few megabytes, whatever the
    number of patterns. Half precision is stored as such and worked out in float32. There are no
    gradients. Patterns that are not finite make a retrieval raise.

    Args:
        store: (K, d): the path of a ``.npy`` file, an array, a memory map, or a tensor.

    Raises:
        TypeError: for another kind of store, or values that are not floating point.
        ValueError: for a file that holds no such array, and for shapes that do not fit.
        FileNotFoundError: if there is no such file.

    Example:
        >>> patterns = torch.randn(10_000, 64)
        >>> cues = patterns[:3] + 0.3 * torch.randn(3, 64)
        >>> memory = LargeMemory(patterns)
        >>> torch.allclose(memory.retrieve(cues, beta=1.0), patterns[:3], atol=0.01)
        True
        >>> memory.top(cues, 1).indices.flatten()
        tensor([0, 1, 2])
    """

    def __init__(self, store: str | os.PathLike[str] | np.ndarray | Tensor) -> None:
        self.patterns = opened_store(store)
        if self.patterns.ndim != 2 or 0 in self.patterns.shape:
            raise ValueError(
                f"store must have shape (patterns >= 1, d >= 1): got {list(self.patterns.shape)}"
            )

    def __len__(self) -> int:
        """K, the number of patterns."""
        return len(self.patterns)

    def __repr__(self) -> str:
        kind = str(self.patterns.dtype).removeprefix("torch.")
        return f"LargeMemory({len(self)} patterns of {self.patterns.shape[1]}, {kind})"

    @torch.no_grad()
    def retrieve(
        self,
        state: Float[Tensor, "... d"],
        *,
        beta: float,
        num_steps: int = 1,
        chunk_size: int | None = None,
        progress: Progress | None = None,
    ) -> Float[Tensor, "... d"]:
        """Retrieve for each cue; every step is one pass over the store.

        Args:
            state: the cues; on another device than the store, chunks travel there.
            beta: inverse temperature.
            num_steps: number of softmaxes.
            chunk_size: patterns at a time; by default as many as keep the scores in the cache.
            progress: called with the share that is done, from 0 to 1, after each chunk.

        Shapes:
            - state: (…, d) or (d,); output: the same

        Raises:
            TypeError: for a state that is no floating-point tensor.
            ValueError: for arguments out of range, and patterns or cues that are not finite.
        """
        require_positive_beta(beta)
        require_count("num_steps", num_steps)
        cues = self._cues(state)
        for step in range(num_steps):
            partial = _share_of(progress, step, num_steps)
            cues = self._one_pass(cues, beta, chunk_size, partial).retrieved().to(cues)
        return cues.reshape(state.shape).to(state.dtype)

    @torch.no_grad()
    def energy(
        self,
        state: Float[Tensor, "... d"],
        *,
        beta: float,
        chunk_size: int | None = None,
        progress: Progress | None = None,
    ) -> Float[Tensor, " ..."]:
        """The energy that a retrieval descends: :func:`~neurarium.memory.hopfield_energy`.

        Args:
            state: (…, d) or (d,).
            beta: inverse temperature.
            chunk_size: as in :meth:`retrieve`.
            progress: as in :meth:`retrieve`.

        Raises:
            TypeError: for a state that is no floating-point tensor.
            ValueError: for arguments out of range, and patterns or cues that are not finite.
        """
        require_positive_beta(beta)
        cues = self._cues(state)
        kept = self._one_pass(cues, beta, chunk_size, progress)
        log_sum = kept.total.log() + kept.largest.double()
        energy = (math.log(len(self)) - log_sum) / beta
        energy = energy + (cues.double().square().sum(-1) + kept.longest) / 2
        return energy.reshape(state.shape[:-1]).to(state.dtype)

    @torch.no_grad()
    def top(
        self,
        state: Float[Tensor, "... d"],
        k: int,
        *,
        chunk_size: int | None = None,
        progress: Progress | None = None,
    ) -> TopPatterns:
        """The ``k`` patterns with the largest product with each cue, of all patterns.

        Args:
            state: (…, d) or (d,).
            k: how many.
            chunk_size: as in :meth:`retrieve`.
            progress: as in :meth:`retrieve`.

        Shapes:
            - output: scores and indices, (…, k); of equal scores any may come first

        Raises:
            TypeError: for a state that is no floating-point tensor.
            ValueError: for arguments out of range, and patterns or cues that are not finite.
        """
        require_count("k", k)
        if k > len(self):
            raise ValueError(f"k must be at most the number of patterns, {len(self)}: got {k}")
        cues = self._cues(state)
        best = _Best(cues, k)
        for begin, chunk in self._chunks(cues, chunk_size, progress):
            for rows in _blocks(cues):
                best.update(rows, cues[rows] @ chunk.T, begin)
        shape = (*state.shape[:-1], k)
        return TopPatterns(best.scores.reshape(shape).to(state.dtype), best.indices.reshape(shape))

    def _one_pass(
        self, cues: Tensor, beta: float, chunk_size: int | None, progress: Progress | None
    ) -> _Softmax:
        kept = _Softmax.empty(cues)
        scaled = beta * cues
        for _, chunk in self._chunks(cues, chunk_size, progress):
            for rows in _blocks(cues):
                kept.update(rows, scaled[rows], chunk)
        return kept

    def _chunks(
        self, cues: Tensor, chunk_size: int | None, progress: Progress | None
    ) -> Iterator[tuple[int, Tensor]]:
        """Where each chunk begins, and the chunk in the cues' precision."""
        if chunk_size is not None:
            require_count("chunk_size", chunk_size)
        size = chunk_size or max(256, NUM_SCORES // max(1, min(len(cues), MAX_CUES)))
        for begin in range(0, len(self), size):
            yield begin, self.patterns[begin : begin + size].to(cues)
            if progress is not None:
                progress(min(begin + size, len(self)) / len(self))

    def _cues(self, state: Tensor) -> Tensor:
        """The cues as (B, d), in the precision in which to compute."""
        require_tensor("state", state)
        if not state.is_floating_point():
            raise TypeError(
                f"state must be floating point: got {state.dtype}; convert with .float()"
            )
        width = self.patterns.shape[1]
        if not state.ndim or state.shape[-1] != width:
            raise ValueError(
                f"state must be as wide as the stored patterns, {width}: got {list(state.shape)}"
            )
        wrong = state[~state.isfinite()]
        if len(wrong):
            raise ValueError(f"state must be finite: got {wrong[0].item()}")
        double = self.patterns.dtype == torch.float64
        return state.reshape(-1, width).to(torch.float64 if double else torch.float32)


class _Softmax(NamedTuple):
    """Sums over the patterns seen so far, updated in place; sums of sums are float64."""

    largest: Tensor
    total: Tensor
    weighted: Tensor
    longest: Tensor

    @classmethod
    def empty(cls, cues: Tensor) -> _Softmax:
        total = torch.zeros(len(cues), dtype=torch.float64, device=cues.device)
        largest = torch.full_like(cues[:, 0], -math.inf)
        return cls(largest, total, torch.zeros_like(cues, dtype=torch.float64), total.new_zeros(()))

    def update(self, rows: slice, cues: Tensor, chunk: Tensor) -> None:
        """Take in a chunk for a block of cues."""
        scores = cues @ chunk.T
        before = self.largest[rows]
        now = torch.maximum(before, scores.amax(-1))
        _require_finite(now)
        weights = scores.sub_(now[:, None]).exp_()
        fade = (before - now).double().exp()
        self.total[rows] = self.total[rows] * fade + weights.sum(-1)
        self.weighted[rows] = self.weighted[rows] * fade[:, None] + weights @ chunk
        self.largest[rows] = now
        if rows.start == 0:
            longest = torch.einsum("kd,kd->k", chunk, chunk).amax()
            self.longest.copy_(torch.maximum(self.longest, longest))

    def retrieved(self) -> Tensor:
        """A/Z."""
        state = self.weighted / self.total[:, None]
        _require_finite(state)
        return state


class _Best:
    """The best matches among the patterns seen so far."""

    def __init__(self, cues: Tensor, k: int) -> None:
        self.scores: Tensor = cues.new_full((len(cues), k), -math.inf)
        self.indices: Int[Tensor, "B k"] = torch.zeros(
            len(cues), k, dtype=torch.int64, device=cues.device
        )

    def update(self, rows: slice, scores: Tensor, begin: int) -> None:
        """Take in the scores of a chunk; most chunks hold nothing better and cost one maximum."""
        largest = scores.amax(-1)
        _require_finite(largest)
        kept = self.scores[rows]
        better = (largest > kept[:, -1]).nonzero().squeeze(-1)
        if not len(better):
            return
        k = kept.shape[1]
        new = scores[better].topk(min(k, scores.shape[1]))
        merged = torch.cat((kept[better], new.values), 1).topk(k)
        places = torch.cat((self.indices[rows][better], new.indices + begin), 1)
        self.scores[rows.start + better] = merged.values
        self.indices[rows.start + better] = places.gather(1, merged.indices)


def _blocks(cues: Tensor) -> Iterator[slice]:
    """Cues in blocks, so that scores take bounded memory for any number of them."""
    for begin in range(0, len(cues), MAX_CUES):
        yield slice(begin, begin + MAX_CUES)


def _share_of(progress: Progress | None, step: int, num_steps: int) -> Progress | None:
    """Progress of one pass as that of all passes."""
    if progress is None:
        return None
    return lambda share: progress((step + share) / num_steps)


def _require_finite(values: Tensor) -> None:
    if not bool(values.isfinite().all()):
        raise ValueError("store must be finite: a pattern gives scores of NaN or infinity")
