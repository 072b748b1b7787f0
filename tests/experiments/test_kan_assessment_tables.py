"""assess on a user's own table: equal sizes, honest words, one sentence for what is wrong."""

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix

from neurarium.evaluation.verdict import Interval
from neurarium.experiments.kan_assessment import assess
from neurarium.experiments.kan_assessment.assess import _said
from neurarium.experiments.kan_assessment.problems import standardised_targets

FEW = {"num_trials": 1, "num_steps": 15, "parameters": 1000, "num_folds": 3}
RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 3))
Y = X[:, 0] ** 2 + RNG.normal(size=60) / 10


@pytest.mark.parametrize("parameters", [200, 300, 400, 600])
@pytest.mark.parametrize("num_trials", [1, 3])
def test_arms_are_of_equal_size_or_refused(parameters, num_trials):
    settings = {**FEW, "parameters": parameters, "num_trials": num_trials, "num_steps": 1}
    try:
        found = assess(X, Y > 0.5, **settings)
    except ValueError as error:
        assert "parameters must be larger for arms of equal size: got" in str(error)  # noqa: PT017
        advised = int(str(error).split("; take ")[1].split()[0])
        found = assess(X, Y > 0.5, **{**settings, "parameters": advised})
        parameters = advised
    assert all(abs(size / parameters - 1) <= 0.02 for size in found.parameters.values())


def test_equal_flops_leave_the_kan_units():
    found = assess(X, Y, budget="flops", **{**FEW, "num_steps": 1})
    assert found.parameters["mlp"] > 10_000 > found.parameters["kan"] > 1000
    assert "with as many FLOPs" in found.words


def test_equal_folds_are_no_evidence_where_rows_are_few():
    """Twelve rows, three folds, 75.00 for every network: one row is worth 25 points."""
    answer, said = _said(Interval(0.0, None, None, 3), 1.0, "an MLP", 25.0)
    assert answer is None
    assert said.startswith("These rows cannot tell whether a KAN pays: 0.00 points from an MLP in")
    assert said.endswith("every fold, where one test row is worth 25.00.")
    assert _said(Interval(25.0, None, None, 3), 1.0, "an MLP", 25.0)[0] is None
    assert _said(Interval(0.0, None, None, 3), 1.0, "an MLP", 0.5)[0] is False
    rows = np.repeat([[0.0], [1.0]], 6, 0) + RNG.normal(size=(12, 1)) / 100
    found = assess(rows, rows[:, 0] > 0.5, **{**FEW, "num_steps": 60})
    if found.difference.low is None:
        assert found.pays is None


def text_column(cells):
    return pd.DataFrame({"a": X[:, 0], "odd": pd.Series(cells, dtype=object)})


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ([str(k % 5) for k in range(59)] + ["n/k"], r"6 categories, and all its cells but 'n/k'"),
        ([str(k % 5) for k in range(60)], r"column 'odd' is taken for 5 .* all its cells are num"),
    ],
)
def test_numbers_as_text_get_a_warning(cells, message):
    with pytest.warns(UserWarning, match=message):
        assess(text_column(cells), Y, **FEW)
    assess(text_column(cells).astype({"odd": "category"}), Y, **FEW)  # said to be categories


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ([f"p{k}" for k in range(60)], "'odd' must have at most 15 categories, half .* got 60; dr"),
        (pd.date_range("2020-01-01", periods=60).astype(str), "got 60; drop it, or turn it into"),
        ([str(k) for k in range(59)] + ["n/k"], "got 60; all its cells but 'n/k' are numbers"),
    ],
)
def test_identifiers_are_refused(cells, message):
    with pytest.raises(ValueError, match=message):
        assess(text_column(cells), Y, **FEW)


@pytest.mark.parametrize("scale", [1e-200, 1e-30, 1e-15, 1e100])
def test_scores_do_not_depend_on_the_target_s_unit(scale):
    expected, found = assess(X, Y, **FEW).scores, assess(X, Y * scale, **FEW).scores
    for name, scores in expected.items():
        assert found[name] == pytest.approx(scores, abs=0.1)


def test_targets_are_standardised_at_any_scale():
    rows = np.arange(40)
    expected = standardised_targets(Y, rows)
    for scale in (1e-300, 1e-13, 1e140):
        np.testing.assert_allclose(standardised_targets(Y * scale, rows), expected, rtol=1e-5)
    assert standardised_targets(np.ones(3), np.arange(2)).tolist() == [[0.0]] * 3


def test_numbers_in_objects_are_numbers():
    expected = assess(X, Y, **FEW)
    for y in ([Decimal(repr(float(v))) for v in Y], pd.Series(Y, dtype=object), Y[:, None]):
        found = assess(X, y, **FEW)
        assert (found.task, found.scores) == ("regression", expected.scores)
    assert assess(X.tolist(), Y.tolist(), **FEW).scores == expected.scores
    mixed = [[float(a), "u" if b > 0 else "v"] for a, b in X[:, :2]]  # a number stays a number
    assert assess(mixed, Y, **FEW).parameters == assess(X, Y, **FEW).parameters


@pytest.mark.parametrize(
    ("changes", "kind", "message"),
    [
        ({"random_state": None}, TypeError, "random_state must be a whole number: got None"),
        ({"random_state": -1}, ValueError, "random_state must lie in 0 … 4294967295: got -1"),
        ({"arms": ("mlp", "kan", "kan")}, ValueError, "arms must be different: got 'kan' more"),
        ({"arms": "kan"}, TypeError, "arms must be a list of names: got 'kan'"),
        ({"seconds": "1"}, TypeError, "seconds must be a number: got '1'"),
        ({"margin": "1"}, TypeError, "margin must be a number: got '1'"),
        ({"X": csr_matrix(X)}, TypeError, "X must be a DataFrame or a dense array: got csr_matrix"),
        ({"X": None}, TypeError, "X must be a DataFrame or a dense array: got NoneType"),
        ({"X": X[:, :, None]}, ValueError, r"table of rows and columns: got shape \(60, 3, 1\)"),
        ({"y": None}, ValueError, "y must have one target a row: got None"),
        ({"y": Y.reshape(30, 2)}, ValueError, r"one target a row: got shape \(30, 2\)"),
        ({"y": Y + 1j}, ValueError, "y must be real: got complex numbers"),
        ({"y": [10**400, 0.5] * 30}, ValueError, "y must fit into float64"),
        ({"y": [0.5, None] * 30}, ValueError, "y must have no missing values: got 30"),
        ({"y": Y * 1e160}, ValueError, r"y must not exceed 1e\+150: got .*e\+16.; take"),
        ({"y": np.where(np.arange(60) < 2, 0.5, 0)}, ValueError, "y must vary in every fold"),
        ({"y": 1e-9 * Y + (np.arange(60) == 0)}, ValueError, "y must vary in every fold"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_one_sentence(changes, kind, message):
    if "y" in changes and changes["y"] is not None:
        changes = {"task": "regression", **changes}
    with pytest.raises(kind, match=message):
        assess(**{"X": X, "y": Y, **FEW, **changes})
