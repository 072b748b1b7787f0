"""The KAN estimators: scikit-learn's contract, tables with gaps, saving, hostile input."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.utils.estimator_checks import check_estimator

from neurarium.estimators import KANClassifier, KANRegressor, load_estimator
from neurarium.neurons import fit_symbolic, prune_kan

FAST = {"hidden_features": (4,), "num_epochs": 15, "lr": 0.05}
BOTH = pytest.mark.parametrize("estimator", [KANClassifier, KANRegressor])


@pytest.mark.slow
@pytest.mark.parametrize(
    "estimator",
    [
        KANClassifier(hidden_features=(4,), num_epochs=40, lr=0.05),
        KANRegressor(hidden_features=(4,), num_epochs=40, lr=0.05),
        KANClassifier(layer="chebyshev", norm="batch", num_epochs=40, lr=0.05),
    ],
    ids=["classifier", "regressor", "chebyshev"],
)
def test_check_estimator(estimator):
    results = check_estimator(estimator, on_fail=None, on_skip=None)
    assert [r for r in results if r["status"] not in ("passed", "skipped")] == []


def table(rows=120):
    generator = np.random.default_rng(0)
    size = generator.normal(size=rows)
    colour = generator.choice(["red", "blue", "green"], rows)
    X = pd.DataFrame({"size": size, "colour": colour, "flag": generator.random(rows) > 0.5})
    X.loc[::7, "size"] = np.nan
    X.loc[3::11, "colour"] = None
    return X, size, colour


@BOTH
def test_tables_with_text_and_gaps(estimator, tmp_path):
    X, size, colour = table()
    y = np.where(colour == "red", 2.0, 0.0) + np.square(size)
    if estimator is KANClassifier:
        y = np.where(y > 1, "high", "low")
    model = estimator(**{**FAST, "num_epochs": 60}, random_state=0).fit(X, y)
    assert model.score(X, y) > 0.75
    assert model.module_.layer_sizes[0] == 1 + 3 + 2 + 2  # numbers, one-hot, flags of gaps
    model.save(tmp_path)
    twin = load_estimator(tmp_path)
    assert np.array_equal(twin.predict(X), model.predict(X))
    with pytest.warns(UserWarning, match="'purple', which was not in the training rows"):
        model.predict(X.assign(colour="purple"))


@BOTH
def test_what_was_fitted_is_what_is_saved(estimator, tmp_path):
    """A network with other arguments than the trained one could not be loaded."""
    X, size, _ = table()
    model = estimator(**FAST, random_state=0).fit(X, size > 0)
    expected = model.predict(X)
    model.set_params(hidden_features=(5,), device="cpu")
    with pytest.raises(ValueError, match=r"got hidden_features = \(5,\) after \(4,\); fit again"):
        model.save(tmp_path)
    model.set_params(hidden_features=(4,)).save(tmp_path / "first")
    loaded = load_estimator(tmp_path / "first")
    loaded.save(tmp_path / "second")
    assert np.array_equal(load_estimator(tmp_path / "second").predict(X), expected)
    loaded.set_params(layer="fourier")
    with pytest.raises(ValueError, match=r"got layer = 'fourier' after 'bspline'; fit again"):
        loaded.save(tmp_path)


@BOTH
def test_equal_seeds_give_equal_models_and_rows_do_not_depend_on_their_batch(estimator):
    X, size, _ = table()
    y = size > 0 if estimator is KANClassifier else size
    first, second = (estimator(**FAST, random_state=3).fit(X, y) for _ in range(2))
    assert np.array_equal(first.predict(X), second.predict(X))
    other = clone(first).set_params(random_state=4).fit(X, y)
    predict = "predict_proba" if estimator is KANClassifier else "predict"
    assert not np.array_equal(getattr(first, predict)(X), getattr(other, predict)(X))
    assert np.allclose(getattr(first, predict)(X)[:1], getattr(first, predict)(X[:1]), atol=1e-12)


def test_probabilities_and_validation_rows():
    X = np.random.default_rng(0).normal(size=(300, 2))
    y = np.where(X[:, 0] * X[:, 1] > 0, "same", "different")
    held_out = X[:80], y[:80]
    model = KANClassifier(num_epochs=40, lr=0.05, random_state=0).fit(X[80:], y[80:], held_out)
    assert np.allclose(model.predict_proba(X).sum(1), 1)
    assert model.score(*held_out) > 0.9
    output = torch.tensor(model.predict_proba(held_out[0])).log()
    codes = torch.tensor(np.searchsorted(model.classes_, held_out[1]))
    loss = torch.nn.functional.nll_loss(output, codes).item()
    assert model.best_score_ == pytest.approx(-loss, rel=1e-4)
    stopped = KANClassifier(num_epochs=400, lr=0.1, patience=3, random_state=0)
    assert stopped.fit(X[80:], y[80:], held_out).n_iter_ < 400


def test_grid_search_over_layers():
    X, size, _ = table(60)
    search = GridSearchCV(
        KANRegressor(**FAST, random_state=0), {"layer": ["rbf", "spline_mlp"]}, cv=2
    )
    assert search.fit(X.drop(columns="colour"), size).best_score_ > -10


def test_a_fitted_regressor_is_pruned_and_read():
    """y = x1² on standardised numbers: one edge is left, and it is a parabola."""
    X = np.random.default_rng(0).uniform(-1, 1, size=(400, 2))
    model = KANRegressor(hidden_features=(), lr=0.05, num_epochs=80, random_state=0)
    model.fit(X, np.square(X[:, 0]))
    rows = torch.from_numpy(model.encoder_.transform(X)).double()
    smaller, report = prune_kan(model.module_, rows, threshold=0.05)
    assert report.edges_after == 1
    symbolic = fit_symbolic(smaller, rows, tolerance=1e-3)
    assert [edge[1:] for edge in symbolic.layers[0].edges] == [(0, "x^2")]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"lr": 0}, ValueError, "lr must be finite and positive: got 0"),
        ({"lr": "auto"}, TypeError, "lr must be a number: got 'auto'"),
        ({"hidden_features": (4, 0)}, ValueError, "hidden_features must be at least 1: got 0"),
        ({"num_epochs": 2.5}, TypeError, "num_epochs must be an integer: got 2.5"),
        ({"layer": "haar"}, ValueError, "layer must be one of bspline, rbf"),
        ({"layer": "rbf", "degree": 3}, ValueError, "degree must not be given for basis 'rbf'"),
        ({"validation_fraction": 1.0}, ValueError, r"validation_fraction must lie in \[0, 1\)"),
    ],
)
def test_bad_settings(arguments, error, message):
    X, size, _ = table(40)
    with pytest.raises(error, match=message):
        KANRegressor(**arguments).fit(X, size)


def test_bad_data():
    X, size, _ = table(40)
    with pytest.raises(ValueError, match="y must hold at least 2 classes"):
        KANClassifier(**FAST).fit(X, np.zeros(40))
    with pytest.raises(ValueError, match=r"eval_set must be \(X, y\)"):
        KANRegressor(**FAST).fit(X, size, eval_set=X)
    with pytest.raises(ValueError, match="y contains NaN"):
        KANRegressor(**FAST).fit(X, np.full(40, np.nan))
