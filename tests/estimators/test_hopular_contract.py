"""scikit-learn's own contract: all of it (slow), and all that needs no training."""

import warnings

import pytest
from sklearn.exceptions import SkipTestWarning
from sklearn.utils.estimator_checks import check_estimator

from neurarium.estimators import HopularClassifier, HopularRegressor

TINY = {"embed_dim": 4, "num_layers": 1, "num_heads": 2}
BOTH = pytest.mark.parametrize("estimator_class", [HopularClassifier, HopularRegressor])


def failures(estimator):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SkipTestWarning)  # array API checks need another package
        results = check_estimator(estimator, on_fail=None, on_skip=None)
    return {r["check_name"]: r["exception"] for r in results if r["status"] in {"failed", "xfail"}}


@BOTH
def test_after_one_epoch_nothing_but_the_accuracy_fails(estimator_class):
    accuracy = {"check_classifiers_train", "check_regressors_train"}
    failed = failures(estimator_class(**TINY, num_epochs=1))
    assert set(failed) <= accuracy, failed


@pytest.mark.slow
@BOTH
def test_check_estimator_with_tiny_settings(estimator_class):
    assert failures(estimator_class(**{**TINY, "embed_dim": 8}, num_epochs=60)) == {}


@pytest.mark.slow
@BOTH
def test_check_estimator_with_defaults(estimator_class):
    assert failures(estimator_class()) == {}
