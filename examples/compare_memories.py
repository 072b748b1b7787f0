"""Store 60 Fashion-MNIST images in five memories and recall them from cues with 30 % wrong pixels.

Run ``python examples/compare_memories.py [PICTURE.png]``; the images are fetched if they are not
here yet.
"""

import sys

import torch

from neurarium.data import load
from neurarium.memory import (
    DenseAssociativeMemory,
    HopfieldNetwork,
    ModernMemory,
    RecallComparison,
    compare_memories,
)


def main(path: str = "memories.png") -> RecallComparison:
    """Compare and draw."""
    images = torch.from_numpy(load("fashion_mnist").train[:60]).float()
    images = torch.where(images > images.mean(), 1.0, -1.0)
    comparison = compare_memories(
        images,
        {
            "Hebbian": HopfieldNetwork(784),
            "pseudo-inverse": HopfieldNetwork(784, rule="pseudo-inverse"),
            "dense, P = 4": DenseAssociativeMemory(784, degree=4),
            "modern": ModernMemory(784, beta=0.02),
            "sparsemax": ModernMemory(784, beta=0.02, normalizer="sparsemax"),
        },
        corruption=0.3,
        generator=torch.Generator().manual_seed(0),
    )
    figure = comparison.figure(num_cues=2)
    figure.savefig(path, dpi=100, bbox_inches="tight", facecolor="white")
    return comparison


if __name__ == "__main__":
    print(main(*sys.argv[1:]))
