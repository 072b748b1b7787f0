"""Train Txt2Img-MHN on captioned 8 × 8 digits, draw images from captions of your own.

Run ``python examples/images_from_captions.py``; it takes some seconds on a CPU.
"""

import sys

import torch
from sklearn.datasets import load_digits

from neurarium.memory import GreyLevels, Txt2ImgMHN, collect_words

NUMERALS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def main(num_steps: int = 120) -> torch.Tensor:
    """Train on zeros and ones, draw three of each."""
    torch.manual_seed(0)
    data = load_digits(n_class=2)
    images = torch.from_numpy(data.images).float().unsqueeze(1) / 16
    captions = [f"a handwritten {NUMERALS[label]}" for label in data.target]
    model = Txt2ImgMHN(
        GreyLevels(4, 8, patch_size=1),
        words=collect_words(captions),
        text_length=4,
        embed_dim=48,
        num_layers=2,
        num_heads=4,
        head_dim=12,
        num_prototypes=64,
    )
    text = model.encode_text(captions)
    optimizer = torch.optim.Adam(model.parameters(), 4.5e-3)
    for _ in range(num_steps):
        rows = torch.randint(len(images), (32,))
        optimizer.zero_grad()
        model.loss(text[rows], images[rows]).backward()
        optimizer.step()
    drawn = model.eval().generate(
        ["a handwritten zero", "a handwritten one"], num_images=3, top_k_filter=0.5
    )
    shades = torch.tensor(list(map(ord, " .+#")))
    for row in (3 * drawn[:, :, 0]).round().long().permute(0, 2, 1, 3).flatten(0, 1):
        print("   ".join("".join(map(chr, shades[line].tolist())) for line in row))
    return drawn


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
