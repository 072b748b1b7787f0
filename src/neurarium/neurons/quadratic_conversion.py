"""Existing models with quadratic neurons (https://arxiv.org/abs/2110.06081), outputs unchanged."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Collection

from torch import nn

from neurarium.neurons.quadratic import (
    QuadraticConv1d,
    QuadraticConv2d,
    QuadraticLinear,
    QuadraticUnits,
)

CONVERTED: tuple[type[nn.Module], ...] = (nn.Linear, nn.Conv1d, nn.Conv2d)


def to_quadratic(
    model: nn.Module,
    *,
    types: tuple[type[nn.Module], ...] = CONVERTED,
    skip: Collection[str] = (),
    mode: str = "full",
    init: str = "relinear",
    inplace: bool = False,
) -> nn.Module:
    """Make the layers of a model quadratic; until it is trained on, it computes what it did.

    `On Expressivity and Trainability of Quadratic Networks <https://arxiv.org/abs/2110.06081>`_
    keeps the first layer of the image and the classifier conventional: name them in ``skip``.
    Subclasses of the types are left alone, because they may do something else, and a layer that is
    used in several places stays one. Layers whose weights others read, as ``nn.Transformer*`` do in
    evaluation mode, must be skipped; otherwise they say that there is no attribute ``weight``.

    Args:
        model: any module; also a pretrained one.
        types: which layers, among ``nn.Linear``, ``nn.Conv1d``, ``nn.Conv2d``.
        skip: names of layers, or of the modules that they are in.
        mode: ``"full"``, or ``"compact"`` without the interaction.
        init: ``"relinear"``; ``"random"`` draws the layer anew, as the ablation does.
        inplace: change ``model`` itself. A model that is a single layer is never changed itself.

    Returns:
        The model with quadratic layers.

    Raises:
        TypeError: a type that has no quadratic form.
        ValueError: no such layer; a name in ``skip`` that is none.

    Example:
        >>> import torch
        >>> model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
        >>> quadratic = to_quadratic(model, skip=["2"])
        >>> x = torch.randn(5, 4)
        >>> torch.equal(quadratic(x), model(x)), type(quadratic[0]).__name__
        (True, 'QuadraticLinear')
    """
    for kind in types:
        if kind not in CONVERTED:
            raise TypeError(f"types must be nn.Linear, nn.Conv1d or nn.Conv2d: got {kind.__name__}")
    names = {name for name, _ in model.named_modules()}
    if unknown := sorted(set(skip) - names):
        raise ValueError(f"skip must name modules of the model: got {', '.join(unknown)}")
    model = model if inplace else copy.deepcopy(model)
    made: dict[int, nn.Module] = {}
    for name, module in list(model.named_modules(remove_duplicate=False)):
        if type(module) not in types or any(_within(name, part) for part in skip):
            continue
        if id(module) not in made:
            made[id(module)] = _quadratic(module, mode, init)
        if not name:
            return made[id(module)]
        owner, _, leaf = name.rpartition(".")
        setattr(model.get_submodule(owner), leaf, made[id(module)])
    if not made:
        wanted = " or ".join(kind.__name__ for kind in types)
        raise ValueError(f"model must have layers of type {wanted} to convert: got {found(model)}")
    return model


def found(model: nn.Module) -> str:
    """The kinds of modules without children, with their numbers."""
    counts = Counter(type(m).__name__ for m in model.modules() if not list(m.children()))
    return ", ".join(f"{count} {name}" for name, count in counts.items())


def _within(name: str, part: str) -> bool:
    return name == part or name.startswith(f"{part}.")


def _quadratic(module: nn.Module, mode: str, init: str) -> QuadraticUnits:
    layer: QuadraticUnits
    if isinstance(module, nn.Linear):
        layer = QuadraticLinear.from_linear(module, mode=mode)
    elif isinstance(module, nn.Conv1d):
        layer = QuadraticConv1d.from_conv(module, mode=mode)
    else:
        layer = QuadraticConv2d.from_conv(module, mode=mode)
    if init == "relinear":
        return layer
    layer.init = init
    layer.reset_parameters()
    return layer
