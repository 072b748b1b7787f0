"""Every export of the catalogue through the checks that fit its kind.

A row of the catalogue says, as plain data, how a module is built in its smallest configuration
(:class:`neurarium.catalog.Case`); functions, estimators and optimizers need nothing.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from typing import Any, cast

import torch
from torch import Tensor, nn

from neurarium import catalog
from neurarium.catalog.case import Call, Case, New

from . import documentation
from .battery import CHECKS, Check, run_checks
from .faces import estimator_checks, optimizer_checks
from .reload import defaults_kept, reload_many
from .report import CheckReport, Outcome
from .subject import Subject


@dataclass(frozen=True)
class Export:
    """A public name of a system, with its smallest configuration if the row gives one."""

    slug: str
    module: str
    name: str
    case: Case | None

    def load(self) -> Any:
        """The object itself, from the room that exports it."""
        room = importlib.import_module(self.module.rpartition(".")[0])
        if self.name in room.__all__:
            return getattr(room, self.name)
        return getattr(importlib.import_module(self.module), self.name)


def built_exports() -> Iterator[Export]:
    """Every export that exists: all names of a built system, some of a planned one.

    What two systems export needs a case in one of their rows only.
    """
    cases = {
        (module, name): system.battery[name]
        for system in catalog.SYSTEMS
        for module, names in system.exports.items()
        for name in names
        if name in system.battery
    }
    for system in catalog.SYSTEMS:
        planned = catalog.state(system) == "planned"
        for module, names in system.exports.items():
            for name in names if _exists(module) else ():
                case = system.battery.get(name, cases.get((module, name)))
                export = Export(system.slug, module, name, case)
                if not planned or _has(export):
                    yield export


def check_export(
    obj: Any, case: Case | None = None, *, raise_on_failure: bool = True
) -> CheckReport:
    """The checks that fit what is exported: a module, an estimator, an optimizer or a function.

    All but the reload in a new process, which :func:`check_reloads` does for many at once.

    Args:
        obj: a class or a function.
        case: for a module, how it is built and called.
        raise_on_failure: False: failures are only in the report.

    Raises:
        AssertionError: one line for each failure.
        LookupError: a module without a case.

    Example:
        >>> from neurarium.optim import ema_model
        >>> print(check_export(ema_model))
        ema_model
          docstring  passed
          example    passed
    """
    name = obj.__name__
    if isinstance(obj, type) and issubclass(obj, nn.Module):
        checks: dict[str, Check] = {k: v for k, v in CHECKS.items() if k != "reload"}
        report = run_checks(name, subject_of(obj, case), checks)
    else:
        sections = ("Args", "Example")
        face: dict[str, Check] = {}
        if isinstance(obj, type) and hasattr(obj, "get_params"):
            face = estimator_checks(obj)
        elif isinstance(obj, type) and issubclass(obj, torch.optim.Optimizer):
            face = optimizer_checks(obj, case.kwargs if case else {})
        documents: dict[str, Check] = {
            "docstring": lambda _: documentation.docstring(obj, sections),
            "example": lambda _: documentation.example(obj),
        }
        nothing = Subject(nn.Identity(), (), {}, exempt=case.exempt if case else {})
        report = run_checks(name, nothing, face | documents)
    if raise_on_failure:
        report.raise_failures()
    return report


def subject_of(kind: type[nn.Module], case: Case | None) -> Subject:
    """The module that a case describes, with its inputs.

    Raises:
        LookupError: there is no case.
    """
    if case is None:
        raise LookupError(
            f"{kind.__name__} must have a case: add `battery={{{kind.__name__!r}: Case(kwargs=…, "
            "inputs=…)}` to its system's row in neurarium.catalog"
        )

    def build() -> nn.Module:
        module = kind(**_arguments(case.kwargs))
        for call in case.calls:
            _result(call, module)
        return module

    torch.manual_seed(0)
    module = build()
    return Subject(
        module,
        tuple(_value(spec, module) for spec in case.inputs),
        {name: _value(spec, module) for name, spec in case.keyword_inputs.items()},
        rebuild=build,
        refused=[partial(kind, **_arguments({**case.kwargs, **bad})) for bad in case.refused],
        exempt=case.exempt,
        method=case.method,
    )


def check_reloads(exports: Mapping[str, Export]) -> dict[str, Outcome]:
    """Name → outcome of ``save_pretrained`` and a new process, with no argument at its default."""
    from huggingface_hub import PyTorchModelHubMixin

    outcomes, subjects = {}, {}
    for name, export in exports.items():
        kind: Any = export.load()
        case = export.case
        if not (isinstance(kind, type) and issubclass(kind, PyTorchModelHubMixin)):
            continue
        if case is None or "reload" in case.exempt:
            note = "a case is missing" if case is None else case.exempt["reload"]
            outcomes[name] = Outcome("failed" if case is None else "exempt", note)
            continue
        subject = subject_of(cast(type[nn.Module], kind), case.reload or case)
        if left := defaults_kept(subject):
            note = f"reload=Case(…) must set every argument: {', '.join(left)} has its default"
            outcomes[name] = Outcome("failed", note)
        else:
            subjects[name] = subject
    found = reload_many(subjects) if subjects else {}
    return outcomes | {k: Outcome("failed" if v else "passed", v) for k, v in found.items()}


def _arguments(kwargs: Mapping[str, Any]) -> dict[str, Any]:
    made = {}
    for name, value in kwargs.items():
        if isinstance(value, New):
            kind = getattr(importlib.import_module(value.module), value.name)
            value = kind(**_arguments(value.kwargs))
        made[name] = value
    return made


def _value(spec: Any, module: nn.Module) -> Any:
    """An input as a case writes it: (shape, dtype[, end]), nested lists, or a method's result."""
    if isinstance(spec, Call):
        return _result(spec, module)
    if isinstance(spec, list):
        return torch.tensor(spec)
    shape, dtype, *end = spec
    size = math.prod(shape)
    if dtype == "bool":  # the last one is out
        return (torch.arange(size) < max(size - 1, 1)).reshape(shape)
    if dtype.startswith(("int", "uint")):
        values = torch.arange(size) % (end[0] if end else size)
        return values.to(getattr(torch, dtype)).reshape(shape)
    generator = torch.Generator().manual_seed(size)
    values = torch.randn(shape, generator=generator)
    return values.to(getattr(torch, dtype))


def _result(call: Call, module: nn.Module) -> Any:
    method = getattr(module, call.method)
    result = method(*(_value(spec, module) for spec in call.inputs))
    detach = result.detach if isinstance(result, Tensor) else None
    return detach() if detach else result


def _has(export: Export) -> bool:
    try:
        export.load()
    except AttributeError:
        return False
    return True


def _exists(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # its room does not exist yet
        return False
