"""Shapes in signatures, believed only after beartype has seen them hold."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

from torch import Tensor, nn

from .subject import Failed, Skip, Subject, expect, one_line


def types(subject: Subject) -> None:
    """Annotated inputs and outputs are what the signatures of all forwards say, shapes included."""
    if find_spec("beartype") is None:
        raise Skip("beartype is not installed")
    signature = inspect.signature(getattr(type(subject.module), subject.method))
    given = signature.bind(subject.module, *subject.args, **subject.kwargs).arguments
    bare = [
        name
        for name, value in given.items()
        if isinstance(value, Tensor) and "Tensor," not in str(signature.parameters[name].annotation)
    ]
    expect(not bare, f"forward does not say the shape of {', '.join(bare)}")
    from jaxtyping import TypeCheckError

    module = subject.fresh()
    with _checked(module, {"forward", subject.method}):
        try:
            subject.run(module)
        except TypeCheckError as error:
            lines = [line for line in str(error).splitlines() if line.strip()]
            raise Failed(f"the signature is not kept: {' '.join(lines[:2])[:200]}") from None
        except NameError as error:
            raise Failed(f"an annotation cannot be resolved: {one_line(error)}") from None


@contextmanager
def _checked(module: nn.Module, names: set[str]) -> Iterator[None]:
    """Wrap these methods of every class that comes from the module's own package."""
    from beartype import beartype
    from jaxtyping import jaxtyped

    package = type(module).__module__.partition(".")[0]
    kinds: set[Any] = {kind for m in module.modules() for kind in type(m).__mro__}
    ours = [kind for kind in kinds if kind.__module__.partition(".")[0] == package]
    plain = [(kind, name, vars(kind)[name]) for kind in ours for name in names & set(vars(kind))]
    for kind, name, method in plain:
        setattr(kind, name, jaxtyped(typechecker=beartype)(method))
    try:
        yield
    finally:
        for kind, name, method in plain:
            setattr(kind, name, method)
