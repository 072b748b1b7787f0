"""Replica theory of dense memories: independently computed values, limits, stationarity, lines."""

import math
from functools import partial

import pytest
import torch
from scipy.optimize import brentq

from neurarium.memory.theory import (
    dense_at_line,
    dense_capacity,
    dense_ground_state,
    dense_load,
    dense_noise,
    dense_one_rsb,
    dense_one_rsb_pressure,
    dense_one_rsb_theta_slope,
    dense_onset,
    dense_rs,
    dense_rs_pressure,
    dense_spinodal,
    dense_transition,
    replicon,
)

close = partial(pytest.approx, rel=0, abs=1e-5)
tight = partial(pytest.approx, rel=0, abs=2e-8)
GLASS = {"phase": "glass"}
CAPACITIES = {  # degree → r_c, m there, both loads, r of the transition to the glass
    4: (0.19786012, 0.917922, 0.032976687, 0.013190675, 0.190287),
    6: (0.15767954, 0.961987, 1.3139961e-3, 1.6685666e-4, 0.121272),
    8: (0.13970033, 0.976369, 2.771832e-5, 1.0337835e-6, 0.090330),
}
AT_CAPACITY = {  # degree → m, q1, D, energies of one step, replica symmetry, glass
    4: (0.95103, 0.97952, 9.980, 0.2553008, 0.2557610, 0.2596365),
    6: (0.97686, 0.99059, 12.765, 0.1687467, None, None),
    8: (0.98546, 0.99417, 14.546, 0.1261806, None, None),
}


def scalars(*values):
    return torch.tensor(values, dtype=torch.float64).unbind()


@pytest.mark.parametrize("degree", CAPACITIES)
def test_capacities_without_breaking(degree):
    noise, m, distinct, power, transition = CAPACITIES[degree]
    found = dense_capacity(degree)
    assert found.converged
    assert (found.noise, found.m) == (tight(noise), close(m))
    assert found.load == pytest.approx(distinct, rel=1e-7)
    assert dense_capacity(degree, energy="power").load == pytest.approx(power, rel=1e-7)
    assert dense_transition(degree, level="rs") == close(transition)


@pytest.mark.parametrize(("degree", "rel"), [(12, 1e-4), (20, 1e-6)])
def test_transition_of_high_degrees_is_that_of_random_energies(degree, rel):
    limit = 1 / (2 * degree * math.log(2))  # 1/P = √(2 r ln 2 / P): the lowest of 2^N energies
    assert dense_transition(degree, level="rs") == pytest.approx(limit, rel=rel)


@pytest.mark.parametrize(
    "degree", [4, *(pytest.param(degree, marks=pytest.mark.slow) for degree in (6, 8))]
)
def test_ground_states_at_the_capacity_without_breaking(degree):
    m, q1, breaking, energy, symmetric, glass = AT_CAPACITY[degree]
    noise = dense_capacity(degree).noise
    found = dense_ground_state(noise, degree)
    assert found.converged
    assert (found.m, found.q1, -found.energy) == (close(m), close(q1), tight(energy, abs=1e-7))
    assert found.breaking == pytest.approx(breaking, abs=1e-3)
    if symmetric is not None:
        just_below = dense_ground_state(noise * (1 - 1e-9), degree, level="rs")
        assert -just_below.energy == close(symmetric)
        assert -dense_ground_state(noise, degree, **GLASS).energy == tight(glass, abs=1e-7)


@pytest.mark.parametrize(
    ("degree", "known"),
    [
        (4, 0.2272),
        pytest.param(6, 0.1748, marks=pytest.mark.slow),
        pytest.param(8, 0.1519, marks=pytest.mark.slow),
    ],
)
def test_breaking_raises_the_capacity(degree, known):
    """Up to these noises an independent iteration with D bracketed found retrieval, no further."""
    found = dense_capacity(degree, level="1rsb")
    assert found.converged
    assert dense_capacity(degree).noise < known < found.noise < 1.01 * known
    below = dense_ground_state(known, degree)
    assert below.converged
    assert below.m > found.m > 0.5
    assert found.load == pytest.approx(dense_load(found.noise, degree), rel=1e-12)


def test_past_the_end_of_retrieval_nothing_is_claimed():
    end = dense_capacity(4, level="1rsb").noise
    for found in (
        dense_ground_state(1.2 * end, 4),
        dense_one_rsb(5.0, 1.2 * end, 4),
        dense_rs(3.0, 0.1, 4, max_iter=2),
    ):
        assert not found.converged
    assert dense_rs(3.0, 0.1, 4, max_iter=2).residual > 1e-6


