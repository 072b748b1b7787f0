"""The quadratic experiments: smoke runs, what the claims measure, Theorem 1, bad names."""

import dataclasses

import numpy as np
import pytest
import torch

from neurarium import evaluation
from neurarium.cost import count_parameters
from neurarium.evaluation import Cell, Claim, Record, Records
from neurarium.experiments.quadratic import (
    ACCURACY,
    EXPERIMENTS,
    PATH,
    SPLINES,
    STABILITY,
    methods,
    path,
    splines,
    stability,
)
from neurarium.experiments.quadratic import accuracy as accuracy_part
from neurarium.neurons import QuadraticLinear
from neurarium.neurons.quadratic import QuadraticUnits

SETTINGS = {"lr": 0.1, "gamma": 0.01, "strength": 1e-3}


def test_one_headline_and_all_presets():
    claims = [claim for part in EXPERIMENTS for claim in part.claims]
    assert sum(claim.headline for claim in claims) == 1
    for part in EXPERIMENTS:
        assert set(part.presets) == {"smoke", "quick", "full", "paper"}
        assert part.presets["full"].num_seeds >= 5


@pytest.mark.parametrize(
    ("experiment", "overrides", "message"),
    [
        (STABILITY, {"datasets": ("mnits",)}, "did you mean 'mnist'"),
        (ACCURACY, {"networks": ("mpl",)}, "networks must be among mlp, resnet: got 'mpl'"),
    ],
)
def test_unknown_names_are_refused_before_anything_is_computed(
    experiment, overrides, message, tmp_path
):
    with pytest.raises(ValueError, match=message):
        evaluation.run(experiment, preset="smoke", overrides=overrides, out=tmp_path)


@pytest.mark.parametrize("experiment", EXPERIMENTS, ids=lambda e: e.part)
def test_smoke(experiment, tmp_path):
    done = evaluation.run(experiment, preset="smoke", out=tmp_path, progress=False)
    assert not done.num_failed
    for claim in experiment.claims:
        assert np.all(np.isfinite(claim.measure(done.records)))
        if isinstance(claim, Claim) and claim.holds is not None:
            assert claim.holds(done.records) in (True, False)
    for draw in experiment.figures.values():
        draw(done.records)
    if experiment.tables is not None:
        assert experiment.tables(done.records)


def run(method, seed, lr, *, failed=0.0, validation=0.5, accuracy=0.5):
    cell = Cell(method=method, dataset="mnist", seed=seed, depth=2, lr=lr)
    return Record(cell, {"failed": failed, "validation": validation, "accuracy": accuracy})


def test_the_headline_is_the_share_of_the_grid_and_accuracy_at_the_chosen_rate():
    records = Records(
        [
            run("random", 0, 0.1, failed=1.0),
            run("random", 0, 0.2, failed=1.0),
            run("relinear", 0, 0.1, failed=1.0, validation=0.9, accuracy=0.6),
            run("relinear", 0, 0.2, validation=0.8, accuracy=0.7),
            run("conventional", 0, 0.1, validation=0.3, accuracy=0.99),
            run("conventional", 0, 0.2, validation=0.8, accuracy=0.5),
        ]
    )
    assert stability.survived("random", records) == [0.5]
    assert stability.at_best_rate("relinear", records) == 0.6
    assert stability.no_worse_than_conventional(records)


def problem_of(network, preset=None):
    config = dataclasses.replace(ACCURACY.presets["smoke"], num_train=64, channels=4)
    if preset is not None:
        sizes = {"num_train": 64, "num_validation": 8, "num_test": 8}
        config = dataclasses.replace(ACCURACY.presets[preset], **sizes)
    images = next(iter(ACCURACY.datasets(config).values()))()
    return accuracy_part.problem_of(images, network, config, 0)


@pytest.mark.parametrize("network", ["mlp", "resnet"])
def test_arms_are_what_they_are_called(network):
    """Equal parameters where promised; and ReLinear starts as the conventional network."""
    problem = problem_of(network)
    made = {}
    for name, fn in methods.METHODS.items():
        if name == "rezero" and network == "mlp":
            continue
        torch.manual_seed(0)
        made[name] = fn(problem, SETTINGS)
    size = {name: count_parameters(prepared.model) for name, prepared in made.items()}
    assert size["random"] == size["relinear"] == size["l1"] > 2 * size["conventional"]
    assert size["conventional"] < size["compact"] < size["relinear"]
    x = problem.test[0]
    for name in ("relinear", "unrestrained", "l2", "l1", "compact"):
        assert torch.equal(made[name].model(x), made["conventional"].model(x)), name
    assert not torch.allclose(made["random"].model(x), made["conventional"].model(x))
    rates = {group["name"]: group["lr"] for group in made["relinear"].groups}
    assert rates["square"] == pytest.approx(0.001)
    for name, prepared in made.items():
        assert sum(p.numel() for g in prepared.groups for p in g["params"]) == size[name], name


