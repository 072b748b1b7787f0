"""The theorems on retrieval, against autograd and against retrieval itself."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.testing import assert_close

from neurarium.memory import hopfield_retrieve
from neurarium.memory.theory import (
    hopfield_jacobian,
    is_well_separated,
    jacobian_norm_bound,
    operating_class,
    pattern_separation,
    retrieval_error_bound,
    sphere_capacity,
)


def draw(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def on_sphere(count, dim, radius, seed=0):
    x = draw(count, dim, seed=seed)
    return radius * x / x.norm(dim=-1, keepdim=True)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), beta=st.floats(0.01, 5))
def test_jacobian_is_that_of_the_update_and_below_its_bound(seed, beta):
    stored, state = draw(7, 4, seed=seed), draw(4, seed=seed + 1)
    jacobian = hopfield_jacobian(state, stored, beta=beta)
    numeric = torch.autograd.functional.jacobian(
        lambda x: hopfield_retrieve(x, stored, beta=beta), state
    )
    assert_close(jacobian, numeric, rtol=1e-9, atol=1e-11)
    p = torch.softmax(beta * stored @ state, -1)
    assert_close(
        jacobian, beta * stored.T @ (p.diag() - p.outer(p)) @ stored, rtol=1e-9, atol=1e-11
    )
    norm = torch.linalg.matrix_norm(jacobian, ord=2)
    assert norm <= jacobian_norm_bound(stored, beta=beta) + 1e-12


def test_separation_by_its_definition():
    stored = draw(6, 3)
    for i, delta in enumerate(pattern_separation(stored)):
        others = [float(stored[i] @ stored[j]) for j in range(6) if j != i]
        assert delta == pytest.approx(float(stored[i] @ stored[i]) - max(others))
    assert pattern_separation(stored[:1]) == math.inf


@pytest.mark.parametrize(("count", "dim", "beta"), [(16, 16, 1.0), (64, 32, 0.5), (256, 64, 0.5)])
def test_error_after_one_update_is_below_the_bound(count, dim, beta):
    stored = on_sphere(count, dim, radius=2 * math.sqrt(dim - 1))
    assert is_well_separated(stored, beta=beta).all()
    fixed = hopfield_retrieve(stored, stored, beta=beta, num_steps=None, tol=1e-14)
    for noise in (0.0, 0.01, 0.1):
        cue = stored + noise * draw(count, dim, seed=3)
        distance = torch.maximum((cue - stored).norm(dim=-1), (fixed - stored).norm(dim=-1))
        error = (hopfield_retrieve(cue, stored, beta=beta) - stored).norm(dim=-1)
        bound = retrieval_error_bound(stored, distance, beta=beta)
        assert (error <= bound + 1e-13).all()


def test_well_separated_patterns_are_fixed_points_and_crowded_ones_are_not():
    apart, crowded = on_sphere(20, 16, 10.0), 0.1 * draw(20, 16)
    assert is_well_separated(apart, beta=1.0).all()
    assert not is_well_separated(crowded, beta=1.0).any()
    assert_close(hopfield_retrieve(apart, apart, beta=1.0), apart, rtol=0, atol=1e-6)
    assert is_well_separated(draw(1, 4), beta=0.1).all()


def test_separation_where_its_formula_has_no_logarithm():
    assert not is_well_separated(torch.zeros(3, 4), beta=1.0).any()
    alone = is_well_separated(torch.zeros(1, 4, device="meta"), beta=1.0)
    assert alone.device.type == "meta"
    with pytest.raises(ValueError, match="beta must be positive and finite: got 0"):
        is_well_separated(draw(3, 4), beta=0.0)
    with pytest.raises(TypeError, match="stored must be a tensor: got list"):
        is_well_separated([[1.0]], beta=1.0)


@pytest.mark.parametrize("beta", [0.05, 0.3, 1.0, 4.0])
def test_condition_and_bounds_by_their_formulas(beta):
    stored = draw(6, 12) * torch.linspace(0.2, 2, 6, dtype=torch.float64)[:, None]
    lengths, separation = stored.norm(dim=-1), pattern_separation(stored)
    longest = float(lengths.max())
    needed = 2 / (beta * 6) + math.log(2 * 5 * 6 * beta * longest**2) / beta
    assert is_well_separated(stored, beta=beta).tolist() == (separation >= needed).tolist()
    distance = torch.linspace(0, 0.5, 6, dtype=torch.float64)
    bound = retrieval_error_bound(stored, distance, beta=beta)
    expected = [
        2 * 5 * math.exp(-beta * (float(delta) - 2 * float(r) * longest)) * longest
        for delta, r in zip(separation, distance, strict=True)
    ]
    assert bound.tolist() == pytest.approx(expected, rel=1e-12)
    furthest = max(float((x - stored.mean(0)).square().sum()) for x in stored)
    assert jacobian_norm_bound(stored, beta=beta) == pytest.approx(beta * furthest, rel=1e-12)


@pytest.mark.parametrize("excess", [1 + 1e-9, 1 - 1e-9])
def test_the_border_of_good_separation(excess):
    count, beta = 4, 1.0  # orthogonal patterns of length r: separation r²
    square = torch.tensor(9.0, dtype=torch.float64)
    for _ in range(200):
        square = 2 / count + (2 * (count - 1) * count * square).log()
    stored = (square * excess).sqrt() * torch.eye(count, dtype=torch.float64)
    assert (is_well_separated(stored, beta=beta) == (excess > 1)).all()


def test_operating_classes_at_their_borders():
    for size, expected in ((33, "I"), (32, "II"), (9, "II"), (8, "III"), (3, "III"), (2, "IV")):
        assert operating_class(torch.tensor([size]), 64) == expected
    assert operating_class(torch.tensor([1, 1, 60, 60]), 64) == "II"  # the median is 30.5
    with pytest.raises(ValueError, match="must not be empty"):
        operating_class(torch.tensor([], dtype=torch.int64), 64)


@pytest.mark.parametrize(("dim", "radius", "base"), [(20, 3.0, 3.1546), (75, 1.0, 1.3718)])
def test_capacity_has_the_base_that_the_paper_gives(dim, radius, base):
    capacity = sphere_capacity(dim, radius=radius, failure=0.001)
    assert (capacity / math.sqrt(0.001)) ** (4 / (dim - 1)) == pytest.approx(base, abs=1e-4)


def test_bad_arguments():
    with pytest.raises(ValueError, match="stored must have shape"):
        pattern_separation(draw(3))
    with pytest.raises(ValueError, match="dim must be at least 2"):
        sphere_capacity(1, radius=1.0, failure=0.1)
