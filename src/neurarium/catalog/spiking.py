"""Rows of the family ``spiking``: neurons with time."""

from .system import Provenance, System

HLOP = System(
    slug="hlop",
    title=(
        "Hebbian Learning based Orthogonal Projection for Continual Learning of Spiking Neural "
        "Networks"
    ),
    arxiv="2402.11984",
    year=2024,
    family="spiking",
    kind="training method",
    about=(
        "Lateral neurons beside every layer learn, by Hebbian rules, the subspace of its past "
        "inputs; later tasks change the weights outside of it only. For training a network, "
        "spiking or not, on a sequence of tasks without stored samples."
    ),
    claim="Spiking networks learn a sequence of tasks with nearly no forgetting",
    exports={
        "neurarium.spiking.representation": ("DSRLIF", "DSRIF", "OnlineLIF"),
        "neurarium.spiking.hlop": ("HebbianSubspace", "HLOP", "GPM"),
        "neurarium.spiking.feedback": ("FeedbackLinear", "FeedbackConv2d"),
    },
    provenance=Provenance(
        authors=(
            "Mingqing Xiao",
            "Qingyan Meng",
            "Zongpeng Zhang",
            "Di He",
            "Zhouchen Lin",
        ),
        repository="pkuxmq/HLOP-SNN",
        licence="Apache-2.0",
        deviations=(
            "The weight gradient is projected once a step, not the activity: the same update.",
            "Rows added for a later task are orthonormal among themselves only, as in the authors' "
            'code; `init="complement"` makes them orthogonal to the old ones.',
        ),
    ),
)

SPIKING_DIFFUSION = System(
    slug="spiking-diffusion",
    title="Spiking Diffusion Models",
    arxiv="2408.16467",
    year=2024,
    family="spiking",
    kind="model",
    about=(
        "A diffusion model whose noise predictor is a U-Net of spiking neurons, with learnable "
        "weights per time step, guidance by the firing threshold, and conversion of a quantised "
        "network. A drop-in noise model for diffusion, a convolution for any spiking network."
    ),
    claim="Shifting the firing threshold improves samples without training",
    paper_value="FID up to 16.7 % better (abstract)",
    exports={
        "neurarium.spiking.unet": (
            "SpikingUNet",
            "TemporalScaledConv2d",
            "MembraneReadout",
            "shift_threshold",
            "select_threshold",
        ),
        "neurarium.spiking.conversion": ("QuantReLU", "SignedIF", "to_spiking"),
    },
    provenance=Provenance(
        authors=(
            "Jiahang Cao",
            "Hanzhong Guo",
            "Ziqing Wang",
            "Deming Zhou",
            "Hao Cheng",
            "Qiang Zhang",
            "Renjing Xu",
        ),
        repository="AndyCao1125/SDM",
        deviations=(
            "Neurons integrate and fire as in the authors' code; the paper describes leaky ones, "
            "which are an argument.",
            "The threshold is chosen on one set of images and reported on another.",
        ),
    ),
)

LIQUID_STATE_MACHINE = System(
    slug="liquid-state-machine",
    title=(
        "Resistive memory-based zero-shot liquid state machine for multimodal event data learning"
    ),
    arxiv="2307.00771",
    year=2023,
    family="spiking",
    kind="model",
    about=(
        "A fixed random reservoir of spiking neurons encodes event streams; only one projection a "
        "modality is trained, contrastively, and used on classes never seen. A fast feature "
        "extractor for events, a model of noisy resistive weights, a two-tower head."
    ),
    claim="A random reservoir is near trained networks, and better on classes never seen",
    paper_value="N-MNIST 89.11 %, trained spiking network 93.93 % (authors' README)",
    exports={
        "neurarium.spiking.reservoir": ("LiquidStateMachine", "ResistiveMemory", "SpikingRNN"),
        "neurarium.spiking.coding": ("poisson_spikes", "events_from_images", "events_from_audio"),
        "neurarium.memory.contrastive_objectives": ("info_nce",),
        "neurarium.memory.contrastive_towers": ("TwoTower",),
    },
    provenance=Provenance(
        authors=("Ning Lin", "Shaocong Wang", "Yi Li", "others"),
        repository="MrLinNing/MemristorLSM",
        licence="MIT",
        deviations=(
            "The public code lacks its model and data modules: parts are inferred from script "
            "arguments and from the paper.",
            "Epochs are selected on validation data; the authors keep the best on the test set.",
        ),
    ),
)

