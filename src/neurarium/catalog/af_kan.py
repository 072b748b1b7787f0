"""The row of af-kan."""

from .case import Case
from .system import Provenance, System

AF_KAN = System(
    slug="af-kan",
    title=(
        "AF-KAN: Activation Function-Based Kolmogorov-Arnold Networks for Efficient "
        "Representation Learning"
    ),
    arxiv="2503.06112",
    year=2025,
    family="neurons",
    kind="layer",
    about=(
        "A Kolmogorov–Arnold layer with windows made of any activation and a small attention that "
        "squeezes an input's windows to one number, so that it has about as many weights as a "
        "linear layer. For flat inputs: images as vectors, tables."
    ),
    claim="Beats an MLP and other KANs at the same number of parameters",
    exports={"neurarium.neurons.windows": ("AFKANLinear", "ReLUKANLinear")},
    provenance=Provenance(
        authors=("Hoang-Thang Ta", "Anh Tran"),
        repository="hoangthangta/All-KAN",
        licence="MIT",
        parity=(
            "window features, outputs and all gradients of five two-layer networks, recorded in "
            "float64: rtol 1e-8, atol 1e-9; 2026-11-25"
        ),
        deviations=(
            "Functions are normalised per sample; the released code normalises over the whole "
            "batch, so a prediction depends on its neighbours.",
            "The ReLU-KAN path is written from its formula: the released one does not run.",
            "Reductions that are not used have no parameters, nor is there an unused bias.",
            "Windows that are all equal become 0 instead of 0/0.",
            "Left out: local and multi-head attention over windows, which the authors call slow "
            "and do not use; self-attention over windows and parallel copies of the stack, which "
            "do not run in the released code.",
            "The recorded comparison has 8000 training, 2000 validation and 10 000 test images of "
            "each set and 8 epochs, where the sheet has all of MNIST and 10; the paper preset has "
            "all images and 25 epochs, without the grids of activations, functions and (g, k).",
        ),
    ),
    battery={
        "AFKANLinear": Case(
            kwargs={"in_features": 4, "out_features": 2},
            inputs=(((2, 5, 4), "float32"),),
            refused=(
                {"in_features": 0},
                {"out_features": 2.0},
                {"grid_size": 0},
                {"order": 0},
                {"activation": "swish"},
                {"combine": "quad3"},
                {"feature_norm": "layer"},
                {"reduction": "self"},
                {"norm": "group"},
                {"momentum": 0.0},
            ),
        ),
        "ReLUKANLinear": Case(
            kwargs={"in_features": 3, "out_features": 2},
            inputs=(((2, 5, 3), "float32"),),
            refused=(
                {"in_features": 0},
                {"grid_size": 0},
                {"order": 0},
                {"grid_range": (1, 1)},
                {"norm": "group"},
            ),
        ),
    },
)
