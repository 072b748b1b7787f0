"""The dense-memory experiments: claims on records one knows, damages, smoke runs."""

import math
import os

import matplotlib as mpl
import numpy as np
import pytest
import torch

from neurarium import evaluation
from neurarium.data import Images
from neurarium.evaluation import Cell, Claim, Record, Records
from neurarium.experiments.dense_rsb import (
    DIGITS,
    EXPERIMENTS,
    SIMULATION,
    THEORY,
    digits,
    simulation,
    theory,
)

mpl.use("Agg")
needs_data = pytest.mark.skipif(
    "NEURARIUM_DATA" not in os.environ, reason="NEURARIUM_DATA names no folder with MNIST"
)


def test_parts_and_their_single_headline():
    assert [part.part for part in EXPERIMENTS] == ["simulation", "theory", "digits"]
    claims = [claim for part in EXPERIMENTS for claim in part.claims]
    assert sum(isinstance(claim, Claim) and claim.headline for claim in claims) == 1
    for part in EXPERIMENTS:
        assert set(part.presets) == {"smoke", "quick", "full", "paper"}
    assert SIMULATION.presets["full"].num_seeds >= 5


def test_unknown_data_is_refused_before_anything_is_computed(tmp_path):
    with pytest.raises(ValueError, match="did you mean 'mnist'"):
        evaluation.run(DIGITS, preset="smoke", overrides={"datasets": ("mnits",)}, out=tmp_path)


def sample(gap, *, method="distinct", seed=0, num_units=128, beta="inf", share=0.4, stable=1.0):
    cell = Cell(method=method, seed=seed, num_units=num_units, beta=beta, share=share)
    return Record(cell, {"gap": gap, "overlap": 0.9 + gap, "stable": stable})


def test_the_headline_is_the_worst_stable_point_below_capacity_of_the_largest_size():
    records = Records(
        [
            sample(0.01),
            sample(-0.015, share=0.8),
            sample(0.3, share=0.9),
            sample(0.4, num_units=64),
            sample(-0.5, beta="3", stable=0.0),
            sample(0.6, method="power"),
            sample(0.002, method="matched", beta="3"),
            sample(-0.005, seed=1),
        ]
    )
    assert simulation.largest_gap("distinct", 1.0, records) == pytest.approx([0.015, 0.005])
    assert simulation.largest_gap("distinct", 0.0, records) == pytest.approx([0.5, 0.005])
    assert simulation.largest_gap("matched", 1.0, records) == pytest.approx([0.002])


def test_energies_are_compared_point_by_point_and_sizes_where_stable():
    records = Records(
        [
            sample(0.01),
            sample(-0.02, method="power"),
            sample(0.0, share=0.6),
            sample(0.005, share=0.6, method="power"),
            sample(0.1, num_units=48),
            sample(0.3, num_units=48, share=0.6, stable=0.0),
        ]
    )
    assert simulation.between_energies(records) == pytest.approx([0.03])
    assert simulation.closing_in(records) == pytest.approx([0.1 - 0.005])


def test_simulation_in_smoke(tmp_path):
    done = evaluation.run(SIMULATION, preset="smoke", out=tmp_path, progress=False)
    assert not done.num_failed
    found = done.records.values("overlap", "method", "num_units", "beta", "share")
    cold = [found[method, 32, "inf", 0.4] for method in ("distinct", "power", "matched")]
    assert min(cold) > 0.98
    counts = done.records.values("num_patterns", "method", "num_units", "beta", "share")
    noise = 0.4 * 0.19786012
    assert counts["distinct", 32, "inf", 0.4] == round(noise * 32**3 / 6)
    assert counts["power", 32, "inf", 0.4] == round(noise * 32**3 / 15)
    assert counts["matched", 32, "inf", 0.4] == round(noise * 31 * 30 * 29 / 6)
    (table,) = SIMULATION.tables(done.records)
    assert len(table.rows) == 6
    for draw in SIMULATION.figures.values():
        draw(done.records)


def test_theory_in_smoke(tmp_path):
    done = evaluation.run(THEORY, preset="smoke", out=tmp_path, progress=False)
    assert not done.num_failed
    assert theory.of_degree("symmetric", 4, done.records) == pytest.approx(0.19786012, abs=1e-8)
    assert theory.of_degree("transition", 4, done.records) == pytest.approx(0.190287, abs=1e-6)
    assert math.isnan(theory.of_degree("symmetric", 6, done.records))
    assert theory.raised(done.records)[0] == pytest.approx(math.log(0.22917 / 0.19786), abs=1e-3)
    assert theory.in_all_degrees(done.records)
    assert len(THEORY.tables(done.records)[0].rows) == 1
    for draw in THEORY.figures.values():
        draw(done.records)


def images(seed=0):
    draw = np.random.default_rng(seed)
    pixels = draw.integers(0, 255, (120, 8, 8)).astype(np.uint8)
    labels = np.arange(120) % 4
    return Images("mine", pixels, labels, pixels, labels, tuple("abcd"))


def test_cues_are_damaged_copies_of_binarised_images():
    torch.manual_seed(0)
    config = digits.PRESETS["smoke"]
    problem = digits.problem_of(images(), 30, config)
    assert problem.patterns.shape == (30, 64)
    assert problem.patterns.abs().eq(1).all()
    wrong = (problem.cues != problem.patterns[:5]).sum(-1)
    assert wrong.tolist() == [round(0.2 * 64)] * 5
    for method in ("exponential", "nearest"):
        assert torch.equal(digits.METHODS[method](problem), problem.patterns[:5]), method


@needs_data
def test_digits_run_with_images_of_the_users(tmp_path):
    done = evaluation.run(
        DIGITS, preset="smoke", datasets={"mine": images()}, out=tmp_path, progress=False
    )
    assert not done.num_failed
    assert len(done.records) == 2 * len(digits.METHODS)
    assert done.records.where(dataset="mine", method="nearest").values("exact", "count") == {50: 1}
    assert len(digits.gained("dense_4", "hopfield", done.records.where(dataset="mnist"))) == 1
    assert len(DIGITS.tables(done.records)) == 2
    for draw in DIGITS.figures.values():
        draw(done.records.where(dataset="mnist"))
