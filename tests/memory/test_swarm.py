"""The arena's maps and the swarm's laws: sight, limits, symmetries, fixed points, captures."""

import math
import runpy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure
from torch.testing import assert_close

from neurarium.data import load_maze, read_maze
from neurarium.memory import (
    Arena,
    NeuroSwarms,
    SwarmParameters,
    animate_swarm,
    draw_swarm,
    oja_update,
    reward_motion,
    somatic_motion,
    swarm_geometry,
)
from neurarium.memory.swarm_motion import exponential_distance, gaussian_distance

BOX = [(5, 5, 205, 5), (205, 5, 205, 155), (205, 155, 5, 155), (5, 155, 5, 5)]
ROOMS = [*BOX, (105, 5, 105, 120)]  # a wall with a gap above it
PLACES = {"cues": [(30, 30), (170, 120)], "rewards": [(170, 40), (40, 130)]}
SIZE = 160  # of the open plane


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def rooms():
    return Arena(ROOMS, **PLACES, spawns=[(40, 40, 30)])


@pytest.fixture(scope="module")
def mazes():
    loaded = {name: load_maze(name) for name in ("multi_reward_arena", "hairpin")}
    return {
        name: Arena(m.walls, m.cues, m.rewards, spawns=m.spawns, size=m.size)
        for name, m in loaded.items()
    }


def open_plane(points):
    """No walls, everything in sight; cues and rewards are points (P, 2)."""
    points = torch.as_tensor(points, dtype=torch.float64)
    one = torch.ones(1, len(points))
    return Arena.from_maps(
        barrier=torch.zeros(SIZE, SIZE),
        normal=torch.zeros(SIZE, SIZE, 2),
        tile=torch.zeros(SIZE, SIZE, dtype=torch.long),
        tile_sight=torch.ones(1, 1),
        cue_sight=one,
        reward_sight=one,
        cues=points,
        rewards=points,
        scale=40.0,
    )


def test_both_mazes_have_the_authors_scale_and_number_of_tiles(mazes):
    """Published beside the authors' drawings (mapdata/*/info.json)."""
    small, large = mazes["multi_reward_arena"], mazes["hairpin"]
    assert (small.size, large.size) == ((519, 519), (885, 519))
    assert (len(small.tile_sight), len(large.tile_sight)) == (370, 1000)
    assert small.scale == pytest.approx(143.24083549575158, rel=1e-14)
    assert large.scale == pytest.approx(233.826805702828, rel=1e-14)


def test_ray_lengths_are_those_of_a_walk():
    interior = np.random.default_rng(0).random((9, 7)) < 0.7
    lengths = swarm_geometry.ray_lengths(interior)
    for x, y in np.ndindex(*interior.shape):
        for ray, (dx, dy) in enumerate(np.sign(swarm_geometry.RAYS).astype(int)):
            steps = 1
            while True:
                at = (x + steps * dx, y + steps * dy)
                if not (0 <= at[0] < 9 and 0 <= at[1] < 7):
                    steps = math.inf
                    break
                if interior[at] != interior[x, y]:
                    break
                steps += 1
            assert lengths[x, y, ray] == steps


def test_barriers_rise_towards_walls_and_push_away_from_them(rooms):
    row = rooms.barrier[5:106, 60]
    assert row[0] == 1
    assert rooms.barrier[~rooms.interior].eq(1).all()
    assert 0 <= rooms.barrier.min() <= rooms.barrier.max() == 1
    assert (row[1:50].diff() <= 0).all()
    near_left, near_right = rooms.normal[12, 60], rooms.normal[98, 60]
    assert near_left[0] > 0.1
    assert near_right[0] < -0.1
    expected = math.exp(-15 / swarm_geometry.BARRIER_LENGTH)
    lowest = math.exp(-50 / swarm_geometry.BARRIER_LENGTH)
    assert float(rooms.barrier[20, 75]) == pytest.approx(
        (expected - lowest) / (1 - lowest), abs=0.01
    )


def test_a_wall_blocks_sight_and_its_gap_does_not(rooms):
    left, right, above = rooms.tile_of(torch.tensor([[40.0, 40.0], [170.0, 40.0], [105.0, 140.0]]))
    assert not rooms.tile_sight[left, right]
    assert rooms.tile_sight[left, above]
    assert rooms.tile_sight[above, right]
    assert not rooms.reward_sight[left, 0]
    assert rooms.reward_sight[right, 0]
    assert rooms.tile_sight.diagonal().all()


