"""Rows of the family ``memory``: associative memories and what is built on them."""

from .case import Call, Case, New
from .system import Provenance, System

HOPFIELD_MODULE = "neurarium.memory.hopfield"

HOPFIELD = System(
    slug="hopfield",
    title="Hopfield Networks is All You Need",
    arxiv="2008.02217",
    year=2020,
    family="memory",
    kind="layer",
    about=(
        "Continuous Hopfield networks whose update is softmax attention: a layer that associates "
        "two sets, a pooling layer with learned queries, a lookup layer over learned or given "
        "patterns, and plain retrieval with an energy. For pooling bags and sets, for attention "
        "with several retrieval steps and a tunable inverse temperature, for a memory of rows."
    ),
    claim="Hopfield pooling is the best multiple-instance learner on three of four MIL sets",
    paper_value="AUC: tiger 91.3, fox 64.05, elephant 94.9, UCSB 89.5 (Table 1)",
    exports={
        "neurarium.memory.retrieval": ("hopfield_retrieve", "hopfield_energy", "metastable_size"),
        "neurarium.memory.hopfield": ("Hopfield",),
        "neurarium.memory.hopfield_memory": ("HopfieldPooling", "HopfieldLayer"),
        "neurarium.memory.hopfield_blocks": ("HopfieldEncoderLayer", "HopfieldDecoderLayer"),
        "neurarium.memory.reference": ("load_reference_state_dict",),
        "neurarium.memory.theory.retrieval": (
            "hopfield_jacobian",
            "is_well_separated",
            "jacobian_norm_bound",
            "operating_class",
            "pattern_separation",
            "retrieval_error_bound",
            "sphere_capacity",
        ),
    },
    provenance=Provenance(
        authors=(
            "Hubert Ramsauer",
            "Bernhard Schäfl",
            "Johannes Lehner",
            "Philipp Seidl",
            "Michael Widrich",
            "Thomas Adler",
            "Lukas Gruber",
            "Markus Holzleitner",
            "Milena Pavlović",
            "Geir Kjetil Sandve",
            "Victor Greiff",
            "David Kreil",
            "Michael Kopp",
            "Günter Klambauer",
            "Johannes Brandstetter",
            "Sepp Hochreiter",
        ),
        repository="ml-jku/hopfield-layers",
        licence="BSD",
        parity=(
            "outputs, association matrices and gradients of 11 configurations recorded from "
            "hopfield-layers 1.0.2 in float64: rtol 1e-9, atol 1e-10 (association of the "
            "convergence mode: atol 1e-8); 2026-11-25"
        ),
        deviations=(
            "One β per head means what the documentation says: head k uses β_k. The authors' code "
            "tiles the tensor over columns instead.",
            "By default the values have a projection of their own, as in the authors' code; the "
            "paper's (Y W_K) W_V is `values_from_keys=True`.",
            "A state that may attend to nothing gives zeros; the authors' layer gives NaN.",
            "Masks are True where a pattern takes part (the authors': True is forbidden), and "
            "`num_steps` counts softmaxes (the authors' `update_steps_max` counts extra ones).",
            "`num_steps=k` is exactly k; the authors also stop early at 1e-4: add `tol=1e-4`.",
            "`bias_pattern` appends its learned pattern; the authors' `concat_bias_pattern` never "
            "does, because a flag is compared with None.",
            "Several heads over an unprojected input keep the samples of a batch apart; the "
            "authors' code mixes them.",
        ),
    ),
    battery={
        "Hopfield": Case(
            kwargs={"embed_dim": 8, "num_heads": 2, "num_steps": 2, "beta": "learn"},
            inputs=(((2, 3, 8), "float32"), ((2, 5, 8), "float32")),
            keyword_inputs={"mask": ((2, 5), "bool")},
            refused=(
                {"num_heads": 3},
                {"num_heads": 0},
                {"embed_dim": -8},
                {"beta": -1.0},
                {"beta": "large"},
                {"num_steps": 0},
                {"norm_state": "batch"},
                {"activation": "relux"},
                {"dropout": 1.0},
                {"implicit": True},
            ),
        ),
        "HopfieldPooling": Case(
            kwargs={"embed_dim": 8, "num_queries": 2},
            inputs=(((2, 5, 8), "float32"),),
            keyword_inputs={"mask": ((2, 5), "bool")},
            refused=({"num_queries": 0}, {"num_heads": 3}),
        ),
        "HopfieldLayer": Case(
            kwargs={"embed_dim": 8, "num_patterns": 5, "learn_values": True},
            inputs=(((2, 3, 8), "float32"),),
            refused=({"num_patterns": 0}, {"num_heads": 3}),
        ),
        "HopfieldEncoderLayer": Case(
            kwargs={
                "association": New(HOPFIELD_MODULE, "Hopfield", {"embed_dim": 8}),
                "hidden_features": 16,
            },
            inputs=(((2, 3, 8), "float32"),),
            keyword_inputs={"mask": ((2, 3), "bool")},
            refused=({"hidden_features": 0}, {"activation": "relux"}),
        ),
        "HopfieldDecoderLayer": Case(
            kwargs={
                "self_association": New(HOPFIELD_MODULE, "Hopfield", {"embed_dim": 8}),
                "cross_association": New(HOPFIELD_MODULE, "Hopfield", {"embed_dim": 8}),
                "hidden_features": 16,
            },
            inputs=(((2, 3, 8), "float32"), ((2, 5, 8), "float32")),
            refused=(
                {"hidden_features": 0},
                {"cross_association": New(HOPFIELD_MODULE, "Hopfield", {"embed_dim": 4})},
            ),
        ),
    },
)

