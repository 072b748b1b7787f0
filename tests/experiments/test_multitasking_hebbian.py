"""The multitasking experiments: claims on records one knows, problems without leaks, smoke runs."""

import math
import os
from dataclasses import replace
from types import SimpleNamespace

import matplotlib as mpl
import numpy as np
import pytest
import torch

from neurarium import evaluation
from neurarium.data import Images
from neurarium.evaluation import Cell, Claim, Record, Records
from neurarium.experiments.multitasking_hebbian import (
    DIGITS,
    EXPERIMENTS,
    LEARNING,
    PHASES,
    digits,
    learning,
    phases,
)
from neurarium.experiments.multitasking_hebbian.simulation import (
    largest_difference,
    predicted_jump,
    predicted_stray,
    settled_overlaps,
)
from neurarium.memory import MultitaskingHopfield, random_patterns
from neurarium.memory.theory import critical_dilution, multitasking_solve

mpl.use("Agg")
needs_data = pytest.mark.skipif(
    "NEURARIUM_DATA" not in os.environ, reason="NEURARIUM_DATA names no folder with MNIST"
)


def test_parts_and_their_single_headline():
    assert [part.part for part in EXPERIMENTS] == ["phases", "learning", "digits"]
    claims = [claim for part in EXPERIMENTS for claim in part.claims]
    assert sum(isinstance(claim, Claim) and claim.headline for claim in claims) == 1
    for part in EXPERIMENTS:
        assert set(part.presets) == {"smoke", "quick", "full", "paper"}
        assert part.presets["full"].num_seeds >= 5


@pytest.mark.parametrize(
    ("experiment", "overrides", "message"),
    [
        (DIGITS, {"datasets": ("mnits",)}, "did you mean 'mnist'"),
        (LEARNING, {"tasks": ("double",)}, "tasks must be among single, hierarchical, parallel"),
    ],
)
def test_unknown_names_are_refused_before_anything_is_computed(
    experiment, overrides, message, tmp_path
):
    with pytest.raises(ValueError, match=message):
        evaluation.run(experiment, preset="smoke", overrides=overrides, out=tmp_path)


def monte_carlo(dilution, found, expected, *, seed=0, away=1.0, phase="hierarchical", warmth=0.02):
    gap = float(np.abs(np.subtract(found, expected)).max())
    metrics = {"gap": gap, "away": away, "phase": float(phases.PHASES_OF.index(phase))}
    cell = Cell(
        method="monte_carlo", seed=seed, num_patterns=3, dilution=dilution, temperature=warmth
    )
    return Record(cell, metrics, curves={"overlaps": list(found), "theory": list(expected)})


def test_the_headline_is_the_worst_pattern_and_point_away_from_transitions():
    records = Records(
        [
            monte_carlo(0.4, [0.6, 0.25, 0.1], [0.6, 0.24, 0.1]),
            monte_carlo(0.4, [0.6, 0.26, 0.1], [0.6, 0.24, 0.1], warmth=0.4),
            monte_carlo(0.4, [0.6, 0.9, 0.1], [0.6, 0.24, 0.1], warmth=0.6, away=0.0),
            monte_carlo(0.4, [0.6, 0.24, 0.105], [0.6, 0.24, 0.1], seed=1),
        ]
    )
    assert phases.largest("gap", "away", records) == pytest.approx([0.02, 0.005])


def test_both_regimes_must_be_seen_in_theory_and_samples():
    hierarchy = monte_carlo(0.4, [0.6, 0.24, 0.1], [0.6, 0.24, 0.1])
    alike = monte_carlo(0.8, [0.16, 0.16, 0.165], [0.16] * 3, phase="parallel")
    unequal = monte_carlo(0.8, [0.19, 0.16, 0.1], [0.16] * 3, phase="parallel")
    lone = monte_carlo(0.4, [0.6, 0.24, 0.001], [0.6, 0.24, 0.1])
    assert phases.both_regimes_are_seen(Records([hierarchy, alike]))
    for records in ([hierarchy], [alike], [hierarchy, unequal], [lone, alike]):
        assert not phases.both_regimes_are_seen(Records(records))


def test_power_law_and_closing_up_look_at_the_coldest_points():
    records = Records(
        [
            monte_carlo(0.0, [1.0, 0.0, 0.0], [1.0, 0.0, 0.0]),
            monte_carlo(0.4, [0.6, 0.6 * 0.43, 0.1], [0.6, 0.24, 0.1]),
            monte_carlo(0.5, [0.5, 0.25, 0.12], [0.5, 0.25, 0.125]),
            monte_carlo(0.8, [0.2, 0.16, 0.1], [0.2, 0.16, 0.1]),
            monte_carlo(0.95, [0.05, 0.05, 0.045], [0.05, 0.05, 0.045]),
            monte_carlo(0.4, [0.6, 0.0, 0.0], [0.6, 0.0, 0.0], warmth=0.8),
        ]
    )
    assert phases.power_law(records) == pytest.approx([0.015])
    assert phases.closing_up(records) == pytest.approx([0.5 - 0.1])