META_SPIKEFORMER = System(
    slug="meta-spikeformer",
    title=(
        "Spike-driven Transformer V2: Meta Spiking Neural Network Architecture Inspiring the "
        "Design of Next-generation Neuromorphic Chips"
    ),
    arxiv="2404.03663",
    year=2024,
    family="spiking",
    kind="model",
    about=(
        "A vision backbone in which every matrix product sees binary spikes: two convolutional "
        "and two transformer stages with attention of linear cost. The backbone, its layers, and "
        "a counter of accumulate and multiply operations at measured firing rates."
    ),
    claim="A directly trained spiking network reaches 80 % on ImageNet",
    paper_value="ImageNet top-1 80.0 % with 55 M parameters, 3.7 above the best 66 M SNN",
    exports={
        "neurarium.spiking.surrogate": ("spike",),
        "neurarium.spiking.lif": ("lif", "integrate_and_fire", "LIF", "IF", "PLIF"),
        "neurarium.spiking.attention": ("SpikeDrivenSelfAttention",),
        "neurarium.spiking.blocks": (
            "RepConv2d",
            "SpikeSepConv2d",
            "SpikeConvBlock",
            "SpikeTransformerBlock",
            "reparameterize",
        ),
        "neurarium.spiking.spikeformer": ("MetaSpikeFormer", "meta_spikeformer", "SpikingFPN"),
        "neurarium.spiking.energy": ("energy_report", "EnergyReport"),
    },
    provenance=Provenance(
        authors=(
            "Man Yao",
            "Jiakui Hu",
            "Tianxiang Hu",
            "Yifan Xu",
            "Zhaokun Zhou",
            "Yonghong Tian",
            "Bo Xu",
            "Guoqi Li",
        ),
        repository="BICLab/Spike-Driven-Transformer-V2",
        deviations=(
            "The public code holds classification only: the pyramid head is ours.",
            "Energy uses firing rates measured on data.",
        ),
    ),
)

VPR_SNN = System(
    slug="vpr-snn",
    title=(
        "Ensembles of Compact, Region-specific & Regularized Spiking Neural Networks for Scalable "
        "Place Recognition"
    ),
    arxiv="2209.08723",
    year=2022,
    family="spiking",
    kind="model",
    about=(
        "Which place is this image? Many tiny networks, each trained by spike-timing plasticity "
        "on a short stretch of a route, vote; neurons that fire on places they were never taught "
        "are silenced. A batched plastic layer, the ensemble, and place-recognition metrics."
    ),
    claim="Modules beat one network at scale, and silencing hyperactive neurons helps clearly",
    exports={
        "neurarium.spiking.diehl_cook": ("DiehlCookNetwork", "DiehlCookParameters"),
        "neurarium.spiking.place_recognition": (
            "ModularPlaceRecognizer",
            "patch_normalize",
            "assign_neurons",
            "hyperactive_neurons",
            "absolute_difference_scores",
        ),
    },
    provenance=Provenance(
        authors=("Somayeh Hussaini", "Michael Milford", "Tobias Fischer"),
        repository="QVPR/VPRSNN",
        licence="MIT",
        deviations=(
            "The refractory timer runs as in the authors' code, 50 ms between two spikes, and the "
            "pre-synaptic update has their sign; Diehl and Cook's is an argument.",
        ),
    ),
)

SYSTEMS = (HLOP, SPIKING_DIFFUSION, LIQUID_STATE_MACHINE, META_SPIKEFORMER, VPR_SNN)
