"""The compiled dense memory: exact energies, the textbook's trajectories, equilibrium, theory."""

import itertools
import math
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from neurarium.memory import DenseAssociativeMemory, DenseMonteCarlo, random_patterns
from neurarium.memory.theory import dense_ground_state, dense_load, dense_rs

sys.path.append(str(Path(__file__).resolve().parents[1]))
from reference.dense import anneal, table_of
from reference.multitasking import random_numbers

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "predict_recall.py"
ENERGIES = ("distinct", "power", torch.cosh)
each_energy = pytest.mark.parametrize("energy", ENERGIES, ids=("distinct", "power", "callable"))


def signs(*shape, seed=0):
    return random_patterns(*shape, generator=torch.Generator().manual_seed(seed)).to(torch.int8)


def memory_of(num_units, num_patterns, *, seed=0, **kwargs):
    memory = DenseMonteCarlo(num_units, **kwargs)
    memory.store(signs(num_patterns, num_units, seed=seed))
    return memory


@pytest.mark.parametrize("degree", [2, 4, 6, 8])
def test_energy_is_the_sum_over_distinct_indices(degree):
    memory = memory_of(9, 5, degree=degree)
    states = signs(20, 9, seed=1)
    products = memory.patterns.double()[None] * states.double()[:, None]  # (B, K, N)
    groups = itertools.combinations(range(9), degree)
    total = sum(products[..., list(group)].prod(-1).sum(-1) for group in groups)
    expected = -total * 9.0 ** (1 - degree)
    torch.testing.assert_close(memory.energy(states), expected, rtol=1e-12, atol=1e-14)


def test_degree_two_is_hopfields_network_without_its_diagonal():
    memory = memory_of(10, 4, degree=2)
    states = signs(8, 10, seed=1).double()
    patterns = memory.patterns.double()
    weights = (patterns.T @ patterns / 10).fill_diagonal_(0)
    expected = -((states @ weights) * states).sum(-1) / 2
    torch.testing.assert_close(memory.energy(states), expected, rtol=0, atol=1e-13)


@each_energy
@pytest.mark.parametrize("degree", [4, 6])
def test_energies_and_overlaps_are_those_of_the_general_memory(energy, degree):
    memory = memory_of(12, 30, degree=degree, energy=energy)
    general = DenseAssociativeMemory(12, degree=degree, energy=energy, dtype=torch.float64)
    general.store(memory.patterns)
    states = signs(9, 12, seed=1)
    torch.testing.assert_close(memory.energy(states), general.energy(states))
    torch.testing.assert_close(memory.overlaps(states).double(), general.overlaps(states))


@each_energy
def test_flip_energies_are_differences_of_energies(energy):
    memory = memory_of(14, 40, energy=energy)
    states = signs(6, 14, seed=1)
    changes = memory.flip_energies(states)
    for unit in range(14):
        flipped = states.clone()
        flipped[:, unit] *= -1
        difference = memory.energy(flipped) - memory.energy(states)
        torch.testing.assert_close(changes[:, unit], difference, rtol=1e-9, atol=1e-11)


@each_energy
@pytest.mark.parametrize("beta", [math.inf, 0.7])
def test_trajectories_are_the_textbooks_and_the_general_memorys(energy, beta):
    num_units, chains, num_sweeps = 32, 5, 4
    scale = 1.0 if isinstance(energy, str) else 1e-12  # cosh 32 is large
    function = energy if isinstance(energy, str) else lambda s: scale * torch.cosh(s)
    memory = memory_of(num_units, 600, energy=function)
    cues = memory.patterns[:chains].clone()
    cues[:, :7] *= -1
    if isinstance(energy, str):
        table = table_of(4, num_units, energy)
    else:
        table = scale * np.cosh(np.arange(-num_units, num_units + 1, 2.0))
    draws = torch.Generator().manual_seed(3)
    if beta == math.inf:
        orders = [torch.randperm(num_units, generator=draws).numpy() for _ in range(num_sweeps)]
        uniforms = [None] * chains
    else:
        orders, uniforms = random_numbers(draws, num_sweeps, num_units, chains)
    rows = memory.rows.numpy()
    expected = [
        anneal(rows, table, cue.numpy(), orders, numbers, beta)
        for cue, numbers in zip(cues, uniforms, strict=True)
    ]
    traced = memory.trace(
        cues, beta=beta, num_sweeps=num_sweeps, generator=draws.manual_seed(3), target=cues
    )
    for chain, states in enumerate(expected):
        overlaps = (states * cues[chain].numpy()).mean(-1)
        assert traced.overlap[chain].tolist() == pytest.approx(overlaps.tolist(), abs=1e-12)
        energies = memory.energy(torch.from_numpy(states))
        torch.testing.assert_close(traced.energy[chain], energies, rtol=1e-12, atol=1e-12)
    assert np.array_equal(traced.state.numpy(), np.stack([s[-1] for s in expected]))
    if beta < math.inf:
        assert traced.changed.any()
    general = DenseAssociativeMemory(num_units, energy=function, dtype=torch.float64)
    general.store(memory.patterns)
    settings = {"beta": beta, "num_sweeps": num_sweeps}
    ours, theirs = (
        m.recall(cues, generator=torch.Generator().manual_seed(3), **settings)
        for m in (memory, general)
    )
    assert torch.equal(ours.state, traced.state)
    assert torch.equal(ours.state.double(), theirs.state)
    assert torch.equal(ours.converged, theirs.converged)
    torch.testing.assert_close(ours.overlaps.double(), theirs.overlaps, rtol=0, atol=1e-6)


