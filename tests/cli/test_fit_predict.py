"""neurarium fit and predict: a user's own table, and a sentence for each way it can be wrong."""

import csv
import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from neurarium.estimators import HopularClassifier, load_estimator

TINY = ["--embed-dim=8", "--num-heads=2", "--num-layers=1", "--num-epochs=3", "--random-state=0"]


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def table(tmp_path):
    """Numbers, text, booleans, missing cells; a class and a quantity to predict."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "size": rng.normal(size=40).round(3),
            "colour": rng.choice(["red", "green", "blue"], 40),
            "old": rng.choice([True, False], 40),
            "level": rng.integers(0, 4, 40),
        }
    )
    frame["label"] = np.where(frame["size"] + (frame["colour"] == "red") > 0.3, "yes", "no")
    frame["price"] = (frame["size"] * 2 + rng.normal(size=40)).round(3)
    frame.loc[3, "colour"] = None
    frame.loc[5, "size"] = None
    frame.to_csv(tmp_path / "my.csv", index=False)
    return frame


def fit(cli, *words, target="label"):
    return cli(
        "fit", "hopular", "--data", "my.csv", "--target", target, "--out", "model", *TINY, *words
    )


def test_fit_then_predict(cli, table):
    code, out, err = fit(cli)
    assert (code, err) == (0, "")
    assert out.startswith("fitted HopularClassifier to 40 rows and 5 columns of my.csv in ")
    code, out, _ = cli("predict", "model", "--data", "my.csv", "--out", "predictions.csv")
    assert code == 0
    assert out == "predicted 40 rows with HopularClassifier, written to predictions.csv\n"
    written = pd.read_csv("predictions.csv")
    assert written.columns.tolist() == ["prediction", "probability_no", "probability_yes"]
    probabilities = written[["probability_no", "probability_yes"]].to_numpy()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-9)
    assert (written["prediction"] == np.array(["no", "yes"])[probabilities.argmax(1)]).all()


def test_fit_is_the_estimator_with_those_arguments(cli, table):
    fit(cli, "--mask-prob", "0.1", "--feature-loss-weight", "0.5", "0")
    saved = load_estimator("model")
    assert (saved.embed_dim, saved.num_epochs, saved.mask_prob) == (8, 3, 0.1)
    assert saved.feature_loss_weight == (0.5, 0.0)
    X, y = pd.read_csv("my.csv").drop(columns="label"), pd.read_csv("my.csv")["label"]
    own = HopularClassifier(**saved.get_params()).fit(X, y)
    np.testing.assert_array_equal(own.predict_proba(X), saved.predict_proba(X))


def test_predict_goes_by_the_names_of_columns(cli, table):
    fit(cli)
    new = table.drop(columns="label").iloc[:10]
    new.to_csv("new.csv", index=False)
    new[new.columns[::-1]].assign(comment="x").to_csv("shuffled.csv", index=False)
    cli("predict", "model", "--data", "new.csv", "--out", "a.csv")
    cli("predict", "model", "--data", "shuffled.csv", "--out", "b.csv")
    with open("a.csv") as a, open("b.csv") as b:
        assert list(csv.reader(a)) == list(csv.reader(b))


def test_a_new_process_predicts_the_same(cli, table):
    fit(cli)
    cli("predict", "model", "--data", "my.csv", "--out", "here.csv")
    words = ["predict", "model", "--data", "my.csv", "--out", "there.csv"]
    subprocess.run([sys.executable, "-m", "neurarium", *words], check=True, capture_output=True)
    with open("here.csv") as here, open("there.csv") as there:
        assert here.read() == there.read()


@pytest.mark.parametrize(
    ("target", "estimator"),
    [
        ("label", "Classifier"),
        ("level", "Classifier"),
        ("old", "Classifier"),
        ("price", "Regressor"),
    ],
)
def test_the_task_follows_the_target(cli, table, target, estimator):
    assert f"fitted Hopular{estimator} " in fit(cli, target=target)[1]


def test_the_task_can_be_chosen(cli, table):
    assert "fitted HopularRegressor " in fit(cli, "--task", "regression", target="level")[1]
    cli("predict", "model", "--data", "my.csv", "--out", "p.csv")
    assert pd.read_csv("p.csv").columns.tolist() == ["prediction"]


def test_numbers_can_be_categories(cli, table):
    fit(cli, "--categorical", "level")
    encoder = load_estimator("model").encoder_
    kinds = dict(zip(encoder.feature_names_in_, encoder.discrete_, strict=True))
    assert kinds == {"size": False, "colour": True, "old": True, "level": True, "price": False}
    fit(cli)
    encoder = load_estimator("model").encoder_
    assert dict(zip(encoder.feature_names_in_, encoder.discrete_, strict=True))["level"] is False


def test_every_hyperparameter_is_a_documented_flag(cli):
    code, out, _ = cli("fit", "hopular", "--help")
    assert code == 0
    text = " ".join(line.strip("│| ") for line in out.splitlines())
    for name in HopularClassifier().get_params():
        if name == "categorical_features":  # --categorical
            continue
        flag = name.replace("_", "-")
        said = re.search(rf"--(?:no-)?{flag}(?: [^ ]*[A-Z][^ ]*)* +([^ ]+)", text)
        assert said, name
        assert said.group(1) != "(default:", f"{name} has no description"


def test_the_help_is_plain_text(cli):
    _, out, _ = cli("fit", "hopular", "--help")
    assert "Settings of HopularClassifier." in out
    assert "--exclude-self, --no-exclude-self" in out  # on by default: both words are flags
    for markup in ("``", ":class:", ".. math::"):
        assert markup not in out


def write(text, name="my.csv"):
    with open(name, "w") as file:
        file.write(text)


def words_for(target="label", *more):
    return (
        "fit",
        "hopular",
        "--data",
        "my.csv",
        "--target",
        target,
        "--out",
        "model",
        *TINY,
        *more,
    )


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "empty"),
        ("a,label\n", "row"),
        ("a,label\n1,x\n2,x\n3,x\n", "class"),
        ("a,label\n1,\n2,\n", "row"),
        ("a,lable\n1,x\n2,y\n", "did you mean 'lable'"),
        ("a,label\n1,x\n2,y,z\n", "line 3"),
        ('{"a": [1, 2]}', "my.csv must have rows below its header line"),
        ("a,a,label\n1,2,x\n2,3,y\n", "'a'"),
        ("label\nx\ny\n", "--data must have columns besides 'label': got my.csv"),
    ],
)
def test_wrong_tables(wrong, content, said):
    write(content)
    assert said in wrong(*words_for())


def test_files_that_are_none(wrong, tmp_path):
    assert "my.csv" in wrong(*words_for())
    (tmp_path / "my.csv").mkdir()
    assert "my.csv" in wrong(*words_for())
    (tmp_path / "my.csv").rmdir()
    (tmp_path / "my.csv").write_bytes(bytes(range(256)) * 4)
    assert "my.csv" in wrong(*words_for())


def test_wrong_arguments(wrong, table):
    assert wrong("fit", "hopluar", "--data", "my.csv").endswith(
        "got 'hopluar'; did you mean 'hopular'?"
    )
    assert wrong(*words_for("lable")).endswith("did you mean 'label'?")
    assert "num_heads must divide embed_dim" in wrong(*words_for("label", "--num-heads", "3"))
    assert "--embed-dim" in wrong(*words_for("label", "--embed-dim", "many"))
    assert wrong(*words_for("label", "--categorical", "levle")) == (
        "--categorical must name feature columns: got 'levle'; did you mean 'level'?"
    )
    assert "--target" in wrong("fit", "hopular", "--data", "my.csv", "--out", "model")
    assert "--task" in wrong(*words_for("label", "--task", "clustering"))


def test_output_that_cannot_be_written(wrong, table):
    words = ("fit", "hopular", "--data", "my.csv", "--target", "label", "--out", "my.csv")
    assert wrong(*words).startswith("--out must be a folder one can write to: got my.csv")


def test_wrong_predictions(wrong, cli, table, tmp_path):
    fit(cli)
    (tmp_path / "empty").mkdir()
    predict = ("predict", "model", "--data", "new.csv", "--out", "p.csv")
    assert "new.csv" in wrong(*predict)
    table.drop(columns=["colour", "level"]).to_csv("new.csv", index=False)
    assert wrong(*predict) == (
        "--data must have the columns that the model was fitted to: "
        "got new.csv without 'colour', 'level'"
    )
    table.assign(size="large").to_csv("new.csv", index=False)
    assert "size" in wrong(*predict)
    for folder in ("absent", "empty", "my.csv"):
        said = wrong("predict", folder, "--data", "my.csv", "--out", "p.csv")
        assert f"got '{folder}'" in said
    assert "folder" in wrong("predict", "model", "--data", "my.csv", "--out", "empty")
    assert "--out must be a file one can write to" in wrong(
        "predict", "model", "--data", "my.csv", "--out", "nowhere/p.csv"
    )
    assert not (tmp_path / "p.csv").exists()


def test_an_unseen_category_is_one_line_of_warning(cli, table):
    fit(cli)
    table.assign(colour="violet").to_csv("new.csv", index=False)
    code, _, err = cli("predict", "model", "--data", "new.csv", "--out", "p.csv")
    assert code == 0
    assert err.startswith("warning: ")
    assert "violet" in err
    assert err.count("\n") == 1
