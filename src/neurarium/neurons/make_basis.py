"""A basis from its name and arguments, checked before anything is made.

Families of https://arxiv.org/abs/2407.11075 are in :mod:`neurarium.neurons.bases`.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from neurarium.neurons.bases import BASES
from neurarium.neurons.basis import Basis


def make_basis(
    basis: str | Basis, num_features: int, arguments: Mapping[str, Any], **factory: Any
) -> Basis:
    """A basis from its name and arguments; a basis that is given passes through.

    Example:
        >>> make_basis("rbf", 3, {"degree": 2})
        Traceback (most recent call last):
        ValueError: degree must not be given for basis 'rbf': got 2; it takes grid_size, grid_range
    """
    if isinstance(basis, Basis):
        if basis.num_features != num_features:
            raise ValueError(
                f"basis must have {num_features} features: got one of {basis.num_features}"
            )
        if arguments:
            name = next(iter(arguments))
            raise ValueError(f"{name} must not be given beside a basis: got {arguments[name]!r}")
        return basis
    family = BASES.find(basis, "basis")
    hidden = ("num_features", "device", "dtype", "kind")
    known = [name for name in inspect.signature(family).parameters if name not in hidden]
    for name, value in arguments.items():
        if name not in known:
            raise ValueError(
                f"{name} must not be given for basis {basis!r}: got {value!r}; it takes "
                f"{', '.join(known)}"
            )
    made = family(num_features, **arguments, **factory)
    assert isinstance(made, Basis)
    return made
