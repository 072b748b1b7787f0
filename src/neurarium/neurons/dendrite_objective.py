r"""What a dendrite is trained for: covariance with the error that is left.

The cascade-correlation objective (Fahlman and Lebiere 1990) as used for dendrites
(https://arxiv.org/abs/2501.18018). For each neuron c, over all samples and positions p,

.. math:: S_c = |\mathrm{Cov}_c|, \quad
          \mathrm{Cov}_c = \frac1P \sum_p (s_{pc} - \bar s_c)(e_{pc} - \bar e_c), \quad
          \frac{\partial S_c}{\partial s_{pc}}
          = \mathrm{sign}(\mathrm{Cov}_c)\,\frac{e_{pc} - \bar e_c}{P}
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

DECAY = 0.9
"""Weight of earlier batches in the running averages."""


@dataclass(frozen=True)
class RunningCovariance:
    """Averages over batches, one number a neuron.

    Args:
        mean_output: of s.
        mean_error: of e.
        covariance: of s and e.
        weight: how much of the averages has been seen: 1 − decay^batches.
    """

    mean_output: Tensor
    mean_error: Tensor
    covariance: Tensor
    weight: float


def correlation_objective(
    outputs: Tensor,
    errors: Tensor,
    running: RunningCovariance | None = None,
    *,
    neuron_dim: int = 1,
    decay: float = DECAY,
) -> tuple[Tensor, RunningCovariance]:
    r"""Minus Σ_c |Cov_c|, as a loss whose gradient is the cascade-correlation rule.

    `A Neuroscience Inspired Extension to Artificial Neural Networks
    <https://arxiv.org/abs/2501.18018>`_, after Fahlman and Lebiere (1990). The signs and the mean
    errors come from averages over batches, not from one noisy batch. Sums are divided by the
    number of positions, so that steps do not depend on the size of images.

    Args:
        outputs: s, of any shape.
        errors: e, gradients of the loss, of the same shape.
        running: averages so far; None before the first batch.
        neuron_dim: the axis of neurons.
        decay: weight of earlier batches.

    Returns:
        The loss, and the averages with this batch.

    Raises:
        ValueError: shapes differ.

    Example:
        >>> import torch
        >>> s = torch.tensor([[0.0], [1.0], [2.0]], requires_grad=True)
        >>> loss, running = correlation_objective(s, torch.tensor([[3.0], [1.0], [-1.0]]))
        >>> loss.backward()
        >>> round(running.covariance.item(), 3), [round(g, 3) for g in s.grad.flatten().tolist()]
        (-1.333, [0.667, 0.0, -0.667])
    """
    if outputs.shape != errors.shape:
        raise ValueError(
            f"errors must have the shape of outputs {list(outputs.shape)}: got {list(errors.shape)}"
        )
    s, e = rows(outputs, neuron_dim), rows(errors, neuron_dim).detach()
    seen = s.detach()
    mean_s, mean_e = seen.mean(0), e.mean(0)
    now = ((seen - mean_s) * (e - mean_e)).mean(0)
    before = running or RunningCovariance(mean_s * 0, mean_e * 0, now * 0, 0.0)
    weight = decay * before.weight + 1 - decay
    averaged = [
        (decay * before.weight * old + (1 - decay) * new) / weight
        for old, new in (
            (before.mean_output, mean_s),
            (before.mean_error, mean_e),
            (before.covariance, now),
        )
    ]
    after = RunningCovariance(averaged[0], averaged[1], averaged[2], weight)
    centred = after.covariance.sign() * (e - after.mean_error)
    surrogate = (centred * (s - after.mean_output)).mean(0).sum()
    return -surrogate, after


def covariance(outputs: Tensor, errors: Tensor, *, neuron_dim: int = 1) -> Tensor:
    """Cov over all axes but that of neurons.

    Example:
        >>> import torch
        >>> covariance(torch.tensor([[0.0], [2.0]]), torch.tensor([[1.0], [2.0]]))
        tensor([0.5000])
    """
    s, e = rows(outputs, neuron_dim), rows(errors, neuron_dim)
    return ((s - s.mean(0)) * (e - e.mean(0))).mean(0)


def rows(values: Tensor, neuron_dim: int) -> Tensor:
    """(positions, neurons).

    Example:
        >>> import torch
        >>> rows(torch.zeros(2, 3, 4, 4), 1).shape
        torch.Size([32, 3])
    """
    return values.movedim(neuron_dim, -1).reshape(-1, values.shape[neuron_dim])
