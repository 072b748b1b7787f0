"""What is measured of a generator: its likelihood, its images and its prototypes."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from neurarium.baselines import ConvNet
from neurarium.data.synthetic.captioned_digits import SENTENCES, WORDS
from neurarium.engine import derived_generator
from neurarium.evaluation.metrics import frechet_distance, zero_shot_accuracy
from neurarium.memory import Txt2ImgMHN, metastable_size
from neurarium.memory.txt2img_words import encode_words

from .config import Config
from .problem import Part, Problem

ATTRIBUTES = tuple(WORDS)
ROWS = 250  # sequences in memory at a time
SHEET = ((0, 0, 0), (0, 1, 1), (0, 2, 2), (1, 1, 1), (2, 0, 2), (2, 1, 1), (2, 2, 0), (2, 2, 2))
"""Thickness, slant and size of the columns of the sheet of samples."""


def cross_entropy(model: Any, part: Part, ids: Tensor) -> dict[str, float]:
    """Nats a token, of all images and of combinations of attributes that training never shows."""
    with torch.no_grad():
        found = torch.cat(
            [
                model.loss(part.text[rows], ids[rows], reduction="none").mean(1)
                for rows in torch.arange(len(part)).split(ROWS)
            ]
        )
    numbers = {"nll": float(found.mean())}
    if part.unseen.any():
        numbers["nll_unseen"] = float(found[part.unseen].mean())
    return numbers


def draw(model: Any, text: Tensor, config: Config, generator: torch.Generator) -> Tensor:
    """Ids (B, N, n) of images of these captions."""
    if hasattr(model, "draw"):
        return model.draw(text, config.num_images, generator)
    found = [
        model.generate(
            rows,
            num_images=config.num_images,
            top_k_filter=config.top_k_filter,
            generator=generator,
            return_ids=True,
        )[1]
        for rows in text.split(max(1, ROWS // config.num_images))
    ]
    return torch.cat(found)


def judge_images(
    model: nn.Module, problem: Problem, test: Part, judge: ConvNet
) -> dict[str, float]:
    """Zero-shot accuracy of every attribute, and the distance of features from real images."""
    config, codes = problem.config, problem.tokenizer
    chosen = test[slice(config.num_captions)]
    ids = draw(model, chosen.text, config, derived_generator(problem.seed, 1))
    images = decode(codes, ids.flatten(0, 1))
    labels = chosen.attributes.repeat_interleave(config.num_images, 0)
    torch.manual_seed(problem.seed)
    accuracy = zero_shot_accuracy(
        images,
        labels,
        test.images,
        test.attributes,
        num_epochs=config.judge_epochs,
        generator=derived_generator(problem.seed, 2),
    )
    told = [f"accuracy_{name}" for name in ATTRIBUTES]
    numbers = dict(zip(told, accuracy.tolist(), strict=True))
    with torch.no_grad():
        features = [judge.features(x) for x in (images, test.images)]
        shown = judge(images).argmax(1)
    return numbers | {
        "frechet": frechet_distance(*features),
        "recognised": float((shown == labels[:, 0]).float().mean()),
    }


def decode(tokenizer: Any, ids: Tensor) -> Tensor:
    """Images of ids, some at a time."""
    with torch.no_grad():
        return torch.cat([tokenizer.decode(rows) for rows in ids.split(ROWS)])


def sheet(model: nn.Module, problem: Problem) -> np.ndarray:
    """One image of every digit in eight styles, uint8 (10, 8, S, S)."""
    names = [
        SENTENCES[0].format(
            digit=WORDS["digit"][digit][0],
            thickness=WORDS["thickness"][thickness][0],
            slant=WORDS["slant"][slant][0],
            size=WORDS["size"][size][0],
        )
        for digit in range(10)
        for thickness, slant, size in SHEET
    ]
    text = encode_words(names, problem.words, problem.config.text_length)
    ids = draw(model, text, problem.config, derived_generator(problem.seed, 3))[:, 0]
    images = decode(problem.tokenizer, ids).squeeze(1).unflatten(0, (10, len(SHEET)))
    return (255 * images).round().to(torch.uint8).numpy()


def prototypes(model: Txt2ImgMHN, part: Part, ids: Tensor) -> dict[str, list[float]]:
    """Block by block, at last in the output layer, over image rows: how prototypes are used.

    How many make up nine tenths of a lookup, and how many are in use at all: the exponential of
    the entropy of the mean lookup.
    """
    rows = slice(ROWS)
    with torch.no_grad():
        lookups = [w[:, model.text_length :] for w in model.lookups(part.text[rows], ids[rows])]
    shares = [w.flatten(0, 1).mean(0).double() for w in lookups]
    return {
        "metastable": [float(metastable_size(w).double().mean()) for w in lookups],
        "in_use": [float(torch.special.entr(share).sum().exp()) for share in shares],
    }
