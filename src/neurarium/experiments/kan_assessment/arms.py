"""The arms: MLPs, and every Kolmogorov–Arnold layer of the library, behind one constructor.

The MLPs carry the assessment's comparison, the splines on neurons its causal claim
(KANbeFair, https://arxiv.org/abs/2407.16674). An arm is built from widths and settings; what may be
tuned besides the optimiser's settings is its own: activations of MLPs, numbers of basis functions.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from torch import nn

from neurarium.baselines import MLP
from neurarium.neurons.flop_formulas import kan_flops, linear_flops, spline_mlp_flops
from neurarium.neurons.kan import KAN

GRID_RANGE = (-2.0, 2.0)
"""Where standardised inputs mostly lie; B-splines on edges move to the training rows anyway."""
RANGED = ("bspline", "spline_mlp", "spline_first_mlp", "relu")
"""Layers whose own range is another one."""
POOL, POOL_FUNCTIONS = ("bspline", "rbf", "chebyshev"), 21
"""Families of a selectable layer, and their 8, 8 and 5 functions: with more, widths are too few."""
NORM = "batch"
"""In front of every layer whose functions keep their range: B-splines on edges move theirs instead,
and MLPs, with splines on neurons or without, have linear maps that learn to fill it. AF-KAN has it
where its authors have a norm, behind its windows."""
WINDOW_ORDER = 3
"""Windows of AF-KAN beyond its grid."""


@dataclass(frozen=True)
class Arm:
    """One way to build a network.

    Args:
        build: ``build(sizes, **settings)`` → a network of these widths.
        space: setting → values; the first of each is the default.
        flops: ``flops(in, out, is_last, **settings)`` of one layer and one sample.
        counts: how FLOPs are counted: by ``"KANbeFair"``'s formula, or our own ``"operations"``.
    """

    build: Callable[..., nn.Module]
    space: Mapping[str, Sequence[Any]]
    flops: Callable[..., float]
    counts: str = "KANbeFair"

    def defaults(self) -> dict[str, Any]:
        """The first value of every setting."""
        return {name: values[0] for name, values in self.space.items()}

    def choices(self) -> Iterator[dict[str, Any]]:
        """Every combination of its settings."""
        for values in itertools.product(*self.space.values()):
            yield dict(zip(self.space, values, strict=True))

    def own(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Those settings that the network is built from."""
        return {name: settings[name] for name in self.space}

    def total_flops(self, sizes: Sequence[int], settings: Mapping[str, Any]) -> float:
        """Of one sample's forward pass."""
        pairs = list(itertools.pairwise(sizes))
        own = self.own(settings)
        return sum(
            self.flops(inner, outer, place == len(pairs) - 1, **own)
            for place, (inner, outer) in enumerate(pairs)
        )


def _mlp(sizes: Sequence[int], *, activation: str) -> nn.Module:
    first, *hidden, last = sizes
    return MLP(first, last, tuple(hidden), activation=activation)


def _mlp_flops(inner: int, outer: int, is_last: bool, *, activation: str) -> float:
    return linear_flops(inner, outer, activation=None if is_last else activation)


def _kan(sizes: Sequence[int], *, layer: str, **settings: Any) -> nn.Module:
    if layer in RANGED:
        settings["grid_range"] = GRID_RANGE
    return KAN(list(sizes), layer=layer, **settings)


def _spline_kan_flops(inner: int, outer: int, is_last: bool, *, grid_size: int) -> float:
    return kan_flops(inner, outer, grid_size=grid_size)


def _spline_mlp_flops(inner: int, outer: int, is_last: bool, *, grid_size: int) -> float:
    return spline_mlp_flops(inner, outer, grid_size=grid_size)


def _basis_flops(
    inner: int, outer: int, is_last: bool, *, functions: Callable[[int], int], **settings: int
) -> float:
    """A product and a sum for each function of each edge, and the base function's.

    KANbeFair has no formula for these families; evaluating a function costs inputs only.
    """
    (size,) = settings.values()
    return 2.0 * inner * outer * (functions(size) + 1) + 10.0 * inner * functions(size)


def _rational_flops(inner: int, outer: int, is_last: bool, *, init: str) -> float:
    """A linear layer, and for each input two polynomials by Horner's rule and a division."""
    return linear_flops(inner, outer) + 20.0 * inner


def _window_flops(inner: int, outer: int, is_last: bool, *, grid_size: int) -> float:
    """A linear layer, and for each input its windows, normalised and summed."""
    return linear_flops(inner, outer) + 10.0 * inner * (grid_size + WINDOW_ORDER)


def _pool_flops(inner: int, outer: int, is_last: bool, *, granularity: str) -> float:
    """As :func:`_basis_flops`, with the functions of all families."""
    return _basis_flops(inner, outer, is_last, functions=_same, pool=POOL_FUNCTIONS)


def _same(size: int) -> int:
    return size


def _twice(size: int) -> int:
    return 2 * size


def _family(
    layer: str, setting: str, values: Sequence[int], functions: Callable[[int], int]
) -> Arm:
    return Arm(
        partial(_kan, layer=layer, norm=NORM),
        {setting: values},
        partial(_basis_flops, functions=functions),
        "operations",
    )


def _spline(layer: str) -> Arm:
    return Arm(partial(_kan, layer=layer), {"grid_size": (5, 3, 10)}, _spline_mlp_flops)


ARMS: dict[str, Arm] = {
    "mlp": Arm(_mlp, {"activation": ("gelu", "relu", "silu")}, _mlp_flops),
    "kan": Arm(
        partial(_kan, layer="bspline", init="pykan"), {"grid_size": (5, 3, 10)}, _spline_kan_flops
    ),
    "spline_mlp": _spline("spline_mlp"),
    "spline_first_mlp": _spline("spline_first_mlp"),
    "rbf": _family("rbf", "grid_size", (8, 5, 12), _same),
    "chebyshev": _family("chebyshev", "degree", (4, 3, 6), _same),
    "fourier": _family("fourier", "grid_size", (3, 2, 5), _twice),
    "wavelet": _family("mexican_hat", "grid_size", (8, 5, 12), _same),
    "relu": _family("relu", "grid_size", (5, 3, 8), _same),
    "af": Arm(
        partial(_kan, layer="af", norm=NORM), {"grid_size": (3, 2, 5)}, _window_flops, "operations"
    ),
    "rational": Arm(
        partial(_kan, layer="grkan", num_groups=1),
        {"init": ("swish", "gelu", "identity")},
        _rational_flops,
        "operations",
    ),
    "selectable": Arm(
        partial(
            _kan,
            layer="selectable",
            norm=NORM,
            bases=POOL,
            basis_arguments={"bspline": {"grid_range": GRID_RANGE}},
        ),
        {"granularity": ("node", "layer", "edge")},
        _pool_flops,
        "operations",
    ),
}
"""Name → arm; ``kan`` has the B-splines of the paper and starts as its authors' pykan does."""

CORE_ARMS = ("mlp", "kan", "spline_mlp", "spline_first_mlp")
"""Those that the assessment's claims are about."""
