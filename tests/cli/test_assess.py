"""neurarium assess and fit kan: a user's own table, in words and as JSON."""

import json

import numpy as np
import pandas as pd
import pytest

from neurarium.estimators import KANRegressor, load_estimator

FEW = ["--num-folds=3", "--num-trials=1", "--num-steps=20", "--parameters=1100"]


@pytest.fixture(autouse=True)
def _table(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"size": rng.normal(size=60).round(3)})
    frame["colour"] = rng.choice(["red", "green"], 60)
    frame["level"] = rng.integers(0, 3, 60)
    frame["price"] = (frame["size"] ** 2 + rng.normal(size=60) / 10).round(3)
    frame["label"] = np.where(frame["price"] > 0.5, "yes", "no")
    frame.to_csv("my.csv", index=False)


def assess(cli, *words, target="label"):
    return cli("assess", "--data", "my.csv", "--target", target, *FEW, *words)


def test_the_answer_is_a_table_and_words(cli):
    code, out, err = assess(cli)
    assert (code, err) == (0, "")
    head, *rows = out.split("\n")
    assert head.split() == ["arm", "accuracy", "in", "%", "parameters", "seconds", "a", "training"]
    assert [row.split()[0] for row in rows[:4]] == ["mlp", "kan", "spline_mlp", "boosting"]
    assert "KAN" in rows[5]
    assert "interval" in rows[5] or "in every fold" in rows[5]


def test_an_odd_cell_among_numbers_gets_a_warning(cli):
    frame = pd.read_csv("my.csv").astype({"level": object})
    frame.loc[4, "level"] = "n/k"
    frame.to_csv("my.csv", index=False)
    code, out, err = assess(cli)
    assert (code, "KAN" in out) == (0, True)
    assert err.startswith(
        "warning: column 'level' is taken for 4 categories, and all its cells but 'n/k' are numbers"
    )


def test_json_holds_every_fold(cli):
    code, out, err = assess(cli, "--json", target="price")
    assert (code, err) == (0, "")
    found = json.loads(out)
    assert found["task"] == "regression"
    assert {name: len(scores) for name, scores in found["scores"].items()} == {
        "mlp": 3, "kan": 3, "spline_mlp": 3, "boosting": 3,
    }  # fmt: skip
    assert found["pays"] in (True, False, None)
    assert set(found["difference"]) >= {"mean", "low", "high"}


def test_numbers_can_be_categories(cli):
    sizes = [
        json.loads(assess(cli, "--json", *words)[1])["parameters"]["mlp"]
        for words in ((), ("--categorical", "level"))
    ]
    assert sizes[1] != sizes[0]  # three inputs instead of one


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--target", "lable"], "target must be a column of my.csv: got 'lable'; did you mean"),
        (["--target", "label", "--num-folds", "2"], "num_folds must be at least 3: got 2"),
        (["--target", "label", "--categorical", "colr"], "did you mean 'colour'?"),
        (["--target", "label", "--num-folds", "40"], "X must have at least 160 rows: got 60"),
        (["--target", "label", "--budget", "watts"], "--budget"),
        (
            ["--target", "label", "--parameters", "210"],
            "parameters must be larger for arms of equal size: got 210, and the nearest kan spends",
        ),
        (
            ["--target", "label", "--parameters", "50"],
            "must be at least 80, one unit in each hidden layer: got 50; take",
        ),
    ],
)
def test_what_is_wrong_is_one_sentence(wrong, words, message):
    assert message in wrong("assess", "--data", "my.csv", *words)


def test_a_kan_can_be_fitted_from_the_command_line(cli):
    code, out, err = cli(
        "fit", "kan", "--data", "my.csv", "--target", "price", "--out", "model",
        "--num-epochs", "2", "--random-state", "0",
    )  # fmt: skip
    assert (code, err) == (0, "")
    assert out.startswith("fitted KANRegressor to 60 rows and 4 columns of my.csv")
    assert isinstance(load_estimator("model"), KANRegressor)
