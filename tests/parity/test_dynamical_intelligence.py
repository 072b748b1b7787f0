"""NeuroSwarms against the authors' update loop, as a swarm and as one body, step by step.

The reference keeps positions and distances in float32 and divides differences of positions by dt;
phases, activations, inputs and weights are float64 there. So every step is compared from the state
that was recorded before it, and free runs over their first frames, in which rounding stays small.
"""

import json
import os
from pathlib import Path

import pytest
from safetensors.torch import load_file
from torch.testing import assert_close

from neurarium.memory import Arena, NeuroSwarms, SwarmParameters

FIXTURES = Path(os.environ.get("NEURARIUM_FIXTURES", Path(__file__).parents[1] / "fixtures"))
PARAMETERS = {  # the authors' name → ours
    "dt": "dt",
    "sigma": "sigma",
    "kappa": "kappa",
    "D_max": "max_distance",
    "E_max": "max_energy",
    "mu": "momentum",
    "eta_S": "swarm_rate",
    "eta_R": "reward_rate",
    "f_0": "base_frequency",
    "f_I": "input_frequency",
    "g_C": "cue_gain",
    "g_R": "reward_gain",
    "g_S": "swarm_gain",
    "tau_c": "cue_tau",
    "tau_r": "reward_tau",
    "tau_q": "swarm_tau",
    "d_rad": "capture_radius",
}
FREE_FRAMES, FREE_WEIGHTS = 10, 5
POSITION, PHASE, WEIGHT, VELOCITY = 1e-4, 1e-7, 1e-6, 2e-3
STATES = {  # the authors' name → ours and how far float32 positions may lead
    "X": ("positions", POSITION),
    "X_S": ("fields", POSITION),
    "v": ("velocities", VELOCITY),
    "Theta": ("phases", PHASE),
    "p": ("activation", PHASE),
    "c": ("cue_inputs", PHASE),
    "r": ("reward_inputs", PHASE),
    "q": ("swarm_inputs", PHASE),
}
GEOMETRY = {
    "D_S": ("distances", POSITION),
    "D_R": ("reward_distances", POSITION),
    "V_S": ("visible", 0.0),
    "V_C": ("visible_cues", 0.0),
    "V_R": ("visible_rewards", 0.0),
    "W_S": ("weights", WEIGHT),
    "W_R": ("reward_weights", WEIGHT),
}


@pytest.fixture(params=sorted(FIXTURES.glob("dynamical-intelligence*.json")), ids=lambda p: p.stem)
def recorded(request):
    """Configuration and tensors of one fixture."""
    config = json.loads(request.param.read_text())["config"]
    tensors = load_file(request.param.with_suffix(".safetensors"))
    return config, {name: tensor.double() for name, tensor in tensors.items()}


@pytest.fixture
def swarm(recorded):
    """Ours in the state before the first frame."""
    config, tensors = recorded
    maps = {"barrier": "G_PB", "normal": "G_PN", "tile": "G_PH", "tile_sight": "V_HH"}
    maps |= {"cue_sight": "V_HC", "reward_sight": "V_HR", "cues": "C", "rewards": "R"}
    arena = Arena.from_maps(
        scale=config["G_scale"], **{ours: tensors[f"env.{name}"] for ours, name in maps.items()}
    )
    mode = "single" if config["single_agent"] else "swarm"
    mass = config.get("m_single" if mode == "single" else "m_multi")
    params = {ours: config[theirs] for theirs, ours in PARAMETERS.items() if theirs in config}
    swarm = NeuroSwarms(
        arena, config["N_S"], mode=mode, params=SwarmParameters(mass=mass, **params)
    )
    swarm.reset(**start(tensors))
    if not config.get("m_std"):  # masses that were drawn are known by their limits alone
        assert_close(swarm.max_speed, tensors["init.v_max"], rtol=1e-6, atol=0)
    swarm.max_speed = tensors["init.v_max"]
    swarm.preferred_cues = tensors["init.V_C_S"]
    swarm.state = swarm.state._replace(
        cue_inputs=tensors["init.c"],
        reward_inputs=tensors["init.r"],
        swarm_inputs=tensors["init.q"],
    )
    return swarm


