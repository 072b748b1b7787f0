"""Theory of the Hebbian network: published values, its equations, limits, and Monte Carlo."""

import math

import pytest
import torch
from scipy.integrate import quad

from neurarium.memory import HopfieldNetwork
from neurarium.memory.theory import ags_capacity, ags_free_energy, ags_overlap


def normal_mean(f):
    """E f(z) by adaptive quadrature, independent of the grids of the solver."""
    value, _ = quad(
        lambda z: f(z) * math.exp(-z * z / 2) / math.sqrt(2 * math.pi),
        -9,
        9,
        limit=2000,
        epsabs=1e-13,
        epsrel=1e-13,
    )
    return value


def test_capacity_and_overlap_at_zero_temperature_are_the_published_ones():
    found = ags_capacity()
    assert found.converged
    assert found.load == pytest.approx(0.137905566, abs=1e-9)
    assert found.m == pytest.approx(0.967417, abs=1e-6)  # 1.6 % of the bits are wrong
    assert ags_overlap(found.load * (1 - 1e-6)).m > 0.966
    assert ags_overlap(found.load * (1 + 1e-6)).m == 0


def test_retrieval_is_the_ground_state_below_the_published_load():
    """α = 0.051 of Amit, Gutfreund, Sompolinsky 1987: there the glass takes over."""

    def gap(load):
        return ags_overlap(load).free_energy - ags_overlap(load, phase="glass").free_energy

    assert gap(0.0510) < 0 < gap(0.0520)


@pytest.mark.parametrize("load", [0.01, 0.05, 0.1, 0.137])
def test_zero_temperature_solves_the_textbook_equations(load):
    state = ags_overlap(load)
    root = math.sqrt(2 * load * state.r)
    response = math.sqrt(2 / (math.pi * load * state.r)) * math.exp(-((state.m / root) ** 2))
    assert state.m == pytest.approx(math.erf(state.m / root), abs=1e-12)
    assert state.r == pytest.approx(1 / (1 - response) ** 2, rel=1e-12)
    expected = -(state.m**2) / 2 + load * (1 - state.r) / 2
    assert state.free_energy == pytest.approx(expected, abs=1e-13)


@pytest.mark.parametrize("phase", ["retrieval", "glass"])
@pytest.mark.parametrize(("load", "beta"), [(0.01, 1.5), (0.05, 2.0), (0.1, 5.0), (0.13, 20.0)])
def test_finite_temperature_solves_the_saddle_point_equations(load, beta, phase):
    state = ags_overlap(load, beta=beta, phase=phase)
    assert state.converged
    width = math.sqrt(load * state.r)
    m = normal_mean(lambda z: math.tanh(beta * (state.m + width * z)))
    q = normal_mean(lambda z: math.tanh(beta * (state.m + width * z)) ** 2)
    assert state.m == pytest.approx(m, abs=1e-9)
    assert state.q == pytest.approx(q, abs=1e-9)
    assert state.r == pytest.approx(q / (1 - beta * (1 - q)) ** 2, rel=1e-8)
    assert (state.m > 0.5) == (phase == "retrieval")


@pytest.mark.parametrize(("load", "beta"), [(0.0, 2.0), (0.02, 2.0), (0.1, 6.0)])
def test_free_energy_is_stationary_at_the_solution(load, beta):
    state = ags_overlap(load, beta=beta)
    order = torch.tensor([state.m, state.q, state.r], dtype=torch.float64, requires_grad=True)
    value = ags_free_energy(*order, load=load, beta=beta)
    (slope,) = torch.autograd.grad(value, order)
    assert slope.abs().max() < 1e-9
    assert value.item() == pytest.approx(state.free_energy, abs=1e-12)


