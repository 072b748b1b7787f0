"""Diluted patterns and noisy examples: frequencies, blanks that stay blank, bad input."""

import math

import pytest
import torch

from neurarium.memory import noisy_examples, random_patterns


def draws(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("dilution", [0.0, 0.3, 0.9])
def test_entries_have_their_probabilities(dilution):
    patterns = random_patterns(4, 50_000, dilution=dilution, generator=draws())
    for value, chance in ((0, dilution), (1, (1 - dilution) / 2), (-1, (1 - dilution) / 2)):
        share = (patterns == value).double().mean().item()
        deviation = math.sqrt(chance * (1 - chance) / patterns.numel())
        assert abs(share - chance) <= 4 * deviation
    correlation = (patterns @ patterns.T / 50_000).fill_diagonal_(0).abs().max()
    assert correlation < 5 * (1 - dilution) / math.sqrt(50_000)


def test_patterns_follow_their_generator():
    same = [random_patterns(2, 30, dilution=0.5, generator=draws(3)) for _ in range(2)]
    assert torch.equal(*same)
    assert not torch.equal(same[0], random_patterns(2, 30, dilution=0.5, generator=draws(4)))
    assert random_patterns(2, 30, dtype=torch.float64).dtype == torch.float64


@pytest.mark.parametrize("quality", [0.2, 0.6, 1.0])
def test_examples_keep_blanks_and_turn_over_the_rest(quality):
    patterns = random_patterns(3, 4000, dilution=0.4, generator=draws())
    examples = noisy_examples(patterns, 25, quality, generator=draws(1))
    assert torch.equal(examples != 0, (patterns != 0)[:, None].expand_as(examples))
    kept = (examples * patterns[:, None])[examples != 0]
    assert abs(kept.double().mean().item() - quality) < 4 / math.sqrt(len(kept))
    if quality == 1:
        assert torch.equal(examples, patterns[:, None].expand_as(examples))


def test_examples_are_independent_given_their_pattern():
    patterns = random_patterns(1, 40_000, generator=draws())
    first, second = noisy_examples(patterns, 2, 0.5, generator=draws(1))[0]
    assert (first * second).mean().item() == pytest.approx(0.25, abs=0.02)


def test_bad_input():
    with pytest.raises(ValueError, match=r"dilution must lie in \[0, 1\): got 1; at 1 every"):
        random_patterns(2, 5, dilution=1)
    with pytest.raises(ValueError, match=r"dilution must lie in \[0, 1\): got -0.1"):
        random_patterns(2, 5, dilution=-0.1)
    with pytest.raises(TypeError, match=r"num_units must be a whole number: got 2.5"):
        random_patterns(2, 2.5)
    with pytest.raises(ValueError, match=r"quality must lie in \(0, 1\]: got 0; at 0 examples"):
        noisy_examples(torch.ones(2, 4), 3, 0)
    with pytest.raises(ValueError, match=r"quality must lie in \(0, 1\]: got 1.5"):
        noisy_examples(torch.ones(2, 4), 3, 1.5)
    with pytest.raises(ValueError, match=r"patterns must be -1, 0 or 1: got 2"):
        noisy_examples(torch.full((2, 4), 2.0), 3, 0.5)
    with pytest.raises(TypeError, match=r"patterns must be -1, 0 or 1: got torch.bool, which has"):
        noisy_examples(torch.ones(2, 4, dtype=torch.bool), 3, 0.5)
    with pytest.raises(ValueError, match=r"patterns must be -1, 0 or 1: got nan"):
        noisy_examples(torch.full((2, 4), math.nan), 3, 0.5)
    with pytest.raises(ValueError, match=r"patterns must have shape \(K, N\): got \[4\]"):
        noisy_examples(torch.ones(4), 3, 0.5)
    with pytest.raises(ValueError, match=r"num_examples must be at least 1: got 0"):
        noisy_examples(torch.ones(2, 4), 0, 0.5)
