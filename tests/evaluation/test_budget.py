"""Equal budgets and equal trials."""

import time

import pytest
import torch
from scipy.stats import loguniform
from torch import nn

from neurarium.cost import count_macs, count_parameters
from neurarium.evaluation import Budget, count_for_seconds, match_width, random_search


def build(width: int) -> nn.Module:
    return nn.Sequential(nn.Linear(10, width), nn.ReLU(), nn.Linear(width, 2))


@pytest.mark.parametrize("budget", [15, 16, 1000, 12345])
def test_the_width_is_the_largest_within_the_budget(budget):
    width = match_width(build, budget)
    assert count_parameters(build(width)) <= budget < count_parameters(build(width + 1))


def test_widths_in_steps_and_up_to_a_maximum():
    width = match_width(build, 10_000, step=16)
    assert width % 16 == 0
    assert count_parameters(build(width)) <= 10_000 < count_parameters(build(width + 16))
    assert match_width(build, 10_000, max_width=100) == 100
    assert match_width(build, 10_000, step=16, max_width=100) == 96


def test_the_budget_of_another_model():
    x = torch.ones(4, 10)
    rival = nn.Sequential(nn.Linear(10, 64), nn.ReLU(), nn.Linear(64, 2))
    budget = Budget.of(rival, x)
    assert budget.parameters == count_parameters(rival)
    assert match_width(build, budget) == 64
    assert match_width(build, budget, unit="macs", inputs=(x,)) == 64
    assert budget.macs == count_macs(build(64), x).total


def test_impossible_budgets():
    with pytest.raises(ValueError, match="budget must allow width 1: got 3 parameters"):
        match_width(build, 3)
    with pytest.raises(ValueError, match="budget must limit macs: got Budget"):
        match_width(build, Budget(parameters=10), unit="macs")
    with pytest.raises(ValueError, match="inputs must be given to count macs"):
        match_width(build, 100, unit="macs")


def test_a_time_box_becomes_a_count():
    steps = []

    def make_step():
        return lambda: (steps.append(1), time.sleep(0.01))

    count = count_for_seconds(make_step, 1.0)
    assert 40 <= count <= 100
    assert len(steps) <= 22  # probing takes about a tenth of the box
    assert count_for_seconds(lambda: lambda: time.sleep(0.05), 0.01, minimum=3) == 3
    assert count_for_seconds(lambda: lambda: None, 1.0, maximum=50) == 50
    with pytest.raises(ValueError, match="seconds must be positive: got 0"):
        count_for_seconds(make_step, 0)


def test_a_slow_first_step_is_not_extrapolated():
    durations = iter([0.2] + [0.001] * 1000)
    count = count_for_seconds(lambda: lambda: time.sleep(next(durations)), 1.0)
    assert count > 300


SPACE = {"k": range(1, 40), "weights": ["uniform", "distance"], "lr": loguniform(1e-4, 1e-1)}


def test_every_method_gets_the_same_trials_with_its_defaults_first():
    tried = []

    def evaluate(params):
        tried.append(params)
        return -abs(params.get("k", 100) - 7)

    found = random_search(SPACE, evaluate, 30, seed=3, defaults={})
    assert len(found.trials) == len(tried) == 30
    assert tried[0] == {}
    assert found.score == max(trial.score for trial in found.trials)
    assert found.params in tried
    assert all(1e-4 <= params["lr"] <= 1e-1 for params in tried[1:])
    assert all(type(params["lr"]) is float for params in tried[1:])
    again = random_search(SPACE, evaluate, 30, seed=3, defaults={})
    assert [t.params for t in again.trials] == [t.params for t in found.trials]
    other = random_search(SPACE, evaluate, 30, seed=4, defaults={})
    assert [t.params for t in other.trials] != [t.params for t in found.trials]


def test_nothing_is_tried_twice_while_there_is_something_new():
    found = random_search({"k": (1, 2, 3)}, lambda p: p["k"], 3, defaults={"k": 1})
    assert sorted(trial.params["k"] for trial in found.trials) == [1, 2, 3]


def test_trials_that_raise_are_kept_and_never_win():
    def evaluate(params):
        if not params:
            return float("nan")
        if params["k"] > 20:
            raise ArithmeticError("diverged")
        return 0.5

    found = random_search(SPACE, evaluate, 20, seed=0)
    assert found.score == 0.5
    assert any(trial.error == "ArithmeticError: diverged" for trial in found.trials)
    assert found.trials[0].error == "the score is nan"
    with pytest.raises(RuntimeError, match="a trial must succeed: got 4 that raised"):
        random_search(SPACE, lambda p: 1 / 0, 4)
    with pytest.raises(ValueError, match="num_trials must be at least 1: got 0"):
        random_search(SPACE, evaluate, 0)
