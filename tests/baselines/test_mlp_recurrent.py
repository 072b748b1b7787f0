"""Dense and recurrent baselines."""

import pytest
import torch
from torch.testing import assert_close

from neurarium.baselines import MLP, LSTMClassifier


def test_mlp_is_linear_maps_with_activations_between():
    torch.manual_seed(0)
    network = MLP(4, 2, (5, 6), activation="tanh")
    x = torch.randn(3, 7, 4)
    first, second, last = network.layers
    assert_close(network(x), last(second(first(x).tanh()).tanh()))
    assert len(MLP(4, 2, 5).layers) == 2
    assert len(MLP(4, 2, ()).layers) == 1


def test_selu_keeps_activations_normalised_through_many_layers():
    torch.manual_seed(0)
    network = MLP(256, 256, (256,) * 12, activation="selu")
    with torch.no_grad():
        out = network(torch.randn(500, 256))
    assert abs(float(out.mean())) < 0.1
    assert 0.6 < float(out.std()) < 1.4


def test_lstm_answers_after_the_last_element():
    torch.manual_seed(0)
    network = LSTMClassifier(5, 4, 2)
    x = torch.randn(3, 7, 5)
    states, _ = network.lstm(x)
    assert_close(network(x), network.out(states[:, -1]))


def test_bad_arguments():
    with pytest.raises(ValueError, match="must be >= 1"):
        MLP(4, 2, (0,))
    with pytest.raises(ValueError, match=r"activation must be a name in torch.nn.functional"):
        MLP(4, 2, 3, activation="no_such")
    with pytest.raises(ValueError, match="hidden_size and out_features must be at least 1"):
        LSTMClassifier(4, 0, 1)
