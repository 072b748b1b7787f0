"""The theory of multitasking memories: closed forms, thresholds, symmetries, known values."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from torch.testing import assert_close

from neurarium.memory.theory import (
    critical_dilution,
    dataset_entropy,
    examples_needed,
    hierarchical_overlaps,
    multitasking_free_energy,
    multitasking_solve,
    one_step_overlaps,
    parallel_overlaps,
)
from neurarium.memory.theory.multitasking_ensemble import noise_average, pattern_ensemble

COLD = math.inf


def share(state):
    """m/(1 − d)."""
    return (state.overlaps / (1 - state.dilution)).tolist()


@pytest.mark.parametrize("beta", [0.5, 1.1, 1.5, 4.0])
def test_one_pattern_without_blanks_is_the_curie_weiss_magnet(beta):
    state = multitasking_solve(1, 0.0, beta, tol=1e-13)
    m = state.overlaps.item()
    assert m == pytest.approx(math.tanh(beta * m), abs=1e-11)
    assert (m > 0.3) == (beta > 1)
    expected = m**2 / 2 - math.log(2 * math.cosh(beta * m)) / beta
    assert state.free_energy == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(("dilution", "entropy"), [(0.0, 0.5), (0.4, 0.0), (0.8, 0.0)])
def test_overlaps_vanish_at_the_critical_temperature(dilution, entropy):
    for factor, alive in ((0.97, True), (1.03, False)):
        state = multitasking_solve(
            3, dilution, 1 / (factor * (1 - dilution)), dataset_entropy=entropy
        )
        assert (state.phase != "paramagnet") == alive
        assert state.converged
    still = multitasking_solve(3, dilution, 2.0, init=torch.zeros(3), dataset_entropy=entropy)
    assert still.softness == pytest.approx(2 * (1 - dilution), abs=1e-10)  # β(1 − d), any ρ


@pytest.mark.parametrize(
    ("num_patterns", "expected"), [(1, 1), (2, 1), (3, 0.618034), (5, 0.518790), (9, 0.500994)]
)
def test_critical_dilutions(num_patterns, expected):
    d = critical_dilution(num_patterns)
    assert d == pytest.approx(expected, abs=1e-6)
    assert 1 - 2 * d + d**num_patterns == pytest.approx(0, abs=1e-12)
    assert critical_dilution(3) == pytest.approx((math.sqrt(5) - 1) / 2, abs=1e-15)
    assert critical_dilution(200) == pytest.approx(0.5, abs=1e-12)


@pytest.mark.parametrize("num_patterns", [2, 3, 5, 9])
def test_hierarchical_state_is_fixed_below_and_broken_above_the_threshold(num_patterns):
    d = critical_dilution(num_patterns)
    for dilution in (0.2, 0.5 * d, d - 1e-6):
        state = multitasking_solve(num_patterns, dilution, COLD)
        assert_close(state.overlaps, hierarchical_overlaps(num_patterns, dilution))
        assert state.phase == ("hierarchical" if dilution < 0.99 else "parallel")  # all alike
    if num_patterns == 2:
        return  # never broken
    for dilution in (d + 1e-6, 0.7):
        state = multitasking_solve(num_patterns, dilution, COLD)
        gap = (state.overlaps - hierarchical_overlaps(num_patterns, dilution)).abs().max()
        assert gap > 1e-9  # rarely do so many patterns oppose the first


def test_hierarchical_overlaps_are_those_of_copying_pattern_after_pattern():
    generator = np.random.default_rng(0)
    chance = [0.2, 0.6, 0.2]
    xi = generator.choice([-1, 0, 1], size=(4, 200_000), p=chance)
    state = np.zeros(200_000)
    for pattern in xi:
        state = np.where(state == 0, pattern, state)
    assert hierarchical_overlaps(4, 0.6).numpy() == pytest.approx(xi @ state / 200_000, abs=5e-3)
    assert hierarchical_overlaps(3, 0.0).tolist() == [1, 0, 0]


@pytest.mark.parametrize("dilution", [0.65, 0.8, 0.9, 0.99])
def test_three_patterns_above_the_threshold_have_a_closed_form(dilution):
    d, e = dilution, (1 - dilution) ** 2 / 2
    state = multitasking_solve(3, dilution, COLD)
    assert share(state) == pytest.approx([1 - e, d + e, d**2 + e], abs=1e-12)
    assert min(share(state)) > 1 - 2.1 * (1 - d)  # closes up to 1


@pytest.mark.parametrize(
    ("num_patterns", "dilution", "expected"),
    [
        (3, 0.65, (0.9387, 0.7112, 0.4838)),
        (3, 0.8, (0.98, 0.82, 0.66)),
        (3, 0.9, (0.995, 0.905, 0.815)),
        (5, 0.8, (0.9142, 0.8054, 0.6998, 0.5958, 0.4918)),
        (5, 0.9, (0.9745, 0.9007, 0.8274, 0.7542, 0.6811)),
    ],
)
def test_strong_dilution_at_zero_temperature(num_patterns, dilution, expected):
    state = multitasking_solve(num_patterns, dilution, COLD)
    assert share(state) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(
    ("num_patterns", "dilution", "expected"),
    [(1, 0.3, 1), (2, 0.5, 0.75), (3, 0.3, 0.545), (3, 0.8, 0.82), (3, 0.9, 0.905),
     (5, 0.8, 0.7014), (5, 0.9, 0.8276)],
)  # fmt: skip
def test_parallel_state(num_patterns, dilution, expected):
    assert parallel_overlaps(num_patterns, dilution) / (1 - dilution) == pytest.approx(
        [expected] * num_patterns, abs=5e-5
    )
    state = multitasking_solve(num_patterns, dilution, COLD, init="parallel")
    assert_close(state.overlaps, parallel_overlaps(num_patterns, dilution))


@pytest.mark.parametrize(
    ("dilution", "pure", "parallel"),
    [(0.64, 0.2421339, 0.2421307), (0.70, 0.2017662, 0.2017715)],
)
def test_near_the_critical_temperature_one_pattern_or_all(dilution, pure, parallel):
    beta = 1 / (0.97 * (1 - dilution))
    for init, expected in (("pure", pure), ("parallel", parallel)):
        state = multitasking_solve(3, dilution, beta, init=init)
        assert state.phase == init
        assert -state.free_energy == pytest.approx(expected, abs=1e-7)
    winner = multitasking_solve(3, dilution, beta, init="lowest", tol=1e-8)
    assert winner.phase == ("pure" if dilution < 2 / 3 else "parallel")


def test_the_switch_near_the_critical_temperature_tends_to_two_thirds():
    def advantage(dilution, factor):
        beta = 1 / (factor * (1 - dilution))
        pure, alike = (
            multitasking_solve(3, dilution, beta, init=i, tol=1e-13) for i in ("pure", "parallel")
        )
        return pure.free_energy - alike.free_energy

    for factor, width in ((0.97, 0.01), (0.99, 0.004)):
        assert advantage(2 / 3 - width, factor) < 0 < advantage(2 / 3 + width, factor)


def test_lowest_state_changes_before_the_hierarchical_one_is_unstable():
    switch = (1 + 2 * math.sqrt(2)) / 7  # where 3e² = 2e (1 − d − d²), e = (1 − d)²/2
    for dilution, same in ((switch - 1e-3, True), (switch + 1e-3, False)):
        lowest = multitasking_solve(3, dilution, COLD, init="lowest")
        local = multitasking_solve(3, dilution, COLD)
        assert_close(local.overlaps, hierarchical_overlaps(3, dilution))
        assert (lowest.free_energy > local.free_energy - 1e-12) == same
    found = multitasking_solve(3, 0.55, 200.0, init="lowest")
    assert share(found) == pytest.approx([0.8988, 0.6512, 0.4037], abs=1e-4)
    assert -found.free_energy == pytest.approx(0.14181, abs=1e-5)
    assert -multitasking_solve(3, 0.55, COLD).free_energy == pytest.approx(0.14114, abs=1e-5)


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10_000), entropy=st.sampled_from([0.0, 0.2]))
def test_permuting_and_turning_patterns_permutes_and_turns_solutions(seed, entropy):
    draw = torch.Generator().manual_seed(seed)
    start = torch.rand(4, generator=draw, dtype=torch.float64) * 0.6
    order = torch.randperm(4, generator=draw)
    turned = torch.randint(0, 2, (4,), generator=draw) * 2 - 1.0
    arguments = {"dataset_entropy": entropy, "tol": 1e-12, "max_iter": 300}
    plain = multitasking_solve(4, 0.4, 9.0, init=start, **arguments)
    moved = multitasking_solve(4, 0.4, 9.0, init=turned * start[order], **arguments)
    assert_close(moved.overlaps, turned * plain.overlaps[order], rtol=0, atol=1e-7)
    assert moved.free_energy == pytest.approx(plain.free_energy, abs=1e-10)


@pytest.mark.parametrize("beta", [1.5, 6.0, 40.0])
@pytest.mark.parametrize("entropy", [0.0, 0.05, 1.0])
def test_free_energy_is_stationary_at_solutions_and_falls_on_the_way(beta, entropy):
    state = multitasking_solve(3, 0.3, beta, dataset_entropy=entropy, tol=1e-12)
    n = state.example_overlaps.clone().requires_grad_()
    f = multitasking_free_energy(n, 0.3, beta, dataset_entropy=entropy)
    assert f.item() == pytest.approx(state.free_energy, abs=1e-12)
    (gradient,) = torch.autograd.grad(f, n)
    assert gradient.abs().max() < 1e-9
    values = [
        multitasking_solve(
            3, 0.3, beta, init=torch.tensor([0.5, 0.3, 0.1]), dataset_entropy=entropy, max_iter=k
        ).free_energy
        for k in (1, 2, 4, 8, 16)
    ]
    assert (np.diff(values) < 1e-12).all()


def test_free_energy_has_the_right_gradient():
    n = torch.tensor([0.4, 0.25, 0.1], dtype=torch.float64, requires_grad=True)
    for beta in (2.0, 30.0):
        for entropy in (0.0, 0.3):
            assert torch.autograd.gradcheck(
                lambda x, b=beta, e=entropy: multitasking_free_energy(x, 0.4, b, dataset_entropy=e),
                n,
            )


@pytest.mark.parametrize("beta", [0.3, 1.0, 3.0, 20.0])
@pytest.mark.parametrize(("mean", "spread"), [(0.3, 0.2), (0.0, 0.5), (1.0, 3.0), (0.05, 0.01)])
def test_noise_averages_are_the_integrals(beta, mean, spread):
    found = noise_average(*torch.tensor([[mean], [spread]], dtype=torch.float64), beta)

    def average(function):
        def integrand(z):
            return function(mean + spread * z) * math.exp(-z * z / 2) / math.sqrt(2 * math.pi)

        kink = max(-9.0, min(9.0, -mean / spread))
        halves = (quad(integrand, a, b, epsabs=1e-12, limit=400)[0] for a, b in
                  ((-10, kink), (kink, 10)))  # fmt: skip
        return sum(halves)

    expected = (
        average(lambda h: math.tanh(beta * h)),
        average(lambda h: beta * (1 - math.tanh(beta * h) ** 2)),
        average(lambda h: (abs(beta * h) + math.log1p(math.exp(-2 * abs(beta * h)))) / beta),
    )
    for value, integral in zip(found, expected, strict=True):
        assert value.item() == pytest.approx(integral, abs=1e-9)


def test_integration_by_parts_agrees_with_sampling_the_definition():
    draw = torch.Generator().manual_seed(0)
    d, beta, rho, count = 0.3, 8.0, 0.3, 400_000
    state = multitasking_solve(3, d, beta, dataset_entropy=rho)
    n, m = state.example_overlaps, state.overlaps
    uniform = torch.rand(count, 3, generator=draw, dtype=torch.float64)
    xi = (uniform < (1 - d) / 2).double() - (uniform > (1 + d) / 2).double()
    noisy = xi * (1 + math.sqrt(rho) * torch.randn(count, 3, generator=draw, dtype=torch.float64))
    tanh = torch.tanh(beta * noisy @ n)[:, None]
    assert_close((xi * tanh).mean(0), m, rtol=0, atol=4e-3)
    assert_close((noisy * tanh).mean(0) / (1 + rho), n, rtol=0, atol=4e-3)
    slope = (xi.square() * (1 - tanh.square())).mean(0)
    assert_close((1 + rho) * n, m + beta * rho * n * slope, rtol=0, atol=8e-3)


def test_little_entropy_is_storage():
    stored = multitasking_solve(3, 0.4, 12.0)
    learned = multitasking_solve(3, 0.4, 12.0, dataset_entropy=1e-9)
    assert_close(learned.overlaps, stored.overlaps, rtol=0, atol=1e-6)
    assert_close(learned.example_overlaps, stored.overlaps, rtol=0, atol=1e-6)
    assert learned.free_energy == pytest.approx(stored.free_energy, abs=1e-8)


@pytest.mark.parametrize("rho", [0.1, 1.0, 3.0])
def test_one_pattern_learned_at_zero_temperature(rho):
    state = multitasking_solve(1, 0.0, COLD, dataset_entropy=rho)
    expected = math.erf(1 / math.sqrt(2 * rho))
    assert state.overlaps.item() == pytest.approx(expected, abs=1e-12)
    assert one_step_overlaps(1, 0.0, rho).item() == pytest.approx(expected, abs=1e-12)


def test_entropies_and_learned_overlaps_of_the_comparison_with_monte_carlo():
    """K = 3: d = 0.3, T = 0.05; d = 0.8, T = 0.02; K = 1; and a hierarchy that noise destroys."""
    assert dataset_entropy(0.4, 40) == pytest.approx(0.13125)
    first = multitasking_solve(3, 0.3, 20.0, dataset_entropy=0.13125)
    assert first.overlaps.tolist() == pytest.approx([0.674, 0.226, 0.068], abs=0.007)
    second = multitasking_solve(3, 0.8, 50.0, dataset_entropy=0.13125)
    assert second.overlaps.tolist() == pytest.approx([0.164, 0.161, 0.162], abs=0.003)
    single = multitasking_solve(1, 0.0, 100.0, dataset_entropy=dataset_entropy(0.3, 10))
    assert single.overlaps.item() == pytest.approx(0.6797, abs=5e-4)
    lost = multitasking_solve(3, 0.3, 20.0, dataset_entropy=0.66)
    assert lost.phase == "parallel"
    assert lost.overlaps.tolist() == pytest.approx([0.312] * 3, abs=0.01)


def test_examples_needed_reach_the_overlap_and_no_fewer_do():
    assert examples_needed(0.2) == 24
    assert examples_needed(1.0) == 1
    for quality in (0.1, 0.35, 0.6):
        for theta in (0.5, 2**-0.5, 1.5):
            count = examples_needed(quality, theta=theta)
            overlap = {
                m: math.erf(1 / math.sqrt(2 * dataset_entropy(quality, m)))
                for m in (count, count - 1)
                if m
            }
            assert overlap[count] >= math.erf(theta) - 1e-12
            assert count == 1 or overlap[count - 1] < math.erf(theta)


def test_signal_to_noise_starts_at_the_hierarchy():
    for dilution in (0.3, 0.6):
        assert_close(
            one_step_overlaps(4, dilution, 1e-8),
            hierarchical_overlaps(4, dilution),
            rtol=0,
            atol=1e-6 if dilution < 0.5 else 1.0,
        )
    noisy = one_step_overlaps(3, 0.3, 0.2)
    draw = torch.Generator().manual_seed(0)
    uniform = torch.rand(400_000, 3, generator=draw, dtype=torch.float64)
    xi = (uniform < 0.35).double() - (uniform > 0.65).double()
    noise = math.sqrt(0.2) * torch.randn(400_000, 3, generator=draw, dtype=torch.float64)
    sign = ((xi * (1 + noise)) @ hierarchical_overlaps(3, 0.3)).sign()
    assert_close(noisy, (xi * sign[:, None]).mean(0), rtol=0, atol=4e-3)


def test_enumeration_and_sampling_agree():
    entries, weights = pattern_ensemble(4, 0.3)
    assert len(entries) == (3**4 + 1) // 2
    assert weights.sum().item() == pytest.approx(1, abs=1e-14)
    assert_close(weights @ entries.square(), torch.full((4,), 0.7, dtype=torch.float64))
    sampled = multitasking_solve(
        4, 0.3, 10.0, num_samples=200_000, generator=torch.Generator().manual_seed(0), tol=1e-8
    )
    assert_close(sampled.overlaps, multitasking_solve(4, 0.3, 10.0).overlaps, rtol=0, atol=0.01)
    drawn = {"num_samples": 200_000, "generator": torch.Generator().manual_seed(0)}
    listed = one_step_overlaps(4, 0.3, 0.2)
    assert_close(one_step_overlaps(4, 0.3, 0.2, **drawn), listed, rtol=0, atol=0.01)
    f = multitasking_free_energy(listed, 0.3, 10.0, dataset_entropy=0.2)
    again = multitasking_free_energy(listed, 0.3, 10.0, dataset_entropy=0.2, **drawn)
    assert_close(again, f, rtol=0, atol=0.01)


def test_a_run_that_stops_early_says_so():
    state = multitasking_solve(3, 0.3, 3.0, max_iter=2)
    assert not state.converged
    assert state.residual > 1e-6
    assert state.num_iter == 2


def test_bad_arguments():
    with pytest.raises(ValueError, match=r"dilution must lie in \[0, 1\): got 1.0"):
        multitasking_solve(3, 1.0, 2.0)
    for beta in (0.0, -1.0, math.nan):
        with pytest.raises(ValueError, match=r"beta must be positive, or math.inf for zero"):
            multitasking_solve(3, 0.5, beta)
    with pytest.raises(ValueError, match=r"at most 9 to list all 3\^K entries: got 10; pass"):
        multitasking_solve(10, 0.5, 2.0)
    for ask in (
        lambda: multitasking_free_energy(torch.ones(10), 0.5, 2.0),
        lambda: one_step_overlaps(10, 0.5, 0.1),
    ):
        with pytest.raises(ValueError, match=r"at most 9 to list all 3\^K entries: got 10; pass"):
            ask()
    with pytest.raises(ValueError, match=r"init must be overlaps or one of hierarchical, parallel"):
        multitasking_solve(3, 0.5, 2.0, init="symmetric")
    with pytest.raises(ValueError, match=r"init must have shape \(3,\): got \[2\]"):
        multitasking_solve(3, 0.5, 2.0, init=torch.ones(2))
    with pytest.raises(ValueError, match=r"dataset_entropy must be finite and not negative"):
        multitasking_solve(3, 0.5, 2.0, dataset_entropy=math.inf)
    with pytest.raises(TypeError, match=r"num_patterns must be a whole number: got 2.5"):
        hierarchical_overlaps(2.5, 0.5)
    with pytest.raises(ValueError, match=r"num_patterns must be at least 1: got 0"):
        critical_dilution(0)
    with pytest.raises(ValueError, match=r"quality must lie in \(0, 1\]: got 0"):
        examples_needed(0)
    with pytest.raises(ValueError, match=r"theta must be positive: got 0"):
        examples_needed(0.5, theta=0)
    with pytest.raises(ValueError, match=r"num_examples must be positive: got 0"):
        dataset_entropy(0.5, 0)
