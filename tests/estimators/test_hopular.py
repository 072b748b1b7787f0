"""HopularClassifier and HopularRegressor: tables, splits, schedules, persistence, bad input."""

import json
import subprocess
import sys
import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from neurarium.estimators import HopularClassifier, HopularRegressor, load_estimator
from neurarium.estimators.hopular_training import (
    automatic_ema_decay,
    automatic_epochs,
    automatic_lr,
)

TINY = {
    "embed_dim": 8,
    "num_layers": 1,
    "num_heads": 2,
    "num_epochs": 3,
    "lr": 0.05,
    "random_state": 0,
}


def mixed_table(num_rows=60, seed=0):
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(
        {
            "age": rng.normal(40, 10, num_rows),
            "city": rng.choice(["Linz", "Wien", "Graz"], num_rows),
            "size": pd.Categorical(rng.choice(["s", "m"], num_rows)),
            "member": rng.random(num_rows) < 0.5,
            "constant": 1.0,
            "empty": np.nan,
        }
    )
    label = np.where((table["age"] > 40) ^ (table["city"] == "Wien"), "yes", "no")
    table.loc[::7, "age"] = np.nan
    table.loc[3::7, "city"] = None
    return table, label


@pytest.fixture(scope="module")
def fitted():
    table, label = mixed_table()
    return HopularClassifier(**TINY).fit(table, label)


# --- it learns ----------------------------------------------------------------------------------


def test_classifies_iris():
    X, y = load_iris(return_X_y=True)
    X, X_test, y, y_test = train_test_split(X, y, random_state=0, stratify=y)
    settings = {**TINY, "num_epochs": 60, "embed_dim": 16, "lr": 0.1}
    classifier = HopularClassifier(**settings).fit(X, y)
    assert classifier.score(X_test, y_test) > 0.9


def test_regresses_in_original_units_whatever_the_scale():
    X, y = load_diabetes(return_X_y=True)
    X, y = X[:120], 1e6 + 1e3 * y[:120]
    settings = {**TINY, "num_epochs": 60}
    regressor = HopularRegressor(**settings).fit(X, y)
    assert regressor.score(X, y) > 0.25
    assert abs(regressor.predict(X).mean() - y.mean()) < y.std()
    small = HopularRegressor(**settings).fit(X, 1e-9 * (y - 1e6))
    np.testing.assert_allclose(
        small.predict(X), 1e-9 * (regressor.predict(X) - 1e6), rtol=1e-3, atol=1e-8
    )


# --- tables ---------------------------------------------------------------------------------------


def test_mixed_table_with_missing_cells(fitted):
    table, _ = mixed_table(seed=1)
    probability = fitted.predict_proba(table)
    assert probability.dtype == np.float64
    np.testing.assert_allclose(probability.sum(1), 1, rtol=0, atol=1e-12)
    assert np.isfinite(probability).all()
    assert fitted.classes_.tolist() == ["no", "yes"]
    assert set(fitted.predict(table)) <= {"no", "yes"}
    assert fitted.feature_names_in_.tolist() == list(table.columns)
    wholly_missing = pd.DataFrame({name: [None] for name in table})
    assert np.isfinite(fitted.predict_proba(wholly_missing)).all()


def test_an_unseen_category_is_treated_as_missing_with_a_warning(fitted):
    table, _ = mixed_table(seed=1)
    unseen, missing = table.copy(), table.copy()
    unseen["city"] = "Oslo"
    missing["city"] = None
    with pytest.warns(UserWarning, match="'city' holds 'Oslo', which was not in the training rows"):
        probability = fitted.predict_proba(unseen)
    np.testing.assert_array_equal(probability, fitted.predict_proba(missing))


def test_wrong_columns_are_named(fitted):
    table, _ = mixed_table()
    with pytest.raises(ValueError, match="feature names should match"):
        fitted.predict(table[table.columns[::-1]])
    with pytest.raises(ValueError, match="city"):
        fitted.predict(table.drop(columns="city"))


@pytest.mark.parametrize(
    "labels",
    [[True, False], [3, -1], ["b", "a"], [2.0, 1.0], np.array(["x", "yy"], dtype=object)],
    ids=str,
)
def test_labels_of_any_kind(labels):
    X = np.random.default_rng(0).normal(size=(12, 2))
    y = np.array([labels[i % 2] for i in range(12)])
    classifier = HopularClassifier(**TINY).fit(X, y)
    assert classifier.classes_.tolist() == sorted(set(labels))
    assert set(classifier.predict(X)) <= set(labels)


