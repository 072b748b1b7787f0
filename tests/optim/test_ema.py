"""The moving average of weights: from the initial weights on, in closed form."""

import pytest
import torch
from torch import nn

from neurarium.optim import ema_model


def test_average_starts_at_the_initial_weights():
    """After k updates with constant fast weights: decayᵏ · start + (1 - decayᵏ) · fast."""
    model = nn.Linear(3, 2).double()
    start = model.weight.detach().clone()
    slow = ema_model(model, decay=0.9)
    with torch.no_grad():
        model.weight.add_(1.0)
    for _ in range(5):
        slow.update_parameters(model)
    expected = 0.9**5 * start + (1 - 0.9**5) * model.weight.detach()
    torch.testing.assert_close(slow.module.weight.detach(), expected, rtol=1e-12, atol=0)


def test_limits_of_decay():
    model = nn.Linear(2, 2)
    frozen, copy = ema_model(model, 1.0), ema_model(model, 0.0)
    start = model.weight.detach().clone()
    with torch.no_grad():
        model.weight.mul_(3.0)
    frozen.update_parameters(model)
    copy.update_parameters(model)
    assert torch.equal(frozen.module.weight, start)
    assert torch.equal(copy.module.weight, model.weight)


def test_training_is_untouched_and_buffers_follow():
    model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    slow = ema_model(model, 0.5)
    model(torch.randn(8, 2))
    fast = model[0].weight.detach().clone()
    slow.update_parameters(model)
    assert torch.equal(model[0].weight, fast)
    assert torch.equal(slow.module[1].running_mean, model[1].running_mean)


@pytest.mark.parametrize("decay", [-0.1, 1.5, float("nan")])
def test_decay_out_of_range(decay):
    with pytest.raises(ValueError, match=r"decay must lie in \[0, 1\]: got"):
        ema_model(nn.Linear(1, 1), decay)
