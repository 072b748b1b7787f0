"""Which rows choose and which judge: arms of known answers, clocks and records by hand."""

import math

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn
from torch.testing import assert_close

from neurarium.data.containers import Table
from neurarium.data.formulas import load_formula
from neurarium.evaluation import Cell, Record, Records
from neurarium.experiments.kan_assessment import comparison, continual, speed
from neurarium.experiments.kan_assessment.arms import ARMS
from neurarium.experiments.kan_assessment.assess import _Effort, _fit_arm
from neurarium.experiments.kan_assessment.comparison import TUNING_SEED, configurations
from neurarium.experiments.kan_assessment.config import Config, ContinualConfig, SpeedConfig
from neurarium.experiments.kan_assessment.continual import learn, phases, single_edge, target
from neurarium.experiments.kan_assessment.problems import Part, Problem, problem_of
from neurarium.experiments.kan_assessment.tables import win_rates
from neurarium.experiments.kan_assessment.training import Network, outputs, train
from neurarium.experiments.kan_assessment.widths import sizes_for

CONFIG = Config(("feynman/8",), ("mlp",), ("parameters",), 300, num_trials=4, num_points=50)


class Given:
    """What a cell may ask for."""

    def __init__(self, method, data=None, **stages):
        self.method, self.data, self.stages = method, data, stages

    def stage(self, name):
        return self.stages[name]

    def progress(self, fraction, **numbers):
        pass


class Constant(nn.Linear):
    """Gives one number whatever it is taught."""

    def __init__(self, inputs, value):
        super().__init__(inputs, 1)
        self.value = value

    def forward(self, x):
        return 0 * super().forward(x) + self.value


def constants(*values):
    """A method whose networks give these numbers, one after the other."""
    left = iter(values)
    return lambda problem, num_parameters: Constant(problem.in_features, next(left))


def mine(dataset, seed=0):
    return Cell(method="mine", dataset=dataset, budget="parameters", seed=seed)


def squares(part, value):
    return float((part.y - value).square().mean())


def test_the_least_validation_loss_chooses_and_no_diverged_one():
    formula = load_formula("feynman/8")
    rows = problem_of(formula, CONFIG, TUNING_SEED).validation
    method = constants(1.0, math.nan, 0.1, 2.0)
    given = Given(method, formula, steps={"steps": [10, 20, 30, 40]})
    found = comparison.tune(mine("feynman/8"), CONFIG, given)
    expected = [squares(rows, 1.0), math.inf, squares(rows, 0.1), squares(rows, 2.0)]
    assert found["losses"] == pytest.approx(expected, rel=1e-5)
    assert found["settings"] == configurations("mine", 4, full_batch=True)[2]
    assert found["steps"] == 30


def test_a_cell_trains_what_was_chosen_and_is_judged_by_its_own_test_rows():
    formula = load_formula("feynman/8")
    problem = problem_of(formula, CONFIG, 3)
    settings = {"optimizer": "adam", "lr": 1e-2, "weight_decay": 0.0}
    given = Given(constants(0.7), formula, tuned={"settings": settings, "steps": 12})
    found = comparison.run_cell(mine("feynman/8", 3), CONFIG, given).metrics
    relative = squares(problem.test, 0.7) / float(problem.test.y.var(correction=0))
    assert found["error"] == pytest.approx(math.sqrt(relative), rel=1e-5)
    assert found["score"] == pytest.approx(100 * (1 - relative), rel=1e-5)
    assert found["validation_loss"] == pytest.approx(squares(problem.validation, 0.7), rel=1e-5)
    assert (found["steps"], found["lbfgs"]) == (12, 0)


@pytest.mark.parametrize(
    ("seed", "steps", "loss", "error"), [(0, 30, 0.25, 1.5), (1, 40, 2.25, 0.5)]
)
def test_a_table_chooses_within_the_split_of_the_cell(seed, steps, loss, error):
    """Rows of 1 validate and rows of −1 test in split 0; the other way round in split 1."""
    y = np.array([1.0, -1.0] * 10 + [1.0] * 10 + [-1.0] * 10)
    splits = [np.repeat([0, *parts], [20, 10, 10]).astype(np.int8) for parts in ((1, 2), (2, 1))]
    X = pd.DataFrame({"a": np.arange(40.0)})
    table = Table("mine", X, y, "regression", tuple(splits))
    method = constants(0.0, math.nan, 0.9, -0.9, 0.5)
    given = Given(method, table, steps={"steps": [10, 20, 30, 40]})
    assert comparison.tune(mine("mine"), CONFIG, given) == {}
    found = comparison.run_cell(mine("mine", seed), CONFIG, given).metrics
    assert found["steps"] == steps
    assert found["validation_loss"] == pytest.approx(loss)
    assert found["error"] == pytest.approx(error)  # test rows do not vary: by the training rows'


