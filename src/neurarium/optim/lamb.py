"""LAMB: Adam whose step is scaled, tensor by tensor, to the size of the weights it changes.

You et al., "Large Batch Optimization for Deep Learning: Training BERT in 76 minutes",
https://arxiv.org/abs/1904.00962, in the variant that Hopular (https://arxiv.org/abs/2206.00664)
trains with: the bias correction scales the step instead of the direction, and the norm of the
weights is clamped.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any, overload

import torch
from torch import Tensor
from torch.optim import Optimizer


class Lamb(Optimizer):
    r"""Layer-wise adaptive moments, one trust ratio for every parameter tensor.

    `Large Batch Optimization for Deep Learning <https://arxiv.org/abs/1904.00962>`_, as used by
    `Hopular <https://arxiv.org/abs/2206.00664>`_. With moments :math:`m, v` of the gradient,

    .. math::
        u = \frac{m}{\sqrt v + \epsilon} + \lambda w, \qquad
        w \leftarrow w - \eta\, \frac{\sqrt{1 - \beta_2^t}}{1 - \beta_1^t}\,
        \frac{\min(\lVert w \rVert, c)}{\lVert u \rVert}\, u .

    A tensor whose weights or whose update are all zero takes the ratio 1. So a tensor moves by
    about ``lr`` times its own norm: short trainings need a larger ``lr`` than with Adam.

    Args:
        params: tensors or groups of them, as every :class:`torch.optim.Optimizer` takes.
        lr: the share of its norm, :math:`\eta`, that a tensor moves in a step.
        betas: decay of the first and the second moment.
        eps: added to :math:`\sqrt v`.
        weight_decay: :math:`\lambda`, inside the trust ratio.
        max_weight_norm: :math:`c`, the largest norm that counts; ``math.inf`` for no clamp.
        trust_clip: the largest trust ratio; None for no limit.

    Shapes:
        Any; zero-dimensional tensors have one trust ratio each like all others.

    Raises:
        ValueError: a setting out of its range.
        RuntimeError: a gradient is sparse or complex.

    Example:
        >>> weight = torch.nn.Parameter(torch.tensor([3.0, 4.0]))
        >>> optimizer = Lamb([weight], lr=0.1, weight_decay=0.0)
        >>> weight.square().sum().backward()
        >>> optimizer.step()
        >>> round((weight - torch.tensor([3.0, 4.0])).norm().item() / 5.0, 4)  # lr √(1-β₂)/(1-β₁)
        0.0316
    """

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[dict[str, Any]],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-6,
        weight_decay: float = 0.1,
        *,
        max_weight_norm: float = 10.0,
        trust_clip: float | None = None,
    ) -> None:
        _check_setting("lr", lr, lr >= 0)
        for beta in betas:
            if not 0 <= beta < 1:
                raise ValueError(f"betas must lie in [0, 1): got {tuple(betas)}")
        _check_setting("eps", eps, eps >= 0)
        _check_setting("weight_decay", weight_decay, weight_decay >= 0)
        if not max_weight_norm > 0:
            raise ValueError(f"max_weight_norm must be positive: got {max_weight_norm}")
        if trust_clip is not None and not trust_clip > 0:
            raise ValueError(f"trust_clip must be positive or None: got {trust_clip}")
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "max_weight_norm": max_weight_norm,
            "trust_clip": trust_clip,
        }
        super().__init__(params, defaults)

    @overload
    def step(self, closure: None = None) -> None: ...

    @overload
    def step(self, closure: Callable[[], float]) -> float: ...

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """Move every parameter that has a gradient; returns what ``closure`` returned."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            params = [p for p in group["params"] if p.grad is not None]
            for p in params:
                self._check_gradient(p.grad)
                if not self.state[p]:
                    self.state[p]["step"] = torch.zeros((), dtype=torch.float32)
                    self.state[p]["exp_avg"] = torch.zeros_like(p)
                    self.state[p]["exp_avg_sq"] = torch.zeros_like(p)
            for tensors in _by_device_and_dtype(params):
                self._update(tensors, group)
        return loss

    def _update(self, params: list[Tensor], group: dict[str, Any]) -> None:
        beta1, beta2 = group["betas"]
        states = [self.state[p] for p in params]
        grads = [p.grad for p in params if p.grad is not None]
        exp_avgs = [state["exp_avg"] for state in states]
        exp_avg_sqs = [state["exp_avg_sq"] for state in states]
        torch._foreach_lerp_(exp_avgs, grads, 1 - beta1)
        torch._foreach_mul_(exp_avg_sqs, beta2)
        torch._foreach_addcmul_(exp_avg_sqs, grads, grads, 1 - beta2)

        updates = list(torch._foreach_sqrt(exp_avg_sqs))  # the one allocation, then in place
        torch._foreach_add_(updates, group["eps"])
        torch._foreach_reciprocal_(updates)
        torch._foreach_mul_(updates, exp_avgs)
        if group["weight_decay"]:
            torch._foreach_add_(updates, params, alpha=group["weight_decay"])

        steps = [state["step"] for state in states]
        torch._foreach_add_(steps, 1.0)
        sizes = []
        for t, ratio in zip(steps, _trust_ratios(params, updates, group), strict=True):
            correction = math.sqrt(1 - beta2 ** t.item()) / (1 - beta1 ** t.item())
            sizes.append(-float(group["lr"]) * correction * ratio)
        torch._foreach_mul_(updates, sizes)
        torch._foreach_add_(params, updates)

    @staticmethod
    def _check_gradient(gradient: Tensor) -> None:
        if gradient.is_sparse or gradient.is_complex():
            kind = "sparse" if gradient.is_sparse else str(gradient.dtype)
            raise RuntimeError(
                f"gradients must be dense and real: got {kind}; use another optimizer"
            )


def _trust_ratios(
    params: list[Tensor], updates: list[Tensor], group: dict[str, Any]
) -> list[float]:
    """min(‖w‖, c) / ‖u‖ of every tensor, 1 where either is zero; read in one transfer."""
    dtype = torch.promote_types(params[0].dtype, torch.float32)  # half norms would overflow
    weight_norms = torch.stack(torch._foreach_norm(params, 2, dtype))
    update_norms = torch.stack(torch._foreach_norm(updates, 2, dtype))
    ratios = weight_norms.clamp(max=group["max_weight_norm"]) / update_norms
    ratios = ratios.where((weight_norms > 0) & (update_norms > 0), 1.0)
    if group["trust_clip"] is not None:
        ratios = ratios.clamp(max=group["trust_clip"])
    return ratios.tolist()


def _by_device_and_dtype(params: list[Tensor]) -> Iterable[list[Tensor]]:
    groups: dict[tuple[torch.device, torch.dtype], list[Tensor]] = {}
    for p in params:
        groups.setdefault((p.device, p.dtype), []).append(p)
    return groups.values()


def _check_setting(name: str, value: float, in_range: bool) -> None:
    if not in_range:
        raise ValueError(f"{name} must not be negative: got {value}")
