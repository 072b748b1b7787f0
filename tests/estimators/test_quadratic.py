"""The quadratic estimators: scikit-learn's contract, products of columns, saving, bad settings."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.utils.estimator_checks import check_estimator

from neurarium.estimators import QuadraticClassifier, QuadraticRegressor, load_estimator

BOTH = pytest.mark.parametrize("estimator", [QuadraticClassifier, QuadraticRegressor])


@pytest.mark.slow
@pytest.mark.parametrize(
    "estimator",
    [
        QuadraticClassifier(hidden_features=(8,), num_epochs=40, lr=0.03),
        QuadraticRegressor(hidden_features=(8,), num_epochs=40, lr=0.03),
    ],
    ids=["classifier", "regressor"],
)
def test_check_estimator(estimator):
    results = check_estimator(estimator, on_fail=None, on_skip=None)
    assert [r for r in results if r["status"] not in ("passed", "skipped")] == []


def products(rows=400):
    X = np.random.default_rng(0).normal(size=(rows, 6))
    return X, X[:, 0] * X[:, 1] + X[:, 2] ** 2


def test_one_quadratic_form_is_learned_from_few_rows_where_gamma_0_is_linear():
    X, y = products()
    settings = {"hidden_features": (), "lr": 0.05, "num_epochs": 100, "random_state": 0}
    quadratic = QuadraticRegressor(**settings).fit(X[:200], y[:200])
    plain = QuadraticRegressor(**settings, gamma=0.0).fit(X[:200], y[:200])
    assert quadratic.score(X[200:], y[200:]) > 0.99
    assert plain.score(X[200:], y[200:]) < 0.2
    (layer, *_) = plain.module_.layers
    assert torch.equal(layer.interaction_bias, torch.ones_like(layer.interaction_bias))
    assert not layer.square_weight.any()


@BOTH
def test_tables_with_text_and_gaps_are_saved_and_seeds_count(estimator, tmp_path):
    X, y = products(120)
    frame = pd.DataFrame(X[:, :3], columns=list("abc"))
    frame["colour"] = np.random.default_rng(1).choice(["red", "blue"], 120)
    frame.loc[::7, "a"] = np.nan
    if estimator is QuadraticClassifier:
        y = np.where(y > 1, "high", "low")
    settings = {"hidden_features": (4,), "num_epochs": 15, "lr": 0.05}
    model, twin = (estimator(**settings, random_state=3).fit(frame, y) for _ in range(2))
    assert np.array_equal(model.predict(frame), twin.predict(frame))
    model.save(tmp_path)
    assert np.array_equal(load_estimator(tmp_path).predict(frame), model.predict(frame))
    if estimator is QuadraticClassifier:
        assert np.allclose(model.predict_proba(frame).sum(1), 1)
    other = estimator(**settings, random_state=4).fit(frame, y)
    assert not torch.equal(
        other.module_.layers[0].linear_weight, model.module_.layers[0].linear_weight
    )


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"gamma": 2.0}, ValueError, r"gamma must lie in \[0, 1\]: got 2.0"),
        ({"gamma": "auto"}, TypeError, "gamma must be a number: got 'auto'"),
        ({"mode": "half"}, ValueError, "mode must be 'full' or 'compact': got 'half'"),
        ({"lr": 0}, ValueError, "lr must be finite and positive: got 0"),
        ({"lr": 1e30}, ValueError, "lr must be smaller: got 1e"),
        ({"hidden_features": (4, 0)}, ValueError, "hidden_features must be at least 1: got 0"),
    ],
)
def test_bad_settings(arguments, error, message):
    with pytest.raises(error, match=message):
        QuadraticRegressor(**arguments).fit(*products(40))
