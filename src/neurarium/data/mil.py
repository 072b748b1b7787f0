"""Classic multiple-instance sets: elephant, fox, tiger (Andrews 2002), musk1 (Dietterich 1997).

The public files are Julia's JLD, an HDF5 container without compression. Their checksums are pinned,
so arrays are found by byte offset (``resources/mil/layout.json``) and need no HDF5 library.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from functools import partial
from importlib.resources import files
from typing import TYPE_CHECKING

from .entry import Dataset, File, Source

if TYPE_CHECKING:
    import numpy as np

    from .containers import Bags

_COMMIT = "0118728ce3501a29f5c6e4ff7640b15db39fc417"
_JLD = f"https://raw.githubusercontent.com/komartom/MIDatasets.jl/{_COMMIT}/data"


def prepare(raw: Sequence[bytes], *, name: str) -> list[bytes]:
    """The ``.npz`` with instances, bag_lengths, labels and test_fold (5 repetitions, bags)."""
    import numpy as np

    layout = json.loads(files("neurarium.data").joinpath("resources/mil/layout.json").read_text())
    place = layout[name]
    lengths, width = np.array(place["bag_lengths"], np.int16), place["num_features"]
    bags = [
        np.frombuffer(raw[0], "<f4", int(length) * width, offset).reshape(width, length).T
        for length, offset in zip(lengths, place["bag_offsets"], strict=True)
    ]
    test_fold = np.zeros((len(place["train_mask_offsets"]), len(lengths)), np.int8)
    for repetition, offsets in enumerate(place["train_mask_offsets"]):
        for fold, offset in enumerate(offsets):
            test_fold[repetition, ~_bits(raw[0], offset, len(lengths))] = fold
    target = io.BytesIO()
    np.savez_compressed(
        target,
        instances=np.concatenate(bags).astype(np.float32),
        bag_lengths=lengths,
        labels=_bits(raw[0], place["label_offset"], len(lengths)).astype(np.int8),
        test_fold=test_fold,
    )
    return [target.getvalue()]


def _bits(raw: bytes, offset: int, count: int) -> np.ndarray:
    """A Julia BitArray: 64-bit words, lowest bit first."""
    import numpy as np

    words = np.frombuffer(raw, np.uint8, (count + 7) // 8, offset)
    return np.unpackbits(words, count=count, bitorder="little").astype(bool)


def _read(name: str, contents: Sequence[Mapping[str, np.ndarray]]) -> Bags:
    from .containers import Bags

    arrays = contents[0]
    return Bags(
        name=name,
        instances=arrays["instances"],
        lengths=arrays["bag_lengths"].astype("int64"),
        labels=arrays["labels"].astype("int64"),
        test_fold=arrays["test_fold"],
    )


def _bags(name: str, sha256: str, raw_sha256: str, *, title: str, citation: str) -> Dataset:
    return Dataset(
        name=f"mil/{name}",
        title=title,
        files=(File(f"mil/{name}.npz", sha256),),
        read=_read,
        sources=(Source(f"{_JLD}/{name.capitalize()}.jld", raw_sha256),),
        prepare=partial(prepare, name=name),
        origin="https://github.com/komartom/MIDatasets.jl",
        licence="MIT (the repository); data from miproblems.org, no terms stated",
        citation=citation,
    )


_ANDREWS = "Andrews, Tsochantaridis, Hofmann, NIPS 15 (2002)"

DATASETS = (
    _bags(
        "elephant",
        "ad1ea637b92fb525ea44a4a296b2622356f7be09200301f1b2af589f3c1ce7d3",
        "29da4dbf76a8c1a09cfb5d03ffc640315383dee77d6f384596e5d58e2a8f91ac",
        title="Elephant: 200 bags of image segments, 230 features, 5 x 10 folds",
        citation=_ANDREWS,
    ),
    _bags(
        "fox",
        "b5740e7f3ccb4aa318919ff235870f7d24a1468e28f9efcec2688ee4d5be6da4",
        "5cb2fdbd8a07ec72f94a55db4d6bb18fd57458798b5b01a7ed864a0d6f56e98c",
        title="Fox: 200 bags of image segments, 230 features, 5 x 10 folds",
        citation=_ANDREWS,
    ),
    _bags(
        "musk1",
        "ea57be990aab226fdefb02be3f0fe2dfe5736b650781db9ae70277b902a84dc1",
        "32ccface3c549889d48030a44f2d193c048a09247f1d825e45f7c6cdd6590e39",
        title="Musk 1: 92 molecules as bags of conformations, 166 features, 5 x 10 folds",
        citation="Dietterich, Lathrop, Lozano-Pérez, Artificial Intelligence 89 (1997) 31-71",
    ),
    _bags(
        "tiger",
        "fb0ee7b25947aa34d96a66718ba977ddfce5ef4b0eb3eaea28afc3627ed41260",
        "98beed698b05ff574707197f11da1689024326970a3868462709f93b080e9bf4",
        title="Tiger: 200 bags of image segments, 230 features, 5 x 10 folds",
        citation=_ANDREWS,
    ),
)
