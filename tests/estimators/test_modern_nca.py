"""ModernNCA: the paper's equation, self-exclusion, scikit-learn's contract, hostile input."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import check_estimator
from torch.autograd import gradcheck

from neurarium.estimators import ModernNCAClassifier, ModernNCARegressor
from neurarium.estimators.soft_neighbours import (
    NeighbourEmbedding,
    PeriodicEmbedding,
    soft_neighbour_average,
)

TINY = {
    "embed_dim": 8,
    "num_epochs": 20,
    "num_layers": 1,
    "hidden_features": 8,
    "num_frequencies": 4,
    "frequency_dim": 4,
}
BOTH = pytest.mark.parametrize("estimator", [ModernNCAClassifier, ModernNCARegressor])


@pytest.mark.parametrize(
    "estimator",
    [
        ModernNCAClassifier(**{**TINY, "num_epochs": 10}),
        ModernNCARegressor(**{**TINY, "num_epochs": 60}),
        pytest.param(ModernNCAClassifier(), marks=pytest.mark.slow),
        pytest.param(ModernNCARegressor(), marks=pytest.mark.slow),
    ],
    ids=lambda estimator: type(estimator).__name__ + str(estimator.num_epochs),
)
def test_check_estimator(estimator):
    results = check_estimator(estimator, on_fail=None, on_skip=None)
    assert [r for r in results if r["status"] not in ("passed", "skipped")] == []


def test_average_is_the_equation():
    torch.manual_seed(0)
    query, stored = torch.randn(3, 4).double(), torch.randn(5, 4).double()
    targets = torch.randn(5, 2).double()
    average = soft_neighbour_average(query, stored, targets, temperature=0.7)
    for i in range(3):
        weights = [np.exp(-float((query[i] - stored[j]).norm()) / 0.7) for j in range(5)]
        expected = sum(w * targets[j] for j, w in enumerate(weights)) / sum(weights)
        torch.testing.assert_close(average[i], expected)


def test_small_temperature_is_the_nearest_neighbour():
    generator = np.random.default_rng(0)
    X, y, new = (
        generator.normal(size=(40, 3)),
        generator.integers(0, 3, 40),
        generator.normal(size=(30, 3)),
    )
    votes = soft_neighbour_average(
        torch.tensor(new), torch.tensor(X), torch.eye(3).double()[y], temperature=1e-4
    )
    nearest = KNeighborsClassifier(1).fit(X, y).predict(new)
    assert (votes.argmax(1).numpy() == nearest).all()


def test_large_temperature_is_the_mean():
    stored, targets = torch.randn(6, 2), torch.randn(6, 1)
    average = soft_neighbour_average(torch.randn(4, 2), stored, targets, temperature=1e9)
    torch.testing.assert_close(average, targets.mean(0).expand(4, 1))


def test_no_row_votes_for_itself():
    stored, targets = torch.randn(5, 2), torch.eye(5)
    votes = soft_neighbour_average(stored[:3], stored, targets, exclude_self=True)
    assert (votes[:, :3].diagonal() == 0).all()
    torch.testing.assert_close(votes.sum(1), torch.ones(3))


def test_gradients_also_where_rows_coincide():
    torch.manual_seed(0)
    stored = torch.randn(4, 2, dtype=torch.float64)
    targets = torch.randn(4, 1, dtype=torch.float64)
    query = torch.randn(3, 2, dtype=torch.float64, requires_grad=True)
    assert gradcheck(lambda q: soft_neighbour_average(q, stored, targets), query)
    twin = stored.clone().requires_grad_()
    soft_neighbour_average(twin, twin, targets, exclude_self=True).sum().backward()
    assert torch.isfinite(twin.grad).all()


def test_periodic_embedding_is_the_formula():
    embedding = PeriodicEmbedding(2, 3, num_frequencies=4, frequency_scale=0.5)
    x = torch.randn(5, 2)
    c, linear = embedding.frequencies, embedding.linear
    second = 2 * np.pi * c[1] * x[:, 1:]
    expected = torch.relu(
        torch.cat([second.cos(), second.sin()], 1) @ linear.weight.T + linear.bias
    )
    torch.testing.assert_close(embedding(x)[:, 3:], expected)
    assert embedding.frequencies.abs().max() <= 1.5


def test_categories_pass_the_periodic_features_by():
    phi = NeighbourEmbedding(torch.tensor([False, True, False]), embed_dim=2, num_frequencies=3)
    assert phi.layers[0].in_features == 34 + 2
    plain = NeighbourEmbedding(torch.tensor([False, True]), embed_dim=2, num_frequencies=0)
    torch.testing.assert_close(plain(torch.eye(2)), plain.layers[0](torch.eye(2)))


def mixed_table(rows=80, seed=0):
    generator = np.random.default_rng(seed)
    color = generator.choice(["red", "green", "blue"], rows)
    size = generator.normal(size=rows)
    table = pd.DataFrame({"color": color, "size": size, "flag": generator.integers(0, 2, rows) > 0})
    table.loc[::9, "size"] = np.nan
    table.loc[4::9, "color"] = None
    return table, np.where((color == "red") ^ (size > 0), "yes", "no")


def test_learns_an_interaction_of_category_and_number():
    table, y = mixed_table(240)
    model = ModernNCAClassifier(num_epochs=60, random_state=0)
    model.fit(table[:160], y[:160], eval_set=(table[160:200], y[160:200]))
    complete = table[200:].notna().all(axis=1).to_numpy()
    assert model.score(table[200:][complete], y[200:][complete]) > 0.85


def test_default_classes_and_probabilities():
    table, y = mixed_table()
    model = ModernNCAClassifier(**TINY, random_state=0).fit(table, y)
    proba = model.predict_proba(table)
    np.testing.assert_allclose(proba.sum(1), 1, atol=1e-12)
    assert (model.classes_[proba.argmax(1)] == model.predict(table)).all()


@BOTH
def test_equal_seeds_give_equal_models_and_leave_the_global_generator_alone(estimator):
    table, y = mixed_table()
    y = (y == "yes").astype(float)
    state = torch.get_rng_state()
    first, second = (estimator(**TINY, random_state=3).fit(table, y) for _ in range(2))
    assert (torch.get_rng_state() == state).all()
    np.testing.assert_array_equal(first.predict(table), second.predict(table))
    other = clone(first).set_params(random_state=4).fit(table, y)
    assert not torch.equal(other.candidates_, first.candidates_)


def test_small_batches_use_the_sampled_rest():
    table, y = mixed_table()
    arguments = {**TINY, "batch_size": 16, "random_state": 0}
    none, half = (
        ModernNCAClassifier(**arguments, sample_rate=rate).fit(table, y) for rate in (0.0, 0.5)
    )
    assert not torch.equal(none.candidates_, half.candidates_)


def test_validation_rows_choose_the_epoch():
    table, y = mixed_table(200)
    fit, check = (table[:120], y[:120]), (table[120:], y[120:])
    model = ModernNCAClassifier(num_epochs=200, patience=3, random_state=0).fit(
        *fit, eval_set=check
    )
    assert model.n_iter_ < 200
    last = ModernNCAClassifier(num_epochs=model.n_iter_, random_state=0).fit(*fit)
    assert model.score(*check) >= last.score(*check)


def test_regression_predicts_in_original_units_and_between_the_targets():
    X = np.linspace(-2, 2, 80)[:, None]
    y = 1000 + 50 * np.sin(2 * X[:, 0])
    model = ModernNCARegressor(num_epochs=60, random_state=0).fit(X, y)
    assert model.score(X, y) > 0.9
    far = model.predict([[1e3], [-1e3]])
    assert (far >= y.min()).all()
    assert (far <= y.max()).all()


@BOTH
def test_saved_model_predicts_bit_for_bit(estimator, tmp_path):
    table, y = mixed_table()
    if estimator is ModernNCARegressor:
        y = (y == "yes") * 3.5
    model = estimator(**TINY, random_state=0).fit(table, y)
    model.save(tmp_path / "model")
    restored = estimator.load(tmp_path / "model")
    np.testing.assert_array_equal(restored.predict(table), model.predict(table))
    np.testing.assert_array_equal(restored._average(table), model._average(table))
    assert restored.get_params() == model.get_params()
    with pytest.raises(ValueError, match="same order"):
        restored.predict(table[["size", "color", "flag"]])


def test_grid_search_and_pipeline():
    table, y = mixed_table()
    search = GridSearchCV(
        make_pipeline(ModernNCAClassifier(**TINY, random_state=0)),
        {"modernncaclassifier__temperature": [0.3, 1.0]},
        cv=2,
    ).fit(table, y)
    assert search.predict(table).shape == (80,)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"embed_dim": 0}, ValueError, "embed_dim must be at least 1: got 0"),
        ({"num_layers": 1.5}, TypeError, "num_layers must be an int: got 1.5"),
        ({"batch_size": 1}, ValueError, "batch_size must be at least 2"),
        ({"lr": 0.0}, ValueError, "lr must be positive"),
        ({"temperature": float("nan")}, ValueError, "temperature must be positive"),
        ({"dropout": 1.5}, ValueError, r"dropout must lie in 0 … 1"),
        ({"patience": 0}, ValueError, "patience must be at least 1 or None"),
    ],
)
def test_bad_arguments(arguments, error, message):
    with pytest.raises(error, match=message):
        ModernNCAClassifier(**arguments).fit(*mixed_table())


def test_bad_targets():
    table, y = mixed_table()
    with pytest.raises(ValueError, match="at least two classes: got one class, same"):
        ModernNCAClassifier().fit(table, ["same"] * 80)
    with pytest.raises(ValueError, match="no missing value"):
        ModernNCAClassifier().fit(table, np.array(["a", None] * 40, dtype=object))
    with pytest.raises(ValueError, match="NaN"):
        ModernNCARegressor().fit(table, np.full(80, np.nan))
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        ModernNCAClassifier().fit(table, y[:-1])
    with pytest.raises(ValueError, match="eval_set must hold classes of y: got 'perhaps'"):
        ModernNCAClassifier().fit(table, y, eval_set=(table, ["perhaps"] * 80))
    with pytest.raises(ValueError, match="n_samples = 1"):
        ModernNCAClassifier().fit(table[:1], y[:1])


def test_constant_target_and_constant_table():
    X = np.ones((12, 2))
    assert (ModernNCARegressor(**TINY).fit(X, np.full(12, 7.0)).predict(X) == 7).all()
    proba = ModernNCAClassifier(**TINY).fit(X, [0, 1, 1] * 4).predict_proba(X)
    np.testing.assert_allclose(proba, [[1 / 3, 2 / 3]] * 12)