@pytest.mark.parametrize(
    ("degree", "signal_beta", "noise", "m", "q", "pressure"),
    [
        (4, 3, 0.10, 0.96673373, 0.94125849, 0.76530898),
        (4, 5, 0.15, 0.97522670, 0.96947777, 1.26634837),
        (4, 10, 0.18, 0.96852816, 0.98133264, 2.53782180),
        (4, 2, 0.05, 0, 0, 0.71814718),
        (6, 4, 0.10, 0.98552775, 0.97552491, 0.67387323),
    ],
)
def test_replica_symmetric_values(degree, signal_beta, noise, m, q, pressure):
    found = dense_rs(signal_beta, noise, degree)
    assert found.converged
    assert (found.m, found.q, found.pressure) == (tight(m), tight(q), tight(pressure))


def test_values_with_one_step_in_retrieval():
    noise = 0.19
    stable = dense_one_rsb(8, noise, 4)
    assert (stable.m, stable.q1, stable.q2) == (close(0.9581232), *[close(0.9709438)] * 2)
    assert stable.pressure / 8 == tight(0.2551454, abs=1e-7)
    assert stable.converged
    assert not stable.broken
    values = {
        (20, 0.2): (0.960426, 0.980393, 0.990970, 0.2544169),
        (20, 0.4): (0.960540, 0.983259, 0.992626, 0.2544151),
        (40, 0.1): (0.960122, 0.978093, 0.996205, 0.2543834),
        (40, 0.2): (0.960548, 0.982829, 0.997343, 0.2543705),
    }
    for (beta, theta), (m, q1, q2, pressure) in values.items():
        found = dense_one_rsb(beta, noise, 4, theta=theta)
        assert found.converged
        assert (found.m, found.q1, found.q2) == (close(m), close(q1), close(q2))
        assert found.pressure / beta == tight(pressure, abs=1e-7)
    for beta, m, q, pressure, unstable in (
        (8, 0.9581232, 0.9709438, 0.2551454, 0.6224),
        (20, 0.9598256, 0.9887234, 0.2544241, 1.658),
        (40, 0.9576178, 0.9941234, 0.2544324, 3.52),
    ):
        found = dense_rs(beta, noise, 4)
        assert (found.m, found.q) == (tight(m, abs=1e-7), tight(q, abs=1e-7))
        assert found.pressure / beta == tight(pressure, abs=1e-7)
        stability = replicon(found.m, found.q, signal_beta=beta, noise=noise, degree=4)
        assert stability == pytest.approx(unstable, rel=1e-3)


def test_theta_is_where_the_pressure_is_least():
    found = dense_one_rsb(20.0, 0.19, 4)
    assert found.converged
    assert found.broken
    assert abs(found.theta_slope) < 1e-8
    for factor in (0.95, 1.05):
        assert dense_one_rsb(20.0, 0.19, 4, theta=factor * found.theta).pressure > found.pressure
    assert found.pressure < dense_rs(20.0, 0.19, 4).pressure


@pytest.mark.parametrize(
    ("theta", "q2", "pressure"),
    [
        (0.5, 0.7685328, 1.6620893),
        (0.6, 0.8349251, 1.6513741),
        (0.7, 0.8885276, 1.6463195),
        (0.8, 0.9284071, 1.6504795),
        (1.0, 0.9740638, math.log(2) + 1),
    ],
)
def test_the_three_spin_glass(theta, q2, pressure):
    found = dense_one_rsb(2.0, 1.5, 3, theta=theta, **GLASS)
    assert (found.m, found.q1) == (0, 0)
    assert (found.q2, found.pressure) == (tight(q2, abs=1e-7), tight(pressure, abs=1e-7))
    best = dense_one_rsb(2.0, 1.5, 3, **GLASS)
    assert best.pressure <= found.pressure
    assert best.theta == pytest.approx(0.7, abs=0.02)


def glass_at(temperature, degree):
    """At θ = 1; temperatures in units of the couplings, J = 1."""
    return dense_one_rsb(1 / temperature, degree / 2, degree, theta=1.0, **GLASS)