def test_phases_in_smoke(tmp_path):
    done = evaluation.run(PHASES, preset="smoke", out=tmp_path, progress=False)
    assert not done.num_failed
    headline = next(c for c in PHASES.claims if isinstance(c, Claim) and c.headline)
    assert headline.measure(done.records)[0] < 0.03
    for k in (3, 5):
        assert phases.threshold("local", k, done.records) == pytest.approx(
            critical_dilution(k), abs=1e-6
        )
    assert phases.threshold("lowest", 3, done.records) == pytest.approx(0.5469182, abs=1e-6)
    assert phases.threshold("switch", 3, done.records) == pytest.approx(2 / 3, abs=1e-3)
    assert phases.identity_gap(done.records) < 1e-12
    overlaps, thresholds = PHASES.tables(done.records)
    assert len(overlaps.rows) == 6
    assert "4 of 6 points are compared" in overlaps.note
    assert len(thresholds.rows) == 2
    for draw in PHASES.figures.values():
        draw(done.records)


def test_samples_stray_more_where_the_theory_is_soft():
    assert predicted_stray(0.0, 0.5, 5000) == pytest.approx(0.01)
    assert predicted_stray(0.9, 0.5, 5000) == pytest.approx(0.1)
    assert predicted_stray(1.0, 0.5, 5000) > 1e3
    assert largest_difference([0.1, 0.5, 0.3], [0.52, 0.29, 0.1]) == pytest.approx(0.02)
    assert largest_difference([0.4, 0.4], [0.5, 0.3]) == pytest.approx(0.1)
    patterns = random_patterns(2, 4000, dilution=0.3, generator=torch.Generator().manual_seed(0))
    memory = MultitaskingHopfield(4000)
    memory.store(patterns)
    torch.manual_seed(0)
    found = settled_overlaps(memory, patterns, 0.02, SimpleNamespace(num_chains=2, num_sweeps=5))
    assert found == pytest.approx([0.7, 0.21], abs=0.04)


def test_samples_may_jump_where_a_solution_has_just_ended():
    def jump(dilution, temperature, num_units):
        beta = 1 / (temperature * (1 - dilution))
        return predicted_jump(multitasking_solve(3, dilution, beta), beta, num_units)

    assert jump(0.6, 0.02, 300_000) == pytest.approx(0.032, abs=2e-3)  # the hierarchy's end
    assert jump(0.6, 0.02, 10**9) < 1e-3  # for large samples it is over
    for dilution in (0.0, 0.4, 0.5, 0.8):
        assert jump(dilution, 0.02, 300_000) < 1e-3


def learned(method, quality, entropy, overlaps, *, num_units=2000, softness=0.1, expected=0.9):
    cell = Cell(
        method=method, seed=0, task="single", quality=quality, entropy=entropy, num_units=num_units
    )
    rest = abs(overlaps - expected)
    metrics = {
        "overlap": overlaps, "gap": rest, "num_examples": (1 - quality**2) / quality**2 / entropy,
        "softness": softness, "stray": 0.001,
    }  # fmt: skip
    return Record(cell, metrics, curves={"overlaps": [overlaps], "theory": [expected]})


def test_claims_about_learning_look_at_enough_examples_away_from_transitions():
    records = Records(
        [
            learned("supervised", 0.3, 0.1, 0.90),
            learned("unsupervised", 0.3, 0.1, 0.91),
            learned("supervised", 0.3, 0.2, 0.5, softness=0.9),
            learned("unsupervised", 0.3, 0.2, 0.9, softness=0.9),
            learned("supervised", 0.6, 0.1, 0.2),  # 18 examples
            learned("unsupervised", 0.6, 0.1, 0.9),
            *(learned(m, 0.3, 0.1, 0.93, num_units=20_000) for m in learning.METHODS),
            *(learned(m, 0.2, 0.1, 0.92, num_units=20_000) for m in learning.METHODS),
            *(learned(m, 0.2, 1.0, 0.68, num_units=20_000) for m in learning.METHODS),
        ]
    )
    assert learning.teacher(records) == pytest.approx([0.01])
    assert learning.largest_gap(records) == pytest.approx([0.22])
    assert learning.collapse(records) == pytest.approx([0.01])
    assert learning.enough_examples(records) == pytest.approx([0.68 - math.erf(2**-0.5)])


