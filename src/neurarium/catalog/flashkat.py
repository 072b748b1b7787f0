"""The row of flashkat."""

from .case import Case
from .system import Provenance, System
from .vision_cases import IMAGES, SIZES

FLASHKAT = System(
    slug="flashkat",
    title=(
        "FlashKAT: Understanding and Addressing Performance Bottlenecks in the Kolmogorov-Arnold "
        "Transformer"
    ),
    arxiv="2505.13813",
    year=2025,
    family="neurons",
    kind="layer",
    about=(
        "A learnable activation: every group of channels has its own ratio of polynomials, "
        "starting as swish, GELU or the identity. FlashKAT computes its gradient without stalling "
        "on memory. A drop-in activation and a drop-in for a transformer's MLP."
    ),
    claim="The same function trains many times faster than the Kolmogorov–Arnold transformer's",
    paper_value="86.5 times faster training than KAT (abstract)",
    exports={
        "neurarium.neurons.rational": ("GroupRational",),
        "neurarium.neurons.rational_function": ("group_rational",),
        "neurarium.neurons.rational_fit": ("fit_rational", "activation_gain"),
        "neurarium.neurons.rational_basis": ("Rational",),
        "neurarium.neurons.grkan": ("GRKAN", "GRKANLinear"),
        "neurarium.neurons.kat": ("KAT", "kat_vit"),
    },
    provenance=Provenance(
        authors=("Matthew Raffel", "Lizhong Chen"),
        repository="Adamdad/kat, OSU-STARLAB/FlashKAT",
        licence="MIT",
        parity=(
            "outputs in float64 (rtol 1e-10, atol 1e-10) and the gradients of inputs and "
            "coefficients, which the authors' kernels keep in float32 (rtol 3e-5, atol 3e-5), of "
            "four tables and of random coefficients; 2026-11-25"
        ),
        deviations=(
            "One denominator everywhere, the kernels' 1 + Σ|b||x|^i: the released code has three, "
            "and its tables of start values were fitted for mixed ones.",
            "Weights start by the paper's scheme, which the released code overwrites.",
            "The slope of |x| at 0 is 0, as autograd has it; the kernels take +1.",
            "Partial sums are written out and added in float64 instead of by atomic additions: "
            "the same result every time.",
            "FlashKAT's repository has no licence file, KAT's is MIT; nothing is taken from either "
            "but the tables of start values.",
            "Any leading shape and any degrees; the released layer wants (B, L, C) and (5, 4).",
            "The training part is small: 8 epochs (not 30) of 10 000 images of MNIST, of "
            "Fashion-MNIST and of CIFAR-10, 4 blocks of width 64. `paper` takes the published tiny "
            "size and 300 epochs of 10 000 images of CIFAR-10, neither ImageNet nor its recipe "
            "(mixup, cutmix, label smoothing, RandAugment, erasing, averaged weights).",
            "Its arm `kat` differs from `gelu` in the start of the MLPs' weights too, which keep "
            "the variance instead of having deviation 0.02; `kat_frozen` has the start of `kat`.",
        ),
    ),
    battery={
        "GroupRational": Case(
            kwargs={"num_features": 6, "num_groups": 3, "init": "gelu"},
            inputs=(((2, 5, 6), "float32"),),
            refused=(
                {"num_features": 0},
                {"num_groups": 4},
                {"num_groups": 1.5},
                {"degrees": (5,)},
                {"degrees": (0, 4)},
                {"init": "swich"},
                {"init": [1]},
                {"backend": "cuda"},
            ),
        ),
        "Rational": Case(
            kwargs={"num_features": 3},
            inputs=(((4, 3), "float32"),),
            refused=({"num_features": 0}, {"degree": 0}, {"denominator_degree": 1.5}),
        ),
        "GRKANLinear": Case(
            kwargs={"in_features": 6, "out_features": 4, "num_groups": 3},
            inputs=(((2, 5, 6), "float32"),),
            refused=(
                {"in_features": 0},
                {"out_features": 1.5},
                {"num_groups": 4},
                {"init": "swich"},
                {"weight_init": "zeros"},
                {"dropout": 1.0},
            ),
        ),
        "GRKAN": Case(
            kwargs={"in_features": 6, "hidden_features": 9, "num_groups": 3},
            inputs=(((2, 5, 6), "float32"),),
            refused=(
                {"in_features": 0},
                {"hidden_features": 10},
                {"init": "swish"},
                {"weight_init": "zeros"},
                {"dropout": -0.1},
            ),
        ),
        "KAT": Case(
            kwargs=SIZES,
            inputs=IMAGES,
            refused=(
                {"patch_size": 3},
                {"num_heads": 3},
                {"num_groups": 3},
                {"init": ("swich", "swish")},
                {"init": "swish"},
                {"attention_init": "zeros"},
                {"drop_path": 1.0},
                {"num_classes": 0},
            ),
            reload=Case(
                kwargs={
                    **SIZES,
                    "num_layers": 1,
                    "mlp_ratio": 2.0,
                    "num_groups": 4,
                    "init": ["gelu", "tanh"],
                    "weight_init": "trunc_normal",
                    "attention_init": "mimetic",
                    "drop_path": 0.1,
                    "dropout": 0.2,
                    "backend": "eager",
                },
                inputs=IMAGES,
            ),
        ),
    },
)
