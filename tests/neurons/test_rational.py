"""The group rational function: closed forms, invariances, precision, every way to compute it."""

import importlib.util
import os
import subprocess
import sys
import warnings
from functools import cache

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.autograd import gradcheck, gradgradcheck
from torch.testing import assert_close

from neurarium.neurons import (
    KAN,
    GRKANLinear,
    GroupRational,
    Rational,
    activation_gain,
    fit_rational,
    group_rational,
)
from neurarium.neurons import rational_compiled as compiled
from neurarium.neurons import rational_eager as eager
from neurarium.neurons import rational_function as function
from neurarium.neurons import rational_triton as triton_kernels
from neurarium.neurons.rational_tables import FOREIGN_GELU, FUNCTIONS, STARTS
from reference.rational import naive_rational


def coefficients(groups, degrees=(5, 4), seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    a = torch.randn(groups, degrees[0] + 1, generator=generator, dtype=dtype)
    return a, torch.randn(groups, degrees[1], generator=generator, dtype=dtype)


def double(*shape, seed=1):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 4), st.integers(1, 5), st.integers(1, 6), st.integers(1, 5), st.booleans())
def test_any_sizes_are_the_textbook_form(groups, width, m, n, shared):
    a, b = coefficients(groups, (m, n))
    a = a[:1] if shared else a
    x = double(2, 3, groups * width)
    found = group_rational(x, a, b, num_groups=groups)
    for channel in range(groups * width):
        g, t = channel // width, x[..., channel]
        p = sum(a[0 if shared else g, i] * t**i for i in range(m + 1))
        q = 1 + sum(b[g, i].abs() * t.abs() ** (i + 1) for i in range(n))
        assert_close(found[..., channel], p / q)


@pytest.mark.parametrize("shared", [False, True])
def test_first_and_second_derivatives(shared):
    a, b = coefficients(3)
    a = a[:1] if shared else a
    x = double(4, 6)
    x = x + 0.2 * x.sign()  # finite differences must not cross the kink at 0
    inputs = [t.requires_grad_() for t in (x, a, b)]

    def call(x, a, b):
        return group_rational(x, a, b, num_groups=3, backend="eager")

    assert gradcheck(call, inputs)
    assert gradgradcheck(call, inputs)


def test_a_coefficient_of_zero_has_the_slope_of_its_upper_side():
    a, b = coefficients(1)
    b[0, 1] = 0
    x, gradient = double(5, 4), double(5, 4, seed=2)

    def value(b):
        return (group_rational(x, a, b) * gradient).sum()

    b.requires_grad_()
    value(b).backward()
    step = torch.zeros_like(b)
    step[0, 1] = 1e-6
    with torch.no_grad():
        one_sided = (value(b + step) - value(b)) / 1e-6
    assert_close(b.grad[0, 1], one_sided, rtol=1e-4, atol=1e-5)
    assert_close(value(b + step), value(b - step))  # and the function is even there


def test_slope_at_zero_is_that_of_the_numerator():
    a, b = coefficients(1)
    x = torch.zeros(1, 1, dtype=torch.float64, requires_grad=True)
    group_rational(x, a, b).backward()
    assert_close(x.grad[0, 0], a[0, 1])


def test_coefficient_gradients_in_closed_form():
    a, b = coefficients(2)
    x, gradient = double(7, 3, 8), double(7, 3, 8, seed=2)
    shared = a[:1].clone().requires_grad_()
    own = shared.detach().expand(2, -1).clone().requires_grad_()
    b.requires_grad_()
    group_rational(x, shared, b).backward(gradient)
    group_rational(x, own, b.detach()).backward(gradient)
    grouped = x.unflatten(-1, (2, 4))
    powers = grouped.abs()[..., None] ** torch.arange(1, 5)
    q = 1 + (powers * b.detach().abs()[:, None]).sum(-1)
    per_group = (gradient.unflatten(-1, (2, 4)) / q).sum((0, 1, 3))
    assert_close(own.grad[:, 0], per_group)
    assert_close(shared.grad, own.grad.sum(0, keepdim=True))


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10**6), st.floats(1, 1e3))
def test_never_singular_and_even_in_the_denominator(seed, reach):
    generator = torch.Generator().manual_seed(seed)
    x = (torch.rand(50, 4, generator=generator) * 2 - 1) * reach
    a, b = (c.float() for c in coefficients(2, seed=seed))
    b = (b * reach).requires_grad_()
    flipped = (-b).detach().requires_grad_()
    out, turned = group_rational(x, a, b), group_rational(x, a, flipped)
    assert out.isfinite().all()
    assert torch.equal(out, turned)
    out.sum().backward()
    turned.sum().backward()
    assert b.grad.isfinite().all()
    assert torch.equal(b.grad, -flipped.grad)
    p = group_rational(x, a, torch.zeros_like(b))
    ratio = (p / out)[out != 0]
    assert (ratio >= 1 - 1e-5).all()  # P over P / Q is Q


