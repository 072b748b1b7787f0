"""Training with synthetic gradients: fast controllers, slow everything else (arXiv 2011.05438)."""

from __future__ import annotations

import copy
import itertools
import math
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from neurarium.memory.arguments import require_count
from neurarium.memory.memory_network import NeuralMemoryNetwork
from neurarium.memory.synthetic_gradients import Interface
from neurarium.memory.synthetic_gradients_checks import (
    check_batch,
    check_feedback,
    check_init_state,
    check_interface,
    check_optimizers,
    check_revealed,
)
from neurarium.memory.synthetic_gradients_episode import (
    Tally,
    by_role,
    controller_episode,
    cosines,
    decoupled_pass,
    state_episode,
    state_pass,
)

Loss = Callable[[Tensor, Tensor], Tensor]
Batch = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class SyntheticGradientStep:
    """What one update saw.

    Args:
        loss: of the episode, summed over its steps, averaged over the batch, each chunk before its
            update.
        feedback_loss: mean square error of the feedback network, summed over roles and averaged
            over boundaries; NaN where nothing was predicted.
        cosine: between what it predicted and its targets, averaged over roles and boundaries with a
            target; below about 0.3 synthetic gradients cannot be expected to help.
        num_skipped: chunks whose prediction was not finite and was left out.
    """

    loss: float
    feedback_loss: float
    cosine: float
    num_skipped: int


