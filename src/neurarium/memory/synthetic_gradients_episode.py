r"""One episode of training with synthetic gradients, by either interface (arXiv 2011.05438).

``state``: the episode is cut into chunks. Inside a chunk gradients are true; at its end the
feedback network S stands for the gradient of what follows with respect to all that is carried on,

    J = sum_{t in chunk} l_t + < stopgrad S(u_end), state_end > / B,

and S learns from the gradient of the next chunk's J with respect to the state that it starts from.

``controller``: what the read, output and write controllers put out is cut off from all that follows
and each learns from its own S alone, sum_t < stopgrad S_c(u_t), emission_t > / B. S_c learns from
the true gradients of the emissions, by back-propagation through the whole episode (the slow pass).

Predictions are of the batch's mean loss times B, so that they do not depend on the batch size.
Both are generators that pause after every update of the feedback network's gradient, so that
several networks can share one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn import functional as F

from neurarium.memory.memory_network import NeuralMemoryNetwork

if TYPE_CHECKING:
    from neurarium.memory.synthetic_gradients_trainer import SyntheticGradientTrainer

State = Any
"""A tuple of tensors whose first axis is the batch."""


@dataclass
class Tally:
    """What an episode leaves behind: sums over its chunks."""

    loss: float = 0.0
    feedback_losses: list[float] = field(default_factory=list)
    cosines: list[float] = field(default_factory=list)
    num_skipped: int = 0


def by_role(state: State) -> dict[str, Tensor]:
    """The tensors of a state by role: its own division, else all in one role ``"state"``."""
    if hasattr(state, "by_role"):
        return state.by_role()
    return {"state": torch.cat(tuple(state), -1)}


def detach(state: State, *, requires_grad: bool = False) -> State:
    """The same state without a past."""
    parts = [part.detach().requires_grad_(requires_grad) for part in state]
    return state._make(parts) if hasattr(state, "_make") else tuple(parts)


def run(model: Any, x: Tensor, state: State) -> tuple[Tensor, State, Tensor | None]:
    """Outputs, the state after them, and what was read in the last step where there is a memory."""
    if isinstance(model, NeuralMemoryNetwork):
        emitted, state = model.cell.unroll(x, state)
        return model.head(torch.stack(emitted.output, 1)), state, emitted.read[-1].detach()
    output, state = model(x, state=state, return_state=True)
    return output, state, None


def state_episode(
    trainer: SyntheticGradientTrainer, inputs: Tensor, targets: Tensor
) -> Iterator[Tally]:
    """Chunk by chunk; controllers step after each, everything else after the last."""
    tally, batch, length = Tally(), len(inputs), inputs.shape[1]
    state = trainer.model.init_state(batch)
    earlier: tuple[list[Tensor], Tensor | None] | None = None  # what S saw at the boundary before
    carried: list[Tensor] = []
    for start in range(0, length, trainer.chunk_size):
        end = min(start + trainer.chunk_size, length)
        output, after, read = run(trainer.model, inputs[:, start:end], state)
        objective = trainer.episode_loss(output, targets[:, start:end])
        tally.loss += objective.item()
        seen = None
        if trainer.feedback is not None and end < length:  # after the last step no loss follows
            roles = by_role(after)
            condition = trainer.condition(read, output[:, -1], targets[:, end - 1])
            seen = [part.detach() for part in roles.values()], condition
            gradients = trainer.predict(*seen, tally)
            if gradients is not None:
                objective = objective + _inner(gradients, roles.values()) / batch
        found = trainer.gradients(objective, carried)
        if earlier is not None:
            goal = by_role(type(state)(*found) if hasattr(state, "_make") else tuple(found))
            trainer.learn_feedback(*earlier, [batch * part for part in goal.values()], tally)
        trainer.fast_step()
        yield tally
        state = detach(after, requires_grad=True)
        carried, earlier = list(state), seen
    trainer.slow_step()


def controller_episode(
    trainer: SyntheticGradientTrainer, inputs: Tensor, targets: Tensor
) -> Iterator[Tally]:
    """The slow pass with true gradients, then the fast pass with synthetic ones."""
    tally, model = Tally(), trainer.model
    emitted, _ = model.cell.unroll(inputs)
    output = model.head(torch.stack(emitted.output, 1))
    objective = trainer.episode_loss(output, targets)
    tally.loss = objective.item()
    roles = (emitted.read_hidden, emitted.output, emitted.write_hidden)
    warm = trainer.is_warm
    found = trainer.gradients(objective, [part for steps in roles for part in steps])
    features = [torch.stack(steps, 1).detach() for steps in roles]
    condition = trainer.condition(torch.stack(emitted.read, 1).detach(), output, targets)
    length = inputs.shape[1]
    goals = [
        len(inputs) * torch.stack(found[start : start + length], 1)
        for start in range(0, len(found), length)
    ]
    trainer.learn_feedback(features, condition, goals, tally)
    if not warm:
        trainer.fast_step()
    yield tally
    trainer.slow_step()
    if warm:
        trainer.clear_fast()
        decoupled_pass(trainer, inputs, targets, tally)


def decoupled_pass(
    trainer: SyntheticGradientTrainer,
    inputs: Tensor,
    targets: Tensor,
    tally: Tally,
    *,
    revealed: Tensor | None = None,
) -> None:
    """Each controller learns from its own synthetic gradient, chunk by chunk."""
    model, batch = trainer.model, len(inputs)
    state = detach(model.init_state(batch))
    for start in range(0, inputs.shape[1], trainer.chunk_size):
        span = slice(start, start + trainer.chunk_size)
        x = inputs[:, span]
        with torch.no_grad():
            emitted, after = model.cell.unroll(x, state)
            output = model.head(torch.stack(emitted.output, 1))
        condition = trainer.condition(
            torch.stack(emitted.read, 1),
            output,
            targets[:, span],
            None if revealed is None else revealed[:, span],
        )
        roles = model.cell.replay(x, emitted, state)
        gradients = trainer.predict([part.detach() for part in roles], condition, tally)
        if gradients is not None:
            trainer.gradients(_inner(gradients, roles) / batch, [])
            trainer.fast_step()
        state = after


def state_pass(
    trainer: SyntheticGradientTrainer,
    inputs: Tensor,
    targets: Tensor,
    tally: Tally,
    *,
    revealed: Tensor | None = None,
) -> None:
    """One step of the controllers from the synthetic gradients of every state, each through the one
    step that made it.
    """
    model, batch = trainer.model, len(inputs)
    state, terms = detach(model.init_state(batch)), []
    for t in range(inputs.shape[1]):
        output, after, read = run(model, inputs[:, t : t + 1], state)
        roles = by_role(after)
        condition = trainer.condition(
            read,
            output[:, -1].detach(),
            targets[:, t],
            None if revealed is None else revealed[:, t],
        )
        seen = [part.detach() for part in roles.values()]
        gradients = trainer.predict(seen, condition, tally)
        if gradients is not None:
            terms.append(_inner(gradients, roles.values()) / batch)
        state = detach(after)
    if terms:
        trainer.gradients(torch.stack(terms).sum(), [])
        trainer.fast_step()


def cosines(predicted: Sequence[Tensor], goals: Sequence[Tensor]) -> list[float]:
    """Cosine between prediction and goal of each role whose goal is not zero, as whole vectors."""
    return [
        F.cosine_similarity(mine.flatten(), goal.flatten(), dim=0).item()
        for mine, goal in zip(predicted, goals, strict=True)
        if goal.any()
    ]


def _inner(gradients: Sequence[Tensor], parts: Any) -> Tensor:
    return torch.stack([(g * p).sum() for g, p in zip(gradients, parts, strict=True)]).sum()
