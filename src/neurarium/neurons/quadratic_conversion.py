"""Existing models with quadratic neurons (https://arxiv.org/abs/2110.06081), outputs unchanged."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Collection

from torch import nn

from neurarium.neurons.quadratic import (
    INITS,
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

    Bit for bit in float32 and float64, for inputs whose squares are finite; in half precision up to
    rounding, because the quadratic form is computed in float32.

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
        TypeError: a type that has no quadratic form; ``types`` or ``skip`` that is no collection.
        ValueError: no such layer; a name in ``skip`` that is none; an unknown ``mode`` or ``init``;
            a layer that shares a parameter with another module, from which it would part, or has
            hooks, which would be lost.

    Example:
        >>> import torch
        >>> model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
        >>> quadratic = to_quadratic(model, skip=["2"])
        >>> x = torch.randn(5, 4)
        >>> torch.equal(quadratic(x), model(x)), type(quadratic[0]).__name__
        (True, 'QuadraticLinear')
    """
    if init not in INITS:
        raise ValueError(f"init must be 'relinear' or 'random': got {init!r}")
    _require_types(types)
    if isinstance(skip, str) or not isinstance(skip, Collection):
        hint = f"; write [{skip!r}]" if isinstance(skip, str) else "; write it as a list"
        raise TypeError(f"skip must be a collection of names: got {skip!r}{hint}")
    names = {name for name, _ in model.named_modules(remove_duplicate=False)}
    if unknown := sorted(set(skip) - names):
        raise ValueError(f"skip must name modules of the model: got {', '.join(unknown)}")
    _require_untied(model, types, skip)
    _require_no_hooks(_chosen(model, types, skip))
    model = model if inplace else copy.deepcopy(model)
    made: dict[int, nn.Module] = {}
    for name, module in _chosen(model, types, skip):
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


def _chosen(
    model: nn.Module, types: tuple[type[nn.Module], ...], skip: Collection[str]
) -> list[tuple[str, nn.Module]]:
    return [
        (name, module)
        for name, module in model.named_modules(remove_duplicate=False)
        if type(module) in types and not any(_within(name, part) for part in skip)
    ]


def _within(name: str, part: str) -> bool:
    return part in ("", name) or name.startswith(f"{part}.")


def _require_types(types: tuple[type[nn.Module], ...]) -> None:
    if isinstance(types, type):
        raise TypeError(
            f"types must be a tuple: got {types.__name__}; write (nn.{types.__name__},)"
        )
    for kind in types:
        if kind not in CONVERTED:
            name = getattr(kind, "__name__", repr(kind))
            raise TypeError(f"types must be nn.Linear, nn.Conv1d or nn.Conv2d: got {name}")


def _require_untied(
    model: nn.Module, types: tuple[type[nn.Module], ...], skip: Collection[str]
) -> None:
    chosen = {name for name, _ in _chosen(model, types, skip)}
    holders: dict[int, list[tuple[str, str, nn.Module]]] = {}
    for name, module in model.named_modules(remove_duplicate=False):
        for full, parameter in module.named_parameters(name, recurse=False):
            holders.setdefault(id(parameter), []).append((full, name, module))
    for tied in holders.values():
        converted = sum(name in chosen for _, name, _ in tied)
        modules = {id(module) for _, _, module in tied}
        if converted and (len(modules) > 1 or converted < len(tied)):
            raise ValueError(
                "layers to convert must have parameters of their own: got the tied "
                f"{' and '.join(full for full, _, _ in tied)}; name their layers in skip"
            )


def _require_no_hooks(chosen: list[tuple[str, nn.Module]]) -> None:
    for name, module in chosen:
        hooks = any(value for key, value in vars(module).items() if key.endswith("_hooks"))
        if hooks or "forward" in vars(module):
            raise ValueError(
                "layers to convert must have no hooks, such as those of spectral_norm, and no "
                "forward of their own: got some at "
                f"{name or type(module).__name__}; name it in skip, or add them after conversion"
            )


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
