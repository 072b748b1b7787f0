"""Txt2Img-MHN against a DALL-E style transformer over the same image tokens (arXiv 2208.04441).

**Data.** The paper's remote sensing images are not available here; real handwritten digits take
their place: MNIST padded to 32 × 32 pixels, with captions of what can be measured of them: which
digit, and thickness, slant and size in terciles of the training images, in eight sentences with
synonyms. Twenty of the 270 combinations are never shown in training.

**Protocol.** One VQ-VAE makes 8 × 8 tokens of every image, for all methods. Every network has
Txt2Img-MHN's parameters, takes the best of three learning rates on validation images, and trains
as many steps as fit into Txt2Img-MHN's seconds, which an exclusive stage measures in turns. Then
ten images are generated from each of several hundred test captions; a small convolutional network
learns digit, thickness, slant and size from them alone and is tested on real images: the paper's
zero-shot accuracy. Beside it: cross-entropy of the tokens of test images, Fréchet distance of
features of a network trained on real images, and the share of generated digits which that network
recognises. ``full`` is sized for minutes on two cores; ``paper`` has the published widths.

Rivals: the transformer; the same with prototypes in place of its MLP; Txt2Img-MHN without
prototypes, which keeps its association but has an MLP and a linear output; tokens drawn by
themselves given digit and place; and reconstructions of real images, which bound all.

**Your method.** ``methods={"mine": fn}`` with ``fn(problem) -> nn.Module`` that has
``loss(text, ids, reduction="mean")`` and either ``generate`` as :class:`Txt2ImgMHN` or
``draw(text, num_images, generator) -> ids (B, N, n)``. **Your data**: a
:class:`neurarium.data.Images` of ten classes, square and grey.

Example:
    >>> import tempfile
    >>> from neurarium import evaluation
    >>> from neurarium.experiments.txt2img_mhn.methods import ClassConditional
    >>> done = evaluation.run(
    ...     EXPERIMENTS[0], preset="smoke", methods={"counts": ClassConditional},
    ...     overrides={"methods": ("txt2img_mhn", "dalle")}, progress=False,
    ...     out=tempfile.mkdtemp(),
    ... )
    >>> done.num_failed, sorted(done.records.axis("method"))
    (0, ['counts', 'dalle', 'txt2img_mhn'])
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import torch
from torch import nn

from neurarium.baselines import ConvNet
from neurarium.engine import Batches, fit
from neurarium.evaluation import Cell, Context, Experiment, Result, Stage
from neurarium.memory import VQVAE, Txt2ImgMHN

from . import figures
from .claims import CLAIMS
from .config import PRESETS, Config
from .measures import cross_entropy, judge_images, prototypes, sheet
from .methods import METHODS, num_parameters
from .problem import Part, Problem, datasets, parts_of, vocabulary
from .training import new_tokenizer, steps_in_time, train, train_tokenizer

TUNING_SEED = 1_000_003
"""Of the captions on which learning rates are tried; no seed of a cell."""


def axes(config: Config) -> Mapping[str, Iterable[str | int]]:
    """Methods and seeds."""
    return {"method": config.methods, "seed": range(config.num_seeds)}


def learn_tokens(cell: Cell, config: Config, context: Context) -> dict[str, Any]:
    """The image tokenizer that all share, and the network that judges features."""
    torch.manual_seed(0)
    parts = parts_of(context.data, config, 0)
    images = parts["train"].images
    tokenizer, losses = new_tokenizer(config, images.shape[-1]), []
    if isinstance(tokenizer, VQVAE):
        losses = train_tokenizer(tokenizer, images, config, 0)
    context.progress(0.7)
    judge = _new_judge(images.shape[-1])
    history = fit(
        judge,
        lambda model, batch: nn.functional.cross_entropy(model(batch[0]), batch[1]),
        Batches((images[:10_000], parts["train"].attributes[:10_000, 0]), 64),
        optimizer=torch.optim.Adam(judge.parameters(), 1e-3),
        num_epochs=config.judge_epochs,
    )
    stored = {f"tokenizer.{k}": v.numpy() for k, v in tokenizer.state_dict().items()}
    stored |= {f"judge.{k}": v.numpy() for k, v in judge.state_dict().items()}
    curves = {"vq_loss": np.array(losses), "judge_loss": np.array(history.metrics["loss"])}
    return stored | curves


def _new_judge(image_size: int) -> ConvNet:
    return ConvNet(1, 10, (16, 32, 64) if image_size >= 16 else (16, 32))


def _load(context: Context, name: str, module: nn.Module) -> nn.Module:
    prefix = f"{name}."
    state = {
        key.removeprefix(prefix): torch.from_numpy(np.array(value))
        for key, value in context.stage("tokens").items()
        if key.startswith(prefix)
    }
    module.load_state_dict(state)
    return module.requires_grad_(False).eval()


def make_problem(config: Config, context: Context, seed: int) -> tuple[Problem, Mapping[str, Part]]:
    """What methods see, and all parts."""
    parts = parts_of(context.data, config, seed)
    size = parts["train"].images.shape[-1]
    tokenizer = _load(context, "tokenizer", new_tokenizer(config, size))
    words = vocabulary()
    ids = _ids(tokenizer, parts["train"])
    return Problem(config, tokenizer, words, parts["train"], ids, seed), parts


def _ids(tokenizer: Any, part: Part) -> torch.Tensor:
    return torch.cat([tokenizer.encode(images) for images in part.images.split(1000)])


def choose_lr(cell: Cell, config: Config, context: Context) -> dict[str, Any]:
    """The rate with the least cross-entropy of validation images after a short run."""
    problem, parts = make_problem(config, context, TUNING_SEED)
    ids, found = _ids(problem.tokenizer, parts["validation"]), []
    for index, lr in enumerate(config.lrs):
        torch.manual_seed(TUNING_SEED)
        model = context.method(problem)
        if not num_parameters(model):
            return {"lr": config.lrs[0], "nll": np.array([math.nan])}
        train(model, problem, lr=lr, num_steps=config.tune_steps)
        found.append(cross_entropy(model, parts["validation"], ids)["nll"])
        context.progress((index + 1) / len(config.lrs), nll=found[-1])
    best = int(np.argmin(np.nan_to_num(found, nan=math.inf)))
    return {"lr": config.lrs[best], "nll": np.array(found)}


def measure_cost(cell: Cell, config: Config, context: Context) -> dict[str, Any]:
    """Steps in Txt2Img-MHN's time, alone on the machine."""
    problem, _ = make_problem(config, context, TUNING_SEED)
    steps, seconds = steps_in_time(context.method, problem)
    return {"steps": steps, "seconds_per_step": seconds}


