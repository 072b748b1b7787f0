r"""What theory says that a given memory holds: one question for every kind.

- Hebbian: 0.1379 N, Amit, Gutfreund, Sompolinsky (:mod:`~neurarium.memory.theory.ags`);
  pseudo-inverse: N independent patterns (Personnaz, Guyon, Dreyfus 1985).
- dense, P even: α_c N^(P−1), where the last retrieval state ends
  (:mod:`~neurarium.memory.theory.dense_limits`); P odd: N^(P−1)/(2 ln N) over the noise of one
  pattern, where a unit errs once in N (Krotov, Hopfield, arXiv 1606.01164); F = exp: 2^(N/2)
  (Demircigil et al., arXiv 1702.01929).
- modern, softmax: Theorem 3 of Ramsauer et al. (arXiv 2008.02217), a lower bound.
- modern, sparse: pattern i is recalled exactly if β M² (1 − cos θ_ij) ≥ 1/(α − 1) for all j (Santos
  et al., arXiv 2402.13725). A random direction is closer than c = cos θ with probability at most
  exp(−d c²/2), hence N ≥ √(2p) exp(d c²/4), c = 1 − 1/((α − 1) β M²): also a lower bound.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch

from neurarium.memory.associative import HopfieldNetwork
from neurarium.memory.continuous import NORMALIZERS, ModernMemory
from neurarium.memory.dense import DenseAssociativeMemory

from .ags import ags_capacity
from .dense_limits import dense_capacity
from .retrieval import sphere_capacity


@dataclass(frozen=True)
class ExpectedCapacity:
    """How many random patterns a memory holds.

    Args:
        num_patterns: K; infinite beyond the range of a float.
        criterion: what is meant, and whose theory it is.
    """

    num_patterns: float
    criterion: str


def expected_capacity(memory: Any, *, failure: float = 0.001) -> ExpectedCapacity:
    """How many random patterns a memory is expected to hold at zero temperature.

    Random means independent: patterns that resemble each other, as images do, are harder for all
    kinds but the pseudo-inverse. See the module for the theories and their papers.

    Args:
        memory: a :class:`~neurarium.memory.HopfieldNetwork`,
            :class:`~neurarium.memory.DenseAssociativeMemory` or
            :class:`~neurarium.memory.ModernMemory`. Of the last the stored patterns say how long
            patterns are; ±1 is assumed before anything is stored.
        failure: p, the probability that a random set does not fit (modern memories).

    Raises:
        ValueError: for a ``failure`` outside (0, 1).
        NotImplementedError: for a memory, or an energy, without a theory.

    Example:
        >>> from neurarium.memory import DenseAssociativeMemory, HopfieldNetwork
        >>> memories = HopfieldNetwork(100), DenseAssociativeMemory(100, degree=4)
        >>> [round(expected_capacity(memory).num_patterns) for memory in memories]
        [14, 32977]
    """
    if not 0 < failure < 1:
        raise ValueError(f"failure must lie in (0, 1): got {failure}")
    if isinstance(memory, HopfieldNetwork):
        return _pairwise(memory.num_units, memory.rule)
    if isinstance(memory, DenseAssociativeMemory):
        return _dense(memory)
    if isinstance(memory, ModernMemory):
        return _modern(memory, failure)
    raise NotImplementedError(
        f"memory must be of a kind with a theory of its capacity: got {type(memory).__name__}"
    )


def _pairwise(num_units: int, rule: str) -> ExpectedCapacity:
    if rule == "pseudo-inverse":
        return ExpectedCapacity(float(num_units), "independent patterns are fixed points")
    load = ags_capacity().load
    return ExpectedCapacity(load * num_units, "a retrieval state exists (Amit et al. 1987)")


def _dense(memory: DenseAssociativeMemory) -> ExpectedCapacity:
    num_units, degree, energy = memory.num_units, memory.degree, memory.interaction
    if callable(energy):
        if energy is not torch.exp:
            raise NotImplementedError(
                f"energy must have a name or be torch.exp for a theory: got {energy!r}"
            )
        criterion = "random patterns are fixed points (Demircigil et al. 2017)"
        return ExpectedCapacity(_power(2.0, num_units / 2), criterion)
    if degree == 2:
        return _pairwise(num_units, "hebbian")
    if degree % 2 == 0:
        load = dense_capacity(degree, energy=energy).load
        criterion = "a retrieval state exists (Albanese et al. 2021)"
        return ExpectedCapacity(load * _power(num_units, degree - 1), criterion)
    distinct = energy == "distinct"
    noise = math.factorial(degree - 1) if distinct else math.prod(range(2 * degree - 3, 0, -2))
    number = _power(num_units, degree - 1) / (2 * math.log(num_units) * noise)
    return ExpectedCapacity(number, "patterns are free of errors (Krotov, Hopfield 2016)")


def _modern(memory: ModernMemory, failure: float) -> ExpectedCapacity:
    dim, beta = memory.num_units, memory.beta
    stored = memory.patterns
    square = float(stored.square().sum(-1).mean()) if len(stored) else float(dim)
    if dim < 2 or square == 0:
        return ExpectedCapacity(1.0, "one pattern is always recalled")
    if memory.normalizer == "softmax":
        try:
            radius = math.sqrt(square / (dim - 1))
            number = sphere_capacity(dim, beta=beta, radius=radius, failure=failure)
        except OverflowError:
            number = math.inf
        return ExpectedCapacity(
            max(1.0, number), "at least, well separated on a sphere (Ramsauer et al. 2020)"
        )
    lead = NORMALIZERS[memory.normalizer].margin / (beta * square)
    exponent = dim * max(0.0, 1 - lead) ** 2 / 4
    number = math.sqrt(2 * failure) * _power(math.e, exponent)
    return ExpectedCapacity(max(1.0, number), "at least, recalled exactly (Santos et al. 2024)")


def _power(base: float, exponent: float) -> float:
    """base^exponent, infinite beyond the largest float."""
    try:
        return float(base) ** exponent
    except OverflowError:
        return math.inf