@each_energy
def test_descent_never_climbs_and_ends_where_no_flip_helps(energy):
    memory = memory_of(30, 900, energy=energy)
    cues = signs(12, 30, seed=1)
    traced = memory.trace(cues, num_sweeps=40, generator=torch.Generator().manual_seed(0))
    energies = torch.cat((memory.energy(cues)[:, None], traced.energy), 1)
    assert (energies.diff(dim=1) <= 1e-9 * energies.abs().max()).all()
    assert (energies.diff(dim=1) < 0).any()
    assert not traced.changed[:, -1].any()
    assert (memory.flip_energies(traced.state) >= -1e-12 * energies.abs().max()).all()


@pytest.mark.parametrize("energy", ["distinct", "power"])
@pytest.mark.parametrize("degree", [4, 6])
def test_signs_of_a_state_and_of_patterns_do_not_matter_nor_does_a_gauge(energy, degree):
    memory = memory_of(16, 50, degree=degree, energy=energy)
    states = signs(7, 16, seed=1)
    expected = memory.energy(states)
    assert torch.equal(memory.energy(-states), expected)
    other = DenseMonteCarlo(16, degree=degree, energy=energy)
    other.store(memory.patterns * signs(50, 1, seed=2))
    assert torch.equal(other.energy(states), expected)
    gauge = signs(1, 16, seed=3)
    other.store(memory.patterns * gauge)
    assert torch.equal(other.energy(states * gauge), expected)
    one, two = (
        m.recall(s, beta=0.5, num_sweeps=3, generator=torch.Generator().manual_seed(0)).state
        for m, s in ((memory, states), (other, states * gauge))
    )
    assert torch.equal(one * gauge, two)  # the dynamics, too


