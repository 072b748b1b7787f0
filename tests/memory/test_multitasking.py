"""The multitasking memory: energies by brute force, the heat bath, compiled sweeps, bad input."""

import copy
import itertools
import math
import runpy
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.testing import assert_close

from neurarium.memory import (
    HopfieldNetwork,
    MultitaskingHopfield,
    mixture_states,
    noisy_examples,
    random_patterns,
)
from neurarium.memory.associative import AssociativeMemory
from neurarium.memory.theory import hierarchical_overlaps, multitasking_solve
from reference.multitasking import anneal, random_numbers

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "learn_parallel.py"
few = pytest.mark.filterwarnings("ignore:patterns should be few")  # small sizes on purpose


def draws(seed=0):
    return torch.Generator().manual_seed(seed)


def diluted(num_patterns, num_units, dilution=0.4, seed=0):
    drawn = random_patterns(num_patterns, num_units, dilution=dilution, generator=draws(seed))
    drawn[drawn.abs().sum(-1) == 0, 0] = 1  # none is blank everywhere
    return drawn.double()


def signs(*shape, seed=0):
    return torch.randint(0, 2, shape, generator=draws(seed)).double() * 2 - 1


def memory_of(num_units, kind="stored", seed=0, num_patterns=3, **arguments):
    memory = MultitaskingHopfield(num_units, dtype=torch.float64, **arguments)
    patterns = diluted(num_patterns, num_units, seed=seed)
    if kind == "stored":
        memory.store(patterns)
    else:
        examples = noisy_examples(patterns, 5, 0.5, generator=draws(seed + 1))
        memory.learn(examples, rule=kind, quality=0.5, patterns=patterns)
    return memory


KINDS = ("stored", "supervised", "unsupervised")


@few
@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000), normalize=st.booleans())
def test_energy_is_the_double_sum_over_units(seed, normalize):
    memory = MultitaskingHopfield(9, normalize=normalize, dtype=torch.float64)
    patterns, states = diluted(4, 9, seed=seed), signs(5, 9, seed=seed)
    memory.store(patterns)
    couplings = patterns.T @ patterns / 9
    if normalize:
        couplings /= (patterns != 0).double().mean()
    expected = torch.stack([-(s @ couplings @ s) / 2 for s in states])
    assert_close(memory.energy(states), expected)
    overlaps = torch.stack([patterns @ s / 9 for s in states])
    assert_close(memory.overlaps(states), overlaps)
    if not normalize:
        assert_close(memory.energy(states), -9 / 2 * overlaps.square().sum(-1))


@few
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("normalize", [False, True])
def test_flip_energy_is_the_difference(kind, normalize):
    memory = memory_of(8, kind, normalize=normalize)
    states = signs(6, 8, seed=1)
    for unit in range(8):
        flipped = states.clone()
        flipped[:, unit] *= -1
        change = memory.flip_energy(states, states @ memory.rows, unit)
        assert_close(change, memory.energy(flipped) - memory.energy(states))


@few
@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_energy_is_the_product_of_the_quadratic_losses(seed):
    n, patterns, states = 11, diluted(4, 11, seed=seed), signs(6, 11, seed=seed)
    memory = MultitaskingHopfield(n, dtype=torch.float64)
    memory.store(patterns)
    to_pattern, to_negative = memory.losses(states)
    for loss, sign in ((to_pattern, -1), (to_negative, 1)):
        distance = (patterns[None] + sign * states[:, None]).square().sum(-1) / (2 * n)
        assert_close(loss, distance, rtol=0, atol=1e-12)
    blank = 1 - (patterns != 0).double().mean(-1)
    assert_close(memory.dilution, blank)
    total = ((2 - blank) / 2) ** 2 - to_pattern * to_negative
    assert_close(memory.energy(states), -n / 2 * total.sum(-1), rtol=0, atol=1e-12)


