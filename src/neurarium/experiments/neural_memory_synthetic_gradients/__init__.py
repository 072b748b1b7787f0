"""Synthetic gradients for the controllers of a neural memory (arXiv 2011.05438), in three parts.

``main``, the headline: few-shot learning in context. **Data**: sines of random amplitude and phase,
asked for point by point, judged after 5 and 10 points; and images under labels that change from
episode to episode and come one step late, learned with six classes of MNIST and judged with the
other four, three in an episode, at the second and later presentation of a class (so small a network
does not learn five at a time in the minutes that it has here). **Protocol**: the same network by
truncated back-propagation with synthetic gradients (ours), without them, by back-propagation
through the whole episode, and with all controllers cut apart; beside them an LSTM and an LSTM that
reads from all its earlier states, of as many parameters. Adam, gradients clipped at norm 1; every
method takes the best of three learning rates after short runs. Under one seed all see the same
episodes. Compared at equal episodes and at equal training time: an exclusive stage measures, update
by update in turns with ours, how many updates take as long. The cosine between predicted and
bootstrapped gradients is recorded: while it is small, synthetic gradients cannot help.

``rare``: one class occurs in 2 % of the training episodes; judged on episodes with and without it.

``sharing``: two networks on sines of two frequencies, with one feedback network or one each.

**Your method** in the first two parts: ``fn(task, config, lr) -> Learner``, a model from (B, T, d)
to (B, T, out) with one update, see
:mod:`~neurarium.experiments.neural_memory_synthetic_gradients.methods`; in the third
``fn(tasks, config, lr) -> two trainers``. **Your data**: a :class:`neurarium.data.Images`.

Example:
    >>> import tempfile
    >>> import torch
    >>> from neurarium import evaluation
    >>> def silent(task, config, lr):
    ...     model = torch.nn.Linear(task.input_size, task.out_features)
    ...     return methods.Learner(model, lambda episodes: {"loss": 0.0})
    >>> done = evaluation.run(
    ...     RARE, preset="smoke", methods={"silent": silent}, progress=False,
    ...     out=tempfile.mkdtemp(),
    ... )
    >>> done.num_failed, done.records.values("error", "method")["silent"] > 0.6
    (0, True)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from neurarium.data import load
from neurarium.evaluation import Experiment, Stage

from . import claims, few_shot, figures, methods, sharing, tables, tasks
from .config import PRESETS, RARE_PRESETS, SHARING_PRESETS, Config

SLUG = "neural-memory-synthetic-gradients"
LOADERS: dict[str, Callable[[], Any]] = {
    "sinusoid": tasks.sinusoids,
    "digits": tasks.digits,
    "mnist": partial(load, "mnist"),
}


def datasets(config: Config) -> Mapping[str, Callable[[], Any]]:
    """Name → loader of sines or images."""
    return {name: LOADERS[name] for name in config.datasets}


MAIN = Experiment(
    slug=SLUG,
    presets=PRESETS,
    axes=few_shot.axes,
    datasets=datasets,
    methods=methods.METHODS,
    stages=(
        Stage("lr", ("method", "dataset"), few_shot.choose_lr),
        Stage("cost", ("method", "dataset"), few_shot.measure_cost, exclusive=True),
    ),
    run_cell=few_shot.run_cell,
    claims=claims.MAIN,
    tables=tables.few_shot_tables,
    figures={
        "learning": figures.learning,
        "shots": figures.shots,
        "cosines": figures.cosines,
    },
    metric="error",
    higher_is_better=False,
)
RARE = Experiment(
    slug=SLUG,
    part="rare",
    presets=RARE_PRESETS,
    axes=few_shot.axes,
    datasets=datasets,
    methods=methods.RARE_METHODS,
    stages=(
        Stage("lr", ("method", "dataset"), partial(few_shot.choose_lr, rare=True)),
        Stage(
            "cost", ("method", "dataset"), partial(few_shot.measure_cost, rare=True), exclusive=True
        ),
    ),
    run_cell=partial(few_shot.run_cell, rare=True),
    claims=claims.RARE,
    tables=tables.few_shot_tables,
    figures={"rare": figures.rare, "cosines": figures.cosines},
    metric="error",
    higher_is_better=False,
)
SHARING = Experiment(
    slug=SLUG,
    part="sharing",
    presets=SHARING_PRESETS,
    axes=sharing.axes,
    methods=sharing.METHODS,
    stages=(Stage("lr", ("method",), sharing.choose_lr),),
    run_cell=sharing.run_cell,
    claims=claims.SHARING,
    tables=tables.sharing_tables,
    figures={"sharing": figures.sharing, "cosines": figures.cosines},
    metric="error",
    higher_is_better=False,
)
EXPERIMENTS = (MAIN, RARE, SHARING)
"""All parts, the headline first."""
