r"""Candidates for the next dendrite of one layer, trained on what the layer saw.

The network is fixed while dendrites learn (https://arxiv.org/abs/2501.18018), so the inputs and
errors of a layer are recorded once and a candidate's epoch costs one layer, not one network.
"""

from __future__ import annotations

import copy
import math

import torch
from torch import Tensor, nn

from neurarium.neurons.dendrite_objective import (
    RunningCovariance,
    correlation_objective,
    covariance,
)
from neurarium.neurons.dendrites import Dendritic

ROWWISE = (nn.BatchNorm1d, nn.BatchNorm2d)
MIXING = (nn.Linear, nn.Conv1d, nn.Conv2d)
IMPROVEMENT = 1e-3
"""Relative growth of |Cov| that counts."""


class CandidatePool:
    """Several candidates of one layer; each neuron keeps its best one.

    Adam moves every weight by about its rate, so that a neuron with many inputs moves further, and
    saturates: the rate is divided by the root of their number, as initial weights are.

    Args:
        layer: the layer, whose own parameters are never touched.
        size: candidates.
        lr: of Adam on D and v, for a neuron with one input.

    Example:
        >>> layer = Dendritic(nn.Linear(3, 2))
        >>> x, errors = torch.randn(64, 3), torch.randn(64, 2)
        >>> pool = CandidatePool(layer, size=2, lr=0.1)
        >>> first = pool.measure(x, errors)
        >>> for _ in range(20):
        ...     pool.learn(x, errors)
        >>> bool((pool.measure(x, errors) > first).all())
        True
    """

    def __init__(self, layer: Dendritic, *, size: int, lr: float) -> None:
        assert layer.num_neurons is not None
        self.layer = layer
        like = next(layer.module.parameters())
        shape = (layer.num_dendrites, layer.num_neurons)
        self.members = [layer.new_dendrite().train() for _ in range(size)]
        self.between = [like.new_zeros(shape).requires_grad_() for _ in range(size)]
        parameters = [p for member in self.members for p in member.parameters()]
        num_inputs = max((p[0].numel() for p in parameters if p.ndim > 1), default=1)
        self.optimizer = torch.optim.Adam([*parameters, *self.between], lr / num_inputs**0.5)
        self.running: list[RunningCovariance | None] = [None] * size
        self.best = like.new_full((layer.num_neurons,), -1.0)
        self.best_dendrite = copy.deepcopy(self.members[0])
        self.best_between = self.between[0].detach().clone()

    def learn(self, x: Tensor, errors: Tensor) -> None:
        """One step of all candidates up their covariance with one batch of errors."""
        with torch.no_grad():
            earlier = self.layer.dendrite_outputs(x)
        total = x.new_zeros(())
        with torch.enable_grad():
            for place, member in enumerate(self.members):
                outputs = self.layer.respond(member, self.between[place], x, earlier)
                loss, self.running[place] = correlation_objective(
                    outputs, errors, self.running[place], neuron_dim=self.layer.neuron_dim
                )
                total = total + loss
            gradients = torch.autograd.grad(total, self._parameters(), allow_unused=True)
        for parameter, gradient in zip(self._parameters(), gradients, strict=True):
            parameter.grad = gradient
        self.optimizer.step()

    @torch.no_grad()
    def measure(self, x: Tensor, errors: Tensor) -> Tensor:
        """|Cov| of each neuron's best candidate so far; better ones are kept."""
        earlier = self.layer.dendrite_outputs(x)
        for place, member in enumerate(self.members):
            member.eval()
            outputs = self.layer.respond(member, self.between[place], x, earlier)
            member.train()
            found = covariance(outputs, errors, neuron_dim=self.layer.neuron_dim).abs()
            if is_rowwise(self.layer.module, self.layer.neuron_dim, outputs.ndim):
                better = found > self.best
            else:
                better = (found.sum() > self.best.sum()).expand_as(found)
            self._keep(place, found, better)
        return self.best.clone()

    def _keep(self, place: int, found: Tensor, better: Tensor) -> None:
        self.best = torch.where(better, found, self.best)
        self.best_between[:, better] = self.between[place].detach()[:, better]
        now = self.members[place].state_dict()
        if better.all():
            self.best_dendrite.load_state_dict(now)
        elif better.any():
            for name, value in self.best_dendrite.state_dict().items():
                rows = better if value.ndim else ...  # a batch norm's counter is one number
                value[rows] = now[name][rows]

    def _parameters(self) -> list[Tensor]:
        return [p for group in self.optimizer.param_groups for p in group["params"]]


def is_rowwise(module: nn.Module, neuron_dim: int, ndim: int) -> bool:
    """Whether each neuron has rows of its own, so that candidates can be mixed neuron by neuron.

    Args:
        module: of the layer.
        neuron_dim: the axis of its output that counts neurons.
        ndim: axes of its output.

    Example:
        >>> is_rowwise(nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4)), 1, 4)
        True
        >>> is_rowwise(nn.Linear(3, 4), 1, 3)  # neurons along time
        False
    """
    kinds = [type(part) for part in module.modules()
             if type(part) not in (nn.Sequential, nn.Identity)]  # fmt: skip
    axes = [-1 if kind is nn.Linear else 1 for kind in kinds]
    if any((axis - neuron_dim) % ndim for axis in axes):
        return False
    # a norm before the weights has rows of inputs, which all neurons share
    return bool(kinds) and kinds[0] in MIXING and all(kind in ROWWISE for kind in kinds[1:])


def batches_of(x: Tensor, batch_size: int) -> tuple[Tensor, ...]:
    """Random rows of x in even batches, of two rows at least: batch norms need them.

    Example:
        >>> [len(rows) for rows in batches_of(torch.zeros(9, 3), batch_size=4)]
        [3, 3, 3]
    """
    count = max(1, min(math.ceil(len(x) / batch_size), len(x) // 2))
    return torch.randperm(len(x), device=x.device).tensor_split(count)


def train_pool(
    pool: CandidatePool,
    x: Tensor,
    errors: Tensor,
    *,
    num_epochs: int,
    patience: int,
    batch_size: int,
) -> int:
    """Train until no neuron's |Cov| has improved for ``patience`` epochs; the epochs it took.

    Example:
        >>> pool = CandidatePool(Dendritic(nn.Linear(3, 2)), size=1, lr=0.05)
        >>> data = torch.randn(64, 3), torch.randn(64, 2)
        >>> train_pool(pool, *data, num_epochs=5, patience=5, batch_size=32)
        5
    """
    best, since = pool.measure(x, errors), 0
    for epoch in range(num_epochs):
        for batch in batches_of(x, batch_size):
            pool.learn(x[batch], errors[batch])
        now = pool.measure(x, errors)
        since = 0 if bool((now > (1 + IMPROVEMENT) * best).any()) else since + 1
        best = torch.maximum(best, now)
        if since >= patience:
            return epoch + 1
    return num_epochs
