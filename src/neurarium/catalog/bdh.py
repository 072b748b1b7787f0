"""The row of bdh."""

from .case import Case
from .system import Provenance, System

BDH = System(
    slug="bdh",
    title=(
        "The Dragon Hatchling: The Missing Link between the Transformer and Models of the Brain"
    ),
    arxiv="2509.26507",
    year=2025,
    family="memory",
    kind="model",
    about=(
        "A causal language model of sparse positive neurons with linear attention whose queries "
        "are its keys: inference is a recurrent network with a Hebbian fast-weight state. For "
        "constant memory per generated token and for studying neurons and synapses."
    ),
    claim="Rivals a GPT-2 architecture in loss at equal parameters and data",
    exports={
        "neurarium.memory.linear_attention": ("causal_linear_attention",),
        "neurarium.memory.bdh": ("BDH",),
        "neurarium.memory.bdh_growth": ("merge_models", "grow_neurons"),
        "neurarium.memory.neuron_analysis": (
            "activation_density",
            "synapse_trace",
            "concept_selectivity",
        ),
        "neurarium.memory.neuron_modularity": ("neuron_graph", "modularity", "rewire"),
    },
    provenance=Provenance(
        authors=(
            "Adrian Kosowski",
            "Przemysław Uznański",
            "Jan Chorowski",
            "Zuzanna Stamirowska",
            "Michał Bartoszkiewicz",
        ),
        repository="pathwaycom/bdh",
        licence="MIT",
        parity=(
            "logits, loss, code, read-out and state of the first layer, read-out of the last, all "
            "gradients and greedy tokens, recorded from the released code in float32: logits and "
            "read-outs rtol 2e-4, atol 2e-4, gradients rtol 1e-3, atol 1e-5; 2026-11-25"
        ),
        deviations=(
            "The released form is the default: it computes the neurons anew in every layer and "
            'keeps the residual in the stream; the paper\'s form is `residual="neuron"`, written '
            "from its equations and compared with no code, because none was released.",
            "Generation carries the fast-weight state; the authors' recomputes the whole prefix "
            "(`use_state=False`).",
            "Angles are reduced to one turn in float64 and the state is float32 at least, whatever "
            "the dtype of the model; frequencies are stored with the weights, so that a model that "
            "grew or was merged keeps those of its neurons.",
            "The released training script never evaluates on held-out text; the experiment does, "
            "on the whole last tenth.",
        ),
    ),
    battery={
        "BDH": Case(
            kwargs={
                "vocab_size": 11,
                "embed_dim": 8,
                "num_heads": 2,
                "neuron_ratio": 4,
                "num_layers": 2,
            },
            keyword_inputs={"tokens": ((2, 5), "int64", 11)},
            refused=(
                {"num_heads": 3},
                {"num_heads": 32},
                {"embed_dim": 0},
                {"num_layers": 0},
                {"neuron_ratio": 1.5},
                {"residual": "none"},
                {"dropout": 1.0},
                {"theta": 0.0},
                {"chunk_size": 0},
                {"num_neurons": 30},
            ),
            reload=Case(
                kwargs={
                    "vocab_size": 11,
                    "embed_dim": 8,
                    "num_heads": 2,
                    "neuron_ratio": 4,
                    "num_layers": 2,
                    "residual": "neuron",
                    "dropout": 0.2,
                    "theta": 100.0,
                    "chunk_size": 2,
                    "num_neurons": 24,
                },
                keyword_inputs={"tokens": ((2, 5), "int64", 11)},
            ),
        ),
    },
)
