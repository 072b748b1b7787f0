"""The row of hopfield."""

from .case import Case, New
from .system import Provenance, System

HOPFIELD_MODULE = "neurarium.memory.hopfield"

HOPFIELD = System(
    slug="hopfield",
    title="Hopfield Networks is All You Need",
    arxiv="2008.02217",
    year=2020,
    family="memory",
    kind="layer",
    about=(
        "Continuous Hopfield networks whose update is softmax attention: a layer that associates "
        "two sets, a pooling layer with learned queries, a lookup layer over learned or given "
        "patterns, and plain retrieval with an energy. For pooling bags and sets, for attention "
        "with several retrieval steps and a tunable inverse temperature, for a memory of rows."
    ),
    claim="Hopfield pooling is the best multiple-instance learner on three of four MIL sets",
    paper_value="AUC: tiger 91.3, fox 64.05, elephant 94.9, UCSB 89.5 (Table 1)",
    exports={
        "neurarium.memory.retrieval": ("hopfield_retrieve", "hopfield_energy", "metastable_size"),
        "neurarium.memory.hopfield": ("Hopfield",),
        "neurarium.memory.hopfield_memory": ("HopfieldPooling", "HopfieldLayer"),
        "neurarium.memory.hopfield_blocks": ("HopfieldEncoderLayer", "HopfieldDecoderLayer"),
        "neurarium.memory.reference": ("load_reference_state_dict",),
        "neurarium.memory.theory.retrieval": (
            "hopfield_jacobian",
            "is_well_separated",
            "jacobian_norm_bound",
            "operating_class",
            "pattern_separation",
            "retrieval_error_bound",
            "sphere_capacity",
        ),
    },
    provenance=Provenance(
        authors=(
            "Hubert Ramsauer",
            "Bernhard Schäfl",
            "Johannes Lehner",
            "Philipp Seidl",
            "Michael Widrich",
            "Thomas Adler",
            "Lukas Gruber",
            "Markus Holzleitner",
            "Milena Pavlović",
            "Geir Kjetil Sandve",
            "Victor Greiff",
            "David Kreil",
            "Michael Kopp",
            "Günter Klambauer",
            "Johannes Brandstetter",
            "Sepp Hochreiter",
        ),
        repository="ml-jku/hopfield-layers",
        licence="BSD",
        parity=(
            "outputs, association matrices and gradients of 11 configurations recorded from "
            "hopfield-layers 1.0.2 in float64: rtol 1e-9, atol 1e-10 (association of the "
            "convergence mode: atol 1e-8); 2026-11-25"
        ),
        deviations=(
            "One β per head means what the documentation says: head k uses β_k. The authors' code "
            "tiles the tensor over columns instead.",
            "By default the values have a projection of their own, as in the authors' code; the "
            "paper's (Y W_K) W_V is `values_from_keys=True`.",
            "A state that may attend to nothing gives zeros; the authors' layer gives NaN.",
            "Masks are True where a pattern takes part (the authors': True is forbidden), and "
            "`num_steps` counts softmaxes (the authors' `update_steps_max` counts extra ones).",
            "`num_steps=k` is exactly k; the authors also stop early at 1e-4: add `tol=1e-4`.",
            "`bias_pattern` appends its learned pattern; the authors' `concat_bias_pattern` never "
            "does, because a flag is compared with None.",
            "Several heads over an unprojected input keep the samples of a batch apart; the "
            "authors' code mixes them.",
        ),
    ),
    battery={
        "Hopfield": Case(
            kwargs={"embed_dim": 8, "num_heads": 2, "num_steps": 2, "beta": "learn"},
            inputs=(((2, 3, 8), "float32"), ((2, 5, 8), "float32")),
            keyword_inputs={"mask": ((2, 5), "bool")},
            refused=(
                {"num_heads": 3},
                {"num_heads": 0},
                {"embed_dim": -8},
                {"beta": -1.0},
                {"beta": "large"},
                {"num_steps": 0},
                {"norm_state": "batch"},
                {"activation": "relux"},
                {"dropout": 1.0},
                {"implicit": True},
            ),
        ),
        "HopfieldPooling": Case(
            kwargs={"embed_dim": 8, "num_queries": 2},
            inputs=(((2, 5, 8), "float32"),),
            keyword_inputs={"mask": ((2, 5), "bool")},
            refused=({"num_queries": 0}, {"num_heads": 3}),
        ),
        "HopfieldLayer": Case(
            kwargs={"embed_dim": 8, "num_patterns": 5, "learn_values": True},
            inputs=(((2, 3, 8), "float32"),),
            refused=({"num_patterns": 0}, {"num_heads": 3}),
        ),
        "HopfieldEncoderLayer": Case(
            kwargs={
                "association": New(HOPFIELD_MODULE, "Hopfield", {"embed_dim": 8}),
                "hidden_features": 16,
            },
            inputs=(((2, 3, 8), "float32"),),
            keyword_inputs={"mask": ((2, 3), "bool")},
            refused=({"hidden_features": 0}, {"activation": "relux"}),
        ),
        "HopfieldDecoderLayer": Case(
            kwargs={
                "self_association": New(HOPFIELD_MODULE, "Hopfield", {"embed_dim": 8}),
                "cross_association": New(HOPFIELD_MODULE, "Hopfield", {"embed_dim": 8}),
                "hidden_features": 16,
            },
            inputs=(((2, 3, 8), "float32"), ((2, 5, 8), "float32")),
            refused=(
                {"hidden_features": 0},
                {"cross_association": New(HOPFIELD_MODULE, "Hopfield", {"embed_dim": 4})},
            ),
        ),
    },
)

# A number and a category of two, each followed by its mask bit; the category is the target.
