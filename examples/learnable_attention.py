"""Learnable attention in a small vision transformer of your own, on 8 x 8 digits.

Run ``python examples/learnable_attention.py``.
"""

import torch
from sklearn.datasets import load_digits
from torch.nn import functional as F

from neurarium.engine import Batches, fit
from neurarium.neurons import KArAt


def main(num_epochs: int = 4) -> float:
    """Train, test, and look at the rank of a map."""
    torch.manual_seed(0)
    found = load_digits()
    images = torch.from_numpy(found.images).float()[:, None] / 8 - 1
    labels = torch.from_numpy(found.target).long()
    model = KArAt(8, 2, 10, in_channels=1, embed_dim=24, num_layers=2, num_heads=3, rank=6)
    fit(
        model,
        lambda model, batch: F.cross_entropy(model(batch[0]), batch[1]),
        Batches((images[:1200], labels[:1200]), 32),
        optimizer=torch.optim.AdamW(model.parameters(), lr=3e-3),
        num_epochs=num_epochs,
    )
    with torch.no_grad():
        accuracy = (model.eval()(images[1200:]).argmax(-1) == labels[1200:]).float().mean().item()
        attention = model.blocks[0].attention
        _, maps = attention(torch.randn(1, model.num_tokens, 24), return_attention=True)
    rank = torch.linalg.matrix_rank(maps[0, 0].double(), rtol=1e-5)
    print(f"accuracy {accuracy:.1%}; a map of {maps.shape[-1]} tokens has rank {rank}")
    return accuracy


if __name__ == "__main__":
    main()