def test_a_row_does_not_depend_on_its_batch(fitted):
    table, _ = mixed_table(seed=2)
    together = fitted.predict_proba(table)
    one_by_one = np.vstack([fitted.predict_proba(table.iloc[[i]]) for i in range(10)])
    np.testing.assert_allclose(one_by_one, together[:10], rtol=1e-12)
    np.testing.assert_allclose(fitted.predict_proba(table[::-1])[::-1], together, rtol=1e-12)


def test_integer_columns_are_numbers_unless_named():
    X = np.array([[0, 5], [1, 6], [2, 7], [0, 8]] * 3)
    y = np.array([0, 1, 0, 1] * 3)
    assert HopularClassifier(**TINY).fit(X, y).encoder_.attribute_sizes_ == (1, 1)
    named = HopularClassifier(**TINY, categorical_features=[0]).fit(X, y)
    assert named.encoder_.attribute_sizes_ == (3, 1)


# --- reproducibility ----------------------------------------------------------------------------


def test_equal_random_states_fit_equal_models_and_leave_torchs_generator_alone():
    table, label = mixed_table()
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    first, second = (HopularClassifier(**TINY).fit(table, label) for _ in range(2))
    assert torch.equal(torch.rand(3), expected)
    np.testing.assert_array_equal(first.predict_proba(table), second.predict_proba(table))
    second.fit(table, label)
    np.testing.assert_array_equal(first.predict_proba(table), second.predict_proba(table))
    other = HopularClassifier(**{**TINY, "random_state": 1}).fit(table, label)
    assert not np.allclose(first.predict_proba(table), other.predict_proba(table))


def test_fits_without_gradients_enabled_and_predicts_the_same():
    table, label = mixed_table()
    expected = HopularClassifier(**TINY).fit(table, label).predict_proba(table)
    with torch.no_grad():
        actual = HopularClassifier(**TINY).fit(table, label).predict_proba(table)
    np.testing.assert_array_equal(actual, expected)


# --- validation rows and schedule ---------------------------------------------------------------


def test_validation_rows_choose_the_epoch_and_touch_nothing_else():
    """Other validation rows: other choice perhaps, but the same training to the last bit."""
    table, label = mixed_table()
    rest, rest_label = mixed_table(30, seed=3)
    settings = {**TINY, "num_epochs": 20, "eval_every": 5}
    fits = []
    for values in (rest, rest.assign(age=1e4, city="Oslo")):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            fits.append(
                HopularClassifier(**settings).fit(table, label, eval_set=(values, rest_label))
            )
    first, second = (fit.with_last_weights().predict_proba(table) for fit in fits)
    np.testing.assert_array_equal(first, second)
    assert len(fits[0].module_.memory) == len(table)
    assert fits[0].encoder_.mean_.tolist() == fits[1].encoder_.mean_.tolist()


def test_the_first_best_epoch_is_kept_and_both_scores_are_reported():
    table, label = mixed_table(100)
    settings = {**TINY, "num_epochs": 40, "eval_every": 5}
    held_out, held_out_label = mixed_table(40, seed=8)
    fit = HopularClassifier(**settings).fit(table, label, eval_set=(held_out, held_out_label))
    scores = {int(row["epoch"]): row["score"] for row in fit.history_}
    assert list(scores) == list(range(5, 41, 5))
    assert fit.best_score_ == max(scores.values())
    assert fit.best_epoch_ == min(e for e, score in scores.items() if score == fit.best_score_)
    assert fit.last_score_ == scores[40]
    assert fit.score(held_out, held_out_label) == pytest.approx(fit.best_score_)
    last = fit.with_last_weights()
    assert last.score(held_out, held_out_label) == pytest.approx(fit.last_score_)


def test_own_split_is_stratified_and_keeps_a_row_of_every_class():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(201, 2)), np.array([0] * 140 + [1] * 60 + [2])
    settings = {**TINY, "num_epochs": 1}
    fit = HopularClassifier(**settings, validation_fraction=0.2).fit(X, y)
    assert fit.classes_.tolist() == [0, 1, 2]
    kept = fit.module_.memory[:, -4:-1].sum(0).tolist()
    assert kept[0] == pytest.approx(112, abs=1)
    assert kept[1] == pytest.approx(48, abs=1)
    assert kept[2] == 1
    assert fit.best_score_ is not None
    for fraction in (None, 0.0, 0.1):  # a tenth of 201 rows is too few to choose by
        whole = HopularClassifier(**settings, validation_fraction=fraction).fit(X, y)
        assert len(whole.module_.memory) == 201
        assert whole.best_score_ is None
        assert whole.best_epoch_ == 1