class SyntheticGradientTrainer:
    r"""Trains a recurrent model chunk by chunk, with predicted gradients for what lies beyond.

    `Fast & Slow Learning <https://arxiv.org/abs/2011.05438>`_ with
    `Decoupled Neural Interfaces <https://arxiv.org/abs/1608.05343>`_. Fast: the controllers, one
    optimiser step a chunk. Slow: all other parameters, one step an episode, and the feedback
    network, by an optimiser of its own. Two interfaces, never mixed:

    - ``"state"``: at the end of a chunk each carried tensor gets a synthetic gradient; inside it
      gradients are true. Works for any model below.
    - ``"controller"``: what each controller puts out gets one at every step, and no controller sees
      another's gradient. For :class:`NeuralMemoryNetwork`.

    Until the feedback network has had ``warmup`` updates its output is not used: training is by
    truncated back-propagation (``"state"``) or by that through the whole episode
    (``"controller"``). Without feedback the trainer is truncated back-propagation throughout, and
    with a chunk as long as the episode it is plain back-propagation through time.

    Args:
        model: ``init_state(batch_size) -> tuple of tensors (B, …)`` and
            ``model(x, state=state, return_state=True) -> (y, state)``; the state may divide itself
            into roles (``by_role()``), else it is one role, ``"state"``.
        feedback: a :class:`SyntheticGradient` of the roles' widths; None for truncation alone.
        loss: ``loss(output (B, T, …), target (B, T, …)) -> (B, T)``; mean square error by default.
        chunk_size: steps of a chunk.
        interface: ``"state"`` or ``"controller"``.
        fast_optimizer: of the controllers; by default Adam 2e-3 of ``model.controllers()``, or of
            all parameters where there is no such method.
        slow_optimizer: of the rest; by default Adam 1e-3; must share no parameter with the fast
            one, or a path would count twice.
        feedback_optimizer: by default Adam 1e-3.
        warmup: updates of the feedback network before it is used.
        max_norm: greatest norm of the gradient of each optimiser of the model; None for any.
        error: ``error(output (…, out), target (…)) -> (…, E)``, shown to the feedback network after
            what was read; None shows none.

    Raises:
        TypeError: for a model without the methods above, a state that is no tuple of tensors, and a
            chunk size that is no whole number.
        ValueError: for widths of feedback and model that differ, shared parameters, a chunk size
            below 1, a norm that is not positive, an unknown interface.

    Example:
        >>> from neurarium.memory import NeuralMemoryCell, NeuralMemoryNetwork, SyntheticGradient
        >>> model = NeuralMemoryNetwork(NeuralMemoryCell(2, 8, num_slots=4), nn.Linear(8, 1))
        >>> trainer = SyntheticGradientTrainer(model, SyntheticGradient.for_cell(model.cell))
        >>> step = trainer.step((torch.randn(6, 10, 2), torch.randn(6, 10, 1)))
        >>> step.loss > 0, step.num_skipped, trainer.num_feedback_updates
        (True, 0, 1)
    """

    def __init__(
        self,
        model: Any,
        feedback: nn.Module | None = None,
        *,
        loss: Loss | None = None,
        chunk_size: int = 5,
        interface: Interface = "state",
        fast_optimizer: torch.optim.Optimizer | None = None,
        slow_optimizer: torch.optim.Optimizer | None = None,
        feedback_optimizer: torch.optim.Optimizer | None = None,
        warmup: int = 200,
        max_norm: float | None = 1.0,
        error: Loss | None = None,
    ) -> None:
        require_count("chunk_size", chunk_size)
        check_interface(interface)
        if warmup < 0:
            raise ValueError(f"warmup must be at least 0: got {warmup}")
        if max_norm is not None and not max_norm > 0:
            raise ValueError(f"max_norm must be positive: got {max_norm}")
        self.model, self.feedback, self.interface = model, feedback, interface
        self.loss = mean_square_loss if loss is None else loss
        self.chunk_size, self.warmup, self.max_norm = chunk_size, warmup, max_norm
        self.error = error
        self._check_model()
        fast = _controller_parameters(model)
        self.fast_optimizer = fast_optimizer or torch.optim.Adam(fast, 2e-3, fused=True)
        given = _parameters(self.fast_optimizer)
        rest = [p for p in model.parameters() if p.requires_grad and all(p is not q for q in given)]
        if slow_optimizer is None and rest:
            slow_optimizer = torch.optim.Adam(rest, 1e-3, fused=True)
        self.slow_optimizer = slow_optimizer
        self.fast = given
        self.slow = _parameters(slow_optimizer) if slow_optimizer else []
        check_optimizers(model, self.fast, self.slow)
        if feedback is not None and feedback_optimizer is None:
            feedback_optimizer = torch.optim.Adam(feedback.parameters(), 1e-3, fused=True)
        self.feedback_optimizer = feedback_optimizer
        self.num_feedback_updates = 0

    def step(self, batch: Batch) -> SyntheticGradientStep:
        """One episode: all its chunks, with their updates.

        Args:
            batch: inputs (B, T, …) and targets (B, T, …).

        Raises:
            TypeError: for a batch that is no pair of tensors.
            ValueError: for an empty sequence, targets of other leading sizes, and a loss that is
                not one number a step.
            FloatingPointError: for a loss that is not finite.
        """
        return step_together([self], [batch])[0]

    @contextmanager
    def adapt(
        self, batch: Batch, num_steps: int = 1, *, revealed: Tensor | None = None
    ) -> Iterator[Any]:
        """Inside the ``with`` block the model's controllers are adapted to new episodes.

        By synthetic gradients alone: no loss, no back-propagation through time. Afterwards
        parameters and optimiser are what they were, bit for bit.

        Args:
            batch: inputs, and targets, which only the feedback network's ``error`` uses: NaN, or a
                negative class, where the task hides them.
            num_steps: passes over the batch.
            revealed: (B, T), True where the task shows the target; nowhere by default.

        Raises:
            ValueError: for a target that is given where the task hides it.
            RuntimeError: without a feedback network.
        """
        require_count("num_steps", num_steps)
        if self.feedback is None:
            raise RuntimeError("feedback must be given to adapt: got None")
        if self.num_feedback_updates < max(self.warmup, 1):
            warnings.warn(
                f"feedback is untrained: {self.num_feedback_updates} updates", stacklevel=3
            )
        inputs, targets = check_batch(batch)
        revealed = check_revealed(inputs, targets, revealed)
        stored = [p.detach().clone() for p in self.fast]
        moments = copy.deepcopy(self.fast_optimizer.state_dict())
        try:
            shown, tally = _without_hidden(targets, revealed), Tally()
            one_pass = state_pass if self.interface == "state" else decoupled_pass
            with torch.enable_grad():  # one adapts where one tests, mostly under `no_grad`
                for _ in range(num_steps):
                    one_pass(self, inputs, shown, tally, revealed=revealed)
            if tally.num_skipped:
                warnings.warn(
                    f"feedback is not finite: {tally.num_skipped} predictions were left out",
                    stacklevel=3,
                )
            yield self.model
        finally:
            with torch.no_grad():
                for parameter, value in zip(self.fast, stored, strict=True):
                    parameter.copy_(value)
            self.fast_optimizer.load_state_dict(moments)

    def state_dict(self) -> dict[str, Any]:
        """All optimisers and the warm-up; model and feedback network are saved as modules."""
        return {
            "num_feedback_updates": self.num_feedback_updates,
            **{name: optimizer.state_dict() for name, optimizer in self._optimizers().items()},
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where :meth:`state_dict` was taken.

        Args:
            state: what it returned, of a trainer with the same optimisers.

        Raises:
            ValueError: for other optimisers.
        """
        optimizers = self._optimizers()
        if set(state) != {"num_feedback_updates", *optimizers}:
            raise ValueError(
                f"state must hold num_feedback_updates, {', '.join(optimizers)}: got "
                f"{', '.join(state)}"
            )
        self.num_feedback_updates = int(state["num_feedback_updates"])
        for name, optimizer in optimizers.items():
            optimizer.load_state_dict(state[name])

    @property
    def is_warm(self) -> bool:
        """Whether the feedback network has had enough updates to be used."""
        return self.num_feedback_updates >= self.warmup

    def episode(self, batch: Batch) -> Iterator[Tally]:
        """The chunks of one episode; the feedback network's gradient adds up, its step is not made.

        Args:
            batch: as in :meth:`step`.
        """
        inputs, targets = check_batch(batch)
        if self.chunk_size > inputs.shape[1]:
            warnings.warn(
                f"chunk_size exceeds the sequence, which is trained as a whole: {self.chunk_size} "
                f"and {inputs.shape[1]}",
                stacklevel=4,
            )
        self.clear_fast()
        if self.slow_optimizer is not None:
            self.slow_optimizer.zero_grad()
        run = state_episode if self.interface == "state" else controller_episode
        return run(self, inputs, targets)

    def episode_loss(self, output: Tensor, targets: Tensor) -> Tensor:
        """Summed over steps, averaged over the batch."""
        losses = self.loss(output, targets)
        if losses.shape != output.shape[:2]:
            raise ValueError(
                f"loss must return one number a step, {list(output.shape[:2])}: got "
                f"{list(losses.shape)}"
            )
        return losses.sum(1).mean()

    def condition(
        self,
        read: Tensor | None,
        output: Tensor,
        target: Tensor,
        shown: Tensor | None = None,
    ) -> Tensor | None:
        """What the feedback network is shown next to the features: what was read, the error."""
        parts = [] if read is None else [read]
        if self.error is not None:
            error = self.error(output.detach(), target).detach()
            parts.append(error if shown is None else error * shown[..., None])
        return torch.cat(parts, -1) if parts else None

    def predict(
        self, features: Sequence[Tensor], condition: Tensor | None, tally: Tally
    ) -> list[Tensor] | None:
        """Synthetic gradients without a graph; None before warm-up, or where one is not finite."""
        if self.feedback is None or not self.is_warm:
            return None
        with torch.no_grad():
            gradients = list(self.feedback(*features, condition=condition))
        if all(bool(gradient.isfinite().all()) for gradient in gradients):
            return gradients
        tally.num_skipped += 1
        return None

    def gradients(self, objective: Tensor, others: list[Tensor]) -> list[Tensor]:
        """Add an objective's gradients to those of the parameters; return those of ``others``.

        One backward pass for all. Nothing here reaches the feedback network.
        """
        if not objective.isfinite():
            raise FloatingPointError(f"loss must be finite: got {objective.item()}")
        wanted = [*self.fast, *self.slow, *others]
        found = torch.autograd.grad(objective, wanted, allow_unused=True)
        num_parameters = len(self.fast) + len(self.slow)
        for parameter, gradient in zip(wanted, found[:num_parameters], strict=False):
            if gradient is None:  # an optimiser skips it, as after `backward()`
                continue
            # Two biases that are added get one tensor, which clipping would scale twice.
            parameter.grad = (
                gradient.clone() if parameter.grad is None else parameter.grad + gradient
            )
        return [
            torch.zeros_like(part) if gradient is None else gradient
            for part, gradient in zip(others, found[num_parameters:], strict=True)
        ]

    def learn_feedback(
        self,
        features: Sequence[Tensor],
        condition: Tensor | None,
        goals: Sequence[Tensor],
        tally: Tally,
    ) -> None:
        """Add the gradient of the feedback loss; goals carry no graph."""
        if self.feedback is None:
            return
        predicted = self.feedback(*features, condition=condition)
        goals = [goal.detach() for goal in goals]
        loss = torch.stack([F.mse_loss(p, g) for p, g in zip(predicted, goals, strict=True)]).sum()
        if not loss.isfinite():
            return
        if loss.requires_grad:  # a frozen network is only compared
            loss.backward()
        tally.feedback_losses.append(loss.item())
        tally.cosines += cosines([p.detach() for p in predicted], goals)

    def fast_step(self) -> None:
        """Clip and step the controllers."""
        self._clip(self.fast)
        self.fast_optimizer.step()
        self.clear_fast()

    def slow_step(self) -> None:
        """Clip and step everything else."""
        if self.slow_optimizer is not None:
            self._clip(self.slow)
            self.slow_optimizer.step()

    def clear_fast(self) -> None:
        """Forget the controllers' gradients."""
        self.fast_optimizer.zero_grad()

    def _optimizers(self) -> dict[str, torch.optim.Optimizer]:
        names = ("fast_optimizer", "slow_optimizer", "feedback_optimizer")
        found = {name: getattr(self, name) for name in names}
        return {name: optimizer for name, optimizer in found.items() if optimizer is not None}

    def _clip(self, parameters: list[Tensor]) -> None:
        if self.max_norm is not None:
            nn.utils.clip_grad_norm_(parameters, self.max_norm)

    def _check_model(self) -> None:
        if self.interface == "controller" and not isinstance(self.model, NeuralMemoryNetwork):
            raise TypeError(
                "model must be a NeuralMemoryNetwork for interface='controller': got "
                f"{type(self.model).__name__}"
            )
        if not hasattr(self.model, "init_state"):
            raise TypeError(f"model must have init_state(): got {type(self.model).__name__}")
        if self.interface == "controller":
            cell = self.model.cell
            roles = {
                "read": cell.memory_size,
                "output": cell.output_size,
                "write": cell.memory_size,
            }
            slots = []
        else:
            state = self.model.init_state(1)
            check_init_state(state)
            parts = by_role(state)
            roles = {name: part.shape[-1] for name, part in parts.items()}
            slots = [name for name, part in parts.items() if part.ndim > 2]
        read = self.model.cell.memory_size if isinstance(self.model, NeuralMemoryNetwork) else 0
        check_feedback(self.feedback, roles, slots, read if self.error is None else None)


def step_together(
    trainers: Sequence[SyntheticGradientTrainer], batches: Sequence[Batch]
) -> list[SyntheticGradientStep]:
    """One episode of several networks that share one feedback network, chunk by chunk.

    Knowledge sharing of `Fast & Slow Learning <https://arxiv.org/abs/2011.05438>`_: the feedback
    network gets the sum of their feedback losses and makes one step for all of them.

    Args:
        trainers: each with the same ``feedback`` and the same ``feedback_optimizer``.
        batches: one for each, as in :meth:`SyntheticGradientTrainer.step`.

    Raises:
        ValueError: where they do not share it, the numbers differ, or there is none.

    Example:
        >>> from neurarium.memory import NeuralMemoryCell, NeuralMemoryNetwork, SyntheticGradient
        >>> def model(): return NeuralMemoryNetwork(NeuralMemoryCell(2, 4), nn.Linear(4, 1))
        >>> first, second = model(), model()
        >>> shared = SyntheticGradient.for_cell(first.cell)
        >>> optimizer = torch.optim.Adam(shared.parameters(), 1e-3)
        >>> trainers = [
        ...     SyntheticGradientTrainer(m, shared, feedback_optimizer=optimizer)
        ...     for m in (first, second)
        ... ]
        >>> batch = torch.randn(3, 10, 2), torch.randn(3, 10, 1)
        >>> len(step_together(trainers, [batch, batch])), trainers[1].num_feedback_updates
        (2, 1)
    """
    if not trainers:
        raise ValueError("trainers must be at least one: got none")
    first, *others = trainers
    if len(batches) != len(trainers):
        raise ValueError(f"batches must be one a trainer: got {len(batches)} for {len(trainers)}")
    if any(
        t.feedback is not first.feedback or t.feedback_optimizer is not first.feedback_optimizer
        for t in others
    ):
        raise ValueError("trainers must share one feedback and one feedback_optimizer")
    episodes = [t.episode(b) for t, b in zip(trainers, batches, strict=True)]
    tallies: dict[int, Tally] = {}
    optimizer = first.feedback_optimizer
    learned = 0
    if optimizer is not None:
        optimizer.zero_grad()
    for chunk in itertools.zip_longest(*episodes):
        tallies |= {index: tally for index, tally in enumerate(chunk) if tally is not None}
        total = sum(len(tally.feedback_losses) for tally in tallies.values())
        if optimizer is not None and total > learned:
            learned = total
            optimizer.step()
            optimizer.zero_grad()
            for trainer in trainers:
                trainer.num_feedback_updates += 1
    return [_summary(tallies[index]) for index in range(len(trainers))]


def mean_square_loss(output: Tensor, target: Tensor) -> Tensor:
    """Square error at every step, averaged over all axes but batch and time."""
    return (output - target).square().flatten(2).mean(2)


def _summary(tally: Tally) -> SyntheticGradientStep:
    def mean(values: list[float]) -> float:
        return math.fsum(values) / len(values) if values else math.nan

    return SyntheticGradientStep(
        tally.loss, mean(tally.feedback_losses), mean(tally.cosines), tally.num_skipped
    )


def _without_hidden(targets: Tensor, revealed: Tensor) -> Tensor:
    """Zeros in place of hidden targets."""
    hidden = ~revealed.reshape(*revealed.shape, *[1] * (targets.ndim - 2))
    return targets.masked_fill(hidden, 0)


def _controller_parameters(model: Any) -> list[nn.Parameter]:
    if hasattr(model, "controllers"):
        return [p for group in model.controllers().values() for p in group]
    return list(model.parameters())


def _parameters(optimizer: torch.optim.Optimizer) -> list[Tensor]:
    return [p for group in optimizer.param_groups for p in group["params"] if p.requires_grad]
