"""Memories compared on a user's own patterns: what each recalls, how fast, and what theory expects.

Every memory stores the same patterns and gets the same cues, patterns with a share of their entries
turned over. Recall goes sweep after sweep (binary memories) or step after step (continuous ones),
so that the way is there to be looked at.
"""

from __future__ import annotations

import inspect
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from jaxtyping import Float
from torch import Tensor

from neurarium.memory.arguments import require_count, require_tensor
from neurarium.memory.associative import Recall
from neurarium.memory.theory.capacities import ExpectedCapacity, expected_capacity

Corruption = float | Callable[[Tensor], Tensor]
HEADINGS = ("memory", "recalled", "overlap", "iterations", "seconds", "capacity", "load", "meaning")


class StoredPatternMemory(Protocol):
    """What a memory must offer to be compared: the face of all memories of stored patterns."""

    def store(self, patterns: Tensor) -> None:
        """Store patterns (K, N)."""

    def overlaps(self, state: Tensor) -> Tensor:
        """Overlap of each state with each pattern, 1 for perfect recall."""

    recall: Callable[..., Recall]


@dataclass(frozen=True, eq=False)
class MemoryRecall:
    """How one memory did.

    Args:
        recall_rate: share of cues whose overlap with their pattern reached the threshold.
        overlap: mean overlap of the recalled states with their patterns.
        iterations: mean number of sweeps or steps until one changed nothing, that one included.
        seconds: wall time of recalling all cues.
        capacity: what theory expects; None where there is none.
        overlaps: final overlap of each cue with its pattern, (B,).
        path: the cues and the states after each sweep or step, (T + 1, B, N).
        converged: which states came to rest, (B,).
    """

    recall_rate: float
    overlap: float
    iterations: float
    seconds: float
    capacity: ExpectedCapacity | None
    overlaps: Tensor
    path: Tensor
    converged: Tensor


