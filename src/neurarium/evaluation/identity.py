"""What a user's method or dataset is, as a digest: a changed function or table is another one."""

from __future__ import annotations

import ast
import dataclasses
import functools
import hashlib
import inspect
import sys
import textwrap
import types
from typing import Any

from .canonical import canonical


def identity_of(value: Any) -> str:
    """Sixteen hex digits of code and captured values, or of data.

    A function is its code without comments and docstrings, its defaults, what it closes over and
    the functions and plain values of its own module that it names. Data is its content.

    Example:
        >>> def scaled(k):
        ...     return lambda x: k * x
        >>> identity_of(scaled(2)) == identity_of(scaled(2)), identity_of(scaled(2)) == identity_of(
        ...     scaled(3)
        ... )
        (True, False)
    """
    return hashlib.sha256(_describe(value, set()).encode()).hexdigest()[:16]


def _describe(value: Any, seen: set[int]) -> str:
    if id(value) in seen:
        return "…"
    if isinstance(value, types.FunctionType):
        return _describe_function(value, seen | {id(value)})
    if isinstance(value, types.MethodType):
        return _describe(value.__func__, seen) + _describe(value.__self__, seen)
    if isinstance(value, functools.partial):
        return f"partial {_describe((value.func, value.args, value.keywords), seen)}"
    if isinstance(value, type):
        return _source(value) or value.__qualname__
    if isinstance(value, types.ModuleType):
        return value.__name__
    if isinstance(value, list | tuple):
        return f"[{', '.join(_describe(item, seen) for item in value)}]"
    if isinstance(value, dict):
        return _describe([list(item) for item in value.items()], seen)
    if dataclasses.is_dataclass(value):
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        return _describe((type(value), fields), seen | {id(value)})
    if callable(value) and hasattr(value, "__dict__"):
        return _describe((type(value), vars(value)), seen | {id(value)})
    return _describe_data(value)


def _describe_function(function: types.FunctionType, seen: set[int]) -> str:
    code = function.__code__
    closed = inspect.getclosurevars(function)
    named = {
        name: found
        for name, found in sorted(closed.globals.items())
        if getattr(found, "__module__", function.__module__) == function.__module__
    }
    parts = (function.__defaults__, function.__kwdefaults__ or {}, closed.nonlocals, named)
    return (_source(function) or _describe_code(code)) + _describe(parts, seen)


def _source(thing: Any) -> str | None:
    """The canonical source; None for a lambda amid other code and where no file is left."""
    if thing.__name__ == "<lambda>":
        return None
    try:
        return canonical(ast.parse(textwrap.dedent(inspect.getsource(thing))))
    except (OSError, TypeError, SyntaxError):
        return None


def _describe_code(code: types.CodeType) -> str:
    constants = [_describe_code(c) if isinstance(c, types.CodeType) else c for c in code.co_consts]
    return repr((code.co_code, constants, code.co_names, code.co_varnames))


def _describe_data(value: Any) -> str:
    import joblib

    torch = sys.modules.get("torch")  # a tensor's pickle is not the same twice
    if torch is not None and isinstance(value, torch.Tensor):
        content = value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy()
        return f"{value.dtype} {tuple(value.shape)} {joblib.hash(content)}"
    return f"{type(value).__qualname__} {joblib.hash(value)}"
