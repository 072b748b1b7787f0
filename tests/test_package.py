"""What importing costs, what is exported, and what is never done: unpickling a file."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import neurarium

ROOT = Path(neurarium.__file__).parent
ROOMS = sorted(path.parent.name for path in ROOT.glob("*/__init__.pyi"))
HEAVY = ("torch", "sklearn", "scipy", "numba", "pandas", "matplotlib", "sympy", "lightgbm")


def heavy_after(code):
    """Which heavy packages a fresh process has loaded after running some code."""
    report = f"import sys, json; print(json.dumps([m for m in {HEAVY!r} if m in sys.modules]))"
    run = subprocess.run(
        [sys.executable, "-c", f"{code}\n{report}"], capture_output=True, text=True, check=True
    )
    return json.loads(run.stdout.splitlines()[-1])


def public_names(room):
    return [
        alias.asname
        for node in ast.parse((ROOT / room / "__init__.pyi").read_text()).body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    ]


def test_importing_the_package_and_its_rooms_loads_nothing_heavy():
    rooms = "\n".join(f"import neurarium.{room}" for room in ROOMS)
    assert heavy_after(f"import neurarium\n{rooms}\nimport neurarium.catalog") == []


@pytest.mark.parametrize("room", ["memory", "optim", "engine", "testing"])
def test_using_a_family_loads_torch_and_nothing_else_heavy(room):
    names = "\n".join(f"neurarium.{room}.{name}" for name in public_names(room))
    assert heavy_after(f"import neurarium.{room}\n{names}") == ["torch"]


@pytest.mark.parametrize("room", ROOMS)
def test_every_name_of_a_stub_resolves(room):
    module = getattr(neurarium, room)
    names = public_names(room)
    assert len(set(names)) == len(names)
    assert sorted(module.__all__) == sorted(names)
    for name in names:
        assert getattr(module, name) is not None, name
        assert name in dir(module)


def called_names(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            keywords = {k.arg: getattr(k.value, "value", None) for k in node.keywords}
            yield ast.unparse(node.func), keywords


@pytest.mark.parametrize("path", sorted(ROOT.rglob("*.py")), ids=lambda path: path.stem)
def test_nothing_is_ever_unpickled_from_a_file(path):
    tree = ast.parse(path.read_text())
    for name, keywords in called_names(tree):
        assert name not in {"torch.load", "joblib.load", "pickle.load", "pickle.loads", "dill.load"}
        assert not keywords.get("allow_pickle"), name
        if name in {"np.load", "numpy.load"}:
            assert keywords.get("allow_pickle") is False, "say allow_pickle=False"
