"""Learning from noisy examples: the two rules, their limits, estimates of quality, bad input."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.testing import assert_close

from neurarium.memory import MultitaskingHopfield, mixture_states, noisy_examples, random_patterns
from neurarium.memory.theory import dataset_entropy, multitasking_solve

RULES = ("supervised", "unsupervised")


def draws(seed=0):
    return torch.Generator().manual_seed(seed)


def setting(num_units=80, num_examples=6, quality=0.5, dilution=0.4, num_patterns=3, seed=0):
    patterns = random_patterns(
        num_patterns, num_units, dilution=dilution, generator=draws(seed)
    ).double()
    return patterns, noisy_examples(patterns, num_examples, quality, generator=draws(seed + 1))


def learned(examples, rule, **arguments):
    memory = MultitaskingHopfield(examples.shape[-1], dtype=torch.float64)
    return memory, memory.learn(examples, rule=rule, **arguments)


def states_of(num_units, seed=5):
    return torch.randint(0, 2, (7, num_units), generator=draws(seed)).double() * 2 - 1


def test_energies_are_those_of_the_definition():
    n, m, r = 80, 6, 0.5
    _, examples = setting(n, m, r)
    rho = (1 - r**2) / (r**2 * m)
    state = states_of(n)
    average = examples.sum(1) / (r * m)
    supervised = -((state @ average.T) ** 2).sum(-1) / (2 * n * (1 + rho))
    every = torch.einsum("kmn,bn->bkm", examples, state)
    unsupervised = -(every**2).sum((1, 2)) / (2 * n * (1 + rho) * m * r**2)
    for rule, expected in zip(RULES, (supervised, unsupervised), strict=True):
        memory, found = learned(examples, rule, quality=r)
        assert found == (r, pytest.approx(rho))
        assert_close(memory.energy(state), expected)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), quality=st.floats(0.1, 1.0))
def test_with_one_example_the_rules_are_the_same_whatever_its_quality(seed, quality):
    _, examples = setting(num_examples=1, quality=quality, seed=seed)
    both = [learned(examples, rule, quality=quality)[0] for rule in RULES]
    state = states_of(80, seed)
    assert_close(both[0].energy(state), both[1].energy(state))
    if quality == 1:
        stored = MultitaskingHopfield(80, dtype=torch.float64)
        stored.store(examples[:, 0])
        assert_close(both[0].energy(state), stored.energy(state))


def test_perfect_examples_are_storage():
    patterns, examples = setting(num_examples=4, quality=1.0)
    stored = MultitaskingHopfield(80, dtype=torch.float64)
    stored.store(patterns)
    state = states_of(80)
    for rule in RULES:
        memory, found = learned(examples, rule)
        assert found == (pytest.approx(1.0), pytest.approx(0.0, abs=1e-12))
        assert_close(memory.energy(state), stored.energy(state))
        assert torch.equal(memory.patterns, patterns)


def test_the_unsupervised_rule_does_not_ask_for_order():
    patterns, examples = setting()
    memory, _ = learned(examples, "unsupervised", quality=0.5)
    mixed = examples.reshape(18, 80)[torch.randperm(18, generator=draws())]
    unsorted, found = learned(mixed, "unsupervised", quality=0.5, num_patterns=3, patterns=patterns)
    assert found.dataset_entropy == dataset_entropy(0.5, 6)
    state = states_of(80)
    assert_close(unsorted.energy(state), memory.energy(state))
    assert torch.equal(unsorted.patterns, patterns)
    bare, _ = learned(mixed, "unsupervised", quality=0.5, num_patterns=3)
    assert torch.equal(bare.patterns, mixed)  # nothing else is known to compare with


@pytest.mark.parametrize("quality", [0.2, 0.4, 0.8])
@pytest.mark.parametrize("dilution", [0.0, 0.7])
def test_quality_is_estimated_from_how_far_examples_agree(quality, dilution):
    patterns, examples = setting(4000, 40, quality, dilution)
    memory, found = learned(examples, "supervised")
    assert found.quality == pytest.approx(quality, abs=0.02)
    agreement = (memory.patterns == patterns).double().mean()
    assert agreement > 0.8  # the majority of 40 examples


def test_both_rules_retrieve_alike_and_as_predicted():
    quality, num_examples, n = 0.4, 40, 20_000
    patterns = random_patterns(3, n, dilution=0.8, generator=draws())
    examples = noisy_examples(patterns, num_examples, quality, generator=draws(1))
    rho = dataset_entropy(quality, num_examples)
    expected = multitasking_solve(3, 0.8, 50.0, dataset_entropy=rho).overlaps
    found = {}
    for rule in RULES:
        memory = MultitaskingHopfield(n)
        memory.learn(examples, rule=rule, quality=quality, patterns=patterns)
        start = mixture_states(patterns, torch.tensor([4.0, 2, 1]), generator=draws(2))
        found[rule] = memory.recall(start, beta=50.0, num_sweeps=40, generator=draws(3)).overlaps
        assert_close(found[rule][0].double(), expected, rtol=0, atol=0.02)
    assert_close(found["supervised"], found["unsupervised"], rtol=0, atol=0.01)


def test_examples_that_are_blank_elsewhere_are_warned_of():
    patterns, examples = setting()
    examples[0, 0, patterns[0] == 0] = 1.0
    memory = MultitaskingHopfield(80)
    with pytest.warns(UserWarning, match=r"examples must be blank exactly where") as caught:
        memory.learn(examples, quality=0.5, patterns=patterns)
    assert caught[0].filename == __file__  # the user's line


def test_bad_input():
    patterns, examples = setting()
    with pytest.raises(ValueError, match=r"sorted by pattern, \(K, M, N\), for the supervised"):
        learned(examples.reshape(18, 80), "supervised", quality=0.5)
    with pytest.raises(ValueError, match=r"num_patterns and quality must be given with unsorted"):
        learned(examples.reshape(18, 80), "unsupervised", quality=0.5)
    with pytest.raises(ValueError, match=r"rule must be 'supervised' or 'unsup.*got 'semi'"):
        learned(examples, "semi")
    with pytest.raises(ValueError, match=r"quality must lie in \(0, 1\]: got 0.0; at 0"):
        learned(examples, "supervised", quality=0.0)
    with pytest.raises(ValueError, match=r"examples must be -1, 0 or 1: got -?0.5"):
        learned(examples / 2, "supervised")
    with pytest.raises(ValueError, match=r"examples must be \(K, M, 81\), or \(M, 81\) without"):
        MultitaskingHopfield(81).learn(examples)
    with pytest.raises(ValueError, match=r"quality must be given with one example of each pattern"):
        learned(examples[:, :1], "supervised")
    with pytest.raises(ValueError, match=r"patterns must be one for each of 3 groups of examples"):
        learned(examples, "supervised", patterns=patterns[:2])
    with pytest.raises(ValueError, match=r"patterns must be one for each of 3 groups of examples"):
        learned(
            examples.reshape(18, 80),
            "unsupervised",
            quality=0.5,
            num_patterns=3,
            patterns=patterns[:2],
        )
    with pytest.raises(ValueError, match=r"num_patterns must be at most the number of examples"):
        learned(examples.reshape(18, 80), "unsupervised", quality=0.5, num_patterns=19)
    with pytest.raises(ValueError, match=r"num_patterns must be 3: got 2"):
        learned(examples, "unsupervised", num_patterns=2)
    against = torch.stack([patterns, -patterns], 1)  # two examples that contradict each other
    with pytest.raises(ValueError, match=r"examples of a pattern must agree: got a mean correla"):
        learned(against, "supervised")
    with pytest.raises(TypeError, match=r"examples must be a tensor: got list"):
        MultitaskingHopfield(80).learn([1.0])
    assert math.isfinite(learned(against, "supervised", quality=0.5)[1].dataset_entropy)
