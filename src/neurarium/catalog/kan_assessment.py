"""The row of kan-assessment."""

from .case import Case
from .system import Provenance, System

KAN_ASSESSMENT = System(
    slug="kan-assessment",
    title=(
        "Kolmogorov-Arnold Networks: A Critical Assessment of Claims, Performance, and Practical "
        "Viability"
    ),
    arxiv="2407.11075",
    year=2024,
    family="neurons",
    kind="benchmark",
    about=(
        "A fair comparison of Kolmogorov–Arnold networks and MLPs at equal parameters and equal "
        "compute, and the library's reference B-spline layer and network."
    ),
    claim="At equal budgets KANs beat MLPs on symbolic formulas only",
    exports={
        "neurarium.neurons.bspline": ("bspline_basis", "BSplineActivation"),
        "neurarium.neurons.spline_mlp": ("LinearSpline",),
        "neurarium.neurons.kan": ("KANLinear", "KAN", "KAN_LAYERS"),
        "neurarium.neurons.kan_conv": ("KANConv2d",),
        "neurarium.neurons.kan_pruning": ("prune_kan",),
        "neurarium.neurons.edge_plots": ("draw_edges",),
        "neurarium.neurons.symbolic": ("fit_symbolic",),
        "neurarium.estimators.kan": ("KANClassifier", "KANRegressor"),
    },
    provenance=Provenance(
        authors=("Yuntian Hou", "Tianrui Ji", "Di Zhang", "Angelos Stefanidis"),
        repository="Blealtan/efficient-kan, KindXiaoming/pykan",
        licence="MIT",
        parity=(
            "bases, outputs and all gradients of efficient-kan's layer, its knots after a grid "
            "update, outputs and edges of pykan's layer, recorded in float64: rtol 1e-9, "
            "atol 1e-9; 2026-11-25"
        ),
        deviations=(
            "The survey has no code of its own; its evidence is KANbeFair (arXiv 2407.16674, no "
            "licence file). Ours gives every arm the same number of configurations and selects on "
            "validation data, where the published log selects on the test set.",
            "Grid updates refit the unscaled spline in float64: efficient-kan's make the function "
            "jump.",
            "Splines have a closed form on uniform knots; one matrix product sums over inputs and "
            "splines, and only the input is kept for the backward pass.",
            "The layer never looks at values: `share_outside` counts inputs beyond the grid.",
            "Wavelets have places and widths for each input, not for each edge.",
        ),
    ),
    battery={
        "KANLinear": Case(
            kwargs={"in_features": 3, "out_features": 2},
            inputs=(((2, 5, 3), "float32"),),
            refused=(
                {"in_features": 0},
                {"out_features": 2.0},
                {"basis": "haar"},
                {"grid_size": 0},
                {"degree": 9},
                {"order": 2},
                {"norm": "group"},
                {"init": "zeros"},
                {"base_activation": "none"},
            ),
        ),
        "KAN": Case(
            kwargs={"layer_sizes": [3, 4, 2]},
            inputs=(((5, 3), "float32"),),
            refused=(
                {"layer_sizes": [3]},
                {"layer_sizes": [3, 0]},
                {"layer": "haar"},
                {"grid_range": (1, 0)},
            ),
            reload=Case(
                kwargs={"layer_sizes": [3, 4, 2], "layer": "rbf", "grid_size": 4, "norm": "layer"},
                inputs=(((5, 3), "float32"),),
            ),
        ),
        "BSplineActivation": Case(
            kwargs={"num_features": 3},
            inputs=(((2, 5, 3), "float32"),),
            refused=({"num_features": 0}, {"degree": 0}, {"grid_range": (1, 1)}),
        ),
        "LinearSpline": Case(
            kwargs={"in_features": 3, "out_features": 2, "spline_first": True},
            inputs=(((2, 5, 3), "float32"),),
            refused=({"in_features": 0}, {"grid_size": 0}),
        ),
        "KANConv2d": Case(
            kwargs={"in_channels": 2, "out_channels": 3, "kernel_size": 3, "padding": 1},
            inputs=(((2, 2, 5, 5), "float32"),),
            refused=(
                {"in_channels": 0},
                {"kernel_size": 0},
                {"stride": 0},
                {"padding": -1},
                {"basis": "haar"},
                {"norm": "layer"},
            ),
        ),
    },
)
