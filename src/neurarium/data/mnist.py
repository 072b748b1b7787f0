"""MNIST and Fashion-MNIST: 28 x 28 grey images in the idx format, official train and test sets.

MNIST: LeCun, Bottou, Bengio, Haffner 1998. Fashion-MNIST: https://arxiv.org/abs/1708.07747.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from .entry import Dataset, File, Source

if TYPE_CHECKING:
    import numpy as np

    from .containers import Images

_PARTS = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")


def read_idx(content: bytes) -> np.ndarray:
    """An idx file of unsigned bytes: 0, 0, type 8, number of axes, big-endian sizes, values."""
    import numpy as np

    if content[:3] != b"\0\0\x08":
        raise ValueError(f"idx file must start with 00 00 08: got {content[:3].hex(' ')}")
    num_axes = content[3]
    start = 4 + 4 * num_axes
    shape = np.frombuffer(content[4:start], ">u4").astype(int)
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape).copy()


def _read(name: str, contents: Sequence[bytes], *, classes: tuple[str, ...]) -> Images:
    from .containers import Images

    train, train_labels, test, test_labels = (read_idx(content) for content in contents)
    return Images(
        name, train, train_labels.astype("int64"), test, test_labels.astype("int64"), classes
    )


def _images(
    name: str,
    base_url: str,
    content_sha256: tuple[str, ...],
    download_sha256: tuple[str, ...],
    *,
    title: str,
    classes: tuple[str, ...],
    origin: str,
    licence: str,
    citation: str,
) -> Dataset:
    files = [f"{part}-ubyte.gz" for part in _PARTS]
    return Dataset(
        name=name,
        title=title,
        files=tuple(File(f"{name}/{f}", sha) for f, sha in zip(files, content_sha256, strict=True)),
        read=partial(_read, classes=classes),
        sources=tuple(
            Source(f"{base_url}/{f}", sha) for f, sha in zip(files, download_sha256, strict=True)
        ),
        origin=origin,
        licence=licence,
        citation=citation,
    )


DATASETS = (
    _images(
        "mnist",
        "https://ossci-datasets.s3.amazonaws.com/mnist",
        (
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        ),
        (
            "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
            "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
            "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
            "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        ),
        title="MNIST handwritten digits, 60 000 + 10 000 images",
        classes=tuple("0123456789"),
        origin="http://yann.lecun.com/exdb/mnist",
        licence="commonly given as CC BY-SA 3.0",
        citation="LeCun, Bottou, Bengio, Haffner, Proceedings of the IEEE 86 (1998) 2278-2324",
    ),
    _images(
        "fashion_mnist",
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/"
        "b2617bb6d3ffa2e429640350f613e3291e10b141/data/fashion",
        (
            "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
            "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
            "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
            "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        ),
        (
            "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
            "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
            "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
            "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
        ),
        title="Fashion-MNIST articles of clothing, 60 000 + 10 000 images",
        classes=(
            "T-shirt/top",
            "Trouser",
            "Pullover",
            "Dress",
            "Coat",
            "Sandal",
            "Shirt",
            "Sneaker",
            "Bag",
            "Ankle boot",
        ),
        origin="https://github.com/zalandoresearch/fashion-mnist",
        licence="MIT",
        citation="Xiao, Rasul, Vollgraf, arXiv:1708.07747",
    ),
)
