"""B-splines: partition of unity, polynomials, smoothness, closed form against the recursion."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.autograd import gradcheck, gradgradcheck
from torch.testing import assert_close

from neurarium.neurons import BSpline, BSplineActivation, bspline_basis
from neurarium.neurons import bspline_kernel as kernel

DEGREES = pytest.mark.parametrize("degree", [1, 2, 3, 4, 5])


def textbook(x, knots, j, p):
    """One spline at one point by the recursion, as it is written."""
    if p == 0:
        return float(knots[j] <= x < knots[j + 1])
    left = right = 0.0
    if knots[j + p] > knots[j]:
        left = (x - knots[j]) / (knots[j + p] - knots[j]) * textbook(x, knots, j, p - 1)
    if knots[j + p + 1] > knots[j + 1]:
        share = (knots[j + p + 1] - x) / (knots[j + p + 1] - knots[j + 1])
        right = share * textbook(x, knots, j + 1, p - 1)
    return left + right


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 4), st.integers(0, 10**6))
def test_any_knots_are_the_recursion(degree, seed):
    generator = torch.Generator().manual_seed(seed)
    knots = torch.rand(degree + 6, generator=generator, dtype=torch.float64).sort().values
    knots[2] = knots[3]  # a double knot
    x = torch.rand(7, generator=generator, dtype=torch.float64) * 1.2 - 0.1
    found = bspline_basis(x, knots, degree)
    wanted = [[textbook(float(t), knots.tolist(), j, degree) for j in range(5)] for t in x]
    assert_close(found, torch.tensor(wanted, dtype=torch.float64))


@DEGREES
def test_closed_form_is_the_recursion_with_its_gradients(degree):
    basis = BSpline(2, grid_size=4, degree=degree, grid_range=(-0.7, 1.9), dtype=torch.float64)
    x = (torch.rand(2, 200, dtype=torch.float64) * 6 - 3).requires_grad_()
    recursion = kernel.Recursion.of(basis.knots, degree)
    closed, recursive = basis.expand(x), kernel.recursive_bspline(x, recursion)
    assert_close(closed, recursive, rtol=0, atol=1e-12)
    gradient = torch.randn_like(closed)
    (by_closed,) = torch.autograd.grad(closed, x, gradient)
    (by_recursion,) = torch.autograd.grad(recursive, x, gradient)
    assert_close(by_closed, by_recursion, rtol=0, atol=1e-10)
    for uniform in (True, False):  # the closed ways back
        basis._prepare(uniform=uniform)
        values, pullback = basis.linearize(x.detach())
        assert_close(values, closed.detach(), rtol=0, atol=1e-12)
        assert_close(pullback(gradient)[0], by_recursion, rtol=0, atol=1e-10)
        out = torch.empty_like(values)
        basis.fill(x.detach(), out)
        assert_close(out, values, rtol=0, atol=1e-12)


@DEGREES
def test_partition_of_unity_and_support(degree):
    basis = BSpline(1, grid_size=5, degree=degree, dtype=torch.float64)
    low, high = (float(end) for end in basis.grid_range)
    inside = torch.linspace(low, high, 101, dtype=torch.float64)[:, None]
    values = basis(inside)
    assert_close(values.sum(-1), torch.ones_like(inside))
    assert (values >= 0).all()
    reach = degree * (high - low) / 5
    outside = torch.tensor([[low - reach - 1e-9], [high + reach + 1e-9]], dtype=torch.float64)
    assert (basis(outside) == 0).all()
    near = basis(torch.tensor([[low - reach / 2], [high + reach / 2]], dtype=torch.float64))
    assert ((near.sum(-1) > 0) & (near.sum(-1) < 1)).all()


def test_the_upper_end_belongs_to_the_last_interval():
    basis = BSpline(1, dtype=torch.float64)
    ends = basis(torch.tensor([[1.0], [1.0 - 1e-12]], dtype=torch.float64))
    assert_close(ends[0], ends[1], rtol=0, atol=1e-10)
    clamped = torch.tensor([0.0, 0, 0, 0, 1, 1, 1, 1])
    assert bspline_basis(torch.tensor([1.0]), clamped)[0].tolist() == [0, 0, 0, 1]
    assert bspline_basis(torch.tensor([2.0, -1.0]), clamped).abs().max() == 0


@DEGREES
def test_polynomials_up_to_the_degree_are_splines(degree):
    basis = BSpline(1, grid_size=6, degree=degree, dtype=torch.float64)
    x = torch.linspace(-1, 1, 80, dtype=torch.float64)[:, None]
    design = basis(x)[:, 0]
    for power in range(degree + 1):
        solved = torch.linalg.lstsq(design, x**power).solution
        assert_close(design @ solved, x**power, rtol=0, atol=1e-10)
    solved = torch.linalg.lstsq(design, x ** (degree + 1)).solution
    assert (design @ solved - x ** (degree + 1)).abs().max() > 1e-6


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 5), st.integers(1, 12), st.floats(-50, 50), st.floats(0.1, 30))
def test_closed_form_is_the_recursion_on_every_even_grid(degree, grid_size, low, width):
    ends = (low, low + width)
    basis = BSpline(1, grid_size=grid_size, degree=degree, grid_range=ends, dtype=torch.float64)
    assert basis.uniform
    x = low + width * torch.linspace(-1.5, 2.5, 97, dtype=torch.float64)[None]
    recursion = kernel.Recursion.of(basis.knots, degree)
    assert_close(basis.expand(x), kernel.recursive_bspline(x, recursion), rtol=0, atol=1e-9)


@pytest.mark.parametrize("is_even", [True, False])
@pytest.mark.parametrize("degree", [2, 3, 4, 5])
def test_derivatives_up_to_the_degree_are_continuous_at_knots(degree, is_even):
    basis = BSpline(1, grid_size=3, degree=degree, dtype=torch.float64)
    if not is_even:
        gaps = torch.arange(basis.knots.shape[1], dtype=torch.float64) % 3 + 0.5
        basis.set_knots(gaps.cumsum(0)[None])
        assert not basis.uniform
    step = 1e-8
    knots = basis.knots[0, 1:-1]
    for order in range(degree):
        sides = []
        for side in (-step, step):
            x = (knots + side)[None].requires_grad_()
            values = basis.expand(x).movedim(0, -1) @ torch.arange(1.0, 1 + degree + 3).double()
            for _ in range(order):
                (values,) = torch.autograd.grad(values.sum(), x, create_graph=True)
            sides.append(values.detach())
        assert_close(*sides, rtol=0, atol=1e-3)


def test_cubic_by_hand():
    basis = BSpline(1, grid_size=4, grid_range=(0, 4), dtype=torch.float64)
    values = basis(torch.tensor([[1.25]], dtype=torch.float64))[0, 0]
    t = 0.25
    wanted = [(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3]
    assert_close(values[1:5], torch.tensor(wanted, dtype=torch.float64) / 6)
    assert values[[0, 5, 6]].abs().max() == 0


def test_each_feature_has_its_own_knots():
    basis = BSpline(2, grid_size=3, dtype=torch.float64)
    knots = basis.knots.clone()
    knots[1] = 5 + 2 * knots[1]
    basis.set_knots(knots)
    assert basis.uniform
    x = torch.rand(20, 1, dtype=torch.float64)
    values = basis(torch.cat([x, 5 + 2 * x], 1))
    assert_close(values[:, 0], values[:, 1])
    knots[1, 4] += 0.3
    basis.set_knots(knots)
    assert not basis.uniform
    assert_close(basis(torch.cat([x, x + 5], 1))[:, 0], values[:, 0])


def test_knots_of_a_saved_basis_come_back_with_their_number():
    basis = BSpline(1, grid_size=3)
    other = BSpline(1, grid_size=9, grid_range=(0, 2))
    basis.load_state_dict(other.state_dict())
    x = torch.rand(10, 1) * 2
    assert torch.equal(basis(x), other(x))
    uneven = other.knots.clone()
    uneven[0, 5] += 0.05
    other.set_knots(uneven)
    basis.load_state_dict(other.state_dict())
    assert torch.equal(basis(x), other(x))


def test_activation_starts_at_its_base_and_is_learned_per_feature():
    activation = BSplineActivation(3, scale_noise=0.0, dtype=torch.float64)
    x = torch.rand(6, 3, dtype=torch.float64, requires_grad=True)
    assert_close(activation(x), torch.nn.functional.silu(x))
    torch.nn.init.normal_(activation.coefficients)
    wanted = x * torch.sigmoid(x)
    wanted = wanted + torch.einsum("nfk,kf->nf", activation.basis(x), activation.coefficients)
    assert_close(activation(x), wanted)
    assert gradcheck(activation, (x,))
    assert gradgradcheck(activation, (x,))
    assert sum(p.numel() for p in activation.parameters()) == 3 * 8


def test_a_grid_far_from_zero_loses_no_digits():
    basis = BSpline(1, grid_range=(1000, 1001))
    x = 1000 + torch.rand(1000, 1)
    assert basis.uniform
    assert (basis(x).sum(-1) - 1).abs().max() < 2e-6
    values, _ = basis.linearize(x.mT)
    filled = torch.empty_like(values)
    basis.fill(x.mT, filled)
    for found in (values, filled):
        assert (found.sum(0) - 1).abs().max() < 2e-6


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda knots: knots.flip(1), "knots must not decrease: got some that do"),
        (lambda knots: knots * math.nan, "knots must be finite: got NaN or infinity"),
        (lambda knots: knots / 0, "knots must be finite: got NaN or infinity"),
    ],
)
def test_knots_must_be_in_order(change, message):
    basis = BSpline(2)
    with pytest.raises(ValueError, match=message):
        basis.set_knots(change(basis.knots))


def test_float32_is_as_accurate_as_it_can_be():
    basis = BSpline(1, grid_size=20)
    x = torch.rand(1000, 1) * 2 - 1
    assert (
        basis(x).double() - BSpline(1, grid_size=20, dtype=torch.float64)(x.double())
    ).abs().max() < 1e-5


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((torch.arange(3), torch.arange(5.0)), TypeError, "x must be floating point"),
        ((torch.rand(3), torch.arange(5)), TypeError, "knots must be floating point"),
        ((torch.rand(3), torch.tensor([0.0, 2, 1, 3, 4])), ValueError, "knots must not decrease"),
        ((torch.rand(3), torch.arange(4.0)), ValueError, r"knots must be \(T,\) or \(F, T\)"),
        ((torch.rand(3), torch.rand(2, 9).sort().values), ValueError, "x must have 2 features"),
        ((torch.rand(3), torch.arange(9.0), 1.5), TypeError, "degree must be a whole number"),
        ((torch.rand(3), torch.arange(9.0), -1), ValueError, "degree must be at least 0"),
    ],
)
def test_bad_arguments_of_the_function(arguments, error, message):
    with pytest.raises(error, match=message):
        bspline_basis(*arguments)


def test_nan_stays_nan():
    values = BSpline(1)(torch.tensor([[math.nan]]))
    assert values.isnan().all()
