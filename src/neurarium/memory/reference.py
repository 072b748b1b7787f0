"""Weights of the authors' own packages, for people who hold their checkpoints.

``hflayers`` of Ramsauer et al. (arXiv 2008.02217), ``hopular`` of Schäfl et al. (arXiv 2206.00664).
"""

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

    Example:
        >>> import torch
        >>> from neurarium.memory import Hopfield
        >>> plain = {"norm_state": None, "norm_stored": None, "norm_values": None, "bias": False}
        >>> layer = Hopfield(4, **plain)
        >>> theirs = {"in_proj_weight": torch.ones(12, 4), "out_proj.weight": torch.eye(4)}
        >>> load_reference_state_dict(
        ...     layer, {f"association_core.{name}": tensor for name, tensor in theirs.items()}
        ... )
        >>> layer.heads.stored.weight.mean().item()
        1.0
    """
    raise TypeError(
        f"module must have a released counterpart: got {type(module).__name__}; "
        "load its own weights with load_state_dict"
    )


# Each of these registers the mapping of its modules; they import this file, hence the place.
import neurarium.memory.hopfield_reference  # noqa: E402
import neurarium.memory.hopular_reference  # noqa: E402, F401