def test_limits():
    near, cold = ags_overlap(0.1, beta=2000.0), ags_overlap(0.1)
    assert near.m == pytest.approx(cold.m, abs=1e-5)
    assert near.r == pytest.approx(cold.r, abs=1e-3)
    assert near.free_energy == pytest.approx(cold.free_energy, abs=1e-5)
    curie = ags_overlap(0.0, beta=1.25)
    assert curie.m == pytest.approx(math.tanh(1.25 * curie.m), abs=1e-10)
    assert curie.q == pytest.approx(curie.m**2, abs=1e-10)
    assert curie.m > 0.6
    few = ags_overlap(0.02)  # 1 − m → √(2α/π) exp(−1/2α)
    expected = math.sqrt(2 * 0.02 / math.pi) * math.exp(-1 / (2 * 0.02))
    assert 1 - few.m == pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize("load", [0.05, 0.3])
def test_glass_sets_in_at_one_plus_the_root_of_the_load(load):
    onset = 1 + math.sqrt(load)
    assert ags_overlap(load, beta=1 / (onset + 0.03), phase="glass").q < 1e-9
    assert ags_overlap(load, beta=1 / (onset - 0.03), phase="glass").q > 1e-3


@pytest.mark.parametrize("temperature", [0.1, 0.5, 0.8])
def test_capacity_is_where_the_iteration_loses_its_state(temperature):
    found = ags_capacity(beta=1 / temperature)
    assert found.converged
    kept = ags_overlap(found.load * 0.999, beta=1 / temperature)
    lost = ags_overlap(found.load * 1.001, beta=1 / temperature)
    assert kept.m > found.m > 0.3
    assert abs(lost.m) < 1e-9


def test_capacity_falls_to_nothing_at_the_critical_temperature():
    loads = [ags_capacity(beta=1 / t).load for t in (0.2, 0.4, 0.6, 0.8, 0.95)]
    assert loads == sorted(loads, reverse=True)
    assert loads[-1] < 0.001
    assert ags_capacity(beta=0.9).load == 0


@pytest.mark.parametrize(
    ("load", "beta", "tolerance"),
    [(0.05, math.inf, 0.005), (0.1, math.inf, 0.02), (0.02, 2.0, 0.02), (0.06, 4.0, 0.01)],
)
def test_monte_carlo_at_finite_size_finds_the_overlap(load, beta, tolerance):
    draw = torch.Generator().manual_seed(0)
    patterns = torch.randint(0, 2, (round(load * 1000), 1000), generator=draw).float() * 2 - 1
    network = HopfieldNetwork(1000)
    network.store(patterns)
    cues = patterns.repeat(5, 1)
    recall = network.recall(cues, beta=beta, num_sweeps=15, generator=draw)
    overlap = (recall.state * cues).mean(1).mean().item()
    assert overlap == pytest.approx(ags_overlap(load, beta=beta).m, abs=tolerance)


def test_monte_carlo_far_beyond_capacity_loses_its_patterns():
    draw = torch.Generator().manual_seed(0)
    patterns = torch.randint(0, 2, (250, 1000), generator=draw).float() * 2 - 1
    network = HopfieldNetwork(1000)
    network.store(patterns)
    recall = network.recall(patterns[:40], num_sweeps=30, generator=draw)
    assert (recall.state * patterns[:40]).mean(1).mean() < 0.6
    assert ags_overlap(0.25).m == 0


def test_bad_arguments():
    with pytest.raises(ValueError, match=r"load must be finite and not negative: got -0\.1"):
        ags_overlap(-0.1)
    with pytest.raises(ValueError, match="load must be finite and not negative: got nan"):
        ags_overlap(math.nan)
    with pytest.raises(ValueError, match="beta must be positive: got 0"):
        ags_overlap(0.1, beta=0.0)
    with pytest.raises(ValueError, match="beta must be positive: got nan"):
        ags_capacity(beta=math.nan)
    with pytest.raises(ValueError, match="phase must be 'retrieval' or 'glass': got 'spin'"):
        ags_overlap(0.1, phase="spin")
    with pytest.raises(ValueError, match="beta must be finite: got inf; ags_overlap gives"):
        ags_free_energy(1.0, 1.0, 1.0, load=0.1, beta=math.inf)
    unfinished = ags_overlap(0.1, beta=5.0, max_iter=3)
    assert not unfinished.converged
    assert unfinished.residual > 1e-6
