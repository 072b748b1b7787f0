"""Bags as padded tensors, and the training of a bag classifier on them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from neurarium.baselines import BagClassifier
from neurarium.data.containers import Bags
from neurarium.engine import fit


@dataclass(frozen=True, eq=False)
class PaddedBags:
    """Bags of one set.

    Args:
        instances: (B, S, …), zeros where there is padding.
        mask: (B, S), True for real instances.
        labels: (B,), 0 or 1.
    """

    instances: Tensor
    mask: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: Any) -> PaddedBags:
        return PaddedBags(self.instances[index], self.mask[index], self.labels[index])

    def to(self, device: str) -> PaddedBags:
        """The same on a device."""
        return PaddedBags(*(x.to(device) for x in (self.instances, self.mask, self.labels)))


def pad(bags: Bags) -> PaddedBags:
    """A data set of bags as one padded tensor."""
    lengths = torch.from_numpy(np.asarray(bags.lengths))
    mask = torch.arange(int(lengths.max())) < lengths[:, None]
    instances = torch.zeros(*mask.shape, bags.instances.shape[1])
    instances[mask] = torch.from_numpy(bags.instances)
    return PaddedBags(instances, mask, torch.from_numpy(bags.labels).float())


def standardise(train: PaddedBags, *others: PaddedBags) -> tuple[PaddedBags, ...]:
    """All sets scaled by the mean and standard deviation of the instances of ``train``."""
    seen = train.instances[train.mask]
    mean, std = seen.mean(0), seen.std(0)
    std = torch.where(std > 0, std, 1.0)
    return tuple(
        replace(bags, instances=(bags.instances - mean) / std * bags.mask[..., None])
        for bags in (train, *others)
    )


def drop_instances(mask: Tensor, share: float) -> Tensor:
    """Keep each real instance with probability 1 − share, and at least one of every bag."""
    draws = torch.rand(mask.shape, device=mask.device).masked_fill(~mask, -1.0)
    return mask & ((draws >= share) | (draws == draws.amax(1, keepdim=True)))


def train_on_bags(
    network: BagClassifier,
    train: PaddedBags,
    *,
    num_epochs: int,
    batch_size: int,
    lr: float,
    decay: float = 1.0,
    weight_decay: float = 0.01,
    bag_dropout: float = 0.0,
    grad_clip: float | None = None,
) -> list[float]:
    """Fit by AdamW with cross-entropy; the mean loss of every epoch.

    Args:
        network: trained in place, left in evaluation mode.
        train: all bags.
        num_epochs: passes over the bags.
        batch_size: bags of a step.
        lr: learning rate at the start.
        decay: factor on it per epoch, spread over the steps.
        weight_decay: of AdamW.
        bag_dropout: share of a bag's instances left out of a step.
        grad_clip: largest norm of a gradient.
    """
    steps = math.ceil(len(train) / batch_size)

    def batches(epoch: int) -> Iterator[PaddedBags]:
        for index in torch.randperm(len(train)).split(batch_size):
            batch = train[index]
            yield replace(batch, mask=drop_instances(batch.mask, bag_dropout))

    optimizer = torch.optim.AdamW(network.parameters(), lr, weight_decay=weight_decay)
    history = fit(
        network,
        bag_loss,
        batches,
        optimizer=optimizer,
        scheduler=torch.optim.lr_scheduler.ExponentialLR(optimizer, decay ** (1 / steps)),
        num_epochs=num_epochs,
        grad_clip=grad_clip,
    )
    network.eval()
    losses = np.asarray(history.metrics["loss"]).reshape(num_epochs, steps)
    return losses.mean(1).tolist()


def bag_loss(network: nn.Module, batch: PaddedBags) -> Tensor:
    """Cross-entropy of the logits."""
    return binary_cross_entropy_with_logits(network(batch.instances, batch.mask), batch.labels)


@torch.no_grad()
def bag_scores(network: Callable[..., Tensor], bags: PaddedBags) -> np.ndarray:
    """One logit a bag."""
    return network(bags.instances, bags.mask).cpu().numpy()
