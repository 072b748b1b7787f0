"""What a training with dendrites did, and what it needs to go on.

A Neuroscience Inspired Extension to Artificial Neural Networks (https://arxiv.org/abs/2501.18018).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

State = dict[str, Any]
Phase = tuple[int, int, float, bool]


@dataclass(frozen=True)
class DendriteStep:
    """One epoch of candidates on the record.

    Args:
        covariance: mean |Cov| of all neurons' best candidates; errors are in units of their
            deviation.
        improved: whether any neuron's grew by a thousandth.
    """

    covariance: float
    improved: bool


@dataclass(frozen=True)
class DendriteReport:
    """What a fit did.

    Args:
        scores: validation score of every epoch.
        phases: (dendrites, epochs, best score, kept) of every neurons' phase.
        num_dendrites: in the returned network.
        num_epochs: of neurons.
        candidate_epochs: of dendrites, over all layers.
        skipped: layers that received no gradient in training mode.
    """

    scores: tuple[float, ...]
    phases: tuple[Phase, ...]
    num_dendrites: int
    num_epochs: int
    candidate_epochs: int
    skipped: tuple[str, ...]

    @property
    def best_score(self) -> float:
        """Of the returned network."""
        return [score for _, _, score, kept in self.phases if kept][-1]


@dataclass(frozen=True)
class DendriteProgress:
    """What a fit has reached at the end of a neurons' phase.

    Args:
        best: score.
        state: of the model, with that score.
        scores: of every epoch.
        phases: as in the report.
        tries: dendrites in a row that failed.
        candidate_epochs: so far.
        skipped: layers that received no gradient.
    """

    best: float
    state: State
    scores: tuple[float, ...]
    phases: tuple[Phase, ...]
    tries: int = 0
    candidate_epochs: int = 0
    skipped: tuple[str, ...] = ()
