"""The group rational function and its gradients as Triton kernels; needs the package ``triton``.

FlashKAT (https://arxiv.org/abs/2505.13813), Section 4: a program owns some rows of one group's
channels, loads the group's coefficients once and sums its part of every coefficient's gradient in
registers, where the first kernels of KAT added to memory once for every element. Here the parts are
written to a buffer and added up in float64: no atomic operation, so the same result every time.

Inputs are contiguous (rows N, groups G, width W). ``TRITON_INTERPRET=1`` runs the kernels on a
processor. Triton looks up the annotations of a kernel's parameters and allows its own names only.
"""

from __future__ import annotations

import importlib.util
import os
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor

from neurarium.neurons.rational_eager import Gradients, sign_of

# without the package the kernels can be read, not run
_is_here = importlib.util.find_spec("triton") is not None
triton: Any = importlib.import_module("triton") if _is_here else None
tl: Any = importlib.import_module("triton.language") if _is_here else None

ROWS = 64
COLUMNS = 64


def _jit(kernel: Any) -> Any:
    return kernel if triton is None else triton.jit(kernel)


def forward(x: Tensor, numerator: Tensor, denominator: Tensor) -> Tensor:
    """Values, in the inputs' precision; computed in the coefficients'."""
    out = torch.empty_like(x)
    if x.numel():
        with _device_of(x):
            _forward_kernel[_grid(x)](
                x, numerator, denominator, out, *x.shape, **_constants(numerator, denominator)
            )
    return out


def backward(x: Tensor, numerator: Tensor, denominator: Tensor, gradient: Tensor) -> Gradients:
    """Gradients, P and Q computed again."""
    by_x = torch.empty_like(x)
    first, last = numerator.shape[1], numerator.shape[1] + denominator.shape[1]
    slots = triton.next_power_of_2(last)
    parts = torch.zeros(*_grid(x), slots, dtype=numerator.dtype, device=x.device)
    if x.numel():
        with _device_of(x):
            _backward_kernel[_grid(x)](
                x,
                numerator,
                denominator,
                gradient,
                by_x,
                parts,
                *x.shape,
                SLOTS=slots,
                **_constants(numerator, denominator),
            )
    sums = parts.sum(0, dtype=torch.float64)
    return Gradients(by_x, sums[:, :first], sums[:, first:last] * sign_of(denominator))


def _grid(x: Tensor) -> tuple[int, int]:
    return triton.cdiv(len(x), ROWS), x.shape[1]


def _device_of(x: Tensor) -> Any:
    """Kernels start on the current device, which need not be the inputs'."""
    if x.is_cuda:
        return torch.cuda.device_of(x)
    if os.environ.get("TRITON_INTERPRET", "0") == "0":
        raise ValueError(f"x must be on a GPU for backend 'triton': got device {x.device}")
    return nullcontext()


def _constants(numerator: Tensor, denominator: Tensor) -> dict[str, Any]:
    return {"A": numerator.shape[1], "B": denominator.shape[1], "ROWS": ROWS, "COLUMNS": COLUMNS}


@_jit
def _forward_kernel(
    x_ptr: tl.tensor,
    a_ptr: tl.tensor,
    b_ptr: tl.tensor,
    out_ptr: tl.tensor,
    num_rows: tl.tensor,
    num_groups: tl.tensor,
    width: tl.tensor,
    A: tl.constexpr,
    B: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
) -> None:
    group = tl.program_id(1)
    rows = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)
    for start in range(0, width, COLUMNS):
        columns = start + tl.arange(0, COLUMNS)
        inside = (rows[:, None] < num_rows) & (columns[None, :] < width)
        places = (rows[:, None] * num_groups + group) * width + columns[None, :]
        top = tl.load(a_ptr + group * A + A - 1)
        x = tl.load(x_ptr + places, mask=inside, other=0.0).to(top.dtype)
        size = tl.abs(x)
        p = x * 0 + top
        for i in tl.static_range(1, A):
            p = p * x + tl.load(a_ptr + group * A + A - 1 - i)
        q = x * 0 + tl.abs(tl.load(b_ptr + group * B + B - 1))
        for i in tl.static_range(1, B):
            q = q * size + tl.abs(tl.load(b_ptr + group * B + B - 1 - i))
        q = q * size + 1
        tl.store(out_ptr + places, (p / q).to(out_ptr.dtype.element_ty), mask=inside)


@_jit
def _backward_kernel(
    x_ptr: tl.tensor,
    a_ptr: tl.tensor,
    b_ptr: tl.tensor,
    gradient_ptr: tl.tensor,
    by_x_ptr: tl.tensor,
    parts_ptr: tl.tensor,
    num_rows: tl.tensor,
    num_groups: tl.tensor,
    width: tl.tensor,
    SLOTS: tl.constexpr,
    A: tl.constexpr,
    B: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
) -> None:
    block, group = tl.program_id(0), tl.program_id(1)
    rows = block.to(tl.int64) * ROWS + tl.arange(0, ROWS)
    slots = tl.arange(0, SLOTS)
    top_a = tl.load(a_ptr + group * A + A - 1)
    top_b = tl.abs(tl.load(b_ptr + group * B + B - 1))
    sums = slots.to(top_a.dtype) * 0
    for start in range(0, width, COLUMNS):
        columns = start + tl.arange(0, COLUMNS)
        inside = (rows[:, None] < num_rows) & (columns[None, :] < width)
        places = (rows[:, None] * num_groups + group) * width + columns[None, :]
        x = tl.load(x_ptr + places, mask=inside, other=0.0).to(top_a.dtype)
        w = tl.load(gradient_ptr + places, mask=inside, other=0.0).to(top_a.dtype)
        size = tl.abs(x)
        p, p_slope = x * 0 + top_a, x * 0
        for i in tl.static_range(1, A):
            p_slope = p_slope * x + p
            p = p * x + tl.load(a_ptr + group * A + A - 1 - i)
        q, q_slope = x * 0 + top_b, x * 0
        for i in tl.static_range(1, B):
            q_slope = q_slope * size + q
            q = q * size + tl.abs(tl.load(b_ptr + group * B + B - 1 - i))
        q_slope = q_slope * size + q
        q = q * size + 1
        w = w / q
        wf = w * (p / q)
        turned = tl.where(x > 0, q_slope, tl.where(x < 0, -q_slope, q_slope * 0))
        by_x = w * p_slope - wf * turned
        tl.store(by_x_ptr + places, by_x.to(by_x_ptr.dtype.element_ty), mask=inside)
        for i in tl.static_range(0, A):
            sums += tl.where(slots == i, tl.sum(tl.sum(w, 1), 0), 0.0)
            w = w * x
        for i in tl.static_range(0, B):
            wf = wf * size
            sums -= tl.where(slots == A + i, tl.sum(tl.sum(wf, 1), 0), 0.0)
    tl.store(parts_ptr + (block * num_groups + group) * SLOTS + slots, sums)
