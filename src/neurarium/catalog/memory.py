"""Rows of the family ``memory``: associative memories and what is built on them.

A row whose battery has grown long has a file of its own.
"""

from .case import Call, Case
from .hopfield import HOPFIELD
from .hopular import HOPULAR
from .system import Provenance, System

SIGNS = [[1.0, -1.0, 1.0, 1.0], [-1.0, -1.0, 1.0, -1.0]]
RECALL_EXEMPT = {
    "determinism": "units are visited in random order; pass a generator",
    "capture": "ends when no unit flips",
    "bad_inputs.dtype": "signs may be of any dtype",
}

CLOOB = System(
    slug="cloob",
    title="CLOOB: Modern Hopfield Networks with InfoLOOB Outperform CLIP",
    arxiv="2110.11316",
    year=2021,
    family="memory",
    kind="model",
    about=(
        "A drop-in replacement of the CLIP loss for any pair of encoders: embeddings are replaced "
        "by what they retrieve from Hopfield memories of the batch and contrasted with InfoLOOB, "
        "which leaves the positive pair out of the denominator. No parameters, no cost at use."
    ),
    claim="CLOOB beats CLIP at zero-shot transfer with the same encoders and data",
    paper_value="ImageNet zero-shot, Conceptual Captions: 23.97 against 20.33 %",
    exports={
        "neurarium.memory.contrastive": (
            "info_nce",
            "info_loob",
            "CLIPLoss",
            "CLOOBLoss",
            "TwoTower",
            "zero_shot_weights",
        ),
    },
    provenance=Provenance(
        authors=(
            "Andreas Fürst",
            "Elisabeth Rumetshofer",
            "Johannes Lehner",
            "Viet Tran",
            "Fei Tang",
            "Hubert Ramsauer",
            "David Kreil",
            "Michael Kopp",
            "Günter Klambauer",
            "Angela Bitto-Nemling",
            "Sepp Hochreiter",
        ),
        repository="ml-jku/cloob",
        licence="MIT",
        deviations=(
            "The loss is scaled by the temperature as in the authors' code; the paper's displayed "
            "loss is not (`scale_by_temperature`).",
            "The positive pair is masked with −∞ instead of −1000.",
            "β 8 and temperature 1/30 by default: the authors' example, not their code's 14.3.",
        ),
    ),
)

TXT2IMG_MHN = System(
    slug="txt2img-mhn",
    title=("Txt2Img-MHN: Remote Sensing Image Generation from Text Using Modern Hopfield Networks"),
    arxiv="2208.04441",
    year=2022,
    family="memory",
    kind="model",
    about=(
        "A causal model over text and image tokens whose feed-forward layers are lookups of "
        "learned prototypes and whose attention uses the keys as values. A small conditional "
        "generator of image tokens with prototypes one can look at."
    ),
    claim="Generated images train a better zero-shot classifier than those of other generators",
    paper_value="zero-shot accuracy 65.72 % with VQGAN tokens on RSICD, DF-GAN 51.99 %",
    exports={
        "neurarium.memory.vqvae": ("VQVAE",),
        "neurarium.memory.txt2img": ("Txt2ImgMHN", "HopfieldSelfAssociation"),
    },
    provenance=Provenance(
        authors=(
            "Yonghao Xu",
            "Weikang Yu",
            "Pedram Ghamisi",
            "Michael Kopp",
            "Sepp Hochreiter",
        ),
        repository="YonghaoXu/Txt2Img-MHN",
        licence="MIT, with a note on academic use",
        deviations=(
            "Guidance other than 1 needs a model trained with dropped text; the authors' script "
            "offers it for models that were not.",
            "The caller's text tensor is never changed in place.",
        ),
    ),
)

MULTITASKING_HEBBIAN = System(
    slug="multitasking-hebbian",
    title="Parallel Learning by Multitasking Neural Networks",
    arxiv="2308.04106",
    year=2023,
    family="memory",
    kind="theory",
    about=(
        "A Hopfield network with diluted patterns: blank sites of one pattern are free to align "
        "with others, so one state retrieves several stored items at once, learned from noisy "
        "examples with or without a teacher; with closed-form predictions of the overlaps."
    ),
    claim="One state retrieves all patterns: a hierarchy when mildly diluted, else in parallel",
    exports={
        "neurarium.memory.associative": ("HopfieldNetwork",),
        "neurarium.memory.multitasking": ("MultitaskingHopfield",),
        "neurarium.memory.patterns": ("random_patterns", "noisy_examples"),
        "neurarium.memory.theory": (
            "multitasking_solve",
            "hierarchical_overlaps",
            "critical_dilution",
            "examples_needed",
        ),
    },
    provenance=Provenance(
        authors=(
            "Elena Agliari",
            "Andrea Alessandrelli",
            "Adriano Barra",
            "Federico Ricci-Tersenghi",
        ),
        deviations=(
            "Equations are derived again and checked numerically; normalisations may differ from "
            "the paper's, regimes and thresholds do not.",
        ),
    ),
    battery={
        "HopfieldNetwork": Case(
            kwargs={"num_units": 4},
            method="recall",
            calls=(Call("store", (SIGNS,)),),
            inputs=(SIGNS,),
            refused=({"rule": "oja"},),
            exempt=RECALL_EXEMPT,
        ),
    },
)