def test_patience_and_time_budget_stop_early():
    table, label = mixed_table(300)
    settings = {**TINY, "num_epochs": 400, "eval_every": 1, "lr": 1e-6}
    fit = HopularClassifier(**settings, patience=4).fit(table, label)
    assert fit.n_iter_ == fit.best_epoch_ + 4
    fit = HopularClassifier(**settings, time_budget=1e-9).fit(table, label)
    assert fit.n_iter_ == 1
    assert fit.last_score_ is not None


def test_batches_accumulate_to_the_full_gradient():
    """Without corruption and dropout one step on parts equals one step on all rows."""
    X = np.random.default_rng(0).normal(size=(30, 3))
    y = X[:, 0] * 2
    quiet = {"input_dropout": 0.0, "lookup_dropout": 0.0, "output_dropout": 0.0}
    settings = {**TINY, **quiet, "mask_prob": 0.0, "replace_prob": 0.0}
    whole = HopularRegressor(**settings).fit(X, y).predict(X)
    for batch_size in (10, 7):
        parts = HopularRegressor(**settings, batch_size=batch_size).fit(X, y).predict(X)
        np.testing.assert_allclose(parts, whole, rtol=1e-3, atol=1e-4)


def test_published_rule_for_epochs_learning_rate_and_average():
    assert automatic_lr(10_000) == pytest.approx(1e-3)
    assert automatic_ema_decay(10_000) == pytest.approx(0.995)
    epochs = [automatic_epochs(n, 672, 4) for n in (10, 200, 700, 2000, 10**5)]
    assert epochs == sorted(epochs, reverse=True)
    assert automatic_epochs(400, 672, 8) < automatic_epochs(400, 672, 4)


def test_verbose_prints_one_line_an_evaluation(capsys):
    table, label = mixed_table(300)
    HopularClassifier(**TINY, eval_every=2, verbose=True).fit(table, label)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(",")[0] for line in lines] == ["epoch 2", "epoch 3"]
    assert all("score" in line for line in lines)


# --- the scikit-learn ecosystem -----------------------------------------------------------------


def test_grid_search_pipeline_and_clone():
    X, y = load_iris(return_X_y=True)
    X, y = X[::3], y[::3]
    pipeline = make_pipeline(StandardScaler(), HopularClassifier(**TINY))
    grid = {"hopularclassifier__scaling_factor": [1.0, 100.0]}
    search = GridSearchCV(pipeline, grid, cv=2).fit(X, y)
    assert search.best_params_["hopularclassifier__scaling_factor"] in (1.0, 100.0)
    assert clone(search.best_estimator_).get_params() != {}
    assert clone(HopularClassifier(**TINY)).get_params() == HopularClassifier(**TINY).get_params()


def test_hyperparameters_reach_the_model():
    X = np.random.default_rng(0).normal(size=(20, 2))
    settings = {"scaling_factor": 100.0, "tie_value": True, "memory_ratio": 0.5}
    fit = HopularRegressor(**{**TINY, "num_layers": 3}, **settings, reread_memory=False).fit(
        X, X[:, 0]
    )
    model = fit.module_
    assert len(model.blocks) == 3
    assert model.blocks[0].sample_lookup.beta == pytest.approx(100 / (3 * 8 / 2) ** 0.5)
    assert model.blocks[0].sample_lookup.value_map is not None
    assert (model.memory_ratio, model.reread_memory) == (0.5, False)


# --- on disk ------------------------------------------------------------------------------------


def test_saved_estimator_predicts_bit_equal_in_a_new_process(tmp_path, fitted):
    table, _ = mixed_table(20, seed=4)
    fitted.save(tmp_path / "model")
    assert sorted(p.name for p in (tmp_path / "model").iterdir()) == [
        "estimator.json",
        "model.safetensors",
    ]
    table.to_json(tmp_path / "table.json", double_precision=15)
    script = (
        "import sys, json, pandas as pd; from neurarium.estimators import HopularClassifier\n"
        "model = HopularClassifier.load(sys.argv[1])\n"
        "rows = pd.read_json(sys.argv[2]).fillna({'empty': float('nan')})\n"
        "print(json.dumps([model.predict_proba(rows).tolist(), model.predict(rows).tolist()]))"
    )
    arguments = [
        sys.executable,
        "-c",
        script,
        str(tmp_path / "model"),
        str(tmp_path / "table.json"),
    ]
    run = subprocess.run(arguments, capture_output=True, text=True, check=True)
    probability, label = json.loads(run.stdout)
    same = pd.read_json(tmp_path / "table.json")
    assert fitted.predict_proba(same).tolist() == probability
    assert fitted.predict(same).tolist() == label


