"""Rows of the family ``graphs``: sheaves, state spaces, attention, distillation, pose."""

from .system import Provenance, System

NEURAL_SHEAF_DIFFUSION = System(
    slug="neural-sheaf-diffusion",
    title=(
        "Neural Sheaf Diffusion: A Topological Perspective on Heterophily and Oversmoothing in GNNs"
    ),
    arxiv="2202.04579",
    year=2022,
    family="graphs",
    kind="model",
    about=(
        "A graph network whose nodes carry small vector spaces and whose edges carry learned maps "
        "between them; a layer is a step of diffusion with the sheaf Laplacian. For graphs whose "
        "neighbours differ in class and for deep stacks that must not oversmooth."
    ),
    claim="Far above GCN where neighbours disagree, equal where they agree",
    paper_value="Chameleon 68.68 against GCN's 64.82 %, Film 37.81 against 27.32 % (Table 1)",
    exports={
        "neurarium.graphs.sheaf": (
            "SheafConv",
            "sheaf_laplacian",
            "dirichlet_energy",
            "harmonic_space",
        ),
        "neurarium.graphs.sheaf_diffusion": ("SheafDiffusion", "SheafDiffusionODE"),
    },
    provenance=Provenance(
        authors=(
            "Cristian Bodnar",
            "Francesco Di Giovanni",
            "Benjamin Paul Chamberlain",
            "Pietro Liò",
            "Michael M. Bronstein",
        ),
        repository="twitter-research/neural-sheaf-diffusion",
        deviations=(
            "Pooling sums each end over its stalks before joining them; the authors' mixes the two "
            'ends (`pooling="reference"`).',
            "General maps use the exact gradient of the inverse root instead of training noise.",
        ),
    ),
)

SHEAF_RECOMMENDER = System(
    slug="sheaf-recommender",
    title="Sheaf Neural Networks for Graph-based Recommender Systems",
    arxiv="2304.09097",
    year=2023,
    family="graphs",
    kind="model",
    about=(
        "Users and items on a bipartite graph refined by layers of sheaf diffusion and ranked by a "
        "pairwise loss. A replacement of LightGCN for implicit feedback, an encoder for link "
        "prediction."
    ),
    claim="Learned signed propagation ranks better than degree-normalised, at no extra time",
    paper_value="F1 on MovieLens-100K +5.1 % relative over the best baseline (abstract)",
    exports={
        "neurarium.graphs.recommender": (
            "SheafRecommender",
            "LightGCN",
            "MatrixFactorization",
            "PopularityRecommender",
            "bpr_loss",
            "bpr_triples",
        ),
    },
    provenance=Provenance(
        authors=(
            "Antonio Purificato",
            "Giulia Cassarà",
            "Federico Siciliano",
            "Pietro Liò",
            "Fabrizio Silvestri",
        ),
        repository="antoniopurificato/Sheaf4Rec",
        deviations=(
            "Items seen in training are excluded from the ranking; the released code multiplies "
            "their score by zero, so they outrank negative scores.",
            "Regularisation has LightGCN's weight by default; the released code adds it with 1.",
            "The epoch is selected on validation data, the test set is used once.",
        ),
    ),
)

STABLE = System(
    slug="stable",
    title=(
        "Reliable Representations Make A Stronger Defender: Unsupervised Structure Refinement for "
        "Robust GNN"
    ),
    arxiv="2207.00012",
    year=2022,
    family="graphs",
    kind="training method",
    about=(
        "A defence of node classification on a graph whose edges may be poisoned: representations "
        "learned without labels tell which edges to drop and which to add. A graph cleaner in "
        "front of any network, and attacks to test one's own."
    ),
    claim="The best accuracy among defences, by a margin that grows with the attack",
    exports={
        "neurarium.graphs.stable": (
            "StructureRefiner",
            "GraphContrastiveEncoder",
            "jaccard_prune",
            "svd_smooth",
        ),
        "neurarium.graphs.attacks": (
            "random_attack",
            "dice_attack",
            "metattack",
            "prbcd_attack",
        ),
    },
    provenance=Provenance(
        authors=(
            "Kuan Li",
            "Yang Liu",
            "Xiang Ao",
            "Jianfeng Chi",
            "Jinghua Feng",
            "Hao Yang",
            "Qing He",
        ),
        repository="likuanppd/STABLE",
        licence="MIT",
        deviations=(
            "The discriminator adds its views as in the authors' code; the paper averages them.",
            "Beside the authors' settings per attack rate one fixed setting is reported, because a "
            "defender does not know the rate.",
        ),
    ),
)

