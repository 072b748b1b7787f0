"""Formulas to learn from samples: 120 of physics, and eight special functions of two variables.

AI Feynman (https://arxiv.org/abs/1905.11481) in the ranges of KAN (https://arxiv.org/abs/2404.19756);
the special functions are those of KAN, Sec. 3.2, which KANbeFair (https://arxiv.org/abs/2407.16674)
took over. There are no stored samples: inputs are drawn uniformly, the target is the formula.
"""

from __future__ import annotations

import ast
import csv
import io
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from . import locate
from .entry import File
from .locate import Root

if TYPE_CHECKING:
    import numpy as np

FILE = File(
    "feynman-formulas/feynman.csv",
    "2b3f4440ac4af8b3e0105f39ba680df6204c874e2eb4bc0a5ce9e4700e94970e",
)
NUM_FEYNMAN = 120
FAR = 50.0
"""A target that many standard deviations from the mean sits at a pole, and is drawn again."""
MAX_DRAWS = 100
_OPERATORS: dict[type[ast.AST], Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
    ast.USub: operator.neg,
}
_ARC = {"acos": "arccos", "asin": "arcsin"}


@dataclass(frozen=True)
class Formula:
    """A function of several variables and where it is sampled.

    Args:
        name: what :func:`load_formula` was asked for.
        title: its name in the collection.
        variables: names of the inputs, in order.
        expression: in the syntax of Python and sympy; empty for a special function.
        ranges: (low, high) of each input.

    Example:
        >>> formula = load_formula("feynman/8")
        >>> formula.title, formula.variables, formula.expression
        ('I.12.1', ('mu', 'N_n'), 'N_n*mu')
        >>> x, y = formula.sample(5, seed=0)
        >>> x.shape, bool((y == x[:, 0] * x[:, 1]).all())
        ((5, 2), True)
    """

    name: str
    title: str
    variables: tuple[str, ...]
    expression: str
    ranges: tuple[tuple[float, float], ...]

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """The value (n,) at inputs (n, variables); NaN or infinite where it has none."""
        import numpy as np

        columns = dict(zip(self.variables, np.asarray(x, dtype=np.float64).T, strict=True))
        with np.errstate(all="ignore"):
            if self.expression:
                value = evaluate(self.expression, {**columns, "pi": np.pi})
            else:
                value = _special(self.title)(*columns.values())
        return np.broadcast_to(value, (len(x),)).astype(np.float64)

    def sample(self, count: int, *, seed: int, widened: float = 0.0) -> tuple[Any, Any]:
        """Inputs (n, variables), uniform on the ranges, and the formula's values (n,).

        Points where it has no value, or one beyond 50 standard deviations, are drawn again.

        Args:
            count: n.
            seed: of the drawing.
            widened: how far beyond the ranges inputs may lie, as a share of their length.
        """
        import numpy as np

        generator = np.random.default_rng(seed)
        low, high = np.array(self.ranges).T
        low, high = low - widened * (high - low), high + widened * (high - low)
        x = np.empty((0, len(low)))
        for _ in range(MAX_DRAWS):
            drawn = generator.uniform(low, high, size=(count, len(low)))
            x = np.concatenate([x, drawn[np.isfinite(self(drawn))]])
            y = self(x)
            near = np.abs(y - y.mean()) <= FAR * max(float(y.std()), 1e-300)
            if near.sum() >= count:
                return x[near][:count], y[near][:count]
            x = x[near]
        raise ValueError(f"{self.name} must have values on its ranges: got too few of them")

    def copy(self) -> Formula:
        """Itself: nothing in it can be changed."""
        return self


def evaluate(expression: str, values: Mapping[str, Any]) -> Any:
    """The value of an arithmetic expression with numpy's functions; nothing else is run.

    Args:
        expression: sums, products, powers and calls of one-argument functions.
        values: name → array or number.

    Example:
        >>> float(evaluate("2*sin(x)**2 - y/4", {"x": 0.0, "y": 2.0}))
        -0.5
    """
    return _value(ast.parse(expression, mode="eval").body, values, expression)


