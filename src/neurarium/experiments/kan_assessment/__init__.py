"""Kolmogorov–Arnold networks and MLPs on equal terms (arXiv 2407.11075; protocol of 2407.16674).

**Data.** Formulas of physics on their ranges, special functions, tables of scikit-learn and UCI,
images, sentences, spoken digits; formulas by 1000 training, validation and test points each.
Inputs are standardised and targets of regression too, the same for all arms. The KAN alone moves
its grids to the training rows, once, before training: splines on neurons keep their range (tried:
moving it does not help them). Families whose functions keep their range have a batch norm in every
layer instead.

**Protocol.** Five budgets: equal trainable parameters within 2 %, a few more than configured where
whole units ask for it (``parameters``); equal FLOPs within 2 % by the formulas that KANbeFair
publishes, as many as the MLP with those parameters has or, where these are more, as the most costly
KAN with eight units in each hidden layer, so that the MLP grows too (``flops``); equal parameters
and equal measured seconds of training, grids and looks at validation rows included (``seconds``);
the same widths (``structure``); and equal parameters once more with Adam alone (``adam``), as
published comparisons train. Under each, every arm tries the same number of configurations on every
dataset, the library's defaults first: optimiser (L-BFGS and Adam with a cosine on formulas),
learning rate, weight decay, and one setting of its own: the activation of an MLP, the number of
functions of a KAN. Validation rows choose the configuration (on a draw of its own, on tables within
each split) and, within a training, the weights; test rows are asked once. Gradient evaluations
count as steps.

**Parts.** ``main``: all arms at equal parameters and equal seconds. ``budgets``: the arms of the
claims at equal FLOPs and in equal widths. ``recovery``: which formulas are printed right.
``speed``: how much slower a step is. ``dimension``: error against the number of inputs.
``continual``: five peaks, one after the other.

**Your arm.** ``evaluation.run(EXPERIMENTS[0], methods={"mine": fn})`` with
``fn(problem, num_parameters) -> nn.Module`` from ``problem.in_features`` to
``problem.out_features``; it tries the shared settings. **Your data**: ``datasets={"mine": table}``
with a :class:`neurarium.data.Table`; or, for a table alone, :func:`assess`.

Example:
    >>> import tempfile
    >>> from neurarium import evaluation
    >>> from torch import nn
    >>> def linear(problem, num_parameters):
    ...     return nn.Linear(problem.in_features, problem.out_features)
    >>> done = evaluation.run(
    ...     EXPERIMENTS[0], preset="smoke", methods={"linear": linear},
    ...     overrides={"datasets": ("table/wine",)}, progress=False, out=tempfile.mkdtemp(),
    ... )
    >>> done.num_failed, sorted(done.records.axis("method"))
    (0, ['kan', 'linear', 'mlp'])
"""

from __future__ import annotations

from neurarium.evaluation import Experiment, Stage

from . import figures
from .assess import Assessment, assess
from .claims import BUDGET_CLAIMS, CLAIMS
from .comparison import METHODS, axes, count_steps, datasets, run_cell, tune
from .config import BUDGET_PRESETS, PRESETS
from .continual import CONTINUAL
from .dimension import DIMENSION
from .recovery import RECOVERY
from .speed import SPEED
from .tables import comparison_tables

__all__ = ["EXPERIMENTS", "Assessment", "assess"]

STAGES = (
    Stage("steps", ("method", "dataset", "budget"), count_steps, exclusive=True),
    Stage("tuned", ("method", "dataset", "budget"), tune),
)
COMPARISON = Experiment(
    slug="kan-assessment",
    presets=PRESETS,
    axes=axes,
    datasets=datasets,
    methods=METHODS,
    stages=STAGES,
    run_cell=run_cell,
    claims=CLAIMS,
    tables=comparison_tables,
    figures={"domains": figures.domains},
    metric="score",
)
BUDGETS = Experiment(
    slug="kan-assessment",
    part="budgets",
    presets=BUDGET_PRESETS,
    axes=axes,
    datasets=datasets,
    methods=METHODS,
    stages=STAGES,
    run_cell=run_cell,
    claims=BUDGET_CLAIMS,
    tables=comparison_tables,
    figures={"budgets": figures.budget_ratio},
    metric="score",
)
EXPERIMENTS = (COMPARISON, BUDGETS, RECOVERY, SPEED, DIMENSION, CONTINUAL)
