"""The canonical text of code: what remains when formatting, comments and docstrings are gone."""

from __future__ import annotations

import ast

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
        parts.append(type(node).__name__)
        parts.append("(")
        for name in node._fields:
            value = getattr(node, name, None)
            if name == "body" and isinstance(node, _DOCUMENTED) and ast.get_docstring(node, False):
                value = value[1:] if value else value
            if name == "values" and isinstance(node, ast.JoinedStr):
                value = [part for part in value or [] if getattr(part, "value", None) != ""]
            if value is None and not isinstance(node, ast.Constant):
                continue
            if value == [] or name in ("kind", "type_ignores", "type_comment"):
                continue
            parts.append(f"{name}=")
            _write(value, parts)
        parts.append(")")
    elif isinstance(node, list):
        for item in node:
            _write(item, parts)
            parts.append(",")
    else:
        parts.append(repr(node))