@pytest.mark.parametrize("preset", ["full", "paper"])
@pytest.mark.parametrize("network", ["mlp", "resnet"])
def test_equal_parameters_are_the_nearest_that_widths_allow(network, preset):
    problem = problem_of(network, preset)
    size = {
        name: count_parameters(methods.METHODS[name](problem, SETTINGS).model)
        for name in ("relinear", "wide")
    }
    assert abs(size["wide"] - size["relinear"]) < 0.04 * size["relinear"]


@pytest.mark.parametrize("name", [name for name in methods.METHODS if name != "rezero"])
def test_weight_decay_pulls_towards_the_linear_point(name):
    """Every parameter decays but b_g, whose linear point is 1."""
    prepared = methods.METHODS[name](problem_of("mlp"), SETTINGS | {"weight_decay": 0.5})
    layers = [m for m in prepared.model.modules() if isinstance(m, QuadraticUnits)]
    spared = {id(layer.interaction_bias) for layer in layers}
    for group in prepared.groups:
        for parameter in group["params"]:
            assert group["weight_decay"] == (0.0 if id(parameter) in spared else 0.5)
    assert bool(layers) != (name in ("conventional", "wide", "longer"))
    if name in ("random", "unrestrained", "l2", "l1"):
        assert {group["lr"] for group in prepared.groups} == {SETTINGS["lr"]}


def test_images_of_the_parts_are_disjoint_and_labels_fit():
    problem = problem_of("mlp")
    rows = [{tuple(image.tolist()) for image in part[0]} for part in (problem.train, problem.test)]
    assert not rows[0] & rows[1]
    assert not rows[0] & {tuple(image.tolist()) for image in problem.validation[0]}
    assert problem.train[0].mean().abs() < 1e-5
    assert [len(part[0]) for part in (problem.train, problem.validation, problem.test)] == [
        64, 100, 100,
    ]  # fmt: skip


def test_a_diverging_run_is_noticed():
    problem = problem_of("mlp")
    prepared = methods.random_start(problem, {"lr": 1e3})
    assert methods.train(prepared, problem, 3, 0)[0] is False


def test_both_ends_of_every_path_are_the_networks_they_are_called():
    """Trained: the conventional network, and the quadratic one without restraint."""
    problem = problem_of("mlp")
    found = {}
    for name, strengths in path.PATHS.items():
        for strength in (strengths[0], strengths[-1]):
            torch.manual_seed(0)
            fn = path.METHODS[name]
            prepared = fn(problem, {"lr": 0.01, "weight_decay": 0.0, "strength": strength})
            methods.train(prepared, problem, 1, 0)
            found[name, strength] = prepared.model(problem.test[0])
    for place, fn in ((0, methods.conventional), (-1, methods.unrestrained)):
        torch.manual_seed(0)
        prepared = fn(problem, {"lr": 0.01})
        methods.train(prepared, problem, 1, 0)
        expected = prepared.model(problem.test[0])
        for name, strengths in path.PATHS.items():
            torch.testing.assert_close(found[name, strengths[place]], expected)


def test_the_strength_is_chosen_by_validation_among_inner_ones():
    strengths = path.PATHS["l2"]
    scores = dict(zip(strengths, [(0.9, 0.5), (0.1, 0.9), (0.8, 0.6), (0.2, 0.9), (0.3, 0.9),
                                  (0.95, 0.7)], strict=True))  # fmt: skip
    records = Records(
        [
            Record(
                Cell(method="l2", dataset="mnist", seed=0, strength=strength),
                {"validation": validation, "accuracy": accuracy},
            )
            for strength, (validation, accuracy) in scores.items()
        ]
    )
    assert path.over_the_end("l2", 0, records) == pytest.approx([0.1])
    assert path.over_the_end("l2", -1, records) == pytest.approx([-0.1])
    assert {claim.measure.args[:2] for claim in PATH.claims} == {
        (name, end) for name in path.PATHS for end in (0, -1)
    }


def test_too_few_images_are_refused():
    images = next(iter(PATH.datasets(PATH.presets["smoke"]).values()))()
    with pytest.raises(ValueError, match="images must have 60001 to train and validate on"):
        accuracy_part.parts_of(images, 60_000, 1, 10, maps=False, seed=0)


def test_any_spline_is_written_down_exactly():
    """Theorem 1: knots, curvatures and slopes at will, also with none of them alike."""
    torch.manual_seed(1)
    spline = splines.Spline.random(5)
    model = splines.constructed(spline, torch.empty(0), SPLINES.presets["full"])
    _, expected, found = splines.judge(model, spline)
    assert (expected - found).abs().max() < 1e-12
    (layer, *_) = model
    assert isinstance(layer, QuadraticLinear)
    assert layer.out_features == 12
    at = torch.tensor([[-1.0]], dtype=torch.float64)  # left of all knots: the polynomial
    assert spline(at).item() == pytest.approx(
        (spline.polynomial * torch.tensor([1.0, -1, 1])).sum()
    )
    jump = spline(spline.knots[:1, None] + 1e-3) + spline(spline.knots[:1, None] - 1e-3)
    second = (jump - 2 * spline(spline.knots[:1, None])).item()
    expected = 1e-3 * spline.slopes[0] + 1e-6 * (spline.curvatures[0] + 2 * spline.polynomial[2])
    assert second == pytest.approx(expected.item(), rel=1e-6)
