r"""The quadratic form of a layer, q = (W_r x + b_r)(W_g x + b_g) + W_b x² + c, and its gradient.

On Expressivity and Trainability of Quadratic Networks (https://arxiv.org/abs/2110.06081), Eq. 1.
Autograd would keep x, x² and both factors; here x² is computed again in the backward pass, both
factors' weights get their gradient from one product, and the gradients of the input are summed
where they are computed. Second derivatives, ``torch.func`` and ``torch.compile`` see plain
operations.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from neurarium.neurons.autocast import unmixed
from neurarium.neurons.tracing import is_traced

Found = tuple[Tensor | None, ...]


@dataclass(frozen=True)
class Geometry:
    """How a branch is applied: a linear map, or a convolution with these numbers.

    Args:
        dimensions: 0 for a linear map, else those of the convolution.
        stride: as in ``torch.nn.Conv2d``.
        padding: as in ``torch.nn.Conv2d``.
        dilation: as in ``torch.nn.Conv2d``.
        groups: as in ``torch.nn.Conv2d``.
    """

    dimensions: int = 0
    stride: tuple[int, ...] = ()
    padding: tuple[int, ...] = ()
    dilation: tuple[int, ...] = ()
    groups: int = 1

    def apply(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """One branch."""
        if self.dimensions == 0:
            return F.linear(x, weight, bias)
        convolve: Any = F.conv1d if self.dimensions == 1 else F.conv2d
        return convolve(x, weight, bias, self.stride, self.padding, self.dilation, self.groups)

    def back(
        self, gradient: Tensor, x: Tensor, weight: Tensor, needed: tuple[bool, bool]
    ) -> tuple[Tensor | None, Tensor | None]:
        """Gradients of a branch's input and weight, those that are needed."""
        if self.dimensions == 0:
            rows, inputs = (t.reshape(-1, t.shape[-1]) for t in (gradient, x))
            found = (rows @ weight).view(x.shape) if needed[0] else None
            return found, rows.mT @ inputs if needed[1] else None
        dx, dw, _ = torch.ops.aten.convolution_backward(
            gradient, x, weight, None, self.stride, self.padding, self.dilation, False,
            [0] * self.dimensions, self.groups, [*needed, False],
        )  # fmt: skip
        return dx, dw

    def channels(self, x: Tensor) -> Tensor:
        """A gradient summed over everything but outputs: that of a bias."""
        if self.dimensions == 0:
            return x.reshape(-1, x.shape[-1]).sum(0)
        return x.sum([dim for dim in range(x.ndim) if dim != 1])


LINEAR = Geometry()


def quadratic_product(
    x: Tensor,
    linear: tuple[Tensor, Tensor | None],
    interaction: tuple[Tensor, Tensor],
    square: tuple[Tensor, Tensor | None],
    geometry: Geometry = LINEAR,
) -> Tensor:
    r"""(W_r x + b_r) ⊙ (W_g x + b_g) + W_b x² + c.

    Args:
        x: the input; (N, …, in) for a linear map, (N, in, …) for a convolution.
        linear: W_r and b_r.
        interaction: W_g and b_g.
        square: W_b and c.
        geometry: what the maps are.

    Example:
        >>> x = torch.tensor([[1.0, -1.0], [-1.0, -1.0]])
        >>> first, second = torch.eye(2).split(1)
        >>> zero = torch.zeros(1)
        >>> quadratic_product(x, (first, zero), (second, zero), (0 * first, zero))  # XOR
        tensor([[-1.],
                [ 1.]])
    """
    tensors = (x, *linear, *interaction, *square)
    if is_traced():
        return _plain(geometry, *tensors)
    return _Quadratic.apply(geometry, *tensors)


def _plain(
    geometry: Geometry, x: Tensor, w_r: Tensor, b_r: Tensor | None, w_g: Tensor, b_g: Tensor,
    w_b: Tensor, c: Tensor | None,
) -> Tensor:  # fmt: skip
    product = geometry.apply(x, w_r, b_r) * geometry.apply(x, w_g, b_g)
    return product + geometry.apply(x * x, w_b, c)


