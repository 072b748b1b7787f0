"""The S-KAN experiments: targets, budgets, claims on records one knows, smoke runs."""

import math
import os

import matplotlib as mpl
import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from neurarium import evaluation
from neurarium.cost import count_parameters
from neurarium.data import Images
from neurarium.evaluation import Cell, Claim, Record, Records
from neurarium.experiments.s_kan import EXPERIMENTS, FUNCTIONS_PART, IMAGES, functions, methods
from neurarium.experiments.s_kan import images as pictures
from neurarium.experiments.s_kan.methods import METHODS, POOL, Fitted, Problem
from neurarium.experiments.s_kan.targets import CHOSEN_ON, FORMULAS, FUNCTIONS, Source, source
from neurarium.neurons import KAN

mpl.use("Agg")
needs_data = pytest.mark.skipif(
    "NEURARIUM_DATA" not in os.environ, reason="NEURARIUM_DATA names no folder with MNIST"
)


def test_parts_and_their_single_headline():
    assert [part.part for part in EXPERIMENTS] == ["functions", "images"]
    claims = [claim for part in EXPERIMENTS for claim in part.claims]
    assert sum(isinstance(claim, Claim) and claim.headline for claim in claims) == 1
    for part in EXPERIMENTS:
        assert set(part.presets) == {"smoke", "quick", "full", "paper"}


def test_no_function_is_there_twice():
    drawn = [source(name)().target(20, seed=0).y[0] for name in (*FUNCTIONS, *FORMULAS)]
    for place, y in enumerate(drawn):
        assert not any(torch.allclose(y, other, atol=1e-3) for other in drawn[:place])


def test_there_are_seven_functions_and_seven_formulas():
    assert (len(FUNCTIONS), len(FORMULAS)) == (7, 7)
    x = np.array([[0.5, -0.25, 0.0, 0.5]])
    values = {name: function(x[:, :n])[0] for name, (n, function) in FUNCTIONS.items()}
    assert values == pytest.approx(
        {
            "exp_sin": math.exp(1 + 0.0625),
            "product": -0.125,
            "bessel": -0.2459357645,  # J0(10)
            "step": math.tanh(15),
            "kink": 0.75,
            "wave": 0.0,
            "nested": math.exp((math.sin(0.3125 * math.pi) + math.sin(0.25 * math.pi)) / 2),
        },
        abs=1e-9,
    )


@pytest.mark.parametrize("name", ["product", "feynman/8"])
def test_points_lie_in_the_square_and_values_are_standardised_on_training_points(name):
    target = source(name)().target(200, seed=3)
    for x in target.x:
        assert x.shape == (200, 2)
        assert x.abs().max() <= 1
        assert x.abs().max() > 0.9
    assert target.y[0].mean().item() == pytest.approx(0, abs=1e-5)
    assert target.y[0].std().item() == pytest.approx(1, abs=1e-4)
    assert not torch.equal(target.x[0], target.x[2])
    again = source(name)().target(200, seed=3)
    assert torch.equal(again.x[1], target.x[1])


def problem(num_steps=10, name="product", final_parameters=150.0):
    return Problem(source(name)().target(50, 0), 4, num_steps, 0.02, final_parameters)


def test_every_method_ends_where_it_should():
    torch.manual_seed(0)
    fitted = {name: fn(problem()) for name, fn in METHODS.items()}
    ours = count_parameters(fitted["s_kan"].model)
    assert ours < fitted["s_kan"].num_trained / 3
    assert sum(fitted["s_kan"].choices.values()) == 2 + 4  # a family for each node
    assert sum(fitted["random"].choices.values()) == 2 + 4
    assert fitted["first_stage"].num_trained == count_parameters(fitted["first_stage"].model)
    for layer in methods.selectable(fitted["uniform"].model):
        assert layer.selection().detach().numpy() == pytest.approx(0.2)
    for name in POOL:
        layer = fitted[name].model.layers[0]
        assert layer.spline_scale is None
        family = methods.pool(problem()).layers[0].families[name]
        assert layer.coefficients.shape == family.coefficients.shape
    for name in ("mlp", "mlp_compute"):
        assert count_parameters(fitted[name].model) == pytest.approx(150, rel=0.15)


