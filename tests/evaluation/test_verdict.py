"""The rule by which claims are judged, held to simulations in which nothing is true."""

import math

import numpy as np
import pytest

from neurarium.evaluation import Cell, Claim, Exact, Record, Records, interval, judge
from neurarium.evaluation.judged import verdicts_on
from neurarium.evaluation.verdict import judge_exact

SAID = ("reproduced", "direction holds")
DRAWS = 4000


def share_claimed(draws: np.ndarray, **rule) -> float:
    """Percent of simulated experiments in which the rule claims something."""
    return 100 * np.mean([judge(list(effects), **rule).outcome in SAID for effects in draws])


@pytest.mark.parametrize("n", [3, 5, 21])
@pytest.mark.parametrize("law", ["normal", "heavy tails", "accuracies"])
def test_nothing_is_claimed_of_symmetric_nulls(n, law):
    rng = np.random.default_rng(n)
    draws = {
        "normal": lambda: rng.normal(size=(DRAWS, n)),
        "heavy tails": lambda: rng.standard_t(3, size=(DRAWS, n)),
        "accuracies": lambda: (
            (rng.binomial(50, 0.8, (DRAWS, n)) - rng.binomial(50, 0.8, (DRAWS, n))) / 50
        ),
    }[law]()
    assert share_claimed(draws) <= 5


@pytest.mark.parametrize("n", [5, 21])
@pytest.mark.parametrize("num_methods", [4, 10])
def test_no_rank_is_claimed_of_equal_methods(n, num_methods):
    rng = np.random.default_rng(n * num_methods)
    ranks = rng.random((DRAWS, n, num_methods)).argsort(-1).argsort(-1) + 1.0
    assert share_claimed((num_methods + 1) / 2 - ranks[..., 0]) <= 5  # against the middle rank
    assert share_claimed(ranks[..., 1] - ranks[..., 0]) <= 5  # against a rival named beforehand


@pytest.mark.parametrize("n", [3, 5, 21])
def test_equivalence_is_not_claimed_at_the_margin(n):
    rng = np.random.default_rng(n)
    draws = 1.0 + rng.normal(size=(DRAWS, n)) * 0.3
    assert share_claimed(draws, side=(-1.0, 1.0)) <= 5


@pytest.mark.parametrize(("num_datasets", "num_seeds"), [(3, 3), (3, 5), (4, 5)])
def test_clustered_effects_need_datasets_as_units(num_datasets, num_seeds):
    rng = np.random.default_rng(num_datasets)
    per_dataset = rng.normal(size=(DRAWS, num_datasets, 1))
    cells = per_dataset + 0.5 * rng.normal(size=(DRAWS, num_datasets, num_seeds))
    assert share_claimed(cells.mean(2)) <= 5
    assert share_claimed(cells.mean(1)) > 10  # what seeds as units would do


@pytest.mark.parametrize("n", [3, 5, 10, 21])
def test_overlapping_splits_need_the_corrected_variance(n):
    rng = np.random.default_rng(n)
    shared = rng.normal(size=(DRAWS, 1)) * np.sqrt(0.25)
    draws = shared + rng.normal(size=(DRAWS, n)) * np.sqrt(0.75)
    assert share_claimed(draws, overlap=1 / 3) <= 5
    if n >= 10:
        assert share_claimed(draws) > 10


def test_the_correction_is_nadeau_and_bengios():
    effects = [0.1, 0.4, 0.2, 0.7]
    plain, corrected = interval(effects), interval(effects, overlap=0.25)
    ratio = (corrected.high - corrected.low) / (plain.high - plain.low)
    assert ratio == pytest.approx(math.sqrt(1 + 4 * 0.25))


def test_interval_is_students():
    effects = np.random.default_rng(0).normal(size=7)
    from scipy import stats

    expected = stats.t.interval(0.95, 6, effects.mean(), stats.sem(effects))
    found = interval(list(effects))
    assert (found.low, found.high) == pytest.approx(expected)


@pytest.mark.parametrize("effects", [[], [1.0], [1.0, 2.0], [0.5] * 8, [1.0, math.nan, 2.0]])
def test_no_interval(effects):
    found = interval(effects)
    assert (found.low, found.high, found.n) == (None, None, len(effects))
    assert judge(effects).outcome == "inconclusive"


GOOD = [0.8, 1.0, 1.2, 0.9, 1.1]


