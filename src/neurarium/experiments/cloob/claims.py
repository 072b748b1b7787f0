"""What the paper claims, and the effects by which it is judged; thresholds are fixed beforehand."""

from __future__ import annotations

import math
import statistics
from functools import partial

from neurarium.evaluation import Claim, Records, paired


def gained(metric: str, rival: str, records: Records) -> list[float]:
    """CLOOB minus a rival, one number a seed."""
    if rival not in records.axis("method"):
        return []  # a smaller preset leaves ablations out
    return paired(records, metric, "cloob", rival, unit="seed")


def ratio_gained(metric: str, rival: str, records: Records) -> list[float]:
    """Logarithm of CLOOB's number over a rival's, one a seed."""
    return paired(records, metric, "cloob", rival, unit="seed", log=True)


def lowered(metric: str, rival: str, records: Records) -> list[float]:
    """A rival's number minus CLOOB's, one a seed."""
    return [-gain for gain in gained(metric, rival, records)]


def pooled_standard_error(metric: str, records: Records) -> float:
    """√((s²_cloob + s²_clip) / n) over seeds; infinite for a single one."""
    found = [
        list(records.where(method=name).values(metric, "seed").values())
        for name in ("cloob", "clip")
    ]
    if min(map(len, found)) < 2:
        return math.inf
    return math.sqrt(sum(statistics.variance(values) / len(values) for values in found))


def is_beyond_an_error(metric: str, records: Records) -> bool:
    """Whether CLOOB is above CLIP by more than one pooled standard error."""
    gain = statistics.fmean(gained(metric, "clip", records))
    return gain > pooled_standard_error(metric, records)


def is_better_in_all_three(records: Records) -> bool:
    """Transfer and the mean over attributes beyond one pooled standard error, more eigenvalues."""
    return (
        is_beyond_an_error("transfer", records)
        and is_beyond_an_error("zero_shot_mean", records)
        and statistics.fmean(gained("eigenvalues", "clip", records)) > 0
    )


CLAIMS = (
    Claim(
        "CLOOB transfers to digits of an unseen style better than CLIP",
        "main table, Conceptual Captions",
        partial(gained, "transfer", "clip"),
        holds=is_better_in_all_three,
        headline=True,
        paper_value="zero-shot ImageNet 23.97 against 20.33 %; better on 6, worse on 1 of 8 sets",
    ),
    Claim(
        "CLOOB classifies attributes of scenes without a label better than CLIP",
        "main table, Conceptual Captions",
        partial(gained, "zero_shot_mean", "clip"),
    ),
    Claim(
        "CLOOB's embeddings have more effective eigenvalues than CLIP's",
        "analysis of the covariance",
        partial(ratio_gained, "eigenvalues", "clip"),
    ),
    Claim(
        "CLOOB's embeddings are more uniform on the sphere than CLIP's",
        "analysis by the Ajne statistic",
        partial(lowered, "ajne", "clip"),
    ),
    Claim(
        "Retrieval needs InfoLOOB: CLOOB transfers better than with InfoNCE on what is retrieved",
        "ablation",
        partial(gained, "transfer", "hopfield_nce"),
    ),
    Claim(
        "InfoLOOB needs retrieval: CLOOB transfers better than InfoLOOB alone",
        "ablation",
        partial(gained, "transfer", "info_loob"),
    ),
    Claim(
        "A constant temperature is not the reason: CLOOB transfers better than CLIP with one",
        "ablation",
        partial(gained, "transfer", "clip_fixed"),
    ),
)
