"""What a training costs and starts from: grids of fresh layers, and steps that fit into seconds."""

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from neurarium.data.formulas import load_formula
from neurarium.experiments.kan_assessment import training
from neurarium.experiments.kan_assessment.config import Config
from neurarium.experiments.kan_assessment.problems import problem_of
from neurarium.experiments.kan_assessment.training import Network, adapt_grids, steps_within
from neurarium.neurons import KAN

FEW = Config(("feynman/8",), num_points=100)
ADAM = {"optimizer": "adam", "lr": 1e-3, "weight_decay": 0.0}


@pytest.mark.parametrize("norm", [None, "layer", "batch"])
def test_a_fresh_layer_starts_on_the_grid_of_its_rows(norm):
    """Knots reach 0.1 beyond what the functions see; all else is as it was."""
    problem = problem_of(load_formula("feynman/8"), FEW, 0)
    torch.manual_seed(0)
    network = Network(problem, KAN([2, 3, 1], init="pykan", norm=norm))
    before = {n: v.clone() for n, v in network.state_dict().items() if "knots" not in n}
    adapt_grids(network, problem.train.x)
    rows = problem.train.x
    after = network.state_dict()
    assert_close({name: after[name] for name in before}, before, rtol=0, atol=0)
    for layer in network.arm.layers:
        (low, high), seen = layer.basis.grid_range, layer.rows(rows)
        assert_close(high, seen.amax(0) + 0.1)
        assert_close(low, seen.amin(0) - 0.1)
        assert layer.basis.uniform
        rows = layer(rows)


def test_what_costs_the_same_in_every_training_is_not_a_step(monkeypatch):
    """By a clock that only the network moves: 1 a step, 7 a look; ten looks leave 130 of 200."""
    now = [0.0]

    class Slow(nn.Linear):
        def forward(self, x):
            now[0] += 1.0 if self.training else 7.0
            return super().forward(x)

    monkeypatch.setattr(training.time, "process_time", lambda: now[0])
    problem = problem_of(load_formula("feynman/8"), FEW, 0)
    arguments = (lambda: Network(problem, Slow(2, 1)), problem, ADAM, 64)
    assert steps_within(200.0, *arguments) == 130
    assert steps_within(60.0, *arguments) == 10
