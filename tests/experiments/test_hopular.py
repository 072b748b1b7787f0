"""The Hopular experiments: protocol, time box, user hooks, claims, tables and figures."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from neurarium import evaluation
from neurarium.data import Table, load
from neurarium.estimators import HopularClassifier
from neurarium.evaluation import Cell, Record
from neurarium.evaluation.records import Records
from neurarium.experiments.hopular import (
    ABLATION,
    COMPARISON,
    EXPERIMENTS,
    METHODS,
    associations,
    claims,
    figures,
    methods,
    tables,
    time_box,
)
from neurarium.experiments.hopular.ablation import ARMS, fit_arm
from neurarium.experiments.hopular.cell import measure
from neurarium.experiments.hopular.config import ABLATION_PRESETS, MEDIUM, PRESETS, SMALL
from neurarium.experiments.hopular.problem import problem_of, score

TINY = replace(PRESETS["smoke"], num_epochs=3, sizes=((8, 1),))


def table(rows=60, seed=0):
    """Two classes by one number, a category and missing cells."""
    generator = np.random.default_rng(seed)
    X = pd.DataFrame(
        {
            "n": generator.normal(size=rows),
            "c": pd.Categorical(generator.choice(["a", "b"], rows)),
        }
    )
    y = (X["n"] > 0).to_numpy().astype(np.int64)
    X.loc[::10, "n"] = np.nan
    part = np.repeat(np.array([0, 1, 2], np.int8), [rows // 2, rows // 4, rows - 3 * rows // 4])
    return Table("mine", X, y, "classification", (part,), ("low", "high"))


def problem(config=TINY, count=2, **changes):
    return replace(problem_of(table(), seed=0, config=config, count=count), **changes)


def test_all_21_sets_with_the_two_repaired_and_none_of_their_raw_forms():
    assert len(set(SMALL)) == 21
    assert {"monks_2_aligned", "horse_colic_aligned"} <= set(SMALL)
    assert not {"monks_2", "horse_colic"} & set(SMALL)
    assert len(MEDIUM) == 6
    assert PRESETS["full"].datasets == SMALL
    assert PRESETS["full"].seconds == 15
    assert PRESETS["full"].num_seeds == 3
    assert len(ABLATION_PRESETS["full"].datasets) == 5
    for experiment in EXPERIMENTS:
        assert set(experiment.presets) == {"smoke", "quick", "full", "paper"}
        for config in experiment.presets.values():
            assert len(experiment.datasets(config)) == len(config.datasets)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"datasets": ("glass",)}, "datasets must be one of blood_transfusion"),
        ({"methods": ("hopular", "svm")}, "methods must be one of .*did you mean 'svc'"),
        ({"methods": ("svc",)}, "methods must include hopular.*got svc"),
    ],
)
def test_a_name_that_is_unknown_is_refused_before_anything_is_computed(changes, sentence):
    with pytest.raises(ValueError, match=sentence):
        evaluation.run(COMPARISON, preset="smoke", overrides=changes)


def test_the_ablation_refuses_an_unknown_dataset():
    with pytest.raises(ValueError, match=r"datasets must be one of .*got 'iris'"):
        evaluation.run(ABLATION, preset="smoke", overrides={"datasets": ("iris",)})


def test_exactly_one_headline():
    assert sum(claim.headline for e in EXPERIMENTS for claim in e.claims) == 1


def test_methods_never_see_test_rows():
    data = table()
    given = problem_of(data, seed=0, config=TINY, count=1)
    train, validation, test = data.split(0)
    assert set(given.X_train.index) == set(train)
    assert set(given.X_val.index) == set(validation)
    assert not (set(given.X_train.index) | set(given.X_val.index)) & set(test)


def test_validation_rows_of_unknown_classes_do_not_reach_the_fit_but_count_as_wrong():
    given = problem()
    strange = replace(given, y_val=np.full_like(given.y_val, 9))
    assert len(strange.known_validation[1]) == 0

    class Right:
        def predict(self, X):
            return np.zeros(len(X), int)

    half = replace(given, y_val=np.where(np.arange(len(given.y_val)) % 3, 9, 0))
    assert half.score(Right()) == pytest.approx(100 * np.mean(half.y_val == 0))


def test_score():
    assert score(np.array([1, 0, 1, 1]), np.array([1, 1, 1, 1]), "classification") == 75
    assert score(np.array([0.0, 2.0]), np.array([1.0, 2.0]), "regression") == -500
    with pytest.raises(ValueError, match="one a row"):
        score(np.zeros(3), np.zeros((3, 1)), "regression")


def test_search_starts_with_the_defaults_and_keeps_the_best_on_validation():
    one = methods.search("knn", problem(count=1))
    assert one.model.estimator.get_params()["n_neighbors"] == 5
    many = methods.search("knn", problem(count=30))
    assert many.numbers == {"trials": 30, "failed_trials": 0}
    given = problem()
    assert given.score(many) >= given.score(one)
    again = methods.search("knn", problem(count=30))
    assert again.model.estimator.get_params() == many.model.estimator.get_params()


def test_every_drawn_modern_nca_runs():
    assert methods.search("modern_nca", problem(count=3)).numbers["failed_trials"] == 0


def test_a_number_is_predicted_by_the_counterparts():
    given = problem()
    given = replace(given, task="regression", y_train=given.y_train * 1.0, y_val=given.y_val * 1.0)
    model = methods.search("svc", given)
    assert type(model.model.estimator).__name__ == "SVR"
    assert methods.hopular(given).predict(given.X_val).dtype == float


def test_hopular_searches_its_grid():
    config = replace(TINY, factors=(1.0, 100.0), heads=(4, 8))
    chosen = methods.hopular(problem(config))
    assert chosen.numbers["trials"] == 4
    assert chosen.numbers["scaling_factor"] in (1.0, 100.0)
    narrowed = problem(config, settings={"sizes": [[8, 2]], "factors": [100.0]})
    chosen = methods.hopular(narrowed)
    assert chosen.numbers["trials"] == 2
    assert chosen.numbers["num_layers"] == 2
    assert chosen.model.estimator.n_iter_ == narrowed.count


def test_medium_tables_add_the_unregularised_model():
    rows = methods.MEDIUM_ROWS + 1
    large = problem(PRESETS["paper"], y_train=np.zeros(rows))
    grid = list(methods._grid(large))
    assert len(grid) == 13
    assert grid[-1]["num_layers"] == 8
    assert grid[-1]["num_heads"] == 16
    assert grid[-1]["feature_loss_weight"] == (0.5, 0.0)
    assert len(list(methods._grid(problem(PRESETS["paper"])))) == 12


def test_time_box_extrapolates_the_mean_trial(monkeypatch):
    config = replace(TINY, seconds=10.0, num_trials=100)
    monkeypatch.setattr(time_box, "_seconds_of", lambda method, p: 0.25 * p.count)
    assert time_box.trials_in_box(None, problem(config)) == 40
    monkeypatch.setattr(time_box, "_seconds_of", lambda method, p: 6.0 * p.count)
    assert time_box.trials_in_box(None, problem(config)) == 1
    monkeypatch.setattr(time_box, "_seconds_of", lambda method, p: 4.0 * p.count)
    assert time_box.trials_in_box(None, problem(config)) == 2
    cheap_defaults = lambda method, p: 0.1 + 1.0 * (p.count - 1)  # noqa: E731
    monkeypatch.setattr(time_box, "_seconds_of", cheap_defaults)
    assert time_box.trials_in_box(None, problem(config)) == 10


@pytest.mark.parametrize(
    ("epochs", "expected"),
    [
        ({(16, 4): 2000}, {"count": 600, "sizes": [[16, 4]], "factors": [1.0, 100.0]}),
        ({(16, 4): 500}, {"count": 250, "sizes": [[16, 4]], "factors": [1.0, 100.0]}),
        ({(16, 4): 300, (16, 2): 500}, {"count": 250, "sizes": [[16, 2]]}),
        ({(16, 4): 30, (16, 2): 50, (8, 2): 70}, {"count": 70, "factors": [1.0]}),
    ],
)
def test_hopular_takes_the_largest_size_that_trains_long_enough(monkeypatch, epochs, expected):
    measured = lambda _, params: epochs[params["embed_dim"], params["num_layers"]]  # noqa: E731
    monkeypatch.setattr(time_box, "epochs_in_box", measured)
    found = time_box.hopular_in_box(problem(PRESETS["full"]))
    assert expected.items() <= found.items()


def test_time_box_of_a_real_model():
    config = replace(TINY, seconds=0.5)
    assert 1 <= time_box.epochs_in_box(problem(config), {"embed_dim": 8, "num_layers": 1}) < 1000


def test_measured_scores_are_those_of_the_test_rows():
    data = table()
    given = problem_of(data, seed=0, config=TINY, count=3)
    chosen = methods.hopular(given)
    result = measure(data, given, chosen)
    _, _, test = data.split(0)
    predicted = chosen.predict(data.X.iloc[test])
    np.testing.assert_array_equal(result.arrays["predicted"], predicted)
    assert result.metrics["accuracy"] == pytest.approx(100 * np.mean(predicted == data.y[test]))
    assert result.metrics["parameters"] == sum(
        p.numel() for p in chosen.model.estimator.module_.parameters()
    )
    last = chosen.model.estimator.with_last_weights().predict(data.X.iloc[test])
    assert result.metrics["last_score"] == pytest.approx(100 * np.mean(last == data.y[test]))


def mine(problem):
    """A user's method: the majority class."""
    from sklearn.dummy import DummyClassifier

    return DummyClassifier().fit(problem.X_train, problem.y_train)


