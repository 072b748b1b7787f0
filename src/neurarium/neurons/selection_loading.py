"""How a selectable layer takes the state of a pruned one: it becomes that layer.

The third stage of S-KAN (https://arxiv.org/abs/2408.08338) replaces layers. A state says which
families are left, and where, so that a model which is made anew can load it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from torch import Tensor, nn


class SavedChoice(NamedTuple):
    """What a pruned layer's state says of its structure.

    Args:
        features: number of them.
        out: number of outputs.
        chosen: name of a basis → positions of its features.
        places: name of a basis → positions of its weights, where not all are there.
    """

    features: int
    out: int
    chosen: dict[str, list[int]]
    places: dict[str, list[int]]


def saved_choice(state: Mapping[str, Any], prefix: str) -> SavedChoice | None:
    """The structure of a pruned layer, from its masks; None where the state has none.

    Example:
        >>> import torch
        >>> from neurarium.neurons.selected import SelectedKANLinear
        >>> layer = SelectedKANLinear(3, 2, chosen={"rbf": [0, 2], "relu": [1]})
        >>> saved_choice(layer.state_dict(), "").chosen
        {'rbf': [0, 2], 'relu': [1]}
    """
    start, end = f"{prefix}families.", ".which"
    names = [k[len(start) : -len(end)] for k in state if k.startswith(start) and k.endswith(end)]
    if not names:
        return None
    chosen, places, features, out = {}, {}, 0, 0
    for name in names:
        which: Tensor = state[f"{start}{name}{end}"]
        features = len(which)
        chosen[name] = which.nonzero().flatten().tolist()
        mask = state.get(f"{start}{name}.has")
        if mask is None:
            out = len(state[f"{start}{name}.coefficients"])
        else:
            out = len(mask)
            places[name] = mask.flatten().nonzero().flatten().tolist()
    return SavedChoice(features, out, chosen, places)


def become(layer: nn.Module, other: nn.Module) -> None:
    """Turn a layer into another one in place, as ``torch.nn.LazyLinear`` turns into ``Linear``.

    Hooks and the mode stay those of the layer.

    Example:
        >>> layer = nn.Linear(2, 3)
        >>> become(layer, nn.Linear(4, 1))
        >>> layer
        Linear(in_features=4, out_features=1, bias=True)
    """
    other.train(layer.training)
    hooks = {name: value for name, value in vars(layer).items() if name.endswith("_hooks")}
    vars(layer).clear()
    vars(layer).update(vars(other) | hooks)
    layer.__class__ = type(other)
