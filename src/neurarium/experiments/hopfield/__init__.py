"""Hopfield networks as layers and as memories (arXiv 2008.02217), in five parts.

``mil``, the headline: which pooling predicts the labels of bags best? **Data**: elephant, fox,
tiger and musk1 with their published partitions into ten folds; seed r takes the r-th. Features are
standardised by the training bags. **Protocol**: one to three dense layers embed the instances, a
pooling makes a vector of a bag, two dense layers read it. All poolings have as many parameters as
Hopfield pooling, all are trained alike (AdamW, learning rate × 0.96 an epoch, shares of a bag's
instances left out), and every method chooses among equally many settings: for each fold by the AUC
on three of the other nine, in a stage that never sees the fold; then it is trained on all nine.
**Your method**: ``fn(problem) -> Fitted`` as in :mod:`~neurarium.experiments.hopfield.mil_methods`;
it has a single, empty setting. **Your data**: a :class:`neurarium.data.Bags`.

``theory``: errors against their bound, energies, fixed points; half-erased digits in comparison
with older memories. A method measures one thing: ``fn(cell, config) -> Result``.

``bits``: bit patterns and latch sequences, the first and last eighth held out.
A method builds a network: ``fn(sets (B, S, F)) -> nn.Module``, sets → (B, 1) logits.

``bags``: bags of MNIST digits. A method builds a pooling: ``fn() -> nn.Module``, called as
``pooling(bags (B, S, 500), mask=mask)`` → (B, 500).

``uci``: six small tables on their first published split; validation rows select among eight
settings of every method. A method: ``fn(table, seed, config) -> Fitted`` as in
:mod:`~neurarium.experiments.hopfield.uci`; data: a :class:`neurarium.data.Table`.

Example:
    >>> import tempfile
    >>> from torch import nn
    >>> from neurarium import evaluation
    >>> def linear(sets):
    ...     return nn.Sequential(nn.Flatten(), nn.Linear(sets[0].numel(), 1))
    >>> done = evaluation.run(
    ...     BITS, preset="smoke", methods={"linear": linear}, progress=False, out=tempfile.mkdtemp()
    ... )
    >>> done.records.where(method="linear").axis("task")
    ('bits', 'latch')
"""

from __future__ import annotations

from .bits import BITS
from .image_bags import BAGS
from .mil import MIL
from .theory import THEORY
from .uci import UCI

EXPERIMENTS = (MIL, THEORY, BITS, BAGS, UCI)
