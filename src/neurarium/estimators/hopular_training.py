"""How Hopular is trained: the loop behind the estimators.

Appendix A.1 of https://arxiv.org/abs/2206.00664. One optimiser step an epoch, over all rows; LAMB,
gradient norm clipped at 1; learning rate and feature loss annealed by the same cosine; an
exponential average of the weights is what validation sees and what is kept.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import cast

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from neurarium.memory.hopular import Hopular
from neurarium.memory.hopular_corruption import corrupt_attributes, mask_targets
from neurarium.memory.hopular_loss import feature_loss_weight, hopular_loss, score_targets
from neurarium.optim.ema import ema_model

from .hopular_lamb import HopularLamb

EPOCH_RANGE = (100, 200)
EPOCH_WORK = 4e10
MAX_ASSOCIATIONS = 2**25
"""Cells of one association matrix over all heads; more rows than fit are taken in parts."""


@dataclass(frozen=True)
class Rows:
    """Encoded rows with their targets, mask bits 0, and which cells are missing."""

    encoded: Float[Tensor, "B W"]
    missing: Bool[Tensor, "B F"]


@dataclass(frozen=True)
class Schedule:
    """Everything about training that is not the model; names as in the estimators."""

    num_epochs: int
    lr: float
    ema_decay: float
    weight_decay: float = 0.1
    mask_prob: float = 0.025
    replace_prob: float = 0.175
    select_prob: float = 1.0
    feature_loss_weight: tuple[float, float] = (1.0, 0.0)
    batch_size: int | None = None
    eval_every: int = 10
    patience: int | None = None
    time_budget: float | None = None


@dataclass
class Training:
    """What training gives: the model to use, the last one, and how it went.

    Scores are of validation rows: accuracy, or minus the squared error in original units.
    """

    best: Hopular
    last: Hopular
    num_epochs: int = 0
    best_epoch: int = 0
    best_score: float | None = None
    last_score: float | None = None
    history: list[dict[str, float]] = field(default_factory=list)


def automatic_epochs(num_rows: int, width: int, num_layers: int) -> int:
    """Epochs from rows × width: as many as 4e10 units of work buy, from 100 to 200.

    Work of an epoch, for n rows of embedded width D = attributes × embed_dim (the target counts as
    an attribute) and L blocks: ``(n D² + n² D / 2) · L / 4``, a twelfth of its multiplications.

    Example:
        >>> automatic_epochs(150, 320, 4), automatic_epochs(630, 672, 4)
        (200, 100)
    """
    work = (num_rows * width**2 + num_rows**2 * width / 2) * num_layers / 4
    low, high = EPOCH_RANGE
    return int(min(max(EPOCH_WORK / work, low), high))


def automatic_lr(num_epochs: int) -> float:
    """``10 / num_epochs``, at most 1e-2 or, in schedules under 600 epochs, 6 / num_epochs ≤ 0.2.

    LAMB moves each tensor by lr times its norm a step. So the paper's 1e-3 for 10 000 epochs grows
    as schedules shrink, up to 1e-2; below 600 epochs that would leave networks where they started,
    and the sum of all learning rates is kept instead.

    Example:
        >>> automatic_lr(10_000), automatic_lr(600), automatic_lr(200)
        (0.001, 0.01, 0.03)
    """
    return min(10 / num_epochs, max(1e-2, min(6 / num_epochs, 0.2)))


def automatic_ema_decay(num_epochs: int) -> float:
    """``1 − 50 / num_epochs``, at least 0.9: the paper's 0.995 at its 10 000 epochs.

    Example:
        >>> automatic_ema_decay(10_000), automatic_ema_decay(100)
        (0.995, 0.9)
    """
    return 1 - min(0.1, 50 / num_epochs)


def train_hopular(
    model: Hopular,
    rows: Rows,
    validation: Rows | None,
    schedule: Schedule,
    *,
    generator: torch.Generator,
    target_scale: float = 1.0,
    progress: Callable[[dict[str, float]], None] = lambda row: None,
) -> Training:
    """Train in place on ``rows``, which become the memory.

    Args:
        model: as initialised.
        rows: training rows.
        validation: rows that choose the epoch; ``None`` keeps the last slow weights.
        schedule: see :class:`Schedule`.
        generator: draws batches and corruption; dropout uses torch's own.
        target_scale: standard deviation of a numeric target, for scores in original units.
        progress: called with each row of the history.

    Raises:
        ValueError: if the loss becomes infinite or NaN.
    """
    start = time.monotonic()
    model.set_memory(rows.encoded)
    slow = ema_model(model, schedule.ema_decay).eval()
    optimizer = HopularLamb(model, weight_decay=schedule.weight_decay)
    averaged = cast("Hopular", slow.module)
    result = Training(best=averaged, last=averaged)
    best, waited = -math.inf, 0
    unit = target_scale * target_scale
    for epoch in range(schedule.num_epochs):
        loss = _epoch(model.train(), optimizer, rows, schedule, epoch, generator)
        slow.update_parameters(model)
        result.num_epochs = epoch + 1
        spent = time.monotonic() - start
        out_of_time = schedule.time_budget is not None and spent >= schedule.time_budget
        last = out_of_time or epoch + 1 == schedule.num_epochs
        if not last and (epoch + 1) % schedule.eval_every:
            continue
        entry = {"epoch": epoch + 1.0, "loss": loss}
        if validation is not None:
            score = _score(averaged, validation)
            entry["score"] = result.last_score = score * unit
            waited += 1
            if score > best or result.best_score is None:
                best, waited = score, 0
                result.best, result.best_epoch = copy.deepcopy(averaged), epoch + 1
                result.best_score = entry["score"]
        result.history.append(entry)
        progress(entry)
        if last or (schedule.patience is not None and waited >= schedule.patience):
            break
    if validation is None:
        result.best_epoch = result.num_epochs
    return result


def _epoch(
    model: Hopular,
    optimizer: HopularLamb,
    rows: Rows,
    schedule: Schedule,
    epoch: int,
    generator: torch.Generator,
) -> float:
    """One step on the gradient of all rows, accumulated over batches."""
    start, end = schedule.feature_loss_weight
    weight = feature_loss_weight(epoch, schedule.num_epochs, start=start, end=end)
    lr = feature_loss_weight(epoch, schedule.num_epochs, start=schedule.lr)
    model.zero_grad()
    total, num_rows = 0.0, len(rows.encoded)
    for batch in _batches(model, num_rows, schedule.batch_size, generator):
        encoded, missing = rows.encoded[batch], rows.missing[batch]
        corrupted = corrupt_attributes(
            encoded,
            model.layout,
            missing=missing,
            mask_prob=schedule.mask_prob,
            replace_prob=schedule.replace_prob,
            select_prob=schedule.select_prob,
            generator=generator,
        )
        prediction = model(corrupted.encoded, batch, generator=generator)
        loss = hopular_loss(
            prediction,
            model.layout.values(encoded),
            corrupted.selected,
            model.layout,
            feature_weight=weight,
        ).total * (len(batch) / num_rows)
        loss.backward()
        total += loss.item()
    if not math.isfinite(total):
        raise ValueError(f"lr must be smaller: got {schedule.lr:g}, with which the loss is {total}")
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step(lr)
    return total


def _batches(
    model: Hopular, num_rows: int, batch_size: int | None, generator: torch.Generator
) -> Iterator[Tensor]:
    """Row numbers of each batch; all at once unless asked for less or short of memory."""
    heads = model.blocks[0].sample_lookup.num_heads
    fitting = max(32, MAX_ASSOCIATIONS // (heads * num_rows))
    size = min(fitting, batch_size or num_rows)
    device = model.memory.device
    if size >= num_rows:
        return iter((torch.arange(num_rows, device=device),))
    order = torch.randperm(num_rows, generator=generator, device=device)
    return iter(order.split(size))


def _score(slow: Hopular, validation: Rows) -> float:
    """Accuracy, or minus the standardised mean squared error: higher is better."""
    layout = slow.layout
    with torch.no_grad():
        prediction = slow(mask_targets(validation.encoded, layout))
    score = score_targets(
        prediction,
        layout.values(validation.encoded),
        layout.is_target.to(prediction.device).expand(len(prediction), -1),
        layout,
    )
    accuracy = score.accuracy.item()
    return -score.loss.item() if math.isnan(accuracy) else accuracy
