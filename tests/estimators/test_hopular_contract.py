"""scikit-learn's own contract, with tiny explicit settings and (slow) with defaults."""

import warnings

import pytest
from sklearn.exceptions import SkipTestWarning
from sklearn.utils.estimator_checks import check_estimator

from neurarium.estimators import HopularClassifier, HopularRegressor

TINY = {"embed_dim": 8, "num_layers": 1, "num_heads": 2, "num_epochs": 60, "lr": 0.05}


def failures(estimator):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SkipTestWarning)  # array API checks need another package
        results = check_estimator(estimator, on_fail=None, on_skip=None)
    return {r["check_name"]: r["exception"] for r in results if r["status"] in {"failed", "xfail"}}


@pytest.mark.parametrize("estimator_class", [HopularClassifier, HopularRegressor])
def test_check_estimator_with_tiny_settings(estimator_class):
    assert failures(estimator_class(**TINY)) == {}


@pytest.mark.slow
@pytest.mark.parametrize("estimator_class", [HopularClassifier, HopularRegressor])
def test_check_estimator_with_defaults(estimator_class):
    assert failures(estimator_class()) == {}