def test_the_interior_is_what_the_flood_reaches():
    closed = [*BOX, (105, 5, 105, 155)]
    arena = Arena(closed, [], [], spawns=[(40, 40, 30)])
    assert arena.interior[50, 50]
    assert not arena.interior[150, 50]
    slanted = Arena([*BOX, (5, 100, 100, 5)], [], [], spawns=[(150, 100, 20)])
    assert not slanted.interior[20, 20]
    assert slanted.interior[150, 20]


def test_starting_points_are_clear_of_walls_and_taken_once(rooms):
    starts = rooms.sample_starts(500, generator=generator())
    assert len(starts.unique(dim=0)) == 500
    assert ((starts - torch.tensor([40.0, 40.0])).norm(dim=1) <= 30).all()
    assert starts.min() >= 15
    assert len(rooms.sample_starts(10_000, generator=generator())) == 10_000


def test_oja_update_and_its_bounds():
    weights = torch.rand(4, 5, generator=generator()).double()
    inputs = torch.rand(4, 5, generator=generator(1)).double() * 2 - 1
    p = torch.rand(4, generator=generator(2)).double()
    seen = torch.rand(4, 5, generator=generator(3)) < 0.6
    found = oja_update(weights, inputs, p, seen, rate=0.1)
    for i in range(4):
        for j in range(5):
            change = 0.1 * p[i] * (inputs[i, j] - p[i] * weights[i, j]) if seen[i, j] else 0.0
            assert float(found[i, j]) == pytest.approx(float(weights[i, j] + change))
    for rate in (0.1, 1e3):
        extreme = oja_update(weights, inputs, p, seen, rate=rate)
        assert (extreme >= 0).all()
        assert (extreme < 1).all()


def test_motions_are_the_sums_over_pairs():
    positions = torch.rand(6, 2, generator=generator()).double() * 50
    rewards = torch.rand(3, 2, generator=generator(1)).double() * 50
    distances, away = torch.cdist(positions, positions), torch.cdist(positions, rewards)
    desired = distances + torch.randn(6, 6, generator=generator(2)).double()
    desired[0, 3] = math.inf
    wanted = away + torch.randn(6, 3, generator=generator(3)).double()
    seen = torch.rand(6, 6, generator=generator(4)) < 0.7
    seen.fill_diagonal_(False)
    seen[5] = False
    shown = torch.rand(6, 3, generator=generator(5)) < 0.7
    moved = somatic_motion(desired, distances, positions, seen)
    led = reward_motion(wanted, away, positions, rewards, shown)
    for i in range(6):
        js = [j for j in range(6) if seen[i, j] and desired[i, j] < math.inf]
        unit = [(positions[i] - positions[j]) / distances[i, j] for j in js]
        parts = [(desired[i, j] - distances[i, j]) * u for j, u in zip(js, unit, strict=True)]
        expected = sum(parts) / (2 * len(js)) if js else torch.zeros(2).double()
        assert_close(moved[i], expected)
        rs = [r for r in range(3) if shown[i, r]]
        parts = [(wanted[i, r] - away[i, r]) * (positions[i] - rewards[r]) / away[i, r] for r in rs]
        assert_close(led[i], sum(parts) / len(rs) if rs else torch.zeros(2).double())


def test_distances_and_weights_are_inverse_to_each_other():
    distances = torch.linspace(0.1, 60, 30, dtype=torch.float64)
    gauss = torch.exp(-(distances**2) / (2 * 20.0**2))
    assert_close(gaussian_distance(gauss, 20.0), distances)
    assert_close(exponential_distance(torch.exp(-distances / 30), 30.0), distances)
    assert gaussian_distance(torch.zeros(1), 20.0).isinf().all()


