"""Effective eigenvalues and Ajne's statistic: closed forms and invariances."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from neurarium.evaluation.metrics import ajne_statistic, effective_eigenvalues


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def with_spectrum(values, seed=0):
    """Rows with mean 0 whose covariance has these eigenvalues, up to a factor."""
    width = len(values)
    axes = torch.linalg.qr(draw(width, width, seed=seed)).Q
    half = torch.tensor(values, dtype=torch.float64).sqrt()[:, None] * axes
    return torch.cat([half, -half]) + 3.0


@pytest.mark.parametrize(
    ("values", "mass", "expected"),
    [
        ([1.0] * 10, 0.99, 10),
        ([1.0] * 100, 0.99, 99),
        ([98.0, 1.0, 1.0], 0.99, 2),
        ([98.0, 1.0, 1.0], 0.98, 1),
        ([98.0, 1.0, 1.0], 1.0, 3),
        ([9.0, 0.5, 0.5, 0.0], 0.5, 1),
        ([5.0, 0.0, 0.0], 1.0, 1),
    ],
)
def test_effective_eigenvalues_of_a_known_spectrum(values, mass, expected):
    assert effective_eigenvalues(with_spectrum(values), mass) == expected


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 999), scale=st.floats(0.01, 100))
def test_eigenvalues_do_not_depend_on_place_scale_rotation_and_order(seed, scale):
    x = draw(40, 6, seed=seed) * torch.arange(1, 7)
    count = effective_eigenvalues(x)
    rotation = torch.linalg.qr(draw(6, 6, seed=seed + 1)).Q
    assert effective_eigenvalues(scale * x.flip(0) @ rotation + 5) == count
    by_covariance = torch.linalg.eigvalsh(x.T.cov()).flip(0).cumsum(0)
    assert count == int((by_covariance < 0.99 * by_covariance[-1]).sum()) + 1


def test_equal_rows_have_no_direction():
    assert effective_eigenvalues(torch.ones(5, 3)) == 0


def test_ajne_closed_forms():
    assert ajne_statistic(draw(1, 5).expand(12, 5)) == pytest.approx(3.0, abs=1e-6)
    x = draw(8, 4)
    assert ajne_statistic(torch.cat([x, -x])) == pytest.approx(0.0, abs=1e-6)
    # right angles: N / 4 − (N − 1) / 4
    assert ajne_statistic(torch.eye(9)) == pytest.approx(0.25, abs=1e-6)


def test_ajne_of_uniform_directions_is_a_quarter_on_average():
    found = [ajne_statistic(draw(50, 3, seed=seed)) for seed in range(400)]
    mean = sum(found) / len(found)
    error = torch.tensor(found).std() / math.sqrt(len(found))
    assert abs(mean - 0.25) < 4 * float(error)
    biased = [ajne_statistic(draw(50, 3, seed=seed) + 0.5) for seed in range(20)]
    assert min(biased) > 0.25 + 4 * float(error)


def test_ajne_is_the_sum_over_pairs_whatever_the_blocks():
    x = draw(1100, 4)  # more than one block of rows
    unit = x / x.norm(dim=1, keepdim=True)
    i, j = torch.triu_indices(1100, 1100, 1)
    angles = (unit[i] * unit[j]).sum(1).clamp(-1, 1).acos()
    expected = 1100 / 4 - float(angles.sum()) / (math.pi * 1100)
    assert ajne_statistic(x) == pytest.approx(expected, abs=1e-9)
    assert ajne_statistic(7 * x) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("measure", [effective_eigenvalues, ajne_statistic])
def test_bad_input(measure):
    with pytest.raises(ValueError, match=r"shape \(rows >= 2, features\): got \[1, 3\]"):
        measure(torch.ones(1, 3))
    with pytest.raises(ValueError, match="must be finite"):
        measure(torch.tensor([[1.0, math.nan], [0.0, 1.0]]))


def test_bad_values():
    with pytest.raises(ValueError, match=r"mass must lie in \(0, 1\]: got 0"):
        effective_eigenvalues(torch.eye(3), 0)
    with pytest.raises(ValueError, match="rows that are not all zeros"):
        ajne_statistic(torch.zeros(3, 2))
