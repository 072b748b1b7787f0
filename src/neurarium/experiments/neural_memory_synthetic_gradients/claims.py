"""What the paper claims, and the effects by which it is judged; thresholds are fixed beforehand."""

from __future__ import annotations

import math
import statistics
from functools import partial

from neurarium.evaluation import Claim, Exact, Records, paired

from .methods import OURS

COSINE = 0.3
"""Below this between prediction and target, synthetic gradients cannot be expected to help."""

EQUAL = 0.05
"""A difference of error rates below this counts as an equal average in the test of a rare class."""


def gained_over(rival: str, budget: str, dataset: str, records: Records) -> list[float]:
    """Log of a rival's error minus that of ours, by seed."""
    chosen = records.ok.where(dataset=dataset)
    if not chosen:
        return []
    ours = chosen.where(method=OURS, budget="episodes")
    theirs = chosen.where(method=rival, budget=budget)
    return paired(Records([*ours, *theirs]), "error", rival, OURS, log=True, unit="seed")


def exceeds_spread(gains: list[float]) -> bool:
    """Whether a mean gain is larger than its standard deviation over seeds."""
    return len(gains) > 1 and statistics.fmean(gains) > statistics.stdev(gains)


def holds_at_equal_time(records: Records) -> bool:
    """Whether truncation is beaten at equal time by more than the spread on sines and images."""
    return all(
        exceeds_spread(gained_over("truncated", "time", str(name), records))
        for name in records.ok.axis("dataset")
    )


def cosine_reached(dataset: str, records: Records) -> list[float]:
    """Cosine at the end minus 0.3, by seed."""
    chosen = records.ok.where(method=OURS, dataset=dataset)
    return [value - COSINE for value in chosen.values("cosine", "seed").values()] if chosen else []


def largest_difference(records: Records) -> float:
    """Of errors of truncation and of the feedback network that stays at zero."""
    zero = records.ok.where(method="zero_feedback")
    plain = records.ok.where(method="truncated", budget="episodes", seed=0)
    expected = plain.values("error", "dataset")
    differences = [abs(r.metrics["error"] - expected[r.cell.dataset]) for r in zero]
    return max(differences, default=math.nan)


def common_gap(records: Records) -> list[float]:
    """Error of ours minus that of truncation in episodes without the rare class, by seed."""
    return paired(records.ok, "common_error", OURS, "truncated", unit="seed")


def rare_gained(rival: str, records: Records) -> list[float]:
    """Log of a rival's error with the rare class minus that of ours, by seed."""
    return paired(records.ok, "error", rival, OURS, log=True, unit="seed")


def holds_for_the_rare(rival: str, records: Records) -> bool:
    """Beyond the spread, with an equal average elsewhere."""
    equal = statistics.fmean(common_gap(records)) < EQUAL
    return equal and exceeds_spread(rare_gained(rival, records))


def gained_by_sharing(records: Records) -> list[float]:
    """Log of the error with feedback networks of their own minus that with one, by seed."""
    return paired(records.ok, "error", "separate", "shared", log=True, unit="seed")


NO_TABLES = "tables could not be consulted"
MAIN: tuple[Claim | Exact, ...] = (
    Claim(
        "Synthetic gradients beat truncated back-propagation at equal time on sines, and by more "
        "than the spread of seeds on sines and on images",
        "abstract",
        partial(gained_over, "truncated", "time", "sinusoid"),
        holds=holds_at_equal_time,
        headline=True,
        paper_value=NO_TABLES,
    ),
    Claim(
        "Synthetic gradients beat truncated back-propagation at equal time on images",
        "abstract",
        partial(gained_over, "truncated", "time", "mnist"),
        paper_value=NO_TABLES,
    ),
    *(
        Claim(
            f"Synthetic gradients beat {name} at equal {budget} on sines",
            "abstract",
            partial(gained_over, rival, budget, "sinusoid"),
            paper_value=NO_TABLES,
        )
        for rival, name, budget in (
            ("truncated", "truncated back-propagation", "episodes"),
            ("bptt", "full back-propagation", "time"),
            ("lstm", "an LSTM of as many parameters", "time"),
        )
    ),
    Claim(
        "The cosine between predicted and bootstrapped gradients exceeds 0.3 at the end, on sines",
        "what synthetic gradients need; the threshold is this library's",
        partial(cosine_reached, "sinusoid"),
    ),
    Exact(
        "A feedback network that stays at zero is truncation: difference of errors",
        "definition",
        largest_difference,
        value=0.0,
        tolerance=0.0,
    ),
)
RARE = (
    Claim(
        "A class that occurs in 2 % of the training episodes is learned better than by truncated "
        "back-propagation at equal time, with an equal average elsewhere",
        "abstract",
        partial(rare_gained, "truncated"),
        holds=partial(holds_for_the_rare, "truncated"),
        paper_value=NO_TABLES,
    ),
    Claim(
        "A class that occurs in 2 % of the training episodes is learned better than by full "
        "back-propagation at equal time",
        "abstract",
        partial(rare_gained, "bptt"),
        paper_value=NO_TABLES,
    ),
)
SHARING = (
    Claim(
        "One feedback network for two networks makes both better than one each, at equal updates",
        "abstract",
        gained_by_sharing,
        paper_value="qualitative",
    ),
)
