"""The small convolutional network."""

import pytest
import torch

from neurarium.baselines import ConvNet


@pytest.mark.parametrize("side", [8, 28, 33])
def test_images_of_any_size_give_features_of_one(side):
    network = ConvNet(3, 5, (4, 6), grid_size=2).eval()
    images = torch.rand(2, 3, side, side)
    assert network.features(images).shape == (2, 24)
    assert torch.equal(network(images), network.out(network.features(images)))


def test_it_tells_where_a_spot_is():
    torch.manual_seed(0)
    places = torch.randint(4, (64,))
    images = torch.zeros(64, 1, 8, 8)
    rows, columns = 4 * (places // 2) + 1, 4 * (places % 2) + 1
    images[torch.arange(64), 0, rows, columns] = 1
    network = ConvNet(1, 4, (8,))
    optimizer = torch.optim.Adam(network.parameters(), 1e-2)
    for _ in range(60):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(network(images), places).backward()
        optimizer.step()
    assert (network.eval()(images).argmax(1) == places).all()


def test_counts_must_be_positive():
    with pytest.raises(ValueError, match="must be at least 1"):
        ConvNet(1, 0)
    with pytest.raises(ValueError, match="must be at least 1"):
        ConvNet(1, 2, ())
