"""The row of dynamical-intelligence."""

from .case import Call, Case
from .system import Provenance, System

PHASORS = [[1, 1j, -1, -1j], [1j, 1j, 1, -1]]
STATES = [[1, 1j, 1j, -1j], [-1, 1, 1, 1j], [1j, -1, -1j, 1]]

DYNAMICAL_INTELLIGENCE = System(
    slug="dynamical-intelligence",
    title="A brain basis of dynamical intelligence for AI and computational neuroscience",
    arxiv="2105.07284",
    year=2021,
    family="memory",
    kind="model",
    about=(
        "A perspective paper on sparsity, oscillations and closed loops, made concrete: a sparse "
        "memory of phase oscillators, a theta–gamma sequence memory, and NeuroSwarms, a "
        "phase-coupled controller of agents that move through an arena. For differentiable "
        "Kuramoto layers, for sequences counted by phase, for a benchmark of swarm navigation."
    ),
    claim="Sparse structure, nested oscillations and closed loops serve memory and control",
    exports={
        "neurarium.memory.phasor": ("PhasorMemory",),
        "neurarium.memory.phasor_kuramoto": ("kuramoto_step", "order_parameter"),
        "neurarium.memory.phasor_sequence": ("ThetaGammaMemory", "Replay"),
        "neurarium.memory.swarm": ("NeuroSwarms", "SwarmParameters", "Trajectories"),
        "neurarium.memory.swarm_animation": ("animate_swarm", "draw_swarm"),
        "neurarium.memory.swarm_arena": ("Arena",),
        "neurarium.memory.swarm_motion": ("oja_update", "reward_motion", "somatic_motion"),
    },
    provenance=Provenance(
        authors=("Joseph D. Monaco", "Kanaka Rajan", "Grace M. Hwang"),
        repository="jdmonaco/neuroswarms",
        licence="MIT",
        parity=(
            "NeuroSwarms, ten steps of a swarm and twelve of a single body recorded from the "
            "authors' update loop, whose positions are float32: every state of every step from "
            "the one recorded before it, and of a free run of ten steps, rtol 0, atol 1e-4 on "
            "positions, 1e-7 on phases, activations and inputs, 1e-6 on weights, 2e-3 on "
            "velocities; maps of both mazes against the authors' images to 8 bits, lines of sight "
            "exactly; 2026-11-25"
        ),
        deviations=(
            "The paper has no equations. The oscillator memory is textbook theory, the sequence "
            "memory is this library's design, NeuroSwarms follows the authors' code of 2020.",
            "Positions are float64; the authors keep float32 and divide differences of positions "
            "by the time step.",
            "A position is compared with rewards, tiles and starting discs at the integer point "
            "that it rounds to; the authors' maps are of points half a unit further.",
            "Walls may run in any direction; the authors' may be horizontal or vertical.",
            "Rewards taken are counted for each agent in a swarm and for the one body otherwise, "
            "as in the authors' code, whose film shows them in the second case only.",
        ),
    ),
    battery={
        "PhasorMemory": Case(
            kwargs={"num_units": 4},
            method="energy",
            calls=(Call("store", (PHASORS,)),),
            inputs=(STATES,),
            refused=(
                {"num_units": 0},
                {"num_units": 2.5},
                {"density": 0.0},
                {"density": 1.5},
                {"coupling": -1.0},
            ),
        ),
        "ThetaGammaMemory": Case(
            kwargs={"num_units": 4, "num_slots": 3},
            method="advance",
            calls=(Call("store", ([PHASORS],)),),
            inputs=(STATES,),
            refused=({"num_slots": 0}, {"num_slots": 2.5}, {"density": 0.0}),
        ),
    },
)
