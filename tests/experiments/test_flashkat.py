"""The FlashKAT experiments: equal networks, no leaks, honest timing, claims, figures, examples."""

import math
import runpy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from neurarium import evaluation
from neurarium.data import Images
from neurarium.evaluation import Cell, Record, Records
from neurarium.experiments.flashkat import (
    EXPERIMENTS,
    ROUNDING,
    SPEED,
    TRAINING,
    images,
    rounding,
    speed,
    training,
)
from neurarium.neurons import GRKAN, group_rational

ROOT = Path(__file__).parents[2]
SHAPE = images.Shape(8, 1, 10)
SMOKE = training.PRESETS["smoke"]


def test_one_headline_and_four_presets():
    claims = [claim for part in EXPERIMENTS for claim in part.claims]
    assert sum(claim.headline for claim in claims) == 1
    for part in EXPERIMENTS:
        assert set(part.presets) == {"smoke", "quick", "full", "paper"}


def test_the_naive_form_is_ours():
    x, a, b = torch.randn(3, 4, 16), torch.randn(1, 6), torch.randn(8, 4)
    assert_close(speed.naive(x, a, b), group_rational(x, a, b), rtol=1e-4, atol=1e-5)


def test_a_running_sum_is_the_gradient():
    generator = torch.Generator().manual_seed(0)
    x, up = (torch.randn(20, 64, generator=generator) for _ in range(2))
    a, b = torch.randn(8, 6, generator=generator), torch.randn(8, 4, generator=generator)
    for found, wanted in zip(
        rounding.running_sum(x, up, a, b), rounding.METHODS["flashkat"](x, up, a, b), strict=True
    ):
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-4)


def test_networks_differ_in_their_mlps_only():
    models = {name: build(SHAPE, SMOKE) for name, build in training.METHODS.items()}
    count = {
        name: sum(p.numel() for p in model.parameters() if p.requires_grad)
        for name, model in models.items()
    }
    assert count["kat"] - count["gelu"] == SMOKE.num_layers * 2 * (6 + 8 * 4)
    assert count["kat_frozen"] == count["gelu"]
    assert count["slope"] - count["gelu"] == SMOKE.num_layers * 4 * SMOKE.embed_dim
    frozen = [m for m in models["kat_frozen"].modules() if isinstance(m, GRKAN)]
    assert not any(p.requires_grad for m in frozen for p in m.expand.activation.parameters())
    keys = {name: set(models[name].state_dict()) for name in ("gelu", "slope")}
    assert {key for key in keys["gelu"] ^ keys["slope"] if ".mlp." not in key} == set()


def mine():
    """Images that say which they are."""
    train = np.arange(60, dtype=np.uint8)[:, None, None] * np.ones((1, 4, 4), np.uint8)
    test = 200 + np.arange(20, dtype=np.uint8)[:, None, None] * np.ones((1, 4, 4), np.uint8)
    labels = np.arange(60) % 2
    return Images("mine", train, labels, test, labels[:20], ("even", "odd"))


def test_no_image_is_trained_on_and_scored():
    config = replace(SMOKE, train_size=48, test_size=15)
    parts, shape = images.parts_of(mine(), config, 0)
    assert shape == images.Shape(4, 1, 2)
    train, validation, test = (
        parts[name][0][:, 0, 0, 0] for name in ("train", "validation", "test")
    )
    assert (len(train), len(validation), len(test)) == (40, 8, 15)
    assert not set(train.tolist()) & set(validation.tolist())
    assert test.min() > max(train.max(), validation.max())
    assert_close(parts["train"][0].mean(), torch.tensor(0.0), atol=1e-5, rtol=0)
    again, _ = images.parts_of(mine(), config, 0)
    other, _ = images.parts_of(mine(), config, 1)
    assert torch.equal(parts["train"][0], again["train"][0])
    assert not torch.equal(parts["train"][1], other["train"][1])
    assert torch.equal(parts["test"][1], other["test"][1])


def test_names_are_checked_at_once():
    with pytest.raises(ValueError, match="datasets must be among digits, mnist"):
        training.Config(datasets=("imagenet",))
    with pytest.raises(ValueError, match=r"shapes must be like '8x197x768'.*got '3x5'"):
        speed.Config(shapes=("3x5",))


def records_of(values, metric, **others):
    """Metric of every method: one number a seed."""
    return Records(
        [
            Record(Cell(method=method, seed=seed, **others), {metric: value})
            for method, found in values.items()
            for seed, value in enumerate(found)
        ]
    )


def test_claims():
    found = records_of(
        {"naive": [8.0, 8.0], "flashkat": [2.0, 1.0], "gelu": [1.0, 1.0]}, "seconds_step", shape="a"
    )
    assert speed.faster_than_naive(found) == pytest.approx([math.log(4), math.log(8)])
    assert speed.slower_than_gelu(found) == pytest.approx([math.log(2), 0])
    assert speed.faster_on_every_shape(found)
    found = records_of({"running_sum": [1e-4], "flashkat": [1e-6]}, "error", num_inputs=100)
    assert rounding.digits_gained(found) == pytest.approx([math.log(100)])
    found = records_of({"kat": [0.9, 0.8], "gelu": [0.7, 0.7]}, "accuracy")
    assert TRAINING.claims[0].measure(found) == pytest.approx([0.2, 0.1])


@pytest.mark.parametrize("part", EXPERIMENTS, ids=lambda part: part.part)
def test_smoke_with_figures(part, tmp_path):
    from matplotlib import pyplot

    done = evaluation.run(part, preset="smoke", progress=False, out=tmp_path)
    assert done.num_failed == 0
    for draw in part.figures.values():
        figure = draw(done.records)
        assert all(panel.lines or panel.patches for panel in figure.axes)
        pyplot.close(figure)
    if part is SPEED:
        kept = done.records.values("kept_bytes", "method")
        assert kept["flashkat"] < 1.05 * kept["gelu"] < kept["naive"]
    if part is ROUNDING:
        errors = done.records.values("error", "method")
        assert errors["flashkat"] < errors["running_sum"]


def test_example_learns_a_better_activation():
    main = runpy.run_path(str(ROOT / "examples" / "learn_activation.py"))["main"]
    assert main(num_epochs=15) < 0.8