def test_users_method_and_data_join_the_grid(tmp_path):
    done = evaluation.run(
        COMPARISON,
        preset="smoke",
        overrides={
            "methods": ("hopular", "svc"),
            "datasets": ("haberman_survival",),
            "num_epochs": 2,
        },
        methods={"mine": mine},
        datasets={"my table": table()},
        out=tmp_path,
        progress=False,
    )
    assert done.num_failed == 0
    assert set(done.records.axis("method")) == {"hopular", "svc", "mine"}
    assert set(done.records.axis("dataset")) == {"haberman_survival", "my table"}
    raw = load("hopular/haberman_survival")
    train, _, test = raw.split(0)
    majority = np.bincount(raw.y[train]).argmax()
    found = done.records.values("accuracy", "method", "dataset")["mine", "haberman_survival"]
    assert found == pytest.approx(100 * np.mean(raw.y[test] == majority))
    assert all("mine" not in (r.cell.method, r.cell.dataset) for r in done.declared)
    names = [t.title for t in done.tables]
    assert len(names) == 3
    assert all(verdict.outcome is None for verdict in done.verdicts)


def test_ablation_runs(tmp_path):
    done = evaluation.run(
        ABLATION, preset="smoke", overrides={"num_epochs": 2}, out=tmp_path, progress=False
    )
    assert done.num_failed == 0
    assert set(done.records.axis("method")) == set(ARMS)
    assert figures.arms(done.records).axes


