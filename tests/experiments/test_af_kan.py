"""The AF-KAN experiment: budgets, splits without leaks, claims on known records, a smoke run."""

import os
import runpy
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
import torch
from torch import nn

from neurarium import evaluation
from neurarium.cost import count_parameters
from neurarium.data import Images
from neurarium.evaluation import Cell, Claim, Record, Records
from neurarium.experiments import af_kan
from neurarium.experiments.af_kan import AF_KAN, EXPERIMENTS
from neurarium.experiments.af_kan.methods import EQUAL_PARAMETERS, METHODS, SAME_STRUCTURE
from neurarium.experiments.af_kan.training import PRESETS, Split, split_of, train

mpl.use("Agg")
needs_data = pytest.mark.skipif(
    "NEURARIUM_DATA" not in os.environ, reason="NEURARIUM_DATA names no folder with MNIST"
)


def images(seed=0, side=6):
    """Three classes, each a bright block of its own; every image differs."""
    draw = np.random.default_rng(seed)
    labels = np.tile(np.arange(3), 40)
    pixels = draw.integers(0, 100, (120, side, side))
    for label in range(3):
        pixels[labels == label, 2 * label : 2 * label + 2] += 150
    pixels = pixels.astype(np.uint8)
    return Images("blocks", pixels, labels, pixels[:60], labels[:60], tuple("abc"))


def test_one_headline_and_four_presets():
    assert EXPERIMENTS == (AF_KAN,)
    assert sum(isinstance(c, Claim) and c.headline for c in AF_KAN.claims) == 1
    assert set(PRESETS) == {"smoke", "quick", "full", "paper"}
    assert PRESETS["full"].num_seeds >= 5


def test_arms_of_equal_size_are_and_the_others_have_six_to_ten_times_as_many():
    ours = count_parameters(METHODS["af_kan"](784, 10))
    assert ours == 52_552
    for name in (*EQUAL_PARAMETERS, "mlp", "mlp_norm"):
        assert 0.85 * ours < count_parameters(METHODS[name](784, 10)) <= 1.001 * ours, name
    for name in SAME_STRUCTURE:
        assert 5.9 * ours < count_parameters(METHODS[name](784, 10)) < 10 * ours, name


def test_kans_have_the_norm_of_their_papers():
    kinds = {
        name: type(METHODS[name](784, 10).layers[0].norm).__name__
        for name in (*SAME_STRUCTURE, *EQUAL_PARAMETERS)
    }
    bare = dict.fromkeys(("bspline", "bspline_equal"), "NoneType")
    assert kinds == dict.fromkeys(kinds, "LayerNorm") | bare


def test_the_table_has_means_and_deviations():
    assert af_kan.mean_and_spread([0.9, 0.92]) == "0.9100 ± 0.0141"
    assert af_kan.mean_and_spread([0.9]) == "0.9000"
    assert af_kan.mean_and_spread([]) is None


def test_validation_images_are_not_trained_on_and_pixels_span_the_published_range():
    config = PRESETS["smoke"]
    split = split_of(images(), config)
    assert len(split.validation_x) == 24
    assert len(split.train_x) == 96
    everything = torch.cat([split.train_x, split.validation_x])
    assert len(everything.unique(dim=0)) == 120
    assert everything.min() >= -1
    assert everything.max() <= 1
    assert everything.min() < -0.9


def test_the_epoch_is_chosen_on_validation_images_alone():
    """Test labels are wrong on purpose: the choice must not see it."""
    torch.manual_seed(0)
    split = split_of(images(), PRESETS["smoke"])
    looked_away = Split(**{**vars(split), "test_y": (split.test_y + 1) % 3})
    found = []
    for each in (split, looked_away):
        torch.manual_seed(1)
        model = nn.Linear(36, 3)
        found.append(train(model, each, 0.03, 4, PRESETS["smoke"]))
    assert found[0].validation == found[1].validation
    assert found[0].best == found[1].best
    assert found[0].test[-1] > 0.9
    assert found[1].test[-1] < 0.1


def record(method, seed, accuracy, dataset="mnist"):
    cell = Cell(method=method, seed=seed, dataset=dataset)
    return Record(cell, {"accuracy": accuracy, "parameters": 52_552.0, "training_seconds": 1.0})


def test_claims_on_records_one_knows():
    records = Records(
        [
            record(method, seed, value + 0.01 * seed + (dataset == "fashion_mnist") / 10, dataset)
            for dataset in ("mnist", "fashion_mnist")
            for seed in range(3)
            for method, value in (("af_kan", 0.8), ("mlp_norm", 0.75), ("af_kan_batch", 0.81))
        ]
    )
    assert af_kan.gained_over("mlp_norm", records) == pytest.approx([0.05] * 3)
    assert af_kan.per_sample(records) == pytest.approx([-0.01] * 3)
    assert af_kan.gained_on_photographs("mlp_norm", records) == []
    assert af_kan.parameters_of("af_kan", records) == 52_552


@pytest.mark.parametrize(("last", "beaten"), [(0.70, True), (0.80, False)])
def test_being_above_equal_kans_means_by_more_than_a_deviation(last, beaten):
    ours = [record("af_kan", seed, 0.8 + 0.02 * seed) for seed in range(3)]
    rivals = [record(name, seed, 0.7) for name in EQUAL_PARAMETERS for seed in range(3)]
    rivals[-3:] = [record("rbf_equal", seed, last + 0.04 * (seed == 2)) for seed in range(3)]
    assert af_kan.beats_equal_kans(Records([*ours, *rivals])) == beaten


def test_the_legend_of_the_learning_curves_lies_below_them():
    cells = [Cell(method=m, seed=0, dataset="mnist") for m in METHODS]
    curves = {"validation": [0.5, 0.9]}
    figure = AF_KAN.figures["learning"](
        Records([Record(c, {"accuracy": 1.0}, curves=curves) for c in cells])
    )
    figure.canvas.draw()
    (legend,) = figure.legends
    assert len(legend.get_texts()) == len(METHODS)
    for panel in figure.axes:
        assert panel.get_legend() is None
        assert legend.get_window_extent().y1 <= panel.get_tightbbox().y0


@pytest.mark.parametrize("name", ["mnits", "mil/elephant"])
def test_unknown_names_are_refused_before_anything_is_computed(name, tmp_path):
    with pytest.raises(ValueError):
        evaluation.run(AF_KAN, preset="smoke", overrides={"datasets": (name,)}, out=tmp_path)


@needs_data
def test_smoke_with_images_and_a_method_of_the_users(tmp_path):
    def nearest(in_features, num_classes):
        return nn.Linear(in_features, num_classes)

    done = evaluation.run(
        AF_KAN, preset="smoke", methods={"mine": nearest}, datasets={"blocks": images()},
        out=tmp_path, progress=False,
    )  # fmt: skip
    assert not done.num_failed
    assert len(done.records) == 2 * (len(METHODS) + 1)
    found = done.records.values("accuracy", "method", "dataset")
    assert found["mlp_norm_long", "blocks"] > 0.9
    (table,) = AF_KAN.tables(done.records)
    assert len(table.rows) == len(METHODS) + 1
    for draw in AF_KAN.figures.values():
        draw(done.records)
    for claim in AF_KAN.claims:
        claim.measure(done.records)


def test_example_classifies_digits():
    main = runpy.run_path(str(Path(__file__).parents[2] / "examples" / "classify_digits.py"))[
        "main"
    ]
    found = main(num_epochs=3)
    assert found["AF-KAN"][1] > 0.6
    assert found["AF-KAN"][0] < 1.1 * found["MLP"][0]
