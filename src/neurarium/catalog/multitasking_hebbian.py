"""The row of multitasking-hebbian."""

from .case import Call, Case
from .system import Provenance, System

SIGNS = [[1.0, -1.0, 1.0, 1.0], [-1.0, -1.0, 1.0, -1.0]]
# Two patterns are few, as the theory wants it, in forty units.
DILUTED = [[1.0, 0.0, -1.0, 1.0] * 10, [0.0, -1.0, 1.0, 1.0] * 10]
CUES = [[1.0, -1.0, -1.0, 1.0] * 10, [1.0, -1.0, 1.0, 1.0] * 5 + [-1.0, 1.0, 1.0, 1.0] * 5]
RECALL_EXEMPT = {
    "determinism": "units are visited in random order; pass a generator",
    "capture": "ends when no unit flips",
    "bad_inputs.dtype": "signs may be of any dtype",
}

MULTITASKING_HEBBIAN = System(
    slug="multitasking-hebbian",
    title="Parallel Learning by Multitasking Neural Networks",
    arxiv="2308.04106",
    year=2023,
    family="memory",
    kind="theory",
    about=(
        "A Hopfield network with diluted patterns: blank sites of one pattern are free to align "
        "with others, so one state retrieves several stored items at once, learned from noisy "
        "examples with or without a teacher; with closed-form predictions of the overlaps."
    ),
    claim="One state retrieves all patterns: a hierarchy when mildly diluted, else in parallel",
    exports={
        "neurarium.memory.associative": ("HopfieldNetwork",),
        "neurarium.memory.multitasking": ("MultitaskingHopfield",),
        "neurarium.memory.multitasking_states": ("mixture_states",),
        "neurarium.memory.patterns": ("random_patterns", "noisy_examples"),
        "neurarium.memory.theory.multitasking": (
            "multitasking_solve",
            "multitasking_free_energy",
        ),
        "neurarium.memory.theory.multitasking_states": (
            "hierarchical_overlaps",
            "parallel_overlaps",
            "critical_dilution",
        ),
        "neurarium.memory.theory.multitasking_examples": (
            "dataset_entropy",
            "examples_needed",
            "one_step_overlaps",
        ),
    },
    provenance=Provenance(
        authors=(
            "Elena Agliari",
            "Andrea Alessandrelli",
            "Adriano Barra",
            "Federico Ricci-Tersenghi",
        ),
        parity=(
            "no code was released: overlaps, free energies and thresholds against values computed "
            "independently (rtol 1e-4), closed forms (atol 1e-10), and Monte Carlo; 2026-11"
        ),
        deviations=(
            "Equations are derived again and checked numerically; normalisations may differ from "
            "the paper's, regimes and thresholds do not.",
            "The critical temperature is 1 − d unless the energy is divided by it "
            "(`normalize=True`).",
            "The average over the examples' noise is an integral over one normal variable, "
            "whatever the number of patterns: exact, where sampling would scatter.",
            "Next to the dilution up to which the hierarchical state is a fixed point, the one up "
            "to which it is the state of lowest energy is found; for three patterns it is "
            "(1 + 2√2)/7 = 0.547 in place of 0.618.",
        ),
    ),
    battery={
        "HopfieldNetwork": Case(
            kwargs={"num_units": 4},
            method="recall",
            calls=(Call("store", (SIGNS,)),),
            inputs=(SIGNS,),
            refused=({"rule": "oja"},),
            exempt=RECALL_EXEMPT,
        ),
        "MultitaskingHopfield": Case(
            kwargs={"num_units": 40},
            method="recall",
            calls=(Call("store", (DILUTED,)),),
            inputs=(CUES,),
            refused=({"num_units": 0}, {"num_units": 2.5}, {"num_blocks": 1}, {"num_blocks": 41}),
            exempt=RECALL_EXEMPT,
        ),
    },
)