def test_arms_change_what_they_say():
    config = replace(ABLATION_PRESETS["smoke"], num_epochs=2)
    built = {arm: fit_arm(arm, problem(config)).estimator for arm in ARMS}
    assert built["whole"].module_.exclude_self
    assert not built["no_self_exclusion"].module_.exclude_self
    assert not built["memory_read_once"].module_.reread_memory
    betas = [built[a].module_.blocks[0].sample_lookup.beta for a in ("whole", "factor_1000")]
    assert betas[1] == pytest.approx(1000 * betas[0])
    assert built["no_feature_loss"].get_params()["feature_loss_weight"] == (0.0, 0.0)


def fake_records(scores, metric="accuracy"):
    return Records(
        Record(
            Cell(method=m, dataset=d, seed=0),
            {"score": s, metric: s, "last_score": s - 1, "parameters": 10.0},
        )
        for (m, d), s in scores.items()
    )


def grid(order, datasets):
    """Scores by which the methods rank in this order on every dataset."""
    return {(m, d): 90.0 - i for i, m in enumerate(order) for d in datasets}


def test_headline_effects_and_rule():
    winning = fake_records(grid(("hopular", "svc", "knn"), SMALL))
    assert claims.ranks_gained(winning) == [1.0] * 21
    assert claims.ranks_gained(winning, "knn") == [2.0] * 21
    assert claims.has_lowest_median_rank(winning)
    tied = fake_records({(m, d): 80.0 for m in ("hopular", "svc") for d in SMALL})
    assert not claims.has_lowest_median_rank(tied)
    losing = fake_records(grid(("svc", "hopular", "knn"), SMALL))
    assert not claims.has_lowest_median_rank(losing)
    assert claims.has_lower_median_rank("knn", losing)
    assert claims.ranks_gained(losing, "catboost") == []
    assert claims.ranks_gained_on_medium(losing) == []


