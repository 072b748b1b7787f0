r"""Families of functions, each of some of the features: what selected layers have in common.

The third stage of S-KAN (https://arxiv.org/abs/2408.08338).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from neurarium.memory.activation import Activation
from neurarium.neurons.basis import Basis
from neurarium.neurons.edge_activation import require_edge_activation
from neurarium.neurons.make_basis import make_basis
from neurarium.neurons.selection import POOL_ARGUMENTS, Selection
from neurarium.neurons.selection_checks import require_arguments, require_chosen, require_positions
from neurarium.neurons.selection_loading import SavedChoice, become, saved_choice

Chosen = Mapping[str, Sequence[int]]


class SelectedFamily(nn.Module):
    """A family of functions of some of the features.

    Args:
        basis: functions of these features.
        features: their positions.
        num_features: how many the layer has.
        shape: out, then a kernel's height and width where there is one.
        places: positions of the weights that there are among (out, features, taps), in that order;
            None: all.
    """

    features: Tensor
    places: Tensor | None
    which: Tensor
    has: Tensor | None

    def __init__(
        self,
        basis: Basis,
        features: Sequence[int],
        num_features: int,
        shape: Sequence[int],
        places: Sequence[int] | None,
        **factory: Any,
    ) -> None:
        super().__init__()
        out, *taps = shape
        device = factory.get("device")
        self.basis, self.shape = basis, (out, len(features), *taps)
        sizes = (out, basis.num_functions, len(features), *taps)
        if places is not None:
            sizes = (basis.num_functions, len(places))
        self.coefficients = nn.Parameter(torch.empty(sizes, **factory))
        self.register_buffer("features", torch.tensor(features, device=device), persistent=False)
        index = None if places is None else torch.tensor(places, device=device)
        self.register_buffer("places", index, persistent=False)
        # A state says where its weights belong: masks, since KAN takes its precision from the
        # first tensor of a file, and truth values come last.
        self.register_buffer("which", _mask(self.features, (num_features,)))
        self.register_buffer("has", None if index is None else _mask(index, self.shape))

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """The family's start, over as many inputs as an output has."""
        self.basis.reset_parameters()
        taps = math.prod(self.shape[2:])
        drawn = self.coefficients.new_empty(
            self.shape[0] * taps, self.basis.num_functions, self.basis.num_features
        )
        self.basis.init_coefficients(drawn)
        drawn = drawn.view(self.shape[0], taps, *drawn.shape[1:]).permute(0, 2, 3, 1)
        self.fill(drawn.reshape(self.shape[0], -1, *self.shape[1:]).mul_(taps**-0.5))

    @torch.no_grad()
    def fill(self, weight: Tensor) -> None:
        """Take the coefficients from a full weight (out, K, features, …)."""
        if self.places is None:
            self.coefficients.copy_(weight)
        else:
            self.coefficients.copy_(weight.transpose(0, 1).flatten(1)[:, self.places])

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *args: Any) -> None:
        """States from before the masks were part of them have coefficients only."""
        if f"{prefix}coefficients" in state_dict:
            state_dict.setdefault(f"{prefix}which", self.which)
            if self.has is not None:
                state_dict.setdefault(f"{prefix}has", self.has)
        super()._load_from_state_dict(state_dict, prefix, *args)

    def weight(self) -> Tensor:
        """(out, K, features, …), 0 for what is cut."""
        if self.places is None:
            return self.coefficients
        size = len(self.coefficients), math.prod(self.shape)
        full = self.coefficients.new_zeros(size).index_copy(1, self.places, self.coefficients)
        return full.view(-1, *self.shape).transpose(0, 1)


