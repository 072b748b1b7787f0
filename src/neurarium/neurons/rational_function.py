r"""The group rational function: a ratio of polynomials for every group of channels.

Kolmogorov–Arnold transformer (https://arxiv.org/abs/2409.10594) in the form that its kernels train,
with the backward pass of FlashKAT (https://arxiv.org/abs/2505.13813): only x and the coefficients
are kept, and each coefficient's gradient is one reduction. Three paths compute the same function.
"""

from __future__ import annotations

import importlib.util
import warnings
from functools import cache
from types import ModuleType
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from neurarium.memory.arguments import require_count, require_tensor
from neurarium.neurons import rational_compiled, rational_eager

BACKENDS = ("auto", "eager", "compile", "triton")
WORTH_COMPILING = 1 << 17
"""Inputs from which ``"auto"`` compiles: below, eager operations take less than a millisecond."""

_unusable: set[ModuleType] = set()


def group_rational(
    x: Float[Tensor, "*batch D"],
    numerator: Float[Tensor, "g1 A"],
    denominator: Float[Tensor, "g2 B"],
    *,
    num_groups: int | None = None,
    backend: str = "auto",
) -> Float[Tensor, "*batch D"]:
    r"""A ratio of polynomials for every group of channels, never singular.

    `FlashKAT <https://arxiv.org/abs/2505.13813>`_:

    .. math:: F(x) = \frac{\sum_{i=0}^m a_i x^i}{1 + \sum_{i=1}^n |b_i| |x|^i}

    with coefficients of group g = c // (D / G) for channel c. Half-precision inputs are computed in
    float32. The slope of \|x\| at 0 is 0, as autograd has it, and that of \|b\| is +1, so that a
    coefficient that is zero can move. x^m must be representable: beyond about 10⁷, in float32, the
    result is not finite.

    Args:
        x: inputs, of any leading shape.
        numerator: a_0 … a_m of each group; one row is shared by all.
        denominator: b_1 … b_n of each group, of any sign; one row is shared by all.
        num_groups: G; by default the number of rows.
        backend: ``"eager"`` in chunks; ``"compile"``, which needs a C++ compiler and half a minute
            the first time on a machine; ``"triton"`` on a GPU; ``"auto"``: the best that is here,
            compiled from 2¹⁷ inputs on.

    Shapes:
        - x: (…, D); numerator: (G or 1, m + 1); denominator: (G or 1, n); output: (…, D)

    Raises:
        TypeError: for what is not floating point.
        ValueError: for sizes that do not fit, an unknown backend, and ``"triton"`` without a GPU.
        RuntimeError: for the backend ``"triton"`` without the package.

    Example:
        >>> x = torch.tensor([[1.0, -1.0, 2.0, -2.0]])
        >>> group_rational(x, torch.tensor([[0.0, 1.0]]), torch.tensor([[0.0], [0.5]]))
        tensor([[ 1., -1.,  1., -1.]])
    """
    require_tensor("x", x)
    if not x.is_floating_point():
        raise TypeError(f"x must be floating point: got {x.dtype}; use .float()")
    require_backend(backend)
    groups = _require_groups(x, numerator, denominator, num_groups)
    kept = torch.promote_types(x.dtype, torch.promote_types(numerator.dtype, denominator.dtype))
    precise = torch.promote_types(kept, torch.float32)
    a = numerator.to(precise).expand(groups, -1)
    b = denominator.to(precise).expand(groups, -1)
    grouped = x.reshape(x.numel() // max(1, x.shape[-1]), groups, x.shape[-1] // groups)
    if torch.compiler.is_compiling() or torch._C._are_functorch_transforms_active():
        out = rational_eager.plain(grouped.to(precise), a, b).to(x.dtype)
    else:
        out = _GroupRational.apply(grouped.contiguous(), a, b, backend)
    return out.reshape(x.shape)


class _GroupRational(torch.autograd.Function):
    """On (N, G, W) with coefficients (G, m + 1) and (G, n)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, a: Tensor, b: Tensor, backend: str) -> Tensor:
        ctx.save_for_backward(x, a, b)
        ctx.backend = backend
        return _run("forward", backend, x, a.contiguous(), b.contiguous())

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x, a, b = ctx.saved_tensors
        if torch.is_grad_enabled():  # a second derivative is wanted
            out = rational_eager.plain(x.to(a.dtype), a, b).to(x.dtype)
            wanted = [t for t, n in zip((x, a, b), ctx.needs_input_grad[:3], strict=True) if n]
            each = iter(torch.autograd.grad(out, wanted, gradients[0], create_graph=True))
            return (*(next(each) if n else None for n in ctx.needs_input_grad[:3]), None)
        arguments = (x, a.contiguous(), b.contiguous(), gradients[0].contiguous())
        found = _run("backward", ctx.backend, *arguments)
        return found.x, found.numerator.to(a.dtype), found.denominator.to(b.dtype), None


def _run(direction: str, backend: str, x: Tensor, *others: Tensor) -> Any:
    """By the backend; ``"auto"`` comes back to eager operations where compiling fails."""
    module = _backend_of(backend, x)
    if backend != "auto" or module is rational_eager:
        return getattr(module, direction)(x, *others)
    try:
        return getattr(module, direction)(x, *others)
    except Exception as error:
        found = getattr(rational_eager, direction)(x, *others)  # raises what is not the compiler's
        if not rational_compiled.is_full(error):
            _unusable.add(module)
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        warnings.warn(f"group_rational stays eager, compiling failed: {reason}", stacklevel=2)
        return found


def _backend_of(backend: str, x: Tensor) -> ModuleType:
    if backend == "triton":
        return _triton()
    if backend == "auto" and x.is_cuda and has_triton():
        module = _triton()
    elif backend == "compile" or (
        backend == "auto"
        and x.device.type == "cpu"
        and x.numel() >= WORTH_COMPILING
        and rational_compiled.has_compiler()
    ):
        module = rational_compiled
    else:
        module = rational_eager
    return rational_eager if backend == "auto" and module in _unusable else module


@cache
def has_triton() -> bool:
    """Whether the package is installed."""
    return importlib.util.find_spec("triton") is not None


def _triton() -> ModuleType:
    if not has_triton():
        raise RuntimeError(
            "backend 'triton' must have the package triton: got none; install neurarium[gpu]"
        )
    from neurarium.neurons import rational_triton

    return rational_triton


def require_backend(backend: Any) -> None:
    """Raise unless it is a known and possible way to compute.

    Example:
        >>> require_backend("cuda")
        Traceback (most recent call last):
        ValueError: backend must be one of auto, eager, compile, triton: got 'cuda'
    """
    if backend not in BACKENDS:
        raise ValueError(f"backend must be one of {', '.join(BACKENDS)}: got {backend!r}")
    if backend == "triton":
        _triton()


def _require_groups(x: Tensor, numerator: Any, denominator: Any, num_groups: int | None) -> int:
    """G, from the rows of both."""
    for name, value, least in (("numerator", numerator, 2), ("denominator", denominator, 1)):
        require_tensor(name, value)
        if not value.is_floating_point():
            raise TypeError(f"{name} must be floating point: got {value.dtype}; use .float()")
        if value.ndim != 2 or value.shape[1] < least or not len(value):
            raise ValueError(
                f"{name} must have a row of at least {least} coefficients for each group: got "
                f"shape {list(value.shape)}"
            )
    groups = max(len(numerator), len(denominator)) if num_groups is None else num_groups
    require_count("num_groups", groups)
    for name, value in (("numerator", numerator), ("denominator", denominator)):
        if len(value) not in (1, groups):
            raise ValueError(f"{name} must have 1 row or {groups}: got {len(value)}")
    if x.ndim == 0 or x.shape[-1] % groups:
        raise ValueError(
            f"x must have a multiple of {groups} channels in its last dimension, one part for each "
            f"group: got shape {list(x.shape)}"
        )
    return groups
