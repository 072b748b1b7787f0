"""Memories compared on equal patterns and cues: numbers recomputed, table, picture, bad input."""

import math

import matplotlib as mpl
import pytest
import torch
from torch.testing import assert_close

from neurarium.memory import (
    DenseAssociativeMemory,
    HopfieldNetwork,
    ModernMemory,
    Recall,
    compare_memories,
    random_patterns,
)
from neurarium.memory.comparison_figure import LOST, RECALLED, shown_iterations
from neurarium.memory.theory import expected_capacity

mpl.use("Agg")


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def memories(num_units):
    double = torch.float64  # rounding must not decide where a flip changes nothing
    return {
        "Hebbian": HopfieldNetwork(num_units, dtype=double),
        "pseudo-inverse": HopfieldNetwork(num_units, rule="pseudo-inverse", dtype=double),
        "dense": DenseAssociativeMemory(num_units, degree=4, dtype=double),
        "modern": ModernMemory(num_units, beta=0.3),
        "sparse": ModernMemory(num_units, beta=0.3, normalizer="sparsemax"),
    }


@pytest.fixture(scope="module")
def compared():
    patterns = random_patterns(20, 100, generator=generator()).reshape(20, 10, 10)
    made = memories(100)
    found = compare_memories(
        patterns, made, corruption=0.15, num_cues=12, num_iterations=9, generator=generator(1)
    )
    return patterns, made, found


def test_cues_are_patterns_with_exactly_that_share_turned_over(compared):
    patterns, made, found = compared
    cues = found.memories["Hebbian"].path[0]
    assert ((cues != found.targets).sum(1) == 15).all()
    assert found.cue_overlap == pytest.approx(0.7)
    stored = {tuple(row) for row in patterns.flatten(1).tolist()}
    shown = {tuple(row) for row in found.targets.tolist()}
    assert shown <= stored
    assert len(shown) == 12
    for name, memory in made.items():
        assert torch.equal(memory.patterns, patterns.flatten(1))
        assert torch.equal(found.memories[name].path[0], cues)
    columns = (cues != found.targets).sum(0)
    assert columns.min() < columns.max()  # not the same entries of every pattern


@pytest.mark.parametrize("name", ["Hebbian", "pseudo-inverse", "dense", "modern", "sparse"])
def test_numbers_are_those_of_the_states(compared, name):
    _, made, comparison = compared
    found = comparison.memories[name]
    final = found.path[-1]
    own = torch.nn.functional.cosine_similarity(final, comparison.targets)
    assert_close(found.overlaps.float(), own)
    assert found.overlap == pytest.approx(own.mean().item(), abs=1e-6)
    assert found.recall_rate == pytest.approx((own >= 0.99).float().mean().item())
    assert found.capacity == expected_capacity(made[name])
    assert found.seconds > 0
    length = len(found.path) - 1
    moves = (found.path[1:] - found.path[:-1]).norm(dim=-1) > 1e-6 * 100**0.5
    rested = [
        next((step + 1 for step in range(length) if not moves[step, cue]), 9)
        for cue in range(len(final))
    ]
    assert found.iterations == pytest.approx(sum(rested) / len(rested))


def test_sweep_by_sweep_is_the_same_as_one_recall(compared):
    _, made, comparison = compared
    seed = int(torch.randint(2**62, (), generator=generator(1)))
    for name in ("Hebbian", "pseudo-inverse", "dense"):
        found = comparison.memories[name]
        recall = made[name].recall(found.path[0], num_sweeps=9, generator=generator(seed))
        assert torch.equal(recall.state.float(), found.path[-1])
        assert torch.equal(recall.converged, found.converged)
    found = comparison.memories["modern"]
    assert_close(made["modern"].recall(found.path[0], num_steps=9).state, found.path[-1])


def test_what_theory_separates_is_separated(compared):
    """20 patterns of 100: above the Hebbian capacity of 13.8, far below the others."""
    found = compared[2].memories
    assert found["Hebbian"].recall_rate < 0.5
    assert found["Hebbian"].overlap < 0.9
    assert all(found[name].recall_rate > 0.9 for name in ("pseudo-inverse", "dense", "sparse"))
    assert (found["sparse"].path[-1] == compared[2].targets).all()


def test_equal_generators_give_equal_comparisons():
    patterns = random_patterns(20, 60, generator=generator())
    first, second = (
        compare_memories(patterns, memories(60), generator=generator(3)) for _ in range(2)
    )
    for name, found in first.memories.items():
        assert torch.equal(found.path, second.memories[name].path)


def test_table_has_a_line_for_each_memory(compared):
    _, _, found = compared
    lines = str(found).splitlines()
    assert lines[0] == "20 patterns of 100, 12 cues with overlap 0.70; recalled from 0.99 on"
    assert lines[1].split() == [
        *("memory", "recalled", "overlap", "iterations", "seconds", "capacity", "load", "meaning")
    ]
    assert [line.split()[0] for line in lines[2:]] == list(found.memories)
    hebbian = lines[2].split()
    assert hebbian[5:7] == ["13.8", "1.5"]
    assert "Amit et al. 1987" in lines[2]