def test_transitions_of_spin_glasses():
    for degree, static, accuracy in ((3, 0.6514, 1e-4), (4, 0.617, 5e-4)):
        found = brentq(lambda t, p=degree: glass_at(t, p).theta_slope, 0.55, 0.66, xtol=1e-6)
        assert found == pytest.approx(static, abs=accuracy)
    assert glass_at(0.681, 3).broken  # dynamical transition at 0.682
    assert not glass_at(0.683, 3).broken
    for temperature, theta in ((0.6, 0.9), (0.66, 1.0)):  # below and above the static transition
        found = dense_one_rsb(1 / temperature, 1.5, 3, **GLASS)
        assert found.converged
        assert (found.theta < 1) == (theta < 1)


def test_ground_states_of_spin_glasses_and_the_random_energy_limit():
    energies = {3: -0.813535, 4: -0.825471, 6: -0.831276, 20: -0.832555}
    for degree, energy in energies.items():
        assert dense_ground_state(degree / 2, degree, **GLASS).energy == tight(energy, abs=1e-6)
    assert energies[20] == pytest.approx(-math.sqrt(math.log(2)), abs=1e-5)


def test_the_spin_glass_energy_in_closed_form():
    for degree, noise in ((4, 0.19), (6, 1.0)):
        found = dense_ground_state(noise, degree, **GLASS)

        def value(d, r=noise, p=degree):
            log_phi = torch.special.log_ndtr(torch.tensor(d * math.sqrt(r), dtype=torch.float64))
            entropy = (math.log(2) + d * d * r / 2 + float(log_phi)) / d
            return -r * (p - 1) / (2 * p) * d + entropy

        assert -found.energy == pytest.approx(value(found.breaking), abs=1e-12)
        for factor in (0.9, 1.1):
            assert value(factor * found.breaking) > -found.energy


@pytest.mark.parametrize("energy", ["distinct", "power"])
def test_the_symmetric_pressure_is_stationary_at_its_solution(energy):
    found = dense_rs(5.0, 0.15, 4, energy=energy)
    m, q = (x.requires_grad_() for x in scalars(found.m, found.q))
    setting = {"signal_beta": 5.0, "noise": 0.15, "degree": 4, "energy": energy}
    dense_rs_pressure(m, q, **setting).backward()
    assert max(abs(m.grad), abs(q.grad)) < 1e-8
    off = scalars(found.m - 0.05, found.q)
    moved = [x.requires_grad_() for x in off]
    dense_rs_pressure(*moved, **setting).backward()
    assert abs(moved[0].grad) > 1e-2


@pytest.mark.parametrize("energy", ["distinct", "power"])
@pytest.mark.parametrize("theta", [0.3, 0.7])
def test_the_broken_pressure_is_stationary_at_its_solution(energy, theta):
    found = dense_one_rsb(20.0, 0.19, 4, theta=theta, energy=energy)
    order = [x.requires_grad_() for x in scalars(found.m, found.q1, found.q2)]
    setting = {"signal_beta": 20.0, "noise": 0.19, "degree": 4, "energy": energy}
    dense_one_rsb_pressure(*order, theta=theta, **setting).backward()
    assert max(abs(x.grad) for x in order) < 1e-8
    fixed = [x.detach() for x in order]
    with torch.no_grad():
        above, below = (
            dense_one_rsb_pressure(*fixed, theta=theta + step, **setting) for step in (1e-5, -1e-5)
        )
        slope = dense_one_rsb_theta_slope(*fixed, theta=theta, **setting)
    assert float((above - below) / 2e-5) == pytest.approx(float(slope), abs=1e-8)
    assert found.theta_slope == pytest.approx(float(slope), abs=1e-12)


@pytest.mark.parametrize("energy", ["distinct", "power"])
@pytest.mark.parametrize("degree", [4, 6])
def test_limits_of_the_broken_pressure(energy, degree):
    setting = {"signal_beta": 6.0, "noise": 0.15, "degree": degree, "energy": energy}
    m, q1, q2 = scalars(0.9, 0.8, 0.93)
    broken = partial(dense_one_rsb_pressure, m, **setting)
    symmetric = partial(dense_rs_pressure, m, **setting)
    for other in scalars(0.81, 0.9, 0.99):
        assert float(broken(q1, other, theta=1.0) - symmetric(q1)) == pytest.approx(0, abs=1e-11)
    for theta in (0.2, 0.9):
        assert float(broken(q1, q1, theta=theta) - symmetric(q1)) == pytest.approx(0, abs=1e-11)
    assert float(broken(q1, q2, theta=1e-6) - symmetric(q2)) == pytest.approx(0, abs=1e-5)
    assert abs(float(broken(q1, q2, theta=0.5) - symmetric(q1))) > 1e-5