def test_validation_rows_choose_an_arm_of_a_users_table():
    """What is right on validation rows is wrong on test rows, whose targets have the other sign."""
    x = torch.rand(60, 2, generator=torch.Generator().manual_seed(0)) * 2 - 1
    y = (3 * x[:, :1]).sin() + x[:, 1:].square()
    y = (y - y.mean()) / y.std()
    parts = [Part(x[:40], y[:40]), Part(x[40:], y[40:]), Part(x[40:], -y[40:])]
    problem = Problem(parts, 2, 1, "regression", 0)
    tried = []
    for settings in configurations("mlp", 4, full_batch=False):
        sizes = sizes_for("mlp", "parameters", 300, 2, 1, settings)
        torch.manual_seed(7)
        network = Network(problem, ARMS["mlp"].build(sizes, **ARMS["mlp"].own(settings)))
        loss = train(network, problem, settings, 20, 16)
        tried.append((loss, problem.scores(outputs(network, problem.test), -y[40:])["score"]))
    effort = _Effort("parameters", 300, 1.0, 4, 20, 16)
    score, _, _ = _fit_arm("mlp", problem, effort, 300, 7)
    assert score == pytest.approx(min(tried)[1], rel=1e-6)
    assert score < max(other for _, other in tried) - 10


def test_one_model_learns_all_phases():
    """A first step of Adam is exactly the rate: up in one phase, and back down in the next."""
    x = torch.zeros(1, 1)
    model = nn.Linear(1, 1)
    nn.init.zeros_(model.bias)
    errors, curve = learn(model, [(x, x + 10), (x, x - 10)], 0.5, 1)
    peaks = target(torch.linspace(-1, 1, 501)[:-1, None], 2)[:, 0].reshape(2, -1)
    assert_close(model.bias.detach(), torch.zeros(1), atol=1e-6, rtol=0)
    line = model.weight.detach()[0] * torch.linspace(-1, 1, 501)[:-1]
    for phase, bias in enumerate((0.5, 0.0)):
        expected = (line.reshape(2, -1) + bias - peaks).square().mean(1)
        np.testing.assert_allclose(errors[phase], expected, rtol=1e-4)
    np.testing.assert_allclose(curve, line, atol=1e-6)


class Odd(nn.Module):
    """A spline whose halves are opposite: learning one overwrites the other."""

    def __init__(self, parameters):
        super().__init__()
        self.spline = single_edge(parameters)

    def forward(self, x):
        return self.spline(x) - self.spline(-x)


def test_a_single_spline_keeps_the_first_peak_and_shared_weights_lose_it():
    config = ContinualConfig(num_peaks=2, num_steps=150)
    x = torch.linspace(-1, 1, 501)[:-1, None]
    untouched = float(target(x, 2).square().mean())
    errors, _ = learn(single_edge(40), phases(config, 0), 3e-2, 150)
    assert errors[0, 0] < 0.01 * untouched
    assert errors[0, 1] == pytest.approx(untouched, rel=0.05)
    assert errors[1].max() < 0.01 * untouched
    errors, _ = learn(Odd(40), phases(config, 0), 3e-2, 150)
    np.testing.assert_allclose(errors, untouched * np.array([[0, 4], [4, 0]]), atol=0.02)