@pytest.mark.parametrize("name", ["bessel", "product", "nested", "feynman/12"])
def test_an_mlp_has_the_parameters_that_s_kan_ends_with(name):
    config = functions.Config(num_seeds=2, num_points=50, num_steps=10, num_tuning_steps=2)

    class Context:
        data = source(name)()

    size = functions.measure_size(Cell(dataset=name), config, Context())["parameters"]
    largest = count_parameters(KAN([Context.data.target(5, 0).num_inputs, 5, 1], layer="relu"))
    assert size < largest  # not what it might have at most
    given = Problem(Context.data.target(50, 0), 5, 1, 0.01, size)
    for method in ("mlp", "mlp_compute"):
        assert count_parameters(METHODS[method](given).model) == pytest.approx(size, rel=0.15)


def test_the_width_of_an_mlp_is_the_closest_not_the_largest_that_fits():
    sizes = {w: count_parameters(methods.mlp_of(problem(), w)) for w in (9, 10)}
    for width, size in sizes.items():
        nearly = size + (1 if width == 9 else -1)
        assert methods.width_of_mlp(problem(final_parameters=nearly)) == width


def test_an_mlp_is_granted_the_price_of_the_first_stage(monkeypatch):
    steps = []

    class Spy(torch.optim.Adam):
        def step(self, *args, **kwargs):
            steps.append(1)
            return super().step(*args, **kwargs)

    monkeypatch.setattr(torch.optim, "Adam", Spy)
    METHODS["mlp_compute"](problem())
    assert len(steps) == len(POOL) * 10


class Knows(nn.Module):
    """Right on these rows alone."""

    def __init__(self, x, answers, otherwise):
        super().__init__()
        self.x, self.answers, self.otherwise = x.flatten(1), answers, otherwise

    def forward(self, rows):
        same = (rows.flatten(1)[:, None] == self.x).all(-1)
        known = self.answers[same.long().argmax(1)]
        return torch.where(same.any(1, keepdim=True), known, self.otherwise)


PART_OF_RATE = {0.1: 0, 0.2: 1, 0.3: 2}
"""Learning rate → what a network knows that is trained with it: training, validation or test."""


class Given:
    """What a cell may ask for."""

    def __init__(self, method, data, **stages):
        self.method, self.data, self.stages = method, data, stages

    def stage(self, name):
        return self.stages[name]


