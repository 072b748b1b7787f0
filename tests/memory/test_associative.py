"""Binary memories: energies by brute force, descent, the heat bath, recall."""

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.testing import assert_close

from neurarium.memory import DenseAssociativeMemory, HopfieldNetwork
from neurarium.memory.dense import distinct_products

KINDS = {
    "hebbian": lambda n: HopfieldNetwork(n, dtype=torch.float64),
    "pseudo-inverse": lambda n: HopfieldNetwork(n, rule="pseudo-inverse", dtype=torch.float64),
    "distinct": lambda n: DenseAssociativeMemory(n, degree=4, dtype=torch.float64),
    "power": lambda n: DenseAssociativeMemory(n, degree=3, energy="power", dtype=torch.float64),
    "callable": lambda n: DenseAssociativeMemory(n, energy=torch.exp, dtype=torch.float64),
}


def signs(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 2, shape, generator=generator).double() * 2 - 1


def all_states(n):
    return torch.tensor(list(itertools.product((-1.0, 1.0), repeat=n)), dtype=torch.float64)


@pytest.mark.parametrize("degree", [2, 3, 4, 6])
def test_distinct_energy_is_the_sum_over_distinct_units(degree):
    memory = DenseAssociativeMemory(7, degree=degree, dtype=torch.float64)
    patterns, states = signs(5, 7), signs(6, 7, seed=1)
    memory.store(patterns)
    products = states[:, None] * patterns
    total = sum(
        products[..., list(units)].prod(-1) for units in itertools.combinations(range(7), degree)
    )
    assert_close(memory.energy(states), -(7.0 ** (1 - degree)) * total.sum(-1))


def test_distinct_products_of_four_have_the_closed_form():
    n, s = 12, torch.arange(-12, 13, 2, dtype=torch.float64)
    expected = (s**4 - 6 * n * s**2 + 8 * s**2 + 3 * n**2 - 6 * n) / 24
    assert_close(distinct_products(s, 4, n), expected)


def test_two_distinct_units_are_hopfields_network():
    patterns, states = signs(4, 10), signs(6, 10, seed=1)
    dense = DenseAssociativeMemory(10, degree=2, dtype=torch.float64)
    network = HopfieldNetwork(10, dtype=torch.float64)
    for memory in (dense, network):
        memory.store(patterns)
    assert_close(dense.energy(states), network.energy(states))


@pytest.mark.parametrize("kind", KINDS)
def test_flip_energy_is_the_difference(kind):
    memory = KINDS[kind](8)
    memory.store(signs(5, 8))
    states = signs(6, 8, seed=1)
    for unit in range(8):
        flipped = states.clone()
        flipped[:, unit] *= -1
        change = memory.flip_energy(states, states @ memory.rows, unit)
        assert_close(change, memory.energy(flipped) - memory.energy(states))


@pytest.mark.parametrize("kind", KINDS)
def test_recall_descends_to_a_local_minimum(kind):
    memory = KINDS[kind](12)
    memory.store(signs(3, 12))
    cues = signs(20, 12, seed=1)
    recall = memory.recall(cues, num_sweeps=50, generator=torch.Generator().manual_seed(0))
    assert recall.converged.all()
    assert (memory.energy(recall.state) <= memory.energy(cues) + 1e-12).all()
    for unit in range(12):
        flipped = recall.state.clone()
        flipped[:, unit] *= -1
        assert (memory.energy(flipped) >= memory.energy(recall.state) - 1e-8).all()
    assert_close(recall.overlaps, recall.state @ memory.patterns.T / 12)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_gauge_and_sign_symmetries(seed):
    patterns, states, gauge = (
        signs(4, 9, seed=seed),
        signs(5, 9, seed=seed + 1),
        signs(9, seed=seed),
    )
    for kind in ("hebbian", "distinct"):
        memory, turned = KINDS[kind](9), KINDS[kind](9)
        memory.store(patterns)
        turned.store(patterns * gauge)
        assert_close(turned.energy(states * gauge), memory.energy(states))
        assert_close(memory.energy(-states), memory.energy(states))


def test_heat_bath_samples_the_boltzmann_distribution():
    memory = DenseAssociativeMemory(4, degree=4, energy="power", dtype=torch.float64)
    memory.store(signs(2, 4))
    states, beta = all_states(4), 2.0
    expected = torch.softmax(-beta * memory.energy(states), 0)
    chains = signs(40_000, 4, seed=1)
    final = memory.recall(
        chains, beta=beta, num_sweeps=12, generator=torch.Generator().manual_seed(0)
    ).state
    index = ((final > 0) * torch.tensor([8, 4, 2, 1])).sum(-1)
    found = torch.bincount(index, minlength=16) / len(final)
    assert (found - expected).abs().max() < 5 * math.sqrt(0.25 / len(final))


