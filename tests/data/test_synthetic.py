"""Generated bags and sequences keep their promises."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from neurarium.data.synthetic import bit_pattern_bags, latch_sequences, mnist_bags


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def holds(bags, signals):
    """(B, S): whether a pattern is one of the signals."""
    return (bags[:, :, None] == signals).all(-1).any(-1)


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 999),
    num_bags=st.integers(1, 20),
    num_signals=st.integers(1, 14),
    signals_per_bag=st.integers(0, 5),
)
def test_signals_are_in_positive_bags_only(seed, num_bags, num_signals, signals_per_bag):
    data = bit_pattern_bags(
        num_bags,
        5,
        num_signals=num_signals,
        signals_per_bag=signals_per_bag,
        num_bits=4,
        generator=seeded(seed),
    )
    counts = holds(data.bags, data.signals).sum(1)
    assert torch.equal(counts, signals_per_bag * data.labels.long())
    assert len(data.signals.unique(dim=0)) == num_signals
    assert (data.bags.sum(-1) > 0).all()
    assert set(data.bags.unique().tolist()) <= {0.0, 1.0}
    assert data.labels.sum() == -(-num_bags // 2)


def test_all_other_patterns_occur_equally_often():
    data = bit_pattern_bags(4000, 8, num_bits=3, num_signals=2, generator=seeded())
    code = (data.bags[2000:] * torch.tensor([1.0, 2.0, 4.0])).sum(-1).long()
    counts = torch.bincount(code.flatten(), minlength=8).double()
    seen = counts[counts > 0]
    assert len(seen) == 5  # 7 patterns that are not zero, less 2 signals
    assert (seen / seen.mean() - 1).abs().max() < 0.06


def test_latch_label_is_the_first_symbol_and_nowhere_else():
    data = latch_sequences(200, 12, num_symbols=7, generator=seeded())
    symbols = data.sequences.argmax(-1)
    assert torch.equal(symbols[:, 0].float(), data.labels)
    assert (symbols[:, 1:] >= 2).all()
    assert set(symbols[:, 1:].unique().tolist()) == set(range(2, 7))
    assert (data.sequences.sum(-1) == 1).all()
    assert 60 < data.labels.sum() < 140


def test_image_bags_are_labelled_by_what_they_show():
    images = np.arange(300, dtype=np.uint8).repeat(4).reshape(300, 2, 2)
    digits = np.arange(300) % 10
    data = mnist_bags(images, digits, 400, target=3, generator=seeded())
    assert torch.equal(data.labels, (data.digits == 3).any(1).float())
    assert torch.equal(data.mask, data.digits >= 0)
    assert (data.bags[~data.mask] == 0).all()
    lengths = data.mask.sum(1).double()
    assert abs(lengths.mean() - 10) < 0.4
    assert abs(lengths.std() - 2) < 0.3
    pixel = (data.bags[data.mask][:, 0, 0, 0] * 0.3081 + 0.1307) * 255
    shown = torch.from_numpy(digits)[pixel.round().long()]
    assert (shown == data.digits[data.mask]).float().mean() > 0.8  # 256 to 299 wrap around


def test_equal_generators_give_equal_data():
    for make in (bit_pattern_bags, latch_sequences):
        one, other = make(9, generator=seeded(3)), make(9, generator=seeded(3))
        assert torch.equal(one.labels, other.labels)
        assert torch.equal(next(iter(vars(one).values())), next(iter(vars(other).values())))


def test_bad_arguments():
    with pytest.raises(ValueError, match=r"num_signals must lie in 1 … 6: got 7"):
        bit_pattern_bags(4, num_bits=3, num_signals=7)
    with pytest.raises(ValueError, match="signals_per_bag at most num_instances"):
        bit_pattern_bags(4, 3, signals_per_bag=4)
    with pytest.raises(ValueError, match="positive must lie between"):
        bit_pattern_bags(4, positive=1.0)
    with pytest.raises(ValueError, match="num_symbols at least 3"):
        latch_sequences(4, num_symbols=2)
    images = np.zeros((4, 2, 2), np.uint8)
    with pytest.raises(TypeError, match="images must be uint8: got float64"):
        mnist_bags(images.astype(float), np.arange(4), 2)
    with pytest.raises(ValueError, match="target among digits"):
        mnist_bags(images, np.arange(4), 2, target=9)
