"""Slow weights: the exponential moving average of a model, started at its initial weights.

As Hopular validates with it (https://arxiv.org/abs/2206.00664, Lookahead without write-back).
"""

from __future__ import annotations

from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn


def ema_model(model: nn.Module, decay: float) -> AveragedModel:
    r"""A copy of a model whose parameters follow the model's slowly.

    `Hopular <https://arxiv.org/abs/2206.00664>`_ validates and predicts with it. After each
    ``update_parameters(model)``, with fast weights w,

    .. math:: \bar w \leftarrow \text{decay} \cdot \bar w + (1 - \text{decay}) \cdot w .

    The average starts at the weights that the model has now; torch's own average would replace
    them by those of the first update. Buffers are copied, not averaged.

    Args:
        model: the model that is being trained.
        decay: weight of the old value, in [0, 1]: the average spans about 1 / (1 - decay) steps.

    Shapes:
        The copy takes and returns what the model does.

    Raises:
        ValueError: ``decay`` is not in [0, 1].

    Example:
        >>> import torch
        >>> model = torch.nn.Linear(1, 1)
        >>> slow = ema_model(model, decay=0.9)
        >>> start = model.weight.item()
        >>> with torch.no_grad():
        ...     _ = model.weight.add_(1.0)
        >>> slow.update_parameters(model)
        >>> round(slow.module.weight.item() - start, 6)
        0.1
    """
    if not 0 <= decay <= 1:
        raise ValueError(f"decay must lie in [0, 1]: got {decay}")
    average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(decay))
    average.n_averaged.fill_(1)  # at 0 torch's first update copies instead of averaging
    return average
