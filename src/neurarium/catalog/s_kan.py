"""The row of s-kan."""

from .case import Case
from .kan_bases import BASIS_CASES
from .system import Provenance, System

POOL = {"bases": ["bspline", "rbf", "chebyshev", "relu"]}

S_KAN = System(
    slug="s-kan",
    title="Activation Space Selectable Kolmogorov-Arnold Networks",
    arxiv="2408.08338",
    year=2024,
    family="neurons",
    kind="layer",
    about=(
        "A Kolmogorov–Arnold layer that picks its own basis: a pool of families (splines, "
        "polynomials, wavelets, radial functions …) behind every node, trained together, then "
        "narrowed to the winners and physically pruned; with a convolutional version."
    ),
    claim="Selecting the basis beats every fixed basis and an MLP at the same parameters",
    exports={
        "neurarium.neurons.bases": (
            "BASES",
            "BSpline",
            "GaussianRBF",
            "RSWAF",
            "Chebyshev",
            "Jacobi",
            "Gram",
            "Fourier",
            "ReLUWindow",
            "Wavelet",
        ),
        "neurarium.neurons.selectable": (
            "SelectableKANLinear",
            "SelectableKANConv2d",
            "SelectionSchedule",
        ),
    },
    provenance=Provenance(
        authors=("Zhuoqin Yang", "Jiansong Zhang", "Xiaoling Luo", "Zheng Lu", "Linlin Shen"),
        repository="SeriYann/KANConv2d",
        licence="MIT",
        parity=(
            "outputs and input gradients of nine candidate layers, recorded in float32: "
            "rtol 2e-5, atol 2e-5; 2026-11-25"
        ),
        deviations=(
            "The authors publish the candidate layers only: the selectable layer is written from "
            "the paper's three stages, its constants are ours.",
            "The Shannon wavelet's window is over its argument, not over the input's index.",
            "A mixed pool has one base branch and one input normalisation instead of one a family.",
            "Wavelets have places and widths for each input; parameters for each edge, as "
            "published, are not offered. A pool has eight of them for each input, on [−2, 2], "
            "where the paper has one that starts with τ = 0 and s = 1.",
            "The second stage keeps families from half of a choice on (threshold 0.5), not from "
            "θ = 1/K.",
            "The convolution applies every family to the map once instead of to every patch.",
            "Inputs are looked at now and then, until a warning of what lies beyond the grids.",
            "Images: MNIST and CIFAR-10's subset, 2000 training images and 4 epochs where the "
            "sheet has 10 000 and 8; no arms of the uniform mixture, the first stage alone, a "
            "choice by lot, or an MLP with as much compute.",
        ),
    ),
    battery={
        **BASIS_CASES,
        "SelectableKANLinear": Case(
            kwargs={"in_features": 3, "out_features": 2, **POOL},
            inputs=(((2, 5, 3), "float32"),),
            refused=(
                {"in_features": 0},
                {"out_features": 2.0},
                {"bases": []},
                {"bases": "rbf"},
                {"bases": ["rbf", "haar"]},
                {"bases": ["rbf", "rbf"]},
                {"granularity": "tap"},
                {"temperature": 0.0},
                {"basis_arguments": {"fourier": {}}},
                {"norm": "group"},
            ),
        ),
        "SelectableKANConv2d": Case(
            kwargs={"in_channels": 2, "out_channels": 3, "kernel_size": 3, "padding": 1, **POOL},
            inputs=(((2, 2, 5, 5), "float32"),),
            refused=(
                {"in_channels": 0},
                {"kernel_size": 0},
                {"stride": 0},
                {"padding": -1},
                {"bases": ["haar"]},
                {"granularity": "edge"},
                {"norm": "layer"},
            ),
        ),
    },
)