class Forgetful:
    """A user's own memory: it returns the cue."""

    def store(self, patterns):
        self.patterns = patterns

    def overlaps(self, state):
        return state @ self.patterns.T / state.shape[1]

    def recall(self, state, *, num_steps):
        return Recall(state, self.overlaps(state), torch.ones(len(state), dtype=torch.bool))


def test_a_users_memory_and_a_users_corruption():
    patterns = random_patterns(5, 40, generator=generator())

    def blank_half(cues):
        cues[:, 20:] = 0
        return cues

    made = {"mine": Forgetful(), "modern": ModernMemory(40, beta=1.0)}
    found = compare_memories(patterns, made, corruption=blank_half, min_overlap=0.9)
    assert (found.memories["mine"].path[-1][:, 20:] == 0).all()
    assert found.memories["mine"].overlap == pytest.approx(0.5)
    assert found.memories["mine"].recall_rate == 0
    assert found.memories["mine"].capacity is None
    assert found.memories["modern"].recall_rate == 1
    assert "no theory" in found.table()
    assert (found.targets[:, 20:] != 0).all()  # the user's function had a copy


def test_picture_shows_cues_iterations_and_recalled_patterns(compared):
    from matplotlib import colors, pyplot

    _, _, comparison = compared
    figure = comparison.figure(num_cues=2, num_iterations=3)
    longest = max(len(found.path) for found in comparison.memories.values()) - 1
    shown = shown_iterations(longest - 1, 3)
    titles = [axes.get_title() for axes in figure.axes[: 3 + len(shown)]]
    assert titles == ["pattern", "cue", *(f"after {step}" for step in shown), "recalled"]
    assert len(figure.axes) == 5 * 2 * len(titles)
    for place, found in enumerate(comparison.memories.values()):
        for cue in range(2):
            begin = (place * 2 + cue) * len(titles)
            line = figure.axes[begin : begin + len(titles)]
            expected = [comparison.targets[cue], found.path[0][cue]]
            for panel, image in zip(line[:2], expected, strict=True):
                assert (panel.images[0].get_array() == image.view(10, 10).numpy()).all()
            assert (line[-1].images[0].get_array() == found.path[-1][cue].view(10, 10)).all()
            frame = RECALLED if found.overlaps[cue] >= 0.99 else LOST
            edge = line[-1].spines["left"].get_edgecolor()
            assert colors.to_hex(edge) == frame
            for step, panel in zip(shown, line[2:-1], strict=True):
                assert len(panel.images) == (step < len(found.path))
    pyplot.close(figure)


def test_picture_of_flat_patterns_and_more_cues_than_there_are():
    from matplotlib import pyplot

    made = {"modern": ModernMemory(12, beta=5.0)}
    found = compare_memories(random_patterns(3, 12, generator=generator()), made)
    for shape, expected in ((None, (3, 4)), ((2, 6), (2, 6))):
        figure = found.figure(shape=shape, num_cues=50)
        assert len(figure.axes) % 3 == 0
        assert figure.axes[0].images[0].get_array().shape == expected
        pyplot.close(figure)


def test_bad_arguments(compared):
    patterns = random_patterns(3, 8, generator=generator())
    made = {"one": HopfieldNetwork(8)}
    with pytest.raises(ValueError, match="memories must hold at least one memory by name"):
        compare_memories(patterns, {})
    with pytest.raises(TypeError, match="memories must map names to memories: got list"):
        compare_memories(patterns, [*made.values()])
    with pytest.raises(TypeError, match="memories must have store and recall: got int for 'two'"):
        compare_memories(patterns, {**made, "two": 2})
    with pytest.raises(ValueError, match="min_overlap must be a number: got nan"):
        compare_memories(patterns, made, min_overlap=math.nan)
    with pytest.raises(ValueError, match=r"corruption must lie in \[0, 1\]: got 1\.5"):
        compare_memories(patterns, made, corruption=1.5)
    with pytest.raises(ValueError, match=r"corruption must keep the shape \[3, 8\]: got \[3, 4\]"):
        compare_memories(patterns, made, corruption=lambda x: x[:, :4])
    with pytest.raises(TypeError, match=r"patterns must be floating point: got torch\.uint8"):
        compare_memories(patterns.to(torch.uint8), made)
    with pytest.raises(ValueError, match=r"patterns must have shape \(K >= 1, N …\): got \[8\]"):
        compare_memories(patterns[0], made)
    with pytest.raises(ValueError, match=r"patterns must be -1 or 1: got -?0\.5"):
        compare_memories(patterns / 2, made)
    with pytest.raises(ValueError, match="num_cues must be at least 1: got 0"):
        compare_memories(patterns, made, num_cues=0)
    flat = compare_memories(patterns, made)
    with pytest.raises(
        ValueError, match=r"shape must be \(height, width\) of the 8 .*got \(3, 3\)"
    ):
        flat.figure(shape=(3, 3))
    with pytest.raises(ValueError, match="num_cues must be at least 1: got 0"):
        compared[2].figure(num_cues=0)