@few
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("beta", [3.0, math.inf])
def test_compiled_sweeps_follow_the_general_loop_flip_by_flip(kind, beta, monkeypatch):
    memory, states = memory_of(50, kind), signs(7, 50, seed=1)
    compiled = memory.recall(states, beta=beta, num_sweeps=5, generator=draws(2))
    monkeypatch.setattr(MultitaskingHopfield, "_sweep", AssociativeMemory._sweep)
    general = memory.recall(states, beta=beta, num_sweeps=5, generator=draws(2))
    assert torch.equal(compiled.state, general.state)
    assert torch.equal(compiled.converged, general.converged)
    assert not torch.equal(compiled.state, states)


@few
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("beta", [0.5, 3.0])
def test_trajectories_are_those_of_the_numpy_loop_for_equal_random_numbers(kind, beta):
    memory, states = memory_of(40, kind), signs(19, 40, seed=1)  # more than visit together
    orders, uniforms = random_numbers(draws(2), 6, 40, 19)
    traces = memory.traces.numpy()
    expected = np.stack(
        [anneal(traces, s, orders, u, beta) for s, u in zip(states.numpy(), uniforms, strict=True)]
    )
    for num_sweeps in range(1, 7):  # the same generator again: every state on the way
        found = memory.recall(states, beta=beta, num_sweeps=num_sweeps, generator=draws(2))
        assert np.array_equal(found.state.numpy(), expected[:, num_sweeps - 1])
    assert (np.diff(expected, axis=1) != 0).any()


@few
@pytest.mark.parametrize("kind", KINDS)
def test_descents_are_those_of_the_numpy_loop(kind):
    memory, states = memory_of(60, kind), signs(4, 60, seed=3)
    generator = draws(4)
    orders = np.stack([torch.randperm(60, generator=generator).numpy() for _ in range(3)])
    found = memory.recall(states, num_sweeps=3, generator=draws(4)).state.numpy()
    for state, end in zip(states.numpy(), found, strict=True):
        after = anneal(memory.traces.numpy(), state, orders, np.zeros((3, 60)), math.inf)
        assert np.array_equal(end, after[-1])


@few
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("num_blocks", [None, 20])
def test_recall_descends_to_a_local_minimum(kind, num_blocks):
    memory, cues = memory_of(20, kind, num_blocks=num_blocks), signs(30, 20, seed=1)
    recall = memory.recall(cues, num_sweeps=60, generator=draws())
    assert recall.converged.all()
    assert (memory.energy(recall.state) <= memory.energy(cues) + 1e-12).all()
    for unit in range(20):
        change = memory.flip_energy(recall.state, recall.state @ memory.rows, unit)
        assert (change >= -1e-8).all()
    assert_close(recall.overlaps, recall.state @ memory.patterns.T / 20)


@few
def test_without_blanks_it_is_hopfields_network():
    patterns, states = signs(4, 60), signs(8, 60, seed=1)
    ours = MultitaskingHopfield(60, dtype=torch.float64)
    theirs = HopfieldNetwork(60, dtype=torch.float64)
    for memory in (ours, theirs):
        memory.store(patterns)
    constant = ours.energy(states) - theirs.energy(states)  # the self-couplings
    assert_close(constant, constant[:1].expand(8))
    recalled = [m.recall(states, num_sweeps=30, generator=draws(2)) for m in (ours, theirs)]
    assert torch.equal(recalled[0].state, recalled[1].state)


@few
def test_single_flips_are_in_detailed_balance():
    memory, beta = memory_of(8, "supervised"), 1.7
    states = torch.tensor(list(itertools.product((-1.0, 1.0), repeat=8)), dtype=torch.float64)
    weight = torch.softmax(-beta * memory.energy(states), 0)
    for unit in range(8):
        chance = torch.sigmoid(-beta * memory.flip_energy(states, states @ memory.rows, unit))
        there = torch.arange(256) ^ (1 << (7 - unit))  # the index of the flipped state
        flow = weight * chance
        assert_close(flow, flow[there], rtol=1e-10, atol=0)


