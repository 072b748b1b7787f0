"""Let 64 phase-coupled agents search a maze of your own for two rewards, and film them.

Run ``python examples/film_swarm.py [FILM.gif or FILM.html]``. Coordinates are points; a maze can
also be read from a table by ``Arena.from_csv``.
"""

import sys

import torch

from neurarium.memory import Arena, NeuroSwarms, SwarmParameters, Trajectories, animate_swarm

WALLS = [
    *[(10, 10, 310, 10), (310, 10, 310, 210), (310, 210, 10, 210), (10, 210, 10, 10)],
    *[(110, 10, 110, 140), (210, 80, 210, 210)],  # two walls with a gap each
]


def main(path: str = "swarm.gif") -> Trajectories:
    """Simulate five seconds, film them and say what was found."""
    arena = Arena(
        WALLS,
        cues=[(40, 180), (160, 40), (280, 110)],
        rewards=[(160, 180), (280, 40)],
        spawns=[(60, 70, 50)],
    )
    swarm = NeuroSwarms(
        arena,
        num_agents=64,
        params=SwarmParameters(sigma=2.0, kappa=1.5),
        generator=torch.Generator().manual_seed(0),
    )
    run = swarm.run(seconds=5.0)
    animate_swarm(arena, run, path, stride=20)
    return run


if __name__ == "__main__":
    found = main(*sys.argv[1:])
    print(f"{found.share_captured:.0%} of all pairs of an agent and a reward met")
    print(f"the first after {found.first_capture:.2f} s")
