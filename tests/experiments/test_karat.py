"""The comparison of attentions: equal networks, what the arms are, claims, figures, the example."""

import math
import runpy
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch.testing import assert_close

from neurarium import evaluation
from neurarium.evaluation import Cell, Record, Records
from neurarium.experiments.flashkat.images import Shape
from neurarium.experiments.karat import (
    COMPARISON,
    PRESETS,
    arms,
    gain,
    kept_bytes,
    memory,
    more_than_one_deviation,
    rank_beyond,
    ranks,
    tables,
)
from neurarium.neurons import KolmogorovArnoldAttention

ROOT = Path(__file__).parents[2]
SHAPE = Shape(8, 1, 10)
SMOKE = PRESETS["smoke"]


def count(model):
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def test_one_headline():
    assert sum(claim.headline for claim in COMPARISON.claims) == 1
    assert set(PRESETS) == {"smoke", "quick", "full", "paper"}


def test_parameters_of_the_arms():
    config = replace(SMOKE, num_layers=2)
    found = {name: count(build(SHAPE, config)) for name, build in arms.METHODS.items()}
    edges = 3 * 4 * 17  # heads, rank, tokens
    assert found["g3b"] - found["softmax"] == 2 * 7 * edges
    assert found["g3u"] - found["softmax"] == 7 * edges
    assert found["g1b"] - found["softmax"] == 2 * 3 * edges
    assert found["linear_map"] - found["softmax"] == 2 * 2 * edges
    assert found["sigmoid"] == found["softmax"]
    assert 0.97 < found["softmax_wide"] / found["g3b"] <= 1


def test_arms_start_from_weights_of_equal_deviation_elsewhere():
    torch.manual_seed(0)
    softmax = arms.METHODS["softmax"](SHAPE, SMOKE).state_dict()
    for name in ("g3b", "sigmoid", "linear_map"):
        found = arms.METHODS[name](SHAPE, SMOKE).state_dict()
        for key in softmax:
            if softmax[key].numel() > 100:
                std = softmax[key].std().item()
                assert found[key].std().item() == pytest.approx(std, rel=0.2), key


def test_the_linear_map_is_two_matrices():
    operator = arms.LinearMap(2, 6, 3, dtype=torch.float64)
    scores = torch.randn(2, 2, 4, 6, dtype=torch.float64)
    assert_close(operator(scores), (scores @ operator.scale.mT) @ operator.back.mT)
    assert not operator.coefficients.requires_grad


def test_sigmoid_attention():
    attention = arms.SigmoidAttention(6, 2)
    with torch.no_grad():
        attention.qkv.bias.zero_()
        attention.qkv.weight[:12] = 0
        x = torch.randn(2, 5, 6)
        read = attention.qkv(x)[..., 12:].mean(1, keepdim=True)  # every score is 0
        assert_close(attention(x), attention.out(read).expand(2, 5, 6))


def test_ranks_and_memory():
    torch.manual_seed(0)
    models = {name: arms.METHODS[name](SHAPE, SMOKE) for name in ("softmax", "g3b", "sigmoid")}
    for model in models.values():
        for name, parameter in model.named_parameters():
            if "qkv" in name and parameter.ndim == 2:
                torch.nn.init.normal_(parameter, std=0.5)
    images = torch.randn(4, 1, 8, 8)
    found = {name: ranks(model, images) for name, model in models.items()}
    assert found["g3b"]["rank"] <= SMOKE.rank < found["softmax"]["rank"]
    assert found["g3b"]["rank_excess"] <= 0
    assert "rank_excess" not in found["softmax"]
    assert found["sigmoid"] == {}
    large = replace(SMOKE, num_patches=8, rank=12)
    kept = {
        name: kept_bytes(arms.METHODS[name](SHAPE, large), images) for name in ("g3b", "sigmoid")
    }
    assert kept["g3b"] < kept["sigmoid"]


def records_of(values, metric="accuracy"):
    return Records(
        [
            Record(Cell(method=method, seed=seed), {metric: value})
            for method, found in values.items()
            for seed, value in enumerate(found)
        ]
    )


def test_claims():
    found = records_of({"g3b": [0.5, 0.6], "softmax": [0.4, 0.45]})
    assert gain(found) == pytest.approx([0.1, 0.15])
    assert more_than_one_deviation(found)
    assert not more_than_one_deviation(records_of({"g3b": [0.41, 0.5], "softmax": [0.4, 0.5]}))
    found = records_of({"g3b": [30.0], "softmax": [15.0]}, "kept_megabytes")
    assert memory(found) == pytest.approx([math.log(2)])
    assert rank_beyond(records_of({"g3b": [0.0, -1.0], "g1b": [-3.0]}, "rank_excess")) == 0
    assert rank_beyond(records_of({"g3b": [0.0, 2.0]}, "rank_excess")) == 2
    assert math.isnan(rank_beyond(found))


def test_the_table_has_the_costs():
    metrics = {"accuracy": 0.5, "seconds_per_step": 0.1, "kept_megabytes": 20.0, "rank": 12.0}
    found = Records([Record(Cell(method="g3b", seed=0), metrics)])
    accuracy, costs = tables(found)
    assert accuracy.title.startswith("accuracy")
    assert costs.columns[1:3] == ("seconds a step", "megabytes kept")
    assert costs.rows == (("g3b", 0.1, 20.0, 12.0),)


def test_an_arm_has_the_papers_start():
    for name, deviation in (("g3b_paper", 1.0), ("g3b", (3 * 17) ** -0.5)):
        operator = arms.METHODS[name](SHAPE, SMOKE).blocks[0].attention.operator
        assert operator.coefficients.std().item() == pytest.approx(deviation, rel=0.1)


def test_names_are_checked_at_once():
    with pytest.raises(ValueError, match="methods must be among softmax, g3b"):
        replace(SMOKE, methods=("relu",))
    with pytest.raises(ValueError, match="datasets must be among digits"):
        replace(SMOKE, datasets=("imagenet",))


def test_smoke_with_figures(tmp_path):
    from matplotlib import pyplot

    config = {"methods": ("softmax", "g3b", "linear_map", "softmax_wide", "rational")}
    done = evaluation.run(
        COMPARISON, preset="smoke", overrides=config, progress=False, out=tmp_path
    )
    assert done.num_failed == 0
    for draw in COMPARISON.figures.values():
        figure = draw(done.records)
        assert all(panel.lines or panel.patches for panel in figure.axes)
        pyplot.close(figure)


def test_example_trains_learnable_attention():
    main = runpy.run_path(str(ROOT / "examples" / "learnable_attention.py"))["main"]
    assert main(num_epochs=2) > 0.3
    assert KolmogorovArnoldAttention(24, 3, num_tokens=17, rank=6).operator.rank == 6