def run_cell(cell: Cell, config: Config, context: Context) -> Result:
    """Train, generate, judge."""
    problem, parts = make_problem(config, context, int(cell.seed))
    torch.manual_seed(int(cell.seed))
    model = context.method(problem)
    lr, cost = float(context.stage("lr")["lr"]), context.stage("cost")
    ours = cell.method == "txt2img_mhn"
    steps = config.num_steps if ours else int(cost["steps"])
    losses = train(model, problem, lr=lr, num_steps=steps)
    model.eval()
    context.progress(0.6)
    test, judge = parts["test"], _load(context, "judge", _new_judge(problem.train.images.shape[-1]))
    assert isinstance(judge, ConvNet)
    ids = _ids(problem.tokenizer, test)
    metrics = cross_entropy(model, test, ids) | judge_images(model, problem, test, judge)
    metrics |= {
        "parameters": num_parameters(model),
        "steps": steps,
        "lr": lr,
        "seconds_per_step": float(cost["seconds_per_step"]),
    }
    curves = {"loss": _smoothed(losses)} if losses else {}
    if isinstance(model, Txt2ImgMHN):
        curves |= prototypes(model, test, ids)
    return Result(metrics, curves, {"sheet": sheet(model, problem)})


def _smoothed(losses: list[float], num_points: int = 50) -> list[float]:
    """Means of about 50 equal stretches."""
    return [float(part.mean()) for part in np.array_split(losses, min(num_points, len(losses)))]


COMPARISON = Experiment(
    slug="txt2img-mhn",
    presets=PRESETS,
    axes=axes,
    datasets=datasets,
    methods=METHODS,
    stages=(
        Stage("tokens", ("dataset",), learn_tokens),
        Stage("lr", ("method", "dataset"), choose_lr),
        Stage("cost", ("method", "dataset"), measure_cost, exclusive=True),
    ),
    run_cell=run_cell,
    claims=CLAIMS,
    figures={
        "samples": figures.samples,
        "accuracy": figures.accuracy,
        "losses": figures.losses,
        "prototypes": figures.prototypes,
    },
    metric="accuracy_digit",
)
EXPERIMENTS = (COMPARISON,)
