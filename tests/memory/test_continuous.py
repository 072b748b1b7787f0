"""Modern and sparse memories: the entmaxes by their definitions, energies, exact recall."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.testing import assert_close

from neurarium.memory import (
    HopfieldNetwork,
    ModernMemory,
    entmax15,
    hopfield_energy,
    hopfield_retrieve,
    sparsemax,
)

KINDS = ("softmax", "entmax15", "sparsemax")
SPARSE = {"entmax15": (entmax15, 1.5), "sparsemax": (sparsemax, 2.0)}
sparse = pytest.mark.parametrize("kind", SPARSE)
every = pytest.mark.parametrize("kind", KINDS)


def draw(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def memory(kind, patterns, beta=1.0):
    found = ModernMemory(patterns.shape[1], beta=beta, normalizer=kind, dtype=patterns.dtype)
    found.store(patterns)
    return found


def by_bisection(scores, alpha):
    """p = ((α−1)(z − t))₊^(1/(α−1)) with Σp = 1, the optimality condition of the definition."""
    z = (alpha - 1) * scores
    low, high = z.amax(-1, True) - 1, z.amax(-1, True)
    for _ in range(200):
        middle = (low + high) / 2
        above = (z - middle).clamp_min(0).pow(1 / (alpha - 1)).sum(-1, True) >= 1
        low, high = torch.where(above, middle, low), torch.where(above, high, middle)
    return (z - low).clamp_min(0).pow(1 / (alpha - 1))


@sparse
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), scale=st.floats(0.01, 100), size=st.integers(1, 40))
def test_entmax_solves_its_definition(kind, seed, scale, size):
    function, alpha = SPARSE[kind]
    scores = scale * draw(6, size, seed=seed)
    p = function(scores)
    assert_close(p, by_bisection(scores, alpha), rtol=0, atol=1e-12)
    assert_close(p.sum(-1), torch.ones(6, dtype=torch.float64), rtol=0, atol=1e-12)
    assert_close(function(scores + 7.5), p, rtol=0, atol=1e-12)
    order = torch.randperm(size, generator=torch.Generator().manual_seed(seed))
    assert_close(function(scores[:, order]), p[:, order], rtol=0, atol=1e-12)


@sparse
def test_entmax_closed_forms(kind):
    function, alpha = SPARSE[kind]
    margin = 1 / (alpha - 1)
    one = torch.tensor([0.0, margin, 0.0], dtype=torch.float64)
    assert function(one).tolist() == [0, 1, 0]
    just_below = torch.tensor([0.0, margin - 1e-4, 0.0], dtype=torch.float64)
    assert (function(just_below) > 0).all()
    ties = torch.tensor([3.0, 3.0, 3.0, 3.0, -50.0], dtype=torch.float64)
    assert_close(function(ties), torch.tensor([0.25] * 4 + [0], dtype=torch.float64))
    assert function(torch.tensor([5.0])).item() == 1
    with_lost = torch.tensor([1.0, -math.inf, 0.9])
    assert function(with_lost)[1] == 0
    assert_close(function(with_lost)[[0, 2]], function(torch.tensor([1.0, 0.9])))


def test_two_scores_of_15_entmax_have_a_closed_form():
    """p = (u + t/2)² and (u − t/2)² with 2u² + t²/2 = 1 for z = (t, −t)."""
    t = torch.linspace(-0.9, 0.9, 7, dtype=torch.float64)
    u = ((1 - t**2 / 2) / 2).sqrt()
    expected = torch.stack(((u + t / 2) ** 2, (u - t / 2) ** 2), -1)
    assert_close(entmax15(torch.stack((t, -t), -1)), expected)


@sparse
def test_entmax_gradients(kind):
    function, alpha = SPARSE[kind]
    scores = (0.6 * draw(4, 7)).requires_grad_()
    assert torch.autograd.gradcheck(function, scores)
    assert torch.autograd.gradgradcheck(function, scores)
    assert torch.autograd.gradcheck(lambda x: function(x, 0), scores)
    p = function(scores.detach()[0])
    s = torch.where(p > 0, p ** (2 - alpha), 0.0)
    jacobian = torch.autograd.functional.jacobian(function, scores.detach()[0])
    assert_close(jacobian, s.diag() - torch.outer(s, s) / s.sum(), rtol=1e-9, atol=1e-12)
    assert 1 < (p > 0).sum() < 7


@sparse
def test_entmax_axes_half_precision_and_large_scores(kind):
    function, _ = SPARSE[kind]
    scores = draw(3, 4, 5)
    assert_close(function(scores, 1), function(scores.transpose(1, 2)).transpose(1, 2))
    half = function(scores.bfloat16())
    assert half.dtype == torch.bfloat16
    assert_close(half.float(), function(scores.bfloat16().float()), rtol=0.01, atol=0.01)
    huge = function(1e30 * scores.float())
    assert_close(huge, torch.nn.functional.one_hot(scores.argmax(-1), 5).float())
    many = function(0.01 * torch.randn(3, 50_000, generator=torch.Generator().manual_seed(0)))
    assert_close(many.sum(-1), torch.ones(3), rtol=0, atol=1e-4)


@sparse
def test_entmax_is_captured(kind):
    function, _ = SPARSE[kind]
    compiled = torch.compile(function, fullgraph=True, backend="aot_eager")
    scores = draw(3, 9).requires_grad_()
    assert_close(compiled(scores), function(scores))


def test_softmax_memory_is_hopfield_retrieval_and_energy():
    patterns, cues = draw(20, 8), draw(5, 8, seed=1)
    found = memory("softmax", patterns, beta=0.7)
    recall = found.recall(cues, num_steps=3, tol=0.0)
    assert torch.equal(recall.state, hopfield_retrieve(cues, patterns, beta=0.7, num_steps=3))
    assert torch.equal(found.energy(cues), hopfield_energy(cues, patterns, beta=0.7))
    _, weights = hopfield_retrieve(cues, patterns, beta=0.7, return_attention=True)
    assert_close(found.association(cues), weights)


@every
@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), beta=st.floats(0.05, 8))
def test_no_step_increases_the_energy_and_none_is_negative(kind, seed, beta):
    found = memory(kind, draw(15, 6, seed=seed), beta)
    state = 2 * draw(10, 6, seed=seed + 1)
    energies = []
    for _ in range(8):
        energies.append(found.energy(state))
        state = found.recall(state, num_steps=1).state
    assert (torch.stack(energies).diff(dim=0) <= 1e-12).all()
    assert (torch.stack(energies) >= -1e-12).all()


@every
def test_gradient_of_the_energy_is_state_minus_update(kind):
    found = memory(kind, draw(12, 5), beta=0.8)
    state = draw(4, 5, seed=1).requires_grad_()
    (gradient,) = torch.autograd.grad(found.energy(state).sum(), state)
    assert_close(gradient, state - found.recall(state, num_steps=1).state)
    assert torch.autograd.gradcheck(found.energy, state)


@every
def test_gradients_flow_through_a_recall(kind):
    found = memory(kind, draw(9, 5), beta=0.6)
    state = draw(3, 5, seed=1).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: found.recall(x, num_steps=3, tol=0).state, state)


@sparse
def test_a_leading_pattern_is_recalled_exactly_in_one_step(kind):
    alpha = SPARSE[kind][1]
    patterns = 3 * torch.eye(6, dtype=torch.float64)[:, torch.randperm(6)]
    separation = 9.0  # x_i·x_i − x_i·x_j
    enough = memory(kind, patterns, beta=1.001 / ((alpha - 1) * separation))
    assert torch.equal(enough.recall(patterns, num_steps=1).state, patterns)
    below = memory(kind, patterns, beta=0.99 / ((alpha - 1) * separation))
    assert not torch.equal(below.recall(patterns, num_steps=1).state, patterns)
    soft = memory("softmax", patterns, beta=1.001 / separation)
    assert (soft.association(patterns) > 0).all()


@every
def test_limits_of_beta(kind):
    patterns, cues = draw(10, 6), draw(4, 6, seed=1)
    mean = memory(kind, patterns, beta=1e-9).recall(cues).state
    assert_close(mean, patterns.mean(0).expand(4, -1), rtol=0, atol=1e-6)
    best = (cues @ patterns.T).argmax(-1)
    first = memory(kind, patterns, beta=1e6).recall(cues, num_steps=1).state
    assert_close(first, patterns[best], rtol=0, atol=1e-9)


@every
def test_recall_rests_at_a_fixed_point(kind):
    patterns = draw(30, 16)
    found = memory(kind, patterns, beta=1.0)
    recall = found.recall(patterns + 0.3 * draw(30, 16, seed=1), num_steps=200)
    assert recall.converged.all()
    again = found.recall(recall.state, num_steps=1)
    assert_close(again.state, recall.state, rtol=0, atol=1e-4)
    one = found.recall(patterns[:4] + draw(4, 16, seed=2), num_steps=1, tol=0.0)
    assert not one.converged.all()


def test_overlaps_are_cosines_and_those_of_binary_memories():
    patterns = draw(7, 12).sign()
    states = draw(3, 12, seed=1).sign()
    binary = HopfieldNetwork(12, dtype=torch.float64)
    binary.store(patterns)
    assert_close(memory("softmax", patterns).overlaps(states), binary.overlaps(states))
    real = memory("softmax", draw(7, 12))
    assert_close(real.overlaps(3 * real.patterns).diagonal(), torch.ones(7, dtype=torch.float64))
    assert (real.overlaps(torch.zeros(1, 12)) == 0).all()


def test_stored_patterns_are_a_copy_and_travel_in_the_state():
    patterns = draw(3, 4)
    found = memory("sparsemax", patterns)
    patterns.zero_()
    assert found.patterns.abs().sum() > 0
    fresh = ModernMemory(4, beta=1.0, normalizer="sparsemax", dtype=torch.float64)
    fresh.load_state_dict(found.state_dict())
    assert torch.equal(fresh.patterns, found.patterns)
    with pytest.raises(RuntimeError, match="size mismatch"):
        ModernMemory(5, beta=1.0).load_state_dict(found.state_dict())
    assert found.float().recall(draw(2, 4)).state.dtype == torch.float32


def test_bad_arguments():
    with pytest.raises(ValueError, match="normalizer must be one of 'softmax', 'entmax15', 'spa"):
        ModernMemory(4, beta=1.0, normalizer="hardmax")
    with pytest.raises(ValueError, match="beta must be positive and finite: got 0"):
        ModernMemory(4, beta=0.0)
    with pytest.raises(TypeError, match=r"num_units must be a whole number: got 4\.0"):
        ModernMemory(4.0, beta=1.0)
    found = ModernMemory(4, beta=1.0)
    with pytest.raises(RuntimeError, match=r"call store\(patterns\)"):
        found.recall(torch.ones(1, 4))
    with pytest.raises(ValueError, match=r"patterns must have shape \(K >= 1, 4\): got \[2, 3\]"):
        found.store(torch.ones(2, 3))
    with pytest.raises(ValueError, match="patterns must be finite: got nan"):
        found.store(torch.full((2, 4), math.nan))
    with pytest.raises(TypeError, match="patterns must be a tensor: got list"):
        found.store([[1.0]])
    found.store(torch.ones(2, 4))
    with pytest.raises(ValueError, match=r"state must be \(B, 4\): got \[4\]"):
        found.energy(torch.ones(4))
    with pytest.raises(ValueError, match="state must be finite: got nan"):
        found.recall(torch.full((1, 4), math.nan))
    with pytest.raises(ValueError, match="num_steps must be at least 1: got 0"):
        found.recall(torch.ones(1, 4), num_steps=0)
    with pytest.raises(ValueError, match="tol must not be negative: got -1"):
        found.recall(torch.ones(1, 4), tol=-1.0)
    for function in (sparsemax, entmax15):
        with pytest.raises(TypeError, match=r"x must be floating point: got torch\.int64"):
            function(torch.tensor([1, 2]))
        with pytest.raises(ValueError, match="x must have at least 1 score along dim -1"):
            function(torch.empty(2, 0))
