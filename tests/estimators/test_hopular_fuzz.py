"""Hostile tables and arguments: a valid result or one clear sentence, never anything else."""

import warnings

import numpy as np
import pandas as pd
import pytest

from neurarium.estimators import HopularClassifier, HopularRegressor
from neurarium.estimators.hopular_base import HopularEstimator
from neurarium.estimators.hopular_settings import check_settings

SCALARS = [0, 1, -1, 2, 8, 0.5, 1e-3, 1e30, -0.1, np.nan, np.inf, None, True, "auto", "x", (), [1]]


def numbers(rng, n):
    kind = rng.integers(6)
    values = [
        rng.normal(size=n),
        rng.integers(-3, 3, n),
        np.full(n, rng.choice([0.0, -1e30, 1e300])),
        rng.normal(size=n) * 10.0 ** rng.integers(-300, 300),
        rng.choice([0.0, 1e-320, 1e308], n),
        np.arange(n) % 2 == 0,
    ][kind]
    values = pd.Series(values)
    if rng.random() < 0.4:
        values = values.astype(float).mask(rng.random(n) < rng.random())
    return values.mask(rng.random(n) < 0.05, np.inf) if rng.random() < 0.03 else values


def texts(rng, n):
    words = ["a", "b", "", " ", "ä", "nan", "1", "x" * 300]
    values = pd.Series(rng.choice(words[: rng.integers(1, 9)], n), dtype=object)
    if rng.random() < 0.4:
        values[rng.random(n) < 0.3] = rng.choice(np.array([None, np.nan, pd.NA], dtype=object))
    if rng.random() < 0.3:
        return values.astype("category")
    if rng.random() < 0.03:
        values[0] = rng.choice(np.array([1, {}, [1], b"x", 1j], dtype=object))
    return values


def table(rng):
    n, columns = int(rng.integers(0, 30)), int(rng.integers(0, 6))
    data = {f"c{i}": (texts if rng.random() < 0.4 else numbers)(rng, n) for i in range(columns)}
    frame = pd.DataFrame(data, index=range(n))
    if rng.random() < 0.05 and columns > 1:
        frame.columns = ["same"] * columns
    if rng.random() < 0.05:
        frame["when"] = pd.Timestamp("2024-01-01")
    form = rng.random()
    if form < 0.1:
        return frame.to_numpy()
    if form < 0.15:
        return frame.to_numpy().tolist()
    return frame


def targets(rng, n, classify):
    n = max(0, n + int(rng.integers(-1, 2)) * (rng.random() < 0.05))
    if rng.random() < 0.03:
        return [None, 3, "abc", np.zeros((n, 2)), [np.nan] * n][rng.integers(5)]
    if classify:
        labels = [["a", "b"], [0, 1, 2], [True, False], [1.0, 2.0], ["only"]][rng.integers(5)]
        return np.array(labels)[rng.integers(len(labels), size=n)]
    return rng.normal(size=n) * 10.0 ** rng.integers(-200, 200)


def arguments(rng):
    tiny = {"embed_dim": 4, "num_layers": 1, "num_heads": 2, "num_epochs": 2, "random_state": 0}
    names = sorted(set(HopularClassifier().get_params()) - {"verbose", "device"})
    for name in rng.choice(names, rng.integers(0, 3), replace=False):
        value = SCALARS[rng.integers(len(SCALARS))]
        if name in ("num_epochs", "embed_dim", "num_layers") and value in ("auto", 1e30):
            continue
        tiny[name] = value
    return tiny


def one_sentence(error):
    assert isinstance(error, ValueError | TypeError), repr(error)
    assert len(str(error).splitlines()) == 1, repr(error)
    assert len(str(error)) > 10, repr(error)


def fit_or_refuse(seed, *, complete):
    """Returns whether the fit was accepted."""
    rng = np.random.default_rng(seed)
    X, classify = table(rng), rng.random() < 0.5
    settings = arguments(rng)
    estimator = (HopularClassifier if classify else HopularRegressor)(**settings)
    y = targets(rng, len(X), classify)
    eval_set = None
    if complete and rng.random() < 0.3:
        eval_set = (X, y)
    try:
        estimator.fit(X, y, eval_set=eval_set)
        other = X.sample(frac=1, random_state=0) if isinstance(X, pd.DataFrame) else X
        prediction = estimator.predict(other)
    except Exception as error:
        one_sentence(error)
        return False
    assert len(prediction) == len(X)
    if classify:
        probability = estimator.predict_proba(other)
        assert np.isfinite(probability).all()
        np.testing.assert_allclose(probability.sum(1), 1, atol=1e-12)
        assert set(prediction.tolist()) <= set(estimator.classes_.tolist())
    else:
        assert np.isfinite(prediction).all()
    return True


def run(seeds, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        accepted = [fit_or_refuse(seed, **options) for seed in seeds]
    assert 0.2 < np.mean(accepted) < 0.95


@pytest.fixture
def without_training(monkeypatch):
    """Validation, split and encoding as ever, then stop: the rest is fuzzed by complete fits."""

    class Accepted(Exception):
        pass

    def stop(self):
        raise Accepted

    monkeypatch.setattr(HopularEstimator, "_build", stop)
    return Accepted


def validate(seeds, accepted):
    counts = {True: 0, False: 0}
    for seed in seeds:
        rng = np.random.default_rng(seed)
        X, classify = table(rng), rng.random() < 0.5
        estimator = (HopularClassifier if classify else HopularRegressor)(**arguments(rng))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                estimator.fit(X, targets(rng, len(X), classify))
            except accepted:
                counts[True] += 1
            except Exception as error:
                one_sentence(error)
                counts[False] += 1
    assert min(counts.values()) > 0.1 * len(seeds), counts


def test_complete_fits():
    run(range(25), complete=True)


@pytest.mark.slow
def test_complete_fits_at_size():
    run(range(1000, 1300), complete=True)


def test_validation(without_training):
    validate(range(150), without_training)


@pytest.mark.slow
def test_validation_at_size(without_training):
    validate(range(10_000, 20_000), without_training)


def refusal(estimator):
    try:
        check_settings(estimator)
    except (TypeError, ValueError) as error:
        return str(error)
    return None


def test_arguments():
    """Every argument with every odd value: accepted or refused by name, in one line."""
    names = sorted(HopularClassifier().get_params())
    for name in names:
        for value in SCALARS:
            message = refusal(HopularClassifier(**{name: value}))
            assert message is None or message.startswith((name, "mask_prob +", "num_heads"))
            assert "\n" not in (message or "")