def test_the_paramagnet_in_closed_form():
    zero = torch.zeros((), dtype=torch.float64)
    for degree in (3, 4, 6):
        found = dense_rs_pressure(zero, zero, signal_beta=2.0, noise=0.05, degree=degree)
        assert float(found) == pytest.approx(math.log(2) + 4 * 0.05 / (2 * degree), abs=1e-13)
    hot = dense_one_rsb(0.5, 0.05, 4, **GLASS)
    assert (hot.pressure, hot.theta) == (tight(math.log(2) + 0.25 * 0.05 / 8, abs=1e-12), 1.0)


def test_cold_states_tend_to_the_ground_state():
    noise = 0.15
    ground = dense_ground_state(noise, 4, level="rs")
    assert ground.m == pytest.approx(math.erf(ground.m**3 / math.sqrt(2 * noise)), abs=1e-12)
    gaps = [abs(dense_rs(b, noise, 4).m - ground.m) for b in (50.0, 500.0, 5000.0)]
    assert gaps[0] > gaps[1] > gaps[2]
    assert gaps[2] < 1e-4
    assert -dense_rs(5000.0, noise, 4).pressure / 5000 == pytest.approx(ground.energy, abs=1e-6)


@pytest.mark.slow
def test_cold_broken_states_tend_to_the_broken_ground_state():
    ground = dense_ground_state(0.19, 4)
    warm, cold = dense_one_rsb(20.0, 0.19, 4), dense_one_rsb(60.0, 0.19, 4)
    assert abs(cold.m - ground.m) < abs(warm.m - ground.m)
    assert abs(60 * cold.theta - ground.breaking) < abs(20 * warm.theta - ground.breaking)
    assert -cold.pressure / 60 == pytest.approx(ground.energy, abs=2e-5)


def test_onset_of_recall_and_direct_iteration():
    expected = {4: (2.016998, 0.889437), 6: (2.365630, None), 8: (2.584377, None)}
    for degree, (beta, m) in expected.items():
        found = dense_onset(degree)
        assert found.converged
        assert found.signal_beta == close(beta)
        assert m is None or found.m == close(m)
        above = dense_rs(found.signal_beta * (1 + 1e-4), 0.0, degree)
        below = dense_rs(found.signal_beta * (1 - 1e-4), 0.0, degree)
        assert above.m > found.m - 0.02
        assert below.m < 1e-3


@pytest.mark.parametrize("energy", ["distinct", pytest.param("power", marks=pytest.mark.slow)])
def test_the_spinodal_is_where_direct_iteration_loses_the_pattern(energy):
    beta = 4.0
    end = dense_spinodal(beta, 4, energy=energy)
    assert end.converged
    assert dense_rs(beta, end.noise * (1 - 1e-4), 4, energy=energy).m > end.m
    assert dense_rs(beta, end.noise * (1 + 1e-4), 4, energy=energy).m < 0.5
    assert dense_spinodal(3000.0, 4, energy=energy).noise == pytest.approx(
        dense_capacity(4).noise, abs=1e-4
    )


@pytest.mark.parametrize("energy", ["distinct", pytest.param("power", marks=pytest.mark.slow)])
def test_symmetry_breaks_on_the_line_of_de_almeida_and_thouless(energy):
    noise = 0.19
    line = dense_at_line(noise, 4, energy=energy)
    assert line.converged
    state = dense_rs(line.signal_beta, noise, 4, energy=energy)
    at = {"signal_beta": line.signal_beta, "noise": noise, "degree": 4, "energy": energy}
    assert replicon(state.m, state.q, **at) == pytest.approx(1, abs=1e-9)
    for factor, broken in ((0.95, False), (1.05, True)):
        found = dense_one_rsb(factor * line.signal_beta, noise, 4, theta=0.5, energy=energy)
        assert found.broken == broken


def test_units_of_the_load():
    for degree, power in ((4, 15), (6, 945)):  # (2P − 3)!!
        assert dense_noise(0.01, degree) == pytest.approx(0.01 * math.factorial(degree - 1))
        assert dense_noise(0.01, degree, energy="power") == pytest.approx(0.01 * power)
        assert dense_load(dense_noise(0.02, degree), degree) == pytest.approx(0.02)


