"""Sparsity, nested oscillations and closed loops (arXiv 2105.07284), in three parts.

The paper is a perspective: it has no algorithm, no equation and no table. Each part makes one of
its arguments concrete and measures it; every claim here is this library's reading of an argument.

``swarm``, the headline: do agents that learn by moving, coupled by phases, find the rewards of a
maze? NeuroSwarms (Monaco et al. 2020) in the authors' two mazes, 128 agents, 22 s, with walls that
block motion and sight. Rivals: walks without a brain that start at the same places and go as fast
as the swarm does at each moment; ablations: phases not felt, no recurrence, no reward.
**Your method**: ``fn(task) -> Trajectories``, see
:class:`~neurarium.experiments.dynamical_intelligence.swarm.Task`; **your data**: a
:class:`neurarium.memory.Arena`.

``recall``: a phasor memory of fewer connections per unit and more units, with as many synapses, as
many patterns a synapse. **Your method**: ``fn(problem) -> overlaps`` as in
:mod:`~neurarium.experiments.dynamical_intelligence.recall`.

``sequence``: items replayed in gamma slots within theta cycles, counted by phase, against noise,
number of sequences and shared items. **Your method**: ``fn(task) -> Readout`` as in
:mod:`~neurarium.experiments.dynamical_intelligence.sequence_methods`.

Example:
    >>> import tempfile
    >>> import torch
    >>> from neurarium import evaluation
    >>> def nothing(problem):
    ...     return (problem.cues.conj() * problem.patterns[: len(problem.cues)]).mean(1).abs()
    >>> done = evaluation.run(
    ...     RECALL, preset="smoke", methods={"nothing": nothing}, progress=False,
    ...     out=tempfile.mkdtemp(),
    ... )
    >>> 0.5 < done.records.values("overlap", "method")["nothing"] < 0.7
    True
"""

from __future__ import annotations

from .recall import RECALL
from .sequence import SEQUENCE
from .swarm import SWARM

EXPERIMENTS = (SWARM, RECALL, SEQUENCE)
"""All parts, the headline first."""