DENSE_RSB = System(
    slug="dense-rsb",
    title="Replica symmetry breaking in dense neural networks",
    arxiv="2111.12997",
    year=2021,
    family="memory",
    kind="theory",
    about=(
        "A Hopfield network with P-body interactions and the theory of its retrieval: replica "
        "symmetric and one-step broken free energies, capacity from the ground state, and a Monte "
        "Carlo simulation to compare with."
    ),
    claim="Breaking replica symmetry raises the capacity of dense associative memories",
    exports={
        "neurarium.memory.dense": ("DenseAssociativeMemory",),
        "neurarium.memory.theory": (
            "dense_rs",
            "dense_one_rsb",
            "dense_ground_state",
            "dense_capacity",
            "replicon",
        ),
    },
    provenance=Provenance(
        authors=(
            "Linda Albanese",
            "Francesco Alemanno",
            "Andrea Alessandrelli",
            "Adriano Barra",
        ),
        deviations=(
            "Equations are derived again and checked numerically; the load is stated by the noise "
            "r, because conventions for α differ by factors that depend on P.",
        ),
    ),
    battery={
        "DenseAssociativeMemory": Case(
            kwargs={"num_units": 4, "degree": 2},
            method="recall",
            calls=(Call("store", (SIGNS,)),),
            inputs=(SIGNS,),
            refused=({"degree": 1},),
            exempt=RECALL_EXEMPT,
        ),
    },
)

BDH = System(
    slug="bdh",
    title=(
        "The Dragon Hatchling: The Missing Link between the Transformer and Models of the Brain"
    ),
    arxiv="2509.26507",
    year=2025,
    family="memory",
    kind="model",
    about=(
        "A causal language model of sparse positive neurons with linear attention whose queries "
        "are its keys: inference is a recurrent network with a Hebbian fast-weight state. For "
        "constant memory per generated token and for studying neurons and synapses."
    ),
    claim="Rivals a GPT-2 architecture in loss at equal parameters and data",
    exports={
        "neurarium.memory.linear_attention": ("causal_linear_attention",),
        "neurarium.memory.bdh": ("BDH", "merge_models", "grow_neurons"),
        "neurarium.memory.neuron_analysis": (
            "activation_density",
            "synapse_trace",
            "concept_selectivity",
            "neuron_graph",
            "modularity",
        ),
    },
    provenance=Provenance(
        authors=(
            "Adrian Kosowski",
            "Przemysław Uznański",
            "Jan Chorowski",
            "Zuzanna Stamirowska",
            "Michał Bartoszkiewicz",
        ),
        repository="pathwaycom/bdh",
        licence="MIT",
        deviations=(
            "The released form is the default: it computes the neurons anew in every layer and "
            'keeps the residual in the stream; the paper\'s form is `residual="neuron"`.',
            "Generation carries the fast-weight state; the authors' recomputes the whole prefix.",
        ),
    ),
)

NEURAL_MEMORY_SYNTHETIC_GRADIENTS = System(
    slug="neural-memory-synthetic-gradients",
    title=("Fast & Slow Learning: Incorporating Synthetic Gradients in Neural Memory Controllers"),
    arxiv="2011.05438",
    year=2020,
    family="memory",
    kind="training method",
    about=(
        "An external memory with recurrent controllers, each of which also receives a gradient "
        "predicted on the spot by a small feedback network, so that it can change at once while "
        "back-propagation trains everything at a slower pace."
    ),
    claim="Synthetic gradients for the controllers improve few-shot classification and regression",
    exports={
        "neurarium.memory.memory_network": ("NeuralMemoryCell", "NeuralMemoryNetwork"),
        "neurarium.memory.synthetic_gradients": ("SyntheticGradient", "SyntheticGradientTrainer"),
    },
    provenance=Provenance(
        authors=(
            "Tharindu Fernando",
            "Simon Denman",
            "Sridha Sridharan",
            "Clinton Fookes",
        ),
        deviations=(
            "No code was released and the paper's details could not be consulted: the memory cell "
            "and the synthetic gradients follow the published methods that the paper builds on.",
        ),
    ),
)

DYNAMICAL_INTELLIGENCE = System(
    slug="dynamical-intelligence",
    title="A brain basis of dynamical intelligence for AI and computational neuroscience",
    arxiv="2105.07284",
    year=2021,
    family="memory",
    kind="model",
    about=(
        "A perspective paper on sparsity, oscillations and closed loops, made concrete: a sparse "
        "memory of phase oscillators, a theta–gamma sequence memory, and NeuroSwarms, a "
        "phase-coupled controller of agents that move through an arena."
    ),
    claim="Sparse structure, nested oscillations and closed loops serve memory and control",
    exports={
        "neurarium.memory.phasor": (
            "PhasorMemory",
            "ThetaGammaMemory",
            "kuramoto_step",
            "order_parameter",
        ),
        "neurarium.memory.swarm": ("Arena", "NeuroSwarms"),
    },
    provenance=Provenance(
        authors=("Joseph D. Monaco", "Kanaka Rajan", "Grace M. Hwang"),
        repository="jdmonaco/neuroswarms",
        licence="MIT",
        deviations=(
            "The paper has no equations. The oscillator memory is textbook theory, the sequence "
            "memory is this library's design, NeuroSwarms follows the authors' code.",
        ),
    ),
)

SYSTEMS = (
    HOPFIELD,
    HOPULAR,
    CLOOB,
    TXT2IMG_MHN,
    MULTITASKING_HEBBIAN,
    DENSE_RSB,
    BDH,
    NEURAL_MEMORY_SYNTHETIC_GRADIENTS,
    DYNAMICAL_INTELLIGENCE,
)
