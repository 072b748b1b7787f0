"""The training loop: one optimizer, one loss, any module, any step."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from torch.optim.swa_utils import AveragedModel
from torch.utils._pytree import tree_leaves

from . import watch
from .checkpoint import load_checkpoint, save_checkpoint
from .seeds import process, rng_state, set_rng_state

Step = Callable[[nn.Module, Any], Tensor | Mapping[str, Any]]
Batches = Iterable[Any] | Callable[[int], Iterable[Any]]


@dataclass
class History:
    """What happened, step by step.

    Args:
        metrics: name → one value a step; ``"loss"`` is always there.
        validation: (step, value) of every validation.
        best_step: the step of the first best validation, None without any.
        best_value: its value.
        step: finished steps.
        epoch: finished epochs.
        batch: finished steps of the epoch under way.
    """

    metrics: dict[str, list[float]] = field(default_factory=dict)
    validation: list[tuple[int, float]] = field(default_factory=list)
    best_step: int | None = None
    best_value: float = -math.inf
    step: int = 0
    epoch: int = 0
    batch: int = 0

    def record(self, values: Mapping[str, float]) -> None:
        """Count a step."""
        self.step, self.batch = self.step + 1, self.batch + 1
        for name, value in values.items():
            self.metrics.setdefault(name, []).append(value)


def fit(
    module: nn.Module,
    step: Step,
    batches: Batches,
    *,
    optimizer: Optimizer,
    scheduler: LRScheduler | None = None,
    num_epochs: int | None = None,
    num_steps: int | None = None,
    validate: Callable[[nn.Module], float] | None = None,
    validate_every: int | None = None,
    patience: int | None = None,
    grad_clip: float | None = None,
    ema: AveragedModel | None = None,
    checkpoint_dir: str | Path | None = None,
    checkpoint_every: float = 30.0,
    after_step: Sequence[Callable[[History], Any]] = (),
) -> History:
    """Train a module; it ends with its best validated weights, else with its last ones.

    A run that is killed and started again with the same ``checkpoint_dir`` ends with the weights
    of an undisturbed run, bit for bit: parameters, optimizer, scheduler, average, every global
    generator and the place in the epoch are kept. Draw anything random from those generators or
    from :func:`~neurarium.engine.derived_generator`. Under ``torchrun`` every process takes its
    share of each batch of :class:`~neurarium.engine.Batches` and gradients are averaged.

    Args:
        module: what is trained.
        step: ``step(module, batch)`` returns the loss, or a dict of numbers with ``"loss"``.
        batches: anything that can be iterated again, or ``batches(epoch)`` that returns such.
        optimizer: over the module's parameters.
        scheduler: steps after every optimizer step.
        num_epochs: length of the run, or else
        num_steps: its length in optimizer steps.
        validate: ``validate(module)`` in evaluation mode, without gradients; higher is better.
        validate_every: steps between validations; None for one after every epoch.
        patience: validations without improvement after which the run ends.
        grad_clip: largest global L2 norm of the gradient.
        ema: an average (:func:`neurarium.optim.ema_model`) that follows every step; it is what is
            validated and what the module ends with.
        checkpoint_dir: folder that is resumed from and written to.
        checkpoint_every: seconds between checkpoints, 0 for one after every step.
        after_step: called with the history so far; the run ends when one returns True. What has a
            ``state_dict`` (or is a method of what has) is part of the checkpoint.

    Returns:
        The history of the run, of resumed parts too.

    Raises:
        FloatingPointError: the loss, a gradient or a weight is not finite: step, batch and the
            first bad module are named.
        TypeError: ``step`` returned no loss.
        ValueError: not exactly one length, no batches, a validation that is NaN.

    Example:
        >>> from neurarium.engine import Batches, seed_everything
        >>> seed_everything(0)
        >>> x = torch.linspace(-1, 1, 32)[:, None]
        >>> model = nn.Linear(1, 1)
        >>> history = fit(
        ...     model,
        ...     lambda model, batch: (model(batch) - 2 * batch).square().mean(),
        ...     Batches(x, batch_size=8),
        ...     optimizer=torch.optim.SGD(model.parameters(), lr=0.5),
        ...     num_epochs=20,
        ... )
        >>> history.step, round(model.weight.item(), 3)
        (80, 2.0)
    """
    if (num_epochs is None) == (num_steps is None):
        raise ValueError(f"one length must be given: got {num_epochs=} and {num_steps=}")
    if validate is None and (patience is not None or validate_every is not None):
        raise ValueError("patience and validate_every must come with validate: got None")
    if dist.is_available() and dist.is_torchelastic_launched() and not dist.is_initialized():
        dist.init_process_group()
    run = _Run(module, step, optimizer, scheduler, ema, grad_clip, validate, after_step)
    path = None if checkpoint_dir is None else Path(checkpoint_dir) / "checkpoint.safetensors"
    if path is not None and _agreed(path.exists()):
        run.load_state_dict(load_checkpoint(path))
    run.start()
    history, saved = run.history, time.monotonic()

    def over() -> bool:
        enough = history.epoch >= num_epochs if num_epochs else history.step >= (num_steps or 0)
        return enough or run.stopped or (patience is not None and run.stale >= patience)

    while not over():
        for batch in run.rest_of_epoch(batches):
            run.advance(batch)
            if validate_every and history.step % validate_every == 0:
                run.judge()
            if over():
                break
            if path is not None and _agreed(time.monotonic() - saved >= checkpoint_every):
                save_checkpoint(path, run.state_dict())
                saved = time.monotonic()
        else:
            history.epoch, history.batch = history.epoch + 1, 0
            if not validate_every:
                run.judge()
    run.judge()
    if path is not None:
        save_checkpoint(path, run.state_dict())
    run.finish()
    return history


@dataclass
class _Run:
    """Everything that a checkpoint holds, and what a step does to it."""

    module: nn.Module
    step: Step
    optimizer: Optimizer
    scheduler: LRScheduler | None
    ema: AveragedModel | None
    grad_clip: float | None
    validate: Callable[[nn.Module], float] | None
    after_step: Sequence[Callable[[History], Any]]
    history: History = field(default_factory=History)
    best: dict[str, Tensor] | None = None
    epoch_rng: dict[str, Any] = field(default_factory=dict)
    stopped: bool = False
    replicated: bool = False

    @property
    def result(self) -> nn.Module:
        """What is validated and handed out."""
        return self.module if self.ema is None else self.ema.module

    @property
    def place(self) -> str:
        """The step under way, for messages."""
        done = self.history
        return f"step {done.step + 1} (batch {done.batch + 1} of epoch {done.epoch + 1})"

    @property
    def stale(self) -> int:
        """Validations since the best one."""
        return sum(step > (self.history.best_step or 0) for step, _ in self.history.validation)

    def start(self) -> None:
        """Into training mode, with the same weights in all processes."""
        self.module.train()
        self.replicated = _is_replicated(self.module)
        if self.replicated:
            for tensor in (*self.module.parameters(), *self.module.buffers()):
                dist.broadcast(tensor.detach(), 0)

    def rest_of_epoch(self, batches: Batches) -> Iterator[Any]:
        """The batches not yet seen, in the order of a run that was never interrupted."""
        here, seen = rng_state(), self.history.batch
        if seen:  # resumed: loaders draw their order when the epoch begins
            set_rng_state(self.epoch_rng)
        else:
            self.epoch_rng = here
        rest = iter(batches(self.history.epoch) if callable(batches) else batches)
        for _ in itertools.islice(rest, seen):
            pass
        if seen:
            set_rng_state(here)
        yield from rest
        if not self.history.batch:
            raise ValueError(
                f"batches must not be empty: got none in epoch {self.history.epoch + 1}"
            )

    def advance(self, batch: Any) -> None:
        """One optimizer step."""
        self.optimizer.zero_grad()
        metrics = _with_loss(self.step(self.module, batch))
        values = {k: float(v.detach() if isinstance(v, Tensor) else v) for k, v in metrics.items()}
        if not math.isfinite(values["loss"]):
            cause = watch.explain(self.module, self.step, batch)
            raise FloatingPointError(f"loss is {values['loss']} at {self.place}: {cause}")
        metrics["loss"].backward()
        if self.replicated:
            average_gradients(self.module, batch)
        if self.grad_clip is not None:
            norm = clip_grad_norm_(self.module.parameters(), self.grad_clip)
            if not norm.isfinite():
                name = watch.bad_parameter(self.module, gradient=True)
                raise FloatingPointError(f"gradient of {name!r} is not finite at {self.place}")
        self.optimizer.step()
        if self.scheduler is not None:
            self.scheduler.step()
        if self.ema is not None:
            self.ema.update_parameters(self.module)
        self.history.record(values)
        answers = [callback(self.history) for callback in self.after_step]
        self.stopped = bool(answers) and _agreed(any(answer is True for answer in answers))

    def judge(self) -> None:
        """Validate, unless this step already was, and keep the weights if they are the best."""
        done = self.history
        if self.validate is None or (done.validation and done.validation[-1][0] == done.step):
            return
        self.result.eval()
        with torch.no_grad():
            value = _agreed(float(self.validate(self.result)))
        self.result.train()
        if math.isnan(value):
            raise ValueError(f"validate must return a number: got nan after step {done.step}")
        done.validation.append((done.step, value))
        if done.best_step is None or value > done.best_value:
            done.best_step, done.best_value = done.step, value
            self.best = {k: v.detach().clone() for k, v in self.result.state_dict().items()}

    def check_weights(self) -> None:
        """A gradient that was not finite shows in the weights: such are never saved."""
        if name := watch.bad_parameter(self.module):
            raise FloatingPointError(f"{name!r} is not finite after step {self.history.step}")

    def parts(self) -> list[Any]:
        """What has a state of its own, callbacks included."""
        owners = [getattr(callback, "__self__", callback) for callback in self.after_step]
        parts = [self.module, self.optimizer, self.scheduler, self.ema, *owners]
        return [part for part in parts if hasattr(part, "state_dict")]

    def state_dict(self) -> dict[str, Any]:
        """Everything that :meth:`load_state_dict` needs to continue bit for bit."""
        self.check_weights()
        kept = self.history.metrics.items()
        return {
            "parts": [part.state_dict() for part in self.parts()],
            "best": self.best,
            "history": vars(self.history)
            | {"metrics": {k: torch.tensor(v, dtype=torch.float64) for k, v in kept}},
            "rng": _of_all_processes([self.epoch_rng, rng_state()]),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue where :meth:`state_dict` was called."""
        parts, (rank, size) = self.parts(), process()
        if (len(state["rng"]), len(state["parts"])) != (size, len(parts)):
            raise ValueError(
                "checkpoint must come from as many processes, and as many parts with a state: got "
                f"{len(state['rng'])} and {len(state['parts'])}, not {size} and {len(parts)}"
            )
        for part, saved in zip(parts, state["parts"], strict=True):
            part.load_state_dict(saved)
        self.best = state["best"]
        vars(self.history).update(state["history"])
        self.history.metrics = {k: v.tolist() for k, v in state["history"]["metrics"].items()}
        self.epoch_rng, here = state["rng"][rank]
        set_rng_state(here)

    def finish(self) -> None:
        """Give the module the best weights, or the average where nothing was validated."""
        self.check_weights()
        self.module.load_state_dict(self.best or self.result.state_dict())