def thirds(count, seed):
    """−1, 0 and 1 for training, 2 + seed for validation and −2 − seed for the test."""
    y = np.repeat([0.0, 2.0 + seed, -2.0 - seed], count // 3)
    y[: count // 3] = [-1, 0, 1]
    return np.arange(count)[:, None] / count, y


def test_validation_points_choose_the_learning_rate_of_a_function():
    seen = []

    def method(given):
        seen.append((given.num_steps, given.final_parameters))
        part = PART_OF_RATE[given.lr]
        return Fitted(Knows(given.target.x[part], given.target.y[part], torch.tensor(9.0)), 0, 0.0)

    config = functions.Config(num_points=3, learning_rates=(0.1, 0.2, 0.3))
    given = Given(method, Source("thirds", thirds), size={"parameters": 150.0})
    assert functions.tune(Cell(method="mine"), config, given) == {"lr": 0.2}
    assert seen == [(100, 150.0)] * 3


def test_the_smallest_validation_error_chooses_though_another_is_best_on_test_points():
    numbers = {0.1: -2.0, 0.2: 1.5, 0.3: 0.0}  # errors on validation points: 4, 0.5 and 2

    def method(given):
        x = given.target.x[0]
        nothing = Knows(x + 99, torch.zeros(3, 1), torch.tensor(numbers[given.lr]))
        return Fitted(nothing, 0, 0.0)

    config = functions.Config(num_points=3)
    for rates in ((0.1, 0.2, 0.3), (0.3, 0.2, 0.1), (0.2, 0.3, 0.1)):
        chosen = functions.Config(num_points=3, learning_rates=rates)
        assert functions.best_rate(method, Source("thirds", thirds), chosen, 0) == 0.2
    stages = {"tuned": {"lr": 0.2}, "size": {"parameters": 150.0}}
    given = Given(method, Source("thirds", thirds), **stages)
    found = functions.run_cell(Cell(method="mine", seed=3), config, given).metrics
    assert found["rmse"] == pytest.approx(6.5)  # of 1.5 from −5
    assert found["validation"] == pytest.approx(3.5)  # and from 5
    assert found["lr"] == 0.2


def numbered_images():
    """Images of which each has a grey of its own."""
    grey = np.arange(40, dtype=np.uint8)[:, None, None].repeat(2, 1).repeat(2, 2)
    labels = np.arange(40) % 2
    return Images("mine", grey[:30], labels[:30], grey[30:], labels[30:], ("0", "1", "neither"))


def knows_images(given):
    part = (given.train, given.validation, given.test)[PART_OF_RATE[given.lr]]
    x, y = part
    return Fitted(Knows(x, F.one_hot(y, 3), torch.tensor([0, 0, 1])), 0, 0.0)


def test_validation_images_choose_the_learning_rate():
    for rates in ((0.1, 0.2, 0.3), (0.3, 0.2, 0.1), (0.2, 0.1, 0.3), (0.1, 0.3, 0.2)):
        config = pictures.Config(num_train=20, num_validation=6, learning_rates=rates)
        given = Given(knows_images, numbered_images())
        assert pictures.tune(Cell(method="mine"), config, given) == {"lr": 0.2}


@pytest.mark.parametrize(("lr", "accuracy", "validation"), [(0.1, 0, 0), (0.2, 0, 1), (0.3, 1, 0)])
def test_test_images_judge(lr, accuracy, validation):
    config = pictures.Config(num_train=20, num_validation=6)
    given = Given(knows_images, numbered_images(), tuned={"lr": lr})
    found = pictures.run_cell(Cell(method="mine", seed=0), config, given).metrics
    assert (found["accuracy"], found["validation"]) == (accuracy, validation)


def record(method, dataset, rmse, seed=0, **choices):
    cell = Cell(method=method, dataset=dataset, seed=seed)
    ones = ("parameters", "parameters_in_training", "training_seconds")
    metrics = {"rmse": rmse} | dict.fromkeys(ones, 1.0)
    return Record(cell, metrics | {f"chose_{n}": float(v) for n, v in choices.items()})


def known(ours, mlp=(0.5, 0.5)):
    """Two functions; B-splines are best on one, Gaussians on the other."""
    errors = {"bspline": (0.1, 0.8), "rbf": (0.2, 0.1), "chebyshev": (0.4, 0.4)}
    errors |= {"mexican_hat": (0.8, 0.8), "relu": (0.8, 0.9), "mlp": mlp}
    cells = [record(m, d, e) for m, es in errors.items() for d, e in zip("ab", es, strict=True)]
    none = dict.fromkeys(POOL, 0)
    chosen = [none | {"bspline": 6}, none | {"relu": 6}]
    cells += [record("s_kan", d, e, **c) for d, e, c in zip("ab", ours, chosen, strict=True)]
    return Records(cells)


def test_claims_on_records_one_knows():
    records = known((0.1, 0.1))
    assert functions.fewer_errors("bspline", records) == pytest.approx([0, math.log(8)])
    assert functions.less_regret(records) == pytest.approx([math.log(2), 0])  # Gaussians'
    assert functions.leads_with_little_regret(records)
    assert functions.agreement(records) == {"agreement": 0.5}
    assert not functions.leads_with_little_regret(known((0.1, 0.2)))  # twice the best
    assert not functions.leads_with_little_regret(known((0.9, 0.9)))
    assert functions.leads_with_little_regret(known((0.1, 0.1), mlp=(0.09, 0.2)))
    assert not functions.leads_with_little_regret(known((0.1, 0.1), mlp=(0.05, 0.19)))


def test_no_claim_scores_a_function_that_defaults_were_chosen_on():
    assert set(CHOSEN_ON) < set(FUNCTIONS)
    records = known((0.1, 0.1))
    spoilt = [
        record(method, name, 99.0 if method == "s_kan" else 0.01, **dict.fromkeys(POOL, 1))
        for method in ("s_kan", *POOL, "mlp")
        for name in CHOSEN_ON
    ]
    everything = Records([*records, *spoilt])
    for claim in FUNCTIONS_PART.claims[:5]:  # the headline, and the other families
        assert claim.measure(everything) == claim.measure(records)
    assert functions.less_regret(everything) == functions.less_regret(records)
    assert functions.leads_with_little_regret(everything)
    errors, _ = FUNCTIONS_PART.tables(everything)
    assert {row[0] for row in errors.rows} == {"a", "b", *CHOSEN_ON}
    assert functions.fewer_errors("rbf", Records(spoilt)) == []
    assert functions.less_regret(Records(spoilt)) == []
    assert not functions.leads_with_little_regret(Records(spoilt))


@pytest.mark.parametrize(
    ("part", "name", "message"),
    [
        (FUNCTIONS_PART, "produkt", "datasets must be among exp_sin, product"),
        (FUNCTIONS_PART, "feynman/999", "feynman/1"),
        (IMAGES, "mnits", "did you mean 'mnist'"),
        (IMAGES, "mil/elephant", "datasets must be mnist, fashion_mnist or cifar10_small"),
    ],
)
def test_unknown_names_are_refused_before_anything_is_computed(part, name, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        evaluation.run(part, preset="smoke", overrides={"datasets": (name,)}, out=tmp_path)


def test_functions_in_smoke_with_a_method_and_a_function_of_the_users(tmp_path):
    def linear(given):
        model = KAN([given.target.num_inputs, 1], layer="chebyshev")
        return methods.train(model, given)

    def draw(count, seed):
        x = np.random.default_rng(seed).uniform(-1, 1, (count, 3))
        return x, x.sum(1)

    done = evaluation.run(
        FUNCTIONS_PART, preset="smoke", methods={"mine": linear},
        datasets={"sum": Source("sum", draw)}, out=tmp_path, progress=False,
        overrides={"num_steps": 10},
    )  # fmt: skip
    assert not done.num_failed
    assert len(done.records) == 2 * (len(METHODS) + 1)
    errors, summary = FUNCTIONS_PART.tables(done.records)
    assert len(errors.rows) == 2
    assert len(summary.rows) == len(METHODS) + 1
    for draw_figure in FUNCTIONS_PART.figures.values():
        draw_figure(done.records)
    for claim in FUNCTIONS_PART.claims:
        claim.measure(done.records)


@needs_data
def test_images_in_smoke(tmp_path):
    done = evaluation.run(IMAGES, preset="smoke", out=tmp_path, progress=False)
    assert not done.num_failed
    found = done.records.values("parameters", "method")
    training = done.records.values("parameters_in_training", "method")
    assert found["s_kan"] < training["s_kan"] / 2
    for rival in pictures.RIVALS:
        assert pictures.gained_over(rival, done.records)
    assert 0.9 * found["bspline"] < found["mlp"] <= found["bspline"]
    (table,) = IMAGES.tables(done.records)
    assert table.columns[-3:] == ("parameters", "in training", "seconds")
    assert len(table.rows) == len(pictures.METHODS)
    for draw in IMAGES.figures.values():
        draw(done.records)
