"""The row of cloob."""

from .case import Case, New
from .system import Provenance, System

POOLING = New("neurarium.memory", "HopfieldPooling", {"embed_dim": 4})
PAIRS = (((5, 4), "float32"), ((5, 4), "float32"))

CLOOB = System(
    slug="cloob",
    title="CLOOB: Modern Hopfield Networks with InfoLOOB Outperform CLIP",
    arxiv="2110.11316",
    year=2021,
    family="memory",
    kind="model",
    about=(
        "A drop-in replacement of the CLIP loss for any pair of encoders: embeddings are replaced "
        "by what they retrieve from Hopfield memories of the batch and contrasted with InfoLOOB, "
        "which leaves the positive pair out of the denominator. No parameters, no cost at use."
    ),
    claim="CLOOB beats CLIP at zero-shot transfer with the same encoders and data",
    paper_value="ImageNet zero-shot, Conceptual Captions: 23.97 against 20.33 %",
    exports={
        "neurarium.memory.contrastive": ("CLIPLoss", "CLOOBLoss"),
        "neurarium.memory.contrastive_objectives": ("info_nce", "info_loob"),
        "neurarium.memory.contrastive_retrieval": ("retrieve_pairs",),
        "neurarium.memory.contrastive_towers": ("TwoTower", "zero_shot_weights"),
    },
    provenance=Provenance(
        authors=(
            "Andreas Fürst",
            "Elisabeth Rumetshofer",
            "Johannes Lehner",
            "Viet Tran",
            "Fei Tang",
            "Hubert Ramsauer",
            "David Kreil",
            "Michael Kopp",
            "Günter Klambauer",
            "Angela Bitto-Nemling",
            "Sepp Hochreiter",
        ),
        repository="ml-jku/cloob",
        licence="MIT",
        parity=(
            "the four retrievals, both terms, the loss, its gradients with respect to embeddings "
            "and temperature, InfoLOOB alone and the CLIP loss, recorded from the authors' "
            "functions in float64: rtol 1e-9, atol 1e-11; 2026-11-25"
        ),
        deviations=(
            "The loss is scaled by the temperature as in the authors' code; the paper's displayed "
            "loss is not (`scale_by_temperature`).",
            "The positive pair is masked with −∞ instead of −1000.",
            "β 8 and temperature 1/30 by default: the authors' example, not their code's 14.3.",
            "A gathered batch has the gradients of the joint batch where processes average theirs; "
            "in the authors' code they come out smaller by the number of processes.",
            "In half precision the whole loss is computed in float32, under autocast too.",
        ),
    ),
    battery={
        "CLOOBLoss": Case(
            kwargs={"learn_temperature": True, "learn_beta": True},
            inputs=PAIRS,
            keyword_inputs={"same": [[i == j for j in range(5)] for i in range(5)]},
            refused=(
                {"beta": 0.0},
                {"beta": float("inf")},
                {"beta": "8"},
                {"temperature": 0.0},
                {"temperature": 2.0},
                {"temperature": "cold"},
                {"min_temperature": 0.0},
            ),
        ),
        "CLIPLoss": Case(
            inputs=PAIRS,
            refused=({"temperature": -1.0}, {"temperature": 1e-3}, {"min_temperature": 2.0}),
        ),
        "TwoTower": Case(
            kwargs={
                "encoder_x": POOLING,
                "encoder_y": POOLING,
                "embed_dim": 2,
                "features_x": 4,
                "features_y": 4,
            },
            inputs=(((5, 2, 4), "float32"), ((5, 3, 4), "float32")),
            refused=({"embed_dim": 0}, {"features_x": 2.5}, {"encoder_y": "resnet"}),
        ),
    },
)
