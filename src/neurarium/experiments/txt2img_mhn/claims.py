"""What the paper claims, and the effects by which it is judged; thresholds are fixed beforehand."""

from __future__ import annotations

import math
import statistics
from functools import partial

from neurarium.evaluation import Claim, Records, paired

from .measures import ATTRIBUTES


def gained(metric: str, rival: str, records: Records) -> list[float]:
    """Txt2Img-MHN minus a rival, one number a seed."""
    if rival not in records.axis("method"):
        return []  # a smaller configuration leaves ablations out
    return paired(records, metric, "txt2img_mhn", rival, unit="seed")


def pooled_standard_error(metric: str, records: Records) -> float:
    """√((s²_mhn + s²_dalle) / n) over seeds; infinite for a single one."""
    found = [
        list(records.where(method=name).values(metric, "seed").values())
        for name in ("txt2img_mhn", "dalle")
    ]
    if min(map(len, found)) < 2:
        return math.inf
    return math.sqrt(sum(statistics.variance(values) / len(values) for values in found))


def is_beyond_an_error_and_as_likely(records: Records) -> bool:
    """Accuracy above by more than one pooled standard error, cross-entropy not worse."""
    accuracy = statistics.fmean(gained("accuracy_digit", "dalle", records))
    return (
        accuracy > pooled_standard_error("accuracy_digit", records)
        and statistics.fmean(gained("nll", "dalle", records)) <= 0
    )


def gained_over_attributes(rival: str, records: Records) -> list[float]:
    """The mean over thickness, slant and size of what is gained in accuracy, by seed."""
    each = [gained(f"accuracy_{name}", rival, records) for name in ATTRIBUTES[1:]]
    return [statistics.fmean(gains) for gains in zip(*each, strict=True)]


def lowered(metric: str, rival: str, records: Records) -> list[float]:
    """A rival's number minus Txt2Img-MHN's, by seed."""
    return [-gain for gain in gained(metric, rival, records)]


CLAIMS = (
    Claim(
        "A classifier trained on images of Txt2Img-MHN alone recognises real ones better than one "
        "trained on images of a DALL-E style transformer",
        "zero-shot classification table",
        partial(gained, "accuracy_digit", "dalle"),
        holds=is_beyond_an_error_and_as_likely,
        headline=True,
        paper_value="zero-shot accuracy 41.46 (VQVAE) and 65.72 % (VQGAN), DALL-E 28.59 %",
    ),
    Claim(
        "So it does for what captions say of thickness, slant and size",
        "zero-shot classification table",
        partial(gained_over_attributes, "dalle"),
    ),
    Claim(
        "Features of its images are nearer to those of real images than the transformer's",
        "table of FID",
        partial(lowered, "frechet", "dalle"),
        paper_value="FID 175.36 (VQVAE) and 102.44 (VQGAN), DALL-E 191.93",
    ),
    Claim(
        "Prototypes are what helps: without them, zero-shot accuracy is lower",
        "ablation",
        partial(gained, "accuracy_digit", "without_prototypes"),
    ),
    Claim(
        "Context is what makes images: tokens drawn by themselves teach less",
        "baseline without context",
        partial(gained, "accuracy_digit", "class_conditional"),
    ),
)
