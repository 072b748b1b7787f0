"""Parameter-free retrieval: closed forms, limits, invariances and gradients."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.testing import assert_close

from neurarium.memory import hopfield_energy, hopfield_retrieve, metastable_size
from reference.hopfield import textbook_association

EXACT = {"rtol": 1e-10, "atol": 1e-12}
SEEDS = st.integers(0, 10_000)


def draw(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("num_steps", [1, 2, 5])
@pytest.mark.parametrize("width", [3, 6, 9])
def test_steps_equal_repeated_softmaxes(num_steps, width):
    state, stored, values = draw(2, 3, 4, 6), draw(2, 3, 7, 6, seed=1), draw(2, 3, 7, width, seed=2)
    expected, association = textbook_association(
        state, stored, values, beta=0.7, num_steps=num_steps
    )
    out, weights = hopfield_retrieve(
        state, stored, values, beta=0.7, num_steps=num_steps, return_attention=True
    )
    assert_close(out, expected, **EXACT)
    assert_close(weights, association, **EXACT)
    fused = hopfield_retrieve(state, stored, values, beta=0.7, num_steps=num_steps)
    assert_close(fused, expected, **EXACT)


def test_leading_axes_broadcast_and_a_single_state_keeps_its_shape():
    stored = draw(5, 6)
    states = draw(2, 3, 4, 2, 6, seed=1)
    together = hopfield_retrieve(states, stored, beta=0.5, num_steps=3)
    assert together.shape == states.shape
    alone = hopfield_retrieve(states[1, 2, 3, 1], stored, beta=0.5, num_steps=3)
    assert_close(together[1, 2, 3, 1], alone, **EXACT)
    per_head = draw(3, 4, 1, 6, seed=2).expand(3, 4, 5, 6)
    out = hopfield_retrieve(states, per_head, beta=0.5)
    assert_close(
        out[0, 1, 2], hopfield_retrieve(states[0, 1, 2], per_head[1, 2], beta=0.5), **EXACT
    )


@settings(max_examples=30, deadline=None)
@given(seed=SEEDS, beta=st.floats(0.01, 20), scale=st.floats(0.1, 3))
def test_energy_never_increases_and_stays_in_its_bounds(seed, beta, scale):
    stored, state = scale * draw(8, 5, seed=seed), draw(4, 5, seed=seed + 1)
    longest = stored.square().sum(-1).max()
    before = hopfield_energy(state, stored, beta=beta)
    for _ in range(6):
        state = hopfield_retrieve(state, stored, beta=beta)
        energy = hopfield_energy(state, stored, beta=beta)
        assert (energy <= before + 1e-10 * longest).all()
        assert (energy >= -1e-10).all()
        assert (energy <= 2 * longest + 1e-10).all()  # now inside the simplex of the patterns
        before = energy


@pytest.mark.parametrize("beta", [0.1, 1.0, 7.0])
def test_energy_is_equation_2(beta):
    stored, state = draw(8, 5), draw(3, 5, seed=1)
    for xi, energy in zip(state, hopfield_energy(state, stored, beta=beta), strict=True):
        summed = sum(math.exp(beta * float(x @ xi)) for x in stored)
        largest = max(float(x @ x) for x in stored)
        expected = -math.log(summed / 8) / beta + float(xi @ xi) / 2 + largest / 2
        assert float(energy) == pytest.approx(expected, rel=1e-12)
        assert_close(hopfield_energy(xi, stored, beta=beta), energy, **EXACT)
    assert hopfield_energy(stored[0], stored[:1], beta=beta).abs() < 1e-12  # nothing lies below


def test_energy_falls_strictly_until_the_state_is_stationary():
    stored, state = draw(8, 5), draw(4, 5, seed=1)
    fixed = hopfield_retrieve(state, stored, beta=0.8, num_steps=None, tol=1e-14)
    energies = []
    for _ in range(4):
        energies.append(hopfield_energy(state, stored, beta=0.8))
        state = hopfield_retrieve(state, stored, beta=0.8)
    assert (torch.stack(energies).diff(dim=0) < -1e-9).all()
    after = hopfield_retrieve(fixed, stored, beta=0.8)
    before, after = (hopfield_energy(x, stored, beta=0.8) for x in (fixed, after))
    assert_close(after, before, **EXACT)


@settings(max_examples=20, deadline=None)
@given(seed=SEEDS, beta=st.floats(0.05, 10))
def test_gradient_of_the_energy_is_the_step(seed, beta):
    stored, state = draw(8, 5, seed=seed), draw(3, 5, seed=seed + 1).requires_grad_()
    (gradient,) = torch.autograd.grad(hopfield_energy(state, stored, beta=beta).sum(), state)
    assert_close(gradient, state - hopfield_retrieve(state, stored, beta=beta), **EXACT)


def test_a_single_pattern_is_returned_at_once():
    stored = draw(1, 5)
    assert_close(hopfield_retrieve(draw(3, 5, seed=1), stored), stored.expand(3, 5), **EXACT)


def test_limits_of_beta():
    stored, state = draw(8, 16), draw(4, 16, seed=1)
    mean = stored.mean(0).expand(4, 16)
    assert_close(hopfield_retrieve(state, stored, beta=0.0), mean, **EXACT)
    assert_close(hopfield_retrieve(state, stored, beta=1e-9), mean, rtol=0, atol=1e-6)
    best = stored[(state @ stored.T).argmax(-1)]
    assert_close(hopfield_retrieve(state, stored, beta=1e4), best, rtol=0, atol=1e-8)


def test_both_copies_of_a_duplicate_share_the_weight():
    x, y = draw(2, 6)
    _, weights = hopfield_retrieve(x, torch.stack([x, x, y]), beta=30.0, return_attention=True)
    assert_close(weights, torch.tensor([0.5, 0.5, 0.0], dtype=torch.float64), rtol=0, atol=1e-6)
    assert metastable_size(weights) == 2


@settings(max_examples=20, deadline=None)
@given(seed=SEEDS, num_steps=st.integers(1, 4))
def test_order_of_patterns_does_not_matter_and_states_move_alone(seed, num_steps):
    state, stored, values = draw(4, 5, seed=seed), draw(6, 5, seed=seed + 1), draw(6, 2, seed=seed)
    mask = draw(4, 6, seed=seed + 2) > -0.8
    order = torch.randperm(6, generator=torch.Generator().manual_seed(seed))
    options = {"beta": 0.9, "num_steps": num_steps}
    out = hopfield_retrieve(state, stored, values, attn_mask=mask, **options)
    shuffled = hopfield_retrieve(
        state, stored[order], values[order], attn_mask=mask[:, order], **options
    )
    assert_close(shuffled, out, **EXACT)
    one = hopfield_retrieve(state[2:3], stored, values, attn_mask=mask[2:3], **options)
    assert_close(one, out[2:3], **EXACT)


@settings(max_examples=20, deadline=None)
@given(seed=SEEDS, num_steps=st.sampled_from([1, 2, 3, None]))
def test_content_of_masked_patterns_never_matters(seed, num_steps):
    state, stored = draw(2, 3, 4, 5, seed=seed), draw(2, 3, 6, 5, seed=seed + 1)
    mask = torch.ones(2, 1, 1, 6, dtype=torch.bool)
    mask[0, ..., 4:], mask[1, ..., 0] = False, False
    other = torch.where(mask.mT, stored, 1e6)
    options = {"attn_mask": mask, "beta": 0.6, "num_steps": num_steps}
    out = hopfield_retrieve(state, stored, **options)
    assert_close(hopfield_retrieve(state, other, **options), out, **EXACT)
    shorter = hopfield_retrieve(state[:1], stored[:1, :, :4], beta=0.6, num_steps=num_steps)
    if num_steps is not None:  # when a head stops depends on the batch
        assert_close(out[:1], shorter, **EXACT)


@pytest.mark.parametrize("num_steps", [1, 3, None])
@pytest.mark.parametrize("as_float", [False, True])
def test_nothing_to_retrieve_gives_zeros_and_finite_gradients(num_steps, as_float):
    state, stored = draw(3, 5).requires_grad_(), draw(4, 5, seed=1).requires_grad_()
    mask = torch.ones(3, 4, dtype=torch.bool)
    mask[1] = False
    allowed = torch.zeros(3, 4, dtype=torch.float64).masked_fill(~mask, -math.inf)
    options = {"attn_mask": allowed if as_float else mask, "num_steps": num_steps}
    out, weights = hopfield_retrieve(state, stored, return_attention=True, **options)
    assert (out[1] == 0).all()
    assert (weights[1] == 0).all()
    assert_close(hopfield_retrieve(state, stored, **options), out, **EXACT)
    assert metastable_size(weights)[1] == 0
    hopfield_retrieve(state, stored, **options).square().sum().backward()
    assert state.grad.isfinite().all()
    assert stored.grad.isfinite().all()
    assert (state.grad[1] == 0).all()


def test_a_float_mask_is_added_to_the_scores():
    state, stored, bias = draw(3, 5), draw(4, 5, seed=1), draw(3, 4, seed=2).requires_grad_()
    expected = torch.softmax(0.8 * state @ stored.T + bias, -1) @ stored
    out = hopfield_retrieve(state, stored, beta=0.8, attn_mask=bias)
    assert_close(out, expected, **EXACT)
    out.sum().backward()
    assert bias.grad.abs().sum() > 0


def test_energy_with_a_mask_is_that_of_what_is_left():
    state, stored = draw(3, 5), draw(6, 5, seed=1)
    mask = torch.tensor([True, True, False, True, False, True])
    expected = hopfield_energy(state, stored[mask], beta=0.7)
    assert_close(hopfield_energy(state, stored, beta=0.7, attn_mask=mask), expected, **EXACT)
    nothing = hopfield_energy(state, stored, attn_mask=torch.zeros(6, dtype=torch.bool))
    assert_close(nothing, state.square().sum(-1) / 2, **EXACT)


@pytest.mark.parametrize("num_steps", [1, 3, None])
def test_each_head_uses_its_own_beta(num_steps):
    state, stored = draw(2, 3, 4, 5), draw(2, 3, 6, 5, seed=1)
    betas = [0.3, 1.0, 2.5]
    tol = None if num_steps else 1e-13
    out = hopfield_retrieve(state, stored, beta=betas, num_steps=num_steps, tol=tol)
    for head, beta in enumerate(betas):
        alone = hopfield_retrieve(
            state[:, [head]], stored[:, [head]], beta=beta, num_steps=num_steps, tol=tol
        )
        assert_close(out[:, [head]], alone, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("mode", ["fused", "association", "tol"])
def test_gradcheck_through_three_steps(mode):
    state, stored, values = (
        draw(1, 2, 2, 3, seed=i).requires_grad_()
        if i == 0
        else draw(1, 2, 4, n, seed=i).requires_grad_()
        for i, n in enumerate((3, 3, 2))
    )
    beta = torch.tensor([0.5, 1.5], dtype=torch.float64, requires_grad=True)
    mask = torch.tensor([[True, True, False, True], [False, False, False, False]])
    options = {"fused": {}, "association": {"return_attention": True}, "tol": {"tol": 1e-30}}[mode]

    def run(state, stored, values, beta):
        out = hopfield_retrieve(
            state, stored, values, beta=beta, num_steps=3, attn_mask=mask, **options
        )
        return out[0] if mode == "association" else out

    assert torch.autograd.gradcheck(run, (state, stored, values, beta))


def test_second_derivatives_where_the_association_is_formed():
    inputs = (draw(2, 3).requires_grad_(), draw(4, 3, seed=1).requires_grad_())

    def run(state, stored):
        return hopfield_retrieve(state, stored, num_steps=2, tol=1e-30)

    assert torch.autograd.gradgradcheck(run, inputs)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.bfloat16, 0.05)])
def test_lower_precision_stays_close(dtype, tolerance):
    state, stored = draw(2, 8, 16), draw(2, 32, 16, seed=1)
    exact = hopfield_retrieve(state, stored, beta=0.25, num_steps=3)
    out = hopfield_retrieve(state.to(dtype), stored.to(dtype), beta=0.25, num_steps=3)
    assert out.dtype == dtype
    assert_close(out.double(), exact, rtol=0, atol=tolerance)


def test_upper_halves_bring_back_whole_images():
    images = draw(500, 64).sign()
    cues = images.clone()
    cues[:, 32:] = 0
    assert_close(hopfield_retrieve(cues, images, beta=4.0), images, rtol=0, atol=0.02)


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        (((3, 5), (4, 5)), {"num_steps": 0}, ValueError, "num_steps must be at least 1"),
        (((3, 5), (4, 5)), {"num_steps": -2}, ValueError, "counts softmaxes"),
        (((3, 5), (4, 5)), {"tol": 0.0}, ValueError, "tol must be positive"),
        (((3, 5), (4, 5)), {"tol": -1e-3}, ValueError, "tol must be positive"),
        (((3, 5), (4, 5)), {"beta": -1.0}, ValueError, "beta must be finite"),
        (((3, 5), (4, 5)), {"beta": math.inf}, ValueError, "beta must be finite"),
        (((2, 3, 5), (4, 5)), {"beta": [1.0] * 3}, ValueError, r"one per head, shape \[2\]"),
        (((3, 5), (4, 6)), {}, ValueError, "state must be as wide as stored, 6: got 5"),
        (((3, 5), (4, 5), (3, 2)), {}, ValueError, "values must have one row per stored"),
        (((3, 5), (7, 4, 5)), {}, ValueError, "stored must broadcast against state"),
        (((28, 28), (10, 28, 28)), {}, ValueError, "flatten images"),
        (((3, 5), (0, 5)), {}, ValueError, "patterns >= 1"),
        (((3, 5), (5,)), {}, ValueError, "stored must have shape"),
        (((3, 5), (4, 5)), {"implicit": True}, ValueError, "num_steps must be None"),
    ],
)
def test_bad_arguments(arguments, options, error, message):
    with pytest.raises(error, match=message):
        hopfield_retrieve(*(draw(*shape) for shape in arguments), **options)


def test_bad_kinds_and_masks():
    images = torch.randint(0, 255, (4, 9), dtype=torch.uint8)
    with pytest.raises(TypeError, match=r"state must be floating point: got torch.uint8"):
        hopfield_retrieve(images[0], images)
    with pytest.raises(TypeError, match="must have the dtype of stored"):
        hopfield_retrieve(draw(2, 9).float(), draw(4, 9))
    with pytest.raises(ValueError, match=r"broadcast against \[2, 4\]: got \[2, 3\]"):
        hopfield_retrieve(draw(2, 9), draw(4, 9), attn_mask=torch.ones(2, 3, dtype=torch.bool))
    with pytest.raises(TypeError, match="attn_mask must be bool"):
        hopfield_retrieve(draw(2, 9), draw(4, 9), attn_mask=torch.ones(2, 4, dtype=torch.int64))
    with pytest.raises(ValueError, match="beta must be positive"):
        hopfield_energy(draw(2, 9), draw(4, 9), beta=0.0)
    with pytest.raises(TypeError, match="beta must be a number: got list"):
        hopfield_energy(draw(2, 9), draw(4, 9), beta=[1.0])
    for function in (hopfield_retrieve, hopfield_energy):
        with pytest.raises(TypeError, match="state must be a tensor: got list"):
            function([1.0, 2.0], draw(4, 2))
        with pytest.raises(TypeError, match="stored must be a tensor: got ndarray"):
            function(draw(2), draw(4, 2).numpy())
    with pytest.raises(TypeError, match=r"num_steps must be a whole number: got 1.5; it counts"):
        hopfield_retrieve(draw(2, 9), draw(4, 9), num_steps=1.5)
    with pytest.raises(TypeError, match="attn_mask must be a tensor: got list"):
        hopfield_retrieve(draw(1, 2), draw(2, 2), attn_mask=[[True, False]])
    with pytest.raises(ValueError, match="mass must lie"):
        metastable_size(torch.ones(3) / 3, mass=0.0)
    with pytest.raises(TypeError, match="weights must be floating point"):
        metastable_size(torch.ones(3, dtype=torch.int64))


@settings(max_examples=20, deadline=None)
@given(seed=SEEDS, mass=st.floats(0.05, 0.99), beta=st.floats(0.1, 10))
def test_metastable_size_by_its_definition(seed, mass, beta):
    weights = torch.softmax(beta * draw(12, seed=seed), -1)
    largest_first = sorted(weights.tolist(), reverse=True)
    expected = next(k for k in range(1, 13) if math.fsum(largest_first[:k]) >= mass)
    assert metastable_size(weights, mass) == expected


@pytest.mark.parametrize("count", [1, 3, 10, 40])
def test_metastable_size_of_equal_weights(count):
    weights = torch.zeros(50)
    weights[:count] = 1 / count
    assert metastable_size(weights[torch.randperm(50)]) == math.ceil(0.9 * count - 1e-6)
    assert metastable_size(weights, mass=1.0) == count
