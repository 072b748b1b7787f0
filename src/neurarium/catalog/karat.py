"""The row of karat."""

from .case import Case
from .system import Provenance, System
from .vision_cases import IMAGES, SIZES

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
        "neurarium.neurons.kan_attention": ("KolmogorovArnoldAttention",),
        "neurarium.neurons.kan_attention_operator": ("AttentionOperator",),
        "neurarium.neurons.karat": ("KArAt", "karat_vit"),
    },
    provenance=Provenance(
        authors=("Subhajit Maity", "Killian Hitsman", "Xin Li", "Aritra Dutta"),
        parity=(
            "no code was released when this was written; closed forms take its place: the direct "
            "sums over functions and the map they make, in float64: rtol 1e-10, atol 1e-10; "
            "2026-11-25"
        ),
        deviations=(
            "The authors' page names a repository, which holds no code: written from the paper.",
            'Coefficients start at unit scale by default; the paper\'s start is `init="paper"`.',
            "The rational unit has the sum form of the denominator that FlashKAT's kernels use, "
            "one for each head and key; numerators belong to edges.",
            "Wavelets have one place and width for each head and key; weights belong to edges.",
            "Maps are not formed: H (Wᵀ V) instead of (H Wᵀ) V, scores recomputed in the backward "
            "pass.",
            "(2G + 1) r N coefficients for each operator; the published counts suggest "
            "(2G + 3) r N, of which `edge_scale=True` adds one.",
            "The experiment is small: width 48, 3 blocks, 8000 images of CIFAR-10 and 8 epochs "
            "(not 96, 4, 10 000 and 25), N = 65, where the paper has width 192, 12 blocks, 50 000 "
            "images, 100 epochs and N = 197. `paper` takes its width, depth and epochs on 10 000 "
            "images of 32 pixels, without ImageNet.",
        ),
    ),
    battery={
        "AttentionOperator": Case(
            kwargs={"num_heads": 2, "num_tokens": 5, "rank": 3, "base": "silu", "edge_scale": True},
            inputs=(((2, 2, 4, 5), "float32"),),
            refused=(
                {"num_heads": 0},
                {"num_tokens": 1.5},
                {"rank": 6},
                {"basis": "haar"},
                {"grid_size": 0},
                {"init": "zeros"},
                {"normalize": "l2"},
                {"base": "nothing"},
                {"degree": 3},
            ),
        ),
        "KolmogorovArnoldAttention": Case(
            kwargs={"embed_dim": 8, "num_heads": 2, "num_tokens": 5, "rank": 3},
            inputs=(((2, 5, 8), "float32"),),
            keyword_inputs={"mask": ((2, 5), "bool")},
            refused=(
                {"num_heads": 3},
                {"num_tokens": None},
                {"rank": 6},
                {"grid_size": 0},
                {"attn_dropout": 1.0},
                {"dropout": -0.1},
                {"operator": 3},
                {"base": "nothing"},
            ),
        ),
        "KArAt": Case(
            kwargs={
                **SIZES,
                "rank": 3,
            },
            inputs=IMAGES,
            refused=(
                {"patch_size": 3},
                {"num_heads": 3},
                {"rank": 6},
                {"mode": "shared"},
                {"basis": "haar"},
                {"drop_path": 1.0},
            ),
            reload=Case(
                kwargs={
                    **SIZES,
                    "mlp_ratio": 2.0,
                    "mode": "universal",
                    "rank": 2,
                    "basis": "mexican_hat",
                    "grid_size": 2,
                    "base": "silu",
                    "edge_scale": True,
                    "init": "paper",
                    "normalize": "l1",
                    "attn_dropout": 0.1,
                    "drop_path": 0.1,
                },
                inputs=IMAGES,
            ),
        ),
    },
)
