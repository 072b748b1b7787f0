"""Randomness that repeats, and batches whose order is a function of seed and epoch."""

import random

import numpy as np
import pytest
import torch

from neurarium.engine import (
    Batches,
    derived_generator,
    load_checkpoint,
    rng_state,
    save_checkpoint,
    seed_everything,
    set_rng_state,
)


def draw():
    return random.gauss(0, 1), np.random.randn(), torch.randn(2).tolist()  # noqa: NPY002


def test_one_seed_for_all():
    seed_everything(7)
    first = draw()
    seed_everything(7)
    assert draw() == first
    seed_everything(8)
    assert all(a != b for a, b in zip(draw(), first, strict=True))


def test_states_come_back_through_a_file(tmp_path):
    draw()  # leaves a spare Gaussian in Python's and NumPy's generators
    save_checkpoint(tmp_path / "c", rng_state())
    expected = draw()
    draw()
    set_rng_state(load_checkpoint(tmp_path / "c"))
    assert draw() == expected


def test_places_have_generators_of_their_own():
    values = {
        torch.rand((), generator=derived_generator(seed, *place)).item()
        for seed in (0, 1, 2**32)
        for place in ((), (0,), (1,), (1, 0), (10,))
    }
    assert len(values) == 15


def test_every_epoch_is_another_permutation():
    rows = torch.arange(10)
    batches = Batches((rows, rows * 2), batch_size=4, seed=5)
    epochs = [torch.cat([a for a, _ in batches(epoch)]).tolist() for epoch in range(3)]
    assert all(sorted(epoch) == rows.tolist() for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 3
    assert epochs[2] == torch.cat([a for a, _ in batches(2)]).tolist()
    assert all(torch.equal(2 * a, b) for a, b in batches(0))
    assert [len(a) for a, _ in batches(0)] == [4, 4, 2]
    assert len(batches) == 3


def test_full_batch_by_default():
    (batch,) = Batches(torch.arange(4), shuffle=False)(0)
    assert batch.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (((torch.ones(3), torch.ones(2)),), r"one common, positive length: got \[3, 2\]"),
        ((torch.ones(0),), r"one common, positive length: got \[0\]"),
        ((torch.ones(3), 0), "batch_size must be positive or None: got 0"),
    ],
)
def test_bad_batches(arguments, message):
    with pytest.raises(ValueError, match=message):
        Batches(*arguments)
