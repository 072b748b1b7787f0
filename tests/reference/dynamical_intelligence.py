"""NeuroSwarms and phasor recall in plain operations, to compare with and to time against.

``AuthorsSwarm`` follows the authors' update loop in numpy, in their order: tensors (N, N, 2) of
position differences, once for distances and once for unit vectors, boolean indexing wherever a
value may be zero, logarithms of all weights. It starts from a swarm of ours and uses its maps.
``complex_recall`` is what one writes from the equation of the phasor memory.
"""

import numpy as np
import torch


class AuthorsSwarm:
    """One swarm, stepped by the authors' sequence of operations (``mode="swarm"``)."""

    def __init__(self, swarm):
        arena, self.params, state = swarm.arena, swarm.params, swarm.state
        self.barrier, self.normal = arena.barrier.numpy(), arena.normal.numpy()
        self.tile = arena.tile.numpy()
        self.tile_sight = arena.tile_sight.numpy().astype(float)
        self.cue_sight = arena.cue_sight.numpy().astype(float)
        self.reward_sight = arena.reward_sight.numpy().astype(float)
        self.rewards = arena.rewards.numpy()
        points = np.stack(np.indices(self.barrier.shape), -1)
        self.reward_map = np.linalg.norm(points[:, :, None] - self.rewards, axis=-1)
        self.width, self.length, self.reach = swarm.width, swarm.length, swarm.reach
        self.preferred = swarm.preferred_cues.numpy()
        self.max_speed = swarm.max_speed.numpy()
        self.x, self.fields, self.v = (
            t.numpy().copy() for t in (state.positions, state.fields, state.velocities)
        )
        self.theta = state.phases.numpy()[:, None].copy()
        self.c, self.r, self.q = (
            t.numpy().copy() for t in (state.cue_inputs, state.reward_inputs, state.swarm_inputs)
        )
        self.taken = state.captured.numpy().copy()
        self.off_diagonal = 1 - np.eye(len(self.x))
        self._look()

    def at(self, positions):
        return tuple(np.round(positions).astype(np.int16).T)

    def _look(self):
        tiles = self.tile[self.at(self.x)]
        self.distances = lengths(differences(self.x))
        self.visible = (
            self.off_diagonal
            * (self.distances <= self.reach)
            * self.tile_sight[np.broadcast_arrays(tiles[:, None], tiles[None])[0], tiles[None]]
        )
        self.visible_cues = self.cue_sight[tiles]
        self.reward_distances = self.reward_map[self.at(self.x)]
        self.visible_rewards = self.reward_sight[tiles]
        self.taken |= self.reward_distances < self.params.capture_radius
        self.visible_rewards[self.taken] = 0
        self.turns = self.theta.T - self.theta
        self.reward_weights = self.visible_rewards * np.exp(-self.reward_distances / self.length)
        self.weights = self.visible * np.exp(-(self.distances**2) / (2 * self.width**2))

    def _activate(self):
        p = self.params
        self.c += p.dt / p.cue_tau * (self.visible_cues * self.preferred - self.c)
        self.r += p.dt / p.reward_tau * (self.visible_rewards - self.r)
        self.q += p.dt / p.swarm_tau * (self.visible * np.cos(self.turns) - self.q)
        total = np.zeros((len(self.x), 1))
        for gain, seen, inputs in (
            (p.cue_gain, self.visible_cues, (self.c,)),
            (p.reward_gain, self.visible_rewards, (self.reward_weights, self.r)),
            (p.swarm_gain, self.visible, (self.weights, self.q)),
        ):
            number = seen.sum(axis=1)[:, None]
            some = number.nonzero()[0]
            product = inputs[0][some]
            for other in inputs[1:]:
                product = product * other[some]
            total[some] += gain / number[some] * product.sum(axis=1)[:, None]
        total[total < 0] = 0.0
        return total

    def _wanted(self, weights, to_distance):
        weights.clip(0, np.nextafter(1, 0), out=weights)
        wanted = np.full(weights.shape, np.inf)
        some = weights != 0
        wanted[some] = to_distance(np.log1p(weights[some] - 1))
        return wanted

    def _deflect(self, moves, positions):
        share, normal = self.barrier[self.at(positions)][:, None], self.normal[self.at(positions)]
        return (1 - share) * moves + share * np.hypot(moves[:, 0], moves[:, 1])[:, None] * normal

    def step(self):
        """One time step."""
        p = self.params
        activation = self._activate()
        self.theta += p.dt * 2 * np.pi * (p.input_frequency * activation + p.base_frequency)
        self.reward_weights += (
            self.visible_rewards
            * p.dt
            * p.reward_rate
            * activation
            * (self.r - activation * self.reward_weights)
        )
        self.weights += (
            self.visible * p.dt * p.swarm_rate * activation * (self.q - activation * self.weights)
        )
        wanted_r = self._wanted(self.reward_weights, lambda log: -self.length * log)
        wanted = self._wanted(self.weights, lambda log: np.sqrt(-(2 * self.width**2) * log))
        towards = self.fields[:, None] - self.rewards[None]
        led = motion(wanted_r, self.reward_distances, towards, self.visible_rewards, 1)
        moved = motion(wanted, self.distances, -differences(self.x), self.visible, 2)
        change = 0.5 * (moved + led)
        self.fields = self.fields + self._deflect(change, self.fields + change)
        pursuit = (self.fields - self.x) / p.dt
        wish = p.momentum * self.v + (1 - p.momentum) * pursuit
        speed = np.hypot(wish[:, 0], wish[:, 1])[:, None]
        some, limited = speed.nonzero()[0], np.zeros_like(wish)
        top = self.max_speed[some]
        limited[some] = top * np.tanh(speed[some] / top) * (wish[some] / speed[some])
        self.v = self._deflect(limited, self.x + limited * p.dt)
        self.x = self.x + self.v * p.dt
        self.theta %= 2 * np.pi
        self._look()


def differences(x):
    """(N, N, 2): x_j - x_i."""
    copies = np.empty((len(x), len(x), 2))
    copies[:] = x[:, None, :]
    return x[None] - copies


def lengths(offsets):
    """Of the last axis."""
    return np.hypot(offsets[..., 0], offsets[..., 1])


def motion(wanted, distances, offsets, visible, share):
    """Mean wanted change of distance along unit vectors, over what is visible and finite."""
    lacking = wanted == np.inf
    norm = visible * ~lacking
    number = norm.sum(axis=1)
    some = number.nonzero()[0]
    norm[some] /= share * number[some, None]
    wanted[lacking] = distances[lacking] = 0.0
    size = lengths(offsets)
    nonzero = size.nonzero()
    offsets[nonzero] /= size[nonzero][:, None]
    return (norm[..., None] * (wanted - distances)[..., None] * offsets).sum(axis=1)


def complex_recall(memory, state, num_steps, dt=0.02):
    """Euler steps with complex numbers and the whole matrix."""
    weights = torch.complex(*memory.weights.chunk(2))
    for _ in range(num_steps):
        velocity = memory.coupling * (state.conj() * (state @ weights.T)).imag
        state = state * torch.polar(torch.ones_like(velocity), dt * velocity)
    return state


def pairwise_kuramoto_step(phases, frequencies, coupling, dt=0.02):
    """All phase differences, as the package ``kuramoto`` takes them, and one Euler step."""
    interactions = torch.sin(phases[None, :] - phases[:, None]) / len(phases)
    return phases + dt * (frequencies + coupling * interactions.sum(1))
