"""Dense neural networks and replica symmetry breaking (arXiv 2111.12997), in three parts.

``simulation``, the headline: does the theory of retrieval say what samples do? **Data**: random
patterns, K = α N³ of them, P = 4. **Protocol**: from a stored pattern, and from a cue of which 20 %
is wrong, units are updated one by one by the heat bath, or downhill at T = 0; overlaps by noise,
temperature, size and energy beside the replica-symmetric theory and, at T = 0, one step of
breaking. **Your method** is one more measurement: ``fn(cell, config, context) -> Result`` with the
metrics of :func:`~neurarium.experiments.dense_rsb.simulation.monte_carlo`.

``theory``: capacities, ground states and lines of stability for several degrees, without data.

``digits``: real images, binarised, recalled from damaged cues; how many exactly, by energy? **Your
method**: ``fn(problem) -> states (B, N)`` as in
:mod:`~neurarium.experiments.dense_rsb.digits`. **Your data**: a :class:`neurarium.data.Images`.

Example:
    >>> import tempfile
    >>> from neurarium import evaluation
    >>> done = evaluation.run(
    ...     SIMULATION, preset="smoke", overrides={"betas": ("5",)}, progress=False,
    ...     out=tempfile.mkdtemp(),
    ... )
    >>> done.records.axis("method")
    ('distinct', 'power', 'matched')
"""

from __future__ import annotations

from .digits import DIGITS
from .simulation import SIMULATION
from .theory import THEORY

EXPERIMENTS = (SIMULATION, THEORY, DIGITS)