# A number and a category of two, each followed by its mask bit; the category is the target.
HOPULAR_ROWS = [[0.5, 0.0, 1.0, 0.0, 0.0], [-1.0, 0.0, 0.0, 1.0, 0.0], [2.0, 0.0, 1.0, 0.0, 0.0]]
HOPULAR_QUERIES = [[0.4, 0.0, 0.0, 0.0, 1.0], [-0.8, 0.0, 0.0, 0.0, 1.0]]

HOPULAR = System(
    slug="hopular",
    title="Hopular: Modern Hopfield Networks for Tabular Data",
    arxiv="2206.00664",
    year=2022,
    family="memory",
    kind="model",
    about=(
        "A deep model for tables of about 100 to 10 000 rows. Every block looks up the whole "
        "training set and the original input row through modern Hopfield networks, and refines a "
        "prediction of all attributes; it is trained by masking and reconstructing them. A "
        "scikit-learn classifier and regressor, and a block that attends to a memory of rows."
    ),
    claim="Hopular has the best median rank of test accuracy on 21 small UCI tables",
    paper_value="median rank 7.5 of 29 method groups, next best SVM 9.5 (Table 1)",
    exports={
        "neurarium.memory.hopular": ("Hopular",),
        "neurarium.memory.hopular_attributes": ("AttributeLayout",),
        "neurarium.memory.hopular_block": ("HopularBlock", "HopularLookup"),
        "neurarium.memory.hopular_corruption": ("corrupt_attributes", "mask_targets"),
        "neurarium.memory.hopular_loss": ("feature_loss_weight", "hopular_loss", "score_targets"),
        "neurarium.estimators.hopular": ("HopularClassifier", "HopularRegressor"),
        "neurarium.estimators.table_encoder": ("TableEncoder",),
        "neurarium.optim.lamb": ("Lamb",),
        "neurarium.optim.ema": ("ema_model",),
    },
    provenance=Provenance(
        authors=(
            "Bernhard Schäfl",
            "Lukas Gruber",
            "Angela Bitto-Nemling",
            "Sepp Hochreiter",
        ),
        repository="ml-jku/hopular",
        licence="MIT",
        parity=(
            "embedding, each half of each block, outputs, losses, gradients and five steps of the "
            "optimiser with its averaged weights, recorded from hopular 1.0.0 in float64: "
            "rtol 1e-8, atol 1e-9; 2026-11-25"
        ),
        deviations=(
            "Where paper and authors' code differ the code is followed: a projection per attribute "
            "after the embedding, residuals from the normalised state, independent value weights, "
            "one summary layer that mixes all attributes.",
            "The feature weight and the learning rate anneal over the epochs actually trained, as "
            "in the paper; the authors' command line stops in the middle of the cycle.",
            "Missing cells are left out of the columns' means and deviations; the authors' code "
            "counts them as zeros.",
            "The declared test rows are used; the released code reorders a table by split and then "
            "indexes it by the original positions, so its test set is another one.",
            "monks_2 and horse_colic are used in an aligned version: their source encoded training "
            "and test rows differently.",
            "`embed_dim` must be a multiple of `num_heads`; the authors' code rounds down.",
        ),
    ),
    battery={
        "Hopular": Case(
            kwargs={
                "attribute_sizes": [1, 2],
                "targets": [1],
                "embed_dim": 4,
                "num_heads": 2,
                "num_layers": 2,
            },
            calls=(Call("set_memory", (HOPULAR_ROWS,)),),
            inputs=(HOPULAR_QUERIES, ((2,), "int64")),
            refused=(
                {"num_heads": 3},
                {"targets": [2]},
                {"targets": []},
                {"attribute_sizes": []},
                {"num_layers": 0},
                {"scaling_factor": -1.0},
                {"memory_ratio": 0.0},
                {"input_dropout": 1.0},
            ),
            reload=Case(
                kwargs={
                    "attribute_sizes": [1, 2],
                    "targets": [1],
                    "discrete": [1],
                    "embed_dim": 4,
                    "num_layers": 1,
                    "num_heads": 2,
                    "scaling_factor": 10.0,
                    "input_dropout": 0.2,
                    "lookup_dropout": 0.3,
                    "output_dropout": 0.4,
                    "tie_value": True,
                    "memory_ratio": 0.5,
                    "exclude_self": False,
                    "reread_memory": False,
                },
                calls=(Call("set_memory", (HOPULAR_ROWS, ((3,), "int64"))),),
                inputs=(HOPULAR_QUERIES,),
            ),
        ),
        "HopularBlock": Case(
            kwargs={"num_attributes": 2, "embed_dim": 4, "num_heads": 2},
            inputs=(((2, 8), "float32"), ((3, 8), "float32"), ((2, 8), "float32")),
            keyword_inputs={"attn_mask": ((2, 3), "bool")},
            refused=({"num_heads": 3}, {"scaling_factor": -1.0}),
        ),
        "HopularLookup": Case(
            kwargs={"width": 8, "num_heads": 2},
            inputs=(((2, 8), "float32"), Call("store", (((3, 8), "float32"),))),
            refused=({"num_heads": 3}, {"scaling_factor": -1.0}),
            exempt={
                "backward.key_value.weight": "works in `store`",
                "backward.key_value.bias": "works in `store`",
            },
        ),
    },
)

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
