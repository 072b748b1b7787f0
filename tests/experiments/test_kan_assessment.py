"""The assessment: equal budgets to the percent, fair tuning, claims on records one knows, smoke."""

import math
import runpy
from dataclasses import replace
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
import torch
from torch.testing import assert_close

from neurarium import evaluation
from neurarium.cost import count_parameters
from neurarium.data import Images
from neurarium.data.formulas import load_formula
from neurarium.data.sentences import Sentences
from neurarium.data.spoken_digits import SpokenDigits
from neurarium.evaluation import Cell, Claim, Record, Records
from neurarium.evaluation.verdict import Interval
from neurarium.experiments.kan_assessment import EXPERIMENTS, assess, claims, recovery
from neurarium.experiments.kan_assessment.arms import ARMS
from neurarium.experiments.kan_assessment.assess import _said
from neurarium.experiments.kan_assessment.comparison import (
    common_parameters,
    configurations,
    parameters_of,
)
from neurarium.experiments.kan_assessment.config import FULL, IMAGES, Config
from neurarium.experiments.kan_assessment.continual import (
    CONTINUAL,
    ContinualConfig,
    phases,
    target,
)
from neurarium.experiments.kan_assessment.dimension import DIMENSION, slopes
from neurarium.experiments.kan_assessment.least_squares import levenberg_marquardt
from neurarium.experiments.kan_assessment.problems import _flat, load_sklearn, problem_of
from neurarium.experiments.kan_assessment.recovery import RECOVERY, choose, printed_error
from neurarium.experiments.kan_assessment.speed import SPEED, RecursiveKAN, build
from neurarium.experiments.kan_assessment.training import Network, outputs, train
from neurarium.experiments.kan_assessment.widths import (
    fitting_parameters,
    flop_limit,
    parameter_cost,
    sizes_for,
    widths_near,
)
from neurarium.neurons import KAN

mpl.use("Agg")
COMPARISON, BUDGETS = EXPERIMENTS[:2]
ROOT = Path(__file__).resolve().parents[2]
TINY = Config(("feynman/8",), ("mlp", "kan"), ("parameters",), 300, num_points=80)


def test_parts_and_their_single_headline():
    names = ["main", "budgets", "recovery", "speed", "dimension", "continual"]
    assert [part.part for part in EXPERIMENTS] == names
    stated = [claim for part in EXPERIMENTS for claim in part.claims]
    assert sum(isinstance(claim, Claim) and claim.headline for claim in stated) == 1
    assert len({claim.statement for claim in stated}) == len(stated)
    for part in EXPERIMENTS:
        assert set(part.presets) == {"smoke", "quick", "full", "paper"}


@pytest.mark.parametrize(
    ("experiment", "overrides", "message"),
    [
        (COMPARISON, {"datasets": ("mnits",)}, "did you mean 'mnist'"),
        (COMPARISON, {"datasets": ("feynman/200",)}, "name must be feynman/1"),
        (COMPARISON, {"arms": ("mpl",)}, "did you mean 'mlp'"),
        (BUDGETS, {"budgets": ("flop",)}, "did you mean 'flops'"),
        (RECOVERY, {"datasets": ("special/gamma",)}, "special/ and one of"),
    ],
)
def test_unknown_names_are_refused_before_anything_is_computed(
    experiment, overrides, message, tmp_path
):
    with pytest.raises(ValueError, match=message):
        evaluation.run(experiment, preset="smoke", overrides=overrides, out=tmp_path)


@pytest.mark.parametrize("ends", [(2, 1), (6, 1), (13, 3), (240, 10), (784, 10)])
@pytest.mark.parametrize("arm", ARMS)
def test_widths_spend_the_parameters_within_two_percent(arm, ends):
    budget = FULL.wide_parameters if ends[0] > 100 else FULL.parameters
    for value in next(iter(ARMS[arm].space.values())):
        settings = {next(iter(ARMS[arm].space)): value}
        sizes = sizes_for(arm, "parameters", budget, *ends, settings)
        cost = parameter_cost(ARMS[arm], settings)(sizes)
        assert abs(cost / budget - 1) <= 0.02, (sizes, cost)


