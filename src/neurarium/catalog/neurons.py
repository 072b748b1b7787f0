"""Rows of the family ``neurons``: units beyond weighted sum and threshold."""

from .kan_assessment import KAN_ASSESSMENT
from .kan_bases import BASIS_CASES
from .system import Provenance, System

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
        deviations=(
            "The authors publish the candidate layers only: the selectable layer is written from "
            "the paper's three stages, its constants are ours.",
            "The Shannon wavelet's window is over its argument, not over the input's index.",
            "A mixed pool has one base branch and one input normalisation instead of one a family.",
        ),
    ),
    battery=BASIS_CASES,
)

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
        deviations=(
            "Functions are normalised per sample; the released code normalises over the whole "
            "batch, so a prediction depends on its neighbours.",
            "The ReLU-KAN path is written from its formula: the released one does not run.",
            "Reductions that are not used have no parameters.",
        ),
    ),
)

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
        "neurarium.neurons.rational": (
            "GroupRational",
            "group_rational",
            "fit_rational",
            "activation_gain",
            "GRKAN",
            "kat_vit",
        ),
    },
    provenance=Provenance(
        authors=("Matthew Raffel", "Lizhong Chen"),
        repository="OSU-STARLAB/FlashKAT",
        deviations=(
            "One denominator everywhere, the kernels' 1 + Σ|b||x|^i: the released code has three, "
            "and its tables of start values were fitted for mixed ones.",
            "Weights start by the paper's scheme, which the released code overwrites.",
        ),
    ),
)

KARAT = System(
    slug="karat",
    title=("Kolmogorov-Arnold Attention: Is Learnable Attention Better For Vision Transformers?"),
    arxiv="2503.10632",
    year=2025,
    family="neurons",
    kind="layer",
    about=(
        "Softmax in attention is replaced by a learnable operator of low rank: a row of scores "
        "goes through learnable univariate functions and back. For studying learnable attention "
        "maps; tied to a fixed number of tokens."
    ),
    claim="Learnable attention improves small vision transformers on small data, not large ones",
    paper_value="ViT-Tiny, CIFAR-10: 76.69 against 72.76 %; ViT-Base: 81.81 against 83.45 %",
    exports={
        "neurarium.neurons.kan_attention": (
            "KolmogorovArnoldAttention",
            "AttentionOperator",
            "karat_vit",
        ),
    },
    provenance=Provenance(
        authors=("Subhajit Maity", "Killian Hitsman", "Xin Li", "Aritra Dutta"),
        repository="MaitySubhajit/KArAt",
        deviations=(
            "The stored repository holds a project page only: written from the paper.",
            'Coefficients start at unit scale by default; the paper\'s start is `init="paper"`.',
            "The rational unit has the sum form of the denominator that FlashKAT's kernels use.",
        ),
    ),
)

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
        "neurarium.neurons.quadratic": (
            "QuadraticLinear",
            "QuadraticConv1d",
            "QuadraticConv2d",
            "to_quadratic",
            "relinear_param_groups",
            "ReLinearShrink",
        ),
    },
    provenance=Provenance(
        authors=("Feng-Lei Fan", "Mengzhou Li", "Fei Wang", "Rongjie Lai", "Ge Wang"),
        repository="FengleiFan/ReLinear",
        deviations=(
            "Parameter groups are matched by identity, not by letters in their names.",
            "Weight decay pulls towards the linear point, never b_g towards zero.",
            "Both convolutions of a block start alike; the released variants initialise one twice.",
        ),
    ),
)

PERFORATED_BACKPROP = System(
    slug="perforated-backprop",
    title=(
        "Perforated Backpropagation: A Neuroscience Inspired Extension to Artificial Neural "
        "Networks"
    ),
    arxiv="2501.18018",
    year=2025,
    family="neurons",
    kind="training method",
    about=(
        "When training stalls, chosen layers get dendrites: extra units trained to correlate with "
        "the remaining error while the network is fixed, then frozen, then used. For a last bit of "
        "accuracy, or a small model grown back to a big one's accuracy."
    ),
    claim="Dendrites improve the accuracy of the same architecture",
    paper_value="GraphSAGE on ogbn-products: 77.06 to 78.05 % (authors' examples)",
    exports={
        "neurarium.neurons.dendrites": (
            "Dendritic",
            "to_dendritic",
            "DendriteTrainer",
            "correlation_objective",
            "neuron_parameters",
            "dendrite_parameters",
        ),
    },
    provenance=Provenance(
        authors=("Rorry Brenner", "Laurent Itti"),
        repository="perforatedai (PyPI)",
        licence="Apache-2.0 for the wrapper; the correlation part needs a licence file",
        deviations=(
            "The correlation training is not open source: ours is written from the paper and from "
            "classical cascade correlation.",
        ),
    ),
    notice=(
        '"Perforated Backpropagation" is the authors\' trademarked name and is used here in the '
        "citation only; their correlation training is licensed separately from their package. "
        "Our code is our own, written from the paper and from cascade correlation."
    ),
)

SYSTEMS = (S_KAN, AF_KAN, FLASHKAT, KARAT, KAN_ASSESSMENT, QUADRATIC, PERFORATED_BACKPROP)
