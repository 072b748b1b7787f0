"""A fingerprint changes with the code that numbers depend on, and with nothing else."""

import ast
import hashlib
import importlib
import subprocess
import sys
import textwrap
from dataclasses import dataclass

import pytest

from evaluation import toy
from neurarium.evaluation import fingerprint as public_module  # the module: nothing is exported
from neurarium.evaluation.canonical import canonical
from neurarium.evaluation.fingerprint import closure, fingerprint, modules_of
from neurarium.evaluation.identity import identity_of

FILES = {
    "__init__.py": "",
    "experiment.py": '''
        """Docstring."""
        from zoo.room import Lion
        from zoo import keeper

        def run_cell(cell):
            """Docstring."""
            from zoo.late import late  # at the place of use
            return Lion().roar() + keeper.feed() + late()
        ''',
    "room/__init__.py": """
        import lazy_loader
        __getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
        """,
    "room/__init__.pyi": """
        from .cats import Lion as Lion
        from .birds import Owl as Owl
        """,
    "room/cats.py": """
        from .paws import PAWS
        class Lion:
            def roar(self):
                return PAWS
        """,
    "room/paws.py": "PAWS = 4",
    "room/birds.py": "class Owl: ...",
    "keeper.py": "def feed():\n    return 1",
    "late.py": "def late():\n    from . import deep\n    return deep.DEEP",
    "deep.py": "DEEP = 1",
    "unrelated.py": "X = 1",
    "figures.py": "def figure(records): ...",
}


@pytest.fixture
def zoo(tmp_path, monkeypatch):
    """A package with a lazy room; returns write(file, text) → the experiment's fingerprint."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(name: str | None = None, text: str = "") -> str:
        if name:
            path = tmp_path / "zoo" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text))
            importlib.invalidate_caches()
        return fingerprint(["zoo.experiment"])

    for name, text in FILES.items():
        write(name, text)
    return write


def test_the_closure_goes_through_lazy_rooms_and_functions(zoo):
    assert closure(["zoo.experiment"]) == [
        "zoo",
        "zoo.deep",
        "zoo.experiment",
        "zoo.keeper",
        "zoo.late",
        "zoo.room",
        "zoo.room.cats",
        "zoo.room.paws",
    ]
    assert "zoo" not in sys.modules  # nothing was imported


@pytest.mark.parametrize(
    "change",
    [
        ("experiment.py", FILES["experiment.py"].replace("Docstring", "Other words")),
        ("experiment.py", FILES["experiment.py"].replace("at the place of use", "changed")),
        ("experiment.py", FILES["experiment.py"].replace(" + keeper", "  +  keeper")),
        ("room/birds.py", "class Owl:\n    eyes = 2"),
        ("unrelated.py", "X = 2"),
        ("figures.py", "def figure(records): return 1"),
        ("room/__init__.pyi", FILES["room/__init__.pyi"] + "from .fish import Cod as Cod\n"),
    ],
)
def test_what_does_not_matter(zoo, change):
    before = zoo()
    assert zoo(*map(textwrap.dedent, change)) == before


@pytest.mark.parametrize(
    "change",
    [
        ("experiment.py", FILES["experiment.py"].replace("+ late()", "- late()")),
        ("room/cats.py", FILES["room/cats.py"].replace("return PAWS", "return PAWS + 1")),
        ("room/paws.py", "PAWS = 4.0"),
        ("keeper.py", "def feed():\n    return 2"),
        ("deep.py", "DEEP = 2"),
        ("room/__init__.pyi", "from .birds import Lion as Lion"),
    ],
)
def test_what_matters(zoo, change):
    before = zoo()
    assert zoo(*map(textwrap.dedent, change)) != before


@pytest.mark.parametrize(
    ("use", "expected"),
    [
        ("import zoo.room as r\nx = r.Lion", "zoo.room.cats"),
        ("import zoo\nx = zoo.room.Lion", "zoo.room.cats"),
        ("from zoo import room\nx = room.Lion()", "zoo.room.cats"),
        ("from zoo import room as r\nx = r.cats.Lion", "zoo.room.cats"),
        ("from .room import Owl", "zoo.room.birds"),
        ("from . import keeper", "zoo.keeper"),
        ("from .room.cats import *", "zoo.room.cats"),
        ("import zoo.deep", "zoo.deep"),
    ],
)
def test_every_way_to_import(zoo, use, expected):
    zoo("experiment.py", use)
    found = closure(["zoo.experiment"])
    assert expected in found
    rooms = {name for name in found if name.startswith("zoo.room.")}
    assert rooms <= {expected, "zoo.room.paws"}


PARTS = {
    "parts/__init__.py": "from . import ours, other\nALL = (ours, other)",
    "parts/ours.py": "from . import figures\nfrom .helper import HELP",
    "parts/other.py": "X = 1",
    "parts/helper.py": "HELP = 1",
    "parts/figures.py": "",
}


def test_a_package_that_collects_modules_does_not_tie_them_together(zoo):
    for name, text in PARTS.items():
        zoo(name, text)
    names = closure(["zoo.parts.ours"])
    assert names == ["zoo", "zoo.parts", "zoo.parts.helper", "zoo.parts.ours"]
    zoo("parts/ours.py", "from . import ALL")  # what the package itself makes of them
    assert "zoo.parts.other" in closure(["zoo.parts.ours"])


def test_imports_for_type_checkers_do_not_count(zoo):
    zoo(
        "experiment.py",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from .unrelated import X",
    )
    assert "zoo.unrelated" not in closure(["zoo.experiment"])


def test_the_library_s_own_rooms():
    found = closure(["neurarium.budget_of_an_experiment", "neurarium.cost"])
    assert found == ["neurarium.budget_of_an_experiment", "neurarium.cost"]
    names = closure(["neurarium.memory"])
    assert not any(name.startswith("neurarium.evaluation") for name in names)


def test_a_user_s_module_brings_the_files_beside_it(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "mine_alone.py").write_text("import mine_beside\nimport json")
    (tmp_path / "mine_beside.py").write_text("X = 1")
    importlib.invalidate_caches()
    assert closure(["mine_alone"]) == ["mine_alone", "mine_beside"]


def test_the_protocol_counts(monkeypatch):
    before = fingerprint(["neurarium.cost"])
    monkeypatch.setattr("neurarium.evaluation.fingerprint.PROTOCOL", 2)
    assert fingerprint(["neurarium.cost"]) != before


def test_modules_of_an_experiment():
    assert modules_of(toy.EXPERIMENT) == (toy.run_cell.__module__,)
    assert public_module is sys.modules["neurarium.evaluation.fingerprint"]


def test_nothing_heavy_is_imported():
    code = """
