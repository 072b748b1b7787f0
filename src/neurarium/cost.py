"""One way to count for everyone: parameters, multiply–accumulates, seconds."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import nn

__all__ = ["Macs", "count_macs", "count_parameters", "time_forward"]


@dataclass(frozen=True)
class Macs:
    """The multiply–accumulates of one forward pass.

    Args:
        total: of the whole model.
        per_layer: a module's path (``""`` is the model itself) → what it does outside of its
            children; layers without any are left out, and the values add up to ``total``.
    """

    total: int
    per_layer: Mapping[str, int]


def count_parameters(model: nn.Module) -> int:
    """The number of trainable values; a shared tensor counts once.

    Example:
        >>> count_parameters(nn.Linear(3, 2))
        8
    """
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def count_macs(model: nn.Module, *inputs: Any, **kwargs: Any) -> Macs:
    """The multiply–accumulates of ``model(*inputs, **kwargs)``.

    Matrix products, convolutions and attention count; elementwise work, norms and softmaxes do
    not. A layer whose work torch cannot see (a sparse kernel, a spiking layer where only spikes
    cost) defines ``macs(*inputs, **kwargs) -> int``, which then stands for all that it contains.
    A copy of the model is run, in the mode the model is in, so nothing of the model changes.

    Args:
        model: any module.
        *inputs: what its forward takes.
        **kwargs: what its forward takes by keyword.

    Returns:
        The total and what each layer contributes.

    Example:
        >>> model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
        >>> count_macs(model, torch.ones(5, 3))
        Macs(total=100, per_layer={'0': 60, '2': 40})
    """
    from torch.utils.flop_counter import FlopCounterMode

    model = copy.deepcopy(model)
    per_layer: dict[str, int] = {}
    counter = FlopCounterMode(display=False, custom_mapping=_missing_formulas())
    _attribute(model, lambda: counter.get_total_flops() // 2, per_layer)
    with _products_in_sight(), torch.random.fork_rng(devices=[]), torch.no_grad(), counter:
        model(*inputs, **kwargs)
    per_layer = {name: macs for name, macs in per_layer.items() if macs}
    return Macs(sum(per_layer.values()), per_layer)


def time_forward(fn: Callable[[], object]) -> float:
    """Median seconds of a call, over as many calls as fit into about 0.2 seconds.

    Accelerators are waited for. For a comparison of two functions, interleave their calls.

    Example:
        >>> layer, x = nn.Linear(8, 8), torch.ones(1, 8)
        >>> 0 < time_forward(lambda: layer(x)) < 1
        True
    """
    from torch.utils.benchmark import Timer

    timer = Timer("fn()", globals={"fn": fn}, num_threads=torch.get_num_threads())
    return float(timer.blocked_autorange(min_run_time=0.2).median)


@dataclass
class _Frame:
    """A module call under way: the count when it began, its children's share, its own claim."""

    start: int
    children: int = 0
    declared: int | None = None


def _attribute(model: nn.Module, count: Callable[[], int], per_layer: dict[str, int]) -> None:
    """Hook every module so that it books what was counted during its call, less its children."""
    stack: list[_Frame] = []

    def enter(module: nn.Module, args: tuple, kwargs: dict[str, Any]) -> None:
        inside_declared = any(frame.declared is not None for frame in stack)
        frame = _Frame(count())
        if not inside_declared and hasattr(module, "macs"):
            frame.declared = int(cast(Any, module).macs(*args, **kwargs))
        stack.append(frame)

    def leave(name: str) -> Callable[..., None]:
        def hook(module: nn.Module, args: tuple, kwargs: dict[str, Any], output: Any) -> None:
            frame = stack.pop()
            measured = count() - frame.start
            if stack:
                stack[-1].children += measured
            if any(outer.declared is not None for outer in stack):
                return
            own = measured - frame.children if frame.declared is None else frame.declared
            per_layer[name] = per_layer.get(name, 0) + own

        return hook

    for name, module in model.named_modules():
        module.register_forward_pre_hook(enter, with_kwargs=True)
        module.register_forward_hook(leave(name), with_kwargs=True)


@contextmanager
def _products_in_sight() -> Iterator[None]:
    """Without the fused kernels of attention and recurrent layers, which hide their products."""
    fast_path = torch.backends.mha.get_fastpath_enabled()
    onednn = torch.backends.mkldnn.is_available() and torch.backends.mkldnn.enabled
    torch.backends.mha.set_fastpath_enabled(False)
    torch.backends.mkldnn.set_flags(_enabled=False)
    try:
        with torch.backends.cudnn.flags(enabled=False):
            yield
    finally:
        torch.backends.mkldnn.set_flags(_enabled=onednn)
        torch.backends.mha.set_fastpath_enabled(fast_path)


def _missing_formulas() -> dict[Any, Callable[..., int]]:
    """Kernels that torch's counter has no formula for, in its unit of two per product."""
    from torch.utils.flop_counter import sdpa_flop_count

    aten = torch.ops.aten

    def attention(query: Any, key: Any, value: Any, *_: Any, **__: Any) -> int:
        return int(sdpa_flop_count(query, key, value))

    def matrix_vector(matrix: Any, vector: Any, *_: Any, **__: Any) -> int:
        return int(2 * matrix[0] * matrix[1])

    def add_matrix_vector(bias: Any, matrix: Any, vector: Any, *_: Any, **__: Any) -> int:
        return int(2 * matrix[0] * matrix[1])

    def dot(a: Any, b: Any, *_: Any, **__: Any) -> int:
        return int(2 * a[0])

    return {
        aten._scaled_dot_product_flash_attention_for_cpu: attention,
        aten.mv: matrix_vector,
        aten.addmv: add_matrix_vector,
        aten.dot: dot,
    }
