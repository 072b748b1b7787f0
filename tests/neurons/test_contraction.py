"""The one product: every family's gradients to second order, memory, chunks, functional calls."""

import pytest
import torch
from torch.autograd import forward_ad, gradcheck, gradgradcheck
from torch.func import functional_call, jacfwd, jacrev, vmap
from torch.testing import assert_close

from neurarium.neurons import BASES, KANLinear
from neurarium.neurons import contraction as contraction_module
from neurarium.neurons.contraction import contract, evaluate
from neurarium.neurons.tracing import is_traced

EACH = pytest.mark.parametrize("name", BASES)


def made(name, **arguments):
    torch.manual_seed(0)
    return KANLinear(3, 2, basis=name, dtype=torch.float64, **arguments)


def inputs(count=4):
    return torch.rand(count, 3, dtype=torch.float64) * 1.8 - 0.9


@EACH
def test_gradients_to_second_order(name):
    layer = made(name)
    x = inputs().requires_grad_()

    def forward(x, *parameters):
        return layer(x)

    arguments = (x, *layer.parameters())
    assert gradcheck(forward, arguments)
    assert gradgradcheck(forward, arguments, atol=1e-4, fast_mode=True)
    basis = layer.basis
    assert gradcheck(
        lambda x, *_: evaluate(x, basis), (x.detach().mT.requires_grad_(), *basis.parameters())
    )


@pytest.mark.parametrize("activation", ["silu", "gelu", "tanh", None])
def test_gradients_of_an_uneven_grid_and_of_base_functions(activation):
    layer = made("bspline", base_activation=activation)
    layer.update_grid(inputs(50))
    assert not layer.basis.uniform
    x = inputs().requires_grad_()
    assert gradcheck(lambda x, *_: layer(x), (x, *layer.parameters()))
    assert gradgradcheck(
        lambda x, *_: layer(x), (x, *layer.parameters()), atol=1e-4, fast_mode=True
    )


@pytest.mark.filterwarnings(
    "ignore:.torch.jit.script. is deprecated:DeprecationWarning"
)  # torch's own
@EACH
def test_functional_transforms_see_the_same_function(name):
    layer, x = made(name), inputs()
    exact = torch.autograd.functional.jacobian(lambda x: layer(x).sum(0), x).movedim(1, 0)
    assert_close(vmap(jacrev(layer))(x), exact)
    assert_close(vmap(jacfwd(layer))(x), exact)


@pytest.mark.filterwarnings(
    "ignore:.torch.jit.script. is deprecated:DeprecationWarning"
)  # torch's own
@EACH
def test_dual_numbers_see_the_same_function(name):
    layer, x = made(name), inputs()
    tangent = torch.randn(4, 3, dtype=torch.float64)
    _, wanted = torch.autograd.functional.jvp(layer, x, tangent)
    with forward_ad.dual_level():
        found = forward_ad.unpack_dual(layer(forward_ad.make_dual(x, tangent))).tangent
        points = forward_ad.make_dual(x.mT.contiguous(), tangent.mT.contiguous())
        assert forward_ad.unpack_dual(evaluate(points, layer.basis)).tangent is not None
    assert_close(found, wanted)
    assert not is_traced()


@EACH
def test_backward_uses_the_values_of_the_forward_pass(name):
    """As under ``functional_call``: the module itself holds others by then."""
    layer, x = made(name), inputs()
    others = {k: p + 0.05 * torch.rand_like(p) for k, p in layer.named_parameters()}
    others = {k: p.detach().requires_grad_() for k, p in others.items()}
    gradient = torch.randn(4, 2, dtype=torch.float64)
    functional_call(layer, others, (x,)).backward(gradient)
    twin = made(name)
    twin.load_state_dict({k: v.detach() for k, v in others.items()}, strict=False)
    twin(x).backward(gradient)
    for k, p in twin.named_parameters():
        assert_close(others[k].grad, p.grad)


def test_a_grid_moved_between_forward_and_backward_does_not_matter():
    layer, x = made("bspline"), inputs(40).requires_grad_()
    layer(x).sum().backward()
    expected, x.grad = x.grad, None
    y = layer(x).sum()
    layer.basis.set_knots(layer.basis.knots + 0.3)
    y.backward()
    assert_close(x.grad, expected)


def watch_rows(layer, monkeypatch):
    """How many rows the functions are evaluated at, by call."""
    seen, basis = [], type(layer.basis)
    for name in ("fill", "linearize"):
        plain = getattr(basis, name)

        def watched(self, x, *rest, plain=plain):
            seen.append(x.shape[-1])
            return plain(self, x, *rest)

        monkeypatch.setattr(basis, name, watched)
    return seen


@EACH
def test_chunks_change_nothing(name, monkeypatch):
    layer, x = made(name), inputs(23).requires_grad_()
    gradient = torch.randn(23, 2, dtype=torch.float64)

    def results():
        layer.zero_grad()
        x.grad = None
        y = layer(x)
        y.backward(gradient)
        return [y.detach(), x.grad, *(p.grad for p in layer.parameters())]

    whole = results()
    monkeypatch.setattr(contraction_module, "CHUNK", 4 * layer.edge_weight()[0].numel())
    seen = watch_rows(layer, monkeypatch)
    assert_close(results(), whole)
    assert seen
    assert max(seen) <= 4


@EACH
def test_only_the_input_is_kept(name):
    layer = KANLinear(8, 4, basis=name)
    x = torch.rand(100, 8, requires_grad=True)
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t) or t, lambda t: t):
        contract(x, torch.rand(4, layer.basis.num_functions, 8), layer.basis)
    own = {t.data_ptr() for t in (*layer.basis.parameters(), *layer.basis.buffers())}
    others = [t for t in kept if t.data_ptr() not in own]
    assert [list(t.shape) for t in others] == [[100, 8], [4, layer.basis.num_functions, 8]]
    assert others[0].data_ptr() == x.data_ptr()


def test_no_gradient_is_computed_for_what_needs_none():
    layer = made("rswaf")
    y = layer(inputs())
    y.sum().backward()
    assert all(p.grad is not None for p in layer.parameters())
    x = inputs().requires_grad_()
    for p in layer.parameters():
        p.requires_grad_(False)
    (by_x,) = torch.autograd.grad(layer(x).sum(), x)
    assert by_x.shape == x.shape


def test_sum_is_the_einsum():
    layer = made("bspline")
    x = torch.randn(4, 6, 3, dtype=torch.float64)
    values = torch.cat([torch.nn.functional.silu(x)[..., None], layer.basis(x)], -1)
    assert_close(layer(x), torch.einsum("btik,oki->bto", values, layer.edge_weight()))
