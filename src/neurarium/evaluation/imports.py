"""Static imports: which modules of a package a module uses, without importing any.

A lazy room (`__init__.py` with `attach_stub` beside an `__init__.pyi`) is seen through: a name
taken from it leads to the one module that defines the name.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path


@dataclass(frozen=True, eq=False)
class Module:
    """A module's file.

    Args:
        name: dotted.
        path: its source.
        tree: parsed, without the blocks that only type checkers see.
    """

    name: str
    path: Path
    tree: ast.Module

    @property
    def package(self) -> str:
        """What relative imports start from."""
        return self.name if self.path.name == "__init__.py" else self.name.rpartition(".")[0]


def find(name: str) -> Module | None:
    """The module of that name where its source can be found without importing anything."""
    path = _path(name)
    return None if path is None else _parse(name, path, path.stat().st_mtime_ns)


@cache
def _parse(name: str, path: Path, changed: int) -> Module:
    tree = ast.parse(path.read_bytes())
    return Module(name, path, _WithoutTypeChecking().visit(tree))


class _WithoutTypeChecking(ast.NodeTransformer):
    def visit_If(self, node: ast.If) -> ast.AST | list[ast.stmt]:
        self.generic_visit(node)
        if ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            return node.orelse
        return node


def _path(name: str) -> Path | None:
    """The file of a dotted name: from the folder of its top package, else as it was imported."""
    top, *rest = name.split(".")
    for folder in _folders(top) if rest else ():
        base = Path(folder).joinpath(*rest)
        for candidate in (base.with_suffix(".py"), base / "__init__.py"):
            if candidate.is_file():
                return candidate
    known = getattr(sys.modules.get(name), "__file__", None) or (None if rest else _origin(top))
    path = Path(known) if known else None
    return path if path is not None and path.suffix == ".py" and path.is_file() else None


def _spec(top: str) -> ModuleSpec | None:
    try:
        return find_spec(top)
    except (ValueError, ImportError):  # __main__, and modules made by hand
        return None


def _folders(top: str) -> Iterable[str]:
    spec = _spec(top)
    return (spec.submodule_search_locations or ()) if spec else ()


def _origin(top: str) -> str | None:
    spec = _spec(top)
    return spec.origin if spec else None


def imported_modules(module: Module, packages: Collection[str]) -> Iterator[str]:
    """Dotted names of what a module's code uses, anywhere in it, from these top packages.

    Of `from package import name` that is the module that defines the name, if it can be told; the
    package itself where it cannot.
    """
    aliases: dict[str, str] = {}
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.split(".")[0]
                if top in packages:
                    yield alias.name
                    aliases[alias.asname or top] = alias.name if alias.asname else top
        elif isinstance(node, ast.ImportFrom):
            origin = _absolute(module, node)
            if origin.split(".")[0] in packages:
                yield from _names(origin, node, aliases)
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Attribute):
            yield from _chain(node, aliases)


def _names(origin: str, node: ast.ImportFrom, aliases: dict[str, str]) -> Iterator[str]:
    for alias in node.names:
        found = resolve(origin, alias.name)
        yield origin if found is None else found
        if found == f"{origin}.{alias.name}":
            aliases[alias.asname or alias.name] = found


def _absolute(module: Module, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    parts = module.package.split(".")
    base = parts[: len(parts) - node.level + 1]
    return ".".join([*base, *([node.module] if node.module else [])])


def _chain(node: ast.Attribute, aliases: dict[str, str]) -> Iterator[str]:
    """`memory.Hopfield` where `memory` is a module: the module that the attribute leads to."""
    names = [node.attr]
    inner = node.value
    while isinstance(inner, ast.Attribute):
        names.append(inner.attr)
        inner = inner.value
    if not isinstance(inner, ast.Name) or inner.id not in aliases:
        return
    current: str | None = aliases[inner.id]
    for name in reversed(names):
        current = resolve(current, name) if current else None
        if current is None:
            return
        yield current


def resolve(package: str, name: str) -> str | None:
    """The module that `from package import name` loads besides the package itself."""
    if _path(f"{package}.{name}") is not None:
        return f"{package}.{name}"
    return _stub(package).get(name)


def _stub(package: str) -> dict[str, str]:
    source = _path(package)
    if source is None or source.name != "__init__.py":
        return {}
    path = source.with_suffix(".pyi")
    return _parse_stub(package, path, path.stat().st_mtime_ns) if path.is_file() else {}


@cache
def _parse_stub(package: str, path: Path, changed: int) -> dict[str, str]:
    """Public name → module, from the lines `from .module import Name as Name` of a room's stub."""
    names: dict[str, str] = {}
    for node in ast.parse(path.read_bytes()).body:
        if isinstance(node, ast.ImportFrom) and node.level == 1:
            origin = f"{package}.{node.module}" if node.module else package
            for alias in node.names:
                submodule = f"{origin}.{alias.name}"
                names[alias.asname or alias.name] = origin if node.module else submodule
    return names