@settings(max_examples=10, deadline=None)
@given(
    angle=st.floats(-3.0, 3.0),
    shift=st.tuples(st.floats(-8, 8), st.floats(-8, 8)),
    mode=st.sampled_from(["swarm", "single"]),
)
def test_a_rigid_motion_of_everything_moves_the_run_along(angle, shift, mode):
    c, s = math.cos(angle), math.sin(angle)
    turn = torch.tensor([[c, -s], [s, c]], dtype=torch.float64)
    centre = torch.full((2,), SIZE / 2, dtype=torch.float64)

    def moved(points):
        return (points - centre) @ turn.T + centre + torch.tensor(shift).double()

    number = 8
    starts = centre + 25 * torch.randn(number, 2, generator=generator(1)).double().clamp(-1.5, 1.5)
    goals = centre + torch.tensor([[30.0, 5.0], [-20.0, 15.0]]).double()
    runs = []
    for transform in (lambda x: x, moved):
        swarm = NeuroSwarms(
            open_plane(transform(goals)),
            number,
            mode=mode,
            params=SwarmParameters(rounded_distances=False, capture_radius=3.0),
        )
        bodies = starts if mode == "swarm" else starts[:1]
        phases = torch.linspace(0, 6, number)
        swarm.reset(positions=transform(bodies), fields=transform(starts), phases=phases)
        swarm.preferred_cues = torch.ones(number, 2, dtype=torch.float64)
        runs.append(swarm.run(0.3))
    assert_close(runs[1].positions, moved(runs[0].positions), rtol=0, atol=1e-6)
    assert_close(runs[1].fields, moved(runs[0].fields), rtol=0, atol=1e-6)
    assert_close(runs[1].activations, runs[0].activations, rtol=0, atol=1e-9)


def test_laws_that_hold_in_every_step(rooms):
    for mode in ("swarm", "single"):
        swarm = NeuroSwarms(rooms, 20, mode=mode, generator=generator(2))
        for _ in range(150):
            state, seen = swarm.step(), swarm.geometry
            assert (state.activation >= 0).all()
            assert ((state.phases >= 0) & (state.phases < 2 * math.pi)).all()
            for weights in (seen.weights, seen.reward_weights):
                assert ((weights >= 0) & (weights <= 1)).all()
            speed = state.velocities.norm(dim=1, keepdim=True)
            assert (speed <= swarm.max_speed * (1 + 1e-12)).all()
            assert not seen.visible.diagonal().any()
            assert not (seen.visible_rewards & state.captured).any()
        assert state.positions.std() > 0


def test_speed_is_limited_however_far_the_field_is(rooms):
    swarm = NeuroSwarms(rooms, 6, params=SwarmParameters(mass=30.0), generator=generator())
    swarm.state = swarm.state._replace(fields=swarm.state.fields + 1000.0)
    limit = math.sqrt(2 * 3e3 / 30.0)
    speeds = torch.stack([swarm.step().velocities.norm(dim=1) for _ in range(5)])
    assert (speeds <= limit * (1 + 1e-12)).all()
    assert float(speeds.max()) > 0.9 * limit


def test_nothing_moves_without_learning(rooms):
    still = SwarmParameters(swarm_rate=0.0, reward_rate=0.0)
    swarm = NeuroSwarms(rooms, 10, params=still, generator=generator())
    start = swarm.state.positions.clone()
    run = swarm.run(0.2)
    assert torch.equal(run.positions[-1], start)
    tiny = SwarmParameters(swarm_rate=1e-300, reward_rate=1e-300, rounded_distances=False)
    almost = NeuroSwarms(rooms, 10, params=tiny, generator=generator())
    assert_close(almost.run(0.2).positions[-1], start, rtol=0, atol=1e-7)


def test_equal_phases_drive_inputs_to_visibility(rooms):
    swarm = NeuroSwarms(
        rooms, 8, params=SwarmParameters(swarm_rate=0.0, reward_rate=0.0), generator=generator()
    )
    swarm.reset(positions=swarm.state.positions, phases=torch.ones(8))
    assert_close(swarm.state.swarm_inputs, swarm.geometry.visible.double())
    swarm.state = swarm.state._replace(swarm_inputs=torch.zeros(8, 8).double())
    frozen = torch.ones(8).double()
    for step in range(1, 60):
        swarm.state = swarm.state._replace(phases=frozen)
        swarm.step()
        share = 1 - (1 - 0.01 / 0.1) ** step
        assert_close(swarm.state.swarm_inputs, share * swarm.geometry.visible.double())


def test_without_phase_coupling_phases_are_not_felt(rooms):
    blind = SwarmParameters(phase_coupling=False)
    runs = []
    for phases in (torch.zeros(8), torch.linspace(0, 6, 8)):
        swarm = NeuroSwarms(rooms, 8, params=blind, generator=generator())
        swarm.preferred_cues = torch.ones(8, 2, dtype=torch.float64)
        swarm.reset(positions=swarm.state.positions, phases=phases, generator=generator(1))
        runs.append(swarm.run(0.3).positions)
    assert torch.equal(*runs)


