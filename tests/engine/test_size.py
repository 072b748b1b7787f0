"""The engine stays small: four files, the loop under 300 lines of code."""

import ast
from pathlib import Path

import neurarium.engine


def lines_of_code(path):
    """Lines that hold code: no blanks, comments or docstrings."""
    source = path.read_text()
    lines = {
        number
        for number, line in enumerate(source.splitlines(), 1)
        if line.strip() and not line.strip().startswith("#")
    }
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            lines -= set(range(node.lineno, node.end_lineno + 1))
    return len(lines)


def test_four_files_and_a_loop_under_300_lines():
    folder = Path(neurarium.engine.__file__).parent
    lines = {path.stem: lines_of_code(path) for path in folder.glob("*.py")}
    assert set(lines) == {"__init__", "fit", "checkpoint", "seeds", "watch"}
    assert lines["fit"] < 300
    assert sum(lines.values()) < 450
