"""Counting: closed forms for the layers everybody knows, attribution, and layers that declare."""

import pytest
import torch
from torch import nn

from neurarium.cost import Macs, count_macs, count_parameters, time_forward

B, L, E = 2, 5, 16


class Attention(nn.Module):
    def forward(self, query, stored):
        return nn.functional.scaled_dot_product_attention(query, stored, stored)


@pytest.mark.parametrize(
    ("layer", "shapes", "expected"),
    [
        (nn.Linear(8, 4), [(3, 7, 8)], 3 * 7 * 8 * 4),
        (nn.Linear(8, 4), [(8,)], 8 * 4),
        (nn.Linear(8, 4, bias=False), [(8,)], 8 * 4),
        (nn.Conv2d(4, 6, 3, groups=2), [(1, 4, 5, 5)], 9 * 9 * 4 * 6 // 2),
        (Attention(), [(B, 3, L, 8), (B, 3, 7, 8)], B * 3 * L * 7 * (8 + 8)),
        (nn.LSTM(E, 8, batch_first=True), [(B, L, E)], B * L * 4 * 8 * (E + 8)),
        (
            nn.TransformerEncoderLayer(E, 2, 32, batch_first=True).eval(),
            [(B, L, E)],
            B * L * (4 * E * E + 2 * E * 32) + 2 * B * L * L * E,
        ),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else None,
)
def test_closed_forms(layer, shapes, expected):
    assert count_macs(layer, *map(torch.ones, shapes)).total == expected


def test_each_layer_gets_its_own_work_and_the_sum_is_the_total():
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.twice = nn.Linear(4, 4)
            self.gate = nn.Parameter(torch.ones(4, 4))

        def forward(self, x, *, steps):
            for _ in range(steps):
                x = self.twice(x)
            return x @ self.gate

    model = nn.ModuleDict({"block": Block()})["block"]
    counted = count_macs(model, torch.ones(3, 4), steps=2)
    assert counted == Macs(total=3 * 48, per_layer={"twice": 2 * 3 * 16, "": 3 * 16})


class Sparse(nn.Module):
    """Half of the weights are never touched, which only the layer knows."""

    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(4, 4)

    def forward(self, x, *, scale=1.0):
        return self.inner(x) * scale

    def macs(self, x, *, scale=1.0):
        (torch.ones(9, 9) @ torch.ones(9, 9)).sum()  # its own reckoning is not the layer's work
        return x.shape[0] * 8


def test_a_layer_that_declares_its_work_is_believed():
    model = nn.Sequential(Sparse(), nn.Linear(4, 2))
    assert count_macs(model, torch.ones(3, 4)).per_layer == {"0": 24, "1": 24}
    assert count_macs(Sparse(), torch.ones(3, 4), scale=2.0).total == 24


def test_counting_changes_nothing():
    model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Dropout(0.5))
    before = {k: v.clone() for k, v in model.state_dict().items()}
    state = torch.get_rng_state()
    count_macs(model, torch.randn(8, 4, generator=torch.Generator().manual_seed(0)))
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(before[k], v) for k, v in model.state_dict().items())
    assert not model[0]._forward_hooks
    assert torch.backends.mha.get_fastpath_enabled()
    assert torch.backends.mkldnn.enabled


def test_an_error_in_the_model_passes_through():
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        count_macs(nn.Linear(4, 4), torch.ones(2, 3))
    assert torch.backends.mha.get_fastpath_enabled()


def test_parameters_trainable_and_shared():
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    assert count_parameters(model) == 40
    model[1].weight = model[0].weight
    assert count_parameters(model) == 24
    model[0].bias.requires_grad_(False)
    assert count_parameters(model) == 20


def test_time_is_per_call():
    small, large = torch.ones(8, 8), torch.ones(512, 512)
    assert 50 * time_forward(lambda: small @ small) < time_forward(lambda: large @ large)
