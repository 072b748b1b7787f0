"""The Hopfield experiments: folds without leaks, equal budgets, claims, figures."""

import os
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from neurarium import evaluation
from neurarium.data import Bags, load
from neurarium.evaluation import Cell, Claim, Record, Records
from neurarium.experiments.hopfield import (
    BITS,
    EXPERIMENTS,
    MIL,
    THEORY,
    UCI,
    bits,
    image_bags,
    mil,
    theory,
    uci,
)
from neurarium.experiments.hopfield.mil_methods import METHODS, SETTINGS, Fitted, Problem
from neurarium.experiments.hopfield.padded_bags import drop_instances, pad, standardise

needs_data = pytest.mark.skipif(
    "NEURARIUM_DATA" not in os.environ, reason="NEURARIUM_DATA names no folder with MNIST"
)


def bags(num_bags=40, seed=0):
    """Bags whose first feature says which bag it is."""
    generator = np.random.default_rng(seed)
    lengths = generator.integers(1, 5, num_bags)
    instances = generator.normal(size=(lengths.sum(), 3)).astype(np.float32)
    instances[:, 0] = np.repeat(np.arange(num_bags), lengths)
    test_fold = np.stack([generator.permutation(num_bags) % 10 for _ in range(2)])
    labels = np.arange(num_bags) // 10 % 2
    return Bags("mine", instances, lengths, labels, test_fold.astype(np.int8))


def context(method, data, **stages):
    return SimpleNamespace(
        method=method,
        data=data,
        device="cpu",
        stage=stages.__getitem__,
        progress=lambda *args, **numbers: None,
    )


def test_no_bag_is_trained_on_where_it_is_scored():
    data = bags()
    seen = []

    def spy(problem):
        seen.append((len(problem.train), problem.num_epochs))
        mean = problem.train.instances[problem.train.mask].mean(0)
        assert torch.allclose(mean, torch.zeros(3), atol=1e-5)  # standardised by training bags
        return Fitted(lambda test: test.instances[:, 0, 0].numpy(), losses=(1.0,))

    config = mil.Config(num_epochs=7, selection_epochs=5, num_settings=2)
    cell = Cell(method="hopfield", dataset="mine", seed=1)
    chosen = mil.select_settings(cell, config, context(spy, data))
    assert chosen["auc"].shape == (10, 2)
    assert {epochs for _, epochs in seen} == {5}
    assert {length for length, _ in seen} == {24}  # six tenths of 40
    seen.clear()
    result = mil.run_cell(cell, config, context(spy, data, setting=chosen))
    assert seen == [(36, 7)] * 10
    assert np.isfinite(result.arrays["scores"]).all()  # every bag was tested once
    for fold, _, later in mil.folds(data, 1, config, "cpu"):
        train, held_out, test = later > 3, (later >= 1) & (later <= 3), later == 0
        assert (train.astype(int) + held_out + test == 1).all()
        assert np.array_equal(test, data.test_fold[1] == fold)


def test_every_method_has_as_many_settings_and_no_more_parameters_than_ours():
    assert len({len(settings) for settings in SETTINGS.values()}) == 1
    assert set(SETTINGS) == set(METHODS)
    train = standardise(pad(bags()))[0]
    config = replace(mil.PRESETS["smoke"], width=16)
    sizes = {
        name: METHODS[name](Problem(train, SETTINGS[name][0], 1, config)).parameters
        for name in METHODS
    }
    assert sizes.pop("svm") == 0
    ours = sizes.pop("hopfield")
    assert all(0.98 * ours < size <= ours for size in sizes.values())


def test_bag_dropout_keeps_an_instance_of_every_bag():
    mask = torch.arange(6) < torch.tensor([[6], [1], [3]]).repeat(200, 1)
    torch.manual_seed(0)
    kept = drop_instances(mask, 0.75)
    assert (kept & ~mask).sum() == 0
    assert (kept.sum(1) >= 1).all()
    assert kept[::3].float().mean() == pytest.approx(0.25 + 0.75**6 / 6, abs=0.03)
    assert torch.equal(drop_instances(mask, 0.0), mask)


def test_claims_of_the_headline_part():
    auc = {"hopfield": 0.95, "gated_attention": 0.9, "mean": 0.96, "max": 0.8, "svm": 0.9}
    records = Records(
        Record(Cell(method=method, dataset=dataset, seed=seed), {"auc": value})
        for method, value in auc.items()
        for dataset in (*mil.ANIMALS, "musk1")
        for seed in range(2)
    )
    assert mil.gained_over("gated_attention", records) == pytest.approx([0.05] * 4)
    assert mil.reaches_the_papers_level(records)
    assert mil.is_better_on_two_animals("max", records)
    assert not mil.is_better_on_two_animals("mean", records)
    headlines = [claim for part in EXPERIMENTS for claim in part.claims if claim.headline]
    assert headlines == [MIL.claims[0]]