import sys
from neurarium.evaluation import load_summary, is_stale
from neurarium.evaluation.fingerprint import fingerprint, closure
fingerprint(["neurarium.memory.hopular"])
assert len(closure(["neurarium.memory.hopular"])) > 3
assert load_summary("no-such-system") is None
assert "torch" not in sys.modules, "torch was imported"
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_canonical_text_is_of_code_alone():
    def of(text):
        return canonical(ast.parse(text))

    assert of("def f():\n  'doc'\n  return 1") == of("def f():  # note\n    return (1)")
    assert of("'a' 'b'") == of("'ab'") or of("x = 'a' 'b'") == of("x = 'ab'")
    for one, other in [("x = 1", "x = True"), ("f(a)", "f(*a)"), ("x = 'a'", "x = b'a'"),
                       ("f(x)", "f(x=x)"), ("a - b", "a + b"), ("x = None", "x: None"),
                       ("f'{x}'", "f'{x!r}'"), ("if a: b", "if a: pass\nelse: b")]:  # fmt: skip
        assert of(one) != of(other)


def test_canonical_text_is_the_same_under_every_python():
    code = """
class A(B, metaclass=C):
    def f(self, a, /, b: int = 1, *c, d=None, **e) -> str:
        with (a as b, c): pass
        return f"{a!r:>{b}} {{x}}" "y" f"{c:4}"
x = [*y, {**z}, lambda: 1j, b"z", ..., x[1:2, ...]]
"""
    digest = hashlib.sha256(canonical(ast.parse(code)).encode()).hexdigest()
    assert digest[:16] == "fe9ceb61595127f2"


def helper(x):
    return x + OFFSET


OFFSET = 1


def with_helper(x):
    return helper(x)


def test_identity_of_functions_and_data(monkeypatch):
    import numpy as np
    import torch

    before = identity_of(with_helper)
    assert identity_of(with_helper) == before
    monkeypatch.setitem(globals(), "OFFSET", 2)  # named by a function that it names
    assert identity_of(with_helper) != before
    assert identity_of(np.arange(3)) == identity_of(np.arange(3)) != identity_of(np.arange(4))
    assert identity_of(torch.ones(2)) == identity_of(torch.ones(2)) != identity_of(torch.zeros(2))

    def closing_over(array):
        return lambda: array

    first, second = (identity_of(closing_over(np.full(2, v))) for v in (0.0, 1.0))
    assert first != second
    from functools import partial

    assert identity_of(partial(pow, 2)) != identity_of(partial(pow, 3))

    class Callable:
        def __init__(self, k):
            self.k = k

        def __call__(self, x):
            return self.k * x

    assert identity_of(Callable(1)) == identity_of(Callable(1)) != identity_of(Callable(2))

    @dataclass(frozen=True, slots=True)
    class Images:
        x: torch.Tensor

    assert identity_of(Images(torch.ones(()))) == identity_of(Images(torch.ones(())))
    assert identity_of(Images(torch.ones(()))) != identity_of(Images(torch.ones(1)))