class Planned(nn.Module):
    """Misses the peaks by a plan, a row after each phase and a number for each stretch."""

    def __init__(self, plan):
        super().__init__()
        self.idle, self.plan, self.looks = nn.Parameter(torch.zeros(1)), torch.tensor(plan), 0

    def forward(self, x):
        if torch.is_grad_enabled():
            return self.idle * x
        row = self.plan[min(self.looks, len(self.plan) - 1)]
        self.looks += 1
        return target(x, len(row)) + row.repeat_interleave(len(x) // len(row))[:, None]


def test_forgetting_is_the_error_at_the_end_less_that_just_after_learning():
    plan = [[1.0, 90, 90, 90], [2, 5, 90, 90], [3, 3, 7, 90], [7, 17, 13, 3]]
    worse = [[1.0, 1, 1, 1], [1, 1, 1, 1], [1, 1, 1, 1], [20, 20, 20, 20]]
    plans = iter([worse, plan, worse])
    config = ContinualConfig(num_peaks=4, points_per_peak=5, num_steps=1, lrs=(0.1, 0.2, 0.3))
    given = Given(lambda num_parameters: Planned(next(plans)))
    found = continual.run_cell(Cell(method="mine", seed=0), config, given)
    # (7, 17, 13) have the root mean square 13, and (1, 5, 7) have 5
    assert found.metrics["forgetting"] == pytest.approx(8, rel=1e-5)
    assert found.metrics["final_error"] == pytest.approx(math.sqrt(129), rel=1e-5)
    assert found.curves["curve"][0] == pytest.approx(7, rel=1e-5)


def test_what_overwrites_forgets_and_a_single_spline_does_not():
    config = ContinualConfig(parameters=40, num_peaks=2, num_steps=150, lrs=(3e-2,))
    peak = math.sqrt(float(target(torch.linspace(-1, 1, 501)[:-1, None], 2).square().mean()))
    lost = {}
    for name, method in {"odd": Odd, "single_edge": single_edge}.items():
        found = continual.run_cell(Cell(method=name, seed=0), config, Given(method))
        lost[name] = found.metrics["forgetting"]
    assert lost["odd"] == pytest.approx(2 * peak, rel=0.1)
    assert abs(lost["single_edge"]) < 0.05 * peak


@pytest.mark.parametrize("costs", [(99.0, 3.0, 3.0, 50.0), (99.0, 5.0, 3.0, 1.0)])
def test_a_step_of_a_slow_arm_takes_more_than_the_mlps(monkeypatch, costs):
    """By a clock that goes on by 1 a glance, and by the arm's costs."""
    now, left = [0.0], iter(costs)

    class Slow(nn.Linear):
        def forward(self, x):
            now[0] += next(left) if self.training else 0.0
            return super().forward(x)

    def glance():
        now[0] += 1.0
        return now[0]

    monkeypatch.setattr(speed.time, "perf_counter", glance)
    config = SpeedConfig(in_features=3, out_features=2, num_rounds=3)
    given = Given(lambda config, parameters: Slow(config.in_features, config.out_features))
    cell = Cell(method="mine", parameters=200, batch_size=4, seed=0)
    found = speed.run_cell(cell, config, given).metrics
    assert found["times_mlp"] == 4  # 1 + 3, the median round, over 1
    assert found["step_seconds"] == 4
    assert (found["parameters"], found["macs"]) == (8, 6)


def timed(method, seed, times, batch_size=128, error=None):
    cell = Cell(method=method, parameters=5000, batch_size=batch_size, seed=seed)
    return Record(cell, {"times_mlp": times}, error=error)


def test_slower_arms_have_positive_logs_seed_by_seed():
    records = Records(
        [
            timed("mlp", 0, 1.0),
            timed("kan", 0, 2.0),
            timed("kan", 0, 8.0, 1024),
            timed("kan", 1, 0.5),
            timed("kan", 1, 9.0, 1024, error="out of memory"),
            timed("kan_recursion", 0, 100.0),
        ]
    )
    assert speed.slowdown("kan", records) == pytest.approx([math.log(4), -math.log(2)])
    assert speed.slowdown("kan_recursion", records) == pytest.approx([math.log(100)])
    assert speed.slowdown("rbf", records) == []


def duel(dataset, metric, mlp, kan, budget="parameters"):
    """A record of each arm for each seed."""
    for method, values in (("mlp", mlp), ("kan", kan)):
        for seed, value in enumerate(values):
            cell = Cell(method=method, dataset=dataset, budget=budget, seed=seed)
            yield Record(cell, {metric: value})


def test_wins_ties_and_losses_are_counted_by_dataset():
    records = Records(
        [
            *duel("feynman/1", "error", [0.1], [0.01]),
            *duel("feynman/2", "error", [0.126], [0.1]),
            *duel("special/jv", "error", [0.1, 0.5], [0.2, 0.2]),  # by the mean: 0.3 over 0.2
            *duel("feynman/3", "error", [0.125], [0.1]),  # just 1.25, either way
            *duel("feynman/4", "error", [0.1], [0.125]),
            *duel("feynman/5", "error", [0.1], [0.126]),
            *duel("feynman/6", "error", [0.1], [0.0], "seconds"),
            *duel("table/wine", "score", [90.0], [91.5]),
            *duel("table/digits", "score", [90.0, 90.0], [93.0, 88.0]),  # half a point on average
            *duel("mine", "score", [90.0], [89.0]),
            *duel("table/diabetes", "score", [91.0], [92.0]),
            *duel("mnist", "score", [97.0], [95.0]),
            Record(
                Cell(method="mlp", dataset="fsdd", budget="parameters", seed=0), {"score": 90.0}
            ),
        ]
    )
    assert win_rates(records).columns[1:] == ("KAN wins", "ties", "MLP wins")
    assert win_rates(records).rows == (
        ("formulas, equal parameters", 3, 2, 1),
        ("tables, equal parameters", 1, 3, 0),
        ("images, equal parameters", 0, 0, 1),
        ("formulas, equal seconds", 1, 0, 0),
    )
