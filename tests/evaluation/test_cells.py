import pickle

import numpy as np
import pytest

from neurarium.evaluation import Cell, Method
from neurarium.evaluation.cells import grid


def f() -> None:
    pass


def test_identity_tells_numbers_of_different_kinds_apart():
    cells = {Cell(method="m", x=value) for value in (1, 1.0, True, "1")}
    assert len(cells) == 4
    assert Cell(a=1, b=2) == Cell(b=2, a=1)


def test_numpy_scalars_become_plain():
    cell = Cell(load=np.float64(0.5), seed=np.int64(3))
    assert type(cell.load) is float
    assert type(cell.seed) is int
    assert cell == Cell(load=0.5, seed=3)


def test_pickles_and_is_frozen():
    cell = Cell(method="m", seed=0)
    assert pickle.loads(pickle.dumps(cell)) == cell
    with pytest.raises(AttributeError, match="frozen"):
        cell.seed = 1
    with pytest.raises(AttributeError, match="no axis 'density': it has method, seed"):
        _ = cell.density


@pytest.mark.parametrize(("value", "error"), [([1], TypeError), (None, TypeError)])
def test_axis_values_are_plain(value, error):
    with pytest.raises(error, match="axis 'x' must be str, int, float or bool"):
        Cell(x=value)
    with pytest.raises(ValueError, match="must be a number: got nan"):
        Cell(x=float("nan"))


def test_grid_interleaves_methods_with_seeds_outermost():
    cells = grid({"load": (0.1, 0.2), "seed": range(2)}, {"a": f, "b": f})
    assert [(c.seed, c.load, c.method) for c in cells] == [
        (0, 0.1, "a"), (0, 0.1, "b"), (0, 0.2, "a"), (0, 0.2, "b"),
        (1, 0.1, "a"), (1, 0.1, "b"), (1, 0.2, "a"), (1, 0.2, "b"),
    ]  # fmt: skip


def test_a_methods_own_axes_replace_remove_and_add():
    methods = {
        "plain": f,
        "own": Method(f, axes={"density": (0.9,), "seed": (), "rate": (1, 2)}),
    }
    cells = grid({"density": (0.1, 0.5), "seed": range(2)}, methods)
    assert sum(c.method == "plain" for c in cells) == 4
    assert {c for c in cells if c.method == "own"} == {
        Cell(method="own", density=0.9, rate=1),
        Cell(method="own", density=0.9, rate=2),
    }
    assert len(cells) == len(set(cells))


def test_grid_restricts_methods_and_refuses_unknown_ones():
    assert [c.method for c in grid({"method": ("b",), "seed": (0,)}, {"a": f, "b": f})] == ["b"]
    with pytest.raises(ValueError, match=r"method must be one of a, bert: got 'bart'.*'bert'"):
        grid({"method": ("bart",)}, {"a": f, "bert": f})
    with pytest.raises(ValueError, match="axis 'seed' must have a value: got none for method 'a'"):
        grid({"seed": range(0)}, {"a": f})
