"""The row of hopular."""

from .case import Call, Case
from .system import Provenance, System

HOPULAR_ROWS = [[0.5, 0.0, 1.0, 0.0, 0.0], [-1.0, 0.0, 0.0, 1.0, 0.0], [2.0, 0.0, 1.0, 0.0, 0.0]]
HOPULAR_QUERIES = [[0.4, 0.0, 0.0, 0.0, 1.0], [-0.8, 0.0, 0.0, 0.0, 1.0]]

HOPULAR = System(
    slug="hopular",
    title="Hopular: Modern Hopfield Networks for Tabular Data",
    arxiv="2206.00664",
    year=2022,
    family="memory",
    kind="model",
    about=(
        "A deep model for tables of about 100 to 10 000 rows. Every block looks up the whole "
        "training set and the original input row through modern Hopfield networks, and refines a "
        "prediction of all attributes; it is trained by masking and reconstructing them. A "
        "scikit-learn classifier and regressor, and a block that attends to a memory of rows."
    ),
    claim="Hopular has the best median rank of test accuracy on 21 small UCI tables",
    paper_value="median rank 7.5 of 29 method groups, next best SVM 9.5 (Table 1)",
    exports={
        "neurarium.memory.hopular": ("Hopular",),
        "neurarium.memory.hopular_attributes": ("AttributeLayout",),
        "neurarium.memory.hopular_block": ("HopularBlock", "HopularLookup"),
        "neurarium.memory.hopular_corruption": ("corrupt_attributes", "mask_targets"),
        "neurarium.memory.hopular_loss": ("feature_loss_weight", "hopular_loss", "score_targets"),
        "neurarium.estimators.hopular": ("HopularClassifier", "HopularRegressor"),
        "neurarium.estimators.table_encoder": ("TableEncoder",),
        "neurarium.optim.lamb": ("Lamb",),
        "neurarium.optim.ema": ("ema_model",),
    },
    provenance=Provenance(
        authors=(
            "Bernhard Schäfl",
            "Lukas Gruber",
            "Angela Bitto-Nemling",
            "Sepp Hochreiter",
        ),
        repository="ml-jku/hopular",
        licence="MIT",
        parity=(
            "embedding, each half of each block, outputs, losses, gradients and five steps of the "
            "optimiser with its averaged weights, recorded from hopular 1.0.0 in float64: "
            "rtol 1e-8, atol 1e-9; 2026-11-25"
        ),
        deviations=(
            "Where paper and authors' code differ the code is followed: a projection per attribute "
            "after the embedding, residuals from the normalised state, independent value weights, "
            "one summary layer that mixes all attributes.",
            "The feature weight and the learning rate anneal over the epochs actually trained, as "
            "in the paper; the authors' command line stops in the middle of the cycle.",
            "Missing cells are left out of the columns' means and deviations; the authors' code "
            "counts them as zeros.",
            "The declared test rows are used; the released code reorders a table by split and then "
            "indexes it by the original positions, so its test set is another one.",
            "monks_2 and horse_colic are used in an aligned version: their source encoded training "
            "and test rows differently.",
            "`embed_dim` must be a multiple of `num_heads`; the authors' code rounds down.",
        ),
    ),
    battery={
        "Hopular": Case(
            kwargs={
                "attribute_sizes": [1, 2],
                "targets": [1],
                "embed_dim": 4,
                "num_heads": 2,
                "num_layers": 2,
            },
            calls=(Call("set_memory", (HOPULAR_ROWS,)),),
            inputs=(HOPULAR_QUERIES, ((2,), "int64")),
            refused=(
                {"num_heads": 3},
                {"targets": [2]},
                {"targets": []},
                {"attribute_sizes": []},
                {"num_layers": 0},
                {"scaling_factor": -1.0},
                {"memory_ratio": 0.0},
                {"input_dropout": 1.0},
            ),
            reload=Case(
                kwargs={
                    "attribute_sizes": [1, 2],
                    "targets": [1],
                    "discrete": [1],
                    "embed_dim": 4,
                    "num_layers": 1,
                    "num_heads": 2,
                    "scaling_factor": 10.0,
                    "input_dropout": 0.2,
                    "lookup_dropout": 0.3,
                    "output_dropout": 0.4,
                    "tie_value": True,
                    "memory_ratio": 0.5,
                    "exclude_self": False,
                    "reread_memory": False,
                },
                calls=(Call("set_memory", (HOPULAR_ROWS, ((3,), "int64"))),),
                inputs=(HOPULAR_QUERIES,),
            ),
        ),
        "HopularBlock": Case(
            kwargs={"num_attributes": 2, "embed_dim": 4, "num_heads": 2},
            inputs=(((2, 8), "float32"), ((3, 8), "float32"), ((2, 8), "float32")),
            keyword_inputs={"attn_mask": ((2, 3), "bool")},
            refused=({"num_heads": 3}, {"scaling_factor": -1.0}),
        ),
        "HopularLookup": Case(
            kwargs={"width": 8, "num_heads": 2},
            inputs=(((2, 8), "float32"), Call("store", (((3, 8), "float32"),))),
            refused=({"num_heads": 3}, {"scaling_factor": -1.0}),
            exempt={
                "backward.key_value.weight": "works in `store`",
                "backward.key_value.bias": "works in `store`",
            },
        ),
    },
)
