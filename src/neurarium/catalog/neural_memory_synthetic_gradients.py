"""The row of neural-memory-synthetic-gradients."""

from .case import Case, New
from .system import Provenance, System

CELL = New("neurarium.memory", "NeuralMemoryCell", {"input_size": 3, "memory_size": 4})

NEURAL_MEMORY_SYNTHETIC_GRADIENTS = System(
    slug="neural-memory-synthetic-gradients",
    title=("Fast & Slow Learning: Incorporating Synthetic Gradients in Neural Memory Controllers"),
    arxiv="2011.05438",
    year=2020,
    family="memory",
    kind="training method",
    about=(
        "An external memory with recurrent controllers, each of which also receives a gradient "
        "predicted on the spot by a small feedback network, so that it can change at once while "
        "back-propagation trains everything at a slower pace. A memory cell, and a trainer with "
        "synthetic gradients for it or any recurrent model."
    ),
    claim="Synthetic gradients for the controllers improve few-shot classification and regression",
    exports={
        "neurarium.memory.memory_network": ("NeuralMemoryCell", "NeuralMemoryNetwork"),
        "neurarium.memory.synthetic_gradients": ("SyntheticGradient",),
        "neurarium.memory.synthetic_gradients_trainer": (
            "SyntheticGradientTrainer",
            "step_together",
        ),
    },
    provenance=Provenance(
        authors=(
            "Tharindu Fernando",
            "Simon Denman",
            "Sridha Sridharan",
            "Clinton Fookes",
        ),
        parity=(
            "no code was released: the memory against a plain loop, gradients against "
            "back-propagation through the whole episode when predictions are exact, and truncation "
            "against a loop written out (float64, rtol 0, atol 1e-10), the fixed point of "
            "bootstrapping against its closed form (rtol 0.05); 2026-11"
        ),
        deviations=(
            "No code was released and the paper's details could not be consulted: the memory cell "
            "and the synthetic gradients follow the published methods that the paper builds on.",
            "Two ways of decoupling are offered, gradients for the carried state and gradients for "
            "what each controller puts out; they are never mixed, because that would count the "
            "same path twice.",
            "The logits of attention are divided by the root of the memory's width, and the memory "
            "before the first step is learned.",
            "The feedback network has one part for each controller and one for all slots of the "
            "memory, starts from zero, and is not used before its first 200 updates.",
        ),
    ),
    battery={
        "NeuralMemoryCell": Case(
            kwargs={"input_size": 3, "memory_size": 4, "num_slots": 2},
            inputs=(((2, 3), "float32"),),
            refused=(
                {"input_size": 0},
                {"memory_size": 2.5},
                {"num_slots": 0},
                {"output_size": 0},
                {"attention_scale": 0.0},
            ),
        ),
        "NeuralMemoryNetwork": Case(
            kwargs={
                "cell": CELL,
                "head": New("torch.nn", "Linear", {"in_features": 4, "out_features": 2}),
            },
            inputs=(((2, 5, 3), "float32"),),
            refused=({"cell": New("torch.nn", "Tanh")}, {"head": 2}),
        ),
        "SyntheticGradient": Case(
            kwargs={
                "sizes": {"read": 4, "memory": 3},
                "condition_size": 2,
                "hidden_features": 5,
                "slots": ["memory"],
            },
            inputs=(((2, 4), "float32"), ((2, 6, 3), "float32")),
            keyword_inputs={"condition": ((2, 2), "float32")},
            refused=(
                {"sizes": {}},
                {"sizes": {"read": 0}},
                {"hidden_features": 0},
                {"condition_size": -1},
                {"slots": ["write"]},
            ),
        ),
    },
)