@dataclass(frozen=True, eq=False)
class RecallComparison:
    """Memories side by side; ``print`` it for the table, :meth:`figure` draws it.

    Args:
        memories: how each did, by name.
        num_patterns: K, how many were stored.
        targets: the patterns that were cued, (B, N).
        shape: of one pattern as it was given.
        cue_overlap: mean overlap of the cues with their patterns.
        min_overlap: from which overlap on a pattern counts as recalled.
    """

    memories: Mapping[str, MemoryRecall]
    num_patterns: int
    targets: Tensor
    shape: tuple[int, ...]
    cue_overlap: float
    min_overlap: float

    def table(self) -> str:
        """One line a memory; ``load`` is K over the capacity that theory expects."""
        rows = [HEADINGS, *(self._row(name) for name in self.memories)]
        widths = [max(len(row[i]) for row in rows) for i in range(len(HEADINGS))]
        lines = (
            "  ".join(
                cell.ljust(width) if i in (0, len(row) - 1) else cell.rjust(width)
                for i, (cell, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in rows
        )
        head = (
            f"{self.num_patterns} patterns of {self.targets.shape[1]}, {len(self.targets)} cues "
            f"with overlap {self.cue_overlap:.2f}; recalled from {self.min_overlap:g} on"
        )
        return "\n".join((head, *lines))

    __str__ = table

    def _row(self, name: str) -> tuple[str, ...]:
        found = self.memories[name]
        expected = ("–", "–", "no theory")
        if found.capacity is not None:
            number = found.capacity.num_patterns
            load = f"{self.num_patterns / number:.2g}"
            expected = (f"{number:.3g}", load, found.capacity.criterion)
        return (
            name,
            f"{found.recall_rate:.0%}",
            f"{found.overlap:.3f}",
            f"{found.iterations:.1f}",
            f"{found.seconds:.2g}",
            *expected,
        )

    def figure(
        self,
        *,
        shape: tuple[int, int] | None = None,
        num_cues: int = 3,
        num_iterations: int = 4,
    ) -> Any:
        """Draw cues, what each memory makes of them iteration by iteration, and the patterns.

        One row a memory and cue; green frames where the pattern was recalled, red where not.

        Args:
            shape: of one pattern as an image; by default as the patterns were given, and of flat
                ones the rectangle that is most nearly square.
            num_cues: how many cues to draw, the first ones.
            num_iterations: how many columns between cue and recalled state.

        Raises:
            ValueError: for a shape that does not hold a pattern, and for counts below 1.

        Returns:
            A matplotlib figure.
        """
        from neurarium.memory.comparison_figure import draw

        require_count("num_cues", num_cues)
        require_count("num_iterations", num_iterations)
        width = self.targets.shape[1]
        given = self.shape if len(self.shape) > 1 else _nearly_square(width)
        image = given if shape is None else tuple(shape)
        if len(image) != 2 or image[0] * image[1] != width:
            raise ValueError(
                f"shape must be (height, width) of the {width} units of a pattern: got {image}"
            )
        return draw(self, image, min(num_cues, len(self.targets)), num_iterations)


def compare_memories(
    patterns: Float[Tensor, "K ..."],
    memories: Mapping[str, StoredPatternMemory],
    *,
    corruption: Corruption = 0.2,
    num_cues: int = 100,
    num_iterations: int = 20,
    min_overlap: float = 0.99,
    generator: torch.Generator | None = None,
) -> RecallComparison:
    """Store the same patterns in each memory, and recall them from the same corrupted cues.

    Args:
        patterns: ±1 where a memory is binary; (K, N), or images (K, H, W). Grey images become
            binary by ``torch.where(images > threshold, 1.0, -1.0)``.
        memories: name → memory of N units; what they stored before is replaced.
        corruption: share of entries whose sign is turned over, or a function from patterns (B, N)
            to cues (B, N), e.g. one that blanks a half.
        num_cues: how many of the patterns are cued, drawn at random; at most all.
        num_iterations: sweeps (binary memories) or steps (continuous ones) at most.
        min_overlap: from which overlap with its pattern on a cue counts as recalled.
        generator: draws cues, corruption and the dynamics of the memories, equally for each.

    Raises:
        TypeError: for patterns that are no floating-point tensor, and what has not the face of a
            memory.
        ValueError: for arguments out of range, and what a memory refuses to store or recall.

    Example:
        >>> from neurarium.memory import HopfieldNetwork, ModernMemory, random_patterns
        >>> draw = torch.Generator().manual_seed(0)
        >>> found = compare_memories(
        ...     random_patterns(40, 100, generator=draw),
        ...     {"Hebb": HopfieldNetwork(100), "modern": ModernMemory(100, beta=0.5)},
        ...     generator=draw,
        ... )
        >>> [round(one.recall_rate, 2) for one in found.memories.values()]
        [0.0, 1.0]
        >>> round(found.memories["Hebb"].capacity.num_patterns, 1)
        13.8
    """
    require_count("num_cues", num_cues)
    require_count("num_iterations", num_iterations)
    _require_memories(memories)
    if not min_overlap > -math.inf:
        raise ValueError(f"min_overlap must be a number: got {min_overlap}")
    flat = _flattened(patterns)
    seed = int(torch.randint(2**62, (), generator=generator))
    draw = torch.Generator().manual_seed(seed)
    chosen = torch.randperm(len(flat), generator=draw)[:num_cues].to(flat.device)
    targets = flat[chosen]
    cues = _corrupted(targets, corruption, draw)
    results = {}
    for name, memory in memories.items():
        memory.store(flat)
        draw.manual_seed(seed)
        results[name] = _recalled(memory, cues, chosen, num_iterations, min_overlap, draw)
    cosine = torch.nn.functional.cosine_similarity(cues, targets)
    shape = tuple(patterns.shape[1:])
    return RecallComparison(results, len(flat), targets, shape, float(cosine.mean()), min_overlap)


def _nearly_square(width: int) -> tuple[int, int]:
    """The largest divisor up to the root, and what it leaves."""
    height = next(i for i in range(math.isqrt(width), 0, -1) if width % i == 0)
    return height, width // height


def _require_memories(memories: Mapping[str, StoredPatternMemory]) -> None:
    if not isinstance(memories, Mapping):
        raise TypeError(f"memories must map names to memories: got {type(memories).__name__}")
    if not memories:
        raise ValueError("memories must hold at least one memory by name: got none")
    for name, memory in memories.items():
        if not all(callable(getattr(memory, face, None)) for face in ("store", "recall")):
            raise TypeError(
                f"memories must have store and recall: got {type(memory).__name__} for {name!r}"
            )


def _flattened(patterns: Tensor) -> Tensor:
    require_tensor("patterns", patterns)
    if not patterns.is_floating_point():
        raise TypeError(
            f"patterns must be floating point: got {patterns.dtype}; convert with .float()"
        )
    if patterns.ndim < 2 or not patterns.numel():
        raise ValueError(f"patterns must have shape (K >= 1, N …): got {list(patterns.shape)}")
    return patterns.flatten(1)


def _corrupted(targets: Tensor, corruption: Corruption, draw: torch.Generator) -> Tensor:
    """The cues: exactly that share of each pattern's entries turned over, or what a user makes."""
    if callable(corruption):
        cues = corruption(targets.clone())
        require_tensor("corruption's result", cues)
        if cues.shape != targets.shape:
            raise ValueError(
                f"corruption must keep the shape {list(targets.shape)}: got {list(cues.shape)}"
            )
        return cues
    if not 0 <= corruption <= 1:
        raise ValueError(f"corruption must lie in [0, 1]: got {corruption}")
    count = round(corruption * targets.shape[1])
    ranks = torch.rand(targets.shape, generator=draw).argsort(1).argsort(1)
    return torch.where((ranks < count).to(targets.device), -targets, targets)


def _recalled(
    memory: StoredPatternMemory,
    cues: Tensor,
    chosen: Tensor,
    num_iterations: int,
    min_overlap: float,
    draw: torch.Generator,
) -> MemoryRecall:
    """Recall by single iterations, to keep the way."""
    accepted = inspect.signature(memory.recall).parameters
    once: dict[str, Any] = {"num_sweeps" if "num_sweeps" in accepted else "num_steps": 1}
    if "generator" in accepted:
        once["generator"] = draw
    path, state = [cues], cues
    iterations = torch.full((len(cues),), num_iterations, device=cues.device)
    seconds = 0.0
    for iteration in range(1, num_iterations + 1):
        start = time.perf_counter()
        recall = memory.recall(state, **once)
        seconds += time.perf_counter() - start
        state = recall.state
        path.append(state.to(cues))
        iterations = torch.where(recall.converged, iterations.clamp_max(iteration), iterations)
        if recall.converged.all():
            break
    own = recall.overlaps.gather(1, chosen.to(recall.overlaps.device)[:, None]).squeeze(1)
    return MemoryRecall(
        recall_rate=float((own >= min_overlap).float().mean()),
        overlap=float(own.mean()),
        iterations=float(iterations.float().mean()),
        seconds=seconds,
        capacity=_capacity(memory),
        overlaps=own,
        path=torch.stack(path),
        converged=recall.converged,
    )


def _capacity(memory: Any) -> ExpectedCapacity | None:
    try:
        return expected_capacity(memory)
    except NotImplementedError:
        return None
