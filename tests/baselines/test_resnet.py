"""The residual network: the shortcut without parameters, its sizes and its start."""

import pytest
import torch

from neurarium.baselines import ResidualBlock, ResNet
from neurarium.cost import count_parameters


def test_shortcut_takes_every_other_pixel_and_pads_channels_on_both_sides():
    block = ResidualBlock(4, 8, stride=2, rezero=True)
    x = torch.rand(2, 4, 6, 6)
    expected = torch.zeros(2, 8, 3, 3)
    expected[:, 2:6] = x[:, :, ::2, ::2]
    assert torch.equal(block(x), expected)  # the scale starts at 0


def test_published_sizes():
    """0.27 and 0.46 million parameters: Table 6 of arXiv 1512.03385."""
    assert round(count_parameters(ResNet(3, 10, num_layers=20)) / 1e6, 2) == 0.27
    assert round(count_parameters(ResNet(3, 10, num_layers=32)) / 1e6, 2) == 0.46


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"num_layers": 18}, "must be 6 n"), ({"width": 3}, "width even"), ({"width": 0}, "at least")],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        ResNet(3, 10, **arguments)
