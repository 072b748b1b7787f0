"""NeuroSwarms: agents as place cells, their distances as synapses, learning as motion.

Monaco, Hwang, Schultz, Zhang, "Cognitive swarming in complex environments with attractor dynamics
and oscillatory computing", Biol. Cybern. 114 (2020) 269
(https://doi.org/10.1007/s00422-020-00823-z), written from its equations and its authors' code:
the closed loop that "A brain basis of dynamical intelligence for AI and computational
neuroscience" (arXiv 2105.07284) argues for. Equation numbers are those of the 2020 paper.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from neurarium.memory.arguments import require_count, require_tensor
from neurarium.memory.swarm_arena import Arena
from neurarium.memory.swarm_motion import (
    exponential_distance,
    gaussian_distance,
    oja_update,
    reward_motion,
    somatic_motion,
)

SWARM_MASS, SINGLE_MASS = 0.3, 3.0
"""Mass of an agent of a swarm, and of the one body in ``mode="single"``."""

EXACT = "donot_use_mm_for_euclid_dist"
"""Distances of neighbours must not suffer from cancellation."""


@dataclass(frozen=True)
class SwarmParameters:
    """The constants of NeuroSwarms, the authors' defaults; distances are in units of the arena.

    Args:
        dt: time step in seconds.
        sigma: width of the Gaussian that turns distances of agents into weights.
        kappa: length of the exponential that turns distances of rewards into weights.
        max_distance: how far agents see each other.
        max_energy: kinetic energy that limits the speed to √(2 E / mass).
        momentum: μ, share of the velocity that is kept each step.
        mass: of a body; None is 0.3 in a swarm and 3 for a single body.
        mass_std: standard deviation of the masses.
        swarm_rate: η_S, learning rate of the weights between agents.
        reward_rate: η_R, learning rate of the weights from rewards.
        base_frequency: f₀ in Hz.
        input_frequency: f_I in Hz, at activation 1.
        cue_gain: g_C.
        reward_gain: g_R.
        swarm_gain: g_S.
        cue_tau: time constant of cue inputs in seconds.
        reward_tau: of reward inputs.
        swarm_tau: of inputs from other agents.
        capture_radius: points within which a reward is taken.
        phase_coupling: False puts cos(Θ_j − Θ_i) to 1: agents no longer feel phases.
        rounded_distances: distances of rewards from the nearest integer point, as the authors'
            maps have them; False: from the position itself.

    Example:
        >>> SwarmParameters(sigma=2.0, kappa=1.5).swarm_tau
        0.1
    """

    dt: float = 0.01
    sigma: float = 1.0
    kappa: float = 1.0
    max_distance: float = 1.0
    max_energy: float = 3e3
    momentum: float = 0.9
    mass: float | None = None
    mass_std: float = 0.0
    swarm_rate: float = 1.0
    reward_rate: float = 1.0
    base_frequency: float = 0.0
    input_frequency: float = 1.0
    cue_gain: float = 0.2
    reward_gain: float = 0.3
    swarm_gain: float = 0.5
    cue_tau: float = 0.5
    reward_tau: float = 0.5
    swarm_tau: float = 0.1
    capture_radius: float = 12.0
    phase_coupling: bool = True
    rounded_distances: bool = True

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value is not None and not math.isfinite(value):
                raise ValueError(f"{field.name} must be finite: got {value}")
        for name in ("dt", "sigma", "kappa", "max_distance", "max_energy", "capture_radius"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive: got {getattr(self, name)}")
        if self.mass is not None and not self.mass > 0:
            raise ValueError(f"mass must be positive: got {self.mass}")
        if self.mass_std < 0:
            raise ValueError(f"mass_std must be at least 0: got {self.mass_std}")
        if not 0 <= self.momentum < 1:
            raise ValueError(f"momentum must lie in [0, 1): got {self.momentum}")
        for name in ("cue_tau", "reward_tau", "swarm_tau"):
            if not getattr(self, name) >= self.dt:
                raise ValueError(
                    f"{name} must be at least dt = {self.dt}: got {getattr(self, name)}"
                )


class SwarmState(NamedTuple):
    """Everything that a step carries on; B bodies are all agents, or one in ``mode="single"``."""

    positions: Float[Tensor, "B 2"]
    fields: Float[Tensor, "N 2"]
    velocities: Float[Tensor, "B 2"]
    phases: Float[Tensor, " N"]
    activation: Float[Tensor, " N"]
    cue_inputs: Float[Tensor, "N C"]
    reward_inputs: Float[Tensor, "N R"]
    swarm_inputs: Float[Tensor, "N N"]
    captured: Bool[Tensor, "N R"]


class SwarmGeometry(NamedTuple):
    """What follows from where everyone is: distances, who sees what, and the weights."""

    distances: Float[Tensor, "N N"]
    reward_distances: Float[Tensor, "N R"]
    visible: Bool[Tensor, "N N"]
    visible_cues: Bool[Tensor, "N C"]
    visible_rewards: Bool[Tensor, "N R"]
    in_reach: Bool[Tensor, " N"]
    weights: Float[Tensor, "N N"]
    reward_weights: Float[Tensor, "N R"]


@dataclass(frozen=True)
class Trajectories:
    """What a run leaves behind, one row a step.

    Args:
        times: seconds since the reset, (T,).
        positions: of the bodies, (T, B, 2).
        fields: of the internal fields, (T, N, 2).
        phases: (T, N).
        activations: p, (T, N).
        capture_times: seconds at which a body first took a reward, ∞ where it never did, (B, R).

    Example:
        >>> nothing = torch.zeros(0, 2, 2)
        >>> taken = torch.tensor([[1.5, math.inf], [math.inf, math.inf]])
        >>> run = Trajectories(
        ...     torch.zeros(0), nothing, nothing, torch.zeros(0, 2), torch.zeros(0, 2), taken
        ... )
        >>> run.share_captured, run.first_capture
        (0.25, 1.5)
    """

    times: Float[Tensor, " T"]
    positions: Float[Tensor, "T B 2"]
    fields: Float[Tensor, "T N 2"]
    phases: Float[Tensor, "T N"]
    activations: Float[Tensor, "T N"]
    capture_times: Float[Tensor, "B R"]

    @property
    def share_captured(self) -> float:
        """Share of all pairs of a body and a reward in which the body took it; 0 of none."""
        taken = self.capture_times.isfinite()
        return float(taken.sum() / max(taken.numel(), 1))

    @property
    def first_capture(self) -> float:
        """Seconds until any body took a reward; ∞ if none did."""
        return float(self.capture_times.min()) if self.capture_times.numel() else math.inf


class NeuroSwarms:
    r"""Agents that swarm through an arena: phase-coupled place cells whose synapses are distances.

    In ``mode="swarm"`` every agent is a place cell with a body; its internal field leads the body.
    In ``mode="single"`` one body is led by the fields of N virtual particles. Each step filters
    the inputs of visible cues c, rewards r and agents q, sums them up and turns the phases,

    .. math:: q_{ij} \mathrel{+}= \tfrac{dt}{\tau_q} (V_{ij} \cos(\Theta_j - \Theta_i) - q_{ij}),
              \quad p_i = \Big[\tfrac{g_C}{n} \sum c + \tfrac{g_R}{n} \sum W_R r +
              \tfrac{g_S}{n} \sum W_S q\Big]_+, \quad \dot\Theta_i = 2\pi (f_I p_i + f_0)

    lets Oja's rule change the weights :math:`W_S = V e^{-D^2/2\sigma^2}, W_R = V e^{-D/\kappa}`,
    reads the new weights as distances that are wanted, moves the fields accordingly, and the
    bodies after them within the limits of walls, momentum and energy. Then all weights follow from
    distances anew: learning is motion. The 2020 paper: `Cognitive swarming
    <https://doi.org/10.1007/s00422-020-00823-z>`_.

    Args:
        arena: where it happens.
        num_agents: N, at least 2; the authors use 300.
        mode: ``"swarm"`` or ``"single"``.
        params: the constants.
        generator: draws positions, phases and preferred cues at the start.

    Raises:
        ValueError: for fewer than two agents or an unknown mode.

    Example:
        >>> walls = [(5, 5, 95, 5), (95, 5, 95, 65), (95, 65, 5, 65), (5, 65, 5, 5)]
        >>> arena = Arena(walls, [(20, 20), (60, 50)], [(80, 20)], spawns=[(30, 30, 15)])
        >>> swarm = NeuroSwarms(arena, 8, generator=torch.Generator().manual_seed(0))
        >>> run = swarm.run(0.5)
        >>> run.positions.shape, run.capture_times.shape
        (torch.Size([50, 8, 2]), torch.Size([8, 1]))
    """

    def __init__(
        self,
        arena: Arena,
        num_agents: int,
        *,
        mode: str = "swarm",
        params: SwarmParameters | None = None,
        generator: torch.Generator | None = None,
    ) -> None:
        require_count("num_agents", num_agents)
        if num_agents < 2:
            raise ValueError(f"num_agents must be at least 2: got {num_agents}")
        if mode not in ("swarm", "single"):
            raise ValueError(f"mode must be 'swarm' or 'single': got {mode!r}")
        self.arena, self.num_agents, self.mode = arena, num_agents, mode
        self.params = params or SwarmParameters()
        scale, p = arena.scale, self.params
        self.width, self.length = scale * p.sigma, scale * p.kappa
        self.reach = scale * p.max_distance
        if len(arena.starts):
            self.reset(generator=generator)

    @property
    def num_bodies(self) -> int:
        """B: how many move through the arena."""
        return self.num_agents if self.mode == "swarm" else 1

    def reset(
        self,
        *,
        positions: Float[Tensor, "B 2"] | None = None,
        fields: Float[Tensor, "N 2"] | None = None,
        phases: Float[Tensor, " N"] | None = None,
        generator: torch.Generator | None = None,
    ) -> None:
        """Start anew.

        Args:
            positions: of the bodies; by default drawn from the arena's starting places.
            fields: where the internal fields are; by default with the bodies of a swarm, and drawn
                from the starting places for a single body.
            phases: in radians; by default uniform.
            generator: draws what is not given, and the preferred cues.
        """
        arena, number = self.arena, self.num_agents
        if positions is None:
            positions = arena.sample_starts(self.num_bodies, generator=generator)
        positions = self._inside("positions", positions, self.num_bodies)
        if fields is None:
            fields = positions
            if self.mode == "single":
                fields = arena.sample_starts(number, generator=generator)
        fields = self._inside("fields", fields, number)
        if phases is None:
            phases = 2 * math.pi * torch.rand(number, generator=generator, dtype=torch.float64)
        _require_finite("phases", phases, (number,))
        chosen = torch.randint(len(arena.cue_sight), (number,), generator=generator)
        self.preferred_cues = arena.cue_sight[chosen].double()
        self.max_speed = self._draw_limits(generator)
        self.time = 0.0
        self.capture_times = torch.full(
            (self.num_bodies, len(arena.rewards)), math.inf, dtype=torch.float64
        )
        nothing = torch.zeros(number, len(arena.rewards), dtype=torch.bool)
        self.geometry = self._look(positions, fields, nothing)
        seen = self.geometry
        self.state = SwarmState(
            positions,
            fields,
            torch.zeros_like(positions),
            phases.double(),
            torch.zeros(number, dtype=torch.float64),
            seen.visible_cues * self.preferred_cues,
            seen.visible_rewards.double(),
            self._synchrony(phases.double(), seen.visible),
            nothing,
        )

    def _draw_limits(self, generator: torch.Generator | None) -> Float[Tensor, "B 1"]:
        """Eq. 22: the speed at which a body's kinetic energy is at its limit."""
        mean = self.params.mass or (SWARM_MASS if self.mode == "swarm" else SINGLE_MASS)
        spread = torch.randn(self.num_bodies, 1, generator=generator, dtype=torch.float64)
        masses = mean + self.params.mass_std * spread
        if (masses <= 0).any():
            raise ValueError(
                f"mass_std must leave every mass positive: got {self.params.mass_std} "
                f"beside mass {mean}"
            )
        return (2 * self.params.max_energy / masses).sqrt()

    def _inside(self, name: str, points: Tensor, count: int) -> Float[Tensor, "count 2"]:
        """The points in float64; raises unless all of them are inside the walls."""
        _require_finite(name, points, (count, 2))
        width, height = self.arena.size
        on_map = ((points >= 0) & (points < points.new_tensor([width, height]))).all(1)
        outside = ~(on_map & self.arena.interior[self.arena.point_of(points)])
        if outside.any():
            x, y = points[outside][0].tolist()
            raise ValueError(f"{name} must lie inside the walls: got ({x:g}, {y:g})")
        return points.double()

    def _look(self, positions: Tensor, field_positions: Tensor, captured: Tensor) -> SwarmGeometry:
        """Step 10: distances, visibility and, from them, the weights (Eqs. 3 and 4)."""
        arena = self.arena
        seats = positions if self.mode == "swarm" else field_positions
        tiles = arena.tile_of(seats)
        distances = torch.cdist(seats, seats, compute_mode=EXACT)
        visible = arena.tile_sight[tiles][:, tiles].fill_diagonal_(False)
        in_reach = torch.ones(self.num_agents, dtype=torch.bool)
        if self.mode == "swarm":
            visible &= distances <= self.reach
        else:
            in_reach = arena.tile_sight[arena.tile_of(positions)[0], tiles]
        reward_distances = self.reward_distances(seats)
        visible_rewards = arena.reward_sight[tiles] & ~captured
        return SwarmGeometry(
            distances,
            reward_distances,
            visible,
            arena.cue_sight[tiles],
            visible_rewards,
            in_reach,
            (distances**2).div_(-2 * self.width**2).exp_().mul_(visible),
            visible_rewards * (-reward_distances / self.length).exp(),
        )

    def reward_distances(self, positions: Float[Tensor, "N 2"]) -> Float[Tensor, "N R"]:
        """Distances from the rewards as the swarm knows them, see ``rounded_distances``.

        Args:
            positions: (N, 2).
        """
        exact = positions.round() if self.params.rounded_distances else positions
        return torch.cdist(exact.double(), self.arena.rewards, compute_mode=EXACT)

    def _synchrony(self, phases: Tensor, visible: Tensor) -> Tensor:
        """V cos(Θ_j − Θ_i), the cosine from two outer products."""
        if not self.params.phase_coupling:
            return visible.double()
        cos, sin = phases.cos(), phases.sin()
        return torch.addr(cos.outer(cos), sin, sin).mul_(visible)

    def step(self) -> SwarmState:
        """One time step; returns the new state."""
        if not hasattr(self, "state"):
            raise RuntimeError("agents must be placed before a step: call reset(positions=…)")
        p, before, seen = self.params, self.state, self.geometry
        inputs = self._filter_inputs(before, seen)
        activation = self._activate(*inputs)
        turned = before.phases + 2 * math.pi * p.dt * (
            p.input_frequency * activation + p.base_frequency
        )
        field_moves = self._learned_motion(inputs, activation).to(before.fields)
        field_moves = self.arena.deflect(field_moves, before.fields + field_moves)
        moved_fields = before.fields + field_moves
        velocities = self._velocities(moved_fields, activation)
        positions = before.positions + velocities * p.dt
        near = self.reward_distances(positions) < p.capture_radius
        captured = before.captured | near  # a single body takes rewards away from every particle
        self.time += p.dt
        self.capture_times = torch.where(
            near & self.capture_times.isinf(), self.time, self.capture_times
        )
        self.geometry = self._look(positions, moved_fields, captured)
        self.state = SwarmState(
            positions,
            moved_fields,
            velocities,
            turned % (2 * math.pi),
            activation,
            *inputs,
            captured,
        )
        return self.state

    def _filter_inputs(
        self, before: SwarmState, seen: SwarmGeometry
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Step 1 (Eqs. 5 to 7)."""
        p = self.params
        cues, rewards, swarm = before.cue_inputs, before.reward_inputs, before.swarm_inputs
        preferred = seen.visible_cues * self.preferred_cues
        return (
            cues.lerp(preferred, p.dt / p.cue_tau),
            rewards.lerp(seen.visible_rewards.double(), p.dt / p.reward_tau),
            swarm.lerp(self._synchrony(before.phases, seen.visible), p.dt / p.swarm_tau),
        )

    def _activate(self, cues: Tensor, rewards: Tensor, swarm: Tensor) -> Float[Tensor, " N"]:
        """Step 2 (Eqs. 8 to 11): rectified sum of the inputs, each a mean over what is visible."""
        p, seen = self.params, self.geometry
        total = (
            p.cue_gain * _mean(cues, seen.visible_cues)
            + p.reward_gain * _mean(seen.reward_weights * rewards, seen.visible_rewards)
            + p.swarm_gain * _mean(seen.weights * swarm, seen.visible)
        )
        return total.clamp(min=0)

    def _learned_motion(
        self, inputs: tuple[Tensor, Tensor, Tensor], activation: Tensor
    ) -> Float[Tensor, "N 2"]:
        """Steps 4 to 6 (Eqs. 13 to 19): what the changed weights move; nothing at rate 0."""
        p, before, seen = self.params, self.state, self.geometry
        motion = torch.zeros(self.num_agents, 2, dtype=torch.float64)
        learning, learning_rewards = seen.visible, seen.visible_rewards
        if self.mode == "single":
            learning = learning & seen.in_reach[:, None]
            learning_rewards = learning_rewards & seen.in_reach[:, None]
        if p.swarm_rate:
            learned = oja_update(
                seen.weights, inputs[2], activation, learning, rate=p.dt * p.swarm_rate
            )
            seats = before.positions if self.mode == "swarm" else before.fields
            wanted = gaussian_distance(learned, self.width)
            motion += somatic_motion(wanted, seen.distances, seats, seen.visible)
        if p.reward_rate:
            learned = oja_update(
                seen.reward_weights,
                inputs[1],
                activation,
                learning_rewards,
                rate=p.dt * p.reward_rate,
            )
            wanted = exponential_distance(learned, self.length)
            motion += reward_motion(
                wanted,
                seen.reward_distances,
                before.fields,
                self.arena.rewards,
                seen.visible_rewards,
            )
        return motion / 2

    def _velocities(self, moved_fields: Tensor, activation: Tensor) -> Float[Tensor, "B 2"]:
        """Steps 8 and 9 (Eqs. 21 to 25): momentum, limited energy, walls."""
        p, before = self.params, self.state
        pursuit = (moved_fields - before.positions) / p.dt
        if self.mode == "single":
            share = self.geometry.in_reach * activation**3
            total = share.sum()
            pursuit = (share @ pursuit.double() / total if total > 0 else 0 * pursuit[0])[None]
        wanted = p.momentum * before.velocities + (1 - p.momentum) * pursuit.to(before.velocities)
        speed = torch.linalg.vector_norm(wanted, dim=-1, keepdim=True)
        limited = self.max_speed * (speed / self.max_speed).tanh()
        velocities = torch.where(speed > 0, wanted * (limited / speed), 0.0)
        return self.arena.deflect(velocities, before.positions + velocities * p.dt)

    def run(self, seconds: float) -> Trajectories:
        """Go on for some time from the present state.

        Args:
            seconds: simulated time, at least one step.
        """
        if not math.isfinite(seconds):
            raise ValueError(f"seconds must be finite: got {seconds}")
        num_steps = round(seconds / self.params.dt)
        if num_steps < 1:
            raise ValueError(f"seconds must be at least dt = {self.params.dt}: got {seconds}")
        rows, times = [], []
        for _ in range(num_steps):
            state = self.step()
            times.append(self.time)
            rows.append((state.positions, state.fields, state.phases, state.activation))
        positions, moved_fields, phases, activations = map(torch.stack, zip(*rows, strict=True))
        clock = torch.tensor(times, dtype=torch.float64)
        captures = self.capture_times
        return Trajectories(clock, positions, moved_fields, phases, activations, captures)


def _require_finite(name: str, value: Tensor, shape: tuple[int, ...]) -> None:
    require_tensor(name, value)
    if value.shape != shape:
        raise ValueError(f"{name} must have shape {list(shape)}: got {list(value.shape)}")
    if not value.isfinite().all():
        raise ValueError(f"{name} must be finite: got nan or an infinity")


def _mean(values: Float[Tensor, "N M"], visible: Bool[Tensor, "N M"]) -> Float[Tensor, " N"]:
    """Sum over everything, divided by how much is visible; 0 where nothing is."""
    number = visible.sum(1)
    return torch.where(number > 0, values.sum(1) / number.clamp(min=1), 0.0)