def test_groups():
    a, b = coefficients(4)
    x = double(3, 8)
    out = group_rational(x, a, b)
    order = torch.tensor([2, 0, 3, 1])
    moved = x.unflatten(-1, (4, 2))[:, order].flatten(-2)
    assert torch.equal(
        group_rational(moved, a[order], b[order]), out.unflatten(-1, (4, 2))[:, order].flatten(-2)
    )
    one = group_rational(x, a[:1], b[:1], num_groups=1)
    assert_close(one, group_rational(x, a[:1].expand(8, -1), b[:1].expand(8, -1)))
    assert torch.equal(one.T, group_rational(x.T.reshape(-1, 1), a[:1], b[:1]).view(8, 3))


def test_layouts_and_empty_inputs():
    a, b = coefficients(2)
    x = double(3, 5, 4).transpose(0, 1)
    assert not x.is_contiguous()
    assert torch.equal(group_rational(x, a, b), group_rational(x.contiguous(), a, b))
    assert torch.equal(group_rational(x[0, 0], a, b), group_rational(x, a, b)[0, 0])
    empty = torch.zeros(0, 4, dtype=torch.float64, requires_grad=True)
    a.requires_grad_()
    group_rational(empty, a, b).sum().backward()
    assert empty.grad.shape == (0, 4)
    assert a.grad.count_nonzero() == 0