@few
def test_sweeps_sample_the_boltzmann_distribution():
    memory, beta = memory_of(8), 2.0
    states = torch.tensor(list(itertools.product((-1.0, 1.0), repeat=8)), dtype=torch.float64)
    expected = torch.softmax(-beta * memory.energy(states), 0)
    final = memory.recall(
        signs(60_000, 8, seed=1), beta=beta, num_sweeps=12, generator=draws()
    ).state
    index = ((final > 0) * 2 ** torch.arange(7, -1, -1)).sum(-1)
    found = torch.bincount(index, minlength=256) / len(final)
    deviation = torch.sqrt(expected * (1 - expected) / len(final))
    assert ((found - expected).abs() < 5 * deviation).all()


def test_mild_dilution_gives_a_hierarchy_at_zero_temperature():
    patterns = random_patterns(4, 20_000, dilution=0.4, generator=draws())
    memory = MultitaskingHopfield(20_000)
    memory.store(patterns)
    start = mixture_states(patterns, torch.tensor([8.0, 4, 2, 1]), num_states=2, generator=draws(1))
    recall = memory.recall(start, generator=draws(2))
    expected = hierarchical_overlaps(4, 0.4).float().expand(2, 4)
    assert_close(memory.overlaps(start), expected, rtol=0, atol=0.015)
    assert_close(recall.overlaps, expected, rtol=0, atol=0.015)


@pytest.mark.parametrize(
    ("dilution", "beta", "num_blocks"),
    [(0.3, 25.0, None), (0.9, 30.0, None), (0.3, 25.0, 4), (0.9, 30.0, 4)],
)
def test_overlaps_are_those_of_the_theory(dilution, beta, num_blocks):
    patterns = random_patterns(3, 40_000, dilution=dilution, generator=draws())
    memory = MultitaskingHopfield(40_000, num_blocks=num_blocks)
    memory.store(patterns)
    start = mixture_states(patterns, torch.tensor([4.0, 2, 1]), generator=draws(1))
    found = memory.recall(start, beta=beta, num_sweeps=40, generator=draws(2)).overlaps[0]
    expected = multitasking_solve(3, dilution, beta)
    assert expected.phase == ("hierarchical" if dilution < 0.5 else "parallel")
    assert_close(found.double(), expected.overlaps, rtol=0, atol=0.02)


def test_normalised_energy_has_the_critical_temperature_one():
    patterns = random_patterns(2, 20_000, dilution=0.6, generator=draws())
    memory = MultitaskingHopfield(20_000, normalize=True)
    memory.store(patterns)
    start = mixture_states(patterns, torch.tensor([1.0, 0.0]), generator=draws(1))
    largest = {
        beta: memory.recall(start, beta=beta, num_sweeps=60, generator=draws(2)).overlaps.max()
        for beta in (1 / 0.8, 1 / 1.2)
    }
    expected = multitasking_solve(2, 0.6, 1 / 0.8 / 0.4).overlaps.max()
    assert_close(largest[1 / 0.8].double(), expected, rtol=0, atol=0.03)
    assert largest[1 / 1.2] < 0.06


def test_mixture_states_break_ties_by_lot():
    patterns = torch.tensor([[1.0, 1.0, 0.0], [-1.0, 1.0, 0.0]])
    states = mixture_states(patterns, torch.ones(2), num_states=4000, generator=draws())
    assert (states[:, 1] == 1).all()
    assert (states[:, [0, 2]].mean(0).abs() < 0.06).all()
    assert set(states.unique().tolist()) == {-1.0, 1.0}
    with pytest.raises(ValueError, match=r"must have shapes \(K, N\) and \(K,\): got \[2, 3\]"):
        mixture_states(patterns, torch.ones(3))


