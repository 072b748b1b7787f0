"""Rows of the family ``optim``: how to train, and the geometry that training converges to."""

from .system import Provenance, System

DROP_MUON = System(
    slug="drop-muon",
    title="Drop-Muon: Update Less, Converge Faster",
    arxiv="2510.02239",
    year=2025,
    family="optim",
    kind="optimizer",
    about=(
        "Muon that updates a random suffix of the layers a step, so that back-propagation stops "
        "early and only active layers are orthogonalised. An optimiser with schedules of layers "
        "and a truncated backward pass."
    ),
    claim="The accuracy of full Muon in less wall-clock time",
    paper_value="up to 1.4 times faster (abstract)",
    exports={
        "neurarium.optim.orthogonalize": ("newton_schulz",),
        "neurarium.optim.drop_muon": ("DropMuon", "layer_groups", "layer_smoothness"),
        "neurarium.optim.layer_schedules": (
            "UniformStart",
            "EpochShift",
            "Bernoulli",
            "Cyclic",
            "FullNetwork",
            "SmoothnessAware",
        ),
    },
    provenance=Provenance(
        authors=("Kaja Gruntkowska", "Yassine Maziane", "Zheng Qu", "Peter Richtárik"),
        deviations=(
            "`momentum` weighs the old buffer, as in torch; the paper's β weighs the new gradient.",
        ),
    ),
)

NEURAL_COLLAPSE = System(
    slug="neural-collapse",
    title="Neural Collapse in Deep Linear Networks: From Balanced to Imbalanced Data",
    arxiv="2301.00437",
    year=2023,
    family="optim",
    kind="theory",
    about=(
        "The geometry that the last features of a classifier collapse to, proved for deep linear "
        "heads with balanced and imbalanced classes. Metrics to log in any training, closed-form "
        "optima, and which small classes will vanish."
    ),
    claim="With imbalanced classes the means become orthogonal, with lengths set by the counts",
    exports={
        "neurarium.optim.neural_collapse": (
            "collapse_metrics",
            "CollapseTracker",
            "mse_optimum",
            "cross_entropy_optimum",
            "collapse_threshold",
            "UnconstrainedFeatures",
            "DeepLinearHead",
        ),
    },
    provenance=Provenance(
        authors=(
            "Hien Dang",
            "Tho Tran",
            "Stanley Osher",
            "Hung Tran-The",
            "Nhat Ho",
            "Tan Nguyen",
        ),
        repository="Fsoft-AIC/Neural-Collapse-in-Deep-Linear-Networks",
        licence="none stated",
        deviations=(
            "The root solver compares with zero and allows unequal decays; the released one does "
            "neither.",
            "The training loss carries the factor that the theory assumes.",
            "For cross-entropy the simplex is claimed for one linear layer: with more, solutions "
            "of lower rank have a lower loss.",
        ),
    ),
)

SYSTEMS = (DROP_MUON, NEURAL_COLLAPSE)
