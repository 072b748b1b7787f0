"""Retrieval until convergence and the implicit gradient at the fixed point."""

import pytest
import torch
from torch.testing import assert_close

from neurarium.memory import hopfield_retrieve
from neurarium.memory.retrieval_fixed_point import conjugate_gradient
from neurarium.memory.theory import hopfield_jacobian, jacobian_norm_bound
from reference.hopfield import textbook_association


def draw(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def stop_one_by_one(state, stored, beta, tol, limit=10_000):
    """Every head on its own, by the definition."""
    outputs = []
    for head in range(state.shape[1]):
        q, k = state[:, head], stored[:, head]
        weights = torch.softmax(beta * q @ k.mT, -1)
        for _ in range(limit - 1):
            updated = torch.softmax(beta * (weights @ k) @ k.mT, -1)
            change = (updated - weights).norm(dim=(1, 2)).max()
            weights = updated
            if change <= tol:
                break
        outputs.append(weights)
    return torch.stack(outputs, 1)


@pytest.mark.parametrize("limit", [None, 2, 6])
def test_each_head_stops_by_itself(limit):
    state, stored = draw(3, 5, 4, 6), draw(3, 5, 7, 6, seed=1)
    stored = stored * torch.tensor([0.2, 1.0, 0.5, 2.0, 0.7])[:, None, None]
    expected = stop_one_by_one(state, stored, 0.5, 1e-3, limit or 10_000)
    _, weights = hopfield_retrieve(
        state, stored, beta=0.5, num_steps=limit, tol=1e-3, return_attention=True
    )
    assert_close(weights, expected, rtol=1e-12, atol=1e-14)


def test_converged_states_are_fixed_points():
    state, stored = draw(4, 6), draw(9, 6, seed=1)
    for beta in (0.1, 0.7, 5.0):
        fixed = hopfield_retrieve(state, stored, beta=beta, num_steps=None, tol=1e-13)
        assert_close(hopfield_retrieve(fixed, stored, beta=beta), fixed, rtol=0, atol=1e-11)


def test_a_tiny_tol_equals_the_fixed_number_of_steps():
    state, stored, values = draw(2, 3, 4, 6), draw(2, 3, 7, 6, seed=1), draw(2, 3, 7, 5, seed=2)
    stopped = hopfield_retrieve(state, stored, values, beta=0.4, num_steps=4, tol=1e-300)
    expected, _ = textbook_association(state, stored, values, beta=0.4, num_steps=4)
    assert_close(stopped, expected, rtol=1e-10, atol=1e-12)


def test_batch_matters_only_through_when_a_head_stops():
    state, stored = draw(6, 2, 3, 4), draw(6, 2, 5, 4, seed=1)
    loose = {"beta": 0.8, "num_steps": None, "tol": 1e-2}
    together = hopfield_retrieve(state, stored, **loose)
    alone = torch.cat(
        [hopfield_retrieve(s[None], x[None], **loose) for s, x in zip(state, stored, strict=True)]
    )
    assert not torch.allclose(together, alone, rtol=0, atol=1e-12)
    assert_close(together, alone, rtol=0, atol=0.1)
    tight = loose | {"tol": 1e-13}
    together = hopfield_retrieve(state, stored, **tight)
    alone = torch.cat(
        [hopfield_retrieve(s[None], x[None], **tight) for s, x in zip(state, stored, strict=True)]
    )
    assert_close(together, alone, rtol=0, atol=1e-11)


def test_below_the_bound_all_starts_meet():
    stored = draw(7, 5)
    beta = 0.9 / jacobian_norm_bound(stored, beta=1.0)
    ends = hopfield_retrieve(10 * draw(20, 5, seed=1), stored, beta=beta, num_steps=None, tol=1e-14)
    assert_close(ends, ends[:1].expand_as(ends), rtol=0, atol=1e-12)


def test_implicit_gradient_equals_that_of_many_steps():
    stored, values = draw(2, 3, 6, 4, seed=1).requires_grad_(), draw(2, 3, 6, 2, seed=2)
    beta = torch.tensor([0.3, 0.6, 2.0], dtype=torch.float64, requires_grad=True)
    bias = (0.1 * draw(5, 6, seed=3)).requires_grad_()
    state, weight = draw(2, 3, 5, 4), draw(2, 3, 5, 2, seed=4)

    def gradients(**options):
        out = hopfield_retrieve(state, stored, values, beta=beta, attn_mask=bias, **options)
        return torch.autograd.grad((out * weight).sum(), (stored, beta, bias))

    implicit = gradients(num_steps=None, tol=1e-14, implicit=True)
    assert_close(implicit, gradients(num_steps=400), rtol=1e-8, atol=1e-9)


def test_implicit_gradcheck():
    stored, values = draw(1, 2, 5, 3, seed=1).requires_grad_(), draw(1, 2, 5, 2, seed=2)
    beta = torch.tensor([0.4, 1.5], dtype=torch.float64, requires_grad=True)
    mask = torch.tensor([True, True, False, True, True])
    state = draw(1, 2, 3, 3)

    def run(stored, values, beta):
        return hopfield_retrieve(
            state,
            stored,
            values,
            beta=beta,
            num_steps=None,
            tol=1e-15,
            attn_mask=mask,
            implicit=True,
        )

    assert torch.autograd.gradcheck(run, (stored, values.requires_grad_(), beta))


def test_implicit_gradient_where_a_state_may_retrieve_nothing():
    stored, state = draw(4, 5, seed=1).requires_grad_(), draw(3, 5)
    mask = torch.ones(3, 4, dtype=torch.bool)
    mask[1] = False

    def gradient(**options):
        out = hopfield_retrieve(state, stored, beta=0.3, attn_mask=mask, **options)
        assert (out[1] == 0).all()
        return torch.autograd.grad(out.square().sum(), stored)[0]

    implicit = gradient(num_steps=None, tol=1e-14, implicit=True)
    assert_close(implicit, gradient(num_steps=300), rtol=1e-8, atol=1e-9)


def test_implicit_memory_does_not_grow_with_the_steps():
    """The graph holds a single step, however many were run."""
    stored = draw(8, 4).requires_grad_()

    def nodes(tensor):
        seen, todo = set(), [tensor.grad_fn]
        while todo:
            node = todo.pop()
            if node is not None and node not in seen:
                seen.add(node)
                todo += [following for following, _ in node.next_functions]
        return len(seen)

    options = {"beta": 0.3, "num_steps": None, "implicit": True}
    counts = {
        nodes(hopfield_retrieve(draw(2, 4), stored, tol=tol, **options)) for tol in (0.1, 1e-14)
    }
    assert len(counts) == 1


def test_implicit_second_derivatives_are_refused():
    stored = draw(5, 3).requires_grad_()
    out = hopfield_retrieve(draw(2, 3), stored, num_steps=None, implicit=True)
    with pytest.raises(NotImplementedError, match="implicit=False"):
        torch.autograd.grad(out.sum(), stored, create_graph=True)


def test_a_bifurcation_has_no_implicit_gradient():
    stored = torch.tensor([[1.0], [-1.0]], dtype=torch.float64, requires_grad=True)
    out = hopfield_retrieve(
        torch.zeros(1, 1, dtype=torch.float64), stored, beta=1.0, num_steps=None, implicit=True
    )
    assert hopfield_jacobian(torch.zeros(1, dtype=torch.float64), stored, beta=1.0).item() == 1
    with pytest.raises(RuntimeError, match="bifurcation"):
        out.sum().backward()


def test_an_unreachable_tol_is_an_error():
    with pytest.raises(RuntimeError, match="tol must be reachable"):
        hopfield_retrieve(
            draw(1, 2),
            torch.tensor([[0.0, 1.0], [0.0, -1.0]]).double(),
            beta=1.0,
            num_steps=None,
            tol=1e-12,
        )


def test_conjugate_gradient_solves_every_row():
    root = draw(3, 6, 6)
    matrix = root @ root.mT + torch.eye(6, dtype=torch.float64)
    rhs = draw(3, 4, 6, seed=1)
    rhs[0, 1] = 0
    solution = conjugate_gradient(lambda u: u @ matrix, rhs)
    assert_close(solution @ matrix, rhs, rtol=1e-9, atol=1e-10)
