"""The canonical text of code: what remains when formatting, comments and docstrings are gone."""

from __future__ import annotations

import ast
from collections.abc import Iterator

_DOCUMENTED = ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef


def canonical(tree: ast.AST) -> str:
    """A syntax tree as text, the same under every Python version that parses it alike.

    (`ast.dump` and `ast.unparse` change between versions.)

    Example:
        >>> canonical(ast.parse("x = 1  # one")) == canonical(ast.parse("x=(1)"))
        True
        >>> canonical(ast.parse("x = 1")) == canonical(ast.parse("x = 1.0"))
        False
    """
    parts: list[str] = []
    _write(tree, parts)
    return "".join(parts)


def _write(node: object, parts: list[str]) -> None:
    if isinstance(node, ast.AST):
        parts.append(f"{type(node).__name__}(")
        for name, value in _fields(node):
            parts.append(f"{name}=")
            _write(value, parts)
        parts.append(")")
    elif isinstance(node, list):
        for item in node:
            _write(item, parts)
            parts.append(",")
    else:
        parts.append(repr(node))


def _fields(node: ast.AST) -> Iterator[tuple[str, object]]:
    """What a node holds, without docstrings and what only some Python versions have."""
    for name in node._fields:
        value = getattr(node, name, None)
        if name == "body" and isinstance(node, _DOCUMENTED) and ast.get_docstring(node, False):
            value = node.body[1:]
        if isinstance(node, ast.JoinedStr):  # 3.12 ends some format specifications with ""
            value = [part for part in node.values if getattr(part, "value", None) != ""]
        absent = value is None and not isinstance(node, ast.Constant)
        if not (absent or value == [] or name in ("kind", "type_ignores", "type_comment")):
            yield name, value