FF_G2M = System(
    slug="ff-g2m",
    title=(
        "Extracting Low-/High- Frequency Knowledge from Graph Neural Networks and Injecting it "
        "into MLPs: An Effective GNN-to-MLP Distillation Framework"
    ),
    arxiv="2305.10758",
    year=2023,
    family="graphs",
    kind="training method",
    about=(
        "Distils a graph network into an MLP with two losses on edges, one for what neighbours "
        "share and one for how they differ. For serving node classifiers without neighbours."
    ),
    claim="The student beats the plain MLP by far and its teacher by a little",
    paper_value="+12.6 over the MLP and +2.6 over the teacher on average (abstract, %)",
    exports={
        "neurarium.graphs.distillation": (
            "low_frequency_loss",
            "high_frequency_loss",
            "soft_label_loss",
            "FrequencyDistillLoss",
            "distill",
            "frequency_components",
        ),
    },
    provenance=Provenance(
        authors=("Lirong Wu", "Haitao Lin", "Yufei Huang", "Tianyu Fan", "Stan Z. Li"),
        repository="LirongWu/FF-G2M",
        licence="MIT",
        deviations=(
            "Dropout rates go to the networks that they were meant for; the released arguments are "
            "swapped.",
        ),
    ),
)

LIGHTHGNN = System(
    slug="lighthgnn",
    title=("LightHGNN: Distilling Hypergraph Neural Networks into MLPs for 100x Faster Inference"),
    arxiv="2402.04296",
    year=2024,
    family="graphs",
    kind="training method",
    about=(
        "Distils a hypergraph network into an MLP that needs node features only; the extended "
        "version also matches the teacher on reliable hyperedges. With fast hypergraph "
        "convolutions and a container."
    ),
    claim="A student far above an MLP, competitive with its teacher, and 100 times faster",
    paper_value="+16.3 points over the MLP on average, 100 times faster (abstract)",
    exports={
        "neurarium.graphs.hypergraph": (
            "Hypergraph",
            "HGNNConv",
            "HGNNPlusConv",
            "HGNN",
            "topology_score",
        ),
        "neurarium.graphs.distillation": ("HypergraphDistillLoss", "hyperedge_reliability"),
    },
    provenance=Provenance(
        authors=("Yifan Feng", "Yihe Luo", "Shihui Ying", "Yue Gao"),
        repository="iMoonLab/LightHGNN",
        deviations=(
            "The divergence is the paper's; the released code passes probabilities where log "
            'probabilities are declared (`divergence="reference"`).',
            "Two sparse products instead of the clique expansion: most of the published speed-up "
            "over the teacher is due to that expansion.",
        ),
    ),
)

GRAPH_MAMBA = System(
    slug="graph-mamba",
    title="Graph Mamba: Towards Learning on Graphs with State Space Models",
    arxiv="2402.08678",
    year=2024,
    family="graphs",
    kind="model",
    about=(
        "A node's neighbourhood becomes a short ordered sequence of subgraph tokens, read by a "
        "bidirectional selective state-space encoder; linear in nodes and edges. Also a selective "
        "scan and a Mamba block that run anywhere torch does."
    ),
    claim="Competitive with graph transformers at much lower cost, without attention",
    exports={
        "neurarium.graphs.selective_scan": ("selective_scan",),
        "neurarium.graphs.mamba": ("MambaBlock", "BidirectionalMamba"),
        "neurarium.graphs.graph_mamba": ("GraphMamba",),
    },
    provenance=Provenance(
        authors=("Ali Behrouz", "Farnoosh Hashemi"),
        deviations=(
            "The authors released no code: the tokeniser is written from the abstract and public "
            "descriptions of the method.",
        ),
    ),
)

LARGEGT = System(
    slug="largegt",
    title="Graph Transformers for Large Graphs",
    arxiv="2312.11109",
    year=2023,
    family="graphs",
    kind="model",
    about=(
        "Node classification on one huge graph: attention over sampled two-hop neighbours with "
        "precomputed smoothed features, beside attention to a codebook that stands for all nodes. "
        "Mini-batches need gathers only."
    ),
    claim="Four hops of reach from two-hop operations, faster and better than earlier ones",
    paper_value="three times faster on ogbn-products; +16.8 % on snap-patents (abstract)",
    exports={
        "neurarium.graphs.codebook": ("EMACodebook", "CodebookAttention"),
        "neurarium.graphs.large_gt": (
            "hop_features",
            "LocalTokenAttention",
            "LargeGT",
            "NodeTokens",
        ),
    },
    provenance=Provenance(
        authors=(
            "Vijay Prakash Dwivedi",
            "Yozen Liu",
            "Anh Tuan Luu",
            "Xavier Bresson",
            "Neil Shah",
            "Tong Zhao",
        ),
        repository="snap-research/LargeGT",
        licence="MIT",
        deviations=(
            "Codebook indices may exceed 32 767, and parameters that the released model never "
            "uses are left out.",
        ),
    ),
)

