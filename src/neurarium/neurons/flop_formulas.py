"""The FLOP formulas of KANbeFair (https://arxiv.org/abs/2407.16674), quoted as they are published.

They describe the recursion with every edge on its own: 202 for an edge of a KAN with G = 3, k = 3.
What a layer of this room needs is what :func:`neurarium.cost.count_macs` counts, about G + k + 1
multiply–accumulates an edge.
"""

from __future__ import annotations

ACTIVATION_FLOPS = {"relu": 1, "tanh": 6, "silu": 5, "gelu": 14}


def linear_flops(in_features: int, out_features: int, *, activation: str | None = None) -> float:
    """A linear layer and its activation, for one sample.

    Args:
        in_features: width of the input.
        out_features: width of the output.
        activation: relu, tanh, silu, gelu or None.

    Example:
        >>> linear_flops(10, 5, activation="gelu")
        170
    """
    return 2 * in_features * out_features + _activation(activation) * out_features


def kan_flops(
    in_features: int,
    out_features: int,
    *,
    grid_size: int = 5,
    degree: int = 3,
    base_activation: str | None = "silu",
) -> float:
    """A layer of B-splines on edges, for one sample.

    Args:
        in_features: width of the input.
        out_features: width of the output.
        grid_size: G.
        degree: k.
        base_activation: of the shortcut, None without one.

    Example:
        >>> kan_flops(1, 1, grid_size=3, base_activation=None)
        202.0
    """
    edges = in_features * out_features
    shortcut = 0.0
    if base_activation is not None:
        shortcut = _activation(base_activation) * in_features + 2 * edges
    return edges * (_recursion(grid_size, degree) + 1) + shortcut


def spline_mlp_flops(
    in_features: int, out_features: int, *, grid_size: int = 5, degree: int = 3
) -> float:
    """A linear layer with a B-spline for each neuron, for one sample.

    Args:
        in_features: width of the input.
        out_features: width of the output.
        grid_size: G.
        degree: k.

    Example:
        >>> spline_mlp_flops(10, 1, grid_size=3)
        220.0
    """
    linear = 2 * in_features * out_features
    return linear + out_features * (_recursion(grid_size, degree) - 1)


def _recursion(grid_size: int, degree: int) -> float:
    return 9 * degree * (grid_size + 1.5 * degree) + 2 * grid_size - 2.5 * degree


def _activation(name: str | None) -> int:
    if name is not None and name not in ACTIVATION_FLOPS:
        known = ", ".join(ACTIVATION_FLOPS)
        raise ValueError(f"activation must be one of {known} or None: got {name!r}")
    return 0 if name is None else ACTIVATION_FLOPS[name]
