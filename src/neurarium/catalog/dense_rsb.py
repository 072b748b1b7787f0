"""The row of dense-rsb."""

from .case import Call, Case
from .system import Provenance, System

SIGNS = [[1.0, -1.0, 1.0, 1.0], [-1.0, -1.0, 1.0, -1.0]]
RECALL_EXEMPT = {
    "determinism": "units are visited in random order; pass a generator",
    "capture": "ends when no unit flips",
    "bad_inputs.dtype": "signs may be of any dtype",
}

DENSE_RSB = System(
    slug="dense-rsb",
    title="Replica symmetry breaking in dense neural networks",
    arxiv="2111.12997",
    year=2021,
    family="memory",
    kind="theory",
    about=(
        "A Hopfield network with P-body interactions and the theory of its retrieval: replica "
        "symmetric and one-step broken free energies, capacity from the ground state, and a Monte "
        "Carlo simulation to compare with."
    ),
    claim="Breaking replica symmetry raises the capacity of dense associative memories",
    exports={
        "neurarium.memory.dense": ("DenseAssociativeMemory",),
        "neurarium.memory.dense_monte_carlo": ("DenseMonteCarlo",),
        "neurarium.memory.theory.dense_symmetric": ("dense_rs", "dense_rs_pressure", "replicon"),
        "neurarium.memory.theory.dense_broken": (
            "dense_one_rsb",
            "dense_one_rsb_pressure",
            "dense_one_rsb_theta_slope",
        ),
        "neurarium.memory.theory.dense_zero_temperature": ("dense_ground_state",),
        "neurarium.memory.theory.dense_limits": ("dense_capacity", "dense_transition"),
        "neurarium.memory.theory.dense_lines": (
            "dense_onset",
            "dense_spinodal",
            "dense_at_line",
        ),
        "neurarium.memory.theory.dense_noise": ("dense_noise", "dense_load"),
    },
    provenance=Provenance(
        authors=(
            "Linda Albanese",
            "Francesco Alemanno",
            "Andrea Alessandrelli",
            "Adriano Barra",
        ),
        parity=(
            "no code was released: order parameters, pressures, capacities and transitions against "
            "values computed independently (atol 1e-5) and known ones of spin glasses, energies "
            "against sums over distinct units (rtol 1e-12), Monte Carlo against a NumPy loop, step "
            "by step; 2026-11"
        ),
        deviations=(
            "Equations are derived again and checked numerically; the load is stated by the noise "
            "r, because conventions for α differ by factors that depend on P.",
            "The power of the overlap, whose repeated indices add couplings of P − 2, P − 4, … "
            'units, has a theory of its own: its covariance is mixed (`energy="power"`).',
            "The capacity with one step of breaking is where the curve of solutions turns back, up "
            "to 1 % above where an iteration with a bracketed parameter stops.",
            "Finite temperatures are solved while the fields can be resolved, b √r up to about "
            "200; zero temperature has equations of its own (`dense_ground_state`).",
        ),
    ),
    battery={
        "DenseAssociativeMemory": Case(
            kwargs={"num_units": 4, "degree": 2},
            method="recall",
            calls=(Call("store", (SIGNS,)),),
            inputs=(SIGNS,),
            refused=({"degree": 1},),
            exempt=RECALL_EXEMPT,
        ),
        "DenseMonteCarlo": Case(
            kwargs={"num_units": 4, "degree": 2},
            method="recall",
            calls=(Call("store", (SIGNS,)),),
            inputs=(SIGNS,),
            refused=({"degree": 1}, {"degree": 2.5}, {"num_units": 0}, {"energy": "cubic"}),
            exempt=RECALL_EXEMPT,
        ),
    },
)