def test_the_power_energy_has_less_noise_where_replicas_differ():
    """P = 4: the noise has variance α (q³/6 + q/4), 5 α/12 at q = 1."""
    beta, noise, q = 6.0, 0.15, 0.6
    m, order = scalars(0.0, q)
    found, expected = (
        replicon(m, order, signal_beta=beta, noise=noise, degree=4, energy=energy)
        for energy in ("power", "distinct")
    )
    alpha = dense_load(noise, 4, energy="power")
    width = beta * 6 * math.sqrt(alpha * (q**3 / 6 + q / 4))
    z = torch.linspace(-10, 10, 20_001, dtype=torch.float64)
    density = torch.exp(-z.square() / 2) / math.sqrt(2 * math.pi) * (z[1] - z[0])
    sech = 1 / torch.cosh(width * z)
    curvature = alpha * (3 * q**2 / 6 + 1 / 4) * 36
    assert found == pytest.approx(beta**2 * curvature * float((density * sech**4).sum()), rel=1e-9)
    assert found != pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: dense_rs(-1.0, 0.1, 4), "signal_beta must be positive and finite: got -1.0"),
        (lambda: dense_rs(math.inf, 0.1, 4), "dense_ground_state solves zero temperature"),
        (lambda: dense_rs(3.0, -0.1, 4), "noise must not be negative: got -0.1"),
        (lambda: dense_rs(3.0, math.nan, 4), "noise must not be negative: got nan"),
        (lambda: dense_rs(3.0, 0.1, 3), "degree must be even for retrieval: got 3"),
        (lambda: dense_rs(3.0, 0.1, 4, energy="cubic"), "energy must be 'distinct' or 'power'"),
        (lambda: dense_rs(3.0, 0.1, 4, phase="solid"), "phase must be 'retrieval' or 'glass'"),
        (lambda: dense_one_rsb(3.0, 0.1, 4, theta=0.0), r"theta must lie in \(0, 1\]: got 0.0"),
        (lambda: dense_one_rsb(3.0, 0.1, 4, theta=1.5), r"theta must lie in \(0, 1\]: got 1.5"),
        (lambda: dense_one_rsb(1e4, 0.1, 4), "signal_beta must be smaller"),
        (lambda: dense_ground_state(0.0, 4), "noise must be positive at zero temperature: got 0"),
        (lambda: dense_ground_state(0.1, 4, level="2rsb"), "level must be 'rs' or '1rsb'"),
        (lambda: dense_rs(3.0, math.inf, 4), "noise must be finite: got inf"),
        (lambda: dense_ground_state(math.inf, 4), "noise must be finite: got inf"),
        (lambda: dense_capacity(172), "degree must be at most 170: got 172"),
        (
            lambda: dense_capacity(2),
            "see ags_capacity, the theory of Amit",
        ),
        (lambda: dense_capacity(5), "degree must be even for retrieval: got 5"),
        (lambda: dense_spinodal(1.0, 4), "signal_beta must exceed 2.016998 for degree 4: got 1.0"),
        (lambda: dense_at_line(0.0, 4), "noise must be positive: got 0.0"),
        (lambda: dense_noise(-1.0, 4), "load must not be negative: got -1.0"),
    ],
)
def test_what_has_no_theory_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_degrees_are_whole_numbers():
    with pytest.raises(TypeError, match=r"degree must be a whole number: got 4\.0"):
        dense_capacity(4.0)
    assert not dense_at_line(0.5, 4).converged


def test_the_line_reaches_where_retrieval_is_lost_again_in_the_cold():
    noise = 0.228  # recalled from b of about 3.8 to 5.4 only
    line = dense_at_line(noise, 4)
    assert line.converged
    assert dense_spinodal(line.signal_beta, 4).noise > noise
    found = replicon(
        dense_rs(line.signal_beta, noise, 4).m,
        dense_rs(line.signal_beta, noise, 4).q,
        signal_beta=line.signal_beta,
        noise=noise,
        degree=4,
    )
    assert found == pytest.approx(1, abs=1e-8)
    assert not dense_at_line(0.235, 4).converged


def test_high_degrees():
    found = dense_capacity(100)
    assert found.converged
    assert math.log(found.load) == pytest.approx(math.log(found.noise) - math.lgamma(100))
    assert dense_noise(found.load, 100) == pytest.approx(found.noise)