@pytest.mark.parametrize("arm", ARMS)
def test_counted_parameters_are_those_of_the_network(arm):
    settings = ARMS[arm].defaults()
    assert parameter_cost(ARMS[arm], settings)((3, 7, 5, 2)) == count_parameters(
        ARMS[arm].build((3, 7, 5, 2), **settings)
    )


SHAPES = [(2, 1), (3, 1), (4, 1), (5, 1), (6, 1), (9, 1), (10, 1), (13, 3), (30, 2), (64, 10),
          (784, 10), (768, 10)]  # fmt: skip
"""Inputs and outputs of formulas, tables and images of the presets."""


@pytest.mark.parametrize("ends", SHAPES)
@pytest.mark.parametrize("arm", ARMS)
def test_widths_spend_the_flops_within_two_percent(arm, ends):
    """A KAN of one unit a layer had 1.81 times the MLP's on digits."""
    budget = FULL.wide_parameters if ends[0] > 100 else FULL.parameters
    limit = flop_limit(budget, *ends)
    for settings in ARMS[arm].choices():
        sizes = sizes_for(arm, "flops", budget, *ends, settings)
        assert abs(ARMS[arm].total_flops(sizes, settings) / limit - 1) <= 0.02, (sizes, settings)
        assert min(sizes[1:-1]) >= 5


def test_flops_and_structure():
    limit = flop_limit(5000, 64, 10)
    costly = ARMS["kan"].total_flops((64, 8, 8, 10), {"grid_size": 10})
    assert limit == costly > 20 * 2 * 5000  # the MLP grows too
    a, b = sizes_for("mlp", "flops", 5000, 64, 10)[1:3]
    spent = 2 * (64 * a + a * b + 10 * b) + 14 * (a + b)
    assert spent == pytest.approx(limit, rel=0.02)
    many = sizes_for("mlp", "parameters", 50_000, 2, 1)
    assert many == sizes_for("mlp", "flops", 50_000, 2, 1)  # enough for eight units of a KAN
    assert sizes_for("mlp", "structure", 5000, 2, 1) == sizes_for("kan", "parameters", 5000, 2, 1)
    with pytest.raises(ValueError, match="parameters must be at least 102, one unit in each"):
        widths_near(lambda sizes: 100 + sizes[1] + sizes[2], 50, 1, 1)


def test_a_budget_that_whole_units_miss_is_refused():
    with pytest.raises(ValueError, match=r"got 200, and the nearest kan spends 9\d\.\d% of the"):
        sizes_for("kan", "parameters", 200, 3, 2, {"grid_size": 10})
    larger = fitting_parameters(200, lambda size: sizes_for("kan", "parameters", size, 3, 2))
    assert larger is not None
    assert sizes_for("kan", "parameters", larger, 3, 2)
    assert fitting_parameters(1, lambda size: sizes_for("kan", "parameters", size, 999, 2)) is None


@pytest.mark.parametrize("full_batch", [False, True])
def test_every_arm_tries_as_many_configurations_without_repetition(full_batch):
    for name in (*ARMS, "mine"):
        tried = configurations(name, 6, full_batch=full_batch)
        assert len(tried) == 6
        assert all(tried.count(settings) == 1 for settings in tried)
        kinds = {settings["optimizer"] for settings in tried}
        assert kinds == ({"lbfgs", "adam"} if full_batch else {"adam"})
        alone = configurations(name, 3, full_batch=full_batch, budget="adam")
        assert [settings["optimizer"] for settings in alone] == ["adam"] * 3
    assert len({len(next(iter(arm.space.values()))) for arm in ARMS.values()}) == 1


