"""Tiny Shakespeare, and short English–French sentence pairs of Tatoeba."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from .entry import Dataset, File, Source

if TYPE_CHECKING:
    from .corpora import SentencePairs, Text

NUM_TEST_PAIRS = 500


def compress(raw: Sequence[bytes]) -> list[bytes]:
    """The public file, compressed."""
    return [gzip.compress(raw[0], mtime=0)]


def prepare_pairs(raw: Sequence[bytes]) -> list[bytes]:
    """The public file under a line that names its columns, compressed."""
    return compress([b"english\tfrench\tattribution\n" + raw[0]])


def _read_text(name: str, contents: Sequence[bytes]) -> Text:
    import numpy as np

    from .corpora import Text

    return Text(name, np.frombuffer(contents[0], np.uint8).copy())


def _read_pairs(name: str, contents: Sequence[bytes]) -> SentencePairs:
    """About 500 pairs are held out: those of source sentences in the order of a fixed shuffle."""
    import numpy as np

    from .corpora import SentencePairs

    rows = [line.split("\t") for line in contents[0].decode().split("\n")[1:] if line]
    source, target = tuple(row[0] for row in rows), tuple(row[1] for row in rows)
    sentences, which = np.unique(source, return_inverse=True)
    order = np.random.default_rng(0).permutation(len(sentences))
    counts = np.bincount(which)[order[::-1]].cumsum()
    held_out = order[::-1][: int(np.searchsorted(counts, NUM_TEST_PAIRS)) + 1]
    return SentencePairs(name, source, target, np.isin(which, held_out))


DATASETS = (
    Dataset(
        name="tinyshakespeare",
        title="Tiny Shakespeare: 1 115 394 bytes of plays, the last tenth held out",
        files=(
            File(
                "tinyshakespeare/input.txt.gz",
                "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
            ),
        ),
        read=cast(Any, _read_text),
        sources=(
            Source(
                "https://raw.githubusercontent.com/karpathy/char-rnn/"
                "d1d7aa34fdb3626174bce1d753e6cc6845ce7087/data/tinyshakespeare/input.txt",
                "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
            ),
        ),
        prepare=compress,
        origin="https://github.com/karpathy/char-rnn",
        licence="public domain (the text); MIT (the repository)",
        citation="Karpathy, The Unreasonable Effectiveness of Recurrent Neural Networks (2015)",
    ),
    Dataset(
        name="tatoeba-eng-fra",
        title="5 000 short English sentences with a French translation, 500 held out",
        files=(
            File(
                "tatoeba-eng-fra/pairs.tsv.gz",
                "9371810e5de870f1aca64f1b5aa84380e02f184b5fb846a16b6212e89250146b",
            ),
        ),
        read=cast(Any, _read_pairs),
        sources=(
            Source(
                "https://raw.githubusercontent.com/NJUxlj/seq2seq-attention-translation/"
                "b20755b1c81f2d82526ab967dbc8ec6465f22f14/data/eng-fra.txt",
                "d952b56a181da5270b7bb4ded3f3bbe61e67a9b1de0e0fbc1d46438c71fb55a7",
            ),
        ),
        prepare=prepare_pairs,
        origin="https://tatoeba.org, by way of https://www.manythings.org/anki",
        licence="CC BY 2.0 FR; the authors of every pair are named in the file",
        citation="Tatoeba, a collection of sentences and translations, https://tatoeba.org",
    ),
)
