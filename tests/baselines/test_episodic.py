"""Networks that answer after every element: no look ahead, what is read, bad sizes."""

import pytest
import torch
from torch.testing import assert_close

from neurarium.baselines import ReadingLSTM, SequenceLSTM


@pytest.mark.parametrize("kind", [SequenceLSTM, ReadingLSTM])
def test_the_future_is_not_seen(kind):
    torch.manual_seed(0)
    network, x = kind(5, 4, 2), torch.randn(3, 6, 5)
    at_once, changed = network(x), x.clone()
    changed[:, 4:] += 1
    assert_close(network(changed)[:, :4], at_once[:, :4], rtol=0, atol=1e-6)
    assert not torch.allclose(network(changed)[:, 4:], at_once[:, 4:])


def test_reading_is_attention_of_a_state_to_those_before_it():
    torch.manual_seed(0)
    network, x = ReadingLSTM(5, 4, 2), torch.randn(1, 3, 5)
    states = network.lstm(x)[0][0]
    slots = torch.cat([torch.zeros(1, 4), states[:2]])
    logits = network.key(states[2]) @ slots.T / 2
    read = logits.softmax(0) @ slots
    expected = network.out(torch.tanh(network.hidden(torch.cat([states[2], read]))))
    assert_close(network(x)[0, 2], expected)


@pytest.mark.parametrize("kind", [SequenceLSTM, ReadingLSTM])
def test_bad_sizes(kind):
    with pytest.raises(ValueError, match="must be at least 1: got 5, 0 and 2"):
        kind(5, 0, 2)
