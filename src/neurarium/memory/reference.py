"""Weights of the authors' own packages, for people who hold their checkpoints."""

from __future__ import annotations

from collections.abc import Mapping
from functools import singledispatch

from torch import Tensor, nn


@singledispatch
def load_reference_state_dict(module: nn.Module, state_dict: Mapping[str, Tensor]) -> None:
    """Load parameters under the names of the authors' released code.

    Args:
        module: the module to fill in place.
        state_dict: name → tensor, as ``state_dict()`` of the authors' module gives it.

    Raises:
        TypeError: if no released counterpart of ``module`` is known.
        ValueError: for missing, unexpected or wrongly shaped tensors.
    """
    raise TypeError(
        f"module must have a released counterpart: got {type(module).__name__}; "
        "load its own weights with load_state_dict"
    )


# Each of these registers the mapping of its modules; they import this file, hence the place.
import neurarium.memory.hopfield_reference  # noqa: E402
import neurarium.memory.hopular_reference  # noqa: E402, F401
