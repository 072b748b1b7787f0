"""S-KAN (arXiv 2408.08338): does a layer that picks its basis beat those that are given one?

``functions``, the headline: seven functions of one to four variables and seven formulas of physics,
1000 points each for training, validation and test. S-KAN trains a pool of five families at every
node, keeps what carries weight, prunes to one family a node and fine-tunes. Rivals are networks of
the same width with each family alone, the pool without a choice, a choice by lot, and MLPs with
S-KAN's final parameters (measured on the same function, mean over seeds), trained as long and five
times as long (the first stage evaluates five families: it is charged). Learning rates are chosen
among the same ones for every method, on validation points. The defaults of S-KAN's stages were
chosen partly by test points of ``exp_sin``, ``step`` and ``wave``: these are in the tables, and no
claim scores them. **Your method**: ``fn(problem) -> Fitted`` as in
:mod:`~neurarium.experiments.s_kan.methods`. **Your data**: a
:class:`~neurarium.experiments.s_kan.targets.Source`.

``images``: the convolution in the authors' layout, on MNIST and CIFAR-10's subset. **Your
method**: ``fn(problem) -> Fitted`` as in :mod:`~neurarium.experiments.s_kan.images`.

Example:
    >>> import tempfile
    >>> from neurarium import evaluation
    >>> done = evaluation.run(
    ...     FUNCTIONS_PART, preset="smoke", overrides={"num_steps": 5}, progress=False,
    ...     out=tempfile.mkdtemp(),
    ... )
    >>> done.records.axis("method")[:4]
    ('s_kan', 'first_stage', 'uniform', 'random')
"""

from __future__ import annotations

from .functions import FUNCTIONS_PART
from .images import IMAGES

EXPERIMENTS = (FUNCTIONS_PART, IMAGES)