def test_what_was_stored_survives_saving_into_a_fresh_memory():
    memory = memory_of(100, "unsupervised")
    states = signs(4, 100, seed=2)
    fresh = MultitaskingHopfield(100, dtype=torch.float64)
    fresh.load_state_dict(memory.state_dict())
    assert torch.equal(fresh.unit_signs * fresh.scale, memory.unit_traces)  # bytes are made anew
    for twin in (fresh, copy.deepcopy(memory)):
        assert torch.equal(twin.energy(states), memory.energy(states))
        assert torch.equal(
            twin.recall(states, beta=5.0, generator=draws()).state,
            memory.recall(states, beta=5.0, generator=draws()).state,
        )
    with pytest.raises(RuntimeError, match=r"size mismatch"):
        MultitaskingHopfield(99).load_state_dict(memory.state_dict())


def test_many_patterns_are_warned_of_once():
    memory = MultitaskingHopfield(100)
    with pytest.warns(UserWarning, match=r"patterns should be few, at most 0.05 a unit: got 6 for"):
        memory.store(diluted(6, 100))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        memory.store(diluted(5, 100))


def test_the_example_recalls_what_theory_expects():
    example = runpy.run_path(str(EXAMPLE))
    for dilution, phase in ((0.3, "hierarchical"), (0.8, "parallel")):
        shares = example["main"](dilution)
        expected = shares.pop(f"theory, {phase}")
        for found in shares.values():
            assert found == pytest.approx(expected, abs=0.05)


def test_bad_arguments():
    memory = MultitaskingHopfield(40)
    for ask in (memory.recall, memory.energy, memory.overlaps, memory.losses):
        with pytest.raises(RuntimeError, match=r"call store\(patterns\) or learn\(examples\)"):
            ask(torch.ones(1, 40))
    with pytest.raises(ValueError, match=r"patterns must be -1, 0 or 1: got 0.5"):
        memory.store(torch.full((2, 40), 0.5))
    with pytest.raises(ValueError, match=r"patterns must be -1, 0 or 1: got nan"):
        memory.store(torch.full((2, 40), math.nan))
    with pytest.raises(ValueError, match=r"patterns must not be blank everywhere: got pattern 1"):
        memory.store(torch.tensor([[1.0], [0.0]]).expand(2, 40))
    with pytest.raises(ValueError, match=r"patterns must have shape \(K >= 1, 40\): got \[2, 4\]"):
        memory.store(torch.ones(2, 4))
    with pytest.raises(TypeError, match=r"patterns must be a tensor: got list"):
        memory.store([[1.0] * 40])
    memory.store(torch.ones(2, 40))
    with pytest.raises(ValueError, match=r"state must be -1 or 1: got 0.0"):
        memory.recall(torch.zeros(1, 40))
    with pytest.raises(ValueError, match=r"state must be \(B, 40\)"):
        memory.recall(torch.ones(40))
    for ask in (memory.energy, memory.overlaps, memory.losses):
        with pytest.raises(ValueError, match=r"state must be \(B, 40\): got \[1, 3\]"):
            ask(torch.ones(1, 3))
    with pytest.raises(TypeError, match=r"state must be a tensor: got list"):
        memory.recall([1.0])
    for beta in (0.0, -1.0, math.nan):
        with pytest.raises(ValueError, match=r"beta and num_sweeps must be positive"):
            memory.recall(torch.ones(1, 40), beta=beta)
    with pytest.raises(TypeError, match=r"num_sweeps must be a whole number: got 2.5"):
        memory.recall(torch.ones(1, 40), num_sweeps=2.5)
    with pytest.raises(ValueError, match=r"num_blocks must lie in 2 … 40: got 1; all units at"):
        MultitaskingHopfield(40, num_blocks=1)
    with pytest.raises(TypeError, match=r"num_units must be a whole number: got 4.0"):
        MultitaskingHopfield(4.0)
