"""What the paper claims, and the effects by which it is judged; thresholds are fixed beforehand."""

from __future__ import annotations

import statistics
from functools import partial
from importlib.util import find_spec

from neurarium.evaluation import Claim
from neurarium.evaluation.ranks import rank_effects, rank_table
from neurarium.evaluation.records import Records

from .config import MEDIUM

RIVALS = {
    "svc": ("SVM", 9.5),
    "logistic": ("logistic regression", 10.0),
    "random_forest": ("random forests", 11.0),
    "xgboost": ("XGBoost", 12.0),
    "catboost": ("CatBoost", 14.0),
    "lightgbm": ("LightGBM", 14.5),
    "knn": ("nearest neighbours", 24.0),
}
"""Method → its name and median rank in the paper's Table 1, where Hopular has 7.5."""


def small_sets(records: Records) -> Records:
    """Cells of all but the medium sets."""
    return Records(record for record in records.ok if record.cell.dataset not in MEDIUM)


def medium_sets(records: Records) -> Records:
    """Cells of the medium sets, regression named as classification is."""
    return Records(record for record in records.ok if record.cell.dataset in MEDIUM)


def ranks_gained(records: Records, rival: str | None = None) -> list[float]:
    """By how many ranks Hopular is better than a rival, or than the middle rank, on each set."""
    if rival is not None and rival not in records.axis("method"):
        return []  # smaller presets leave slow rivals out
    return rank_effects(small_sets(records), "score", "hopular", rival)


def ranks_gained_on_medium(records: Records) -> list[float]:
    """The same on the medium sets; none were run but in ``paper``."""
    chosen = medium_sets(records)
    return rank_effects(chosen, "score", "hopular") if chosen else []


def median_ranks(records: Records) -> dict[str, float]:
    """Method → median over datasets of its rank on each."""
    ranks = rank_table(records, "score", unit="dataset")
    methods = dict.fromkeys(name for row in ranks.values() for name in row)
    return {m: statistics.median(row[m] for row in ranks.values() if m in row) for m in methods}


def has_lowest_median_rank(records: Records) -> bool:
    """Whether no other method's median rank is as low."""
    return _is_lowest(median_ranks(small_sets(records)))


def has_lowest_median_rank_on_medium(records: Records) -> bool:
    """The same on the medium sets."""
    chosen = medium_sets(records)
    return bool(chosen) and _is_lowest(median_ranks(chosen))


def _is_lowest(ranks: dict[str, float]) -> bool:
    others = [rank for name, rank in ranks.items() if name != "hopular"]
    return bool(others) and ranks["hopular"] < min(others)


def has_lower_median_rank(rival: str, records: Records) -> bool:
    """Whether Hopular's median rank is lower than the rival's."""
    ranks = median_ranks(small_sets(records))
    return rival in ranks and ranks["hopular"] < ranks[rival]


HEADLINE = Claim(
    "Hopular has the lowest median rank of test accuracy among all methods on 21 small tables",
    "Table 1",
    ranks_gained,
    holds=has_lowest_median_rank,
    headline=True,
    paper_value="median rank 7.5 of 29 method groups, next SVM with 9.5",
)
ON_MEDIUM = Claim(
    "Hopular has the lowest median rank on six medium tables",
    "Table 2",
    ranks_gained_on_medium,
    holds=has_lowest_median_rank_on_medium,
    paper_value="median rank 1.5, next LightGBM with 2",
    scale="paper",
)
AGAINST_RIVALS = tuple(
    Claim(
        f"Hopular ranks better than {name} on small tables",
        "Table 1",
        partial(ranks_gained, rival=rival),
        holds=partial(has_lower_median_rank, rival),
        paper_value=f"median rank 7.5 against {rank}",
    )
    for rival, (name, rank) in RIVALS.items()
    if rival not in ("xgboost", "catboost") or find_spec(rival)
)
CLAIMS = (HEADLINE, *AGAINST_RIVALS, ON_MEDIUM)