def test_problems_are_standardised_and_their_parts_apart():
    problem = problem_of(load_formula("feynman/12"), TINY, 0)
    assert_close(problem.train.x.mean(0), torch.zeros(5), atol=1e-5, rtol=0)
    assert_close(problem.train.y.var(correction=0), torch.tensor(1.0), atol=1e-5, rtol=0)
    rows = [{tuple(row) for row in part.x.tolist()}
            for part in (problem.train, problem.validation, problem.test)]  # fmt: skip
    assert not rows[0] & rows[1] and not rows[1] & rows[2] and not rows[0] & rows[2]  # noqa: PT018
    table = load_sklearn("wine")
    parts = table.split(3)
    assert sorted(np.concatenate(parts)) == list(range(178))
    first = problem_of(table, TINY, 3)
    changed = replace(table, X=table.X.copy())
    changed.X.iloc[parts.test] *= 100.0
    second = problem_of(changed, TINY, 3)
    assert_close(first.train.x, second.train.x)  # test rows decide nothing
    assert_close(first.validation.x, second.validation.x)


def test_images_are_flattened_and_large_ones_pooled():
    rng = np.random.default_rng(0)
    grey = rng.integers(0, 256, (12, 4, 4), dtype=np.uint8)
    labels = np.arange(12) % 2
    images = Images("mine", grey, labels, grey[:3], labels[:3], ("0", "1"))
    problem = problem_of(images, replace(TINY, num_images=5), 0)
    assert [len(part) for part in problem.parts] == [5, 1, 3]
    assert float(problem.train.x.mean()) == pytest.approx(0, abs=1e-6)
    large = np.repeat(np.repeat(rng.integers(0, 256, (2, 16, 16, 3)), 2, 1), 2, 2)
    pooled = _flat(large.astype(np.uint8))
    np.testing.assert_allclose(pooled, (large[:, ::2, ::2] / 255).reshape(2, -1), rtol=1e-5)


def test_sentences_and_speech_become_problems():
    words = (("good", "film"), ("bad", "film"), ("good",), ("bad", "bad"))
    sentences = Sentences("mine", words, np.array([1, 0, 1, 0]), np.array([0, 0, 1, 2], np.int8))
    problem = problem_of(sentences, TINY, 0)
    rows = problem.stem()(problem.train.x)
    assert_close(rows.mean(1), torch.zeros(2), atol=1e-5, rtol=0)
    time = np.arange(4000) / 8000
    tones = [np.sin(2 * np.pi * f * time).astype(np.float32) for f in (300, 3000)] * 6
    takes = np.repeat([0, 7, 8, 9, 10, 11], 2)
    speech = SpokenDigits("mine", tuple(tones), np.array([0, 1] * 6), takes)
    bands = speech.log_mel(num_bands=8, num_frames=2).reshape(12, 2, 8)
    assert (bands[0].argmax(1) < bands[1].argmax(1)).all()  # a low and a high tone
    assert [len(part) for part in problem_of(speech, TINY, 0).parts] == [8, 2, 2]


def test_scores_are_accuracy_and_r_squared():
    problem = problem_of(load_formula("feynman/8"), TINY, 0)
    y = torch.tensor([[1.0], [3.0]])
    assert problem.scores(torch.tensor([[1.5], [2.5]]), y) == {"score": 75.0, "error": 0.5}
    wine = problem_of(load_sklearn("wine"), TINY, 0)
    given = torch.tensor([[2.0, 1.0, 0.0], [2.0, 1.0, 0.0]])
    assert wine.scores(given, torch.tensor([0, 1])) == {"score": 50.0, "error": 0.5}


@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
@pytest.mark.parametrize("arm", ["mlp", "kan", "spline_mlp"])
def test_training_keeps_the_best_validated_weights(arm, optimizer):
    problem = problem_of(load_formula("feynman/8"), TINY, 0)
    torch.manual_seed(0)
    sizes = sizes_for(arm, "parameters", 300, 2, 1)
    network = Network(problem, ARMS[arm].build(sizes, **ARMS[arm].defaults()))
    settings = {"optimizer": optimizer, "lr": 1e-2, "weight_decay": 0.0}
    best = train(network, problem, settings, 60, 32)
    found = problem.loss(outputs(network, problem.validation), problem.validation.y)
    assert float(found) == pytest.approx(best, rel=1e-6)
    assert best < (0.9 if optimizer == "adam" else 0.1)