def test_a_captured_reward_never_attracts_again():
    arena = open_plane([(80.0, 80.0)])
    near = torch.tensor([[84.0, 80.0], [140.0, 80.0]])
    swarm = NeuroSwarms(arena, 2, params=SwarmParameters(swarm_rate=0.0, capture_radius=6.0))
    swarm.reset(positions=near, phases=torch.zeros(2))
    swarm.step()
    assert swarm.state.captured.tolist() == [[True], [False]]
    held = swarm.state.fields[0].clone()
    swarm.state = swarm.state._replace(
        positions=torch.tensor([[130.0, 30.0], [140.0, 80.0]]).double(),
        fields=torch.tensor([[130.0, 30.0], [140.0, 80.0]]).double(),
        velocities=torch.zeros(2, 2).double(),
    )
    swarm.geometry = swarm._look(swarm.state.positions, swarm.state.fields, swarm.state.captured)
    before = swarm.state.fields.clone()
    for _ in range(30):
        swarm.step()
    assert torch.equal(swarm.state.fields[0], before[0])
    assert swarm.state.fields[1, 0] < before[1, 0] - 1  # the other is still drawn to it
    assert swarm.state.captured[0].all()
    assert not torch.equal(held, before[0])


def test_capture_times_are_the_first_moments_within_reach():
    arena = open_plane([(80.0, 80.0), (20.0, 20.0)])
    swarm = NeuroSwarms(arena, 3, params=SwarmParameters(kappa=2.0, capture_radius=12.0))
    starts = torch.tensor([[93.0, 80.0], [80.0, 140.0], [60.0, 75.0]])
    swarm.reset(positions=starts, phases=torch.zeros(3))
    run = swarm.run(3.0)
    distances = torch.cdist(run.positions.round(), arena.rewards)
    for body in range(3):
        for reward in range(2):
            hits = (distances[:, body, reward] < 12).nonzero()
            expected = float(run.times[hits[0]]) if len(hits) else math.inf
            assert float(run.capture_times[body, reward]) == expected
    assert 0 < run.share_captured < 1
    assert run.first_capture == float(run.capture_times.min())
    later = swarm.run(0.1).capture_times
    known = run.capture_times.isfinite()
    assert torch.equal(later[known], run.capture_times[known])
    assert (later[~known] > 3.0).all()


def test_a_single_body_takes_rewards_away_from_every_particle():
    arena = open_plane([(80.0, 80.0)])
    fields = 70 + 20 * torch.rand(10, 2, generator=generator())
    swarm = NeuroSwarms(arena, 10, mode="single")
    swarm.reset(positions=torch.tensor([[82.0, 82.0]]), fields=fields, generator=generator())
    swarm.step()
    assert swarm.state.captured.all()
    assert not swarm.geometry.visible_rewards.any()
    assert swarm.run(0.1).capture_times.shape == (1, 1)


def test_equal_seeds_give_equal_runs_and_others_do_not(rooms):
    runs = [NeuroSwarms(rooms, 6, generator=generator(s)).run(0.2).positions for s in (4, 4, 5)]
    assert torch.equal(runs[0], runs[1])
    assert not torch.equal(runs[0], runs[2])


def test_agents_stay_inside_both_mazes(mazes):
    params = SwarmParameters(sigma=2.0, kappa=1.5)
    for arena in mazes.values():
        run = NeuroSwarms(arena, 24, params=params, generator=generator(1)).run(1.5)
        inside = arena.interior[arena.point_of(run.positions.reshape(-1, 2))]
        assert inside.double().mean() > 0.999
        assert run.positions.diff(dim=0).norm(dim=-1).mean() > 0.05