def test_chunks_change_nothing(monkeypatch):
    a, b = coefficients(2)
    x, gradient = double(11, 2, 3), double(11, 2, 3, seed=2)
    whole = (eager.forward(x, a, b), *eager.backward(x, a, b, gradient))
    monkeypatch.setattr(eager, "CHUNK", 12)
    parts = (eager.forward(x, a, b), *eager.backward(x, a, b, gradient))
    assert_close(parts, whole, rtol=1e-13, atol=1e-13)
    assert_close(eager.plain(x, a, b), whole[0], rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_single(dtype):
    a, b = (c.float() for c in coefficients(2))
    x = (double(64, 8) * 200).to(dtype).requires_grad_()  # x^5 is beyond float16
    out = group_rational(x, a, b)
    wanted = group_rational(x.detach().double(), a.double(), b.double())
    assert out.dtype == dtype
    assert_close(out.detach(), wanted.to(dtype), rtol=torch.finfo(dtype).eps, atol=0)
    out.sum().backward()
    assert x.grad.dtype == dtype
    assert x.grad.isfinite().all()
    exact = [t.detach().double().requires_grad_() for t in (x, a, b)]
    group_rational(*exact).sum().backward()
    ours = [t.detach().clone().requires_grad_() for t in (x, a, b)]
    group_rational(*ours).sum().backward()
    assert_close(ours[0].grad, exact[0].grad.to(dtype), rtol=2 * torch.finfo(dtype).eps, atol=0)
    for found, wanted in zip(ours[1:], exact[1:], strict=True):  # sums of 256 in single precision
        assert_close(found.grad.double(), wanted.grad, rtol=1e-4, atol=0)


def test_only_inputs_and_coefficients_are_kept():
    module = GroupRational(16)
    x = torch.randn(50, 16, requires_grad=True)
    kept = {}

    def pack(tensor):
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
        module(x)
    assert sum(kept.values()) == sum(4 * t.numel() for t in (x, *module.parameters()))


def test_rounding_is_far_below_that_of_a_running_sum():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(250_000, 4, generator=generator)
    gradient = torch.randn(250_000, 4, generator=generator)
    a, b = (c.float() for c in coefficients(1, seed=3))
    grouped = (x[:, None], a, b, gradient[:, None])
    ours, exact = eager.backward(*grouped), eager.backward(*(t.double() for t in grouped))
    w = gradient / (1 + sum(b[0, i].abs() * x.abs() ** (i + 1) for i in range(4)))
    running = torch.stack(
        [torch.tensor((w * x**i).flatten().numpy().cumsum(dtype="float32")[-1]) for i in range(6)]
    )
    scale = exact.numerator.abs()
    error = ((ours.numerator - exact.numerator) / scale).abs().mean()
    serial = ((running - exact.numerator) / scale).abs().mean()
    assert 5 * error < serial


def test_starts_are_what_they_are_called():
    x = torch.linspace(-3, 3, 3001, dtype=torch.float64)[:, None]
    for name, start in STARTS.items():
        module = GroupRational(1, num_groups=1, init=name, dtype=torch.float64)
        error = (module(x) - FUNCTIONS[name](x)).abs().max()
        assert error <= start.max_error, name
    swish = GroupRational(1, num_groups=1, init="swish", dtype=torch.float64)
    assert (swish(x) - torch.nn.functional.silu(x)).abs().max() < 2e-6


def test_the_identity_is_exact():
    x = torch.cat([torch.randn(1000) * 1e3, torch.tensor([0.0, 1e30, -1e30])])[:, None]
    for degrees in ((5, 4), (2, 3)):
        assert torch.equal(GroupRational(1, num_groups=1, degrees=degrees, init="identity")(x), x)


def test_fits():
    for name, start in STARTS.items():
        assert fit_rational(name).max_error < 1.05 * start.max_error + 1e-8
    fit = fit_rational(torch.sin, lo=-2, hi=2, degrees=(3, 2))
    assert fit.numerator.shape == (4,)
    assert fit.max_error < 2e-3
    assert (fit.denominator >= 0).all()
    module = GroupRational(4, num_groups=2, degrees=(3, 2), init=torch.sin)
    x = torch.linspace(-2, 2, 12).view(3, 4)
    assert (module(x) - x.sin()).abs().max() < 2e-2
    with pytest.raises(ValueError, match="lo must be a number below hi: got 3 and 3"):
        fit_rational("gelu", lo=3, hi=3)
    with pytest.raises(ValueError, match="function must be finite"):
        fit_rational(torch.log)


def test_gains():
    assert activation_gain("identity") == pytest.approx(1)
    assert activation_gain("relu") == pytest.approx(2, rel=1e-6)
    paper = {"swish": 2.8178, "gelu": 2.3568}  # its Monte Carlo
    for name, value in paper.items():
        assert activation_gain(name) == pytest.approx(value, rel=3e-3)
        z = torch.randn(1_000_000, generator=torch.Generator().manual_seed(0))
        assert activation_gain(name) * FUNCTIONS[name](z).pow(2).mean() == pytest.approx(
            1, abs=0.01
        )
    with pytest.raises(ValueError, match="positive second moment"):
        activation_gain(torch.zeros_like)


def test_the_naive_form_is_the_same_function():
    a, b = coefficients(3)
    x = double(2, 5, 12)
    assert_close(naive_rational(x, a, b, 3), group_rational(x, a, b))


@pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")  # torch's own
def test_what_else_looks_at_the_operations():
    a, b = coefficients(2)
    x, tangent = double(5, 4), double(5, 4, seed=2)

    def call(x):
        return group_rational(x, a, b)

    assert_close(torch.func.vmap(call)(x), call(x))
    _, along = torch.func.jvp(call, (x,), (tangent,))
    y = x.clone().requires_grad_()
    call(y).sum().backward()
    assert_close(along, y.grad * tangent)


def test_auto_compiles_what_is_large_and_comes_back(monkeypatch):
    a, b = (c.float() for c in coefficients(2))
    large = torch.randn(function.WORTH_COMPILING // 4, 4)
    assert function._backend_of("auto", large[:10]) is eager
    monkeypatch.setattr(compiled, "has_compiler", lambda: True)
    assert function._backend_of("auto", large) is compiled

    def broken(*args):
        raise RuntimeError("no header files\nand more")

    monkeypatch.setattr(compiled, "forward", broken)
    monkeypatch.setattr(function, "_unusable", set())
    with pytest.warns(UserWarning, match="stays eager, compiling failed: no header files$"):
        out = group_rational(large, a, b)
    assert torch.equal(out, group_rational(large, a, b))  # and is not tried again
    with pytest.raises(RuntimeError, match="no header files"):
        group_rational(large, a, b, backend="compile")
    monkeypatch.setattr(function, "_unusable", set())
    with pytest.raises(RuntimeError):  # no fault of the compiler's
        group_rational(large, a.to("meta"), b)
    assert function._backend_of("auto", large) is compiled
    monkeypatch.setattr(compiled, "has_compiler", lambda: False)
    assert function._backend_of("auto", large) is eager


@pytest.mark.slow
@pytest.mark.skipif(not compiled.has_compiler(), reason="no C++ compiler")
@pytest.mark.parametrize("shape", [(31, 3, 20), (31, 5, 3)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_compiled_is_eager(shape, dtype):
    rows, groups, width = shape
    a, b = (c.float() for c in coefficients(groups))
    b[0, 1] = 0
    x, gradient = (double(rows, groups * width, seed=s).to(dtype) for s in (1, 2))
    x[0, 0] = 0
    found = []
    for backend in ("eager", "compile"):
        leaves = [t.clone().requires_grad_() for t in (x, a, b)]
        out = group_rational(*leaves, backend=backend)
        out.backward(gradient)
        found.append((out.detach(), *(leaf.grad for leaf in leaves)))
    close = {"rtol": 1e-5, "atol": 1e-5} if dtype == torch.float32 else {"rtol": 1e-2, "atol": 1e-2}
    assert_close(found[1], found[0], **close)


TRITON = """
import torch
from torch.testing import assert_close
from neurarium.neurons import rational_eager, rational_triton
torch.manual_seed(0)
cases = (10, 3, 8, 5, 4, torch.float32), (70, 2, 70, 5, 4, torch.float64), (5, 1, 1, 13, 9, None)
for n, g, w, top, bottom, dtype in cases:
    x, gradient = torch.randn(2, n, g, w, dtype=dtype)
    x[0, 0, 0] = 0
    a, b = torch.randn(g, top + 1, dtype=dtype), torch.randn(g, bottom, dtype=dtype)
    b[0, 1] = 0
    close = {"rtol": 1e-4, "atol": 1e-5}
    assert_close(rational_triton.forward(x, a, b), rational_eager.forward(x, a, b), **close)
    found = rational_triton.backward(x, a, b, gradient)
    assert_close(tuple(found), tuple(rational_eager.backward(x, a, b, gradient)), **close)
"""


@pytest.mark.skipif(
    importlib.util.find_spec("triton") is None,
    reason="pip install triton; its interpreter needs no GPU",
)
def test_triton_kernels_in_its_interpreter_are_eager():
    environment = {**os.environ, "TRITON_INTERPRET": "1"}
    done = subprocess.run(
        [sys.executable, "-c", TRITON], capture_output=True, text=True, env=environment, timeout=120
    )
    assert not done.returncode, done.stderr


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_triton_on_a_gpu_is_eager():
    a, b = (c.float() for c in coefficients(8))
    x, gradient = (double(300, 96, seed=s).float() for s in (1, 2))
    found = []
    for device, backend in (("cpu", "eager"), ("cuda", "triton")):
        leaves = [t.detach().to(device).requires_grad_() for t in (x, a, b)]
        out = group_rational(*leaves, backend=backend)
        out.backward(gradient.to(device))
        found.append([t.cpu() for t in (out.detach(), *(leaf.grad for leaf in leaves))])
    assert_close(found[1], found[0], rtol=1e-4, atol=1e-4)


def test_triton_can_look_up_the_annotations_of_its_kernels():
    """It evaluates them when it compiles, and refuses names that are not its own."""
    for kernel in (triton_kernels._forward_kernel, triton_kernels._backward_kernel):
        found = dict(getattr(kernel, "fn", kernel).__annotations__)
        assert found.pop("return") in ("None", None)
        assert set(found.values()) == {"tl.tensor", "tl.constexpr"}


def test_a_foreign_table_is_recognised():
    module = GroupRational(8, num_groups=2)
    state = module.state_dict()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        module.load_state_dict(state)
    state["numerator"] = torch.tensor([FOREIGN_GELU])
    with pytest.warns(UserWarning, match=r"got the released table 'gelu'.*start from init='gelu'"):
        module.load_state_dict(state)


def test_names_of_released_weights_are_explained():
    module = GroupRational(8, num_groups=2)
    released = {f"weight_{name}": value for name, value in module.state_dict().items()}
    for strict in (True, False):
        with pytest.raises(
            RuntimeError, match=r"numerator and denominator must have these.*rename"
        ):
            module.load_state_dict(released, strict=strict)


class Sharded(torch.Tensor):
    """Refuses to be compared with an ordinary tensor, as a DTensor does."""

    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        assert "isclose" not in getattr(function, "__name__", "")
        return super().__torch_function__(function, types, args, kwargs or {})


def test_values_that_are_not_at_hand_are_loaded_without_a_look():
    module = GroupRational(8, num_groups=2)
    state = module.state_dict()
    module.load_state_dict({name: value.as_subclass(Sharded) for name, value in state.items()})
    module.load_state_dict({name: value.to("meta") for name, value in state.items()}, assign=True)
    assert module.numerator.is_meta


def test_many_variants_are_compiled(monkeypatch):
    """Degrees, precisions and sizes beyond what the compiler keeps of one function by itself."""
    made = cache(lambda fn: torch.compile(fn, dynamic=True, fullgraph=True, backend="eager"))
    monkeypatch.setattr(compiled, "_compiled", made)
    monkeypatch.setattr(compiled, "_seen", set())
    monkeypatch.setattr(function, "_unusable", set())
    x = double(6, 4)
    for degree in range(1, 12):
        a, b = coefficients(2, (degree, 4))
        found = group_rational(x, a, b, backend="compile")
        assert_close(found, group_rational(x, a, b, backend="eager"))
    monkeypatch.setattr(compiled, "VARIANTS", 1)
    monkeypatch.setattr(function, "WORTH_COMPILING", 1)
    monkeypatch.setattr(compiled, "has_compiler", lambda: True)
    a, b = coefficients(2, (12, 4))
    with pytest.warns(UserWarning, match="stays eager, compiling failed"):
        group_rational(x, a, b)
    assert function._backend_of("auto", x) is compiled  # what is compiled can still be used


def test_a_module_as_start_is_no_part():
    for start in (torch.nn.PReLU(), torch.nn.PReLU(dtype=torch.float64)):
        module = GroupRational(4, num_groups=2, init=start)
        assert set(module.state_dict()) == {"numerator", "denominator"}
        assert len(list(module.modules())) == 1
        assert module.init is start
    x = torch.linspace(-3, 3, 12).view(3, 4)
    assert (module(x) - torch.nn.functional.leaky_relu(x, 0.25)).abs().max() < 0.05
    assert activation_gain(torch.nn.PReLU()) == pytest.approx(2 / (1 + 0.25**2), rel=1e-5)
    GRKANLinear(4, 2, init=torch.nn.PReLU())


def test_starts_that_are_no_function():
    with pytest.raises(ValueError, match=r"init must be one of identity.*got \[1\]"):
        GroupRational(4, num_groups=2, init=[1])
    for start, kind in ((lambda x: 1.0, "float"), (lambda x: x.sum(), r"shape \[\]")):
        with pytest.raises(ValueError, match=f"function must be elementwise, .*got {kind}"):
            GroupRational(4, num_groups=2, init=start)
    for call in (activation_gain, fit_rational):
        with pytest.raises(ValueError, match=r"function must be one of identity.*got 'mish'"):
            call("mish")
    with pytest.raises(ValueError, match=r"function must be finite on .*: got \d+ values of 1001"):
        fit_rational(torch.log)


def test_refused():
    a, b = (c.float() for c in coefficients(2))
    x = torch.randn(3, 4)
    cases = [
        (TypeError, "x must be floating point: got torch.int64; use .float()", (x.long(), a, b)),
        (
            ValueError,
            r"x must have a multiple of 2 channels .*got shape \[3, 3\]",
            (x[:, :3], a, b),
        ),
        (ValueError, "denominator must have 1 row or 2: got 3", (x, a, b[[0, 0, 1]], 2)),
        (ValueError, r"numerator must have a row of at least 2 coefficients", (x, a[:, :1], b)),
        (TypeError, "denominator must be a tensor: got list", (x, a, [1.0])),
        (ValueError, "num_groups must be at least 1: got 0", (x, a, b, 0)),
    ]
    for kind, message, arguments in cases:
        with pytest.raises(kind, match=message):
            group_rational(*arguments[:3], num_groups=dict(enumerate(arguments)).get(3))
    with pytest.raises(ValueError, match="backend must be one of auto, eager, compile, triton: go"):
        group_rational(x, a, b, backend="gpu")
    if not function.has_triton():
        with pytest.raises(RuntimeError, match="must have the package triton"):
            GroupRational(8, backend="triton")
    with pytest.raises(ValueError, match="num_groups must divide num_features: got 5 and 64"):
        GroupRational(64, num_groups=5)
    with pytest.raises(RuntimeError, match="size mismatch for numerator"):
        GroupRational(8).load_state_dict(GroupRational(8, degrees=(3, 2)).state_dict())


def test_rational_basis_and_arms():
    basis = Rational(3, degree=4, denominator_degree=3, dtype=torch.float64)
    x = double(5, 3)
    weights = double(3, 5, seed=4)
    by_basis = (basis(x) * weights).sum(-1)
    assert_close(by_basis, group_rational(x, weights, basis.denominator.detach()))
    assert gradcheck(lambda x: basis(x), [x.requires_grad_()])
    for arm in ("rational", "grkan"):
        assert KAN([2, 5, 1], layer=arm)(torch.randn(7, 2)).shape == (7, 1)
