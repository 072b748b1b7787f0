"""Rows of the family ``sparsity``: what to remove or never connect."""

from .system import Provenance, System

ICBS = System(
    slug="icbs",
    title=(
        "Scalable iterative pruning of large language and vision models using block coordinate "
        "descent"
    ),
    arxiv="2411.17796",
    year=2024,
    family="sparsity",
    kind="training method",
    about=(
        "Improves a pruning mask without retraining: block after block, which weights are zero is "
        "chosen by a second-order model of the loss under a fixed count. The best mask at a "
        "density that a calibration budget buys."
    ),
    claim="Higher accuracy than Wanda and magnitude at equal density, without changing a weight",
    paper_value="Fashion-MNIST MLP at density 0.1: 60.73 to 77.33 % (authors' notebook)",
    exports={
        "neurarium.sparsity.masks": (
            "apply_masks",
            "remove_masks",
            "mask_density",
            "masks_from_scores",
        ),
        "neurarium.sparsity.scores": ("magnitude_scores", "wanda_scores"),
        "neurarium.sparsity.qcbo": ("QCBO", "SwapTabu", "SwapAnnealing", "Exhaustive"),
        "neurarium.sparsity.icbs": ("ICBS", "prune_icbs"),
    },
    provenance=Provenance(
        authors=(
            "Gili Rosenberg",
            "J. Kyle Brubaker",
            "Martin J. A. Schuetz",
            "Elton Yechao Zhu",
            "Serdar Kadıoğlu",
            "Sima E. Borujeni",
            "Helmut G. Katzgraber",
        ),
        repository="amazon-science/icbs",
        licence="CC BY-NC",
        deviations=(
            "Small entries of the quadratic form are dropped by their absolute value, as the "
            "formula says; the released code drops every negative one.",
            "The loss change is that of the full quadratic form.",
        ),
    ),
    notice=(
        "The authors' code is licensed CC BY-NC, not for commercial use. Ours is written from the "
        "paper and holds none of it."
    ),
)

META_PRUNING = System(
    slug="meta-pruning",
    title=("Meta Pruning via Graph Metanetworks: A Meta Learning Framework for Network Pruning"),
    arxiv="2506.12041",
    year=2025,
    family="sparsity",
    kind="training method",
    about=(
        "A graph network reads a trained network as a graph and changes its weights a little, so "
        "that an ordinary structural pruner loses far less. Meta-trained once for a family of "
        "networks, then one forward pass each."
    ),
    claim="State-of-the-art accuracy at a given speed-up without special training per network",
    exports={
        "neurarium.sparsity.groups": ("channel_groups",),
        "neurarium.sparsity.slimming": ("fold_batchnorm", "slim", "prune_to_speedup"),
        "neurarium.sparsity.weight_graph": (
            "network_to_graph",
            "graph_to_state",
            "NetworkGraph",
        ),
        "neurarium.sparsity.meta_pruning": (
            "PruningMetanetwork",
            "sparsity_gradient",
            "MetaPruningTrainer",
        ),
    },
    provenance=Provenance(
        authors=("Yewei Liu", "Xiyuan Wang", "Muhan Zhang"),
        repository="Yewei-Liu/MetaPruning",
        deviations=(
            "Network to graph and back is exact; the released converters permute the classifier's "
            "weights on the way back.",
        ),
    ),
)

FTWT = System(
    slug="ftwt",
    title=(
        "Fire Together Wire Together: A Dynamic Pruning Approach with Self-Supervised Mask "
        "Prediction"
    ),
    arxiv="2110.08232",
    year=2021,
    family="sparsity",
    kind="training method",
    about=(
        "Every convolution gets a tiny predictor of which of its filters are worth computing for "
        "this input, taught by the network's own activations. For fewer multiply-adds per image, "
        "and with gathered filters also less time."
    ),
    claim="Over half of the multiply-adds removed at nearly unchanged accuracy",
    paper_value="VGG16-BN, CIFAR-10: 93.73 % at 56 % fewer, dense 93.82 % (authors' table)",
    exports={
        "neurarium.sparsity.dynamic_channels": (
            "mass_target",
            "uniform_target",
            "MaskPredictor",
            "ChannelGatedConv2d",
            "to_channel_gated",
            "gate_loss",
            "find_mass",
            "to_gathered",
        ),
    },
    provenance=Provenance(
        authors=("Sara Elkerdawy", "Mostafa Elhoushi", "Hong Zhang", "Nilanjan Ray"),
        repository="selkerdawy/FTWT",
        deviations=(
            "The predictor pools by the average and a softmax, as in the released code.",
            "At least one filter is kept; the mask is a constant in the backward pass.",
        ),
    ),
)

G2GNET = System(
    slug="g2gnet",
    title=(
        "Neuro-inspired Ensemble-to-Ensemble Communication Primitives for Sparse and Efficient ANNs"
    ),
    arxiv="2508.14140",
    year=2025,
    family="sparsity",
    kind="model",
    about=(
        "Layers wired like ensembles in visual cortex: a group talks densely to its own group and "
        "sparsely to the others, and links are rewired by correlated activity. A linear layer "
        "with a quarter of the weights, and dynamic sparse training for any masked layer."
    ),
    claim="Three quarters of the links removed with accuracy above the dense network",
    paper_value="up to 75 % sparsity, up to 4.3 points above dense (abstract)",
    exports={
        "neurarium.sparsity.group_sparse": ("GroupSparseLinear", "G2GNet"),
        "neurarium.sparsity.rewiring": ("DynamicSparsity", "coactivation"),
    },
    provenance=Provenance(
        authors=("Orestis Konstantaropoulos", "Stelios Manolis Smirnakis", "Maria Papadopouli"),
        deviations=(
            "No code by the paper's authors was found: exact settings follow the same group's "
            "public follow-up for spiking networks.",
            "Links that were just pruned are not grown again at once.",
        ),
    ),
)

GROKKING_TICKETS = System(
    slug="grokking-tickets",
    title="Grokking Tickets: Lottery Tickets Accelerate Grokking",
    arxiv="2310.19470",
    year=2023,
    family="sparsity",
    kind="training method",
    about=(
        "Prune a network that has generalised, rewind the kept weights and train again: it "
        "generalises far sooner. The lottery-ticket loop, scores at initialisation, and modular "
        "arithmetic with its networks."
    ),
    claim="A ticket of the generalised network groks much sooner than the dense network",
    exports={
        "neurarium.sparsity.masks": ("shuffle_masks",),
        "neurarium.sparsity.scores": (
            "random_scores",
            "snip_scores",
            "grasp_scores",
            "synflow_scores",
        ),
        "neurarium.sparsity.tickets": (
            "find_ticket",
            "rewind",
            "rescale_to_norm",
            "ModularMLP",
            "ModularTransformer",
        ),
    },
    provenance=Provenance(
        authors=("Gouki Minegishi", "Yusuke Iwasawa", "Yutaka Matsuo"),
        repository="gouki510/Grokking-Tickets",
        deviations=(
            "The shuffled-mask control really shuffles: the released one has no effect.",
            "Images are trained on the training file and tested on the test file.",
        ),
    ),
)

SYSTEMS = (ICBS, META_PRUNING, FTWT, G2GNET, GROKKING_TICKETS)
