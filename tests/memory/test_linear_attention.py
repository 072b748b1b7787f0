"""Strict linear attention: three forms of one sum, gradients, causality, constant state."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.testing import assert_close

from neurarium.memory import causal_linear_attention
from neurarium.memory.linear_attention import cheapest_chunk, hebbian_step, strict_scores

EXACT = {"rtol": 1e-10, "atol": 1e-10}


def draw(*shape, seed=0, grad=False):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(*shape, generator=generator, dtype=torch.float64)
    return x.requires_grad_(grad)


def textbook(q, v, state=None):
    """The definition, token by token."""
    v = v.expand(*q.shape[:-1], -1)
    s = torch.zeros(*q.shape[:-2], q.shape[-1], v.shape[-1], dtype=q.dtype)
    s = s if state is None else state
    out = []
    for t in range(q.shape[-2]):
        out.append(torch.einsum("...n,...nd->...d", q[..., t, :], s))
        s = s + q[..., t, :, None] * v[..., t, None, :]
    return torch.stack(out, -2), s


def gradients(fn, *inputs):
    inputs = [x.detach().clone().requires_grad_() for x in inputs]
    out, state = fn(*inputs)
    weights = [draw(*x.shape, seed=9) for x in (out, state)]
    total = (out * weights[0]).sum() + (state * weights[1]).sum()
    return out, state, torch.autograd.grad(total, inputs)


@pytest.mark.parametrize("chunk_size", [None, 1, 3, 4, 11, 50])
@pytest.mark.parametrize("with_state", [False, True])
@pytest.mark.parametrize("shared", [False, True])
def test_every_form_is_the_definition_with_its_gradients(chunk_size, with_state, shared):
    q, v = draw(3, 2, 11, 6), draw(1 if shared else 3, 2, 11, 4, seed=1)
    inputs = (q, v, draw(3, 2, 6, 4, seed=2)) if with_state else (q, v)
    expected = gradients(textbook, *inputs)

    def ours(q, v, state=None):
        return causal_linear_attention(q, v, state=state, chunk_size=chunk_size, return_state=True)

    found = gradients(ours, *inputs)
    for mine, theirs in zip(found, expected, strict=True):
        assert_close(mine, theirs, **EXACT)
    alone = causal_linear_attention(
        q, v, state=inputs[2] if with_state else None, chunk_size=chunk_size
    )
    assert_close(alone, expected[0], **EXACT)


@given(
    length=st.integers(1, 40),
    chunk_size=st.integers(1, 45),
    split=st.integers(0, 40),
    seed=st.integers(0, 1000),
)
@settings(max_examples=40, deadline=None)
def test_any_chunks_and_any_split_with_a_state_carried_over(length, chunk_size, split, seed):
    q, v = draw(2, length, 4, seed=seed), draw(2, length, 3, seed=seed + 1)
    expected, state = textbook(q, v)
    split = min(split, length)
    pieces, carried = [], None
    for part in (slice(None, split), slice(split, None)):
        if q[:, part].shape[1]:
            out, carried = causal_linear_attention(
                q[:, part], v[:, part], state=carried, chunk_size=chunk_size, return_state=True
            )
            pieces.append(out)
    assert_close(torch.cat(pieces, 1), expected, **EXACT)
    assert_close(carried, state, **EXACT)


def test_blocks_of_scores_are_the_masked_product():
    q = draw(2, 300, 5)
    assert_close(strict_scores(q), (q @ q.mT).tril(-1), **EXACT)
    v = draw(2, 300, 3, seed=1)
    assert_close(causal_linear_attention(q, v, chunk_size=300), textbook(q, v)[0], **EXACT)


@pytest.mark.parametrize("chunk_size", [1, 2, 5])
def test_first_and_second_derivatives(chunk_size):
    inputs = draw(2, 5, 3, grad=True), draw(2, 5, 2, seed=1, grad=True)
    state = draw(2, 3, 2, seed=2, grad=True)

    def fn(q, v, state):
        return tuple(
            causal_linear_attention(q, v, state=state, chunk_size=chunk_size, return_state=True)
        )

    assert torch.autograd.gradcheck(fn, (*inputs, state))
    assert torch.autograd.gradgradcheck(fn, (*inputs, state))


def test_per_sample_gradients_by_vmap():
    q, v = draw(3, 5, 4), draw(3, 5, 2, seed=1)

    def total(q, v):
        return causal_linear_attention(q, v).square().sum()

    together = torch.func.vmap(torch.func.grad(total))(q, v)
    for index in range(3):
        assert_close(together[index], torch.func.grad(total)(q[index], v[index]), **EXACT)


def test_a_token_reads_neither_itself_nor_later_ones():
    q, v = draw(1, 9, 4), draw(1, 9, 3, seed=1)
    for chunk_size in (1, 4, 9):
        before = causal_linear_attention(q, v, chunk_size=chunk_size)
        assert not before[:, 0].any()
        changed = v.clone()
        changed[:, 5] += 1e3
        after = causal_linear_attention(q, changed, chunk_size=chunk_size)
        assert torch.equal(after[:, :6], before[:, :6])
        assert (after[:, 6:] != before[:, 6:]).any()


def test_the_state_has_one_size_and_float32_for_halves():
    for length in (1, 7, 300):
        q, v = torch.randn(2, 3, length, 6), torch.randn(2, 1, length, 4)
        _, state = causal_linear_attention(q, v, chunk_size=32, return_state=True)
        assert state.shape == (2, 3, 6, 4)
        out, state = causal_linear_attention(
            q.bfloat16(), v.bfloat16(), chunk_size=32, return_state=True
        )
        assert out.dtype == torch.bfloat16
        assert state.dtype == torch.float32


def test_a_step_in_place_is_the_step():
    q, v, state = draw(2, 6), draw(2, 4, seed=1), draw(2, 6, 4, seed=2)
    kept = state.clone()
    out, new = hebbian_step(q, v, state)
    assert torch.equal(state, kept)
    expected, last = textbook(q[:, None], v[:, None], kept)
    assert_close((out, new), (expected[:, 0], last), **EXACT)
    in_place = hebbian_step(q, v, state, inplace=True)
    assert in_place.state.data_ptr() == state.data_ptr()
    assert_close((in_place.output, state), (out, new), **EXACT)


def test_short_sequences_are_one_chunk():
    assert cheapest_chunk(128, 96) == 128
    assert cheapest_chunk(1024, 64) == 128
    assert cheapest_chunk(768, 256) == 768
    assert cheapest_chunk(4096, 256) == 256


def test_what_does_not_fit_is_refused():
    q, v = torch.randn(2, 5, 4), torch.randn(2, 5, 3)
    with pytest.raises(TypeError, match="q must be a tensor: got list"):
        causal_linear_attention([1.0], v)
    with pytest.raises(TypeError, match=r"v must be floating point: got torch\.int64"):
        causal_linear_attention(q, v.long())
    with pytest.raises(ValueError, match="v must have the tokens of q"):
        causal_linear_attention(q, v[:, :4])
    with pytest.raises(ValueError, match="v must have the tokens of q"):
        causal_linear_attention(q, torch.randn(3, 5, 3))
    with pytest.raises(ValueError, match=r"state must have the shape \[2, 4, 3\]"):
        causal_linear_attention(q, v, state=torch.zeros(2, 3, 4))
    with pytest.raises(ValueError, match=r"state must be torch\.float32"):
        causal_linear_attention(q, v, state=torch.zeros(2, 4, 3).double())
    with pytest.raises(ValueError, match="q must have a token at least"):
        causal_linear_attention(q[:, :0], v[:, :0])
    with pytest.raises(ValueError, match="chunk_size must be at least 1"):
        causal_linear_attention(q, v, chunk_size=0)