def test_a_loaded_estimator_knows_what_the_saved_one_knew(tmp_path):
    X = np.random.default_rng(0).normal(size=(60, 2))
    fit = HopularRegressor(**TINY, feature_loss_weight=(0.5, 0.0)).fit(X, X[:, 0])
    fit.save(tmp_path)
    loaded = HopularRegressor.load(tmp_path)
    assert loaded.get_params() == fit.get_params()
    np.testing.assert_array_equal(loaded.predict(X), fit.predict(X))
    for name in ("n_iter_", "best_epoch_", "best_score_", "last_score_", "history_"):
        assert getattr(loaded, name) == getattr(fit, name)
    assert loaded.n_features_in_ == 2
    loaded.save(tmp_path / "again")
    np.testing.assert_array_equal(load_estimator(tmp_path / "again").predict(X), fit.predict(X))


def test_last_weights_are_not_taken_for_the_selected_ones_after_loading(tmp_path):
    table, label = mixed_table(60)
    held_out, held_out_label = mixed_table(40, seed=8)
    settings = {**TINY, "num_epochs": 40, "eval_every": 5}
    fit = HopularClassifier(**settings).fit(table, label, eval_set=(held_out, held_out_label))
    assert fit.best_epoch_ < fit.n_iter_
    fit.save(tmp_path / "selected")
    with pytest.raises(RuntimeError, match=r"call with_last_weights\(\) before save\(\)"):
        HopularClassifier.load(tmp_path / "selected").with_last_weights()
    last = fit.with_last_weights()
    last.save(tmp_path / "last")
    loaded = HopularClassifier.load(tmp_path / "last")
    np.testing.assert_array_equal(loaded.predict_proba(table), last.predict_proba(table))
    assert not np.array_equal(loaded.predict_proba(table), fit.predict_proba(table))


def test_what_pandas_keeps_under_a_missing_number_has_no_influence():
    table, label = mixed_table()
    missing = table["age"].isna().to_numpy()
    hidden = [np.where(missing, value, table["age"]) for value in (0.0, 1e9)]
    fits = [
        HopularClassifier(**TINY).fit(
            table.assign(age=pd.arrays.FloatingArray(values, missing)), label
        )
        for values in hidden
    ]
    first, second = (fit.predict_proba(table) for fit in fits)
    np.testing.assert_array_equal(first, second)


def test_folders_that_hold_no_estimator(tmp_path, fitted):
    with pytest.raises(ValueError, match="directory must be one that an estimator was saved to"):
        load_estimator(tmp_path / "absent")
    fitted.save(tmp_path)
    with pytest.raises(ValueError, match="directory must hold a HopularRegressor: got a HopularC"):
        HopularRegressor.load(tmp_path)
    settings = json.loads((tmp_path / "estimator.json").read_text())
    for broken in ({**settings, "estimator": "TableEncoder"}, {**settings, "estimator": "os"}, []):
        (tmp_path / "estimator.json").write_text(json.dumps(broken))
        with pytest.raises(ValueError, match="directory must be one"):
            load_estimator(tmp_path)
    (tmp_path / "estimator.json").write_text("{")
    with pytest.raises(ValueError, match="directory must be one"):
        load_estimator(tmp_path)
    with pytest.raises(TypeError, match="random_state must be a JSON value to be saved"):
        HopularClassifier(**{**TINY, "random_state": np.random.RandomState(0)}).fit(
            *mixed_table(12)
        ).save(tmp_path)


