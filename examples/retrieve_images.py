"""Store a hundred images, keep the upper half of some, get the whole ones back; draw what happened.

Run ``python examples/retrieve_images.py [PICTURE.png]``.
"""

import sys

import torch
from matplotlib import pyplot
from sklearn.datasets import load_digits

from neurarium.memory import hopfield_retrieve

SHOWN = (0, 3, 6, 14, 27, 39, 42, 58)


def main(path: str = "retrieval.png") -> float:
    """Draw stored digits, cues and what is recalled; the share that came back whole."""
    images = torch.from_numpy(load_digits().data[:100]).float() / 8 - 1
    cues = images.clone()
    cues[:, 32:] = 0
    recalled = hopfield_retrieve(cues, images, beta=16.0)
    rows = {
        "stored": images,
        "cue": cues,
        "β = 0.25": hopfield_retrieve(cues, images, beta=0.25),
        "β = 16": recalled,
    }
    figure, panels = pyplot.subplots(len(rows), len(SHOWN), figsize=(0.9 * len(SHOWN), 3.9))
    for line, (name, pictures) in zip(panels, rows.items(), strict=True):
        for panel, index in zip(line, SHOWN, strict=True):
            panel.imshow(pictures[index].view(8, 8), cmap="gray_r", vmin=-1, vmax=1)
            panel.set(xticks=[], yticks=[])
        line[0].set_ylabel(name, rotation=0, ha="right", va="center")
    figure.savefig(path, dpi=110, bbox_inches="tight")
    distance = (recalled - images).norm(dim=1) / images.norm(dim=1)
    return float((distance < 0.1).float().mean())


if __name__ == "__main__":
    print(f"{main(*sys.argv[1:]):.0%} of the digits came back whole")
