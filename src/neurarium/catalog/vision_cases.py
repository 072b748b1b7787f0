"""How the battery calls small vision transformers."""

SIZES = {
    "image_size": 4,
    "patch_size": 2,
    "num_classes": 3,
    "embed_dim": 8,
    "num_layers": 2,
    "num_heads": 2,
    "in_channels": 1,
}
IMAGES = (((2, 1, 4, 4), "float32"),)
