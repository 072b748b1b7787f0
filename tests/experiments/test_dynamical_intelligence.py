"""The parts on sparsity, sequences and swarms: equal synapses, no peeking, claims, figures."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from neurarium import evaluation
from neurarium.evaluation import Cell, Record, Records
from neurarium.experiments.dynamical_intelligence import (
    EXPERIMENTS,
    RECALL,
    SEQUENCE,
    SWARM,
    recall,
    sequence,
    sequence_methods,
    swarm,
)
from neurarium.experiments.dynamical_intelligence.walks import walk
from neurarium.memory import NeuroSwarms, Trajectories


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_parts_and_presets():
    assert [part.part for part in EXPERIMENTS] == ["swarm", "recall", "sequence"]
    for part in EXPERIMENTS:
        assert set(part.presets) == {"smoke", "quick", "full", "paper"}
        assert part.presets["full"].num_seeds >= 5
    headlines = [claim for part in EXPERIMENTS for claim in part.claims if claim.headline]
    assert headlines == [SWARM.claims[0]]
    full = swarm.PRESETS["full"]
    assert (full.num_agents, full.seconds) == (128, 22.0)  # the authors' example
    assert (full.params.sigma, full.params.kappa) == (2.0, 1.5)


@pytest.mark.parametrize("preset", ["full", "paper"])
def test_every_density_has_as_many_synapses_and_patterns_a_synapse(preset):
    config = recall.PRESETS[preset]
    for density in config.densities:
        side, exact = recall.units(density, config)
        assert exact * side**4 == pytest.approx(config.side**4)
        assert exact == pytest.approx(density, rel=0.1)
        for load in config.loads:
            count = round(load * exact * side**2)
            assert count >= 1
            assert count / (exact * side**2) == pytest.approx(load, rel=0.35)


def test_digits_are_phases_from_white_to_black():
    patterns = recall.digit_phases(30, 8, generator())
    assert patterns.shape == (30, 64)
    assert len(patterns.angle().unique(dim=0)) == 30
    phases = patterns.angle().double().abs()  # π may be read as −π
    assert float(phases.min()) == 0
    assert float(phases.max()) == pytest.approx(math.pi)
    assert (phases * 16 / math.pi - (phases * 16 / math.pi).round()).abs().max() < 1e-4
    with pytest.raises(ValueError, match="load must ask for at most 1797 digits: got 2000"):
        recall.digit_phases(2000, 8, generator())


def test_binary_cues_have_the_overlap_of_the_phasors():
    config = replace(recall.PRESETS["smoke"], num_sweeps=1)
    patterns = recall.random_phases(1, 60, generator())
    seen = {}

    class Spy(recall.HopfieldNetwork):
        def recall(self, state, **kwargs):
            seen["overlap"] = float(self.overlaps(state)[0, 0])
            return super().recall(state, **kwargs)

    problem = recall.Problem(patterns, patterns, 1.0, config, generator(1))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recall, "HopfieldNetwork", Spy)
        recall.hopfield(problem)
    assert seen["overlap"] == pytest.approx(math.exp(-0.5), abs=0.05)
    jitter = recall.on_circle(torch.randn(patterns.shape, generator=generator(2)))
    assert abs((jitter.mean()).abs() - math.exp(-0.5)) < 0.03


def test_recall_is_scored_against_the_pattern_that_was_cued(tmp_path):
    def perfect(problem):
        asked = problem.patterns[: len(problem.cues)]
        near = (problem.cues @ problem.patterns.mH).abs().argmax(1)
        return (problem.patterns[near].conj() * asked).mean(1).abs()

    done = evaluation.run(
        RECALL, preset="smoke", methods={"perfect": perfect}, out=tmp_path, progress=False
    )
    assert not done.num_failed
    assert done.records.values("overlap", "method")["perfect"] == pytest.approx(1.0)
    assert len(RECALL.tables(done.records)) == 2
    for draw in RECALL.figures.values():
        draw(done.records)


def test_claims_of_recall_compare_equal_loads():
    overlap = {("phasor", 1.0): 0.7, ("phasor", 0.1): 0.9, ("one_shot", 1.0): 0.8}
    records = Records(
        Record(
            Cell(method=method, density=density, load=load, patterns="random", seed=seed),
            {"overlap": value - 10 * (load != recall.LOAD)},
        )
        for (method, density), value in overlap.items()
        for load in (0.05, 0.1)
        for seed in range(2)
    )
    assert recall.sparse_over_dense(records) == pytest.approx([0.2, 0.2])


def test_a_sequence_is_right_under_any_name_of_a_shared_item(tmp_path):
    config = sequence.PRESETS["smoke"]

    def oracle(task):
        count, length, _ = task.sequences.shape
        due = sequence_methods.wanted(task.sequences)
        matches = torch.nn.functional.one_hot(due, count * length).double()[:, None]
        cycles = (count, task.num_cycles, length, count * length)
        return sequence.Readout(
            matches.expand(cycles).clone(), torch.arange(length).expand(cycles[:3])
        )

    done = evaluation.run(
        SEQUENCE, preset="smoke", methods={"oracle": oracle}, out=tmp_path, progress=False
    )
    assert not done.num_failed
    mine = done.records.where(method="oracle")
    assert set(mine.values("slot_accuracy", "count").values()) == {1.0}
    assert set(mine.values("order_accuracy", "count").values()) == {1.0}
    for draw in SEQUENCE.figures.values():
        draw(done.records)
    assert len(SEQUENCE.tables(done.records)) == 2
    shared = sequence.draw(2, 0, config, shared=True)
    assert torch.equal(shared[0, 3], shared[1, 3])
    assert not torch.equal(shared[0, 4], shared[1, 4])


def test_the_gru_has_at_most_the_memorys_parameters_and_learns_the_sequences():
    config = replace(sequence.PRESETS["quick"], num_units=60, gru_steps=120)
    network = sequence_methods._network(60, config)
    size = sum(parameter.numel() for parameter in network.parameters())
    assert 0.85 * 3 * 60**2 < size <= 3 * 60**2
    sequences = sequence.draw(2, 0, config, shared=False)
    weights = sequence_methods.train_gru(sequences, config, 0)
    task = sequence.Task(sequences, 0.0, 2, config, generator(), lambda: weights)
    found = sequence_methods.gru(task).matches.argmax(-1)
    assert (found == sequence_methods.wanted(sequences)[:, None]).double().mean() > 0.9


def test_the_binary_sequence_network_replays_one_sequence():
    config = replace(sequence.PRESETS["quick"], num_units=300)
    task = sequence.Task(
        sequence.draw(1, 0, config, shared=False), 0.0, 2, config, generator(), dict
    )
    found = sequence_methods.hopfield_sequence(task).matches.argmax(-1)
    assert torch.equal(found, torch.arange(7).expand(1, 2, 7))


def test_walks_keep_the_swarms_speed_and_count_captures_alike():
    arena = swarm.build_arena("multi_reward_arena")
    starts = arena.sample_starts(40, generator=generator())
    speeds = torch.full((150,), 40.0)
    run = walk(
        arena, starts, speeds, dt=0.01, persistence=2.0, capture_radius=60.0, generator=generator()
    )
    steps = torch.cat([starts[None], run.positions]).diff(dim=0).norm(dim=-1) / 0.01
    free = arena.barrier[arena.point_of(run.positions.reshape(-1, 2))].reshape(150, 40) < 0.02
    assert steps[free].sub(40).abs().max() < 2
    assert steps.max() <= 40 * (1 + 1e-9)
    inside = arena.interior[arena.point_of(run.positions.reshape(-1, 2))]
    assert inside.double().mean() > 0.999
    near = torch.cdist(run.positions.round(), arena.rewards) < 60
    assert torch.equal(near.any(0), run.capture_times.isfinite())
    assert 0 < run.share_captured < 1
    turns = run.positions.diff(dim=0)
    ahead = torch.cosine_similarity(turns[1:], turns[:-1], dim=-1)[free[2:] & free[1:-1]]
    assert float(ahead.mean()) == pytest.approx(math.exp(-0.01 / 2.0), abs=0.01)


def test_ablations_change_one_thing_each(monkeypatch):
    seen = {}

    def spy(arena, num_agents, *, mode, params, generator):
        swarm_of = NeuroSwarms(arena, num_agents, mode=mode, params=params, generator=generator)
        seen[current] = (mode, params, swarm_of.state.positions)
        return swarm_of

    monkeypatch.setattr(swarm, "NeuroSwarms", spy)
    config = replace(swarm.PRESETS["smoke"], seconds=0.02)
    task = swarm.Task(swarm.build_arena("multi_reward_arena"), config, 3, swarm._no_speeds)
    names = [name for name in swarm.METHODS if name not in swarm.WALKS]
    for current in names:
        swarm.METHODS[current](task)
    mode, plain, starts = seen.pop("swarm")
    assert (mode, plain) == ("swarm", config.params)
    assert seen.pop("single_entity")[:2] == ("single", plain)
    assert seen["no_phase_coupling"][1] == replace(plain, phase_coupling=False)
    assert seen["no_recurrence"][1] == replace(plain, swarm_gain=0.0, swarm_rate=0.0)
    assert seen["no_reward"][1] == replace(plain, reward_gain=0.0, reward_rate=0.0)
    assert all(torch.equal(found[2], starts) for found in seen.values())


def test_swarm_runs_with_a_method_of_the_users(tmp_path):
    def teleport(task):
        """Stands on the first reward from the first step on."""
        place = task.arena.rewards[:1].expand(4, 1, 2)
        first = torch.tensor([[0.01, math.inf, math.inf]])
        times = task.config.params.dt * torch.arange(1, 5)
        return Trajectories(times, place, place, torch.zeros(4, 1), torch.zeros(4, 1), first)

    done = evaluation.run(
        SWARM, preset="smoke", methods={"teleport": teleport}, out=tmp_path, progress=False
    )
    assert not done.num_failed
    mine = done.records.where(method="teleport")
    assert list(mine.values("share_captured", "seed").values()) == pytest.approx([1 / 3])
    assert list(mine.values("first_capture", "seed").values()) == pytest.approx([0.01])
    (curve,) = mine.curves("share_captured", "method").values()
    assert curve[0] == 0
    assert curve[-1] == pytest.approx(1 / 3)
    assert len(SWARM.tables(done.records)) == 1
    for draw in SWARM.figures.values():
        draw(done.records)


def test_claims_of_the_swarm():
    share = {
        "swarm": (0.5, 0.6, 0.7),
        "random_walk": (0.3, 0.1, 0.65),
        "persistent_walk": (0.2, 0.5, 0.6),
        "no_phase_coupling": (0.45, 0.55, 0.65),
    }
    records = Records(
        Record(Cell(method=method, dataset=maze, seed=seed), {"share_captured": value})
        for method, values in share.items()
        for seed, value in enumerate(values)
        for maze in ("a", "b")
    )
    assert swarm.gained_over_walks(records) == pytest.approx([0.2, 0.1, 0.05])
    assert swarm.beats_walks_on_every_seed(records)
    assert swarm.gained_over("no_phase_coupling", records) == pytest.approx([0.05] * 3)
    assert not swarm.exceeds_seed_spread("no_phase_coupling", records)  # 0.05 < 0.1


@pytest.mark.parametrize(
    ("part", "overrides", "message"),
    [
        (SWARM, {"mazes": ("hairpinn",)}, "did you mean 'hairpin'"),
        (RECALL, {"patterns": ("digit",)}, "patterns must be among random, digits"),
        (SEQUENCE, {"length": 4}, "length must be above 4"),
    ],
)
def test_what_is_unknown_is_refused_before_anything_is_computed(part, overrides, message):
    with pytest.raises(ValueError, match=message):
        evaluation.run(part, preset="smoke", overrides=overrides)


def test_pictures_hold_what_the_figure_needs():
    config = replace(swarm.PRESETS["smoke"], seconds=0.05)
    arena = swarm.build_arena("multi_reward_arena")
    run = swarm.swarm(swarm.Task(arena, config, 0, swarm._no_speeds))
    found = swarm.pictures(arena, run)
    assert found["positions"].shape == (4, 12, 2)
    assert np.array_equal(found["size"], arena.size)
    assert np.allclose(found["positions"][-1], run.positions[-1])