def test_both_rules_learn_the_same_examples_and_a_users_rule_joins_them(tmp_path):
    seen = []

    def spy(memory, examples, patterns, quality):
        seen.append((examples, patterns))
        learning.supervised(memory, examples, patterns, quality)

    overrides = {"tasks": ("parallel",), "entropies": (0.05,), "sizes": (2000,)}
    done = evaluation.run(
        LEARNING, preset="smoke", methods={"mine": spy}, overrides=overrides, out=tmp_path,
        progress=False,
    )  # fmt: skip
    assert not done.num_failed
    assert [len(examples[0]) for examples, _ in seen] == [105, 36]  # (1 − r²)/(r² ρ)
    for examples, patterns in seen:
        assert torch.equal(examples != 0, (patterns != 0)[:, None].expand_as(examples))
    found = done.records.curves("overlaps", "method", "quality")
    for quality in (0.4, 0.6):
        assert np.array_equal(found["mine", quality], found["supervised", quality])  # same data
        assert found["unsupervised", quality] == pytest.approx(
            found["supervised", quality], abs=0.02
        )
    assert [row[0] for row in LEARNING.tables(done.records)[0].rows] == ["parallel, 0.05"]
    for draw in LEARNING.figures.values():
        draw(done.records)


def images(seed=0):
    """Four classes of 8 × 8 pixels; test images are brighter, to be told from training images."""
    draw = np.random.default_rng(seed)
    prototypes = draw.integers(0, 200, (4, 8, 8))

    def drawn(labels, shift):
        noise = draw.integers(0, 30, (len(labels), 8, 8))
        return (prototypes[labels] + noise + shift).astype(np.uint8)

    labels = np.repeat(np.arange(4), 30)
    return Images("mine", drawn(labels, 0), labels, drawn(labels, 20), labels, tuple("abcd"))


@pytest.mark.parametrize("dilution", [0.0, 0.5, 0.75])
def test_archetypes_of_images_are_diluted_and_examples_blank_where_they_are(dilution):
    config = replace(digits.PRESETS["smoke"], num_examples=15, num_cues=6)
    torch.manual_seed(0)
    problem, classes = digits.problem_of(images(), 3, dilution, config)
    assert len(classes.unique()) == 3
    assert (problem.patterns != 0).sum(-1).tolist() == [round((1 - dilution) * 64)] * 3
    assert problem.examples.shape == (3, 15, 64)
    assert torch.equal(problem.examples != 0, (problem.patterns != 0)[:, None].expand(3, 15, 64))
    kept = problem.patterns != 0
    assert torch.equal(problem.patterns[kept], problem.undiluted[kept])
    assert set(problem.cues.unique().tolist()) == {-1.0, 1.0}
    assert problem.cues.shape == (6, 64)
    majority = problem.examples.sum(1)
    strong = majority.abs() > 12
    assert torch.equal(majority[strong].sign(), problem.patterns[strong])
    torch.manual_seed(0)
    looked_away = replace(images(), test=np.zeros_like(images().test))
    again, _ = digits.problem_of(looked_away, 3, dilution, config)
    assert torch.equal(again.examples, problem.examples)  # nothing is learned from test images
    assert not torch.equal(again.cues, problem.cues)


def test_agreement_is_one_for_the_archetype_and_its_negative():
    config = digits.PRESETS["smoke"]
    cell = Cell(method="mine", seed=0, num_patterns=3, dilution=0.9, dataset="mine")

    def scored(method):
        torch.manual_seed(0)
        context = SimpleNamespace(data=images(), method=method)
        return digits.run_cell(cell, config, context).metrics

    for sign in (1, -1):
        exact = scored(
            lambda p, s=sign: torch.where(p.patterns[:1] == 0, p.cues, s * p.patterns[:1])
        )
        assert exact["best"] == pytest.approx(1)
        assert exact["weakest"] < 1
    assert scored(digits.stored)["weakest"] > scored(digits.cue)["weakest"] - 0.2


def test_without_dilution_storing_is_hopfields_network():
    torch.manual_seed(0)
    problem, _ = digits.problem_of(images(), 3, 0.0, digits.PRESETS["smoke"])
    torch.manual_seed(1)
    ours = digits.METHODS["stored"](problem)
    torch.manual_seed(1)
    assert torch.equal(ours, digits.METHODS["hebbian"](problem))


@needs_data
def test_digits_run_with_images_of_the_users(tmp_path):
    done = evaluation.run(
        DIGITS, preset="smoke", datasets={"mine": images()}, out=tmp_path, progress=False
    )
    assert not done.num_failed
    assert done.records.axis("dataset") == ("mnist", "mine")
    assert len(done.records) == 2 * len(digits.METHODS)
    assert len(digits.gained_over("hebbian", done.records)) == 1  # a seed
    assert len(DIGITS.tables(done.records)) == 2
    for draw in DIGITS.figures.values():
        draw(done.records.where(dataset="mnist"))