# --- bad input ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"num_heads": 3}, ValueError, "num_heads must divide embed_dim: got 3 and 8"),
        ({"embed_dim": 0}, ValueError, "embed_dim must be at least 1: got 0"),
        ({"embed_dim": 8.5}, TypeError, "embed_dim must be an integer: got 8.5"),
        ({"num_layers": True}, TypeError, "num_layers must be an integer: got True"),
        ({"num_epochs": 0}, ValueError, "num_epochs must be at least 1: got 0"),
        (
            {"num_epochs": "many"},
            TypeError,
            "num_epochs must be an integer or \"auto\": got 'many'",
        ),
        ({"lr": 0.0}, ValueError, r"lr must lie in \(0, 1\]: got 0.0"),
        ({"lr": "fast"}, TypeError, "lr must be a number: got 'fast'"),
        ({"ema_decay": 1.0}, ValueError, r"ema_decay must lie in \[0, 1\): got 1.0"),
        ({"weight_decay": -1}, ValueError, "weight_decay must lie in"),
        ({"scaling_factor": np.nan}, ValueError, "scaling_factor must lie in"),
        ({"lookup_dropout": 1.0}, ValueError, r"lookup_dropout must lie in \[0, 1\): got 1.0"),
        ({"memory_ratio": 0}, ValueError, r"memory_ratio must lie in \(0, 1\]: got 0"),
        ({"mask_prob": 0.6, "replace_prob": 0.6}, ValueError, r"mask_prob \+ replace_prob must be"),
        ({"feature_loss_weight": 1.0}, TypeError, r"feature_loss_weight must be \(start, end\)"),
        ({"feature_loss_weight": (2, 0)}, ValueError, r"feature_loss_weight must lie in \[0, 1\]"),
        ({"batch_size": 0}, ValueError, "batch_size must be at least 1: got 0"),
        ({"patience": -1}, ValueError, "patience must be at least 1: got -1"),
        ({"time_budget": 0}, ValueError, "time_budget must lie in"),
        ({"validation_fraction": 1.0}, ValueError, "validation_fraction must lie in"),
        ({"tie_value": "yes"}, TypeError, "tie_value must be True or False: got 'yes'"),
        ({"device": "abacus"}, ValueError, "device must be available: got 'abacus'"),
        ({"device": 3.5}, TypeError, "device must be a name"),
        ({"categorical_features": "all"}, ValueError, 'categorical_features must be "auto"'),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_bad_settings(settings, error, message):
    X = np.random.default_rng(0).normal(size=(12, 2))
    with pytest.raises(error, match=message) as caught:
        HopularClassifier(**{**TINY, **settings}).fit(X, [0, 1] * 6)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("y", "error", "message"),
    [
        ([0] * 12, ValueError, "y must hold at least 2 classes: got 1 class"),
        ([0.0, np.nan] * 6, ValueError, "Input y contains NaN"),
        (["a", None] * 6, ValueError, "Input y contains NaN"),
        ([0, 1] * 5, ValueError, "inconsistent numbers of samples"),
        (np.linspace(0, 1, 12), ValueError, "Unknown label type"),
        (np.array([1, "a"] * 6, dtype=object), TypeError, "y must hold labels of one kind"),
        (None, ValueError, "requires y to be passed, but the target y is None"),
    ],
    ids=["one class", "NaN", "None", "length", "continuous", "mixed", "absent"],
)
def test_bad_labels(y, error, message):
    X = np.random.default_rng(0).normal(size=(12, 2))
    with pytest.raises(error, match=message):
        HopularClassifier(**TINY).fit(X, y)


def test_bad_tables_and_targets():
    X = np.random.default_rng(0).normal(size=(12, 2))
    with pytest.raises(ValueError, match="at least 2 rows: got n_samples = 1"):
        HopularRegressor(**TINY).fit(X[:1], [1.0])
    with pytest.raises(ValueError, match="y must hold numbers: got 'a' among them"):
        HopularRegressor(**TINY).fit(X, ["a", "b"] * 6)
    with pytest.raises(ValueError, match="Input y contains infinity"):
        HopularRegressor(**TINY).fit(X, [0.0, np.inf] * 6)
    with pytest.raises(ValueError, match=r"eval_set must be \(X, y\)"):
        HopularRegressor(**TINY).fit(X, X[:, 0], eval_set=X)
    with pytest.raises(ValueError, match="eval_set must hold labels that y has: got 7"):
        HopularClassifier(**TINY).fit(X, [0, 1] * 6, eval_set=(X, [0, 7] * 6))
    with pytest.raises(ValueError, match="X must have fewer columns or categories"):
        HopularRegressor(**{**TINY, "embed_dim": 512}).fit(np.tile(X, 20), X[:, 0])
    wide = pd.DataFrame({"city": ["a", "b"] * 6, "x": X[:, 0]})
    with pytest.raises(ValueError, match="must be finite"):
        HopularClassifier(**TINY).fit(wide.assign(x=np.inf), [0, 1] * 6)
