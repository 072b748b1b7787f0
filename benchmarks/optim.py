"""LAMB on the parameters of a Hopular model, beside the textbook's loop over tensors and AdamW."""

import sys
from pathlib import Path

import torch

from benchmarks.timing import measure, record
from neurarium.optim import Lamb

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from reference.lamb import TextbookLamb

WIDE, NARROW, BLOCKS = 320, 32, 4  # 10 attributes of width 32: 1.7 million parameters


def parameters() -> list[torch.nn.Parameter]:
    generator = torch.Generator().manual_seed(0)
    shapes: list[tuple[int, ...]] = []
    for width in (WIDE, NARROW):
        shapes += [(width, width)] * (4 * BLOCKS) + [(width,)] * (6 * BLOCKS)
    shapes += [(NARROW, NARROW)] * 10 + [(NARROW, 4)] * 10 + [(NARROW,)] * 40
    params = [torch.nn.Parameter(torch.randn(s, generator=generator)) for s in shapes]
    for p in params:
        p.grad = torch.randn(p.shape, generator=generator)
    return params


def main() -> None:
    ours, textbook = parameters(), parameters()
    Lamb(ours).step()
    TextbookLamb(textbook).step()
    for p, q in zip(ours, textbook, strict=True):
        torch.testing.assert_close(p, q, rtol=1e-5, atol=1e-6)
    contenders = {
        "ours": Lamb(parameters()).step,
        "textbook": TextbookLamb(parameters()).step,
        "AdamW (no trust ratio)": torch.optim.AdamW(parameters()).step,
    }
    size = sum(p.numel() for p in ours) / 1e6
    record("optim", [measure(f"Lamb.step, {size:.2f} M parameters", contenders)])


if __name__ == "__main__":
    main()
