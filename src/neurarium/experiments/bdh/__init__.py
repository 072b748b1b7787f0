"""BDH as a language model (arXiv 2509.26507), in three parts.

``main``, the headline: **data** Tiny Shakespeare as bytes, the last tenth held out and judged
whole, in contiguous windows. **Protocol**: BDH, a transformer, the same with one block of weights
for all layers, and an LSTM of equal parameters; AdamW without schedule, weight decay on
everything; every method takes the best of three learning rates, chosen on the end of the training
part after short runs. Under one seed all see the same windows. They are compared at equal data
(steps), which is what the paper claims, and at equal training time: an exclusive stage measures,
step by step in turns with BDH, how many steps take as long as BDH's. Work per byte is recorded.

``translation``: short English–French sentences as lines "English, tab, French", judged on the
bytes of held-out translations, whose English sentences occur nowhere in training.

``merge``: a model of both languages, two experts trained from it on one language each with the
embedding and the output map frozen, and what their neurons set side by side predict. A method:
``fn(models) -> BDH``, models being ``"base"``, ``"english"`` and ``"french"``.

**Your method** in the first two parts: ``fn(config) -> nn.Module``, tokens (B, L) → logits
(B, L, 256). One that takes ``state=`` and ``return_state=True`` has its speed of generation
measured too. **Your data**: a :class:`neurarium.data.Text`, or
:class:`neurarium.data.SentencePairs`.

``evaluation.run(LANGUAGE, preset="quick", methods={"mine": fn}, datasets={"mine": text})`` runs
them beside the others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from neurarium.data.load import entry, load
from neurarium.evaluation import Experiment, Stage

from . import claims, figures, language, merge, tables
from .config import MERGE_PRESETS, PRESETS, TRANSLATION_PRESETS, Config, MergeConfig
from .methods import METHODS


def datasets(config: Config | MergeConfig) -> Mapping[str, Callable[[], Any]]:
    """Name → loader of a text or of sentence pairs."""
    return {name: partial(load, entry(name).name) for name in config.datasets}


STAGES = (
    Stage("lr", ("method", "dataset"), language.choose_lr),
    Stage("cost", ("method",), language.measure_cost, exclusive=True),
)
LANGUAGE = Experiment(
    slug="bdh",
    presets=PRESETS,
    axes=language.axes,
    datasets=datasets,
    methods=METHODS,
    stages=STAGES,
    run_cell=language.run_cell,
    claims=claims.LANGUAGE,
    tables=tables.language_tables,
    figures={
        "bits": figures.bits,
        "losses": figures.losses,
        "neurons": figures.neurons,
        "synapse": figures.synapse,
    },
    metric="bpb",
    higher_is_better=False,
)
TRANSLATION = Experiment(
    slug="bdh",
    part="translation",
    presets=TRANSLATION_PRESETS,
    axes=language.axes,
    datasets=datasets,
    methods=METHODS,
    stages=STAGES,
    run_cell=language.run_cell,
    claims=claims.TRANSLATION,
    tables=tables.language_tables,
    figures={"losses": figures.losses, "neurons": figures.neurons},
    metric="bpb",
    higher_is_better=False,
)
MERGE = Experiment(
    slug="bdh",
    part="merge",
    presets=MERGE_PRESETS,
    axes=merge.axes,
    datasets=datasets,
    methods=merge.METHODS,
    stages=(Stage("experts", ("dataset", "seed"), merge.train_experts),),
    run_cell=merge.run_cell,
    claims=claims.MERGE,
    tables=tables.merge_tables,
    figures={"merged": figures.merged},
    metric="bpb",
    higher_is_better=False,
)
EXPERIMENTS = (LANGUAGE, TRANSLATION, MERGE)
