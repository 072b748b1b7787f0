"""Paired effects and ranks: the unit rule, ties, what must not be compared."""

import math

import pytest

from neurarium.evaluation import Cell, Record, Records, paired, rank_effects, rank_table


def records(values: dict) -> Records:
    """{(method, dataset, split, seed): value}; None leaves an axis out."""
    names = ("method", "dataset", "split", "seed")
    return Records(
        Record(
            Cell(**{n: a for n, a in zip(names, axes, strict=True) if a is not None}), {"x": value}
        )
        for axes, value in values.items()
    )


def test_datasets_are_the_units_where_there_are_two():
    made = records(
        {
            (m, d, None, s): (m == "a") * (d == "d1") + s * 0.1
            for m in ("a", "b") for d in ("d0", "d1") for s in range(3)
        }
    )  # fmt: skip
    assert paired(made, "x", "a", "b") == pytest.approx([0.0, 1.0])
    assert paired(made.where(dataset="d1"), "x", "a", "b") == pytest.approx([1.0] * 3)
    assert len(paired(made, "x", "a", "b", unit="seed")) == 3


def test_splits_come_before_seeds():
    made = records(
        {(m, "d", p, s): p + 5 * (m == "a") for m in ("a", "b") for p in range(4) for s in range(3)}
    )
    assert paired(made, "x", "a", "b") == pytest.approx([5.0] * 4)


def test_a_rival_without_seeds_meets_every_seed():
    made = records(
        {**{("a", None, None, s): float(s) for s in range(3)}, ("b", None, None, None): 1.0}
    )
    assert paired(made, "x", "a", "b") == [-1.0, 0.0, 1.0]


def test_logarithms_are_averaged_not_the_values():
    made = records({(m, d, None, s): {"a": 10.0**s, "b": 1.0}[m]
                    for m in ("a", "b") for d in ("d0", "d1") for s in range(3)})  # fmt: skip
    assert paired(made, "x", "a", "b", log=True) == pytest.approx([math.log(10.0)] * 2)


def test_seconds_are_a_metric():
    made = Records(
        Record(Cell(method=m, seed=s), wall_seconds=t, stages={"tuned": t})
        for m, t in (("a", 1.0), ("b", 2.0))
        for s in range(2)
    )
    assert paired(made, "seconds", "a", "b", log=True) == pytest.approx([-math.log(2)] * 2)


def test_what_cannot_be_paired():
    made = records(
        {("a", "d0", None, 0): 1.0, ("a", "d1", None, 0): 1.0, ("b", "d0", None, 0): 1.0}
    )
    with pytest.raises(ValueError, match="must be run on the same datasets: got only one on d1"):
        paired(made, "x", "a", "b")
    with pytest.raises(ValueError, match="records must have cells of method 'c': got none"):
        paired(made, "x", "a", "c")
    with pytest.raises(ValueError, match="records must have an axis of dataset, split, seed"):
        paired(records({("a", None, None, None): 1.0}), "x", "a", "a")


def ranked() -> Records:
    table = {
        "d0": [0.9, 0.8, 0.8, 0.1],
        "d1": [0.5, 0.5, 0.5, 0.5],
        "d2": [0.1, 0.9, 0.5, math.nan],
    }
    return records({(m, d, None, None): table[d][i] for d in table for i, m in enumerate("abcd")})


def test_ties_share_their_average_rank_and_nan_is_last():
    assert rank_table(ranked(), "x") == {
        "d0": {"a": 1.0, "b": 2.5, "c": 2.5, "d": 4.0},
        "d1": dict.fromkeys("abcd", 2.5),
        "d2": {"a": 3.0, "b": 1.0, "c": 2.0, "d": 4.0},
    }
    assert rank_table(ranked(), "x", higher_is_better=False)["d0"] == {
        "a": 4.0, "b": 2.5, "c": 2.5, "d": 1.0,
    }  # fmt: skip
    from scipy.stats import rankdata

    values = [3.0, 1.0, 1.0, 2.0, 1.0, 5.0]
    made = records({(str(i), "d", None, None): v for i, v in enumerate(values)})
    assert list(rank_table(made, "x")["d"].values()) == list(rankdata([-v for v in values]))


def test_rank_effects_are_against_a_named_rival_or_the_middle():
    assert rank_effects(ranked(), "x", "a") == [1.5, 0.0, -0.5]
    assert rank_effects(ranked(), "x", "a", "b") == [1.5, 0.0, -2.0]
    assert rank_effects(ranked(), "x", "d", "a", higher_is_better=False)[0] == 3.0


def test_seeds_are_averaged_before_ranking():
    made = records({("a", "d0", None, 0): 1.0, ("a", "d0", None, 1): 0.0,
                    ("b", "d0", None, 0): 0.6, ("b", "d0", None, 1): 0.6,
                    ("a", "d1", None, 0): 1.0, ("b", "d1", None, 0): 0.0})  # fmt: skip
    assert rank_table(made, "x")["d0"] == {"a": 2.0, "b": 1.0}
