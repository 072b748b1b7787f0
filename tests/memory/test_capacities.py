"""One question to every memory: its theory's capacity, against formulas and against recall."""

import math

import pytest
import torch

from neurarium.memory import DenseAssociativeMemory, HopfieldNetwork, ModernMemory
from neurarium.memory.theory import (
    ags_capacity,
    dense_capacity,
    expected_capacity,
    sphere_capacity,
)


def number(memory, **kwargs):
    return expected_capacity(memory, **kwargs).num_patterns


def test_classical_and_dense_memories_ask_their_own_theories():
    assert number(HopfieldNetwork(500)) == pytest.approx(500 * ags_capacity().load)
    assert number(HopfieldNetwork(500, rule="pseudo-inverse")) == 500
    assert number(DenseAssociativeMemory(500, degree=2)) == number(HopfieldNetwork(500))
    for energy in ("distinct", "power"):
        expected = dense_capacity(4, energy=energy).load * 64**3
        assert number(DenseAssociativeMemory(64, degree=4, energy=energy)) == expected
    assert number(DenseAssociativeMemory(20, energy=torch.exp)) == 2**10


def test_odd_degrees_are_free_of_errors_at_the_signal_to_noise_of_one_error_in_n():
    """A unit of a stored pattern errs with probability ½ erfc(1/√(2r)), of the order of 1/N."""
    for energy, variance in (("distinct", 2), ("power", 3)):  # (P−1)! and (2P−3)!! for P = 3
        found = number(DenseAssociativeMemory(200, degree=3, energy=energy))
        noise = variance * found / 200**2
        assert math.exp(-1 / (2 * noise)) == pytest.approx(1 / 200)


def test_softmax_memory_asks_theorem_3_with_the_length_of_its_patterns():
    memory = ModernMemory(20, beta=1.0)
    assert number(memory) == pytest.approx(
        max(1, sphere_capacity(20, radius=math.sqrt(20 / 19), failure=0.001))
    )
    patterns = torch.randn(50, 20, generator=torch.Generator().manual_seed(0))
    memory.store(3 * math.sqrt(19) * torch.nn.functional.normalize(patterns))
    expected = sphere_capacity(20, radius=3.0, failure=0.01)
    assert number(memory, failure=0.01) == pytest.approx(expected, rel=1e-5)
    assert number(ModernMemory(20_000, beta=1.0)) == math.inf


@pytest.mark.parametrize(("kind", "margin"), [("sparsemax", 1.0), ("entmax15", 2.0)])
def test_sparse_memories_recall_that_many_patterns_exactly(kind, margin):
    """Sets of the promised size fail no more often than promised; far larger ones do."""
    dim, failure = 64, 0.2
    memory = ModernMemory(dim, beta=0.2, normalizer=kind)
    size = int(number(memory, failure=failure))
    closest = 1 - margin / (0.2 * dim)
    assert size == int(math.sqrt(2 * failure) * math.exp(dim * closest**2 / 4))
    draw = torch.Generator().manual_seed(0)

    def share_lost(num_patterns, num_sets):
        lost = 0
        for _ in range(num_sets):
            patterns = torch.randint(0, 2, (num_patterns, dim), generator=draw).float() * 2 - 1
            memory.store(patterns)
            cues = patterns[:2000]
            lost += not torch.equal(memory.recall(cues, num_steps=1).state, cues)
        return lost / num_sets

    assert share_lost(min(size, 2000), 10) <= failure
    memory.beta = 0.6 * margin / dim  # nothing leads by enough any more
    assert number(memory) == 1
    assert share_lost(50, 3) == 1


def test_what_has_no_theory_says_so():
    with pytest.raises(NotImplementedError, match=r"energy must have a name or be torch\.exp"):
        expected_capacity(DenseAssociativeMemory(10, energy=torch.cosh))
    with pytest.raises(NotImplementedError, match="kind with a theory of its capacity: got Linear"):
        expected_capacity(torch.nn.Linear(2, 2))
    with pytest.raises(ValueError, match=r"failure must lie in \(0, 1\): got 0"):
        expected_capacity(HopfieldNetwork(10), failure=0.0)