def test_parts_and_presets():
    assert [part.part for part in EXPERIMENTS] == ["mil", "theory", "bits", "bags", "uci"]
    for part in EXPERIMENTS:
        assert set(part.presets) == {"smoke", "quick", "full", "paper"}
    assert len(uci.GRID) == 84
    assert len(uci.EIGHT) == len(uci.PLAIN_GRID) == uci.PRESETS["full"].num_settings == 8
    assert all(point in uci.GRID for point in uci.EIGHT)
    assert len(mil.PRESETS["full"].datasets) == 4


@pytest.mark.parametrize(
    ("experiment", "name", "nearest"),
    [(MIL, "tigre", "mil/tiger"), (UCI, "glass", "hopular/glass_identification")],
)
def test_an_unknown_dataset_is_refused_before_anything_is_computed(experiment, name, nearest):
    with pytest.raises(ValueError, match=f"did you mean '{nearest}'"):
        evaluation.run(experiment, preset="smoke", overrides={"datasets": (name,)})


def test_held_out_sets_are_the_first_and_last_eighth():
    for name in ("bits", "latch"):
        sets, labels, held_out = bits.task(name, bits.PRESETS["smoke"])
        assert len(sets) == len(labels) == 64
        assert held_out.nonzero().flatten().tolist() == [*range(8), *range(56, 64)]


def test_bits_runs_with_a_method_of_the_users(tmp_path):
    def constant(sets):
        return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(sets[0].numel(), 1))

    done = evaluation.run(
        BITS, preset="smoke", methods={"constant": constant}, out=tmp_path, progress=False
    )
    assert not done.num_failed
    assert len(done.records) == 2 * 8
    for draw in BITS.figures.values():
        draw(done.records)


def test_uci_takes_the_setting_that_validates_best():
    table = uci.datasets(uci.PRESETS["smoke"])["haberman_survival"]()
    config = replace(uci.PRESETS["smoke"], num_epochs=2)

    def constant(width, num_classes, setting):
        network = torch.nn.Linear(width, num_classes)
        torch.nn.init.zeros_(network.weight)
        network.bias.data = 5.0 * torch.eye(num_classes)[setting["predicts"]]
        return network

    settings = [{"lr": 1e-12, "predicts": label} for label in range(len(table.classes))]
    share = [float(np.mean(table.y[table.split(0).validation] == s["predicts"])) for s in settings]
    for order in (settings, settings[::-1]):
        fitted = uci._best_network(table, config, constant, order)
        assert set(fitted.predicted.tolist()) == {int(np.argmax(share))}
        assert len(fitted.predicted) == len(table.split(0).test)
        assert fitted.accuracy == pytest.approx((max(share),) * 2)


def test_layers_of_the_bit_patterns_have_the_two_published_settings():
    sets, _, _ = bits.task("bits", bits.PRESETS["smoke"])
    plain, adapted = (bits.METHODS[f"hopfield{name}"](sets)[0] for name in ("", "_adapted"))
    assert (plain.heads.widths.num_heads, plain.steps.limit, plain.dropout) == (1, 1, 0.0)
    assert plain.beta() == pytest.approx(8**-0.5)
    widths = adapted.heads.widths
    assert (widths.num_heads, widths.head_dim) == (8, 8)
    assert adapted.steps.limit == 4  # three more than attention
    assert (adapted.beta(), adapted.dropout) == (0.25, 0.5)
    memory = bits.METHODS["lookup_adapted"](sets)[0]
    rows = {tuple(row.tolist()) for row in sets.flatten(0, 1)}
    assert {tuple(row.tolist()) for row in memory.stored} == rows
    assert len(memory.stored) == len(rows)
    assert memory.stored.requires_grad
    assert not memory.values.requires_grad


@needs_data
def test_bags_of_training_and_test_images_are_apart_and_labelled_by_the_target():
    config = replace(image_bags.PRESETS["smoke"], num_test=60)
    images = load("mnist")
    for part, count in (("train", 4), ("test", 60)):
        drawn = image_bags.bags_of(count, part, config)
        assert len(drawn) == count
        digits = getattr(images, part).reshape(len(getattr(images, part)), -1)
        labels = getattr(images, f"{part}_labels")
        place = {row.tobytes(): int(label) for row, label in zip(digits, labels, strict=True)}
        grey = (drawn.instances * 0.3081 + 0.1307) * 255  # standardised as is usual for MNIST
        shown = grey.round().clamp(0, 255).to(torch.uint8).flatten(2).numpy()
        for rows, mask, label in zip(shown, drawn.mask, drawn.labels, strict=True):
            found = [place[row.tobytes()] for row in rows[mask.numpy()]]
            assert (9 in found) == bool(label)


@needs_data
def test_theory_holds_in_smoke(tmp_path):
    done = evaluation.run(THEORY, preset="smoke", out=tmp_path, progress=False)
    assert not done.num_failed
    assert theory.total("violations", "sphere", done.records) == 0
    assert theory.total("separated_but_missed", "sphere", done.records) == 0
    assert theory.largest_increase(done.records) < 1e-9
    assert theory.classes_passed(done.records) == 3
    effects = [c.measure(done.records) for c in THEORY.claims if isinstance(c, Claim)]
    assert effects == [[1.0], [1.0]]
    assert len(THEORY.tables(done.records)) == 3
    for draw in THEORY.figures.values():
        draw(done.records)
