"""The network that foretells: step by step as at once, no look ahead, bad sizes."""

import pytest
import torch
from torch.testing import assert_close

from neurarium.baselines import NextElementGRU


def test_steps_give_what_the_whole_sequence_gives_and_the_future_is_not_seen():
    torch.manual_seed(0)
    network, x = NextElementGRU(5, 4), torch.randn(3, 6, 5)
    at_once, state, rows = network(x), None, []
    for position in range(6):
        found, state = network.step(x[:, position], state)
        rows.append(found)
    assert_close(torch.stack(rows, 1), at_once)
    changed = x.clone()
    changed[:, 4:] += 1
    assert torch.equal(network(changed)[:, :4], at_once[:, :4])
    assert not torch.allclose(network(changed)[:, 4:], at_once[:, 4:])


def test_bad_sizes():
    with pytest.raises(ValueError, match="must be at least 1: got 5 and 0"):
        NextElementGRU(5, 0)
