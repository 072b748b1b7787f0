"""The networks compared with AF-KAN: ``fn(in_features, num_classes) -> module``."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import nn

from neurarium.baselines import MLP
from neurarium.cost import count_parameters
from neurarium.evaluation import match_width
from neurarium.neurons import KAN

HIDDEN = 64


def af_kan(in_features: int, num_classes: int, **arguments: Any) -> nn.Module:
    """Two layers with nothing between them."""
    return KAN([in_features, HIDDEN, num_classes], layer="af", **arguments)


def mlp(in_features: int, num_classes: int, *, norm: bool) -> nn.Module:
    """SiLU between two layers; with ``norm``, LayerNorm and SiLU before both, as in AF-KAN."""
    if not norm:
        return MLP(in_features, num_classes, HIDDEN, activation="silu")
    first = nn.LayerNorm(in_features), nn.SiLU(), nn.Linear(in_features, HIDDEN)
    return nn.Sequential(*first, nn.LayerNorm(HIDDEN), nn.SiLU(), nn.Linear(HIDDEN, num_classes))


def kan(in_features: int, num_classes: int, *, layer: str, equal: bool) -> nn.Module:
    """A KAN of the same structure, or as wide as AF-KAN's parameters allow."""
    arguments: dict[str, Any] = {} if layer == "bspline" else {"norm": "layer"}  # as published
    if layer == "relu_kan":
        arguments |= {"grid_size": 3, "order": 3}

    def build(width: int) -> nn.Module:
        return KAN([in_features, width, num_classes], layer=layer, **arguments)

    if not equal:
        return build(HIDDEN)
    state = torch.get_rng_state()
    width = match_width(build, count_parameters(af_kan(in_features, num_classes)))
    torch.set_rng_state(state)
    return build(width)


EQUAL_PARAMETERS = {
    "relu_kan_equal": "a ReLU-KAN",
    "bspline_equal": "a B-spline KAN",
    "rbf_equal": "a Gaussian KAN",
}
"""KANs with AF-KAN's number of parameters, and what they are called."""

SAME_STRUCTURE = {
    "relu_kan": "a ReLU-KAN",
    "bspline": "a B-spline KAN",
    "rbf": "a Gaussian KAN",
}
"""KANs with AF-KAN's widths."""

METHODS: dict[str, Callable[..., nn.Module]] = {
    "af_kan": af_kan,
    "af_kan_batch": partial(af_kan, feature_norm="batch"),
    "af_kan_spatial": partial(af_kan, reduction="spatial"),
    "af_kan_multistep": partial(af_kan, reduction="multistep"),
    "mlp": partial(mlp, norm=False),
    "mlp_norm": partial(mlp, norm=True),
    "mlp_norm_long": partial(mlp, norm=True),
    **{name: partial(kan, layer=name, equal=False) for name in SAME_STRUCTURE},
    **{name: partial(kan, layer=name[: -len("_equal")], equal=True) for name in EQUAL_PARAMETERS},
}


def is_long(method: str) -> bool:
    """Whether a method is trained for more epochs, to spend as many seconds as AF-KAN.

    Example:
        >>> is_long("mlp_norm_long"), is_long("mlp_norm")
        (True, False)
    """
    return method.endswith("_long")
