"""Layers of a model are wrapped, by type or by name, so that they can have dendrites.

A Neuroscience Inspired Extension to Artificial Neural Networks (https://arxiv.org/abs/2501.18018).
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection
from typing import Any

from torch import Tensor, nn

from neurarium.memory.activation import Activation
from neurarium.neurons.dendrites import Dendritic, neuron_axis

DENDRITIC: tuple[type[nn.Module], ...] = (nn.Linear, nn.Conv1d, nn.Conv2d)
READS_WEIGHTS = (nn.TransformerEncoderLayer, nn.MultiheadAttention)
"""Modules that do not call their layers in every mode."""


def to_dendritic(
    model: nn.Module,
    *,
    types: tuple[type[nn.Module], ...] = DENDRITIC,
    names: Collection[str] | None = None,
    skip: Collection[str] = (),
    neuron_dim: int | None = None,
    activation: Activation = "sigmoid",
    perforate: bool = True,
    output_getter: Callable[[Any], Tensor] | None = None,
    inplace: bool = False,
) -> nn.Module:
    """Wrap layers of a model, by type or by name, so that they can have dendrites.

    For `networks that grow dendrites <https://arxiv.org/abs/2501.18018>`_. The model computes what
    it did. Build the optimizer afterwards: names of parameters change.

    Args:
        model: any module; what is dendritic already stays as it is.
        types: which layers are wrapped; subclasses, and layers inside a wrapped one, are left
            alone.
        names: which modules are wrapped instead, such as a sequence of a convolution and its norm.
        skip: names of modules in which nothing is wrapped.
        neuron_dim: of all; None: −1 for ``nn.Linear``, also as the last of a sequence but for
            norms over features, activations and dropout; else 1.
        activation: of the dendrites.
        perforate: as in :class:`Dendritic`.
        output_getter: picks the tensor where a wrapped module gives something else.
        inplace: change ``model`` itself. A model that is a single layer is never changed itself.

    Raises:
        TypeError: a bare name or type where several are expected.
        ValueError: nothing to wrap; names of no module, or inside one another or a dendritic layer;
            layers of ``nn.TransformerEncoderLayer``, whose fast path in evaluation mode reads their
            weights, or of ``nn.MultiheadAttention``.

    Example:
        >>> model = to_dendritic(nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2)))
        >>> [type(layer).__name__ for layer in model]
        ['Dendritic', 'ReLU', 'Dendritic']
    """
    _require_collections(types, names, skip)
    _require_names(model, names, skip)
    model = model if inplace else copy.deepcopy(model)
    wrapped: dict[int, Dendritic] = {}
    for name, module in _wanted(model, types, names, skip):
        if id(module) not in wrapped:
            wrapped[id(module)] = Dendritic(
                module,
                neuron_dim=neuron_axis(module) if neuron_dim is None else neuron_dim,
                activation=activation,
                perforate=perforate,
                output_getter=output_getter,
            )
        if not name:
            return wrapped[id(module)]
        owner, _, leaf = name.rpartition(".")
        setattr(model.get_submodule(owner), leaf, wrapped[id(module)])
    return model


def _wanted(
    model: nn.Module,
    types: Collection[type[nn.Module]],
    names: Collection[str] | None,
    skip: Collection[str],
) -> list[tuple[str, nn.Module]]:
    """Names and modules to wrap, none inside another or inside a dendritic one."""
    found: list[tuple[str, nn.Module]] = []
    closed = [*skip, *_dendritic_names(model)]
    for name, module in model.named_modules(remove_duplicate=False):
        wanted = type(module) in types if names is None else name in names
        if wanted and not any(_inside(name, part) for part in closed):
            found.append((name, module))
            closed.append(name)
    if not found:
        kinds = {type(m).__name__ for name, m in model.named_modules()
                 if not any(_inside(name, part) for part in closed)
                 or isinstance(m, Dendritic)}  # fmt: skip
        raise ValueError(
            f"model must have layers to wrap: got {', '.join(sorted(kinds)) or 'none'}"
        )
    for name, _ in found:
        owner = model.get_submodule(name.rpartition(".")[0])
        if name and isinstance(owner, READS_WEIGHTS):
            raise ValueError(
                f"layers of {type(owner).__name__} must stay plain, as it reads their weights "
                f"itself: got {name}; name it or the whole in skip"
            )
    return found


def _require_collections(types: Any, names: Any, skip: Any) -> None:
    if isinstance(types, type):
        raise TypeError(f"types must be a tuple of types: got {types.__name__} alone")
    for name, value in (("names", names), ("skip", skip)):
        if isinstance(value, str):
            raise TypeError(f"{name} must be a list of names: got {value!r}; use [{value!r}]")


def _require_names(model: nn.Module, names: Collection[str] | None, skip: Collection[str]) -> None:
    """Names must exist, and none may be inside another or inside a dendritic layer."""
    known = {name for name, _ in model.named_modules(remove_duplicate=False)}
    if unknown := sorted((set(names or ()) | set(skip)) - known):
        raise ValueError(f"names must be those of modules: got {', '.join(unknown)}")
    closed = _dendritic_names(model)
    for name in sorted(names or ()):
        for part in closed:
            if _inside(name, part):
                raise ValueError(
                    f"names must be of modules outside of dendritic ones: got {name!r}"
                )
        for part in names or ():
            if name != part and _inside(name, part):
                raise ValueError(
                    f"names must not be inside one another: got {name!r} inside {part!r}"
                )


def _dendritic_names(model: nn.Module) -> list[str]:
    """All names of dendritic layers, several where one is used in several places."""
    modules = model.named_modules(remove_duplicate=False)
    return [name for name, module in modules if isinstance(module, Dendritic)]


def _inside(name: str, part: str) -> bool:
    """Whether a module is another one or inside it; the model itself has an empty name."""
    return not part or name == part or name.startswith(f"{part}.")
