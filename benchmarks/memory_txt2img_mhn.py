"""Sampling from ``Txt2ImgMHN`` beside recomputing the prefix and the authors' operations.

256 image tokens, width 128, four blocks, one thread. Equal tokens are asserted before anything is
timed. Tables of the authors' size: 5000 words, 40 a caption, 1000 prototypes, 1024 image codes; and
small ones, where no layer is wide enough to hide what a step costs.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.timing import Comparison, record
from neurarium.memory import GreyLevels, Txt2ImgMHN

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests"))
from reference.txt2img import generate, logits

SIZES = {
    "authors' tables": {"vocab": 5000, "length": 40, "prototypes": 1000, "codes": 1024},
    "small tables": {"vocab": 100, "length": 12, "prototypes": 256, "codes": 64},
}


def model_of(vocab: int, length: int, prototypes: int, codes: int) -> Txt2ImgMHN:
    """Four blocks over 16 × 16 image tokens."""
    torch.manual_seed(0)
    return Txt2ImgMHN(
        GreyLevels(codes, 16, patch_size=1),
        vocab,
        text_length=length,
        embed_dim=128,
        num_layers=4,
        num_heads=4,
        head_dim=32,
        num_prototypes=prototypes,
    ).eval()


def sample(model: Txt2ImgMHN, text: Tensor, *, use_cache: bool, num_images: int = 1) -> Tensor:
    """Ids from generator 0."""
    _, ids = model.generate(
        text,
        num_images=num_images,
        return_ids=True,
        use_cache=use_cache,
        generator=torch.Generator().manual_seed(0),
    )
    return ids.flatten(0, 1)


def timed(name: str, contenders: dict[str, Callable[[], Tensor]], rounds: int) -> Comparison:
    """Process time of whole samplings, in turns; every one must give the same tokens."""
    expected, seconds = contenders["ours"](), {key: [] for key in contenders}
    for _ in range(rounds):
        for key, fn in contenders.items():
            start = time.process_time()
            found = fn()
            seconds[key].append(time.process_time() - start)
            assert torch.equal(found, expected), f"{key} gives other tokens"
    medians = {key: statistics.median(spent) for key, spent in seconds.items()}
    ratio = {
        key: statistics.median(t / o for t, o in zip(spent, seconds["ours"], strict=True))
        for key, spent in seconds.items()
        if key != "ours"
    }
    return Comparison(name, medians, ratio, torch.get_num_threads(), rounds)


def compare(name: str, batch: int, rounds: int) -> Comparison:
    """One size: the same logits and tokens, and the times."""
    model = model_of(**SIZES[name])
    text = torch.randint(1, model.vocab_size, (batch, model.text_length))
    with torch.no_grad():
        ids = torch.randint(model.num_codes, (batch, 256))
        torch.testing.assert_close(model(text, ids), logits(model, text, ids))
    contenders = {
        "ours": partial(sample, model, text, use_cache=True),
        "recomputed": partial(sample, model, text, use_cache=False),
        "authors": lambda: generate(model, text, generator=torch.Generator().manual_seed(0)),
    }
    return timed(f"256 tokens, batch {batch}, {name}", contenders, rounds)


def ten_of_a_caption(rounds: int) -> Comparison:
    """A caption is read once for its ten images."""
    model = model_of(**SIZES["small tables"])
    text = torch.randint(1, model.vocab_size, (1, model.text_length))
    contenders = {
        key: partial(sample, model, text, use_cache=key == "ours", num_images=10)
        for key in ("ours", "recomputed")
    }
    return timed("256 tokens, 10 images of a caption, small tables", contenders, rounds)


def main(rounds: int = 3) -> None:
    """Measure, print and record; a sampling with the authors' tables takes most of a minute."""
    torch.set_num_threads(1)
    rows = [
        compare("authors' tables", 4, 1),
        compare("small tables", 4, rounds),
        ten_of_a_caption(rounds),
    ]
    record("memory_txt2img_mhn", rows)


if __name__ == "__main__":
    main()
