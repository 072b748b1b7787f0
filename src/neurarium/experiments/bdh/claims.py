"""What the paper claims, and the effects by which it is judged; thresholds are fixed beforehand."""

from __future__ import annotations

import math
from functools import partial

from neurarium.evaluation import Claim, Exact, Records, paired

from .merge import gained_on_the_other_language

SPARSE = 0.2
"""A share of active gated neurons below this counts as sparse; the paper has 5 % at scale."""

SELECTIVE = 0.8
"""A held-out AUROC from which on a neuron or synapse counts as standing for a concept."""

CLOSE, NEAR = 0.03, 0.1
"""Bits per byte by which BDH may be worse: on every seed for ``holds``, on average at all."""


def gained_over(rival: str, records: Records) -> list[float]:
    """Bits per byte of a rival minus those of BDH at equal parameters and data, by seed."""
    return paired(records.where(budget="data"), "bpb", rival, "bdh", unit="seed")


def is_close_everywhere(rival: str, records: Records) -> bool:
    """Whether BDH is at most 0.03 bits per byte worse on every seed."""
    return all(gain >= -CLOSE for gain in gained_over(rival, records))


def below_a_fifth(records: Records) -> list[float]:
    """How far the share of active gated neurons is below 20 %, by seed."""
    found = records.where(method="bdh").values("gated_density", "seed")
    return [SPARSE - value for value in found.values()]


def modularity_gained(records: Records) -> list[float]:
    """Modularity of the trained graph minus that of the better control, by seed."""
    ours = records.where(method="bdh")
    trained, *controls = (
        ours.values(f"modularity_{name}", "seed") for name in ("trained", "rewired", "untrained")
    )
    return [trained[s] - max(control[s] for control in controls) for s in trained]


def is_positive_everywhere(records: Records) -> bool:
    """Whether the trained graph is above both controls on every seed."""
    return all(gain > 0 for gain in modularity_gained(records))


def is_sparse_everywhere(records: Records) -> bool:
    """Whether fewer than a fifth of the gated neurons are active on every seed."""
    return all(gain > 0 for gain in below_a_fifth(records))


def selectivity_gained(what: str, records: Records) -> list[float]:
    """Held-out AUROC of the chosen neuron or synapse minus that after shuffled labels, by seed."""
    ours = records.ok.where(method="bdh")
    if any(f"{what}_auroc" not in record.metrics for record in ours):
        return []  # a text without the concept
    found, control = (ours.values(f"{what}_{name}", "seed") for name in ("auroc", "control_auroc"))
    return [found[s] - control[s] for s in found]


def is_selective_everywhere(what: str, records: Records) -> bool:
    """Whether the held-out AUROC is at least 0.8 on every seed."""
    ours = records.ok.where(method="bdh")
    return all(record.metrics.get(f"{what}_auroc", 0.0) >= SELECTIVE for record in ours)


def largest_gap(records: Records) -> float:
    """The largest difference between logits in the parallel and in the recurrent form."""
    ours = records.ok.where(method="bdh")
    return max((record.metrics["recurrent_gap"] for record in ours), default=math.nan)


HEADLINE = Claim(
    "BDH's loss rivals a transformer's at equal parameters and data: at most 0.1 bits per byte "
    "worse on average, at most 0.03 on every seed",
    "abstract, scaling figure",
    partial(gained_over, "transformer"),
    side=(-NEAR, math.inf),
    holds=partial(is_close_everywhere, "transformer"),
    headline=True,
    paper_value="scaling curves of BDH and GPT-2-like transformers overlap, 10M to 1B parameters",
)
LANGUAGE: tuple[Claim | Exact, ...] = (
    HEADLINE,
    Claim(
        "Activations are sparse: less than a fifth of the gated neurons at a time",
        "interpretability section",
        below_a_fifth,
        holds=is_sparse_everywhere,
        paper_value="about 5 % at scale",
    ),
    Claim(
        "The graph of neurons is more modular than its rewiring and than before training",
        "abstract, interpretability section",
        modularity_gained,
        holds=is_positive_everywhere,
    ),
    *(
        Claim(
            f"Single {what}s stand for a concept: the best one on half of the text tells names of "
            "speakers apart on the other half, better than after shuffled labels and with an AUROC "
            "of at least 0.8 on every seed",
            "interpretability section",
            partial(selectivity_gained, what),
            holds=partial(is_selective_everywhere, what),
        )
        for what in ("neuron", "synapse")
    ),
    Exact(
        "The recurrent form computes what the parallel form does: largest difference of logits",
        "definition of BDH-GPU",
        largest_gap,
        value=0.0,
        tolerance=2e-3,
    ),
)
TRANSLATION = (
    Claim(
        "BDH translates as well as a transformer of equal parameters on equal data: at most 0.1 "
        "bits per byte of the translation worse on average, at most 0.03 on every seed",
        "translation experiments",
        partial(gained_over, "transformer"),
        side=(-NEAR, math.inf),
        holds=partial(is_close_everywhere, "transformer"),
    ),
)
MERGE = (
    Claim(
        "Two models merge by concatenation: each language is predicted better than by the model "
        "of the other language alone",
        "section on merging models",
        gained_on_the_other_language,
    ),
)
