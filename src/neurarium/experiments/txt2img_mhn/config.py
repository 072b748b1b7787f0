"""Configurations of the comparison."""

from __future__ import annotations

from dataclasses import dataclass

from neurarium.evaluation.cells import require_known

METHODS = (
    "txt2img_mhn",
    "dalle",
    "dalle_prototypes",
    "without_prototypes",
    "class_conditional",
    "reconstructions",
)
NETWORKS = METHODS[:4]


@dataclass(frozen=True)
class Config:
    """One comparison of generators.

    Args:
        datasets: ``"mnist"``, ``"fashion_mnist"`` or ``"digits"``, scikit-learn's of 8 × 8 pixels.
        methods: those compared, ``"txt2img_mhn"`` and ``"dalle"`` among them.
        num_seeds: of weights, captions, batches and samples.
        tokenizer: ``"vqvae"``, or ``"grey"``: grey levels of the means of 2 × 2 pixels.
        num_codes: size of the codebook, or grey levels.
        code_dim: width of a code.
        vq_layers: halvings of the sides.
        vq_channels: of the tokenizer's convolutions.
        vq_steps: of its training.
        vq_batch_size: images of such a step.
        vq_lr: of Adam in it.
        num_train: training images, before those of unseen combinations are left out.
        num_validation: further ones that choose learning rates.
        num_test: test images.
        num_unseen: combinations of attributes that training never shows.
        text_length: words of a caption at most.
        embed_dim: of every network, as are the following three.
        num_layers: blocks.
        num_heads: heads.
        head_dim: width of a head.
        num_prototypes: of Txt2Img-MHN; the others get as many parameters.
        dropout: of the residual branches.
        num_steps: of Txt2Img-MHN; the others take as many as fit into its seconds.
        batch_size: images of a step.
        lrs: of which every network takes the best.
        tune_steps: of a run that chooses among them.
        timed_steps: over which a step's seconds are measured.
        num_captions: test captions that images are generated from.
        num_images: of each caption.
        judge_epochs: of the classifiers that learn from generated or real images.
        top_k_filter: share of the logits that sampling rules out.
    """

    datasets: tuple[str, ...] = ("mnist",)
    methods: tuple[str, ...] = METHODS
    num_seeds: int = 5
    tokenizer: str = "vqvae"
    num_codes: int = 64
    code_dim: int = 32
    vq_layers: int = 2
    vq_channels: int = 32
    vq_steps: int = 2000
    vq_batch_size: int = 32
    vq_lr: float = 3e-3
    num_train: int = 20_000
    num_validation: int = 1_000
    num_test: int = 2_000
    num_unseen: int = 20
    text_length: int = 12
    embed_dim: int = 64
    num_layers: int = 3
    num_heads: int = 4
    head_dim: int = 16
    num_prototypes: int = 128
    dropout: float = 0.1
    num_steps: int = 1600
    batch_size: int = 32
    lrs: tuple[float, ...] = (3e-4, 1e-3, 4.5e-3)
    tune_steps: int = 150
    timed_steps: int = 5
    num_captions: int = 300
    num_images: int = 10
    judge_epochs: int = 5
    top_k_filter: float = 0.9

    def __post_init__(self) -> None:
        for name in self.methods:
            require_known("methods", name, METHODS)
        require_known("tokenizer", self.tokenizer, ("vqvae", "grey"))
        if not {"txt2img_mhn", "dalle"} <= set(self.methods):
            raise ValueError(
                f"methods must include txt2img_mhn and dalle: got {', '.join(self.methods)}"
            )


DIGITS = {
    "datasets": ("digits",),
    "num_seeds": 1,
    "num_codes": 16,
    "num_train": 1_100,
    "num_validation": 97,
    "num_test": 600,
    "num_layers": 2,
}
PRESETS = {
    "smoke": Config(
        **{  # type: ignore[arg-type]
            **DIGITS,
            "code_dim": 4,
            "vq_layers": 1,
            "vq_channels": 4,
            "vq_steps": 4,
            "num_train": 200,
            "num_test": 60,
            "embed_dim": 16,
            "num_heads": 2,
            "head_dim": 8,
            "num_prototypes": 24,
            "num_steps": 3,
            "batch_size": 16,
            "lrs": (1e-3, 3e-3),
            "tune_steps": 1,
            "timed_steps": 1,
            "num_captions": 12,
            "num_images": 2,
            "judge_epochs": 1,
        }
    ),
    "quick": Config(
        **{
            **DIGITS,
            "tokenizer": "grey",
            "num_steps": 400,
            "tune_steps": 100,
            "num_captions": 150,
            "judge_epochs": 20,
        }  # type: ignore[arg-type]
    ),
    "full": Config(),
    "paper": Config(
        num_codes=2048,
        num_train=59_000,
        code_dim=512,
        vq_channels=64,
        vq_steps=50_000,
        vq_batch_size=256,
        vq_lr=1e-3,
        embed_dim=512,
        num_layers=10,
        num_heads=8,
        head_dim=48,
        num_prototypes=1000,
        batch_size=224,
        num_steps=100_000,
        tune_steps=5_000,
        num_captions=2_000,
        num_test=10_000,
    ),
}