def test_pseudo_inverse_stores_correlated_patterns_that_hebb_loses():
    base = signs(1, 40)
    patterns = torch.where(
        torch.rand(10, 40, generator=torch.Generator().manual_seed(0)) < 0.2, -base, base
    )
    kept = {}
    for kind in ("hebbian", "pseudo-inverse"):
        memory = KINDS[kind](40)
        memory.store(patterns)
        kept[kind] = (memory.recall(patterns).overlaps.diagonal() == 1).double().mean().item()
    assert kept["pseudo-inverse"] == 1
    assert kept["hebbian"] < 1


@pytest.mark.parametrize(
    ("degree", "energy"), [(4, "distinct"), (10, "distinct"), (4, "power"), (20, "power")]
)
def test_high_degrees_recall_too(degree, energy):
    draw = torch.Generator().manual_seed(0)
    patterns = torch.randint(0, 2, (20, 200), generator=draw).float() * 2 - 1
    cue = patterns.clone()
    cue[:, :60] *= -1
    memory = DenseAssociativeMemory(200, degree=degree, energy=energy)
    memory.store(patterns)
    assert (memory.recall(cue, generator=draw).overlaps.diagonal() > 0.99).all()


@pytest.mark.parametrize("make", [HopfieldNetwork, DenseAssociativeMemory])
def test_what_was_stored_survives_saving_into_a_fresh_memory(make):
    memory, fresh = make(30), make(30)
    memory.store(torch.randint(0, 2, (3, 30)).float() * 2 - 1)
    fresh.load_state_dict(memory.state_dict())
    state = memory.patterns
    assert torch.equal(fresh.energy(state), memory.energy(state))
    with pytest.raises(RuntimeError, match="size mismatch"):
        make(29).load_state_dict(memory.state_dict())


def test_bad_arguments():
    memory = HopfieldNetwork(5)
    for ask in (memory.recall, memory.energy, memory.overlaps):
        with pytest.raises(RuntimeError, match=r"call store\(patterns\)"):
            ask(torch.ones(1, 5))
    memory.store(torch.ones(1, 5))
    for ask in (memory.recall, memory.energy, memory.overlaps):
        with pytest.raises(ValueError, match=r"state must be \(B, 5\): got \[1, 3\]"):
            ask(torch.ones(1, 3))
        with pytest.raises(TypeError, match="state must be a tensor: got list"):
            ask([[1.0]])
    with pytest.raises(TypeError, match=r"patterns must be -1 or 1: got torch\.bool"):
        memory.store(torch.ones(1, 5, dtype=torch.bool))
    with pytest.raises(TypeError, match=r"num_units must be a whole number: got 2\.5"):
        HopfieldNetwork(2.5)
    with pytest.raises(TypeError, match=r"degree must be a whole number: got 2\.5"):
        DenseAssociativeMemory(5, degree=2.5)
    with pytest.raises(ValueError, match=r"energy must be finite at sums of ±100 in float32: got"):
        DenseAssociativeMemory(100, energy=torch.exp).store(torch.ones(1, 100))
    with pytest.raises(ValueError, match="rule must be 'hebbian' or 'pseudo-inverse'"):
        HopfieldNetwork(5, rule="storkey")
    with pytest.raises(ValueError, match=r"degree must lie in 2 … 5: got 6"):
        DenseAssociativeMemory(5, degree=6)
    with pytest.raises(ValueError, match="energy must be 'distinct', 'power' or a callable"):
        DenseAssociativeMemory(5, energy="exp")
    memory = HopfieldNetwork(5)
    with pytest.raises(RuntimeError, match=r"call store\(patterns\)"):
        memory.recall(torch.ones(1, 5))
    with pytest.raises(ValueError, match=r"patterns must be -1 or 1: got 0.5"):
        memory.store(torch.full((2, 5), 0.5))
    with pytest.raises(ValueError, match=r"patterns must have shape \(K >= 1, 5\)"):
        memory.store(torch.ones(2, 4))
    memory.store(torch.ones(2, 5))
    with pytest.raises(ValueError, match=r"state must be \(B, 5\)"):
        memory.recall(torch.ones(5))
    with pytest.raises(ValueError, match="beta and num_sweeps must be positive"):
        memory.recall(torch.ones(1, 5), beta=0.0)