def _value(node: ast.AST, values: Mapping[str, Any], whole: str) -> Any:
    import numpy as np

    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return float(node.value)
    if isinstance(node, ast.Name) and node.id in values:
        return values[node.id]
    chain: list[ast.BinOp] = []  # a sum of many terms leans to the left, deeper than calls may go
    while isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        chain.append(node)
        node = node.left
    if chain:
        value = _value(node, values, whole)
        for step in reversed(chain):
            value = _OPERATORS[type(step.op)](value, _value(step.right, values, whole))
        return value
    if isinstance(node, ast.UnaryOp) and type(node.op) in _OPERATORS:
        return _OPERATORS[type(node.op)](_value(node.operand, values, whole))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and len(node.args) == 1:
        name = _ARC.get(node.func.id, node.func.id)
        if isinstance(getattr(np, name, None), np.ufunc):
            return getattr(np, name)(_value(node.args[0], values, whole))
    raise ValueError(f"expression must be arithmetic of known names: got {whole!r}")


@lru_cache(maxsize=4)
def read_feynman(content: bytes) -> dict[int, Formula]:
    """Index → formula, from the table with columns index, name, variables, expression, ranges."""
    rows = csv.DictReader(io.StringIO(content.decode("utf-8")))
    return {
        int(row["index"]): Formula(
            f"feynman/{row['index']}",
            row["name"],
            tuple(_renamed(row["variables"]).split()),
            _renamed(row["expression"]),
            tuple(_range(pair) for pair in row["ranges"].split()),
        )
        for row in rows
    }


def _renamed(text: str) -> str:
    """The variable lambda, a keyword of Python, as lambda_."""
    return re.sub(r"\blambda\b", "lambda_", text)


def _range(text: str) -> tuple[float, float]:
    low, _, high = text.partition(":")
    return float(low), float(high)


def _special(title: str) -> Callable[..., Any]:
    import numpy as np
    from scipy import special

    functions: dict[str, Callable[..., Any]] = {
        "ellipkinc": special.ellipkinc,
        "ellipeinc": special.ellipeinc,
        "jv": special.jv,
        "iv": special.iv,
        "lpmv0": lambda v, x: special.lpmv(0, v, x),
        "lpmv1": lambda v, x: special.lpmv(1, v, x),
        # Spherical harmonics of order 0 do not depend on the azimuth, their first argument.
        "sph_harm01": lambda _, polar: np.sqrt(3 / (4 * np.pi)) * np.cos(polar),
        "sph_harm02": lambda _, polar: (
            np.sqrt(5 / (16 * np.pi)) * (3 * np.square(np.cos(polar)) - 1)
        ),
    }
    return functions[title]


SPECIAL = ("ellipkinc", "ellipeinc", "jv", "iv", "lpmv0", "lpmv1", "sph_harm01", "sph_harm02")
"""Functions of SciPy on the unit square, as ``special/<name>``."""


def require_formula(name: str) -> str:
    """The name, if it is one of a formula."""
    kind, _, rest = str(name).partition("/")
    if kind == "special" and rest in SPECIAL:
        return name
    if kind == "feynman" and rest.isdecimal() and 1 <= int(rest) <= NUM_FEYNMAN:
        return f"feynman/{int(rest)}"
    raise ValueError(
        f"name must be feynman/1 … feynman/{NUM_FEYNMAN} or special/ and one of "
        f"{', '.join(SPECIAL)}: got {name!r}"
    )


def load_formula(name: str, root: Root = None) -> Formula:
    """A formula by name.

    Args:
        name: ``"feynman/2"`` by its index in the collection, or ``"special/jv"``.
        root: a folder to look in before the package's own.

    Raises:
        ValueError: for another name, or a file with another content.

    Example:
        >>> load_formula("special/jv").ranges
        ((0.0, 1.0), (0.0, 1.0))
    """
    kind, _, rest = require_formula(name).partition("/")
    if kind == "special":
        return Formula(name, rest, ("x1", "x2"), "", ((0.0, 1.0), (0.0, 1.0)))
    path = locate.find(FILE, root)
    if path is None:
        raise FileNotFoundError(f"{FILE.path} is missing from the package")
    return read_feynman(locate.content(FILE, path))[int(rest)]


def formula_names() -> Sequence[str]:
    """All names that :func:`load_formula` takes.

    Example:
        >>> len(formula_names())
        128
    """
    feynman = [f"feynman/{index}" for index in range(1, NUM_FEYNMAN + 1)]
    return [*feynman, *(f"special/{name}" for name in SPECIAL)]