def test_the_film_and_its_pictures(rooms, tmp_path):
    from PIL import Image

    run = NeuroSwarms(rooms, 5, generator=generator()).run(0.2)
    path = animate_swarm(rooms, run, tmp_path / "swarm.gif", stride=4)
    with Image.open(path) as film:
        assert film.n_frames == 5
    alone = NeuroSwarms(rooms, 5, mode="single", generator=generator()).run(0.05)
    page = animate_swarm(rooms, alone, str(tmp_path / "swarm.html")).read_text(encoding="utf-8")
    assert page.count("data:image/png;base64") == 1
    axes = Figure().subplots()
    bodies, rewards = draw_swarm(axes, rooms, run.positions[-1], run.phases[-1], taken=(1,))
    assert np.allclose(bodies.get_offsets(), run.positions[-1].numpy())
    assert np.allclose(bodies.get_array(), run.phases[-1].numpy())
    free, taken = rewards.get_facecolors()
    assert not np.allclose(free, taken)
    with pytest.raises(ValueError, match="stride and fps must be at least 1: got 0 and 20"):
        animate_swarm(rooms, run, path, stride=0)
    with pytest.raises(ValueError, match=r"path must end in .gif or .html: got 'swarm.avi'"):
        animate_swarm(rooms, run, tmp_path / "swarm.avi")


def test_the_example_films_a_maze_of_its_own(tmp_path):
    path = Path(__file__).parents[2] / "examples" / "film_swarm.py"
    example = runpy.run_path(str(path))
    run = example["main"](str(tmp_path / "swarm.gif"))
    assert 0 < run.share_captured < 1
    assert (tmp_path / "swarm.gif").stat().st_size > 10_000


def test_an_arena_from_a_file_is_the_drawn_one(tmp_path):
    rows = ["kind,x1,y1,x2_or_attr,y2", "size,210,160,,"]
    rows += [f"wall,{x1},{160 - y1},{x2},{160 - y2}" for x1, y1, x2, y2 in ROOMS]
    rows += ["cue,30,130,0,", "cue,170,40,,", "reward,170,120,1,", "spawn,40,120,30,"]
    path = tmp_path / "rooms.csv"
    path.write_text("\n".join(rows))
    read = Arena.from_csv(path)
    made = Arena(ROOMS, PLACES["cues"], [(170, 40)], spawns=[(40, 40, 30)], size=(210, 160))
    for name in ("interior", "barrier", "normal", "tile", "tile_sight", "reward_sight", "starts"):
        assert torch.equal(getattr(read, name), getattr(made, name)), name
    assert read.scale == made.scale


def test_bad_arenas():
    with pytest.raises(ValueError, match=r"rewards must lie inside the walls: got \(2, 2\)"):
        Arena(BOX, [], [(2, 2)], spawns=[(40, 40, 30)])
    with pytest.raises(ValueError, match=r"rewards must lie inside the walls: got \(999, 40\)"):
        Arena(BOX, [], [(999, 40)], spawns=[(40, 40, 30)])
    with pytest.raises(ValueError, match=r"spawns must lie inside the walls: got \(5, 40\)"):
        Arena(BOX, [], [(40, 40)], spawns=[(5, 40, 30)])
    with pytest.raises(ValueError, match="spawns must hold at least one disc"):
        Arena(BOX, [], [])
    with pytest.raises(ValueError, match="spawns must hold a point at least 10 from the walls"):
        Arena(BOX, [], [(40, 40)], spawns=[(8, 40, 2)])
    with pytest.raises(ValueError, match="walls must be rows of 4 numbers"):
        Arena([(1, 2, 3)], [], [(40, 40)])
    with pytest.raises(ValueError, match="cues must be finite: got nan"):
        Arena(BOX, [(math.nan, 3)], [(40, 40)])
    maps = {name: torch.ones(1, 1) for name in ("tile_sight", "cue_sight", "reward_sight")}
    with pytest.raises(ValueError, match="normal and tile must fit the barrier map"):
        Arena.from_maps(
            barrier=torch.zeros(5, 5),
            normal=torch.zeros(5, 4, 2),
            tile=torch.zeros(5, 5),
            cues=torch.zeros(1, 2),
            rewards=torch.zeros(1, 2),
            scale=1.0,
            **maps,
        )