@pytest.mark.parametrize("energy", ["distinct", "power"])
def test_the_heat_bath_settles_in_boltzmanns_distribution(energy):
    memory = memory_of(6, 5, energy=energy)
    states = torch.tensor(list(itertools.product((-1, 1), repeat=6)), dtype=torch.int8)
    energies = memory.energy(states)
    beta = 3 / float(energies.max() - energies.min())  # the likeliest is e³ times the rarest
    expected = torch.softmax(-beta * energies, 0)
    num_chains = 64_000
    ended = memory.recall(
        signs(num_chains, 6, seed=1),
        beta=beta,
        num_sweeps=12,
        generator=torch.Generator().manual_seed(0),
    )
    places = ((ended.state.long() + 1) // 2) @ (2 ** torch.arange(5, -1, -1))
    found = torch.bincount(places, minlength=64).double()
    # one order of the units is shared by all chains of a sweep, each chain still samples it
    chi_square = ((found - num_chains * expected).square() / (num_chains * expected)).sum()
    assert chi_square < 63 + 5 * math.sqrt(2 * 63)


def test_many_units_are_counted_in_wider_numbers():
    memory = memory_of(40_000, 3, degree=4)
    state = memory.patterns.clone()
    state[:, :4000] *= -1
    assert memory.overlaps(state).diagonal().tolist() == pytest.approx([0.8] * 3, abs=1e-6)
    ended = memory.recall(state, num_sweeps=1)
    assert (ended.overlaps.diagonal() == 1).all()


@pytest.mark.parametrize(
    ("noise", "energy", "expected", "tolerance"),
    [
        (0.10, "distinct", 1.000, 0.005),
        (0.19, "distinct", 0.961, 0.04),
        (0.10, "power", 1.000, 0.005),
        (0.19, "power", 0.969, 0.04),
        (0.30, "distinct", 0.891, 0.15),
    ],
)
def test_descent_from_a_pattern_of_sixty_four_units(noise, energy, expected, tolerance):
    load = dense_load(noise, 4, energy=energy)
    memory = memory_of(64, round(load * 64**3), energy=energy)
    ended = memory.recall(
        memory.patterns[:16], num_sweeps=60, generator=torch.Generator().manual_seed(1)
    )
    overlaps = ended.overlaps[:, :16].diagonal()
    assert ended.converged.all()
    assert overlaps.mean().item() == pytest.approx(expected, abs=tolerance)


@pytest.mark.parametrize("energy", ["distinct", "power"])
def test_samples_agree_with_theory_below_capacity(energy):
    beta, noise, num_units = 5.0, 0.1, 64
    theory = dense_rs(beta, noise, 4, energy=energy)
    memory = memory_of(
        num_units, round(dense_load(noise, 4, energy=energy) * num_units**3), energy=energy
    )
    cues = memory.patterns[:12]
    traced = memory.trace(
        cues, beta=beta * 6, num_sweeps=20, generator=torch.Generator().manual_seed(0)
    )
    assert traced.overlap[:, 10:].mean().item() == pytest.approx(theory.m, abs=0.02)
    ground = dense_ground_state(noise, 4, energy=energy)
    ended = memory.recall(cues, num_sweeps=20, generator=torch.Generator().manual_seed(0))
    overlaps = ended.overlaps[:, :12].diagonal()
    assert overlaps.mean().item() == pytest.approx(ground.m, abs=0.02)
    level = memory.energy(signs(300, num_units, seed=9)).mean()  # powers of noise have a mean
    energies = (memory.energy(ended.state) - level) / num_units * 6
    assert energies.mean().item() == pytest.approx(ground.energy, abs=0.03)  # of the order 1/N


def test_patterns_travel_in_the_state_dict_and_copies():
    memory = memory_of(8, 20)
    other = DenseMonteCarlo(8)
    other.store(signs(20, 8, seed=5))
    other.load_state_dict(memory.state_dict())
    states = signs(4, 8, seed=1)
    assert torch.equal(other.energy(states), memory.energy(states))
    assert torch.equal(memory.half().energy(states), other.energy(states))  # exact in any type


def test_what_does_not_fit_is_said_in_one_sentence():
    memory = DenseMonteCarlo(6)
    states = signs(2, 6)
    with pytest.raises(RuntimeError, match=r"patterns must be stored before a recall: call store"):
        memory.recall(states)
    with pytest.raises(ValueError, match=r"patterns must be -1 or 1: got 0.5"):
        memory.store(torch.tensor([[1.0, -1.0, 0.5, 2.0, 1.0, 1.0]]))
    with pytest.raises(ValueError, match=r"patterns must have shape \(K >= 1, 6\): got \[2, 5\]"):
        memory.store(signs(2, 5))
    with pytest.raises(TypeError, match="patterns must be a tensor: got list"):
        memory.store([[1] * 6])
    memory.store(signs(3, 6))
    with pytest.raises(ValueError, match="state must be -1 or 1: got 0"):
        memory.recall(torch.zeros(1, 6))
    with pytest.raises(ValueError, match=r"state must be \(B, 6\): got \[6\]"):
        memory.recall(states[0])
    with pytest.raises(ValueError, match=r"beta must be positive: got -1.0"):
        memory.recall(states, beta=-1.0)
    with pytest.raises(ValueError, match="beta must be positive: got nan"):
        memory.recall(states, beta=math.nan)
    with pytest.raises(ValueError, match="num_sweeps must be at least 1: got 0"):
        memory.trace(states, num_sweeps=0)
    with pytest.raises(ValueError, match=r"target must be \[2, 6\]: got \[1, 6\]"):
        memory.trace(states, target=states[:1])
    with pytest.raises(ValueError, match=r"degree must lie in 2 … 6: got 8"):
        DenseMonteCarlo(6, degree=8)
    with pytest.raises(ValueError, match="energy must be 'distinct', 'power' or a callable"):
        DenseMonteCarlo(6, energy="cubic")
    with pytest.raises(ValueError, match="must be on the CPU: got meta"):
        memory.recall(states.to("meta"))


def test_energies_beyond_the_range_of_float64_are_refused():
    for energy in ("distinct", "power"):
        with pytest.raises(ValueError, match=r"degree must be lower for 784 units: got 120, bey"):
            DenseMonteCarlo(784, degree=120, energy=energy)
    with pytest.raises(ValueError, match=r"energy must be finite at all sums of 784 units in fl"):
        DenseMonteCarlo(784, energy=torch.exp)
    for energy in (torch.sum, lambda s: 3.0):
        with pytest.raises(ValueError, match=r"energy must map 7 sums to as many numbers: got"):
            DenseMonteCarlo(6, energy=energy)
    assert DenseMonteCarlo(784, degree=60).table.isfinite().all()


def test_an_odd_degree_warns_and_its_energy_is_odd():
    with pytest.warns(UserWarning, match="degree 3 is odd"):
        memory = DenseMonteCarlo(8, degree=3)
    memory.store(signs(5, 8))
    states = signs(4, 8, seed=1)
    assert torch.equal(memory.energy(-states), -memory.energy(states))
    assert memory.energy(states).abs().max() > 0


def test_the_users_example_predicts_what_it_measures():
    example = runpy.run_path(str(EXAMPLE))
    for load, (predicted, measured) in example["main"](num_units=48).items():
        assert measured == pytest.approx(predicted, abs=0.06), load