def cell(method, dataset, *, error=0.1, score=90.0, budget="parameters", seed=0):
    return Record(
        Cell(method=method, dataset=dataset, budget=budget, seed=seed),
        {"error": error, "score": score},
    )


def picture(kan=0.01, spline=0.01, table=90.0):
    """Ten formulas on which the MLP has an error of about 0.1, and three tables."""
    found = []
    for place in range(10):
        factor = 1 + place / 50
        found.append(cell("mlp", f"feynman/{place + 1}", error=0.1))
        found.append(cell("kan", f"feynman/{place + 1}", error=kan * factor))
        found.append(cell("spline_mlp", f"feynman/{place + 1}", error=spline * factor**1.1))
    for place, name in enumerate(("wine", "digits", "diabetes")):
        found.append(cell("mlp", f"table/{name}", score=90.0))
        found.append(cell("kan", f"table/{name}", score=table + place / 10))
    return Records(found)


def test_the_headline_asks_for_the_whole_picture():
    ratios = claims.error_ratio("kan", "mlp", "parameters", picture())
    assert ratios[0] == pytest.approx(math.log(10))
    assert claims.is_whole_picture(picture())
    assert not claims.is_whole_picture(picture(kan=0.06, spline=0.06))  # not half the error
    assert not claims.is_whole_picture(picture(table=95.0))  # ahead on tables too
    assert not claims.is_whole_picture(picture(spline=0.02))  # splines do not explain it
    assert claims.is_whole_picture(picture(table=80.0))


def test_points_and_gaps_have_their_signs():
    records = picture(table=88.0)
    lost = claims.points_lost("tabular", "parameters", records)
    assert lost == pytest.approx([2.0, 1.9, 1.8])
    assert claims.points_lost("vision", "parameters", records) == []
    gap = claims.spline_gap("parameters", picture(spline=0.02))
    assert len(gap) == 10
    assert gap[0] == pytest.approx(-math.log(2))
    assert claims.spline_gap("parameters", picture(kan=0.2)) == []  # nothing to explain
    seeds = Records(
        cell(m, "mnist", score=s + seed, seed=seed)
        for seed in range(3)
        for m, s in (("mlp", 97.0), ("kan", 95.0))
    )
    assert claims.points_lost("vision", "parameters", seeds) == [2.0, 2.0, 2.0]


def test_the_recursive_network_is_the_same_function():
    torch.manual_seed(0)
    config = SPEED.presets["smoke"]
    kan = build("kan", config, 1300).eval()
    x = torch.rand(20, config.in_features) * 6 - 3  # beyond the grid too
    assert_close(RecursiveKAN(kan)(x), kan(x), atol=1e-5, rtol=1e-5)


def test_printed_formulas_are_judged_as_they_stand():
    formula = load_formula("feynman/8")
    x, y = recovery.samples(formula, 200, 0)
    assert printed_error("1.0*N_n*mu", formula, x, y) == 0
    assert printed_error("0", formula, x, y) == pytest.approx(1, rel=0.1)
    assert printed_error("sqrt(mu)", formula, x, y) == math.inf
    assert printed_error("Abs(N_n)*mu", formula, x, y) > 0.1
    few = {"error": 1.2e-3, "complexity": 3}
    many = {"error": 1e-3, "complexity": 9}
    assert choose([many, few]) is few
    assert choose([many, {**few, "error": 2e-3}]) is many
    assert choose([{**many, "error": 0.0}, {**few, "error": 9e-6}])["complexity"] == 3


def test_a_product_is_read_and_printed_right():
    config = replace(RECOVERY.presets["full"], hidden=((2,),), tolerances=(0.1,), num_points=300)
    found = recovery.recover(load_formula("feynman/8"), config, 0)
    assert found.metrics["recovered"] == 1
    assert found.metrics["printed_error"] < 1e-4
    assert "N_n*mu" in bytes(int(c) for c in found.curves["text"]).decode()