def test_bad_swarms(rooms):
    with pytest.raises(ValueError, match="num_agents must be at least 2: got 1"):
        NeuroSwarms(rooms, 1)
    with pytest.raises(ValueError, match="mode must be 'swarm' or 'single': got 'flock'"):
        NeuroSwarms(rooms, 3, mode="flock")
    swarm = NeuroSwarms(rooms, 3, generator=generator())
    for wrong in ((2.0, 2.0), (150.0, 999.0), (-4.0, 30.0)):
        with pytest.raises(ValueError, match="positions must lie inside the walls"):
            swarm.reset(positions=torch.tensor([[40.0, 40.0], [50.0, 50.0], wrong]))
    with pytest.raises(ValueError, match=r"fields must lie inside the walls: got \(2, 2\)"):
        swarm.reset(fields=torch.tensor([[40.0, 40.0], [50.0, 50.0], [2.0, 2.0]]))
    with pytest.raises(ValueError, match=r"positions must have shape \[3, 2\]: got \[2, 2\]"):
        swarm.reset(positions=torch.ones(2, 2))
    with pytest.raises(ValueError, match="positions must be finite"):
        swarm.reset(positions=torch.full((3, 2), math.nan))
    with pytest.raises(TypeError, match="fields must be a tensor: got list"):
        swarm.reset(fields=[[40.0, 40.0]] * 3)
    with pytest.raises(ValueError, match=r"phases must have shape \[3\]: got \[3, 1\]"):
        swarm.reset(phases=torch.zeros(3, 1))
    with pytest.raises(ValueError, match="phases must be finite"):
        swarm.reset(phases=torch.full((3,), math.nan))
    with pytest.raises(ValueError, match=r"seconds must be at least dt = 0.01: got 0.001"):
        swarm.run(0.001)
    with pytest.raises(ValueError, match="seconds must be finite: got inf"):
        swarm.run(math.inf)
    with pytest.raises(RuntimeError, match=r"call reset\(positions=…\)"):
        NeuroSwarms(open_plane([(80.0, 80.0)]), 3).run(1.0)
    with pytest.raises(RuntimeError, match="agents must be placed before a step"):
        NeuroSwarms(open_plane([(80.0, 80.0)]), 3).step()
    with pytest.raises(ValueError, match=r"swarm_tau must be at least dt = 0.2: got 0.1"):
        SwarmParameters(dt=0.2)
    with pytest.raises(ValueError, match="sigma must be positive: got 0"):
        SwarmParameters(sigma=0)
    with pytest.raises(ValueError, match="momentum must lie in"):
        SwarmParameters(momentum=1.0)
    with pytest.raises(ValueError, match="kappa must be finite: got nan"):
        SwarmParameters(kappa=math.nan)
    with pytest.raises(ValueError, match="mass must be positive"):
        SwarmParameters(mass=-1.0)
    with pytest.raises(ValueError, match="mass_std must be at least 0: got -1"):
        SwarmParameters(mass_std=-1.0)
    heavy = replace(SwarmParameters(), mass=0.1, mass_std=10.0)
    with pytest.raises(ValueError, match="mass_std must leave every mass positive"):
        NeuroSwarms(rooms, 30, params=heavy, generator=generator())


def test_an_arena_may_have_neither_walls_nor_rewards():
    """Sight ends at the edge of the map; cues may stand beyond it."""
    arena = Arena([], [(60, 30), (500, 30)], [], spawns=[(40, 40, 15)], size=(80, 80))
    assert arena.barrier.eq(0).all()
    assert arena.tile_sight.all()
    assert arena.cue_sight.all(0).tolist() == [True, False]
    run = NeuroSwarms(arena, 6, generator=generator()).run(0.2)
    assert run.positions.isfinite().all()
    assert (run.share_captured, run.first_capture) == (0.0, math.inf)


def test_bad_mazes(tmp_path):
    head = "kind,x1,y1,x2_or_attr,y2\n"
    with pytest.raises(ValueError, match="did you mean 'hairpin'"):
        load_maze("hairpinn")
    with pytest.raises(ValueError, match="must have the columns kind"):
        read_maze("mine", "a,b\n")
    with pytest.raises(ValueError, match=r"kind must be one of .*got 'door' in line 2 of mine"):
        read_maze("mine", head + "door,1,2,,\n")
    with pytest.raises(ValueError, match="coordinates must be numbers"):
        read_maze("mine", head + "wall,1,b,,\n")
    with pytest.raises(ValueError, match="mine must have one row of kind size: got 0"):
        read_maze("mine", head + "cue,1,2,,\n")
    folder = tmp_path / "neuroswarms-mazes"
    folder.mkdir()
    (folder / "hairpin.csv").write_text(head)
    with pytest.raises(ValueError, match="must have the content checksum"):
        load_maze("hairpin", tmp_path)