def average_gradients(module: nn.Module, batch: Any) -> None:
    """Replace each gradient by that of the joint batch: the processes' mean, weighted by rows."""
    params = [p for p in module.parameters() if p.requires_grad]
    device, kind = params[0].device, torch.promote_types(params[0].dtype, torch.float32)
    rows = next((len(x) for x in tree_leaves(batch) if isinstance(x, Tensor) and x.ndim), 1)
    grads = [torch.zeros_like(p) if p.grad is None else p.grad for p in params]
    marks = torch.tensor([rows, *(p.grad is not None for p in params)], dtype=kind, device=device)
    joint = torch.cat([marks, *(rows * grad.to(kind).flatten() for grad in grads)])
    dist.all_reduce(joint)
    marks, *sums = joint.split([len(marks), *(p.numel() for p in params)])
    for p, used, total in zip(params, marks[1:].tolist(), sums, strict=True):
        p.grad = (total / marks[0]).view_as(p).to(p.dtype) if used else None


def _is_replicated(module: nn.Module) -> bool:
    """Whether gradients must be averaged here: not if torch's own wrappers already do it."""
    if process()[1] == 1 or isinstance(module, nn.parallel.DistributedDataParallel):
        return False
    from torch.distributed.tensor import DTensor

    return not any(isinstance(p, DTensor) for p in module.parameters())


def _of_all_processes(value: Any) -> list[Any]:
    values = [value] * process()[1]
    if len(values) > 1:
        dist.all_gather_object(values, value)
    return values


def _agreed(value: Any) -> Any:
    """The first process's value, so that all take the same way."""
    return _of_all_processes(value)[0]


def _with_loss(result: Tensor | Mapping[str, Any]) -> Mapping[str, Any]:
    metrics = result if isinstance(result, Mapping) else {"loss": result}
    loss, kind = metrics.get("loss"), type(result).__name__
    if not isinstance(loss, Tensor):
        raise TypeError(f"step must return a loss or a dict with 'loss': got {kind}")
    if loss.numel() != 1:
        raise ValueError(f"step must return one number as loss: got shape {tuple(loss.shape)}")
    return metrics