class Selected(nn.Module):
    """Families of some of the features each.

    Args:
        features: number of them.
        shape: out, then a kernel's height and width where there is one.
        chosen: name of a basis → positions of its features.
        places: name of a basis → positions of its weights, where not all are there.
        basis_arguments: name of a basis → its arguments.
    """

    def __init__(
        self,
        features: int,
        shape: Sequence[int],
        chosen: Chosen,
        places: Chosen | None,
        basis_arguments: Mapping[str, Mapping[str, Any]] | None,
        **factory: Any,
    ) -> None:
        super().__init__()
        require_chosen(chosen, places)
        require_arguments(basis_arguments)
        self.basis_arguments = {**POOL_ARGUMENTS, **(basis_arguments or {})}
        self.chosen = {n: require_positions("chosen", i, features, n) for n, i in chosen.items()}
        self.places: dict[str, list[int]] = {}
        self.families = nn.ModuleDict()
        for name, those in self.chosen.items():
            kept = None if places is None else places.get(name)
            if kept is not None:
                size = math.prod(shape) * len(those)
                kept = self.places[name] = require_positions("places", kept, size, name)
            basis = make_basis(name, len(those), self.basis_arguments.get(name, {}), **factory)
            self.families[name] = SelectedFamily(basis, those, features, shape, kept, **factory)

    def counts(self) -> dict[str, int]:
        """How many features each family has."""
        return {name: len(those) for name, those in self.chosen.items()}

    def extra_repr(self) -> str:
        """How many features each family has."""
        return f"chosen={self.counts()}"

    def members(self) -> list[SelectedFamily]:
        """The families."""
        return [f for f in self.families.values() if isinstance(f, SelectedFamily)]

    def arguments(self) -> dict[str, Any]:
        """Constructor arguments of this layer, JSON values: what a saved state fits."""
        used = {n: dict(self.basis_arguments.get(n, {})) for n in self.chosen}
        return {"chosen": self.chosen, "places": self.places, "basis_arguments": used}

    def _load_from_state_dict(self, state_dict: Mapping[str, Any], prefix: str, *args: Any) -> None:
        """Which families there are, and where, is as in what is loaded."""
        if f"{prefix}logits" in state_dict:
            raise RuntimeError(
                "state_dict must be of the pruned layer: got one from before pruning; load it into "
                "the selectable layer"
            )
        saved = saved_choice(state_dict, prefix)
        if saved is not None and (saved.chosen, saved.places) != (self.chosen, self.places):
            become(self, self._with(saved))
        super()._load_from_state_dict(state_dict, prefix, *args)

    def _with(self, saved: SavedChoice) -> nn.Module:
        """A layer of the same kind with another choice."""
        one = self.members()[0].coefficients
        sizes = self.arguments() | {"chosen": saved.chosen, "places": saved.places}
        if "in_features" in sizes:
            sizes |= {"in_features": saved.features, "out_features": saved.out}
        with torch.random.fork_rng(devices=[]):
            return type(self)(**sizes, device=one.device, dtype=one.dtype)

    @torch.no_grad()
    def take_from(self, layer: Selection) -> None:
        """Functions and weights of a selectable layer, as far as they are chosen."""
        weights = dict(zip(layer._active, layer.weighted(), strict=True))
        for name, family in zip(self.chosen, self.members(), strict=True):
            basis, weight = weights[name]
            family.basis = basis.take(family.features)
            family.fill(weight.index_select(2, family.features))


def kept_places(layer: Selection, shape: Sequence[int]) -> tuple[Chosen, Chosen]:
    """For each family its features, and its weights where it does not have all of theirs.

    Args:
        layer: after ``select``.
        shape: out, features, taps.
    """
    chosen: dict[str, list[int]] = {}
    places: dict[str, list[int]] = {}
    for name, kept in zip(layer.bases, layer.require_selected().unbind(-1), strict=True):
        full = layer.spread(kept).expand(shape[0], 1, *shape[1:])[:, 0]
        used = full.transpose(0, 1).flatten(1).any(1)
        if not used.any():
            continue
        chosen[name] = used.nonzero().flatten().tolist()
        of_used = full[:, used]
        if not of_used.all():
            places[name] = of_used.flatten().nonzero().flatten().tolist()
    return chosen, places


def _mask(positions: Tensor, shape: Sequence[int]) -> Tensor:
    """Truth at some positions of a flat tensor."""
    flat = torch.zeros(math.prod(shape), dtype=torch.bool, device=positions.device)
    return flat.index_fill_(0, positions, True).view(tuple(shape))


def make_base(activation: Activation, shape: Sequence[int], **factory: Any) -> nn.Parameter | None:
    """Weights of the base function, or None where there is none.

    Example:
        >>> make_base("silu", (2, 3)).shape
        torch.Size([2, 3])
    """
    require_edge_activation(activation)
    if activation is None:
        return None
    return nn.Parameter(torch.empty(tuple(shape), **factory))