def test_medium_sets_are_judged_apart():
    records = fake_records({**grid(("svc", "hopular"), SMALL), **grid(("hopular", "svc"), MEDIUM)})
    assert not claims.has_lowest_median_rank(records)
    assert claims.has_lowest_median_rank_on_medium(records)
    assert len(claims.ranks_gained(records)) == 21
    assert claims.ranks_gained_on_medium(records) == [0.5] * 6


def test_tables_count_wins_and_losses():
    scores = grid(("hopular", "svc"), SMALL)
    scores["hopular", "ecoli"], scores["hopular", "led_display"] = 50.0, 89.0
    first, against, last = tables.comparison_tables(fake_records(scores))
    assert first.columns == ("dataset", "hopular", "svc")
    assert against.rows[0][:4] == ("svc", 19, 1, 1)
    assert against.rows[0][5] < 0.01
    assert len(last.rows) == 21
    assert last.rows[0][1] == last.rows[0][2] + 1


def test_figures_show_the_records():
    records = fake_records(grid(("hopular", "svc", "knn"), SMALL))
    labels = [t.get_text() for t in figures.ranks(records).axes[0].get_yticklabels()]
    assert labels == ["knn", "svc", "hopular"]  # best on top
    heat = figures.accuracy(records).axes[0]
    assert [t.get_text() for t in heat.get_xticklabels()] == ["hopular", "svc", "knn"]
    assert len(heat.texts) == 63
    assert figures.associations(records).axes


@pytest.mark.parametrize(("factor", "peak"), [(0.0, 1 / 30), (1e6, 1.0)])
def test_associations_are_the_retrievals_weights(factor, peak):
    data = table()
    train, validation, _ = data.split(0)
    model = HopularClassifier(
        embed_dim=8, num_heads=1, num_layers=2, num_epochs=2, scaling_factor=factor, random_state=0
    ).fit(
        data.X.iloc[train],
        data.y[train],
        eval_set=(data.X.iloc[validation], data.y[validation]),
    )
    found = associations.associations_of(model, data)
    assert found["associations"].shape == (2, 15, 30)
    np.testing.assert_allclose(found["associations"].sum(-1), 1, rtol=1e-5)
    np.testing.assert_allclose(found["associations"].max(-1), peak, rtol=1e-3)
    assert (np.diff(found["train_targets"]) >= 0).all()
    module = model.module_
    assert len(associations.block_associations(module, module.memory)) == 2
    assert not torch.is_grad_enabled() or module.memory.grad is None


def test_everything_installed_is_compared():
    assert {"hopular", "modern_nca", "svc", "random_forest", "lightgbm"} <= set(METHODS)
    axes = COMPARISON.axes(PRESETS["full"])
    assert axes["method"][0] == "hopular"
    assert set(axes["method"]) <= set(METHODS)
