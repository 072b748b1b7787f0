"""Store 500 MNIST digits, keep the upper half of six, get the whole ones back; draw what happened.

Run ``python examples/retrieve_images.py [PICTURE.png]``; MNIST is fetched if it is not here yet.
"""

import sys

import torch
from matplotlib import pyplot

from neurarium.data import load
from neurarium.memory import hopfield_retrieve

NUM_SHOWN = 6


def main(path: str = "retrieval.png") -> float:
    """Draw cues, what is recalled and what was stored; the share of all 500 that came back."""
    images = torch.from_numpy(load("mnist").train[:500]).flatten(1).float() / 127.5 - 1
    cues = images.clone()
    cues[:, 14 * 28 :] = 0  # the lower half is lost
    recalled = hopfield_retrieve(cues, images, beta=1.0)

    rows = {"cue": cues, "recalled": recalled, "stored": images}
    figure, panels = pyplot.subplots(len(rows), NUM_SHOWN, figsize=(NUM_SHOWN, len(rows)))
    for line, (name, pictures) in zip(panels, rows.items(), strict=True):
        for panel, picture in zip(line, pictures, strict=False):
            panel.imshow(picture.view(28, 28), cmap="gray_r", vmin=-1, vmax=1)
            panel.set(xticks=[], yticks=[])
            panel.spines[:].set_color("0.8")
        line[0].set_ylabel(name, rotation=0, ha="right", va="center")
    figure.savefig(path, dpi=120, bbox_inches="tight", facecolor="white")
    distance = (recalled - images).norm(dim=1) / images.norm(dim=1)
    return float((distance < 0.1).float().mean())


if __name__ == "__main__":
    print(f"{main(*sys.argv[1:]):.0%} of the digits came back whole")
