"""The row of txt2img-mhn."""

from .case import Case, New
from .system import Provenance, System

CHECKS = [
    [[[0.0, 1.0, 0.2, 0.4], [1.0, 0.0, 0.6, 0.1], [0.3, 0.7, 0.9, 0.5], [0.8, 0.2, 0.0, 1.0]]]
]
"""An image of 4 × 4 pixels, which must lie in [0, 1]."""

TINY_TOKENIZER = New(
    "neurarium.memory.vqvae",
    "VQVAE",
    {
        "in_channels": 1,
        "num_codes": 5,
        "code_dim": 3,
        "image_size": 4,
        "num_layers": 1,
        "num_blocks": 1,
        "hidden_channels": 2,
    },
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
        "neurarium.memory.grey_levels": ("GreyLevels",),
        "neurarium.memory.txt2img": ("Txt2ImgMHN",),
        "neurarium.memory.txt2img_association": ("HopfieldSelfAssociation",),
        "neurarium.memory.txt2img_block": ("PrototypeBlock",),
        "neurarium.memory.txt2img_positions": ("AxialPositionalEmbedding",),
        "neurarium.memory.txt2img_prototypes": ("PrototypeLayer",),
        "neurarium.memory.txt2img_words": ("collect_words",),
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
        licence="MIT",
        parity=(
            "logits of whole and partial sequences, prototype layer, self-association, loss, all "
            "gradients, greedy tokens, filter of logits, and logits, ids and decoder of the image "
            "tokenizer, recorded from the released code in float64: rtol 1e-9, atol 1e-10; "
            "2026-11-25"
        ),
        deviations=(
            "Guidance other than 1 needs a model trained with dropped text; the authors' script "
            "offers it for models that were not.",
            "The caller's text tensor is never changed in place.",
            "Generation keeps what the blocks store and computes one row a token; the authors' "
            "recomputes the whole prefix with logits of all rows (`use_cache=False`). Only image "
            "ids enter the filter, which keeps as many as if all ids did.",
            "Words are told apart by spaces and punctuation, with a vocabulary from the user's own "
            "captions; the authors train a byte-pair encoding of 5000 pieces.",
            "The VQGAN that the paper also uses is not part of the library; any module with "
            "`num_codes`, `grid_size`, `encode` and `decode` takes its place.",
            "Decoded images are mapped to [0, 1] and cut off there.",
        ),
    ),
    notice="The authors ask that their repository be used for academic purposes.",
    battery={
        "VQVAE": Case(
            kwargs=TINY_TOKENIZER.kwargs,
            inputs=(CHECKS,),
            refused=({"image_size": 5}, {"num_codes": 0}, {"num_layers": 3}, {"code_dim": 1.5}),
        ),
        "GreyLevels": Case(
            kwargs={"num_codes": 5, "image_size": 4, "patch_size": 2},
            inputs=(CHECKS,),
            refused=({"num_codes": 1}, {"patch_size": 3}, {"image_size": 0}),
        ),
        "Txt2ImgMHN": Case(
            kwargs={
                "tokenizer": TINY_TOKENIZER,
                "vocab_size": 7,
                "text_length": 3,
                "embed_dim": 8,
                "num_layers": 2,
                "num_heads": 2,
                "head_dim": 4,
                "num_prototypes": 6,
            },
            inputs=(((2, 3), "int64", 7), ((2, 4), "int64", 5)),
            refused=(
                {"tokenizer": None},
                {"vocab_size": 0},
                {"vocab_size": None},
                {"text_length": 0},
                {"num_layers": 0},
                {"num_heads": 0},
                {"num_prototypes": 1.5},
                {"dropout": 1.0},
                {"text_dropout": -0.1},
                {"words": ["a", "b", "c", "d", "e", "f", "g"]},
            ),
            reload=Case(
                kwargs={
                    "tokenizer": TINY_TOKENIZER,
                    "vocab_size": 7,
                    "text_length": 3,
                    "embed_dim": 8,
                    "num_layers": 1,
                    "num_heads": 2,
                    "head_dim": 3,
                    "num_prototypes": 6,
                    "dropout": 0.2,
                    "text_dropout": 0.1,
                    "words": ["a", "dark", "image"],
                },
                inputs=(((2, 3), "int64", 7), ((2, 4), "int64", 5)),
            ),
            exempt={
                "reset": "the tokenizer, trained by itself, is left as it is",
                "float64": "impossible tokens have the most negative logit of each dtype",
            },
        ),
        "HopfieldSelfAssociation": Case(
            kwargs={"embed_dim": 8, "num_heads": 2, "head_dim": 3},
            inputs=(((2, 5, 8), "float32"),),
            refused=({"num_heads": 0}, {"head_dim": 1.5}, {"dropout": 1.0}),
        ),
        "PrototypeBlock": Case(
            kwargs={"embed_dim": 8, "num_heads": 2, "head_dim": 3, "num_prototypes": 6},
            inputs=(((2, 5, 8), "float32"),),
            refused=({"num_heads": 0}, {"depth": 0}, {"dropout": 1.0}, {"num_prototypes": 0}),
        ),
        "AxialPositionalEmbedding": Case(
            kwargs={"embed_dim": 8, "grid_size": [2, 3]},
            inputs=(((2, 6, 8), "float32"),),
            refused=({"grid_size": [0, 3]}, {"embed_dim": 0}),
        ),
        "PrototypeLayer": Case(
            kwargs={"embed_dim": 8, "num_prototypes": 6},
            inputs=(((2, 5, 8), "float32"),),
            refused=(
                {"num_prototypes": 0},
                {"embed_dim": 2.5},
                {"beta": 0.0},
                {"dropout": -0.5},
                {"out_features": 0},
            ),
        ),
    },
)
