"""The experiments with dendrites: smoke runs, equal budgets, what the claims measure."""

import itertools

import numpy as np
import pytest
import torch

from neurarium import evaluation
from neurarium.evaluation import Cell, Record, Records
from neurarium.experiments import perforated_backprop as experiment
from neurarium.experiments.perforated_backprop import COMPRESSION, EXPERIMENTS, MAIN, methods
from neurarium.experiments.perforated_backprop.problem import digits, problem_of


def test_one_headline_and_all_presets():
    claims = [claim for part in EXPERIMENTS for claim in part.claims]
    assert sum(claim.headline for claim in claims) == 1
    for part in EXPERIMENTS:
        assert set(part.presets) == {"smoke", "quick", "full", "paper"}
        assert part.presets["full"].num_seeds >= 5


def test_unknown_names_are_refused_before_anything_is_computed(tmp_path):
    with pytest.raises(ValueError, match="did you mean 'mnist'"):
        evaluation.run(MAIN, preset="smoke", overrides={"datasets": ("mnits",)}, out=tmp_path)


@pytest.mark.parametrize("part", EXPERIMENTS, ids=lambda e: e.part)
def test_smoke(part, tmp_path):
    done = evaluation.run(part, preset="smoke", out=tmp_path, progress=False)
    assert not done.num_failed
    for claim in part.claims:
        assert np.all(np.isfinite(claim.measure(done.records)))
        if claim.holds is not None:
            assert claim.holds(done.records) in (True, False)
    for draw in part.figures.values():
        draw(done.records)
    assert part.tables is None or part.tables(done.records)


def counted_passes(monkeypatch):
    """How often the data were passed over by the network so far."""
    calls, once = [], methods.one_epoch

    def counted(*arguments):
        calls.append(0)
        once(*arguments)

    monkeypatch.setattr(methods, "one_epoch", counted)
    return calls


def test_everyone_gets_the_same_passes_over_the_data(monkeypatch):
    """Epochs of the network, of recording and of candidates; equal parameters where promised."""
    problem = problem_of(digits(), 200, 4, 0)
    budget = methods.Budget(3, 2, candidate_epochs=4, batch_size=64)
    assert budget.total == 3 * 3 + 2 * (1 + 4)
    calls, scores = counted_passes(monkeypatch), itertools.count()
    monkeypatch.setattr(methods, "score_of", lambda part, model: float(next(scores)))
    sizes = {}
    for name, method in methods.METHODS.items():
        calls.clear()
        torch.manual_seed(0)
        model, facts = method(problem, budget, 0.003, 0)
        sizes[name] = methods.num_parameters(model)
        assert facts["passes"] == budget.total
        learns_from_record = name in ("correlation", "unperforated")
        assert len(calls) == budget.total - 2 * 4 * learns_from_record
        assert facts.get("dendrites", 2) == 2
    assert 0.9 * sizes["correlation"] < sizes["wide"] <= sizes["correlation"]
    assert sizes["plain"] < sizes["correlation"] / 2
    assert sizes["correlation"] == sizes["random"] == sizes["gradient"] == sizes["unperforated"]


def test_a_rejected_dendrite_leaves_the_rest_of_the_budget(monkeypatch):
    """Every objective has spent the same then."""
    problem = problem_of(digits(), 200, 4, 0)
    budget = methods.Budget(3, 2, candidate_epochs=4, batch_size=64)
    calls = counted_passes(monkeypatch)
    for name in ("correlation", "gradient", "random", "unperforated"):
        scores = itertools.count(0, -1)
        monkeypatch.setattr(methods, "score_of", lambda *_, given=scores: float(next(given)))
        calls.clear()
        _, facts = methods.METHODS[name](problem, budget, 0.003, 0)
        assert facts["dendrites"] == 0
        assert facts["passes"] == 3 + 1 + 4 + 3
        assert facts["passes"] - len(calls) == (4 if name in ("correlation", "unperforated") else 0)


def test_parts_are_disjoint_and_tables_have_their_test_rows():
    problem = problem_of(digits(), 300, 4, 0)
    assert [len(part[0]) for part in (problem.train, problem.validation, problem.test)] == [
        210, 90, 300,
    ]  # fmt: skip
    seen = [{tuple(row.tolist()) for row in part[0]} for part in (problem.train, problem.test)]
    assert not seen[0] & seen[1]
    (table,) = (
        load() for name, load in MAIN.datasets(MAIN.presets["full"]).items() if "shru" in name
    )
    problem = problem_of(table, 500, 4, 1)
    assert problem.num_classes == 2
    assert problem.train[0].isfinite().all()


def run(method, dataset, seed, accuracy, width=1.0):
    cell = Cell(method=method, dataset=dataset, seed=seed, width=width)
    return Record(cell, {"accuracy": accuracy})


def test_claims_are_measured_by_dataset_and_by_seed():
    records = Records(
        [
            run(method, dataset, seed, base + gain * won + 0.001 * seed)
            for dataset, gain in (("a", 0.1), ("b", 0.1), ("c", -0.1))
            for seed in range(3)
            for method, base, won in (("correlation", 0.5, 1), ("plain", 0.5, 0), ("wide", 0.51, 0))
        ]
    )
    assert experiment.gained_over("plain", records) == pytest.approx([0.1, 0.1, -0.1])
    assert experiment.two_of_three(records)
    assert not experiment.two_of_three(records.where(dataset=("b", "c")))
    narrow = Records(
        [
            run("plain", "a", 0, 0.9),
            run("plain", "a", 0, 0.7, 0.5),
            run("correlation", "a", 0, 0.95),
            run("correlation", "a", 0, 0.85, 0.5),
        ]
    )
    assert experiment.narrow_with_dendrites(narrow) == pytest.approx([-0.05])
    assert COMPRESSION.presets["full"].widths[:2] == (1.0, 0.5)
