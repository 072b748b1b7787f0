"""Values that a forward pass takes for granted, checked on demand."""

from __future__ import annotations

import inspect
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves


def check_inputs(module: nn.Module, *inputs: Any, **kwargs: Any) -> None:
    """Look at the *values* of what a module is about to be given; forwards only look at shapes.

    Args:
        module: whose parameters the inputs must go with.
        *inputs: what its forward takes.
        **kwargs: what its forward takes by keyword. Arguments called ``edge_index`` must hold a
            valid graph.

    Shapes:
        Those of the module's forward.

    Raises:
        TypeError: a floating-point input has another dtype than the parameters.
        ValueError: NaN, an infinity, a negative index, another device, or an edge that has no
            reverse, occurs twice or leads to a node that does not exist: with its place.

    Example:
        >>> check_inputs(nn.Linear(2, 1), torch.tensor([[1.0, float("nan")]]))
        Traceback (most recent call last):
        ValueError: input must be finite: got nan at (0, 1)
    """
    try:
        bound = inspect.signature(module.forward).bind(*inputs, **kwargs).arguments
    except TypeError as error:
        raise TypeError(f"inputs must fit {type(module).__name__}.forward: {error}") from None
    parameter = next(module.parameters(), None)
    for name, value in bound.items():
        for leaf in tree_leaves(value):
            if isinstance(leaf, Tensor):
                _check_kind(name, leaf, parameter)
                _check_values(name, leaf)
    nodes = next((len(v) for v in bound.values() if isinstance(v, Tensor) and v.ndim), 0)
    if isinstance(edges := bound.get("edge_index"), Tensor):
        _check_edges(edges, nodes)


def _check_values(name: str, value: Tensor) -> None:
    if value.is_floating_point() or value.is_complex():
        wrong, condition = ~value.isfinite(), "finite"
    elif value.dtype != torch.bool:
        wrong, condition = value < 0, "indices from 0 on"
    else:
        return
    if wrong.any():
        place = tuple(wrong.nonzero()[0].tolist())
        raise ValueError(f"{name} must be {condition}: got {value[place].item()} at {place}")


def _check_kind(name: str, value: Tensor, parameter: Tensor | None) -> None:
    if parameter is None:
        return
    if value.device != parameter.device:
        raise ValueError(f"{name} must be on {parameter.device}: got {value.device}")
    if value.is_floating_point() and value.dtype != parameter.dtype:
        raise TypeError(f"{name} must be {parameter.dtype}, as the parameters: got {value.dtype}")


def _check_edges(edges: Tensor, num_nodes: int) -> None:
    pairs = [(int(a), int(b)) for a, b in edges.T.tolist()]
    seen: set[tuple[int, int]] = set()
    for pair in pairs:
        if max(pair) >= num_nodes:
            raise ValueError(f"edge_index must hold nodes below {num_nodes}: got edge {pair}")
        if pair in seen:
            raise ValueError(f"edge_index must hold every edge once: got {pair} twice")
        seen.add(pair)
    for a, b in pairs:
        if (b, a) not in seen:
            raise ValueError(f"edge_index must hold both directions: got {(a, b)} without reverse")