@pytest.mark.parametrize(
    ("effects", "rule", "outcome"),
    [
        (GOOD, {}, "reproduced"),
        (GOOD, {"holds": False}, "direction holds"),
        (GOOD[:4], {}, "direction holds"),
        (GOOD, {"smallest": 0.5}, "reproduced"),
        (GOOD, {"smallest": 1.0}, "reproduced"),  # the interval reaches above it
        (GOOD, {"smallest": 2.0}, "not reproduced"),
        ([-x for x in GOOD], {}, "not reproduced"),
        ([-x for x in GOOD[:3]], {}, "not reproduced"),
        (GOOD, {"side": (-2.0, 2.0)}, "reproduced"),
        (GOOD, {"side": (-1.0, 1.0)}, "inconclusive"),
        (GOOD, {"side": (-0.5, 0.5)}, "not reproduced"),
        (GOOD, {"side": (-0.5, math.inf)}, "reproduced"),
        ([-1.0, 1.0, 2.0, -2.0, 0.5], {}, "inconclusive"),
        (GOOD[:2], {}, "inconclusive"),
    ],
)
def test_every_outcome(effects, rule, outcome):
    verdict = judge(effects, **rule)
    assert verdict.outcome == outcome
    assert verdict.reason


def test_exact():
    assert judge_exact(0.1379, value=0.138, tolerance=1e-3).outcome == "reproduced"
    assert judge_exact(0.1379, value=0.183, tolerance=1e-3).outcome == "not reproduced"
    assert judge_exact(math.nan, value=0.138, tolerance=1e-3).outcome == "inconclusive"


class Declared:
    """As much of an experiment as verdicts look at."""

    def __init__(self, *claims):
        self.claims = claims


def records(num_seeds=5, cpu=1.0, failed=0):
    made = [
        Record(Cell(method=m, seed=s), {"x": s / 10 + (m == "a")}, wall_seconds=1.0, cpu_seconds=c)
        for s in range(num_seeds)
        for m, c in (("a", 1.0), ("b", cpu))
    ]
    lost = [Record(Cell(method="c", seed=s), error="ValueError") for s in range(failed)]
    return Records(made + lost)


def seeds_of_a(found):
    return list(found.where(method="a").values("x", "seed").values())


def outcome(claim, found, preset="full"):
    (verdict,) = verdicts_on(Declared(claim), found, preset)
    assert verdict.statement == "s"
    return verdict.outcome


def test_verdicts_of_records():
    claim = Claim("s", "Table 1", seeds_of_a)
    assert outcome(claim, records()) == "reproduced"
    assert outcome(claim, records(), "paper") == "reproduced"
    assert outcome(claim, records(), "quick") is None
    assert outcome(claim, records(failed=1)) == "incomplete"
    assert (
        outcome(Claim("s", "", seeds_of_a, holds=lambda r: False), records()) == "direction holds"
    )
    needs = Claim("s", "", seeds_of_a, scale="paper")
    assert outcome(needs, records()) == "needs scale"
    assert outcome(needs, records(), "paper") == "reproduced"


def test_times_are_refused_where_a_method_did_not_have_the_processor():
    claim = Claim("s", "", seeds_of_a, timed=True)
    assert outcome(claim, records(cpu=0.95)) == "reproduced"
    assert outcome(claim, records(cpu=0.52)) == "inconclusive"


def test_a_measure_that_raises_is_an_error_unless_cells_failed():
    claim = Claim("s", "", lambda found: found.where(method="a").values("missing", "seed"))
    with pytest.raises(ValueError, match="metric must be one of x: got 'missing'"):
        outcome(claim, records())
    assert outcome(claim, records(failed=1)) == "incomplete"


def test_exact_claims_of_records():
    def mean(found):
        return found.where(method="a").values("x")[()]

    assert outcome(Exact("s", "eq. 3", mean, value=1.2, tolerance=1e-9), records()) == "reproduced"
    wrong = Exact("s", "eq. 3", mean, value=2.1, tolerance=1e-9)
    assert outcome(wrong, records()) == "not reproduced"
    assert outcome(wrong, records(failed=1)) == "incomplete"


def test_declaration_errors():
    with pytest.raises(ValueError, match="side must be"):
        Claim("s", "", seeds_of_a, side=(1.0, -1.0))
    with pytest.raises(ValueError, match="scale must be"):
        Claim("s", "", seeds_of_a, scale="huge")
