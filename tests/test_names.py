"""Every global name that a function reads exists; linters cannot tell: shapes look like names."""

import builtins
import dis
import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from types import CodeType

import pytest

import neurarium

MODULES = sorted(found.name for found in pkgutil.walk_packages(neurarium.__path__, "neurarium."))


def codes(code: CodeType) -> Iterator[CodeType]:
    """A code object and all within it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from codes(constant)


def global_names(source: str, path: str) -> set[str]:
    """Names that functions look up in their module."""
    return {
        step.argval
        for code in codes(compile(source, path, "exec", dont_inherit=True))
        for step in dis.get_instructions(code)
        if step.opname == "LOAD_GLOBAL"
    }


def test_a_missing_name_is_seen() -> None:
    assert global_names("def f(x: 'Nowhere') -> None:\n    return g(x)", "here") == {"g"}


@pytest.mark.parametrize("name", MODULES)
def test_names_exist(name: str) -> None:
    module = importlib.import_module(name)
    source = inspect.getsource(module)
    missing = global_names(source, name) - set(vars(module)) - set(vars(builtins))
    assert not missing