FLOYDNET = System(
    slug="floydnet",
    title="FloydNet: A Learning Paradigm for Global Relational Reasoning",
    arxiv="2601.19094",
    year=2026,
    family="graphs",
    kind="model",
    about=(
        "One vector per ordered pair of nodes, refined by attention over intermediate nodes: a "
        "learned Floyd–Warshall. For algorithmic reasoning, small-graph combinatorics, counting "
        "substructures and telling graphs apart."
    ),
    claim="Attention over pivots has the power of 2-FWL and learns global algorithms",
    paper_value="CLRS-30 mean score 96.64 % (authors' README)",
    exports={
        "neurarium.graphs.pivotal_attention": (
            "pivotal_attention",
            "pivotal_attention3",
            "PivotalBlock",
        ),
        "neurarium.graphs.floydnet": ("FloydNet", "TourDiffusion", "wl_colors"),
    },
    provenance=Provenance(
        authors=("Jingcheng Yu", "Mingliang Zeng", "Qiwei Ye"),
        repository="ocx-lab/FloydNet",
        licence="Apache-2.0",
        deviations=(
            "Outputs are standardised per graph; the released code standardises over the batch.",
            "The diagonal has a symbol of its own, as 2-FWL has, and BREC uses a gentler scale.",
            "No code for CLRS-30 was released: that part is written from the paper.",
        ),
    ),
)

SPEN = System(
    slug="spen",
    title="Subgraph Permutation Equivariant Networks",
    arxiv="2111.11840",
    year=2021,
    family="graphs",
    kind="model",
    about=(
        "Permutation-equivariant maps between tensor orders, applied to every node's ego network "
        "instead of the whole graph. For classifying molecules and social graphs, and for tested "
        "equivariant layers."
    ),
    claim="As good as the best on most TU benchmarks at far less memory than global maps",
    paper_value="statistically equal to the best on 6 of 7 benchmarks (abstract)",
    exports={
        "neurarium.graphs.equivariant": ("EquivariantLinear", "InvariantGraphNetwork"),
        "neurarium.graphs.ego": ("EgoNetworks",),
        "neurarium.graphs.spen": ("SPENLayer", "SPEN"),
    },
    provenance=Provenance(
        authors=("Joshua Mitton", "Roderick Murray-Smith"),
        repository="JoshuaMitton/LPEGN",
        licence="GPL-3.0",
        deviations=(
            "Neighbourhoods are closed everywhere; the released code leaves the node out on graphs "
            "without labels.",
            "Folds are the declared ones and evaluation is in evaluation mode; the released code "
            "shuffles before splitting and keeps dropout on.",
        ),
    ),
    notice=(
        "The authors' code is under GPL-3.0; ours is written from the paper and holds none of it."
    ),
)

G_SSNN = System(
    slug="g-ssnn",
    title="Symbolic Synthesis of Neural Networks",
    arxiv="2303.03340",
    year=2023,
    family="graphs",
    kind="training method",
    about=(
        "Small functional programs produce graphs that structure a network; a population of them "
        "is trained, ranked by training accuracy, compressed into new primitives and enumerated "
        "again. A tested enumerative synthesiser with graphs as its domain."
    ),
    claim="Within a population, rank in training predicts rank in validation",
    paper_value="correlation 0.70 to 0.74, baseline 0.04 (from the author's archived logs)",
    exports={
        "neurarium.graphs.synthesis": (
            "Program",
            "PortGraph",
            "Grammar",
            "enumerate_programs",
            "compress",
            "GraphStructured",
            "ProgramPopulation",
        ),
    },
    provenance=Provenance(
        authors=("Eli Whitehouse",),
        repository="shlomenu/symbolically_synthesized_networks",
        licence="MIT",
        deviations=(
            "Every undirected edge sends two messages, and the position table has its axes in "
            "order; the released code sends four and swaps them.",
            "Likelihoods are rescaled as intended; the released rescaling makes them uniform.",
        ),
    ),
)

HOPFIR = System(
    slug="hopfir",
    title=(
        "HopFIR: Hop-wise GraphFormer with Intragroup Joint Refinement for 3D Human Pose Estimation"
    ),
    arxiv="2302.14581",
    year=2023,
    family="graphs",
    kind="model",
    about=(
        "Lifts the joints of one image to three dimensions: attention between groups of joints at "
        "equal distance on the skeleton, and refinement of outer joints from their own limb. The "
        "lifter, and a module to put into other pose networks."
    ),
    claim="Hop-wise attention improves single-frame pose lifting",
    paper_value="MPJPE 32.67 mm on Human3.6M with true 2-D joints (abstract)",
    exports={
        "neurarium.graphs.pose": (
            "Skeleton",
            "HUMAN36M_17",
            "HopwiseGraphFormer",
            "IntragroupJointRefinement",
            "HopFIR",
            "PinholeCamera",
        ),
        "neurarium.graphs.pose_baselines": ("SemGCN", "ModulatedGCN"),
    },
    provenance=Provenance(
        authors=("Kai Zhai", "Qiang Nie", "Bo Ouyang", "Xiang Li", "Shanlin Yang"),
        deviations=(
            "No authors' code was found; details beyond the abstract and introduction are our "
            "reading and named options.",
        ),
    ),
)

SYSTEMS = (
    NEURAL_SHEAF_DIFFUSION,
    SHEAF_RECOMMENDER,
    STABLE,
    FF_G2M,
    LIGHTHGNN,
    GRAPH_MAMBA,
    LARGEGT,
    FLOYDNET,
    SPEN,
    G_SSNN,
    HOPFIR,
)