def start(tensors):
    names = {"positions": "X", "fields": "X_S", "phases": "Theta"}
    first = {ours: tensors[f"init.{theirs}"] for ours, theirs in names.items()}
    return first | {"phases": first["phases"][:, 0]}


def recorded_frames(tensors, name):
    """Frame → index of its row: weights may be kept for the frames 0, 1 and the last only."""
    frames, rows = len(tensors["traj.X"]), len(tensors[f"traj.{name}"])
    kept = range(frames) if rows == frames else (0, 1, frames - 1)
    assert rows == len(kept)
    return {frame: row for row, frame in enumerate(kept)}


def follow(swarm, tensors, frame):
    """Put ours into the state that was recorded at the end of a frame."""
    then = {name: tensors[f"traj.{name}"][frame] for name in STATES}
    bodies = then["X"].reshape(-1, 2)
    near = swarm.reward_distances(bodies) < swarm.params.capture_radius
    state = {STATES[name][0]: value for name, value in then.items()}
    for name in ("phases", "activation"):
        state[name] = state[name].reshape(-1)
    captured = swarm.state.captured | near
    swarm.state = swarm.state._replace(**state, captured=captured)
    swarm.geometry = swarm._look(bodies, state["fields"], captured)


def compare(ours, tensors, prefix, names, select=lambda tensor: tensor):
    for theirs, (name, tolerance) in names.items():
        if prefix + theirs in tensors:
            expected = select(tensors[prefix + theirs])
            found = getattr(ours, name).double().reshape(expected.shape)
            assert_close(
                found, expected, rtol=0, atol=tolerance, msg=lambda m, t=theirs: f"{t}: {m}"
            )


def test_geometry_before_the_first_frame(swarm, recorded):
    compare(swarm.geometry, recorded[1], "init.", GEOMETRY)


def test_first_inputs_follow_from_geometry(swarm, recorded):
    """The authors' own initial values, not only what was copied from them."""
    swarm.reset(**start(recorded[1]))
    compare(swarm.state, recorded[1], "init.", {name: STATES[name] for name in ("r", "q")})


def compare_weights(swarm, tensors, frame):
    for name in ("W_S", "W_R"):
        row = recorded_frames(tensors, name).get(frame)
        if row is not None:
            chosen = {name: GEOMETRY[name]}
            compare(swarm.geometry, tensors, "traj.", chosen, lambda tensor, r=row: tensor[r])


def test_every_state_of_every_frame_from_the_one_before(swarm, recorded):
    tensors = recorded[1]
    for frame in range(len(tensors["traj.X"])):
        swarm.step()
        compare(swarm.state, tensors, "traj.", STATES, lambda tensor, f=frame: tensor[f])
        follow(swarm, tensors, frame)
        compare_weights(swarm, tensors, frame)


def test_every_state_of_a_free_run(swarm, recorded):
    tensors = recorded[1]
    for frame in range(min(FREE_FRAMES, len(tensors["traj.X"]))):
        swarm.step()
        compare(swarm.state, tensors, "traj.", STATES, lambda tensor, f=frame: tensor[f])
        if frame < FREE_WEIGHTS:
            compare_weights(swarm, tensors, frame)


def test_run_records_what_step_returns(swarm, recorded):
    config, tensors = recorded
    frames = min(FREE_FRAMES, len(tensors["traj.X"]))
    run = swarm.run(frames * config["dt"])
    for theirs, name, tolerance in (
        ("X", "positions", POSITION),
        ("X_S", "fields", POSITION),
        ("Theta", "phases", PHASE),
        ("p", "activations", PHASE),
    ):
        expected = tensors[f"traj.{theirs}"][:frames]
        assert_close(getattr(run, name).reshape(expected.shape), expected, rtol=0, atol=tolerance)
