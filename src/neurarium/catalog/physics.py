"""Rows of the family ``physics``: networks that know an equation or a mesh."""

from .system import Provenance, System

CAUSAL_PINN = System(
    slug="causal-pinn",
    title=("Respecting causality is all you need for training physics-informed neural networks"),
    arxiv="2203.07404",
    year=2022,
    family="physics",
    kind="training method",
    about=(
        "A physics-informed network learns early times before late ones: the residual at a time "
        "counts only once all earlier residuals are small. With exact periodic boundaries, a "
        "gated network, time marching and four reference problems."
    ),
    claim="The same network and optimiser improve by one to two orders of magnitude",
    paper_value="Allen–Cahn relative L2 1.662e-3 (authors' notebook)",
    exports={
        "neurarium.physics.jets": ("jet", "derivatives"),
        "neurarium.physics.embeddings": (
            "PeriodicEmbedding",
            "PeriodicEmbedding2d",
            "FourierFeatures",
        ),
        "neurarium.physics.modified_mlp": ("ModifiedMLP",),
        "neurarium.physics.causal": (
            "causal_weights",
            "CausalResidualLoss",
            "CausalityLadder",
        ),
        "neurarium.physics.time_marching": ("march",),
        "neurarium.physics.problems": (
            "AllenCahn",
            "KuramotoSivashinsky",
            "Lorenz",
            "NavierStokesVorticity",
        ),
        "neurarium.physics.spectral": ("etdrk4",),
    },
    provenance=Provenance(
        authors=("Sifan Wang", "Shyam Sankaran", "Paris Perdikaris"),
        repository="PredictiveIntelligenceLab/CausalPINNs",
        licence="CC BY-NC-SA 4.0",
    ),
    notice=(
        "The authors state that the causal training algorithm is covered by a patent of the "
        "University of Pennsylvania and may not be used commercially; their code is licensed "
        "CC BY-NC-SA 4.0. Ours is written from the paper and kept in `neurarium.physics.causal`, "
        "which nothing else imports: whether you may use it commercially is for you to decide."
    ),
)

HYPINO = System(
    slug="hypino",
    title=(
        "HyPINO: Multi-Physics Neural Operators via HyperPINNs and the Method of Manufactured "
        "Solutions"
    ),
    arxiv="2509.05117",
    year=2025,
    family="physics",
    kind="model",
    about=(
        "A hypernetwork reads boundary grids and coefficients of a linear equation and emits a "
        "small network that solves it, in one forward pass; refinement rounds correct the rest. A "
        "surrogate, an initialiser, and a generator of manufactured problems."
    ),
    claim="Zero-shot better than U-Net, Poseidon and PINO on seven benchmarks",
    paper_value="refinement lowers the error on six of seven (abstract)",
    exports={
        "neurarium.physics.swin": ("SwinStage", "FiLM"),
        "neurarium.physics.hypino": ("HyPINO", "TargetPINN"),
        "neurarium.physics.manufactured": (
            "LinearPDE2D",
            "manufactured_problems",
            "hypino_loss",
        ),
        "neurarium.physics.refinement": ("refine",),
    },
    provenance=Provenance(
        authors=(
            "Rafael Bischof",
            "Michal Piovarči",
            "Michael A. Kraus",
            "Siddhartha Mishra",
            "Bernd Bickel",
        ),
        repository="rbischof/hypino",
        licence="MIT",
        deviations=(
            "First-order operators are a class of their own; the released classifier calls them "
            "parabolic.",
        ),
    ),
)

MESH_TRANSFORMER = System(
    slug="mesh-transformer",
    title="Training Transformers for Mesh-Based Simulations",
    arxiv="2508.18051",
    year=2025,
    family="physics",
    kind="model",
    about=(
        "A learned simulator on unstructured meshes: a transformer whose nodes attend to their "
        "mesh neighbours only, with the reach widened by hops, windows and random edges. For "
        "rolling out flows and solids, and for sparse attention on any graph."
    ),
    claim="The accuracy of MeshGraphNet with a smaller and faster network",
    paper_value="7 times faster and 6 times smaller (abstract)",
    exports={
        "neurarium.physics.mesh_transformer": ("MeshGraphTransformer", "MeshGraphNet"),
        "neurarium.physics.simulator": ("DeltaNormalizer", "MeshSimulator", "cells_to_edges"),
        "neurarium.graphs.neighbor_attention": ("NeighborAttention",),
    },
    provenance=Provenance(
        authors=("Paul Garnier", "Vincent Lannelongue", "Jonathan Viquerat", "Elie Hachem"),
        repository="DonsetPG/graph-physics",
        deviations=(
            "Four linear layers in the encoder and a second norm in the gated MLP, as in the "
            "authors' code; the paper's two layers are an argument.",
            "Dilated windows and global nodes are described in the paper and absent from its code: "
            "ours follow the paper.",
        ),
    ),
)

SYSTEMS = (CAUSAL_PINN, HYPINO, MESH_TRANSFORMER)
