"""Multitasking Hebbian networks (arXiv 2308.04106), in three parts.

``phases``, the headline: which overlaps with all its diluted patterns does one state have?
**Data**: random patterns with a share d of blank entries. **Protocol**: 300 000 units start in the
hierarchical state, are updated one by one by the heat bath, and their overlaps, averaged over late
sweeps, are compared in descending order with the self-consistency equations over dilution ×
temperature: all permutations of a solution are solutions, for patterns are alike. Points are
away from a transition where the theory itself predicts that a sample of that size strays by less
than 0.01. The thresholds of the theory are found by bisection. **Your method** measures one thing:
``fn(cell, config, context) -> Result``.

``learning``: patterns learned from noisy examples with a teacher and without, at equal data: the
same patterns, examples and starts. Overlaps by quality r and entropy ρ = (1 − r²)/(r² M).
**Your method**: ``fn(memory, examples, patterns, quality) -> None``, which teaches a
:class:`neurarium.memory.MultitaskingHopfield`.

``digits``: real images. The archetypes of three classes are coded by the sign of the centred class
mean where it is among the strongest, and blank elsewhere; a cue is the majority of one held-out
image of each class. How well does the recalled state agree with all archetypes at once? **Your
method**: ``fn(problem) -> states (B, N)`` as in
:mod:`~neurarium.experiments.multitasking_hebbian.digits`. **Your data**: a
:class:`neurarium.data.Images`.

Example:
    >>> import tempfile
    >>> from neurarium import evaluation
    >>> def clumsy(memory, examples, patterns, quality):
    ...     memory.learn(examples[:, :1], quality=quality, patterns=patterns)  # one example
    >>> done = evaluation.run(
    ...     LEARNING, preset="smoke", methods={"clumsy": clumsy}, progress=False,
    ...     out=tempfile.mkdtemp(),
    ... )
    >>> done.records.axis("method")
    ('supervised', 'unsupervised', 'clumsy')
"""

from __future__ import annotations

from .digits import DIGITS
from .learning import LEARNING
from .phases import PHASES

EXPERIMENTS = (PHASES, LEARNING, DIGITS)