def test_peaks_come_one_after_the_other():
    config = ContinualConfig()
    shown = phases(config, 0)
    assert [bool((x >= 2 * k / 5 - 1).all() and (x <= 2 * (k + 1) / 5 - 1).all())
            for k, (x, _) in enumerate(shown)] == [True] * 5  # fmt: skip
    centres = torch.tensor([[-0.8], [-0.4], [0.0], [0.4], [0.8]])
    assert_close(target(centres, 5), torch.ones(5, 1))
    assert float(target(centres + 0.2, 5).max()) < 1e-4


def test_slopes_are_those_of_power_laws():
    records = Records(
        Record(Cell(method="kan", dimension=d, seed=s), {"error": 0.01 * d ** (1 + s)})
        for d in (2, 4, 8)
        for s in (0, 1)
    )
    assert slopes("kan", records) == pytest.approx([1, 2])


@pytest.mark.parametrize("part", EXPERIMENTS, ids=lambda part: part.part)
def test_smoke(part, tmp_path):
    done = evaluation.run(part, preset="smoke", out=tmp_path, progress=False)
    assert not done.num_failed
    assert done.tables
    assert len(done.verdicts) == len(part.claims)
    for draw in part.figures.values():
        draw(done.records)
    if part in (COMPARISON, BUDGETS):
        assert {"parameters", "macs", "flops", "steps"} <= set(done.records[0].metrics)
    if part in (CONTINUAL, DIMENSION):
        assert all(math.isfinite(v) for r in done.records for v in r.metrics.values())


def test_equal_seconds_become_counts(tmp_path):
    overrides = {"budgets": ("seconds",), "datasets": ("table/wine",), "num_trials": 2}
    done = evaluation.run(
        COMPARISON, preset="smoke", overrides=overrides, out=tmp_path, progress=False
    )
    assert not done.num_failed
    assert all(record.metrics["steps"] >= 10 for record in done.records)


def test_wide_inputs_have_more_parameters():
    digits = problem_of(load_sklearn("digits"), TINY, 0)
    assert parameters_of(digits, FULL) == FULL.parameters
    assert parameters_of(replace(digits, in_features=784), FULL) == FULL.wide_parameters
    assert set(IMAGES) < set(FULL.datasets)


def smooth_table(rows=300):
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.uniform(-2, 2, (rows, 2)), columns=["a", "b"])
    X["kind"] = rng.choice(["red", "blue"], rows)
    y = np.sin(3 * X["a"]) + X["b"] ** 2 + (X["kind"] == "red")
    X.loc[3, "a"] = np.nan
    return X, y


FEW = {"num_trials": 1, "num_steps": 40, "parameters": 650, "num_folds": 3}


def test_assess_compares_at_equal_parameters():
    X, y = smooth_table()
    found = assess(X, y, **FEW)
    assert found.task == "regression"
    assert {len(scores) for scores in found.scores.values()} == {3}
    assert all(abs(size / 650 - 1) <= 0.02 for size in found.parameters.values())
    assert found.difference.mean == pytest.approx(
        np.mean(found.scores["kan"]) - np.mean(found.scores["mlp"])
    )
    assert found.words in str(found)
    assert assess(X, y, **FEW).scores == found.scores  # equal seeds, equal numbers
    with_classes = assess(X, np.where(y > 1, "high", "low"), **FEW)
    assert with_classes.metric == "accuracy in %"


