"""The fingerprint of an experiment: a digest of all code of this library that its numbers use.

It covers the modules that declare the experiment and what they import, directly or not, anywhere in
their code, as canonical syntax trees: comments, docstrings and formatting do not matter. A package
on the way to a module counts with its own code, not with the other modules that it collects. What
only runs, prints or draws is left out; a change of it that changes numbers raises :data:`PROTOCOL`.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

from .canonical import canonical
from .cells import callable_of
from .experiment import Experiment
from .imports import Module, find, imported_modules

PROTOCOL = 1
"""Raised when cells are run in a way that gives other numbers: seeding, order, threads."""

_LIBRARY = __name__.split(".")[0]
_EXCLUDED = tuple(f"{_LIBRARY}.{room}" for room in ("evaluation", "cli", "report"))


def modules_of(experiment: Experiment) -> tuple[str, ...]:
    """The modules that declare it: of its cells, methods, stages, axes, data and claims."""
    functions: list[Any] = [
        experiment.run_cell,
        experiment.axes,
        experiment.datasets,
        experiment.tables,
    ]
    functions += [callable_of(method) for method in experiment.methods.values()]
    functions += [stage.build for stage in experiment.stages]
    functions += [f for claim in experiment.claims for f in (claim.measure, _holds(claim))]
    functions += [type(config) for config in experiment.presets.values()]
    return tuple(sorted({_module(function) for function in functions if function is not None}))


def _holds(claim: Any) -> Callable[..., Any] | None:
    return getattr(claim, "holds", None)


def _module(function: Any) -> str:
    while isinstance(function, functools.partial):
        function = function.func
    return getattr(function, "__module__", None) or type(function).__module__


def fingerprint(modules: Iterable[str]) -> str:
    """Sixteen hex digits of the modules and everything in their packages that they import.

    Nothing is imported; a module that cannot be found counts by its name.

    Example:
        >>> fingerprint(["neurarium.cost"]) == fingerprint(["neurarium.cost", "neurarium.report"])
        True
    """
    digest = hashlib.sha256(f"protocol {PROTOCOL}".encode())
    for name in closure(modules):
        module = find(name)
        text = "missing" if module is None else _canonical(module)
        digest.update(f"\n{name} {text}".encode())
    return digest.hexdigest()[:16]


def closure(modules: Iterable[str]) -> list[str]:
    """The modules and those that they import, of this library and of their own packages, sorted."""
    roots = [name for name in modules if not _excluded(name)]
    packages = {_LIBRARY}.union(*map(_neighbours, roots))
    used: set[str] = set()
    waiting = list(roots)
    while waiting:
        name = waiting.pop()
        module = find(name)
        if name in used or _excluded(name) or (module is None and name not in roots):
            continue
        used.add(name)
        if module is not None:
            waiting.extend(imported_modules(module, packages))
    passed = {parent for name in used for parent in _parents(name)}
    return sorted(used | {name for name in passed if find(name) and not _excluded(name)})


def _neighbours(root: str) -> set[str]:
    """The top package of a module; of a single file, the files beside it."""
    top, dot, _ = root.partition(".")
    module = find(root)
    if dot or module is None or module.path.name == "__init__.py":
        return {top}
    return {path.stem for path in module.path.parent.glob("*.py")}


def _excluded(name: str) -> bool:
    inside = any(name == room or name.startswith(f"{room}.") for room in _EXCLUDED)
    return inside or name == _LIBRARY or name.rpartition(".")[2] == "figures"


def _parents(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[:i]) for i in range(1, len(parts))]


@cache
def _canonical(module: Module) -> str:
    return canonical(module.tree)
