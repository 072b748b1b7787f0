r"""Learning a memory from noisy examples, with a teacher who sorts them and without.

Agliari, Alessandrelli, Barra, Ricci-Tersenghi, "Parallel Learning by Multitasking Neural Networks"
(arXiv 2308.04106). A rule gives traces t, (M', N), such that the energy is
−(1/2N) Σ (t · σ)². With M examples η of quality r for each pattern, ρ = (1 − r²)/(r² M),

supervised: one trace a pattern, (1 + ρ)^{-1/2} (1/rM) Σ_a η^a;
unsupervised: one trace an example, ((1 + ρ) M r²)^{-1/2} η^a.
"""

from __future__ import annotations

import math
import warnings
from typing import NamedTuple

import torch
from jaxtyping import Float, Int8
from torch import Tensor

from neurarium.memory.arguments import require_count, require_tensor
from neurarium.memory.patterns import require_ternary
from neurarium.memory.theory.multitasking_examples import dataset_entropy

RULES = ("supervised", "unsupervised")


class Learned(NamedTuple):
    """Quality r of the examples, as given or as estimated, and their entropy ρ."""

    quality: float
    dataset_entropy: float


def require_examples(
    examples: Tensor, rule: str, quality: float | None, num_patterns: int | None, num_units: int
) -> None:
    """Raise unless the rule can learn from these examples.

    Raises:
        TypeError: for what is no tensor, or a number of patterns that is not whole.
        ValueError: for an unknown rule, another shape, other entries than −1, 0 and 1; for
            examples that are not sorted by pattern where the rule, or an estimate, needs it.
    """
    if rule not in RULES:
        raise ValueError(f"rule must be 'supervised' or 'unsupervised': got {rule!r}")
    require_tensor("examples", examples)
    if examples.ndim not in (2, 3) or examples.shape[-1] != num_units or not examples.numel():
        raise ValueError(
            f"examples must be (K, M, {num_units}), or (M, {num_units}) without a teacher: "
            f"got {list(examples.shape)}"
        )
    require_ternary("examples", examples)
    if examples.ndim == 3:
        if num_patterns not in (None, len(examples)):
            raise ValueError(f"num_patterns must be {len(examples)}: got {num_patterns}")
        return
    if rule == "supervised":
        raise ValueError(
            "examples must be sorted by pattern, (K, M, N), for the supervised rule: got "
            f"{list(examples.shape)}; use rule='unsupervised'"
        )
    if num_patterns is None or quality is None:
        raise ValueError(
            "num_patterns and quality must be given with unsorted examples: got "
            f"{num_patterns} and {quality}"
        )
    require_count("num_patterns", num_patterns)
    if num_patterns > len(examples):
        raise ValueError(
            f"num_patterns must be at most the number of examples, {len(examples)}: "
            f"got {num_patterns}"
        )


def estimate_quality(examples: Float[Tensor, "K M N"]) -> float:
    """r from how far examples of a pattern agree: r² = mean pairwise correlation / (1 − d).

    Raises:
        ValueError: for one example a pattern, or where examples agree no more than by chance.

    Example:
        >>> from neurarium.memory import noisy_examples, random_patterns
        >>> draw = torch.Generator().manual_seed(0)
        >>> patterns = random_patterns(3, 2000, dilution=0.5, generator=draw)
        >>> round(estimate_quality(noisy_examples(patterns, 40, 0.4, generator=draw)), 2)
        0.4
    """
    count = examples.shape[1]
    if count < 2:
        raise ValueError("quality must be given with one example of each pattern: got None")
    x = examples.double()
    entries = x.square().sum((1, 2)) / count  # what is not blank of each pattern
    pairs = (x.sum(1).square().sum(-1) - count * entries) / (count * (count - 1))
    square = float(pairs.sum() / entries.sum().clamp_min(1))
    if square <= 0:
        raise ValueError(
            f"examples of a pattern must agree: got a mean correlation of {square:.3g}; "
            "pass quality to learn all the same"
        )
    return math.sqrt(min(square, 1.0))


def learned_traces(
    examples: Float[Tensor, "*K M N"], rule: str, quality: float, num_patterns: int
) -> tuple[Float[Tensor, "T N"], Learned]:
    """The traces of a rule."""
    num_examples = examples[..., 0].numel() / num_patterns
    entropy = dataset_entropy(quality, num_examples)
    if rule == "supervised":
        traces = examples.mean(1) / (quality * math.sqrt(1 + entropy))
    else:
        scale = 1 / math.sqrt((1 + entropy) * num_examples * quality**2)
        traces = scale * examples.reshape(-1, examples.shape[-1])
    return traces, Learned(float(quality), entropy)


def pack_signs(
    unit_traces: Float[Tensor, "N T"],
) -> tuple[Int8[Tensor, "N T"], Float[Tensor, ""]]:
    """Signs and scale of traces that are −s, 0 or s, as patterns and single examples are.

    A byte each: a sweep over many examples is bound by what it reads. Of others, (N, 0) and 1.

    Example:
        >>> pack_signs(torch.tensor([[0.5, 0.0, -0.5]]))
        (tensor([[ 1,  0, -1]], dtype=torch.int8), tensor(0.5000))
        >>> pack_signs(torch.tensor([[0.5, 0.25]]))
        (tensor([], size=(1, 0), dtype=torch.int8), tensor(1.))
    """
    size = unit_traces.abs()
    scale = size.max() if size.numel() else size.new_zeros(())
    if scale > 0 and ((size == 0) | (size == scale)).all():
        return unit_traces.sign().to(torch.int8), scale
    return unit_traces.new_empty(len(unit_traces), 0).to(torch.int8), torch.ones_like(scale)


def majority(examples: Float[Tensor, "K M N"]) -> Float[Tensor, "K N"]:
    """The sign that most examples of a pattern have; the first one's where they tie.

    Example:
        >>> majority(torch.tensor([[[1.0, 0.0, -1.0], [-1.0, 0.0, -1.0]]]))
        tensor([[ 1.,  0., -1.]])
    """
    votes = examples.sum(1)
    return torch.where(votes == 0, examples[:, 0], votes.sign())


def warn_of_other_noise(examples: Float[Tensor, "K M N"], patterns: Float[Tensor, "K N"]) -> None:
    """Warn where blanks are not those of the pattern: the theory has another model of noise."""
    differ = (examples != 0) != (patterns != 0)[:, None]
    if differ.any():
        share = float(differ.double().mean())
        warnings.warn(
            f"examples must be blank exactly where their pattern is: {share:.2g} of all entries "
            "are not; the theory of multitasking memories does not cover this noise",
            stacklevel=3,
        )