class _Quadratic(torch.autograd.Function):
    """:func:`quadratic_product`, keeping x and the two factors."""

    @staticmethod
    def forward(
        ctx: Any, geometry: Geometry, x: Tensor, w_r: Tensor, b_r: Tensor | None, w_g: Tensor,
        b_g: Tensor, w_b: Tensor, c: Tensor | None,
    ) -> Tensor:  # fmt: skip
        factor, gate = geometry.apply(x, w_r, b_r), geometry.apply(x, w_g, b_g)
        ctx.geometry = geometry
        ctx.save_for_backward(x, w_r, b_r, w_g, b_g, w_b, c, factor, gate)
        return geometry.apply(x * x, w_b, c).addcmul_(factor, gate)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Found:
        saved = ctx.saved_tensors  # once: under gradient checkpointing there is no second time
        tensors, factors = saved[:7], saved[7:]
        needed = ctx.needs_input_grad[1:]
        with unmixed(gradients[0].device.type):
            batched = torch._C._functorch.is_legacy_batchedtensor(gradients[0])
            if torch.is_grad_enabled() or batched:  # second derivatives, many gradients at once
                found = _differentiable(ctx.geometry, tensors, needed, gradients[0])
            else:
                found = _direct(ctx.geometry, tensors, factors, needed, gradients[0])
        return (None, *found)


def _differentiable(
    geometry: Geometry, tensors: tuple[Tensor | None, ...], needed: tuple[bool, ...], dq: Tensor
) -> Found:
    again = torch.is_grad_enabled()
    copies = [
        t if t is None else t.view_as(t) if again else t.detach().requires_grad_(need)
        for t, need in zip(tensors, needed, strict=True)
    ]
    with torch.enable_grad():
        q = _plain(geometry, *copies)  # type: ignore[arg-type]
    wanted = [copy for copy, need in zip(copies, needed, strict=True) if need and copy is not None]
    found = iter(torch.autograd.grad(q, wanted, dq, create_graph=again))
    return tuple(next(found) if need else None for need in needed)


def _direct(
    geometry: Geometry,
    tensors: tuple[Tensor, ...],
    factors: tuple[Tensor, ...],
    needed: tuple[bool, ...],
    dq: Tensor,
) -> Found:
    x, w_r, _, w_g, _, w_b, _ = tensors
    factor, gate = factors
    axis = dq.ndim - 1 if geometry.dimensions == 0 else 1
    width = dq.shape[axis]
    both = torch.empty(
        *dq.shape[:axis], 2 * width, *dq.shape[axis + 1 :], dtype=dq.dtype, device=dq.device
    )
    d_factor, d_gate = both.split(width, axis)
    torch.mul(dq, gate, out=d_factor)
    torch.mul(dq, factor, out=d_gate)
    if geometry.groups == 1:
        weights = needed[1] or needed[3]
        dx, dw = geometry.back(both, x, torch.cat([w_r, w_g]), (needed[0], weights))
        dw_r, dw_g = (None, None) if dw is None else dw.split(width)
    else:
        dx, dw_r = geometry.back(d_factor, x, w_r, (needed[0], needed[1]))
        other, dw_g = geometry.back(d_gate, x, w_g, (needed[0], needed[3]))
        dx = dx if dx is None or other is None else dx + other
    dx_square, dw_b = geometry.back(dq, x * x, w_b, (needed[0], needed[5]))
    if dx is not None and dx_square is not None:
        dx = dx.addcmul_(x, dx_square, value=2)
    sums = (
        geometry.channels(gradient) if need else None
        for gradient, need in ((d_factor, needed[2]), (d_gate, needed[4]), (dq, needed[6]))
    )
    db_r, db_g, dc = sums
    return dx, dw_r if needed[1] else None, db_r, dw_g if needed[3] else None, db_g, dw_b, dc