@pytest.mark.parametrize(
    ("found", "pays", "begins"),
    [
        ((3.0, 2.0, 4.0), True, "A KAN pays on this table: 3.00 points above"),
        ((-3.0, -4.0, -2.0), False, "A KAN does not pay on this table: 3.00 points below"),
        ((0.2, -0.5, 0.9), False, "A KAN does not pay on this table: the difference"),
        ((0.5, 0.2, 0.8), False, "A KAN does not pay on this table: the difference"),
        ((3.0, -1.0, 7.0), None, "These rows cannot tell whether a KAN pays: 3.00 points above"),
        ((0.0, None, None), False, "A KAN does not pay on this table: 0.00 points"),
    ],
)
def test_the_words_follow_the_interval(found, pays, begins):
    answer, said = _said(Interval(*found, 5), 1.0, "an MLP")
    assert answer is pays
    assert said.startswith(begins)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"arms": ("kan",)}, "arms must have mlp and kan among them"),
        ({"budget": "watts"}, "budget must be one of parameters, flops, seconds, structure"),
        ({"num_folds": 2}, "num_folds must be at least 3: got 2"),
        ({"num_trials": 0}, "num_trials must be at least 1"),
        ({"task": "ranking"}, "task must be one of"),
        ({"y": np.ones(300)}, "y must have at least 2 classes"),
        ({"y": np.full(300, 0.5)}, "y must vary"),
        ({"y": np.full(300, np.nan)}, "y must have no missing values: got 300"),
        ({"y": np.zeros(299)}, "y must have one target a row: got 299 for 300 rows"),
        ({"y": np.array(["a"] * 298 + ["b"] * 2)}, "at least 3 rows of each class"),
        ({"parameters": 20}, "for arms of equal size: got 20, and the nearest mlp spends 95.0%"),
        ({"parameters": 10}, "parameters must be at least .*, one unit in each hidden .* got 10"),
        ({"parameters": 0}, "parameters must be at least 1"),
        ({"budget": "adam"}, "budget must be one of parameters, flops, seconds, structure"),
        ({"seconds": 0.0}, "seconds must be finite and positive: got 0"),
        ({"margin": -1.0}, "margin must be finite and at least 0: got -1"),
        ({"y": np.array(["a"] * 300), "task": "regression"}, "y must be numbers for a regression"),
    ],
)
def test_assess_says_what_is_wrong(changes, message):
    X, y = smooth_table()
    with pytest.raises(ValueError, match=message):
        assess(X, **{"y": y, **FEW, **changes})


def test_the_example_answers_in_words():
    main = runpy.run_path(str(ROOT / "examples" / "assess_table.py"))["main"]
    assert "KAN" in main(num_steps=10).words


def test_levenberg_marquardt_solves_least_squares_and_a_curved_valley():
    torch.manual_seed(0)
    x = torch.randn(50, 3, dtype=torch.float64)
    y = torch.randn(50, 1, dtype=torch.float64)
    linear = torch.nn.Linear(3, 1, dtype=torch.float64)
    levenberg_marquardt(linear, x, y, max_steps=20)
    design = torch.cat([x, torch.ones_like(x[:, :1])], 1)
    best = torch.linalg.lstsq(design, y).solution[:, 0]
    assert_close(torch.cat([linear.weight[0], linear.bias]), best, atol=1e-10, rtol=0)

    model = KAN([2, 1, 1], grid_size=3, dtype=torch.float64)
    product = (x[:, :1] * 0.3 + x[:, 1:2] * 0.4).exp()
    model.update_grid(x[:, :2])
    with pytest.raises(ValueError, match=r"x must have .* rows, one for each parameter: got 10"):
        levenberg_marquardt(model, x[:10, :2], product[:10], max_steps=5)
    levenberg_marquardt(model, x[:, :2], product, max_steps=200, decay=1e-6)
    assert recovery.nrmse(model(x[:, :2]).detach(), product) < 1e-3


def test_every_setting_of_every_arm_meets_a_common_budget_nearby():
    # digits: whole units of a selectable layer miss 5000
    assert common_parameters(5000, 30, 2, tuple(ARMS)) == 5000
    size = common_parameters(5000, 64, 10, tuple(ARMS))
    assert 5000 < size < 6000
    for name, arm in ARMS.items():
        for settings in arm.choices():
            network = arm.build(sizes_for(name, "parameters", size, 64, 10, settings), **settings)
            assert abs(count_parameters(network) / size - 1) <= 0.02


def test_families_that_keep_their_range_are_normalised():
    torch.manual_seed(0)
    x = 100 + 50 * torch.randn(200, 3)
    for name in ("rbf", "chebyshev", "fourier", "wavelet", "relu", "selectable"):
        arm = ARMS[name]
        network = arm.build((3, 4, 2), **arm.defaults())
        assert_close(network(x), network((x - 100) / 50), atol=2e-3, rtol=1e-3)
