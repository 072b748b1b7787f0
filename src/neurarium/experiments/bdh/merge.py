"""Two models of one language each become one by setting their neurons side by side."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from neurarium.cost import count_parameters
from neurarium.data.corpora import SentencePairs
from neurarium.evaluation import Cell, Context, Records, Result
from neurarium.memory.bdh import BDH
from neurarium.memory.bdh_growth import merge_models

from .config import MergeConfig
from .corpus import Crops, Windows, bits_per_byte, sentence_windows
from .methods import adamw, bdh, train

LANGUAGES = ("english", "french")
Models = Mapping[str, BDH]


def axes(config: MergeConfig) -> Mapping[str, Iterable[int]]:
    """Seeds."""
    return {"seed": range(config.num_seeds)}


def base(models: Models) -> BDH:
    """What both experts started from, trained on both languages."""
    return models["base"]


def english(models: Models) -> BDH:
    """The expert of English."""
    return models["english"]


def french(models: Models) -> BDH:
    """The expert of French."""
    return models["french"]


def merged(models: Models) -> BDH:
    """Both experts in one, untrained."""
    return merge_models(models["english"], models["french"])


METHODS: dict[str, Callable[[Models], BDH]] = {
    "merged": merged,
    "english": english,
    "french": french,
    "base": base,
}


def train_experts(cell: Cell, config: MergeConfig, context: Context) -> dict[str, Any]:
    """The weights of a base and of two experts, whose embedding and output map are the base's."""
    data, seed = context.data, int(cell.seed)
    sentences = {name: _sentences(data, name, ~data.test) for name in LANGUAGES}
    both = [s for pair in zip(*sentences.values(), strict=False) for s in pair]  # in turns
    models = {"base": bdh(config).to(context.device)}
    _train(models["base"], both, config.base_steps, config, seed)
    for name in LANGUAGES:
        models[name] = copy.deepcopy(models["base"])
        models[name].embed.weight.requires_grad_(False)
        models[name].lm_head.requires_grad_(False)
        _train(models[name], sentences[name], config.expert_steps, config, seed)
    return {
        f"{name}.{key}": value.detach().cpu().numpy()
        for name, model in models.items()
        for key, value in model.state_dict().items()
    }


def run_cell(cell: Cell, config: MergeConfig, context: Context) -> Result:
    """Bits per byte of held-out sentences of each language."""
    stored, models = context.stage("experts"), {}
    for name in ("base", *LANGUAGES):
        models[name] = bdh(config)
        prefix = f"{name}."
        state = {k.removeprefix(prefix): v for k, v in stored.items() if k.startswith(prefix)}
        models[name].load_state_dict({k: torch.from_numpy(v.copy()) for k, v in state.items()})
    model = context.method(models).eval().to(context.device)
    metrics = {"parameters": float(count_parameters(model))}
    for name in LANGUAGES:
        metrics[name] = bits_per_byte(model, held_out(context.data, name, config.max_windows))
    metrics["bpb"] = (metrics["english"] + metrics["french"]) / 2
    return Result(metrics)


def held_out(data: SentencePairs, language: str, max_windows: int | None) -> Windows:
    """Test sentences of a language that training has not seen, each after a line break.

    Pairs are split by their English sentence, so a translation may belong to both parts.
    """
    seen = set(_sentences(data, language, ~data.test))
    sentences = [b"\n" + s for s in _sentences(data, language, data.test) if s not in seen]
    if not sentences:
        raise ValueError(f"data must hold out {language} sentences that training lacks: got none")
    return sentence_windows(sentences, [1] * len(sentences), max_windows)


def _sentences(data: SentencePairs, language: str, rows: np.ndarray) -> list[bytes]:
    """Different lines of one language, in random order."""
    every = data.source if language == "english" else data.target
    different = list(dict.fromkeys(every[i] for i in np.flatnonzero(rows)))
    order = np.random.default_rng(0).permutation(len(different))
    return [f"{different[i]}\n".encode() for i in order]


def _train(
    model: BDH, sentences: list[bytes], num_steps: int, config: MergeConfig, seed: int
) -> None:
    text: Tensor = torch.tensor(list(b"".join(sentences)))
    optimizer = adamw(model, config.lr, config.weight_decay)  # skips what has no gradient
    device = str(model.encoder.device)
    batches = Crops(text, config.block_size, config.batch_size, seed, device)
    train(model, batches, num_steps, optimizer)


def gained_on_the_other_language(records: Records) -> list[float]:
    """Bits per byte of the expert of the other language minus those of the merged model, by seed.

    The smaller of the two gains: each language has to be predicted better.
    """
    found = {name: records.where(method=name) for name in METHODS}
    gains = [
        (found[foreign].values(language, "seed"), found["merged"].values(language, "seed"))
        for language, foreign in (("english", "french"), ("french", "english"))
    ]
    seeds = gains[0][0]
    return [float(min(theirs[s] - ours[s] for theirs, ours in gains)) for s in seeds]
