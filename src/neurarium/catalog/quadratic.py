"""The row of quadratic."""

from .case import Case
from .system import Provenance, System

QUADRATIC = System(
    slug="quadratic",
    title="On Expressivity and Trainability of Quadratic Networks",
    arxiv="2110.06081",
    year=2021,
    family="neurons",
    kind="layer",
    about=(
        "Neurons with a product of two inner products plus a sum of squared inputs, and ReLinear: "
        "training that starts exactly at the conventional network and lets the quadratic terms "
        "grow slowly. For upgrading an existing model without breaking it."
    ),
    claim="With ReLinear, quadratic networks beat the conventional network of the same structure",
    exports={
        "neurarium.neurons.quadratic": ("QuadraticLinear", "QuadraticConv1d", "QuadraticConv2d"),
        "neurarium.neurons.quadratic_conversion": ("to_quadratic",),
        "neurarium.neurons.relinear": (
            "relinear_param_groups",
            "ReLinearShrink",
            "check_relinear",
        ),
        "neurarium.estimators.quadratic": ("QuadraticClassifier", "QuadraticRegressor"),
    },
    provenance=Provenance(
        authors=("Feng-Lei Fan", "Mengzhou Li", "Fei Wang", "Rongjie Lai", "Ge Wang"),
        repository="FengleiFan/ReLinear",
        licence="none stated",
        parity=(
            "the released residual blocks (full, with ReZero, compact) in training and evaluation "
            "mode with running statistics and all gradients, recorded in float64: rtol 1e-8, "
            "atol 1e-9; 2026-11-25"
        ),
        deviations=(
            "Parameter groups are matched by identity, not by letters in their names.",
            "Weight decay pulls towards the linear point, never b_g towards zero.",
            "Both convolutions of a block start alike; the released variants initialise one twice.",
            "b_g is kept in layers without bias: it is the 1 of the linear start.",
            "The exact constants of the two weight-shrinking variants are ours to choose.",
            "Images are smaller than the paper's: ResNet-8 (8, 16, 32 channels) on Fashion-MNIST "
            "at 14 x 14 for 8 epochs and a perceptron of width 64, where our plan asks for such a "
            "ResNet-20 on a part of CIFAR-10 for 30 epochs and a perceptron of width 128 on MNIST.",
            "Left out of the experiment: scikit-learn's tables, which the plan asks for too.",
            "At equal time the rival is the conventional network trained longer; there is none "
            "widened to equal time of a step.",
            "No preset is the paper's CIFAR recipe: paper trains the ResNet-8 and perceptrons, "
            "wider and longer, on MNIST and Fashion-MNIST, without crops and flips and without "
            "QResNet-20 to 110.",
        ),
    ),
    battery={
        "QuadraticLinear": Case(
            kwargs={"in_features": 3, "out_features": 2, "init": "random"},
            inputs=(((2, 5, 3), "float32"),),
            refused=(
                {"in_features": 0},
                {"out_features": 2.0},
                {"mode": "half"},
                {"init": "zeros"},
            ),
        ),
        "QuadraticConv1d": Case(
            kwargs={"in_channels": 2, "out_channels": 3, "kernel_size": 3, "mode": "compact"},
            inputs=(((2, 2, 7), "float32"),),
            refused=({"in_channels": 0}, {"kernel_size": (3, 3)}, {"groups": 2}),
        ),
        "QuadraticConv2d": Case(
            kwargs={
                "in_channels": 2,
                "out_channels": 4,
                "kernel_size": 3,
                "padding": 1,
                "groups": 2,
                "init": "random",
            },
            inputs=(((2, 2, 5, 5), "float32"),),
            refused=(
                {"in_channels": 3},
                {"kernel_size": 0},
                {"stride": 0},
                {"padding": -1},
                {"dilation": 1.5},
                {"mode": "half"},
            ),
        ),
    },
)
